"""The command line: parses, calls, prints. TensorFlow and Keras are imported when a command needs them."""

import sys


def main() -> None:
    """The entry point of the `porter` command."""
    try:
        from porter.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before a command has begun, or when it is over
        sys.exit(130)


__all__ = ["main"]
