"""Level 6: gradients of a random projection of the outputs, and the weights after one step of gradient descent.

The gradient is taken with respect to what each weight comes from: a variable, or a tensor that is computed from some.
Several Keras weights may come from one variable; their gradients are then added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from porter.errors import OutputsDiffer
from porter.verify.case import Case
from porter.verify.compare import EPSILON, Comparison, Tolerance, compare
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.graphdef import split
from porter.verify.made_of import Made, trained_weights
from porter.verify.placing import tells_layers
from porter.verify.reference import Reference, Refused, first_line
from porter.verify.slopes import by_slopes
from porter.verify.stopped import stopped
from porter.verify.trained_alike import trained_alike

RATE = 0.1  # of the step of gradient descent
SEEDS = 3  # inputs that are tried: where a value lies on a kink, rounding decides which way its gradient goes


class NoGradient(Exception):
    """The gradients cannot be formed; says why."""


def gradients(context: Context) -> Finding:
    """Gradients with respect to every weight and float input, and the weights after one step, are the original's."""
    finding, reference = _compared(context), context.reference
    if reference is None or not tells_layers(context.report):
        return finding
    faults, rows = trained_alike(context, reference)
    if not faults:
        return finding
    told = listed([*faults, *([finding.reason] if finding.status == FAILED else [])])
    return finding._replace(status=FAILED, reason=told, applies=True, layers=[row.to_dict() for row in rows])


def _compared(context: Context) -> Finding:
    """What comparing the gradients of both sides, and a step, shows."""
    import keras

    trials, reference = context.trials, context.reference
    if reference is None and any(name.startswith("grad:") for name in context.recording):
        return _recorded(context)
    if reference is None or trials.nothing_to_try:
        return Finding(SKIPPED, trials.nothing_to_try or trials.absent)
    if keras.backend.backend() != "tensorflow":
        return Finding(SKIPPED, "it is run with Keras on TensorFlow only")
    names = [name for name in trials.converted.outputs if _is_float(reference, name) and name not in trials.random]
    inputs = [given.tensor for given in trials.inputs if given.dtype.startswith(("float", "bfloat"))]
    made, notes = trained_weights(context, reference)
    if not names or not (inputs or made):
        return Finding(SKIPPED, "no output is a float that depends on a float", applies=False, notes=notes)
    pair = _Pair(context, reference, names, inputs, made)
    found: dict[str, Comparison] = {}
    cases: list[Case] = []
    for seed in range(SEEDS):
        case = trials.accepted(seed=trials.seed + seed)
        case = case.alone(0) if trials.batch_safe else case
        try:
            compared = pair.compare(case, trials.seed + seed, trials.tolerance)
        except (Refused, NoGradient) as problem:
            return Finding(SKIPPED, getattr(problem, "why", "") or str(problem), notes=notes)
        except OutputsDiffer as problem:
            return Finding(FAILED, problem.what, notes=notes)
        cases.append(case)
        for name, each in compared.items():
            if name not in found or (each.ok and not found[name].ok):
                found[name] = each
        if all(each.ok for each in found.values()):
            break
    if pair.problem:
        notes.append(f"{pair.problem}; slopes of the original were taken instead, in float64")
    if pair.left:
        told = ", ".join(dict.fromkeys(pair.left))
        notes.append(f"the original stops gradients on the way from {told}: they are no slopes, and are not compared")
    if not found:
        return Finding(SKIPPED, pair.problem or "no slope of the original can be had", notes=notes)
    if len(cases) > 1:
        notes.append(f"{len(cases)} inputs were tried: where a value lies on a kink, rounding decides")
    table = {
        name: {"on": cases[-1].label, "clauses": [each.clause] if each.ok else [], **each.to_dict()}
        for name, each in found.items()
    }
    faults = [f"{name}: {each.why}" for name, each in found.items() if not each.ok]
    open_ = [name for name, each in found.items() if not each.decided]
    if faults:
        status, reason = FAILED, listed(faults)
    elif len(open_) == len(found):
        status, reason = SKIPPED, listed([f"{name}: {found[name].why}" for name in open_])
    else:
        status, reason = PASSED, f"{len(found) - len(open_)} gradients and steps agree"
    return Finding(status, reason, table, [cases[-1].samples], ["normal"], notes)


def _recorded(context: Context) -> Finding:
    """In the place of the original, its recorded gradients by the inputs."""
    case = next((case for case in context.trials.recorded if case.label == "recorded"), None)
    known = {name.removeprefix("grad:"): array for name, array in context.recording.items() if name.startswith("grad:")}
    weights = {name.removeprefix("proj:"): array for name, array in context.recording.items() if "proj:" in name}
    inputs = [given.tensor for given in context.trials.inputs if given.tensor in known]
    if case is None or not inputs or not weights.keys() <= set(context.trials.converted.outputs):
        return Finding(SKIPPED, "the recording holds no gradient of this model's outputs by its inputs")
    try:
        found, _ = converted_gradients(context, case, weights, inputs, [])
    except NoGradient as problem:
        return Finding(SKIPPED, str(problem))
    except OutputsDiffer as problem:
        return Finding(FAILED, problem.what)
    compared = {
        f"by {name}": compare(mine, known[name], context.trials.tolerance)
        for name, mine in zip(inputs, found, strict=True)
    }
    table = {
        name: {"on": case.label, "clauses": [each.clause] if each.ok else [], **each.to_dict()}
        for name, each in compared.items()
    }
    faults = [f"{name}: {each.why}" for name, each in compared.items() if not each.ok]
    reason = listed(faults) if faults else f"{len(table)} recorded gradients agree"
    return Finding(FAILED if faults else PASSED, reason, table, [case.samples])


class _Pair:
    """The gradients of both sides."""

    def __init__(
        self, context: Context, reference: Reference, names: list[str], inputs: list[str], made: list[Made]
    ) -> None:
        self.context, self.reference = context, reference
        self.names, self.inputs, self.made = names, inputs, made
        self.tensors = list(dict.fromkeys(tensor for each in made for tensor in each.tensors))
        self.wanted = [*inputs, *self.tensors]
        self.weights = [each.weight for each in made]
        self.formed: dict[str, tuple[dict[str, Any], list[Any]]] = {}
        stands = [reference.original.stands_for(name) for name in names]
        self.stopped = stopped(reference.nodes, stands)
        layers = context.model._flatten_layers(include_self=False, recursive=True)
        self.last_place = max((EPSILON.get(layer.compute_dtype, 0.0) for layer in layers), default=0.0)
        self.problem = ""
        self.left: list[str] = []  # tensors whose gradient is neither formed nor a slope
        try:
            self._form("float32")
        except NoGradient as problem:
            self.problem = str(problem)

    def _form(self, precision: str) -> bool:
        """Add the gradients to the original's graph; False where there is no graph in that precision."""
        import tensorflow as tf

        if not self.reference.has_precision(precision):
            return False
        tensors = [self.reference.tensor(name, precision) for name in self.names]
        at = [self.reference.gradient_point(name, precision) for name in self.wanted]
        with self.reference.graph.as_default():
            projections = {
                name: tf.compat.v1.placeholder(tensor.dtype, tensor.shape)
                for name, tensor in zip(self.names, tensors, strict=True)
            }
            try:
                found = tf.compat.v1.gradients(tensors, at, grad_ys=list(projections.values()))
            except Exception as problem:  # it looks into loops that an imported graph does not describe
                inner = isinstance(problem, AttributeError)  # of TensorFlow, which misses what it noted while building
                why = "an imported loop or branch lacks what that takes" if inner else first_line(problem)
                raise NoGradient(f"TensorFlow cannot form the original's gradients: {why}") from problem
            dense = [None if each is None else tf.convert_to_tensor(each) for each in found]
        self.formed[precision] = projections, dense
        return True

    def compare(self, case: Case, seed: int, tolerance: Tolerance) -> dict[str, Comparison]:
        """Each gradient and each weight after a step, by name. Raises Refused, and NoGradient."""
        random = np.random.default_rng(seed)
        projections = {
            name: random.standard_normal(case.want[name].shape).astype(case.want[name].dtype) for name in self.names
        }
        theirs = None if self.problem else self.original(case, projections, "float32")
        by_input, by_weight = converted_gradients(self.context, case, projections, self.inputs, self.weights)
        totals: dict[str, Any] = dict.fromkeys(self.tensors, 0)
        for each in self.made:
            for tensor, array in each.apart(by_weight[id(each.weight)]):
                totals[tensor] = totals[tensor] + array
        ours = [*by_input, *totals.values()]
        found: dict[str, Comparison] = {}
        for index, (name, mine) in enumerate(zip(self.wanted, ours, strict=True)):
            outcome = None
            if theirs is not None:
                outcome = self._judge(case, projections, index, mine, theirs[index], tolerance)
            stopped_here = split(self.reference.original.stands_for(name))[0] in self.stopped
            if outcome is None and stopped_here:
                self.left.append(name)
            if (outcome is None or not outcome.ok) and not stopped_here:
                judged = self._by_slopes(case, projections, name, mine, seed)
                outcome = judged if outcome is None or (judged is not None and judged.ok) else outcome
            if outcome is not None:
                found[f"by {name}"] = outcome
        if theirs is not None:
            by_tensor = dict(zip(self.tensors, theirs[len(self.inputs) :], strict=True))
            found.update(self._after_step(by_weight, by_tensor, found, tolerance))
        return found

    def _judge(
        self,
        case: Case,
        projections: Mapping[str, np.ndarray],
        index: int,
        mine: np.ndarray,
        want: np.ndarray | None,
        tolerance: Tolerance,
    ) -> Comparison:
        """Compare one gradient with the original's."""
        want = np.zeros_like(mine) if want is None else want
        outcome = compare(mine.astype(want.dtype), want, tolerance)
        if outcome.ok or not tolerance.rounding or not np.isfinite(outcome.error):
            return outcome
        exact = self._exact(case, projections)
        return compare(mine.astype(want.dtype), want, tolerance, None if exact is None else exact[index])

    def _by_slopes(
        self, case: Case, projections: Mapping[str, np.ndarray], name: str, mine: np.ndarray, seed: int
    ) -> Comparison | None:
        """Compare one gradient with slopes of the original; None where there are none."""
        base = case.feeds.get(name)
        if base is None:
            try:
                base = (self.reference.run(case.feeds, [name]) or {}).get(name)
            except Refused:
                return None
        if base is None:
            return None
        return by_slopes(self.reference, case, projections, name, base, mine, seed, self.last_place)

    def _exact(self, case: Case, projections: Mapping[str, np.ndarray]) -> list[np.ndarray | None] | None:
        try:
            if "float64" not in self.formed and not self._form("float64"):
                return None
            return self.original(case, projections, "float64")
        except (NoGradient, Refused):
            return None

    def original(self, case: Case, projections: Mapping[str, np.ndarray], precision: str) -> list[np.ndarray | None]:
        """The original's gradients, in the order of `wanted`; None where nothing depends."""
        places, tensors = self.formed[precision]
        fetched = {str(index): tensor for index, tensor in enumerate(tensors) if tensor is not None}
        found = self.reference.fetch(
            fetched, case.feeds, precision, {places[name]: array for name, array in projections.items()}
        )
        return [found.get(str(index)) for index in range(len(tensors))]

    def _after_step(
        self,
        by_weight: Mapping[int, np.ndarray],
        by_tensor: Mapping[str, np.ndarray | None],
        gradients: Mapping[str, Comparison],
        tolerance: Tolerance,
    ) -> dict[str, Comparison]:
        """The trained weights after one step of plain gradient descent, made by Keras' own optimizer.

        Only weights that share nothing of what they come from: of others the original has one, and the model several.
        """
        import keras

        trained = [weight for weight in self.weights if weight.trainable]
        if not trained:
            return {}
        held = {id(weight): weight.numpy() for weight in trained}
        try:
            steps = [keras.ops.convert_to_tensor(by_weight[id(weight)]) for weight in trained]
            keras.optimizers.SGD(RATE).apply(steps, trained)
            moved = {id(weight): weight.numpy() for weight in trained}
        finally:
            for weight in trained:
                weight.assign(held[id(weight)])
        found: dict[str, Comparison] = {}
        users = Counter(tensor for each in self.made for tensor in each.tensors)
        for each in self.made:
            theirs = [by_tensor[tensor] for tensor in each.tensors]
            alone = all(users[tensor] == 1 for tensor in each.tensors)
            if not alone or id(each.weight) not in moved or any(array is None for array in theirs):
                continue
            before, got = held[id(each.weight)], moved[id(each.weight)]
            step = each.together([np.asarray(array) for array in theirs]).astype(before.dtype)
            want = before - before.dtype.type(RATE) * step
            # what the gradients differ by has been judged already
            allowed = RATE * max(gradients[f"by {tensor}"].error for tensor in each.tensors)
            found[f"{each.path} after one step"] = compare(got, want, tolerance, want.astype(np.float64) + allowed)
        return found


def converted_gradients(
    context: Context, case: Case, projections: Mapping[str, np.ndarray], inputs: list[str], weights: list[Any]
) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
    """The conversion's gradients by `inputs`, in that order, and by `weights`.

    Raises NoGradient, and OutputsDiffer where its outputs have other shapes than the original's, or it cannot run.
    """
    import keras
    import tensorflow as tf

    names = context.trials.converted
    values = {name: tf.convert_to_tensor(case.feeds[name]) for name in names.inputs}
    at = [*(values[name] for name in inputs), *(weight.value for weight in weights)]
    with tf.GradientTape() as tape:
        for each in at:
            tape.watch(each)
        given = list(values.values())
        try:
            results = keras.tree.flatten(context.model(given[0] if len(given) == 1 else given, training=False))
        except Exception as problem:  # a model may raise anything, and that it does is the finding
            raise OutputsDiffer(f"The conversion raises {type(problem).__name__}: {first_line(problem)}") from problem
        for name, result in zip(names.outputs, results, strict=True):
            known = projections.get(name)
            if known is not None and tuple(result.shape) not in (known.shape, (1, *known.shape)):  # pixels as samples
                shapes = f"{list(result.shape)} instead of {list(known.shape)}"
                raise OutputsDiffer(f"{name}: shape {shapes}")
        products = [
            tf.reduce_sum(result * tf.cast(projections[name], result.dtype))
            for name, result in dict(zip(names.outputs, results, strict=True)).items()
            if name in projections
        ]
        loss = tf.add_n([tf.cast(product, "float64") for product in products])
    try:
        found = tape.gradient(loss, at)
    except (LookupError, ValueError, tf.errors.OpError) as problem:
        raise NoGradient(f"the conversion has no gradient here: {first_line(problem)}") from problem
    arrays = [
        np.zeros(tuple(each.shape), each.dtype.as_numpy_dtype) if got is None else np.asarray(tf.convert_to_tensor(got))
        for each, got in zip(at, found, strict=True)
    ]
    count = len(inputs)
    return arrays[:count], {id(w): array for w, array in zip(weights, arrays[count:], strict=True)}


def _is_float(reference: Reference, name: str) -> bool:
    return bool(reference.tensor(name).dtype.is_floating)
