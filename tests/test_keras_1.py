"""Files of Keras 1, which did not say what computed them, nor how the axes of pictures stand in every layer."""

from __future__ import annotations

import numpy as np
import pytest
from keras_files import answers, layer, write_file

from porter.errors import Unsupported

RANDOM = np.random.default_rng(4)


def graph(shapes, *entries):
    """A model of these inputs, called a, b, …; its outputs are those of `entries`, each (layer, names of what it takes)."""
    inputs = "ab"[: len(shapes)]
    layers = [
        {**layer("InputLayer", batch_input_shape=[None, *shape], name=name), "name": name, "inbound_nodes": []}
        for name, shape in zip(inputs, shapes, strict=True)
    ]
    for entry, takes in entries:
        layers.append({**entry, "name": entry["config"]["name"], "inbound_nodes": [[[each, 0, 0] for each in takes]]})
    ends = [[entry["config"]["name"], 0, 0] for entry, _ in entries]
    starts = [[name, 0, 0] for name in inputs]
    return {
        "class_name": "Model",
        "config": {"name": "m", "layers": layers, "input_layers": starts, "output_layers": ends},
    }


def write(folder, config, weights=None):
    return write_file(folder / "model.h5", config, weights, "1.2.2", backend="")


def convolution(**more):
    return layer("Convolution2D", name="c", nb_filter=1, nb_row=2, nb_col=2, dim_ordering="th", bias=False,
                 border_mode="valid", subsample=[1, 1], activation="linear", **more)  # fmt: skip


@pytest.mark.parametrize(("suffix", "turned"), [("", True), (":0", False)])
def test_what_computed_a_file_is_told_by_names(tmp_path, suffix, turned):
    """Theano's variables have no ":0"; it turned kernels around."""
    kernel = RANDOM.normal(size=(1, 1, 2, 2)).astype("f")
    x = RANDOM.normal(size=(2, 1, 2, 2)).astype("f")
    path = write(tmp_path, graph([(1, 2, 2)], (convolution(), "a")), {"c": [(f"c_W{suffix}", kernel)]})
    (found,) = answers(path, x)
    used = kernel[0, 0, ::-1, ::-1] if turned else kernel[0, 0]
    np.testing.assert_allclose(found.reshape(2), (x[:, 0] * used).sum((1, 2)), rtol=1e-5)


def test_layers_that_do_not_say_their_axes_go_by_the_others(tmp_path):
    """Padding with channels first adds rows and columns, no channels."""
    kernel = RANDOM.normal(size=(1, 3, 2, 2)).astype("f")
    entries = [
        (convolution(), "a"),
        (layer("ZeroPadding2D", name="p", padding=[1, 2]), "c"),
        (layer("UpSampling2D", name="u", size=[2, 1]), "p"),
    ]
    path = write(tmp_path, graph([(3, 4, 5)], *entries), {"c": [("c_W:0", kernel)]})
    first, padded, larger = answers(path, RANDOM.normal(size=(2, 3, 4, 5)).astype("f"))
    np.testing.assert_array_equal(padded, np.pad(first, ((0, 0), (0, 0), (1, 1), (2, 2))))
    np.testing.assert_array_equal(larger, padded.repeat(2, axis=2))


def test_separable_kernels_with_channels_first(tmp_path):
    """[multiplier, channels, rows, columns] and [filters, channels, 1, 1]."""
    depthwise, pointwise = (RANDOM.normal(size=size).astype("f") for size in ((2, 3, 2, 2), (4, 6, 1, 1)))
    entry = layer("SeparableConvolution2D", name="s", nb_filter=4, nb_row=2, nb_col=2, depth_multiplier=2, bias=False,
                  dim_ordering="th", border_mode="valid", subsample=[1, 1], activation="linear")  # fmt: skip
    weights = {"s": [("s_depthwise_kernel:0", depthwise), ("s_pointwise_kernel:0", pointwise)]}
    x = RANDOM.normal(size=(2, 3, 2, 2)).astype("f")
    (found,) = answers(write(tmp_path, graph([(3, 2, 2)], (entry, "a")), weights), x)
    each = np.einsum("bchw,mchw->bcm", x, depthwise).reshape(2, 6)
    np.testing.assert_allclose(found.reshape(2, 4), each @ pointwise[:, :, 0, 0].T, rtol=1e-5, atol=1e-6)


def merge(mode):
    return layer("Merge", name="m", mode=mode, mode_type="raw", concat_axis=-1, dot_axes=[1, 1])


def test_cosines_of_vectors_have_an_axis_more(tmp_path):
    x, y = RANDOM.normal(size=(2, 3, 4)).astype("f")
    (found,) = answers(write(tmp_path, graph([(4,), (4,)], (merge("cos"), "ab"))), x, y)
    cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    np.testing.assert_allclose(found, cosine.reshape(3, 1, 1), rtol=1e-5)


def test_cosines_of_matrices_are_refused(tmp_path):
    path = write(tmp_path, graph([(4, 5), (4, 5)], (merge("cos"), "ab")))
    with pytest.raises(Unsupported, match="CosineMerge"):
        answers(path, *RANDOM.normal(size=(2, 3, 4, 5)).astype("f"))


@pytest.mark.parametrize("mode", [1, 2])
def test_modes_of_batch_normalization(tmp_path, mode):
    """Mode 1 is over the last axis of each sample; mode 2 is over the batch at inference too."""
    arrays = {
        name: RANDOM.uniform(0.5, 1.5, 4).astype("f") for name in ("gamma", "beta", "running_mean", "running_std")
    }
    entry = layer("BatchNormalization", name="n", mode=mode, axis=-1, epsilon=0.01, momentum=0.9)
    weights = {"n": [(f"n_{name}:0", array) for name, array in arrays.items()]}
    x = RANDOM.normal(size=(5, 4)).astype("f")
    (found,) = answers(write(tmp_path, graph([(4,)], (entry, "a")), weights), x)
    axis = 1 if mode == 1 else 0
    centred, root = x - x.mean(axis, keepdims=True), np.sqrt(x.var(axis, keepdims=True) + 0.01)
    np.testing.assert_allclose(
        found, arrays["gamma"] * centred / (root + (0.01 if mode == 1 else 0)) + arrays["beta"], rtol=1e-4, atol=1e-5
    )


def test_thresholds_that_kept_their_initializers(tmp_path):
    """SReLU was Keras' own then."""
    names = ("t_left", "a_left", "t_right", "a_right")
    entry = layer("SReLU", name="s", shared_axes=None, **{f"{name}_init": "zero" for name in names})
    numbers = dict(zip(names, (-1.0, 0.5, 2.0, 0.25), strict=True))
    weights = {"s": [(f"s_{name}:0", np.full(3, number, "f")) for name, number in numbers.items()]}
    x = np.array([[-3, 0.5, 5]], "f")
    (found,) = answers(write(tmp_path, graph([(3,)], (entry, "a")), weights), x)
    np.testing.assert_allclose(found, [[-2, 0.5, 2]])
