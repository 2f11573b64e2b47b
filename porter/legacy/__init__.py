"""What runs in the old world: one file that a user takes into the environment with TensorFlow 1.

It is not imported by porter; `porter capture` writes it down.
"""

from pathlib import Path

CAPTURE = Path(__file__).with_name("porter_capture.py")


def write_capture(file: Path) -> None:
    """Write the program to `file`. Raises OSError."""
    file.write_text(CAPTURE.read_text(encoding="utf-8"), encoding="utf-8")
