"""The command line: parses, calls, prints. TensorFlow and Keras are imported when a command needs them."""

from porter.cli.app import main

__all__ = ["main"]
