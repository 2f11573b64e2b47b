"""What is said of a weight that holds other numbers than it should."""

import numpy as np
import pytest

from porter.verify.likeness import likeness

SQUARE = np.random.default_rng(0).standard_normal((3, 3, 4, 4)).astype(np.float32)
CELL = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
BIAS = np.random.default_rng(2).standard_normal(8).astype(np.float32)


def element(array, at, number):
    other = array.copy()
    other[at] = number
    return other


@pytest.mark.parametrize(
    ("want", "got", "gates", "told"),
    [
        (SQUARE, SQUARE.swapaxes(-1, -2), 1, "it is transposed"),
        (SQUARE, SQUARE.swapaxes(0, 1), 1, "its rows and columns are swapped"),
        (SQUARE, SQUARE[::-1, ::-1], 1, "it is turned over in space"),
        (SQUARE, SQUARE[..., [1, 0, 3, 2]], 1, "axis 3 of it is in another order"),
        (SQUARE, SQUARE[..., ::-1], 1, "axis 3 of it runs backwards"),
        (SQUARE, SQUARE * np.float32(1.001), 1, "it is multiplied by 1.001"),
        (SQUARE, np.zeros_like(SQUARE), 1, "it is 0 everywhere"),
        (
            SQUARE,
            element(SQUARE, (0, 1, 2, 3), 5.0),
            1,
            f"it holds 5 instead of {SQUARE[0, 1, 2, 3]:.7g} at [0, 1, 2, 3]",
        ),
        (SQUARE, SQUARE.reshape(9, 16), 1, "its numbers are in another shape"),
        (CELL, CELL[:, [2, 3, 0, 1, 4, 5, 6, 7]], 4, "its gates stand in the order (1, 0, 2, 3)"),
        (BIAS, BIAS + np.float32([0, 0, 1, 1, 0, 0, 0, 0]), 4, "+1 is added to gate 1 of it"),
        (BIAS, BIAS + np.float32(0.5), 1, "+0.5 is added to it"),
        (BIAS, BIAS[::-1] * np.float32(2), 1, ""),
    ],
)
def test_what_it_is_instead(want, got, gates, told):
    assert likeness(got, want, gates) == told
