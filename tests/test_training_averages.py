"""Batch normalisations that TensorFlow 1 trained in its own ways: levels 5 and 6 on what it wrote, and faults that they catch."""

from __future__ import annotations

from pathlib import Path

import lab
import pytest
from test_verify_layers import faulty
from test_verify_training import level

from porter.read import open_source

FIXTURE = Path(__file__).parents[1] / "fixtures" / "training_averages"
CORRECTED = 'momentum=0.9, bessel=False, zero_debias=True, name="slow"'


@pytest.fixture(scope="module")
def averages():
    conversion = lab.convert(open_source(FIXTURE / "model.ckpt"))
    yield conversion
    conversion.close()


def test_training_goes_on_as_it_did(averages):
    found = level(averages, 5)
    assert found.status == "passed", found.reason
    assert "19 of 19 moving averages" in found.reason  # those before the correction, and of batch renormalisation, too
    assert not [note for note in found.notes if "n / (n - 1)" in note]
    found = level(averages, 6)
    assert found.status == "passed", found.reason


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (CORRECTED, CORRECTED.replace("bessel=False, ", ""), "LegacyBatchNormalization slow"),
        ('scale=False, zero_debias=True, name="debias"', 'scale=False, bessel=False, zero_debias=True, name="debias"', "by design"),
        (CORRECTED, CORRECTED.replace("zero_debias=True, ", ""), "LegacyBatchNormalization slow"),
        ("virtual_batch_size=1", "virtual_batch_size=None", "ghost"),
        ('"rmax": 2.0', '"rmax": 1.01', "renorm"),
    ],
)  # fmt: skip
def test_training_of_another_kind_is_caught(averages, old, new, told):
    """All but n / (n - 1), which Keras' own layer leaves out too: that is told, not held against the layer."""
    found = level(averages, 5, faulty(averages, old, new))
    assert found.status == ("passed" if told == "by design" else "failed")
    assert told in " ".join([found.reason, *found.notes])
