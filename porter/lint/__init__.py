"""Reads legacy Python source without running it, and says what will not live on in Keras 3.

`lint` takes the text of one file; rules are in `porter/lint/rules`, one concept per file, with their documentation and
their examples. Neither TensorFlow nor Keras is imported: a thousand files take seconds.
"""

from porter.lint.finding import Edit, Finding
from porter.lint.fix import apply, difference
from porter.lint.run import lint

__all__ = ["Edit", "Finding", "apply", "difference", "lint"]
