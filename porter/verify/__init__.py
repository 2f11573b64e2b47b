"""Verification: runs the original and the conversion on the same inputs, level by level, and says what holds.

`prove` does it all; `self_test` shows that it would catch a wrong model; `Reference` runs the original alone. TensorFlow
and Keras are imported when they are used.
"""

from porter.verify.finding import Altered
from porter.verify.independence import refuse_coupled
from porter.verify.prove import ALL, Proof, prepared, prove
from porter.verify.reference import Reference, Refused
from porter.verify.selftest import Trial, self_test

__all__ = [
    "ALL",
    "Altered",
    "Proof",
    "Reference",
    "Refused",
    "Trial",
    "prepared",
    "prove",
    "refuse_coupled",
    "self_test",
]
