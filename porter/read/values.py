"""The value of small expressions in a graph: predicates, dropout rates, decays, as functions of what is fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from porter.read.contexts import Branch, Contexts
from porter.read.operations import PASSING, VARIABLES, constant, constant_size, dtype_name
from porter.read.wiring import Tensor, Wiring

LIMIT = 64  # nodes that one expression may have, elements that a constant in it may have

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Add": np.add, "AddV2": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative,
    "RealDiv": np.divide, "Div": np.divide, "Pow": np.power, "Maximum": np.maximum, "Minimum": np.minimum,
    "Square": np.square, "Sqrt": np.sqrt, "Exp": np.exp, "Reciprocal": np.reciprocal, "Inv": np.reciprocal,
    "Floor": np.floor, "FloorMod": np.mod, "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less,
    "LessEqual": np.less_equal, "Greater": np.greater, "GreaterEqual": np.greater_equal,
    "LogicalNot": np.logical_not, "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or, "Select": np.where,
    "SelectV2": np.where, "ZerosLike": np.zeros_like, "OnesLike": np.ones_like, "Abs": np.abs,
}  # fmt: skip
SHAPING = frozenset(["Reshape", "ExpandDims", "Squeeze", "LoopCond", *PASSING])
REDUCING: dict[str, Callable[..., Any]] = {
    "All": np.all,
    "Any": np.any,
    "Max": np.max,
    "Min": np.min,
    "Prod": np.prod,
    "Sum": np.sum,
    "Mean": np.mean,
}


class Values:
    """Evaluates expressions of scalars, given what some tensors are."""

    def __init__(self, wiring: Wiring, contexts: Contexts):
        self.wiring, self.contexts = wiring, contexts

    def of(self, tensor: Tensor, given: Mapping[str, Any] | None = None) -> Any:
        """The value of `tensor`, as a scalar array, with the nodes in `given` set; None if that cannot be said."""
        return self._of(tensor, given or {}, {}, 0)

    def number(self, tensor: Tensor, given: Mapping[str, Any] | None = None) -> float | None:
        """The same as a float, None for anything that is no single number."""
        value = self.of(tensor, given)
        if value is None or value.dtype.kind not in "fiub" or value.size != 1:
            return None
        return float(value.reshape(()))

    def sources(self, tensor: Tensor) -> list[str]:
        """The placeholders and variables that a small expression hangs on; empty if it is not small."""
        seen: set[str] = set()
        found: list[str] = []
        stack = [tensor]
        while stack:
            name = stack.pop()[0]
            op = self.wiring.op(name)
            if name in seen:
                continue
            seen.add(name)
            if len(seen) > LIMIT:
                return []
            if op.startswith("Placeholder") or op in VARIABLES:
                found.append(name)
            elif op == "Merge":
                stack += [*self.wiring.inputs[name], *self._predicates(name)]
            elif op in PASSING or op in ("LoopCond", "StridedSlice"):
                stack += self.wiring.inputs[name][:1]
            elif op in ARITHMETIC or op in SHAPING or op in REDUCING or op == "Cast":
                stack += self.wiring.inputs[name]
        return found

    def place(self, name: str) -> int | None:
        """Which number of a vector a node takes, None unless it takes one, always the same."""
        node = self.wiring.nodes[name]
        if node.op != "StridedSlice" or node.attr["shrink_axis_mask"].i != 1 or node.attr["ellipsis_mask"].i:
            return None
        begin = self.of(self.wiring.inputs[name][1])
        return int(begin.reshape(())) if begin is not None and begin.size == 1 else None

    def _predicates(self, merge: str) -> list[Tensor]:
        contexts = [self.contexts.of_tensor(tensor) for tensor in self.wiring.inputs[merge]]
        return [context[-1].predicate for context in contexts if context and isinstance(context[-1], Branch)][:1]

    def _of(self, tensor: Tensor, given: Mapping[str, Any], memo: dict[Tensor, Any], depth: int) -> Any:
        if tensor in memo:
            return memo[tensor]
        memo[tensor] = None  # what hangs on itself, around a loop, has no value
        if depth <= LIMIT:
            memo[tensor] = self._compute(tensor, given, memo, depth + 1)
        return memo[tensor]

    def _compute(self, tensor: Tensor, given: Mapping[str, Any], memo: dict[Tensor, Any], depth: int) -> Any:
        name, op = tensor[0], self.wiring.op(tensor[0])
        inputs = self.wiring.inputs.get(name, [])
        if name in given:
            return np.asarray(given[name])
        if op == "Const":
            node = self.wiring.nodes[name]
            return constant(node) if constant_size(node) <= LIMIT else None
        if op == "Merge":
            source = self._taken(inputs, given, memo, depth)
            return None if source is None else self._of(source, given, memo, depth)
        if op == "StridedSlice":
            vector, place = self._of(inputs[0], given, memo, depth), self.place(name)
            return None if vector is None or place is None or vector.ndim != 1 else vector[place]
        if op in SHAPING:
            return self._of(inputs[0], given, memo, depth) if inputs else None
        if op == "Cast":
            value = self._of(inputs[0], given, memo, depth)
            return (
                None
                if value is None or value.dtype.kind not in "fiub"
                else value.astype(dtype_name(self.wiring.nodes[name].attr["DstT"].type))
            )
        if op in REDUCING:
            value = self._of(inputs[0], given, memo, depth)
            return None if value is None or value.size != 1 else value
        if op not in ARITHMETIC:
            return None
        values = [self._of(source, given, memo, depth) for source in inputs]
        # One operand may decide alone, such as in `is_training and not frozen`.
        decisive = {"LogicalAnd": False, "LogicalOr": True}.get(op)
        if any(v is not None and v.size == 1 and bool(v.reshape(())) is decisive for v in values):
            return np.asarray(decisive)
        if any(value is None for value in values):
            return None
        if op in ("Div", "RealDiv") and all(value.dtype.kind in "iu" for value in values):
            return None
        with np.errstate(all="ignore"):
            try:
                return np.asarray(ARITHMETIC[op](*values))
            except (TypeError, ValueError):
                return None

    def taken(self, merge: str, given: Mapping[str, Any] | None = None) -> Tensor | None:
        """The input of a Merge that comes out of the branch taken by its predicate, None where that cannot be said."""
        return self._taken(self.wiring.inputs[merge], given or {}, {}, 0)

    def _taken(
        self, inputs: list[Tensor], given: Mapping[str, Any], memo: dict[Tensor, Any], depth: int
    ) -> Tensor | None:
        for source in inputs:
            context = self.contexts.of_tensor(source)
            if context and isinstance(context[-1], Branch):
                predicate = self._of(context[-1].predicate, given, memo, depth)
                if predicate is None or predicate.size != 1:
                    return None
                if bool(predicate.reshape(())) == context[-1].taken:
                    return source
        return None
