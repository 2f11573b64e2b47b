"""Whether the filled model computes what the original does: both are run on the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import PorterError, UsageError
from porter.transplant.views import shown, views
from porter.verify.arrays import read_recording
from porter.verify.compare import Comparison, compare
from porter.verify.inputs import KINDS, draw, read_inputs, settings
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
        self.views = views([each.shape for each in inputs], _asked(model))
        self.inputs = [replace(inputs[view.place], shape=view.shape) for view in self.views or ()] or inputs
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
                given = [feeds[each.tensor] for each in self.inputs]
                yield (
                    [view.of(array) for view, array in zip(self.views, given, strict=True)] if self.views else given,
                    want,
                    wide,
                )


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
        """The one case that was recorded, its inputs as the model takes them."""
        arrays = [array for _, array in self.given]
        found = views([array.shape for array in arrays], _asked(self.model))
        if found is not None or not _asked(self.model):
            yield [view.of(arrays[view.place]) for view in found] if found is not None else arrays, self.want, None


def agreement(model: Any, truth: Original | Recording) -> Agreement | None:
    """Compare the model with the original on all cases; None where no case could be run.

    Each output of the model is compared with the tensors of its shape, and must be one of them on every case.
    """
    import keras

    chosen: list[str] | None = None
    worst, batches = Comparison(True, "exact"), 0
    for given, want, wide in truth.cases():
        made = run(model, given)
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
            there = shown({**wide, **_ends(wide)}[name], result.shape) if wide else None
            seen = compare(result, shown(want[name], result.shape), exact_run=there)
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

    Where none has its shape, as many numbers do: steps may be rows of a matrix on one side, channels stand elsewhere.
    """

    def nearest(these: Mapping[str, np.ndarray]) -> str:
        alike = {n: a for n, a in these.items() if a.shape == result.shape and a.dtype.kind == result.dtype.kind}
        if not alike:
            seen = {n: shown(a, result.shape) for n, a in these.items() if a.dtype.kind == result.dtype.kind}
            alike = {n: a for n, a in seen.items() if a is not None}
        with np.errstate(all="ignore"):
            return min(alike, key=lambda name: float(np.abs(result - alike[name]).max()), default="")

    plain, end = nearest(want), nearest(ends)
    shape = result.shape
    if end and not compare(result, shown(want[plain], shape)).ok and compare(result, shown(ends[end], shape)).ok:
        return end
    return plain


def _asked(model: Any) -> list[tuple[Any, ...]]:
    """The shapes of the model's inputs, none where it has no graph."""
    return [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or []]


def run(model: Any, given: list[np.ndarray]) -> Any:
    """What the model makes of these inputs. Raises UsageError where it doesn't take them."""
    try:
        return model(given[0] if len(given) == 1 else given, training=False)
    except Exception as problem:  # the model may be anything
        shapes = ", ".join(str(array.shape) for array in given)
        told = next(
            (line.strip() for line in str(problem).splitlines() if "incompatible" in line or "expected" in line), ""
        )
        raise UsageError(
            f"The model cannot be run on the original's inputs, {shapes}",
            why=told or f"{type(problem).__name__}: {str(problem).strip().splitlines()[0][:200]}",
            todo="give the model's inputs these shapes, or a recording in its own with --reference",
        ) from problem
