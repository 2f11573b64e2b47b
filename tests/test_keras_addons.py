"""Layers of TensorFlow Addons and keras-contrib in Keras files, held to what they are by definition."""

from __future__ import annotations

from itertools import pairwise, product
from math import erf
from operator import attrgetter

import numpy as np
import pytest
from keras_files import answers, drawn, layer, sequential, write_file

from porter.errors import UnreadableSource


@pytest.fixture
def answer(tmp_path):
    """Gives what a file's model, as porter reads it, answers to x."""

    def answer(config, weights, x, version="2.2.4"):
        return answers(write_file(tmp_path / "model.h5", config, weights, version), x)

    return answer


UNITS, STEPS = 3, 4
PATHS = list(product(range(UNITS), repeat=STEPS))
X = np.random.default_rng(8).normal(size=(5, STEPS, UNITS)).astype("f")
LENGTHS = [4, 3, 2, 1, 4]
MASKED = np.where(np.arange(STEPS)[:, None] < np.reshape(LENGTHS, (-1, 1, 1)), X, 0).astype("f")


def of_path(x, path, chain):
    """A path's sum: its labels' numbers, and those of going from each to the next."""
    return sum(x[step, label] for step, label in enumerate(path)) + sum(chain[a, b] for a, b in pairwise(path))


def field(**shapes):
    return drawn(-1.0, 1.0, crf={"kernel": (UNITS, UNITS), "chain_kernel": (UNITS, UNITS), "bias": (UNITS,), **shapes})


def masked(**settings):
    return sequential(
        layer("Masking", name="m"), layer("CRF", name="crf", units=UNITS, **settings), shape=(None, STEPS, 3)
    )


def test_a_conditional_random_field_gives_the_path_of_least_energy(answer):
    weights = field()
    kernel, chain, bias = (array for _, array in weights["crf"])
    (paths,) = answer(masked(use_boundary=False), weights, MASKED)
    for x, found, length in zip(X @ kernel + bias, paths, LENGTHS, strict=True):
        assert (found.sum(-1) == 1).all()
        tried = {path[:length] for path in PATHS}
        assert tuple(found.argmax(-1)[:length]) == min(tried, key=lambda path: of_path(x, path, chain))


def test_a_conditional_random_field_gives_each_labels_share(answer):
    """As keras-contrib has it, with one sign for the energy and the sums over what lies before and behind."""
    weights = field(left_boundary=(UNITS,), right_boundary=(UNITS,))
    kernel, chain, bias, first, last = (array for _, array in weights["crf"])
    config = sequential(layer("CRF", name="crf", units=UNITS, learn_mode="marginal"), shape=(None, STEPS, UNITS))
    (shares,) = answer(config, weights, X)
    for x, found in zip(X @ kernel + bias, shares, strict=True):
        x[0] += first
        x[-1] += last
        before, after = np.zeros((STEPS, UNITS)), np.zeros((STEPS, UNITS))
        for step in range(1, STEPS):
            before[step] = np.log(np.exp((before[step - 1] - x[step - 1])[:, None] - chain).sum(0))
            after[-1 - step] = np.log(np.exp((after[-step] - x[-step])[:, None] - chain).sum(0))
        wanted = np.exp(-(before + x + after))
        np.testing.assert_allclose(found, wanted / wanted.sum(-1, keepdims=True), rtol=1e-4)


def test_addons_field_gives_the_path_of_most(answer):
    weights = drawn(-1.0, 1.0, crf={"chain_kernel": (UNITS, UNITS), "left_boundary": (UNITS,),
                                    "right_boundary": (UNITS,), "kernel": (UNITS, UNITS), "bias": (UNITS,)})  # fmt: skip
    chain, first, last, kernel, bias = (array for _, array in weights["crf"])
    config = masked()
    config["config"]["layers"][1]["class_name"] = "Addons>CRF"
    paths, potentials, lengths, transitions = answer(config, weights, MASKED, version="2.8.0")
    np.testing.assert_array_equal(lengths, LENGTHS)
    np.testing.assert_array_equal(transitions, chain)
    for x, found, length in zip(potentials, paths, LENGTHS, strict=True):
        tried = {path[:length] for path in PATHS}
        assert tuple(found[:length]) == max(tried, key=lambda path: of_path(x, path, chain))
        assert not found[length:].any()
    np.testing.assert_allclose(potentials[:, 0] - MASKED[:, 0] @ kernel - bias - first,
                               np.where(np.equal(LENGTHS, 1)[:, None], last, 0), atol=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "stored", "version", "beta"),
    [
        ({"beta": 1.5, "trainable": False}, [], "2.2.4", 1.5),
        ({"beta": 0.5, "trainable": True}, [0.7], "2.2.4", 0.7),
        ({"beta": 1.5, "trainable": False}, [0.9], "2.3.1", 0.9),
        ({"beta": 0.5, "trainable": True}, [0.7, 0.7], "2.3.1", 0.7),
        ({"beta": 0.5, "trainable": True}, [0.7], "2.3.1", 0.7),
        ({"beta": 1.5, "trainable": False}, [], "2.3.1", 1.5),
        ({"beta": 1.5, "trainable": False}, [1.5], "2.2.4", 1.5),
    ],
)
def test_swish_has_its_number_where_its_version_put_it(answer, settings, stored, version, beta):
    weights = {"s": [(f"s/beta_{place}:0", np.float32(number)) for place, number in enumerate(stored)]}
    x = X[:, 0]
    (found,) = answer(sequential(layer("Swish", name="s", **settings), shape=(None, 3)), weights, x, version)
    np.testing.assert_allclose(found, x / (1 + np.exp(-beta * x)), rtol=1e-5)


def test_weights_that_no_layer_takes_are_not_dropped(answer):
    config = sequential(layer("Swish", name="s", beta=1.5, trainable=False), layer("Dense", name="d", units=2))
    with pytest.raises(UnreadableSource, match="of s in model.h5 do not fit"):
        answer(config, {"s": [("s/beta:0", np.float32(1))], **drawn(d={"kernel": (4, 2), "bias": (2,)})}, X[:, 0])


def test_an_echo_state(answer):
    weights = drawn(-0.5, 0.5, e={"recurrent_kernel": (2, 2), "kernel": (3, 2), "bias": (2,)})
    recurrent, kernel, bias = (array for _, array in weights["e"])
    config = sequential(layer("Addons>ESN", name="e", units=2, leaky=0.7, return_sequences=True, connectivity=0.1,
                              recurrent_initializer="glorot_uniform"), shape=(None, STEPS, 3))  # fmt: skip
    (found,) = answer(config, weights, X, version="2.8.0")
    state = np.zeros((5, 2))
    for step in range(STEPS):
        state = 0.3 * state + 0.7 * np.tanh(X[:, step] @ kernel + state @ recurrent + bias)
        np.testing.assert_allclose(found[:, step], state, rtol=1e-4)


@pytest.mark.parametrize("combiner", ["sum", "mean"])
def test_an_embedding_bag(answer, combiner):
    weights = drawn(b={"embeddings": (9, 2)})
    config = sequential(layer("Addons>EmbeddingBag", name="b", input_dim=9, output_dim=2, combiner=combiner,
                              input_dtype="int32"), shape=(None, 4))  # fmt: skip
    indices = np.random.default_rng(1).integers(0, 9, (5, 4))
    (found,) = answer(config, weights, indices, version="2.8.0")
    np.testing.assert_allclose(found, getattr(np, combiner)(weights["b"][0][1][indices], axis=1), rtol=1e-5)


GELU_OF_ADDONS = {
    "module": "builtins",
    "class_name": "function",
    "config": "Addons>gelu",
    "registered_name": "function",
}


@pytest.mark.parametrize(
    ("name", "version", "approximate"),
    [
        (GELU_OF_ADDONS, "2.15.0", True),
        ("Addons>gelu", "2.4.0", True),
        ("gelu", "2.3.1", True),
        ("gelu", "2.15.0", False),
    ],
)
def test_which_gelu_a_file_means(answer, name, version, approximate):
    """Addons' is the approximation by tanh, Keras' own (since 2.4) the exact one."""
    x = np.linspace(-3, 3, 20, dtype="f").reshape(5, 4)
    (found,) = answer(sequential(layer("Activation", name="a", activation=name)), {}, x, version)
    tanh = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    exact = 0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    np.testing.assert_allclose(found, tanh if approximate else exact, atol=1e-6)


def test_concrete_dropout_is_the_layer_inside(answer):
    """Its rate is a weight that only training needs; the wrapper says so."""
    inner = layer("Dense", name="d", units=2, activation="linear", use_bias=True)
    config = sequential(
        layer("ConcreteDropout", name="c", layer=inner, n_data=100, length_scale=0.05, model_precision=1,
              prob_init=[0.1, 0.5], temp=0.4, seed=None)
    )  # fmt: skip
    weights = drawn(c={"kernel": (4, 2), "bias": (2,), "p_logit": (1,)})
    x = np.ones((3, 4), "f")
    (found,) = answer(config, weights, x)
    arrays = dict(weights["c"])
    np.testing.assert_allclose(found, x @ arrays["c/kernel:0"] + arrays["c/bias:0"], rtol=1e-6)


def test_a_wrapper_copies_a_cell_with_all_its_settings():
    """Bidirectional makes its two layers anew, by the configuration of the one it is given."""
    import tf_keras

    from porter.addons import ADDONS, CONTRIB, OF_BOTH, PLAIN, cells
    from porter.addons.remembered import Remembered

    for kind in {**ADDONS, **CONTRIB, **OF_BOTH, **PLAIN}.values():
        assert not isinstance(kind, type) or issubclass(kind, Remembered)  # some are functions that make one
    for cell, settings in (
        (cells.LayerNormLSTMCell(3, norm_epsilon=0.5), {"kernel_norm.epsilon": 0.5}),
        (cells.NASCell(units=3, projection=2), {"projection": 2, "units": 3}),
        (cells.PeepholeLSTMCell(3, activation="relu"), {"activation": tf_keras.activations.relu}),
    ):
        both = tf_keras.layers.Bidirectional(tf_keras.layers.RNN(cell))
        for copied in (both.forward_layer.cell, both.backward_layer.cell):
            assert type(copied) is type(cell)
            assert copied is not cell
            for path, value in settings.items():
                assert attrgetter(path)(copied) == value
    reservoir = cells.ESN(units=3, leaky=0.5, name="esn", return_sequences=True)
    copied = type(reservoir).from_config(reservoir.get_config())
    assert (copied.cell.units, copied.cell.leaky, copied.name, copied.return_sequences) == (3, 0.5, "esn", True)
