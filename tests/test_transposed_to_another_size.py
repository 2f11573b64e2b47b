"""Transposed convolutions to the size of a picture before strides, whose rows and columns are known only when it runs.

Even and odd sizes lead to the same number of steps, and TensorFlow's padding stands elsewhere for each.
"""

import numpy as np
import pytest
from lab import convert_graph

KERNELS = [("SAME", 3, 2), ("SAME", 4, 2), ("SAME", 5, 3), ("SAME", 1, 2), ("VALID", 3, 2), ("VALID", 2, 3)]


def graph(tf):
    """One picture, taken down and up again in several ways."""
    picture = tf.placeholder(tf.float32, [None, None, None, 3], "picture")
    shape, results = tf.shape(picture), []
    for number, (padding, size, stride) in enumerate(KERNELS):
        strides = [1, stride, stride, 1]
        down = tf.get_variable(f"down_{number}", [size, size, 3, 4])
        steps = tf.nn.conv2d(picture, down, strides, padding)
        up = tf.get_variable(f"up_{number}", [size, size, 2, 4])
        wanted = tf.concat([shape[:3], [2]], 0) if number % 2 else tf.stack([shape[0], shape[1], shape[2], 2])
        y = tf.nn.conv2d_transpose(steps, up, wanted, strides, padding)
        results.append(tf.nn.bias_add(y, tf.get_variable(f"bias_{number}", [2])))
    return results


@pytest.fixture(scope="module")
def conversion():
    made = convert_graph(graph)
    yield made
    made.close()


@pytest.mark.parametrize("size", [(8, 10), (9, 11), (10, 13), (7, 12)])
def test_any_size(conversion, size):
    picture = np.random.default_rng(sum(size)).normal(size=(2, *size, 3)).astype("float32")
    wanted = conversion.reference.run({"picture:0": picture})
    given = conversion.model(picture)
    for number, (y, name) in enumerate(zip(given, conversion.original.outputs, strict=True)):
        np.testing.assert_allclose(np.asarray(y), wanted[name], atol=1e-5, err_msg=str(KERNELS[number]))


def test_nothing_is_left_to_warn_of(conversion):
    assert conversion.classes.count("CroppingLike") == len(KERNELS)
    assert not [each for each in conversion.report["warnings"] if "divisor" in str(each)]
