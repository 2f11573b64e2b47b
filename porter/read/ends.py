"""Where networks end: the last nodes at which data meets weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from porter.read.contexts import Contexts
from porter.read.cut import Plan
from porter.read.flow import GRADIENTS, NUMBERS, Flow
from porter.read.operations import is_optimizer, output_types
from porter.read.static import Shape, shapes_of
from porter.read.training import steps
from porter.read.wiring import Tensor, Wiring

LOOPS_OUT = ("Exit", "TensorArrayGatherV3", "TensorArrayConcatV3")
PASSING = ("Identity", "Cast", "Reshape", "Mul", "Add", "AddV2")
LOOKUPS = ("Gather", "GatherV2", "ResourceGather")


@dataclass(frozen=True)
class End:
    """A node at which a network ends, and what is computed from it (itself included) without further weights.

    part: where what it gives is split and each part goes its own way, one of the parts; `after` is computed from it.
    """

    node: str
    after: frozenset[str]
    part: Tensor | None = None


class Ends:
    """The ends of all networks in a graph.

    joins: nodes at which data meets weights. labels: tensors that are fed and never reach one: what depends on them is
    loss or metric. beyond: what needs weights that are `absent`, for which nothing is stored. domain: what depends on
    data and weights, on no label, and is not beyond. tail: the part of it from which no join is reached any more; an
    end is a join in the tail.
    """

    def __init__(
        self, wiring: Wiring, contexts: Contexts, flow: Flow, plan: Plan, knobs: set[str],
        absent: frozenset[str] = frozenset(),
    ):  # fmt: skip
        self.wiring, self.contexts, self.flow, self.plan, self.knobs = wiring, contexts, flow, plan, knobs
        both = flow.fed & flow.weighted
        self.shapes: dict[Tensor, Shape | None] = shapes_of(
            wiring, contexts, [(n, 0) for n in both if self.is_numeric((n, 0))], plan
        )
        self.joins = {name for name in flow.joins if self.shapes.get((name, 0)) != ()}
        self._own: dict[str, frozenset[str]] = {}
        self.beyond = self.wiring.after(
            (join for join in self.joins if self.own_weights(join) & absent), within=flow.forward
        )
        self.joins -= self.beyond
        self._divide()
        for _ in range(4):
            losses = self._joins_of_losses() or self._joins_in_vain()
            if not losses:
                break
            self.joins -= losses
            self._divide()

    def _divide(self) -> None:
        """Find labels, domain and tail, given the joins."""
        before = self.wiring.before(self.joins, within=self.flow.forward)
        self.labels = {t for t in self.source_tensors() if not self._is_setting(t[0]) and not self._meets(t, before)}
        self.domain = (self.flow.fed & self.flow.weighted) - self.flow.after_data((), self.labels) - self.beyond
        sources = (s for join in self.joins & self.domain for s, _ in self.wiring.inputs[join])
        self.feeding = self.wiring.before(sources, within=self.domain)
        self.tail = self.domain - self.feeding

    def _is_setting(self, name: str) -> bool:
        """Whether what is fed is a single number, such as a temperature; labels never are."""
        stand = self.plan.stands.get(name)
        return name in self.knobs or (stand is not None and stand.shape == ())

    def _meets(self, tensor: Tensor, before: set[str]) -> bool:
        return any(user in before for user, _, index in self.wiring.users[tensor[0]] if index == tensor[1])

    def source_tensors(self) -> list[Tensor]:
        """The tensors through which numbers come in. An iterator's hold data and labels side by side."""
        found = []
        for name in self.flow.sources & self.flow.forward:
            found += [(name, index) for index in sorted({index for _, _, index in self.wiring.users[name]})]
        return [tensor for tensor in found if self.is_numeric(tensor)]

    def is_numeric(self, tensor: Tensor) -> bool:
        types = output_types(self.wiring.nodes[tensor[0]])
        return types is not None and tensor[1] < len(types) and types[tensor[1]] in NUMBERS

    def is_fetchable(self, tensor: Tensor) -> bool:
        """Whether a tensor holds numbers and is not inside of a loop or a branch, of which nothing can be fetched."""
        return self.is_numeric(tensor) and not self.contexts.of_tensor(tensor)

    def own_weights(self, join: str) -> frozenset[str]:
        """The weights that data meets at `join`."""
        if join not in self._own:
            sources = (source for source, _ in self.wiring.inputs[join])
            self._own[join] = frozenset(self.wiring.before(sources, within=self.flow.unmet) & self.flow.weights)
        return self._own[join]

    # Losses may hold weights too: the transitions of a conditional random field, the centers of a center loss.

    def _joins_of_losses(self) -> set[str]:
        """Joins that belong to a loss: all that comes of them is one number for each sample, or they look labels up, or
        they only meet derivatives."""
        last = self.joins & self.tail
        residuals = {join for join in last if self._meets_derivatives(join)}
        if residuals and residuals != self.joins:
            return residuals
        lookups = {join for join in last if self.wiring.op(join) in LOOKUPS and self._is_first(join)}
        if lookups and lookups != last:
            return lookups
        # where loops hide what else is last, such as transitions that are looked up, and are summed over in a loop
        looked_up = frozenset().union(*(self.own_weights(join) for join in lookups))
        hidden = {join for join in self.joins if self.own_weights(join) & looked_up}
        if any(not self.is_fetchable((join, 0)) for join in hidden) and hidden != self.joins:
            return hidden
        single = {
            join for join in last if all(self._is_single(name) for name in self.wiring.after([join], within=self.tail))
        }
        if not last or single != last:
            # how likely an action is has the deviations among its weights that actions are drawn with
            scored = single | {join for join in last if self._is_summed_up(join)}
            others = frozenset().union(*(self.own_weights(join) for join in last - scored))
            return {join for join in scored if self.own_weights(join) and self.own_weights(join) <= others}
        weights = frozenset().union(*(self.own_weights(join) for join in single))
        lost = {join for join in self.joins if self.own_weights(join) & weights}
        return lost if lost != self.joins else set()

    def _joins_in_vain(self) -> set[str]:
        """The last joins, if no optimizer trains the kernels there and one trains those before: what a block gives to the
        next one, where there is none."""
        last = self.joins & self.tail
        kernels = {join: {w for w in self.own_weights(join) if self._is_kernel(w)} for join in last}
        if not last or not all(kernels.values()) or self.trained(frozenset().union(*kernels.values())):
            return set()
        return last if any(self.trained(self.own_weights(join)) for join in self.joins & self.domain) else set()

    def _is_kernel(self, weight: str) -> bool:
        stand = self.plan.stands.get(weight)
        return stand is not None and len(stand.shape or ()) > 1

    def trained(self, weights: Iterable[str]) -> bool:
        """Whether an optimizer trains one of these weights."""
        users = (user for weight in weights for user, slot, _ in self.wiring.users[weight] if slot == 0)
        return any(is_optimizer(self.wiring.op(user)) for user in users)

    def _is_summed_up(self, join: str) -> bool:
        """Whether weights are met number by number, and in the end one number for each sample comes of it."""
        if self.wiring.op(join) not in ("Add", "AddV2", "Sub", "Mul", "RealDiv", "Div"):
            return False
        after = self.wiring.after([join], within=self.tail)
        last = (name for name in after if not any(user in after for user, _, _ in self.wiring.users[name]))
        return all(self._is_single(name) for name in last)

    def _meets_derivatives(self, join: str) -> bool:
        """Whether nothing is made of a join but what derivatives have part in: a differential equation's residual."""
        users = {user for user, _, _ in self.wiring.users[join]} - self.flow.writing
        beside = [user for user in users if user in self.flow.training and not GRADIENTS.search(user)]
        return bool(beside) and users <= self.flow.training

    def _is_first(self, join: str) -> bool:
        behind = self.wiring.before([s for s, _ in self.wiring.inputs[join]], within=self.flow.forward)
        return not behind & self.joins

    def _is_single(self, name: str) -> bool:
        """Whether a node gives at most one number for each sample, or nothing that can be fetched."""
        if not self.is_fetchable((name, 0)):
            return True
        shape = self.shapes.get((name, 0))
        return name not in self.joins if shape is None else len(shape) < 2

    def find(self) -> list[End]:
        """The ends in the order of the graph: of the graph as a whole, and of what each optimizer step trains."""
        found = self._ends_of(self.joins, set())
        if not found:
            return self._loop_ends()
        if len(found) == 1:
            found = self._parts(found[0])
        found += self._decoder_ends(found)
        found += [end for end in self._sampled_ends() if end.node not in {e.node for e in found}]
        groups = steps(self.wiring)
        if 1 < len(groups) <= 6 and all(
            a.variables.isdisjoint(b.variables) for a in groups for b in groups if a is not b
        ):
            for group in groups:
                mine = {join for join in self.joins & self.domain if self.own_weights(join) & group.variables}
                found += [
                    end for end in self._ends_of(mine, self.joins - mine) if end.node not in {e.node for e in found}
                ]
        return found

    def _parts(self, end: End) -> list[End]:
        """An end for each part that is split off, if all are used and never meet again but in a loss: the shares, means
        and deviations of a mixture."""
        users = {user for user, _, _ in self.wiring.users[end.node] if user in end.after}
        (split, *more) = users or {""}
        if more or self.wiring.op(split) not in ("Split", "SplitV"):
            return [end]
        used = sorted({index for user, _, index in self.wiring.users[split] if user in self.flow.forward})
        if len(used) < 2 or len(used) < len(output_types(self.wiring.nodes[split]) or []):
            return [end]
        parts = []
        for index in used:
            first = [user for user, _, at in self.wiring.users[split] if at == index and user in end.after]
            after = self.wiring.after(first, within=end.after)
            parts.append(End(end.node, frozenset({split, *first, *after}), (split, index)))
        apart = sum(len(part.after) - 1 for part in parts) == len(frozenset().union(*(p.after for p in parts))) - 1
        return parts if apart else [end]

    def _ends_of(self, joins: set[str], others: set[str]) -> list[End]:
        """The ends of the network whose weights are met at `joins`; it reaches up to where it meets `others`, or what
        is computed from those that do not lead to it."""
        sources = (s for join in joins & self.domain for s, _ in self.wiring.inputs[join])
        before = self.wiring.before(sources, within=self.domain)
        region = self.domain - before - others - self.wiring.after(others - before, within=self.domain)
        inside = joins & region
        every = [name for name in self.wiring.nodes if name in inside]
        ends = [name for name in every if not self._is_lone_step(name)] or every
        return [End(name, frozenset(self.wiring.after([name], within=region))) for name in ends]

    def _sampled_ends(self) -> list[End]:
        """Where networks end from whose answers numbers are drawn that others go on with: a variational autoencoder's
        means and deviations are outputs too, and the only ones that are the same each time."""
        drawn = self.wiring.after(self._scaled_noise(), within=self.domain)
        if not drawn & self.joins:
            return []
        ends = self._ends_of(self.joins - drawn, drawn)
        towards = self.wiring.before(drawn, within=self.domain)
        return [End(end.node, end.after & towards) for end in ends if end.node in towards]

    def _scaled_noise(self) -> list[str]:
        """Where normally distributed numbers are multiplied with what networks give, or are added to it, multiplied with
        weights before."""
        found, seen = [], {n for n in self.wiring.nodes if self.wiring.op(n) == "RandomStandardNormal"}
        stack = list(seen)
        while stack:
            name = stack.pop()
            for user, _, _ in self.wiring.users[name]:
                op = self.wiring.op(user)
                if user in self.domain and (op == "Mul" or (name in self.flow.weighted and op in ("Add", "AddV2"))):
                    found.append(user)
                    continue
                to_weights = op != "Mul" and user in self.flow.weighted  # noise that is added to them
                if op in PASSING and not to_weights and user not in self.domain and user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found

    def _loop_ends(self) -> list[End]:
        """Where all weights are met inside loops, what comes out of the loops."""
        nodes = [n for n in self.wiring.nodes if n in self.tail and self.wiring.op(n) in LOOPS_OUT]
        nodes = [n for n in nodes if not any(self.wiring.op(user) in LOOPS_OUT for user, _, _ in self.wiring.users[n])]
        return [End(name, frozenset(self.wiring.after([name], within=self.tail))) for name in nodes]

    def _decoder_ends(self, found: list[End]) -> list[End]:
        """Ends inside loops that go on from what they gave last: a decoder's weights lie behind its own answer.

        Left out are loops whose results meet weights again, and what other ends lead to.
        """
        reached = frozenset().union(*(end.after for end in found))
        ends = []
        for name in self.wiring.nodes:
            if self.wiring.op(name) != "TensorArrayGatherV3" or name not in self.tail or name in reached:
                continue
            written = self.written(name)
            if written not in self.joins or written not in self.feeding:
                continue
            frame = self.contexts.of_tensor((written, 0))
            later = self.wiring.after([written], within=self.domain) & self.joins
            if frame and all(self.contexts.of_tensor((join, 0))[: len(frame)] == frame for join in later):
                ends.append(End(written, frozenset({written, *self.wiring.after([name], within=self.tail)})))
        return ends

    def written(self, name: str) -> str | None:
        """What a version 1 loop writes, step by step, into the array that comes out of it at `name`; before zeros are put
        in the place of what lies behind a sequence's end."""
        flow = self.wiring.inputs[name][-1][0]
        for op in ("Exit", "Switch"):
            if self.wiring.op(flow) != op:
                return None
            flow = self.wiring.inputs[flow][0][0]
        back = [source for source, _ in self.wiring.inputs[flow] if self.wiring.op(source) == "NextIteration"]
        write = self.wiring.inputs[back[0]][0][0] if back else ""
        if self.wiring.op(write) != "TensorArrayWriteV3":
            return None
        value = self.wiring.inputs[write][2][0]
        while self.wiring.op(value) in ("Select", "SelectV2", "Identity"):
            value = self.wiring.inputs[value][-1][0]
        return value

    def _is_lone_step(self, name: str) -> bool:
        """Whether a node is of a step outside of the loop whose weights the loop has too: Keras tries out a recurrent
        cell once before it loops over it."""
        roots = self.wiring.before((source for source, _ in self.wiring.inputs[name]), within=self.flow.unmet)
        return any(
            self.wiring.op(user) in ("Enter", "RefEnter") for root in roots for user, _, _ in self.wiring.users[root]
        )
