"""Runs each custom layer by itself on one Keras backend: what every layer of porter.layers must do.

    KERAS_BACKEND=jax python layers_alone.py FOLDER

Prints a JSON object: by layer, what is wrong with it. On TensorFlow, which is the first to run, derivatives are held
against numeric ones in float64, and kept in FOLDER with what the layers gave; the others are held against these.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

STEP = 1e-5  # of the numeric derivative, in float64: its error is some 1e-10
SLOPE = {"float64": 1e-6, "float32": 1e-4}  # how far a derivative may be off, of its size
SAME = 1e-5  # how far an answer may be from TensorFlow's, of the spread
HALF = 4e-3  # what half precision may lose, of the spread: three decimal digits are all that it has
LARGE = 300.0  # whose square is beyond half precision


@dataclass
class Case:
    """A layer as a test makes it. make: gets keyword arguments such as dtype. shapes: of its inputs.

    large: whether half precision is tried on inputs whose squares it cannot hold.
    """

    name: str
    make: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    large: bool = True


def cases() -> list[Case]:
    from keras import layers as own

    from porter import layers

    image, sequence, volume = ((3, 7, 6, 4),), ((3, 9, 4),), ((3, 5, 4, 5, 4),)
    scores = [
        Case(f"{name} {arguments}", partial(getattr(layers, name), **arguments), image)
        for name, choices in (
            ("L1Normalization", [{"epsilon": 1e-2, "guard": each} for each in ("floor", "norm")]),
            ("L1Normalization", [{"axis": 1}, {"axis": (0, 2), "batch_coupled": True}]),
            ("L2Normalization", [{"epsilon": 1e-2, "guard": each} for each in ("squares", "sum", "floor", "norm")]),
            ("L2Normalization", [{"axis": (1, 2)}, {"axis": 0, "batch_coupled": True}]),
            ("StandardScore", [{"epsilon": 1e-2, "guard": each} for each in ("variance", "deviation", "floor")]),
            ("StandardScore", [{"axis": 1}, {"axis": (0, 1, 2), "batch_coupled": True}]),
            ("MinMaxNormalization", [{"epsilon": 1e-2, "guard": each} for each in ("added", "floor", "zero")]),
            ("MinMaxNormalization", [{"shifted": False}, {"axis": (0, 1), "batch_coupled": True}]),
            ("InstanceNormalization", [{}, {"axis": -1}, {"axis": 1, "scale": False, "epsilon": 0.1}]),
            ("BatchStatisticsNormalization", [{}, {"axis": 1, "center": False}]),
            (
                "LegacyBatchNormalization",
                [
                    {"virtual_batch_size": 2},
                    {"axis": 1, "zero_debias": True, "zero_debias_variance": True, "scale": False},
                ],
            ),
            ("LegacyGroupNormalization", [{"groups": 2, "reduced": (2,)}, {"groups": 3, "axis": 2, "reduced": (1,)}]),
            ("LegacyGroupNormalization", [{"groups": 2, "split": "memory"}]),
            ("EdgeAveragePooling", [{"pool_size": 3, "strides": 2}, {"pool_size": (2, 4), "strides": (1, 3)}]),
            ("LocalResponseNormalization", [{"depth_radius": 1, "beta": 0.75}]),
        )
        for arguments in choices
    ]
    how = {"activation": "tanh", "epsilon": 1e-2}
    patches = [
        {"norm": "l1", "guard": "floor", "padding": "same", "strides": 2},
        {"norm": "l2", "guard": "sum", "dilation_rate": (1, 2), "data_format": "channels_first"},
        {"norm": "l2", "guard": "squares", "strides": (2, 1), "dilation_rate": 2, "padding": "same"},
        {"norm": "z-score", "guard": "norm", "padding": "same", "use_bias": False},
        {"norm": "z-score", "guard": "sum", "strides": 2},
    ]
    convolutions = [
        Case(
            f"PatchNormalizedConv2D {each}",
            lambda _a=each, **m: layers.PatchNormalizedConv2D(3, 2, **how, **_a, **m),
            image,
        )
        for each in patches
    ]
    for count, shapes in ((1, sequence), (2, image), (3, volume)):
        kind = getattr(layers, f"StandardizedConv{count}D")
        for more in (
            {"guard": "variance", "padding": "same", "strides": 2, **how},
            {"guard": "deviation", "dilation_rate": 2, "groups": 2, "use_bias": False},
            *([{"padding": "causal", "dilation_rate": 2}] if count == 1 else []),
        ):
            name = f"{kind.__name__} {more}"
            convolutions.append(Case(name, lambda _k=kind, _a=more, **m: _k(6, 2, **_a, **m), shapes, large=False))
    for inner in (lambda **m: own.Dense(3, activation="tanh", **m), lambda **m: own.Conv2D(3, 2, **m)):
        for kind, choices in (
            (layers.WeightNormalization, [{"guard": "norm", "epsilon": 0.1}, {"axis": None, "scale": False}]),
            (layers.EqualizedLearningRate, [{"factor": 0.3}]),
            (layers.WeightStandardization, [{"axis": 0, "guard": "variance", "epsilon": 0.1}]),
            (
                layers.LegacySpectralNormalization,
                [{"iterations": 2, "stop_gradient": False}, {"side": "inputs", "stop_gradient": False}],
            ),
        ):
            for more in choices:
                name = f"{kind.__name__} {more} of {inner().__class__.__name__}"
                make = lambda _k=kind, _i=inner, _a=more, **m: _k(_i(**m), **_a, **m)  # noqa: E731
                convolutions.append(Case(name, make, image, large=False))
    more = {"depth_multiplier": 2, "padding": "same", "strides": 2, **how}
    depthwise = lambda _a=more, **m: layers.StandardizedDepthwiseConv2D(2, **_a, **m)  # noqa: E731
    convolutions.append(Case("StandardizedDepthwiseConv2D", depthwise, image, large=False))
    for kind, more, shapes in (
        (layers.LocallyConnected1D, {"kernel_size": 2, "strides": 3, "activation": "tanh"}, sequence),
        (layers.LocallyConnected2D, {"kernel_size": (3, 2), "strides": (2, 1), "use_bias": False}, image),
        (layers.LocallyConnected2D, {"kernel_size": 2, "activation": "tanh"}, image),
    ):
        make = lambda _k=kind, _a=more, **m: _k(3, **_a, **m)  # noqa: E731
        convolutions.append(Case(f"{kind.__name__} {more}", make, shapes, large=False))
    return [*scores, *convolutions]


def wrong(case: Case, kept: dict[str, np.ndarray]) -> Iterator[str]:
    """What is wrong with a layer. kept: what it gave on TensorFlow; on TensorFlow it is put there."""
    import keras

    first = keras.backend.backend() == "tensorflow"
    arrays = inputs(case)
    layer = filled(case, arrays, dtype="float32")
    answer = call(layer, arrays)
    if first:
        kept[case.name] = answer
    elif not np.abs(answer - kept[case.name]).max() < SAME * np.ptp(answer):
        yield "gives something else than on TensorFlow"
    specified = layer.compute_output_shape(*(each.shape for each in arrays))
    if tuple(specified) != answer.shape:
        yield f"says {tuple(specified)} and gives {answer.shape}"
    again = type(layer).from_config(layer.get_config())
    if json.dumps(again.get_config(), default=str) != json.dumps(layer.get_config(), default=str):
        yield f"another configuration comes back: {again.get_config()}"
    yield from round_trip(layer, arrays, answer)
    yield from mixed(case, arrays)
    yield from slope(case, arrays, kept, "float64" if first else "float32")


def mixed(case: Case, arrays: list[np.ndarray]) -> Iterator[str]:
    """In mixed precision, statistics are taken in float32: what half precision cannot hold does no harm."""
    import keras
    from keras import ops

    given = [(each * LARGE if case.large else each).astype("float16") for each in arrays]
    half = filled(case, arrays, dtype="mixed_float16")
    found = half(*map(ops.convert_to_tensor, given))
    if keras.backend.standardize_dtype(found.dtype) != "float16":
        yield f"in mixed precision gives {found.dtype}"
    want = call(filled(case, arrays, dtype="float32"), [each.astype("float32") for each in given])
    off = np.abs(ops.convert_to_numpy(found).astype("float64") - want).max() / np.ptp(want)
    if not off < HALF:
        yield f"in mixed precision is off by {off:.1e} of the spread"


def inputs(case: Case) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(0.3, 1, shape).astype("float32") for shape in case.shapes]


def filled(case: Case, arrays: list[np.ndarray], dtype: str) -> Any:
    """The layer, built, with weights that are no initializer's and the same on every backend."""
    layer = case.make(dtype=dtype)
    layer.build(*(each.shape for each in arrays))
    random = np.random.default_rng(2)
    for weight in layer.weights:
        if weight.dtype.startswith("float"):
            weight.assign(random.uniform(0.2, 1.0, weight.shape).astype(weight.dtype))
    return layer


def call(layer: Any, arrays: list[np.ndarray], **how: Any) -> np.ndarray:
    from keras import ops

    given = [ops.convert_to_tensor(each, dtype=each.dtype.name) for each in arrays]
    return np.asarray(ops.convert_to_numpy(layer(*given, **how)))


def round_trip(layer: Any, arrays: list[np.ndarray], answer: np.ndarray) -> Iterator[str]:
    """The layer in a model, saved and loaded."""
    import tempfile

    import keras

    entries = [keras.Input(batch_shape=each.shape) for each in arrays]
    model = keras.Model(entries, layer(*entries))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "m.keras")
        loaded = keras.saving.load_model(Path(folder) / "m.keras")
    found = keras.ops.convert_to_numpy(loaded(arrays))
    if not np.array_equal(found, answer, equal_nan=True):
        yield "gives something else when it was saved and loaded"


def slope(case: Case, arrays: list[np.ndarray], kept: dict[str, np.ndarray], dtype: str) -> Iterator[str]:
    """The derivative along one direction in inputs and weights together, against the numeric one."""
    layer = filled(case, arrays, dtype=dtype)
    random = np.random.default_rng(3)
    point = [each.astype(dtype) for each in arrays] + [np.asarray(numpy(w)) for w in layer.trainable_weights]
    way = [random.normal(size=each.shape) for each in point]
    cut = len(arrays)
    project = random.normal(size=kept[case.name].shape)
    if dtype == "float64":
        kept[f"slope {case.name}"] = np.array(numeric(layer, point, way, cut, project))
    want = float(kept[f"slope {case.name}"])
    found = gradients(layer, point[:cut], project.astype(dtype))
    parts = [float((g * w).sum()) for g, w in zip(found, way, strict=True)]
    if not abs(sum(parts) - want) < SLOPE[dtype] * max(1.0, *map(abs, parts)):
        yield f"its derivative is {sum(parts):.8g}, and not {want:.8g}"


def numeric(layer: Any, point: list[np.ndarray], way: list[np.ndarray], cut: int, project: np.ndarray) -> float:
    """The projected answer's derivative along `way`; the first `cut` arrays are inputs, the others weights."""

    def value(at: list[np.ndarray]) -> float:
        for weight, array in zip(layer.trainable_weights, at[cut:], strict=True):
            weight.assign(array)
        return float((call(layer, at[:cut]) * project).sum())

    ahead, behind = (value([p + sign * STEP * w for p, w in zip(point, way, strict=True)]) for sign in (1, -1))
    value(point)
    return (ahead - behind) / (2 * STEP)


def numpy(tensor: Any) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor))


def gradients(layer: Any, arrays: list[np.ndarray], project: np.ndarray) -> list[np.ndarray]:
    """Of the projected answer with respect to inputs and trainable weights, by the backend's own means."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        given = [tf.constant(each) for each in arrays]
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = tf.reduce_sum(layer(*given) * project)
        return [
            np.asarray(each) for each in tape.gradient(total, [*given, *(w.value for w in layer.trainable_weights)])
        ]
    if keras.backend.backend() == "jax":
        import jax

        def total(given: Any, weights: Any) -> Any:
            fixed = [w.value for w in layer.non_trainable_variables]
            return (layer.stateless_call(weights, fixed, *given)[0] * project).sum()

        of_inputs, of_weights = jax.jit(jax.grad(total, (0, 1)))(
            list(map(jax.numpy.asarray, arrays)), [w.value for w in layer.trainable_variables]
        )
        return [np.asarray(each) for each in (*of_inputs, *of_weights)]
    import torch

    given = [torch.tensor(each, requires_grad=True) for each in arrays]
    weights = [w.value for w in layer.trainable_weights]
    for weight in weights:
        weight.grad = None
    (layer(*given) * torch.tensor(project)).sum().backward()
    return [each.grad.numpy() for each in (*given, *weights)]


def main(folder: Path) -> None:
    import keras

    found: dict[str, str] = {}
    kept: dict[str, np.ndarray] = {}
    first = keras.backend.backend() == "tensorflow"
    if not first:
        with np.load(folder / "kept.npz") as npz:
            kept = dict(npz)
    chosen = {case.name.split()[0]: case for case in cases()}  # of each layer its last
    # JAX compiles every operation for every shape, which takes a second for each case
    for case in chosen.values() if keras.backend.backend() == "jax" else cases():
        try:
            found[case.name] = "; ".join(wrong(case, kept))
        except Exception as problem:  # whatever it raises is what is wrong
            found[case.name] = f"raises {type(problem).__name__}: {problem}"[:500]
    if first:
        np.savez(folder / "kept.npz", **kept)
    print(json.dumps({name: text for name, text in found.items() if text}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
