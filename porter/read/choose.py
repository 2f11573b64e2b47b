"""Outputs found without being named, from what the graph computes rather than from what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from porter.read.ends import End, Ends
from porter.read.model import Candidate
from porter.read.operations import RANDOM, dtype_name, is_optimizer, output_types
from porter.read.values import Values
from porter.read.wiring import Tensor, spell

PROBABILITIES = {"Softmax": 6.0, "Sigmoid": 6.0, "LogSoftmax": 5.0}
ACTIVATIONS = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Tanh", "Softplus", "Softsign", "Maximum", "Minimum",
    "ClipByValue",
})  # fmt: skip
CARRYING = frozenset({
    "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "Slice", "Split", "SplitV",
    "Unpack", "StopGradient", "Exit", "TensorArrayGatherV3", "TensorArrayReadV3", "Merge", "DepthToSpace",
    "SpaceToDepth", "BatchToSpaceND", "Pad", "ReverseV2", "ReverseSequence",
})  # fmt: skip
COMBINING = frozenset({"Add", "AddV2", "AddN", "Sub", "Mul", "Pack", "ConcatV2", "Concat"})
STACKING = frozenset({"Pack", "ConcatV2", "Concat"})
PICKING = frozenset({
    "ArgMax", "ArgMin", "TopKV2", "TopK", "Cast", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
    "LessEqual", "Round", "Rint", "Where", "InTopK", "InTopKV2", "OneHot", "LogicalNot", "LogicalAnd", "LogicalOr",
    "NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "Multinomial",
})  # fmt: skip
REDUCING = frozenset({"Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "L2Loss"})
SHAPES = frozenset({"Shape", "ShapeN", "Rank", "Size", "ZerosLike", "OnesLike", "Range", "Fill", "Const"})
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
    "Maximum": ("leakyrelu", "clipbyvalue"), "Reshape": ("flatten", "shape"), "BatchMatMulV2": ("matmul",),
    "BatchMatMul": ("matmul",), "ResizeNearestNeighbor": ("resizenearest",),
    "DepthwiseConv2dNative": ("depthwise",), "Conv2DBackpropInput": ("conv2dtranspose",),
}  # fmt: skip
# Of operations with many outputs those that people use; the others are there for the gradient.
MAIN_OUTPUTS = {
    "FusedBatchNorm": (0,), "FusedBatchNormV2": (0,), "FusedBatchNormV3": (0,), "LSTMBlockCell": (1, 6),
    "BlockLSTM": (1, 6), "BlockLSTMV2": (1, 6), "GRUBlockCell": (3,), "CudnnRNN": (0, 1, 2),
    "MaxPoolWithArgmax": (0, 1), "SoftmaxCrossEntropyWithLogits": (0,),
    "SparseSoftmaxCrossEntropyWithLogits": (0,),
}  # fmt: skip
FLOATS = ("float16", "bfloat16", "float32", "float64")
MOST_ENDS, MOST_NETWORKS = 8, 4
PASSABLE = 1.5  # what an output must be worth beside better ones
ENOUGH = 2.5  # what a tensor must be worth for a bound on it, or a sum with it, to be an output


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


class Chooser:
    """Ranks the outputs that a graph may have, and chooses one for each end of a network.

    Of all that is computed from an end without labels the best is taken: probabilities before activations, before the
    bare end, before classes. Of copies of one network (towers, target networks, one for validation) one is taken.
    """

    def __init__(self, ends: Ends, values: Values):
        self.ends, self.wiring, self.flow, self.values = ends, ends.wiring, ends.flow, values
        self.order = {name: at for at, name in enumerate(self.wiring.nodes)}
        self.warnings: list[str] = []
        self.nodes: set[str] = set()
        self.ways: dict[str, frozenset[frozenset[str]]] = {}

    def outputs(self) -> list[Candidate]:
        """The candidates, the best first, those chosen marked."""
        sinks = self._sinks()
        if all(self.wiring.op(weight) == "Const" for weight in self.flow.weights) and 0 < len(sinks) <= MOST_NETWORKS:
            return [
                Candidate(spell(t), 5.0, "nothing is computed from it any more, and it depends on the inputs", True)
                for t in sinks
            ]
        found = self.ends.find()
        self.nodes = {end.node for end in found}
        self.ways = self._ways(found)
        heads = [head for end in found if (head := self._head(end)) is not None]
        if not heads:
            ranked = sorted((self._judge(t, End(t[0], frozenset([t[0]]))) for t in sinks), key=lambda c: -c.score)
            for candidate in ranked[:MOST_NETWORKS]:
                candidate.chosen = True
            return ranked
        self._choose(self._one_of_each(heads), sinks)
        every = [candidate for head in heads for candidate in (head.best, *head.others)]
        unique = {c.tensor: c for c in sorted(every, key=lambda c: (c.chosen, c.score))}
        return sorted(unique.values(), key=lambda c: (not c.chosen, -c.score))

    def _choose(self, heads: list[Head], sinks: list[Tensor]) -> None:
        """Mark one candidate of each head; of a graph that only infers, what was computed last: it was built for that."""
        for head in heads:
            head.best.chosen = True
        if self._trains():
            return
        final = [t for t in sinks if self.ends.shapes.get(t) != () and not LOSS_NAME.search(t[0])]
        drawn = self.wiring.after(
            (n for n in self.wiring.nodes if self.wiring.op(n) in RANDOM), within=self.flow.forward
        )
        final = [t for t in final if t[0] not in drawn] or final
        computed = [t for t in final if not self._picks(t[0])]
        final = [t for t in final if t in computed or not is_default_name(t[0], self.wiring.op(t[0]))]
        if not final or len(final) > MOST_NETWORKS:
            return
        for head in heads:
            mine = [t for t in computed if t[0] in head.end.after]
            head.best.chosen = not mine
            for tensor in mine or [t for t in final if t[0] in head.end.after]:
                known = next((c for c in (head.best, *head.others) if c.tensor == spell(tensor)), None)
                if known is None:
                    known = self._judge(tensor, head.end)
                    head.others.append(known)
                known.chosen = True
                known.why += ", and nothing is left to train in this graph"

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
        return [t for t in found if wiring.op(t[0]) not in SHAPES] or found

    def _ways(self, ends: list[End]) -> dict[str, frozenset[frozenset[str]]]:
        """By node, the ends from which it is computed, each as its last weights: copies of an end count once."""
        found: dict[str, set[frozenset[str]]] = {}
        for end in ends:
            weights = self.ends.own_weights(end.node)
            for name in end.after:
                found.setdefault(name, set()).add(weights)
        return {name: frozenset(ways) for name, ways in found.items()}

    def _head(self, end: End) -> Head | None:
        """An end with its candidates, None if nothing can be fetched there."""
        tensors = [(name, 0) for name in sorted(end.after, key=self.order.__getitem__)]
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
        score, why = self._worth(name, end, 0)
        if LOSS_NAME.search(name):
            score -= 3.0
            why += ", but it is named like a loss or a metric"
        elif not is_default_name(name, self.wiring.op(name)):
            # The author took the trouble of naming it.
            plain = not self._picks(name) and score >= 0
            score = (max(score, 3.0) if plain else score) + 0.6
            why += ", given a name of its own"
            if GOOD_NAME.search(name.rsplit("/", 1)[-1]):
                score += 0.3
                why += " that speaks of an output"
        if not any(user in self.flow.forward for user, _, _ in self.wiring.users[name]):
            score += 0.4
            why += ", nothing else is computed from it"
        return Candidate(spell(tensor), round(score, 2), why)

    def _worth(self, name: str, end: End, depth: int) -> tuple[float, str]:
        """What a node is worth by what it computes, and what that is."""
        op = self.wiring.op(name)
        if op in PROBABILITIES:
            return PROBABILITIES[op], f"{op} of what the last weights give"
        if op in SHAPES:
            return -5.0, "a shape"
        if self._picks(name):
            return 1.0, f"{op}: chosen from what the network gives"
        if name == end.node or name in self.nodes:
            return 3.0, "the last node at which data meets weights"
        inputs = [source for source, _ in self.wiring.inputs[name] if source in end.after]
        if op in ACTIVATIONS and (op not in ("Maximum", "Minimum") or self._best(inputs, end, depth) >= ENOUGH):
            return 3.6, f"{op} of what the last weights give"
        written = self.ends.written(name) if op == "TensorArrayGatherV3" and depth < 20 else None
        if written is not None and written in end.after:
            score, why = self._worth(written, end, depth + 1)
            return score + self._carried(name), f"{why}, in every step of a loop"
        if (op in CARRYING or op == "Cast") and inputs and depth < 20:
            score, why = max(self._worth(source, end, depth + 1) for source in inputs)
            return score + self._carried(name), why
        if op in COMBINING and self._combines(name):
            best = self._best(
                [source for source, _ in self.wiring.inputs[name] if source in self.ends.domain], end, depth
            )
            if best >= ENOUGH:
                worth = max(3.7, best + 0.1) if op in STACKING else 3.7
                return worth, f"{op}: brings together what several parts of the network give"
        if self._rescales(name) and depth < 20:
            score, why = max(self._worth(source, end, depth + 1) for source in inputs)
            return score + 0.1, f"{why}, brought to another range"
        if op in REDUCING:
            pooled = op in ("Mean", "Max") and len(self.ends.shapes.get((name, 0)) or ()) > 1
            return (2.9 if pooled else -1.0), f"{op} of what the network gives"
        return 0.5, f"{op}: computed from what the network gives"

    def _best(self, names: list[str], end: End, depth: int) -> float:
        return max((self._worth(name, end, depth + 1)[0] for name in names), default=0.0) if depth < 20 else 0.0

    def _carried(self, name: str) -> float:
        """What it adds to pass a value on: a reshape that gives the batch its axis back is meant for people, one that
        flattens is meant for a loss."""
        users = [user for user, _, _ in self.wiring.users[name] if user in self.flow.forward]
        in_use = any(user in self.ends.domain for user in users)
        if self.wiring.op(name) == "Reshape":
            before, after = (self.ends.shapes.get(t) for t in (self.wiring.inputs[name][0], (name, 0)))
            if before is not None and after is not None and len(after) > len(before):
                return 0.2
            if users and not in_use:
                return -0.5
        return -0.1 if in_use else 0.1

    def _picks(self, name: str) -> bool:
        """Whether a node chooses from what it is given, or cuts it down to whole numbers."""
        node = self.wiring.nodes[name]
        return node.op in PICKING and not (node.op == "Cast" and dtype_name(node.attr["DstT"].type) in FLOATS)

    def _rescales(self, name: str) -> bool:
        """Whether a node brings a tanh, of which nothing else is made, to another range."""
        while self.wiring.op(name) in ("Add", "AddV2", "Sub", "Mul", "RealDiv"):
            inputs = [source for source, _ in self.wiring.inputs[name]]
            computed = [source for source in inputs if source in self.ends.domain]
            constant = [s for s in inputs if s not in self.ends.domain and s not in self.flow.weights]
            if len(computed) != 1 or len(constant) != 1 or self.values.of((constant[0], 0)) is None:
                return False
            name = computed[0]
            if sum(user in self.flow.forward for user, _, _ in self.wiring.users[name]) != 1:
                return False
        return self.wiring.op(name) == "Tanh"

    def _combines(self, name: str) -> bool:
        """Whether a node puts together values of different ends, or of an end and what lies before it."""
        ways = {
            self.ways.get(source, frozenset()) for source, _ in self.wiring.inputs[name] if source in self.ends.domain
        }
        return len(ways) > 1

    # Copies of one network

    def _one_of_each(self, heads: list[Head]) -> list[Head]:
        """One head of each group of copies, at most a few."""
        groups: list[list[Head]] = []
        for head in heads:
            group = next((group for group in groups if _are_copies(head, group[0])), None)
            if group is None:
                groups.append([head])
            else:
                group.append(head)
        chosen: dict[str, Head] = {}
        for group in groups:
            # of a decoder that is told the target and one that is not, the second is for use
            best = max(
                group,
                key=lambda h: (-h.random, h.trained, h.best.score, -len(h.fed), -self.order[h.end.node]),
            )
            if best.best.tensor not in chosen:
                self._tell_copies(best, group)
                chosen[best.best.tensor] = best
        ranked = sorted(chosen.values(), key=lambda h: -h.best.score)
        ranked = [head for head in ranked if head.best.score >= min(PASSABLE, ranked[0].best.score)]
        most = MOST_ENDS if all(head.weights & ranked[0].weights for head in ranked) else MOST_NETWORKS
        if len(ranked) > most:
            left = ", ".join(head.best.tensor for head in ranked[most : most + 4])
            self.warnings.append(f"The graph has {len(ranked)} ends; the {most} best are converted, not {left} …")
        return ranked[:most]

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
        head.trained = any(
            is_optimizer(self.wiring.op(user))
            for w in head.weights
            for user, slot, _ in self.wiring.users[w]
            if slot == 0
        )

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


def _are_copies(one: Head, other: Head) -> bool:
    """Copies share their last weights, or they are built alike and share none."""
    if one.last and one.last == other.last:
        return True
    return one.build == other.build and not one.weights & other.weights
