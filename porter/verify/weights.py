"""Level 0: where each weight came from, and that its numbers are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from porter.verify.graphdef import ancestors, split
from porter.verify.likeness import likeness
from porter.verify.reference import Reference, Refused
from porter.verify.steps import after, parts, read, replay


def check_weights(
    model: Any, report: Mapping[str, Any], reference: Reference | None
) -> tuple[list[str], list[str], int]:
    """What is wrong, what is worth knowing, and how many weights were found to hold their source's numbers.

    Every variable of the checkpoint is copied, or left for a stated reason; every Keras weight has one source: a tensor
    of the original ("dense/kernel"), perhaps with steps after it ("dense/kernel:0, transposed (1, 0)"), or a number
    that fills it. Equal means the same bits, after the steps.
    """
    faults, checked = _accounts(report, reference), set()
    notes: list[str] = []
    layers = layers_by_name(model)
    sources: dict[int, str] = {}
    found: list[tuple[str, Any, Any]] = []
    for entry in report["layers"]:
        layer = layers.get(entry["name"])
        for key, source in (entry.get("weights") or {}).items():
            where = f"{entry['name']}/{key}"
            weight = None if layer is None else find_weight(layer, key)
            if weight is None:
                faults.append(f"{where} is in the report, but not in the model")
                continue
            if sources.get(id(weight), str(source)) != str(source):
                faults.append(f"{weight.path} has two sources: {sources[id(weight)]} and {source}")
            sources[id(weight)] = str(source)
            found.append((where, weight, source))
    faults += [f"{weight.path} has no source" for weight in model.weights if id(weight) not in sources]
    if reference is None:
        return faults, notes, 0
    origins = Origins(reference, [source for _, _, source in found if isinstance(source, str)])
    for where, weight, source in found:
        fault, note = _compare(weight, source, origins)
        if not fault and not note:
            checked.add(id(weight))  # of a shared layer, several rows tell
        faults += [f"{where}: {fault}"] if fault else []
        notes += [f"{where}: {note}"] if note else []
    copied = set(report["weights"]["copied"])
    variables = {variable.name for variable in reference.original.variables.values()}
    faults += [f"{name} counts as copied, but no layer holds it" for name in sorted(copied & variables - origins.used)]
    faults += [f"{name} is in a layer, but does not count as copied" for name in sorted(origins.used - copied)]
    return faults, notes, len(checked)


class Origins:
    """The arrays that sources name. used: names of the variables that go into them.

    A variable is read from the checkpoint again, a constant from the graph, and whatever is computed from those is run,
    all in one run.
    """

    def __init__(self, reference: Reference, sources: list[str]) -> None:
        self.reference = reference
        self._nodes = {variable.name: node for node, variable in reference.original.variables.items()}
        self.used: set[str] = set()
        self.problem = ""
        tensors = dict.fromkeys(self.resolve(read(each)[0]) for source in sources for each in parts(source)[0])
        known = [tensor for tensor in tensors if tensor and reference.has(tensor)]
        for node in ancestors(reference.nodes, [reference.original.stands_for(tensor) for tensor in known]):
            if node in reference.original.variables:
                self.used.add(reference.original.variables[node].name)
        computed = [tensor for tensor in known if self._stored(tensor) is None]
        try:
            self._computed = reference.weights(computed)
        except Refused as refusal:
            self._computed, self.problem = {}, refusal.why

    def resolve(self, tensor: str) -> str:
        """The tensor that a source means: one of the graph, or a variable by its name in the checkpoint."""
        return self._nodes.get(tensor, tensor) if tensor not in self.reference.nodes else tensor

    def get(self, tensor: str) -> np.ndarray | None:
        """The numbers of a variable, or of what is computed from some; None where they cannot be had."""
        tensor = self.resolve(tensor)
        if not self.reference.has(tensor):
            return None
        stored = self._stored(tensor)
        return self._computed.get(tensor) if stored is None else stored()

    def joined(self, source: str) -> np.ndarray | None:
        """What all of `source` says, put together; None where one of its parts cannot be had or a step is not known."""
        pieces, axis, steps_after = parts(source)
        arrays = []
        for piece in pieces:
            tensor, steps = read(piece)
            array = self.get(tensor)
            array = None if array is None else after(steps, array)
            if array is None:
                return None
            arrays.append(array)
        return after(steps_after, np.concatenate(arrays, axis) if len(arrays) > 1 else arrays[0])

    def _stored(self, tensor: str) -> Callable[[], np.ndarray] | None:
        """How to read `tensor` without running anything, if it is a variable or a constant."""
        original = self.reference.original
        name = split(original.stands_for(tensor))[0]
        if name in original.variables:
            return lambda: np.asarray(original.load(name))
        node = self.reference.nodes[name]
        if node.op != "Const":
            return None
        import tensorflow as tf

        return lambda: tf.make_ndarray(node.attr["value"].tensor)


def original_weights(reference: Reference, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What the original holds in the place of a layer's weights, by their names in the layer; as far as is known."""
    sources = {key: source for key, source in (row.get("weights") or {}).items() if isinstance(source, str)}
    origins = Origins(reference, list(sources.values()))
    found = {}
    for key, source in sources.items():
        array = origins.joined(source)
        if array is not None:
            found[key.replace(".", "/")] = array
    return found


class Owners:
    """Which weight of the model some numbers belong to, by the original."""

    def __init__(self, report: Mapping[str, Any], reference: Reference) -> None:
        self.report, self.reference = report, reference

    def of(self, array: np.ndarray) -> str:
        """ "Conv2D conv2/kernel", "" where these are no weight's numbers, or one number many times."""
        return self._known.get(_digest(array), "") if array.size > 1 and np.ptp(array.astype(np.float64)) else ""

    @cached_property
    def _known(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in self.report["layers"]:
            for key, array in original_weights(self.reference, row).items():
                found.setdefault(_digest(array), f"{row['class']} {row['name']}/{key}")
        return found


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def layers_by_name(model: Any) -> dict[str, Any]:
    """The model's layers; those inside others where no layer of the model has their name."""
    return {layer.name: layer for layer in [*model._flatten_layers(include_self=False, recursive=True), *model.layers]}


def find_weight(layer: Any, key: str) -> Any | None:
    """The weight of `layer` called `key` ("kernel"), or in a layer inside it ("forward_lstm/lstm_cell/kernel")."""
    variable: Any = layer
    for part in key.split("."):
        variable = getattr(variable, part, None)
    if any(weight is variable for weight in layer.weights):
        return variable
    ending = key.replace(".", "/")
    found = [weight for weight in layer.weights if weight.path == ending or weight.path.endswith(f"/{ending}")]
    own = [weight for weight in found if weight.path == f"{layer.path}/{ending}"]
    return own[0] if own else found[0] if len(found) == 1 else None


def _accounts(report: Mapping[str, Any], reference: Reference | None) -> list[str]:
    """Variables of the checkpoint that are neither copied nor left, and those left without a reason."""
    copied = set(report["weights"]["copied"])
    left = {item["name"]: item.get("why", "") for item in report["weights"]["left"]}
    faults = [f"{name} was left without a reason" for name, why in left.items() if not why]
    if reference is not None:
        original = reference.original
        known = {*getattr(original.source, "stored", ()), *(variable.name for variable in original.variables.values())}
        faults += [
            f"{name} is in the checkpoint, but neither copied nor left" for name in sorted(known - copied - left.keys())
        ]
    return faults


def _compare(weight: Any, source: Any, origins: Origins) -> tuple[str, str]:
    """Fault and note, "" for none."""
    import keras

    got = np.asarray(keras.ops.convert_to_numpy(weight))
    if isinstance(source, int | float):
        return ("" if (got == got.dtype.type(source)).all() else f"is not {source} everywhere"), ""
    if len(parts(source)[0]) > 1:
        joined = origins.joined(source)
        if joined is None:
            return "", f"computed from {source}; the outputs have to show that it is right"
        same = joined.shape == got.shape and np.array_equal(joined, got, equal_nan=got.dtype.kind == "f")
        return ("" if same else _how(got, joined, source)), ""
    tensor, steps = read(source)
    want = origins.get(tensor)
    if want is None and origins.problem:
        return f"its source {tensor} cannot be computed: {origins.problem}", ""
    if want is None and weight.trainable:
        return f"its source {tensor} is not in the original", ""
    if want is None:
        return "", f"a constant that the conversion worked out ({tensor}); the outputs have to show that it is right"
    known = True
    for step in steps:
        replayed = replay(step, want)
        known &= replayed is not None
        want = want if replayed is None else replayed
    if want.dtype != got.dtype:
        short = want.astype(got.dtype)
        if not np.array_equal(short.astype(want.dtype), want, equal_nan=want.dtype.kind == "f"):
            return f"is {got.dtype}, which rounds the {want.dtype} of {source}", ""
        want = short
    if known:
        same = want.shape == got.shape and np.array_equal(want, got, equal_nan=got.dtype.kind == "f")
        return ("" if same else _how(got, want, source)), ""
    if got.size == want.size and np.array_equal(np.sort(got, axis=None), np.sort(want, axis=None)):
        return "", ""
    return "", f"computed from {source}; the outputs have to show that it is right"


def _how(got: np.ndarray, want: np.ndarray, source: str) -> str:
    if got.shape != want.shape:
        return f"has shape {list(got.shape)}, {source} has {list(want.shape)}"
    share, seen = float(np.mean(got != want)), likeness(got, want)
    told = f"differs from {source} in {share:.2%} of the elements, by up to {np.abs(got - want).max():.3g}"
    return f"{told}: {seen}" if seen else told
