"""Whether the filled model computes what the original does: both are run on the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import PorterError, UsageError
from porter.verify.arrays import read_recording
from porter.verify.compare import Comparison, compare
from porter.verify.inputs import KINDS, Input, draw, read_inputs, settings
from porter.verify.reference import Reference

NEAR_THE_END = ("Softmax", "Sigmoid", "Squeeze", "Reshape", "Identity", "BiasAdd", "Add", "Tanh", "ArgMax", "Relu")


@dataclass
class Agreement:
    """How the model compares. outputs: for each of the model's, the original's tensor that it gives, "" if none.

    worst: the worst comparison. batches: how many were compared.
    """

    ok: bool
    outputs: list[str]
    worst: Comparison
    batches: int


class Original:
    """The original's answers, by running its graph."""

    def __init__(self, original: Any, reference: Reference, report: Mapping[str, Any], model: Any):
        self.original, self.reference = original, reference
        inputs = read_inputs(report, reference.graph, lambda name: reference.tensor(name))
        self.inputs = _fitted(inputs, model)
        self.names = list(dict.fromkeys([*original.outputs, *self._before_the_end()]))

    def _before_the_end(self) -> list[str]:
        """Tensors shortly before the outputs: a model may end at the logits, or behind them."""
        found, nodes = [], self.reference.nodes
        for output in self.original.outputs:
            name = self.original.stands_for(output).split(":")[0]
            for _ in range(4):
                node = nodes.get(name)
                if node is None or node.op not in NEAR_THE_END or not node.input:
                    break
                name = node.input[0].split(":")[0].lstrip("^")
                found.append(f"{name}:0")
        return found

    def cases(self) -> Iterator[tuple[list[np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray] | None]]:
        """Inputs in the model's order, the original's tensors for them, and these in double precision."""
        setting = None
        for each in settings(self.inputs):
            try:
                self.reference.run(draw(self.inputs, each, KINDS[0], 2, 0), self.names)
                setting = each
                break
            except PorterError:
                continue
        if setting is None:
            return
        for kind, batch in ((KINDS[0], 2), (KINDS[1], 1), (KINDS[0], 3)):
            feeds = draw(self.inputs, setting, kind, batch, 0)
            try:
                want = self.reference.run(feeds, self.names)
                wide = self.reference.run(feeds, self.names, precision="float64")
            except PorterError:
                continue  # the batch is fixed
            if want is not None:
                yield [feeds[each.tensor] for each in self.inputs], want, wide


class Recording:
    """The original's answers, out of an .npz with in:NAME and out:NAME."""

    def __init__(self, file: Path, model: Any):
        arrays = read_recording(file)
        self.given = [(key[3:], array) for key, array in arrays.items() if key.startswith("in:") and np.ndim(array)]
        self.want = {key[4:]: np.asarray(array) for key, array in arrays.items() if key.startswith("out:")}
        self.model = model
        if not self.given or not self.want:
            raise UsageError(
                f"{file} holds no recording",
                why="it needs arrays in:NAME and out:NAME",
                todo="write one with numpy.savez, or with porter capture",
            )

    def cases(self) -> Iterator[tuple[list[np.ndarray], dict[str, np.ndarray], None]]:
        """The one case that was recorded, its inputs in the order in which their shapes fit the model's."""
        shapes = [tuple(tensor.shape) for tensor in self.model.inputs]
        for order in permutations([array for _, array in self.given], len(shapes)):
            if all(_fits(array.shape, shape) for array, shape in zip(order, shapes, strict=True)):
                yield list(order), self.want, None
                return


def agreement(model: Any, truth: Original | Recording) -> Agreement | None:
    """Compare the model with the original on all cases; None where no case could be run.

    Each output of the model is compared with the tensors of its shape, and must be one of them on every case.
    """
    import keras

    chosen: list[str] | None = None
    worst, batches = Comparison(True, "exact"), 0
    for given, want, wide in truth.cases():
        made = model(given[0] if len(given) == 1 else given, training=False)
        results = [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(made)]
        ends = _ends(want)
        if chosen is None:
            chosen = [_likest(result, want, ends) for result in results]
        want = {**want, **ends}
        batches += 1
        for result, name in zip(results, chosen, strict=True):
            if not name:
                shapes = ", ".join(sorted({str(each.shape) for each in want.values()}))
                return Agreement(
                    False, chosen, Comparison(False, why=f"no output is {result.shape}: {shapes}"), batches
                )
            there = {**wide, **_ends(wide)}[name].reshape(result.shape) if wide else None
            seen = compare(result, want[name].reshape(result.shape), exact_run=there)
            if (not seen.ok, seen.relative) > (not worst.ok, worst.relative):
                worst = seen
    return Agreement(worst.ok, chosen, worst, batches) if chosen is not None else None


def _ends(want: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The probabilities that a model may make of tensors, where the original ends at the logits."""
    found = {}
    for name, array in want.items():
        if array.dtype.kind == "f" and array.ndim:
            with np.errstate(all="ignore"):
                power = np.exp(array - array.max(axis=-1, keepdims=True))
                found[f"softmax of {name}"] = power / power.sum(axis=-1, keepdims=True)
                found[f"sigmoid of {name}"] = 1 / (1 + np.exp(-array))
    return found


def _likest(result: np.ndarray, want: Mapping[str, np.ndarray], ends: Mapping[str, np.ndarray]) -> str:
    """The tensor that a result is nearest to, of those of its shape; one of `ends` if it is that, and none of `want`.

    Where none has its shape, as many numbers do: steps may be rows of a matrix on one side.
    """

    def nearest(these: Mapping[str, np.ndarray]) -> str:
        fitting = {n: a for n, a in these.items() if a.size == result.size and a.dtype.kind == result.dtype.kind}
        alike = {n: a for n, a in fitting.items() if a.shape == result.shape}
        alike = alike or {n: a.reshape(result.shape) for n, a in fitting.items()}
        with np.errstate(all="ignore"):
            return min(alike, key=lambda name: float(np.abs(result - alike[name]).max()), default="")

    plain, end = nearest(want), nearest(ends)
    shape = result.shape
    if end and not compare(result, want[plain].reshape(shape)).ok and compare(result, ends[end].reshape(shape)).ok:
        return end
    return plain


def _fits(shape: tuple[int, ...], asked: tuple[int | None, ...]) -> bool:
    return len(shape) == len(asked) and all(b in (None, a) for a, b in zip(shape, asked, strict=True))


def _fitted(inputs: list[Input], model: Any) -> list[Input]:
    """The original's inputs in the model's order, with the sizes that the model fixes."""
    from dataclasses import replace

    shapes = [tuple(tensor.shape) for tensor in model.inputs] if getattr(model, "inputs", None) else []
    for order in permutations(inputs, len(shapes)) if 0 < len(shapes) <= len(inputs) else ():
        pairs = list(zip(order, shapes, strict=True))
        if all(
            len(one.shape) == len(s) and all(None in (a, b) or a == b for a, b in zip(one.shape, s, strict=True))
            for one, s in pairs
        ):
            merged = [tuple(b if a is None else a for a, b in zip(one.shape, s, strict=True)) for one, s in pairs]
            return [replace(one, shape=shape) for (one, _), shape in zip(pairs, merged, strict=True)]
    return inputs
