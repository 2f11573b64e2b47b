"""Knobs: what is fed to set how a graph runs, recognised from what it feeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from porter.errors import UsageError
from porter.read.contexts import Branch, Contexts
from porter.read.flow import Flow
from porter.read.model import Knob
from porter.read.operations import RANDOM, VARIABLES, changes_state, dtype_name, shape_of
from porter.read.values import Values
from porter.read.wiring import Tensor, Wiring

TRAINING_NAMES = re.compile(
    r"(^|[/_])(is_?)?(train(ing)?|phase)([/_]|$)|learning_phase|phase_train|is_?train", re.IGNORECASE
)
INFERENCE_NAMES = re.compile(
    r"(^|[/_])(is_?)?(test(ing)?|infer(ence)?|eval(uation)?|predict(ion|ing)?|deterministic)([/_]|$)", re.IGNORECASE
)
COMPARISONS = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual")
GUESSED_KEEP_PROB = 0.5


class Knobs:
    """Finds the knobs among the scalars that the chosen outputs need."""

    def __init__(self, wiring: Wiring, contexts: Contexts, values: Values, flow: Flow):
        self.wiring, self.contexts, self.values, self.flow = wiring, contexts, values, flow
        self._votes: dict[tuple[Tensor, bool], float] | None = None

    def find(self, reached: set[str], stored: dict[str, Any]) -> list[Knob]:
        """The knobs among the nodes in `reached`.

        stored: values of scalar variables by node, for those that are knobs (tflearn keeps is_training in one).
        """
        vectors: dict[str, tuple[int, ...]] = self._vectors(reached)
        scalars = [name for name in self.wiring.nodes if name in reached and self._may_be_scalar(name)]
        scalars = [name for name in scalars if name not in vectors]
        dropped = self._dropouts(reached, {**dict.fromkeys(scalars, ()), **vectors})
        decided = self._decided(reached, scalars)
        knobs = []
        for name in scalars:
            default = stored.get(name, self._default(name))
            if name in dropped:
                knobs.append(_dropout_knob(name, dropped[name], default))
            elif name in decided and (knob := self._training_knob(name, decided[name], default)) is not None:
                knobs.append(knob)
        for name, shape in vectors.items():
            if name in dropped:
                knob = _dropout_knob(name, dropped[name], None)
                knob.inference, knob.training = (np.full(shape, v, np.float32) for v in (knob.inference, knob.training))
                knobs.append(knob)
        return knobs

    def _vectors(self, reached: set[str]) -> dict[str, tuple[int, ...]]:
        """The vectors of which each number is taken by itself, with as many numbers as that needs: the keep
        probabilities of several dropouts may be fed as one."""
        found: dict[str, tuple[int, ...]] = {}
        for name, node in self.wiring.nodes.items():
            if name not in reached or node.op != "Placeholder" or not self._is_float(name):
                continue
            shape = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
            if shape is not None and len(shape) != 1:
                continue
            users = [(user, slot) for user, slot, _ in self.wiring.users[name] if user in reached]
            places = [self.values.place(user) if slot == 0 else None for user, slot in users]
            if places and None not in places:
                least = max(place + 1 if place >= 0 else -place for place in places if place is not None)
                found[name] = (shape[0] if shape and shape[0] else least,)
        return found

    def _may_be_scalar(self, name: str) -> bool:
        node = self.wiring.nodes[name]
        if not (node.op.startswith("Placeholder") or node.op in VARIABLES):
            return False
        shape = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
        return shape in (None, (), (1,)) and (node.op not in VARIABLES or shape is not None)

    def _default(self, name: str) -> Any:
        if self.wiring.op(name) != "PlaceholderWithDefault":
            return None
        value = self.values.of(self.wiring.inputs[name][0])
        return None if value is None or value.size != 1 else value.reshape(()).item()

    # Dropout: a uniform random number is compared with what a scalar says.

    def _dropouts(self, reached: set[str], wanted: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        """By scalar or vector, given with their shapes, "keep_prob" or "rate": at which of 1 and 0 nothing is dropped."""
        found = {}
        for name in reached:
            if self.wiring.op(name) not in RANDOM:
                continue
            for threshold, keeps_all in self._thresholds(name):
                for source in self.values.sources(threshold):
                    if source not in wanted or not self._is_float(source):
                        continue
                    given = ({source: np.full(wanted[source], value, np.float32)} for value in (1, 0))
                    at_one, at_zero = (self.values.number(threshold, each) for each in given)
                    if at_one is not None and at_one == keeps_all != at_zero:
                        found[source] = "keep_prob"
                    elif at_zero is not None and at_zero == keeps_all != at_one:
                        found[source] = "rate"
        return found

    def _is_float(self, name: str) -> bool:
        return dtype_name(self.wiring.nodes[name].attr["dtype"].type) in ("float16", "bfloat16", "float32", "float64")

    def _thresholds(self, random: str) -> Iterable[tuple[Tensor, float]]:
        """The scalars that decide what a random number drops, each with the value at which it drops nothing.

        `floor(keep + random)` and `random < keep` drop nothing at keep = 1, `random >= rate` at rate = 0.
        """
        around: set[str] = set()
        stack = [random]
        while stack:
            name = stack.pop()
            if name in around or len(around) > 40:
                continue
            around.add(name)
            for user, slot, _ in self.wiring.users[name]:
                op, inputs = self.wiring.op(user), self.wiring.inputs[user]
                floors = [u for u, _, _ in self.wiring.users[user] if self.wiring.op(u) in ("Floor", "Round")]
                if op in ("Add", "AddV2") and any(self._masks(floor) for floor in floors):
                    yield inputs[1 - slot], 1.0
                elif op in ("GreaterEqual", "Greater", "Less", "LessEqual") and self._masks(user):
                    kept_above = (op.startswith("Greater")) == (slot == 0)
                    yield inputs[1 - slot], 0.0 if kept_above else 1.0
                elif op in ("Add", "AddV2", "Sub", "Mul", "Identity", "Cast", "Reshape"):
                    stack.append(user)

    def _masks(self, name: str) -> bool:
        """Whether something is multiplied with a node's ones and zeros, or set to zero where it is false.

        Other random choices, such as which word a decoder is fed, are no dropout.
        """
        for user, slot, _ in self.wiring.users[name]:
            op = self.wiring.op(user)
            if op in ("Mul", "RealDiv", "Div"):
                return True
            if op in ("Select", "SelectV2") and slot == 0:
                zeros = self.wiring.inputs[user][2]
                value = self.values.number(zeros)
                if self.wiring.op(zeros[0]) in ("ZerosLike", "Fill") or value == 0:
                    return True
            if op in ("Cast", "Identity", "Reshape", "ExpandDims") and self._masks(user):
                return True
        return False

    # Training: a predicate decides between a branch that trains and one that does not.

    def _decided(self, reached: set[str], scalars: list[str]) -> dict[str, list[Tensor]]:
        """By scalar, the predicates of conds and selections that hang on it."""
        wanted, found = set(scalars), dict[str, list[Tensor]]()
        predicates: dict[Tensor, None] = {}
        for name in reached:
            op, inputs = self.wiring.op(name), self.wiring.inputs[name]
            if op in ("Switch", "RefSwitch"):
                predicates[self.wiring.through(inputs[1], ("Identity",))] = None
            elif op in ("Select", "SelectV2"):
                predicates[self.wiring.through(inputs[0], ("Identity",))] = None
        for predicate in predicates:
            for source in self.values.sources(predicate):
                if source in wanted:
                    found.setdefault(source, []).append(predicate)
        return found

    def _training_knob(self, name: str, predicates: list[Tensor], default: Any) -> Knob | None:
        """The knob at `name`, if one of the values it is compared with lets the graph train and another does not."""
        values = self._possible(name, predicates, default)
        votes: dict[Any, float] = dict.fromkeys(values, 0.0)
        for predicate in predicates:
            for value in values:
                taken = self.values.of(predicate, {name: value})
                if taken is not None and taken.size == 1:
                    branch = bool(taken.reshape(()))
                    votes[value] += self._vote(predicate, branch) - self._vote(predicate, not branch)
        low, high = min(votes.values()), max(votes.values())
        if low < high:
            training = max(values, key=lambda value: (votes[value], value != default))
            calm = [value for value in values if votes[value] == low]
            inference = default if default in calm else self._calmest(calm)
            why = "it decides between branches, of which one draws random numbers or takes the batch's statistics"
            return Knob(f"{name}:0", "training", inference, training, why)
        if set(values) != {False, True}:
            return None
        if TRAINING_NAMES.search(name):
            return Knob(
                f"{name}:0", "training", False, True, "it decides between branches, and its name speaks of training"
            )
        if INFERENCE_NAMES.search(name):
            return Knob(
                f"{name}:0", "training", True, False, "it decides between branches, and its name speaks of inference"
            )
        return None

    def _calmest(self, values: list[Any]) -> Any:
        """Of several values at which the graph does not train the one that speaks of inference, or else the first."""
        for value in values:
            if isinstance(value, bytes) and INFERENCE_NAMES.search(value.decode(errors="replace")):
                return value
        return values[0]

    def _possible(self, name: str, predicates: list[Tensor], default: Any) -> list[Any]:
        """The values that a scalar may be given: both of a bool, those that another is compared with and one more."""
        dtype = dtype_name(self.wiring.nodes[name].attr["dtype"].type)
        if dtype == "bool":
            return [False, True]
        found: dict[Any, None] = {}
        for predicate in predicates:
            for node in self.wiring.before([predicate[0]], stop=[name]) if len(predicates) < 200 else ():
                if self.wiring.op(node) in COMPARISONS:
                    for tensor in self.wiring.inputs[node]:
                        value = self.values.of(tensor)
                        if value is not None and value.size == 1:
                            found[value.reshape(()).item()] = None
        if default is not None:
            found[default] = None
        if dtype == "string":
            return [*(v for v in found if isinstance(v, bytes)), b""]
        numbers = [v for v in found if not isinstance(v, bytes)]
        more = [0, 1, *(v + step for v in numbers for step in (-1, 1))]
        return list(dict.fromkeys([*numbers, *(int(v) if "int" in dtype else float(v) for v in more)]))

    def _vote(self, predicate: Tensor, branch: bool) -> float:
        """How much a branch looks like training."""
        if self._votes is None:
            self._votes = self._count()
        return self._votes.get((predicate, branch), 0.0)

    def _count(self) -> dict[tuple[Tensor, bool], float]:
        votes: dict[tuple[Tensor, bool], float] = {}

        def add(predicate: Tensor, branch: bool, weight: float) -> None:
            votes[predicate, branch] = votes.get((predicate, branch), 0.0) + weight

        for name, node in self.wiring.nodes.items():
            weight = _trains(node)
            if weight:
                for part in self.contexts.of[name]:
                    if isinstance(part, Branch):
                        add(part.predicate, part.taken, weight)
            if node.op in ("Merge", "RefMerge"):
                self._compare_merged(name, add)
            elif node.op in ("Select", "SelectV2"):
                self._compare_selected(name, add)
        return votes

    def _compare_merged(self, merge: str, add: Any) -> None:
        """Where one branch gives what was fed, the other only what is stored, the latter has the moving statistics."""
        inputs = self.wiring.inputs[merge]
        ends = [(self.contexts.of_tensor(t), t[0] in self.flow.fed) for t in inputs]
        if len({fed for _, fed in ends}) < 2:
            self._compare_brought(inputs, add)
            return
        if not any(tensor[0] in self.flow.weighted for (_, fed), tensor in zip(ends, inputs, strict=True) if not fed):
            return  # a number is no statistic
        for (context, fed), tensor in zip(ends, inputs, strict=True):
            stored = fed or tensor[0] in self.flow.weighted
            if context and isinstance(context[-1], Branch) and stored:
                add(context[-1].predicate, context[-1].taken, 2.0 if fed else -2.0)

    def _compare_brought(self, inputs: list[Tensor], add: Any) -> None:
        """Where branches only pass on what was computed before them, what is near to that speaks."""
        brought = [self.wiring.through(tensor, ("Identity",))[0] for tensor in inputs]
        if len(inputs) != 2 or any(self.wiring.op(name) not in ("Switch", "RefSwitch") for name in brought):
            return
        near = [self._near(self.wiring.inputs[name][0][0]) for name in brought]
        for tensor, mine, other in ((inputs[0], near[0], near[1]), (inputs[1], near[1], near[0])):
            context = self.contexts.of_tensor(tensor)
            if context and isinstance(context[-1], Branch):
                weight = sum(_trains(self.wiring.nodes[name]) for name in mine - other)
                add(context[-1].predicate, context[-1].taken, weight)

    def _compare_selected(self, select: str, add: Any) -> None:
        inputs = self.wiring.inputs[select]
        predicate = self.wiring.through(inputs[0], ("Identity",))
        if not self.values.sources(predicate):
            return
        fed = [t[0] in self.flow.fed for t in inputs[1:]]
        if fed[0] != fed[1] and inputs[1 if fed[1] else 2][0] in self.flow.weighted:
            add(predicate, fed[0], 2.0)
            return
        near = [self._near(t[0]) for t in inputs[1:]]
        for branch, mine, other in ((True, near[0], near[1]), (False, near[1], near[0])):
            add(predicate, branch, sum(_trains(self.wiring.nodes[n]) for n in mine - other))

    def _near(self, name: str) -> set[str]:
        seen, frontier = {name}, [name]
        while frontier and len(seen) < 60:
            frontier = [
                s for n in frontier for s, _ in self.wiring.inputs[n] if s not in seen and s in self.wiring.nodes
            ]
            seen.update(frontier)
        return seen


def _trains(node: Any) -> float:
    """How much a node speaks for training, or, below zero, against it."""
    if node.op in RANDOM:
        return 3.0
    if node.op.startswith("FusedBatchNorm") and "Grad" not in node.op:
        # is_training is True where the attribute is left out.
        return 3.0 if node.attr["is_training"].b or "is_training" not in node.attr else -3.0
    if node.op == "SquaredDifference" or changes_state(node.op):
        return 1.0
    return 0.0


def _dropout_knob(name: str, kind: str, default: Any) -> Knob:
    inference = 1.0 if kind == "keep_prob" else 0.0
    guessed = default is None or float(default) == inference
    training = GUESSED_KEEP_PROB if guessed else float(default)
    return Knob(f"{name}:0", kind, inference, training, f"a dropout drops nothing when it is {inference:g}", guessed)


def probabilities(knob: Knob, value: Any) -> Any:
    """What a keep_prob or rate is in training, or several of them, for all of which one number may be given."""
    shape, given = np.shape(knob.inference), np.asarray(value)
    if given.shape not in ((), shape):
        raise UsageError(
            f"{knob.tensor} cannot be {value!r}.", why=f"it holds {shape[0] if shape else 'one'} {knob.kind}",
            todo=f"for example --freeze {knob.tensor.removesuffix(':0')}=0.8",
        )  # fmt: skip
    numbers = [_probability(knob, number) for number in np.broadcast_to(given, shape).reshape(-1).tolist()]
    return np.array(numbers, np.float32) if shape else numbers[0]


def _probability(knob: Knob, value: Any) -> float:
    """What a keep_prob or rate is in training; one that keeps nothing is refused."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    keeps = number if knob.kind == "keep_prob" else 1 - number
    if not 0 < keeps <= 1:
        bounds = "above 0 and at most 1" if knob.kind == "keep_prob" else "at least 0 and below 1"
        raise UsageError(
            f"{knob.tensor} cannot be {value!r}.",
            why=f"it is the {knob.kind} of a dropout in training: {bounds}",
            todo=f"for example --freeze {knob.tensor.removesuffix(':0')}=0.8",
        )
    return number
