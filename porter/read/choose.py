"""Outputs found without being named, from what the graph computes rather than from what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from porter.read.ends import End, Ends
from porter.read.model import Candidate
from porter.read.operations import RANDOM, changes_state, is_optimizer, output_types
from porter.read.values import Values
from porter.read.wiring import Tensor, spell
from porter.read.worth import SHAPES, Worth

GOOD_NAME = re.compile(
    r"prob|predict|softmax|logit|output|score|y_?hat|pred|(^|/)(out|y_|result|embedding)", re.IGNORECASE
)
LOSS_NAME = re.compile(
    r"loss|cost|x?entropy|accuracy|metric|optimi[sz]er|regulari[sz]|summar|train_op|error|reward|(^|/)acc",
    re.IGNORECASE,
)
# What Python's functions call the operations that they make, where it is not the operation's own name; without "_".
DEFAULT_NAMES = {
    "RealDiv": ("truediv", "div"), "Pack": ("stack", "packed"), "Unpack": ("unstack",),
    "Cast": ("tofloat", "toint32", "toint64", "tobool"), "ConcatV2": ("concat",), "Reciprocal": ("truediv",),
    "Identity": ("read", "controldependency"), "GatherV2": ("embeddinglookup", "gather"),
    "TensorArrayGatherV3": ("tensorarraystack",), "Select": ("where",), "SelectV2": ("where",),
    "BiasAdd": ("xwplusb",), "Maximum": ("leakyrelu", "clipbyvalue"), "Reshape": ("flatten", "shape"), "BatchMatMulV2": ("matmul",),
    "BatchMatMul": ("matmul",), "ResizeNearestNeighbor": ("resizenearest",),
    "DepthwiseConv2dNative": ("depthwise",), "Conv2DBackpropInput": ("conv2dtranspose",), "Conv2D": ("convolution",),
}  # fmt: skip
# Of operations with many outputs those that people use; the others are there for the gradient.
MAIN_OUTPUTS = {
    "FusedBatchNorm": (0,), "FusedBatchNormV2": (0,), "FusedBatchNormV3": (0,), "LSTMBlockCell": (1, 6),
    "BlockLSTM": (1, 6), "BlockLSTMV2": (1, 6), "GRUBlockCell": (3,), "CudnnRNN": (0, 1, 2),
    "MaxPoolWithArgmax": (0, 1), "SoftmaxCrossEntropyWithLogits": (0,),
    "SparseSoftmaxCrossEntropyWithLogits": (0,),
}  # fmt: skip
MOST_ENDS, MOST_NETWORKS = 8, 4
PASSABLE = 1.5  # what an output must be worth beside better ones


def is_default_name(name: str, op: str) -> bool:
    """Whether the last part of a node's name is what TensorFlow calls such an operation by itself."""
    last = re.sub(r"(v\d)?(_\d+)?$", "", name.rsplit("/", 1)[-1].lower()).replace("_", "")
    kind = re.sub(r"v\d$", "", op.lower())
    return last == kind or last in DEFAULT_NAMES.get(op, ()) or last in ("arguments", "cond", "case", "while")


@dataclass
class Head:
    """An end of a network, and the best output that is computed from it.

    weights: all of its network's. last: those met at the end. build: how many of which operation, and the weights'
    shapes. fed: what data it needs. random: nodes that only make sense in training. trained: whether an optimizer trains it.
    names: of the last weights, without the outermost scope.
    """

    end: End
    best: Candidate
    others: list[Candidate]
    weights: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    build: tuple[tuple[str, int], ...] = ()
    fed: frozenset[str] = frozenset()
    random: int = 0
    trained: bool = False
    names: tuple[str, ...] = ()


class Chooser:
    """Ranks the outputs that a graph may have, and chooses one for each end of a network.

    Of all that is computed from an end without labels the best is taken: probabilities before activations, before the
    bare end, before classes. Of copies of one network (towers, target networks, one for validation) one is taken.
    """

    def __init__(self, ends: Ends, values: Values):
        self.ends, self.wiring, self.flow, self.values = ends, ends.wiring, ends.flow, values
        self.order = {name: at for at, name in enumerate(self.wiring.nodes)}
        self.warnings: list[str] = []
        self.worth = Worth(ends, values, [])

    def outputs(self) -> list[Candidate]:
        """The candidates, the best first, those chosen marked."""
        sinks = self._sinks()
        if all(self.wiring.op(weight) == "Const" for weight in self.flow.weights) and 0 < len(sinks) <= MOST_NETWORKS:
            return [
                Candidate(spell(t), 5.0, "nothing is computed from it any more, and it depends on the inputs", True)
                for t in sinks
            ]
        found = self.ends.find()
        self.worth = Worth(self.ends, self.values, found)
        heads = self._in_use([head for end in found if (head := self._head(end)) is not None])
        heads = self._without_leftovers(heads)
        if not heads:
            ranked = sorted((self._judge(t, End(t[0], frozenset([t[0]]))) for t in sinks), key=lambda c: -c.score)
            for candidate in ranked[:MOST_NETWORKS]:
                candidate.chosen = True
            return ranked
        self._choose(self._one_of_each(heads), sinks)
        every = [candidate for head in heads for candidate in (head.best, *head.others)]
        every += self._beside(heads, sinks, MOST_NETWORKS - sum(candidate.chosen for candidate in every))
        unique = {c.tensor: c for c in sorted(every, key=lambda c: (c.chosen, c.score))}
        return sorted(unique.values(), key=lambda c: (not c.chosen, -c.score))

    def _in_use(self, heads: list[Head]) -> list[Head]:
        """Without heads whose last weights no optimizer trains while it trains what lies before them: the loss does not
        need them, as the last residual of a WaveNet."""
        return [head for head in heads if not head.trained or not head.last or self.ends.trained(head.last)] or heads

    def _without_leftovers(self, heads: list[Head]) -> list[Head]:
        """Without what was left over where other heads tell what the graph is for: batch normalisations whose weights
        were folded into the convolution before them, and last states of loops that nobody named or used."""
        kept = [head for head in heads if not self._is_folded(head, heads)] or heads
        states = [h for h in kept if self._is_unused(h.best) and self.wiring.op(h.end.node) == "Exit"]
        rest = [head for head in kept if head not in states]
        return rest if len(kept) > MOST_NETWORKS or any(self._is_named(head.best) for head in rest) else kept

    def _is_folded(self, head: Head, heads: list[Head]) -> bool:
        if not self.wiring.op(head.end.node).startswith("FusedBatchNorm") or not self._is_unused(head.best):
            return False
        return any(head.last < other.weights and head.last != other.last for other in heads if other is not head)

    def _is_unused(self, candidate: Candidate) -> bool:
        """Whether an output is a node that nobody named and from which nothing is computed."""
        used = any(user in self.flow.forward for user, _, _ in self.wiring.users[candidate.tensor.rsplit(":", 1)[0]])
        return not used and not self._is_named(candidate)

    def _is_named(self, candidate: Candidate) -> bool:
        name = candidate.tensor.rsplit(":", 1)[0]
        return not is_default_name(name, self.wiring.op(name))

    def _choose(self, heads: list[Head], sinks: list[Tensor]) -> None:
        """Mark one candidate of each head; of a graph that only infers, what was computed last: it was built for that."""
        for head in heads:
            head.best.chosen = True
        if self._trains():
            return
        after = frozenset().union(*(head.end.after for head in heads))
        final = [t for t in sinks if t[0] in after and self.ends.shapes.get(t) != () and not LOSS_NAME.search(t[0])]
        drawn = self.wiring.after(
            (n for n in self.wiring.nodes if self.wiring.op(n) in RANDOM), within=self.flow.forward
        )
        final = [t for t in final if t[0] not in drawn] or final
        computed = [t for t in final if not self.worth.picks(t[0])]
        final = [t for t in final if t in computed or not is_default_name(t[0], self.wiring.op(t[0]))]
        if not final or len(final) > MOST_NETWORKS:
            return
        for head in heads:
            mine = [t for t in computed if t[0] in head.end.after]
            head.best.chosen = not mine
            judged = []
            for tensor in mine or [t for t in final if t[0] in head.end.after]:
                known = next((c for c in (head.best, *head.others) if c.tensor == spell(tensor)), None)
                if known is None:
                    known = self._judge(tensor, head.end)
                    head.others.append(known)
                judged.append(known)
            told = any(self._is_named(known) for known in judged)
            for known in judged:
                if told and known.score < PASSABLE and not self._is_named(known):
                    continue  # left over beside what the author named
                known.chosen = True
                known.why += ", and nothing is left to train in this graph"

    def _beside(self, heads: list[Head], sinks: list[Tensor], most: int) -> list[Candidate]:
        """What the author made of the middle of a network and named as an output, such as the embeddings of faces that a
        last layer classifies in training alone; chosen, `most` of them."""
        after = frozenset().union(*(head.end.after for head in heads))
        found: list[Candidate] = []
        for tensor in sinks:
            name = tensor[0]
            if name in after or name not in self.ends.domain or is_default_name(name, self.wiring.op(name)):
                continue
            told = GOOD_NAME.search(name.rsplit("/", 1)[-1]) and not LOSS_NAME.search(name)
            if told and not self.worth.picks(name) and len(self.ends.shapes.get(tensor) or ()) > 1:
                why = "nothing else is computed from it, and its name speaks of an output"
                found.append(Candidate(spell(tensor), 2.9, why, chosen=len(found) < most))
        return found

    def _trains(self) -> bool:
        """Whether the graph holds its training, too."""
        return bool(self.ends.labels) or any(is_optimizer(node.op) for node in self.wiring.nodes.values())

    def _sinks(self) -> list[Tensor]:
        """Tensors that depend on what is fed and from which nothing is computed any more."""
        wiring, forward = self.wiring, self.flow.forward
        data = {name for name, index in self.ends.source_tensors() if (name, index) not in self.ends.labels}
        fed = wiring.after(data or self.flow.sources, within=forward) or forward
        found: list[Tensor] = []
        for name in wiring.nodes:
            if (
                name not in fed
                or any(user in forward for user, _, _ in wiring.users[name])
                or wiring.op(name) == "NoOp"
            ):
                continue
            every = range(len(output_types(wiring.nodes[name]) or []))
            found += [
                (name, at) for at in MAIN_OUTPUTS.get(wiring.op(name), every) if self.ends.is_fetchable((name, at))
            ]
        found = [t for t in found if wiring.op(t[0]) not in SHAPES] or found
        # what goes into a variable alone, such as a step of a moving average, nobody built the graph for
        kept = [t for t in found if not any(changes_state(wiring.op(user)) for user, _, _ in wiring.users[t[0]])]
        return kept or found

    def _head(self, end: End) -> Head | None:
        """An end with its candidates, None if nothing can be fetched there."""
        tensors = [(name, 0) for name in sorted(end.after, key=self.order.__getitem__)]
        if end.part is not None:
            tensors = [end.part if tensor[0] == end.part[0] else tensor for tensor in tensors]
        tensors = [t for t in tensors if self.ends.is_fetchable(t) and self.ends.shapes.get(t) != ()]
        ranked = sorted((self._judge(tensor, end) for tensor in tensors), key=lambda c: -c.score)
        if not ranked:
            return None
        head = Head(end, ranked[0], ranked[1:6])
        self._describe(head)
        return head

    # The worth of a tensor

    def _judge(self, tensor: Tensor, end: End) -> Candidate:
        """How good an output a tensor is that is computed from `end`."""
        name = tensor[0]
        score, why = self.worth.of(name, end)
        if LOSS_NAME.search(name):
            score -= 3.0
            why += ", but it is named like a loss or a metric"
        elif not is_default_name(name, self.wiring.op(name)):
            # The author took the trouble of naming it.
            plain = not self.worth.picks(name) and score >= 0
            score = (max(score, 3.0) if plain else score) + 0.6
            why += ", given a name of its own"
            if GOOD_NAME.search(name.rsplit("/", 1)[-1]):
                score += 0.3
                why += " that speaks of an output"
        users = [user for user, _, _ in self.wiring.users[name] if user in self.flow.forward]
        if all(map(self.worth.is_shown_part, users)) and not self.worth.is_shown_part(name):
            score += 0.4
            why += ", nothing else is computed from it"
        return Candidate(spell(tensor), round(score, 2), why)

    # Copies of one network

    def _one_of_each(self, heads: list[Head]) -> list[Head]:
        """One head of each group of copies, at most a few."""
        groups: list[list[Head]] = []
        for head in heads:
            alike = [group for group in groups if any(_are_copies(head, other) for other in group)]
            alike = [group for group in alike if group[0].names == head.names] or alike
            group = alike[0] if alike else None
            if group is None:
                groups.append([head])
            else:
                group.append(head)
        chosen: dict[str, Head] = {}
        copies: dict[str, list[Head]] = {}
        for group in groups:
            # of a decoder that is told the target and one that is not, the second is for use
            best = max(
                group,
                key=lambda h: (-h.random, h.trained, h.best.score, -len(h.fed), -self.order[h.end.node]),
            )
            if best.best.tensor not in chosen:
                self._tell_copies(best, group)
                chosen[best.best.tensor] = best
                copies[best.best.tensor] = group
        self._leave_judges(chosen, copies)
        ranked = sorted(chosen.values(), key=lambda h: -h.best.score)
        ranked = [head for head in ranked if head.best.score >= min(PASSABLE, ranked[0].best.score)]
        most = MOST_ENDS if all(head.weights & ranked[0].weights for head in ranked) else MOST_NETWORKS
        if len(ranked) > most:
            left = ", ".join(head.best.tensor for head in ranked[most : most + 4])
            self.warnings.append(f"The graph has {len(ranked)} ends; the {most} best are converted, not {left} …")
        return ranked[:most]

    def _leave_judges(self, chosen: dict[str, Head], copies: dict[str, list[Head]]) -> None:
        """Take discriminators out of what is chosen: whoever keeps such a model wants what its generator makes."""
        makers = {}
        for judge, head in chosen.items():
            for made, maker in chosen.items():
                # in a cycle of generators each is given what the other made
                if _judges(copies[judge], maker) and not _judges(copies[made], head):
                    makers[judge] = made
        for judge, made in makers.items():
            del chosen[judge]
            self.warnings.append(
                f"{judge} judges what {made} makes, and is there to train it: it is not converted. "
                f"--outputs {judge} converts it."
            )

    def _tell_copies(self, best: Head, group: list[Head]) -> None:
        others = list(dict.fromkeys(h.best.tensor for h in group if h.best.tensor != best.best.tensor))
        if others:
            self.warnings.append(
                f"The graph holds {len(others) + 1} copies of one network; {best.best.tensor} is converted, "
                f"not {', '.join(others[:4])}{' …' if len(others) > 4 else ''}. --outputs chooses another."
            )

    def _describe(self, head: Head) -> None:
        """Find out the weights, the structure and the use of a head's network."""
        behind = self.wiring.before([head.end.node], within=self.flow.forward)
        head.weights = frozenset(behind & self.flow.weights)
        head.fed = frozenset(behind & self.flow.sources)
        head.last = self.ends.own_weights(head.end.node)
        counts: dict[str, int] = {}
        for name in behind - self.flow.weights:
            node = self.wiring.nodes[name]
            if node.op in RANDOM or (node.op.startswith("FusedBatchNorm") and node.attr["is_training"].b):
                head.random += 1
            if node.op not in ("Const", "Identity") and not node.op.startswith("Placeholder"):
                counts[node.op] = counts.get(node.op, 0) + 1
        stands = self.ends.plan.stands
        sizes = sorted(str(stands[weight].shape) for weight in head.weights if weight in stands)
        head.build = (*sorted(counts.items()), *((size, 0) for size in sizes))
        head.names = tuple(sorted(weight.split("/", 1)[-1] for weight in head.last))
        head.trained = self.ends.trained(head.weights)

    def inputs(self, chosen: Iterable[Tensor]) -> list[Candidate]:
        """What is fed, those in `chosen` marked."""
        taken = set(chosen)
        found = []
        for tensor in sorted(self.ends.source_tensors(), key=lambda t: (self.order[t[0]], t[1])):
            if tensor in taken:
                found.append(Candidate(spell(tensor), 5.0, "the outputs are computed from it", True))
            elif tensor[0] in self.ends.knobs:
                found.append(Candidate(spell(tensor), 2.0, "sets how the graph runs"))
            elif tensor in self.ends.labels:
                found.append(
                    Candidate(spell(tensor), 1.0, "only losses and metrics use it: labels, weights of samples")
                )
            else:
                found.append(Candidate(spell(tensor), 0.0, "the chosen outputs do not depend on it"))
        return sorted(found, key=lambda c: -c.score)


def _judges(group: list[Head], maker: Head) -> bool:
    """Whether copies of one network judge what another makes of data of its own, beside true data: the discriminator of
    a generative adversarial network. A critic is told all that its actor is told."""
    judging = {head.last for head in group if maker.last and maker.last <= head.weights}
    apart = (head for head in group if head.trained and not head.weights & maker.weights)
    return maker.trained and any(head.last in judging and maker.fed - head.fed for head in apart)


def _are_copies(one: Head, other: Head) -> bool:
    """Copies share their last weights, or they are built alike and share none; but two that are trained at the same data,
    such as actor and critic, are two networks."""
    if one.last and one.last == other.last:
        return one.end.part == other.end.part
    two = one.trained and other.trained and one.fed == other.fed
    return one.build == other.build and not one.weights & other.weights and not two
