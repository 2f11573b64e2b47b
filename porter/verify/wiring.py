"""Which calls a model makes: of what, made with what, taking what."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from porter.verify.placing import calls


def model_calls(model: Any) -> list[dict[str, Any]]:
    """The calls that a model makes, in their order: of what, what an operation is made with, and what the call takes; then
    the outputs.

    A tensor is told by the number of the call that gives it, "input 0" or "call 3"; layers have their `settings`.
    """
    import keras

    known = {id(tensor): f"input {number}" for number, tensor in enumerate(model.inputs)}
    found = []
    for number, node in enumerate(calls(model), 1):
        operation = node.operation
        is_layer = isinstance(operation, keras.layers.Layer)
        made = {} if is_layer else {key: each for key, each in vars(operation).items() if not key.startswith("_")}
        made.pop("name", None)
        takes = [node.arguments.args, node.arguments.kwargs]
        found.append(
            {"class": type(operation).__name__, "made": _in_json(made, known), "takes": _in_json(takes, known)}
        )
        known.update({id(t): f"call {number}" + (f".{i}" if i else "") for i, t in enumerate(node.outputs)})
    return [*found, {"class": "the outputs", "made": {}, "takes": _in_json(keras.tree.flatten(model.outputs), known)}]


def _in_json(value: Any, known: Mapping[int, str]) -> Any:
    """What a call is given as JSON has it; arrays and whatever else by what they print as."""
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, Mapping):
        return {str(key): _in_json(each, known) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_json(each, known) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "tobytes"):
        return f"{value.dtype} {list(value.shape)} {hashlib.sha256(value.tobytes()).hexdigest()[:16]}"
    return str(value) if isinstance(value, slice) or value is Ellipsis else type(value).__name__
