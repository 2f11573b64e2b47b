"""Verification: runs the original and the conversion on the same inputs, level by level, and says what holds.

`prove` does it all; `Reference` runs the original alone. TensorFlow and Keras are imported when they are used.
"""

from porter.verify.prove import ALL, Proof, prove
from porter.verify.reference import Reference, Refused

__all__ = ["ALL", "Proof", "Reference", "Refused", "prove"]
