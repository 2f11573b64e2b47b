"""From a `Source` to the `Original`: outputs, inputs and knobs decided, the graph cut to what they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from porter.errors import UsageError
from porter.read.assignments import Assignments
from porter.read.choose import Chooser
from porter.read.contexts import Contexts
from porter.read.cut import Stand, cut, reach
from porter.read.ends import Ends
from porter.read.feature_columns import dense_features
from porter.read.flow import STRING, Flow
from porter.read.functions import inline_calls, resolve
from porter.read.input_shapes import fix_batches, set_shapes
from porter.read.knobs import Knobs, probabilities
from porter.read.lift_batch import lift_batch
from porter.read.model import Candidate, Knob, Original, Signature, Source, Variable
from porter.read.operations import VARIABLES, dtype_name, output_types, shape_of
from porter.read.plan import make_plan
from porter.read.signed_outputs import signed_outputs
from porter.read.static import declared, taken_at_once
from porter.read.tables import Tables
from porter.read.values import Values
from porter.read.variables import Place, Places, left_over
from porter.read.wiring import Tensor, Wiring, closest, parse, spell

Shape = Sequence[int | None]


def make_original(
    source: Source,
    *,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    freeze: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    weights: str = "auto",
    renamed: Mapping[str, str] | None = None,
    lift: bool = False,
) -> Original:
    """Decide what of `source` is converted, and cut it out.

    inputs: tensors at which the graph is cut; placeholders still needed beside them stay inputs or knobs. outputs: the
    tensors wanted. Both are found where they are not given. freeze: values for placeholders (a keep_prob's or rate's is
    its value in training). shapes: for placeholders, None for an unknown dimension. weights: "raw", "ema" (their moving
    averages where there are some) or "auto" (raw, with a warning). renamed: by a variable's name in the graph, what the
    checkpoint calls it. lift: a fixed batch size becomes unknown.

    Raises UsageError for names that do not exist, Unsupported for operations that are gone and shapes that nothing
    tells, NamesDiffer for variables that are not in the checkpoint.
    """
    original = _Maker(
        source, list(inputs or []), list(outputs or []), dict(freeze or {}), dict(shapes or {}), weights,
        dict(renamed or {}),
    ).make()  # fmt: skip
    if lift:
        lift_batch(original)
    return original


class _Maker:
    """The steps of `make_original`, with what they hand on."""

    def __init__(self, source: Source, inputs: list[str], outputs: list[str], freeze: dict, shapes: dict, weights: str,
                 renamed: dict[str, str]):  # fmt: skip
        self.source, self.weights = source, weights
        graph_def, self.alias = inline_calls(source.graph_def)
        graph_def, self.features = dense_features(graph_def, {parse(name.strip())[0] for name in inputs})
        self.wiring = Wiring(graph_def)
        self.contexts = Contexts(self.wiring)
        self.values = Values(self.wiring, self.contexts)
        self.trainable = {name.removesuffix(":0") for name in source.collections.get("trainable_variables", [])}
        self.flow = Flow(self.wiring, self.trainable)
        self.assignments = Assignments(self.wiring, self.values)
        self.places = Places(self.wiring, source, self.assignments, renamed)
        self.asked: dict[Tensor, str] = {}
        self.named_inputs = [self._find(name) for name in inputs]
        self.named_outputs = [self._find(name) for name in outputs]
        self.freeze = {self._find(name): value for name, value in freeze.items()}
        given = {self._find(name): tuple(shape) for name, shape in shapes.items()}
        self.given_shapes = given
        self.tables = Tables(self.wiring, self.contexts, source)
        self.plan = make_plan(self.wiring, self.contexts, self.flow, self.values, self.tables, self.named_inputs, given)
        self.knobs = Knobs(self.wiring, self.contexts, self.values, self.flow)
        self.found: dict[str, Place] = {}

    def make(self) -> Original:
        original = Original(self.source, None, [], [], warnings=list(self.source.warnings))
        outputs = self._outputs(original)
        reached, met = reach(self.wiring, self.contexts, outputs, self.plan)
        original.knobs = self._knobs(reached, met)
        turned = {parse(knob.tensor)[0] for knob in original.knobs}
        reached, met = reach(self.wiring, self.contexts, outputs, self.plan)
        self._variables(original, reached, turned)
        original.tables = self.tables.needed(reached)
        self.source.files += [file for table in original.tables.values() for file in table.files]
        original.warnings += self.tables.unknown(sorted(met - set(self.named_inputs)), self._spelled)
        beside = {each.node: each for v in original.variables.values() for each in v.debiased or ()}
        original.variables.update(beside)
        original.graph_def = cut(self.wiring, self.contexts, [*outputs, *((name, 0) for name in beside)], self.plan)
        fed = reached & set(self.plan.stands) - set(original.variables) - turned
        placeholders = [(name, 0) for name in self.wiring.nodes if name in fed]
        inputs = self._ordered([*placeholders, *sorted(met - set(self.plan.values))])
        idle = [self._spelled(t) for t in self.named_inputs if t not in inputs and t[0] not in turned]
        original.warnings += [f"{name} is named by --inputs, but the outputs do not depend on it." for name in idle]
        original.inputs = [self._spelled(tensor) for tensor in inputs]
        original.outputs = [self._spelled(tensor) for tensor in outputs]
        original.warnings += [f"Feed {n}: {self.features[n]}." for n in original.inputs if n in self.features]
        original.renamed = {self.asked.get(parse(name), name): to for name, to in self.plan.renamed.items()}
        original.renamed |= {
            self.asked[t]: spell(t)
            for t in [*inputs, *outputs]
            if t in self.asked and spell(t) not in self.plan.renamed
        }
        original.renamed = {name: to for name, to in original.renamed.items() if name != to}
        set_shapes(original, self.given_shapes)
        counts = {self._spelled(t): count for t in met if (count := taken_at_once(self.wiring, t)) is not None}
        fix_batches(original, counts)
        found = self.found
        original.load = lambda node: found[node].load(self.source)
        used = {found[node].name for node in original.variables} | {self.places.stored_name(n) for n in turned}
        held = {name for table in original.tables.values() for name in table.stored}
        original.left = left_over(self.source, self.wiring, self.assignments, self.places, used | held)
        original.left += [(name, "the table that it fills stands in model.py") for name in sorted(held)]
        stored = {self.places.stored_name(name) for name in turned} & set(self.source.stored)
        original.left += [(name, "it only switches training on and off") for name in sorted(stored)]
        if not original.input_candidates:
            original.input_candidates = [
                Candidate(name, 5.0, "the outputs are computed from it", True) for name in original.inputs
            ]
        else:
            original.input_candidates = self.chooser.inputs(inputs)
        return original

    # Names

    def _find(self, name: str) -> Tensor:
        """The tensor that the user, or a signature, named. Outputs of inlined calls are known by their old names."""
        tensor = parse(name.strip())
        tensor = resolve(tensor, self.alias) if tensor in self.alias else self.wiring.find(name)
        types = output_types(self.wiring.nodes[tensor[0]])
        if types is not None and tensor[1] >= len(types):
            near = [n for n in closest(tensor[0], self.wiring.nodes) if n != tensor[0]]
            has = f"has {len(types)} output{'s' * (len(types) > 1)}" if types else "has no output"
            raise UsageError(
                f"The graph has no tensor {name!r}.",
                why=f"{tensor[0]} ({self.wiring.op(tensor[0])}) {has}"
                + (f"; names like it: {', '.join(near)}" if near else ""),
                todo="`porter inspect` lists the inputs and outputs that porter sees",
            )
        self.asked[tensor] = spell(parse(name.strip()))
        return tensor

    def _spelled(self, tensor: Tensor) -> str:
        return self.asked.get(tensor, spell(tensor))

    def _ordered(self, tensors: list[Tensor]) -> list[Tensor]:
        """Inputs as the user named them, then as the signature has them, then as the graph was built."""
        signed = [parse(name) for s in self.source.signatures for name in s.inputs.values()]
        first = list(dict.fromkeys(t for t in [*self.named_inputs, *signed] if t in tensors))
        place = {name: at for at, name in enumerate(self.wiring.nodes)}
        return first + sorted((t for t in tensors if t not in first), key=lambda t: (place[t[0]], t[1]))

    # Outputs

    def _outputs(self, original: Original) -> list[Tensor]:
        """The outputs that were named, that a signature names, or that the graph's flow shows."""
        if self.named_outputs:
            original.output_candidates = [
                Candidate(self._spelled(t), 10.0, "named by --outputs", True) for t in self.named_outputs
            ]
            return self.named_outputs
        signature = self._signature()
        if signature is not None:
            tensors = {self._find(name): key for key, name in signature.outputs.items()}
            chosen, warnings = signed_outputs(tensors, self.wiring, self.tables, self._spelled)
            for tensor, key in tensors.items() if chosen else ():
                why = f"{key!r} of the signature {signature.name!r}"
                original.output_candidates.append(Candidate(self._spelled(tensor), 10.0, why, tensor in chosen))
            original.warnings += warnings
            if chosen:
                return chosen
        absent = self.places.absent(self.flow.weights & set(self.trainable))
        if absent:
            original.warnings.append(
                f"The checkpoint holds a part of the graph; what needs {', '.join(sorted(absent)[:4])} is left out."
            )
        self.chooser = Chooser(
            Ends(self.wiring, self.contexts, self.flow, self.plan, self._likely_knobs(), absent), self.values
        )
        original.output_candidates = self.chooser.outputs()
        original.input_candidates = self.chooser.inputs([])
        original.warnings += self.chooser.warnings
        chosen = [parse(c.tensor) for c in original.output_candidates if c.chosen]
        if not chosen:
            raise UsageError(
                "No output was found: nothing in the graph depends both on data and on weights.",
                where=str(self.source.path),
                why="the graph may only initialise, or save",
                todo="name the outputs with --outputs",
            )
        place = {name: at for at, name in enumerate(self.wiring.nodes)}
        return sorted(chosen, key=lambda t: (place[t[0]], t[1]))

    def _signature(self) -> Signature | None:
        """The signature to convert: the one that serving uses, or else the first."""
        signatures = {signature.name: signature for signature in self.source.signatures}
        return signatures.get("serving_default") or signatures.get("default") or next(iter(signatures.values()), None)

    def _likely_knobs(self) -> set[str]:
        return {parse(knob.tensor)[0] for knob in self.knobs.find(self.flow.forward, {})}

    # Knobs

    def _knobs(self, reached: set[str], met: set[Tensor]) -> list[Knob]:
        """The knobs that the outputs need; frozen ones become constants of the graph."""
        stored = {n: v for n in reached if self.wiring.op(n) in VARIABLES and (v := self._stored_scalar(n)) is not None}
        frozen = {tensor: value for tensor, value in self.freeze.items() if tensor[0] in reached or tensor in met}
        missing = [spell(tensor) for tensor in self.freeze if tensor not in frozen]
        if missing:
            raise UsageError(
                f"The outputs do not depend on {', '.join(missing)}, so that it cannot be frozen.",
                todo="leave out that --freeze",
            )
        knobs = []
        for knob in self.knobs.find(reached, stored):
            tensor = parse(knob.tensor)
            if tensor in frozen and knob.kind in ("keep_prob", "rate"):
                knob.training, knob.guessed = probabilities(knob, frozen.pop(tensor)), False
            if tensor not in frozen:
                dtype = self.wiring.nodes[tensor[0]].attr["dtype"].type % 100
                self.plan.stands[tensor[0]] = Stand(dtype, np.shape(knob.inference))
                knobs.append(knob)
        known = {parse(knob.tensor)[0] for knob in knobs} | {tensor[0] for tensor in frozen}
        for name in self.wiring.nodes:
            if (
                name in reached
                and self.wiring.op(name) == "PlaceholderWithDefault"
                and name in self.plan.stands
                and name not in known
            ):
                default = self.values.of(self.wiring.inputs[name][0])
                if default is not None and default.ndim == 0 and (name, 0) not in self.named_inputs:
                    knobs.append(self._freeze((name, 0), default, "a scalar with a default"))
        knobs += [self._freeze(tensor, value, "frozen by --freeze") for tensor, value in frozen.items()]
        return knobs

    def _freeze(self, tensor: Tensor, value: Any, why: str) -> Knob:
        """Make a constant of `value` out of a tensor."""
        import tensorflow as tf

        name, index = tensor
        stand = self.plan.stands.get(name) or declared(self.wiring, tensor)
        if tensor in self.plan.cuts:
            stand = self.plan.cuts[tensor]
        elif index or len(output_types(self.wiring.nodes[name]) or [0]) > 1:
            raise UsageError(
                f"{spell(tensor)} cannot be frozen: its operation has several outputs.", todo="freeze what feeds it"
            )
        try:
            array = np.asarray(value) if stand.dtype == STRING else np.asarray(value).astype(dtype_name(stand.dtype))
            if stand.shape is not None and not array.shape and None not in stand.shape:
                array = np.broadcast_to(array, [int(size or 1) for size in stand.shape])
            if stand.shape is not None and array.ndim != len(stand.shape):
                raise ValueError(f"{array.ndim} axes for {len(stand.shape)}")
            proto = tf.make_tensor_proto(array)
            if tensor in self.plan.cuts:
                self.plan.values[tensor] = proto
            else:
                self.plan.constants[name] = proto
        except (TypeError, ValueError) as problem:
            raise UsageError(
                f"{spell(tensor)} cannot be {value!r}.",
                why=f"it is of type {dtype_name(stand.dtype)}, shape {stand.shape}",
                todo=f"give --freeze {spell(tensor)} such a value",
            ) from problem
        self.plan.stands.pop(name, None)
        plain = array.reshape(()).item() if array.size == 1 else array.tolist()
        return Knob(spell(tensor), "frozen", plain, plain, why)

    def _stored_scalar(self, name: str) -> Any:
        """The stored value of a scalar variable."""
        if shape_of(self.wiring.nodes[name].attr["shape"].shape) != () or name in self.trainable:
            return None
        place = self.places.of(name) or self.places.initial(name)
        return None if place is None else place.load(self.source).reshape(()).item()

    # Variables

    def _variables(self, original: Original, reached: set[str], turned: set[str]) -> None:
        """Find the variables that are needed in the checkpoint."""
        needed = [n for n in self.wiring.nodes if n in reached and n not in turned and self.wiring.op(n) in VARIABLES]
        at_training = {parse(knob.tensor)[0]: knob.training for knob in original.knobs}
        missing, averaged, initial = [], [], []
        for name in needed:
            place = self.places.of(name)
            if place is None:
                place = self.places.initial(name)
                initial += [name] if place is not None else []
            if place is None:
                missing.append(name)
                continue
            shadow = self.places.shadow(name, place)
            if shadow is not None:
                averaged.append(name)
                place = shadow if self.weights == "ema" else place
            original.variables[name] = variable = self._variable(name, place)
            variable.momentum = self.assignments.momentum(name, at_training)
            if variable.momentum is not None:
                variable.debiased = self._debiased(name)
        if missing or self.places.unlikely(initial, original.variables):
            wanted = {*missing, *initial}
            raise self.places.missing([name for name in needed if name in wanted], original.variables)
        if initial:
            original.warnings.append(
                f"Not in the checkpoint, so at the constant that they start with: {', '.join(initial[:5])}."
            )
        if averaged and self.weights == "auto":
            original.warnings.append(
                f"The checkpoint also holds moving averages of {len(averaged)} weights; the weights themselves are "
                "converted. --weights ema takes the averages."
            )
        if self.weights == "ema" and not averaged:
            raise UsageError("The checkpoint holds no moving averages of the weights.", todo="leave out --weights ema")

    def _variable(self, name: str, place: Place) -> Variable:
        """The variable of this node, which becomes a Placeholder."""
        self.found[name] = place
        self.plan.stands[name] = Stand(self.wiring.nodes[name].attr["dtype"].type % 100, place.shape)
        trainable = name in self.trainable or not self.source.collections.get("trainable_variables")
        return Variable(name, place.name, place.shape, place.dtype, trainable)

    def _debiased(self, name: str) -> tuple[Variable, Variable] | None:
        """What the zero-debiased average at `name` is computed from, where the checkpoint has both."""
        nodes = self.assignments.debiased(name)
        places = [self.places.of(node) for node in nodes or ()]
        if nodes is None or places[0] is None or places[1] is None:
            return None
        return self._variable(nodes[0], places[0]), self._variable(nodes[1], places[1])
