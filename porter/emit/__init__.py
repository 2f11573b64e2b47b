"""Writes the graph of Keras calls down as Python source, runs that source, and saves what it made."""

from porter.emit.build import build, save
from porter.emit.source import Binding, Emitted, emit

__all__ = ["Binding", "Emitted", "build", "emit", "save"]
