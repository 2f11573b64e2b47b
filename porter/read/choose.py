"""Outputs (and inputs) found without being named, from what the graph computes rather than from what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from porter.read.contexts import Contexts
from porter.read.cut import Plan
from porter.read.flow import NUMBERS, Flow
from porter.read.model import Candidate
from porter.read.operations import RANDOM, is_optimizer, output_types
from porter.read.static import Shape, shapes_of
from porter.read.wiring import Tensor, Wiring, spell

PROBABILITIES = {"Softmax": 6.0, "Sigmoid": 6.0, "LogSoftmax": 5.0}
ACTIVATIONS = frozenset("Relu Relu6 Elu Selu LeakyRelu Tanh Softplus Softsign Maximum Minimum ClipByValue".split())
CARRYING = frozenset(
    "Identity Reshape Squeeze ExpandDims Transpose StridedSlice Slice Split SplitV Unpack Pack ConcatV2 Concat StopGradient"
    " Exit TensorArrayGatherV3 TensorArrayReadV3 Merge DepthToSpace SpaceToDepth BatchToSpaceND Pad ReverseV2 ReverseSequence".split()
)
PICKING = frozenset(
    "ArgMax ArgMin TopKV2 TopK Cast Equal NotEqual Greater GreaterEqual Less LessEqual Round Where InTopK InTopKV2 OneHot"
    " LogicalNot LogicalAnd LogicalOr NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3".split()
)
REDUCING = frozenset("Mean Sum Max Min Prod All Any L2Loss".split())
SHAPES = frozenset("Shape ShapeN Rank Size ZerosLike OnesLike Range Fill Const".split())
GOOD_NAME = re.compile(r"prob|predict|softmax|logit|output|score|y_?hat|y_?pred|pred|(^|/)(out|y_|result|embedding)", re.IGNORECASE)
LOSS_NAME = re.compile(r"loss|cost|x?entropy|accuracy|metric|optimi[sz]er|regulari[sz]|summar|train_op|error|reward|(^|/)acc", re.IGNORECASE)
# What Python's functions call the operations that they make, where it is not the operation's own name; without "_".
DEFAULT_NAMES = {
    "RealDiv": ("truediv", "div"), "Pack": ("stack", "packed"), "Unpack": ("unstack",), "Cast": ("tofloat", "toint32", "toint64", "tobool"),
    "ConcatV2": ("concat",), "Reciprocal": ("truediv",), "Identity": ("identity", "read", "controldependency"),
    "GatherV2": ("embeddinglookup", "gather"), "TensorArrayGatherV3": ("tensorarraystack",), "Select": ("where",), "SelectV2": ("where",),
    "Maximum": ("leakyrelu", "clipbyvalue"), "Reshape": ("flatten", "shape"), "SquaredDifference": ("squareddifference",),
    "Mul": ("mul",), "Neg": ("neg",), "BatchMatMulV2": ("matmul",), "BatchMatMul": ("matmul",), "ResizeNearestNeighbor": ("resizenearest",),
    "DepthwiseConv2dNative": ("depthwise",), "Conv2DBackpropInput": ("conv2dtranspose",), "Squeeze": ("squeeze",), "Any": ("any",),
}  # fmt: skip
# Of operations with many outputs those that people use; the others are there for the gradient.
MAIN_OUTPUTS = {
    "FusedBatchNorm": (0,), "FusedBatchNormV2": (0,), "FusedBatchNormV3": (0,), "LSTMBlockCell": (1, 6), "BlockLSTM": (1, 6),
    "BlockLSTMV2": (1, 6), "GRUBlockCell": (3,), "CudnnRNN": (0, 1, 2), "MaxPoolWithArgmax": (0, 1), "SoftmaxCrossEntropyWithLogits": (0,),
    "SparseSoftmaxCrossEntropyWithLogits": (0,),
}  # fmt: skip
MOST_HEADS, MOST_NETWORKS = 8, 4


def is_default_name(name: str, op: str) -> bool:
    """Whether the last part of a node's name is what TensorFlow calls such an operation by itself."""
    last = re.sub(r"_\d+$", "", name.rsplit("/", 1)[-1]).lower().replace("_", "")
    kind = re.sub(r"v\d$", "", op.lower())
    return last == kind or last in DEFAULT_NAMES.get(op, ()) or last in ("arguments", "cond", "case", "while")


@dataclass
class Head:
    """An end of a network: the last node at which data meets weights, and the best tensor that is computed from it."""

    node: str
    best: Candidate
    weights: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    build: tuple[tuple[str, int], ...] = ()
    random: int = 0
    trained: bool = False
    position: int = 0
    others: list[Candidate] = field(default_factory=list)


class Chooser:
    """Ranks the outputs that a graph may have.

    A network ends where data meets weights for the last time (its heads). Of all that is computed from a head, without
    labels, the best is taken: probabilities before activations, the bare head, and classes. Labels are what is fed and
    never meets a weight.
    """

    def __init__(self, wiring: Wiring, contexts: Contexts, flow: Flow, plan: Plan, knobs: set[str]):
        self.wiring, self.contexts, self.flow, self.plan, self.knobs = wiring, contexts, flow, plan, knobs
        self.order = {name: at for at, name in enumerate(wiring.nodes)}
        self.warnings: list[str] = []
        self.domain = flow.fed & flow.weighted
        self.shapes: dict[Tensor, Shape | None] = shapes_of(wiring, contexts, [(n, 0) for n in self.domain if self._numeric((n, 0))], plan)
        self.joins = {name for name in flow.joins if not self._is_scalar((name, 0))}
        before = wiring.before(self.joins, within=flow.forward)
        self.labels = {t for t in self._source_tensors() if t[0] not in knobs and not self._scalar_source(t[0]) and not self._meets(t, before)}
        self.domain -= flow.after_data((), self.labels)
        self.feeding = wiring.before((s for j in self.joins & self.domain for s, _ in wiring.inputs[j]), within=self.domain)
        self.tail = self.domain - self.feeding

    def _source_tensors(self) -> list[Tensor]:
        """The tensors through which data comes in. An iterator's hold data and labels side by side."""
        found = []
        for name in self.flow.sources & self.flow.forward:
            found += [(name, index) for index in sorted({index for _, _, index in self.wiring.users[name]})]
        return [tensor for tensor in found if self._numeric(tensor)]

    def _meets(self, tensor: Tensor, before: set[str]) -> bool:
        """Whether what is computed from a tensor meets weights: `before` is all that does."""
        return any(user in before for user, _, index in self.wiring.users[tensor[0]] if index == tensor[1])

    def _scalar_source(self, name: str) -> bool:
        stand = self.plan.stands.get(name)
        return stand is not None and stand.shape == ()

    def _numeric(self, tensor: Tensor) -> bool:
        types = output_types(self.wiring.nodes[tensor[0]])
        return types is not None and tensor[1] < len(types) and types[tensor[1]] in NUMBERS

    def _may_be_output(self, tensor: Tensor) -> bool:
        return self._fetchable(tensor) and not self._is_scalar(tensor)

    def _fetchable(self, tensor: Tensor) -> bool:
        """Whether a tensor holds numbers and is not inside of a loop or a branch, of which nothing can be fetched."""
        return self._numeric(tensor) and not self.contexts.of_tensor(tensor)

    def _is_scalar(self, tensor: Tensor) -> bool:
        return self.shapes.get(tensor) == ()

    def outputs(self) -> list[Candidate]:
        """The candidates, the best first, those chosen marked."""
        has_variables = any(stand for stand in self.flow.weights if self.wiring.op(stand) != "Const")
        ends = self._ends()
        if not has_variables and 0 < len(ends) <= MOST_NETWORKS:
            return [Candidate(spell(t), 5.0, "nothing is computed from it any more, and it depends on the inputs", True) for t in ends]
        heads = self._heads()
        if not heads:
            found = sorted((self._judge(t, t[0]) for t in ends), key=lambda c: -c.score)
            for candidate in found[:MOST_NETWORKS]:
                candidate.chosen = True
            return found
        chosen = self._one_of_each(heads)
        for head in chosen:
            head.best.chosen = True
        every = [candidate for head in heads for candidate in (head.best, *head.others)]
        unique = {c.tensor: c for c in sorted(every, key=lambda c: (c.chosen, c.score))}
        return sorted(unique.values(), key=lambda c: (not c.chosen, -c.score))

    def _ends(self) -> list[Tensor]:
        """Tensors that depend on what is fed and from which nothing is computed any more, in forward."""
        wiring, forward = self.wiring, self.flow.forward
        data = {name for name, index in self._source_tensors() if (name, index) not in self.labels}
        fed = wiring.after(data or self.flow.sources, within=forward) or forward
        found = []
        for name in wiring.nodes:
            if name not in fed or any(user in forward for user, _, _ in wiring.users[name]) or wiring.op(name) == "NoOp":
                continue
            every = range(len(output_types(wiring.nodes[name]) or []))
            found += [(name, index) for index in MAIN_OUTPUTS.get(wiring.op(name), every) if self._fetchable((name, index))]
        real = [t for t in found if wiring.op(t[0]) not in SHAPES]
        return real or found

    def _heads(self) -> list[Head]:
        """The heads with their best candidates."""
        every = list(self.joins & self.tail)
        nodes = [n for n in every if not self._is_lone_step(n)] or every
        if not nodes:
            # All weights are met inside loops: what comes out of the loops ends the network.
            out = ("Exit", "TensorArrayGatherV3", "TensorArrayConcatV3")
            nodes = [n for n in self.tail if self.wiring.op(n) in out]
            nodes = [n for n in nodes if not any(self.wiring.op(u) in out for u, _, _ in self.wiring.users[n])]
        heads = []
        for node in sorted(nodes, key=self.order.__getitem__):
            pool = sorted(self.wiring.after([node], within=self.tail), key=self.order.__getitem__)
            ranked = [self._judge((name, 0), node) for name in pool if self._may_be_output((name, 0))]
            ranked.sort(key=lambda c: -c.score)
            if ranked:
                heads.append(Head(node, ranked[0], others=ranked[1:6], position=self.order[node]))
        return heads

    def _is_lone_step(self, name: str) -> bool:
        """Whether a node is of a step outside of the loop whose weights the loop has too: Keras tries out a recurrent
        cell once before it loops over it."""
        weights = [s for s, _ in self.wiring.inputs[name] if s in self.flow.weighted and s not in self.flow.fed]
        roots = self.wiring.before(weights, within=self.flow.forward)
        return any(self.wiring.op(user) in ("Enter", "RefEnter") for root in roots for user, _, _ in self.wiring.users[root])

    def _judge(self, tensor: Tensor, head: str) -> Candidate:
        """How good an output a tensor is that is computed from `head`."""
        score, why = self._worth(tensor[0], head, 0)
        name = tensor[0]
        if LOSS_NAME.search(name):
            score -= 3.0
            why += ", but it is named like a loss or a metric"
        elif not is_default_name(name, self.wiring.op(name)):
            # The author took the trouble of naming it.
            plain = self.wiring.op(name) not in PICKING and score >= 0
            score = (max(score, 3.0) if plain else score) + 0.6
            why += ", given a name of its own"
            if GOOD_NAME.search(name.rsplit("/", 1)[-1]):
                score += 0.3
                why += " that speaks of an output"
        free = not any(user in self.flow.forward for user, _, _ in self.wiring.users[tensor[0]])
        if free:
            score += 0.4
            why += ", nothing else is computed from it"
        return Candidate(spell(tensor), round(score, 2), why)

    def _worth(self, name: str, head: str, depth: int) -> tuple[float, str]:
        op = self.wiring.op(name)
        if op in PROBABILITIES:
            return PROBABILITIES[op], f"{op} of what the last weights give"
        if op in SHAPES:
            return -5.0, "a shape"
        if op in PICKING:
            return 1.0, f"{op}: chosen from what the network gives"
        if name == head:
            return 3.0, "the last node at which data meets weights"
        if op in ACTIVATIONS and (op not in ("Maximum", "Minimum") or self._bounds(name, head, depth)):
            return 3.6, f"{op} of what the last weights give"
        inputs = [s for s, _ in self.wiring.inputs[name] if s in self.tail]
        if op in CARRYING and inputs and depth < 20:
            score, why = max(self._worth(source, head, depth + 1) for source in inputs)
            if self._flattens(name):
                return score - 0.5, why
            ends = not any(user in self.tail for user, _, _ in self.wiring.users[name])
            return score + (0.1 if ends else -0.1), why
        if op in REDUCING:
            pooled = op in ("Mean", "Max") and len(self.shapes.get((name, 0)) or ()) > 1
            return (2.9 if pooled else -1.0), f"{op} of what the network gives"
        return 0.5, f"{op}: computed from what the network gives"

    def _bounds(self, name: str, head: str, depth: int) -> bool:
        """Whether a maximum or minimum bounds what the head gives, as activations do, and not something computed later."""
        inputs = [s for s, _ in self.wiring.inputs[name] if s in self.tail]
        return depth < 20 and any(self._worth(source, head, depth + 1)[0] >= 2.5 for source in inputs)

    def _flattens(self, name: str) -> bool:
        """Whether a node only reshapes what goes into a loss, without giving it the batch's axis back."""
        users = [user for user, _, _ in self.wiring.users[name] if user in self.flow.forward]
        if self.wiring.op(name) != "Reshape" or not users or any(user in self.domain for user in users):
            return False
        before, after = self.shapes.get(self.wiring.inputs[name][0]), self.shapes.get((name, 0))
        return before is None or after is None or len(after) <= len(before)

    # Copies of one network

    def _one_of_each(self, heads: list[Head]) -> list[Head]:
        """One head of each group of copies, at most a few."""
        for head in heads:
            self._describe(head)
        groups: list[list[Head]] = []
        for head in heads:
            for group in groups:
                if self._copies(head, group[0]):
                    group.append(head)
                    break
            else:
                groups.append([head])
        chosen = []
        for group in groups:
            best = max(group, key=lambda h: (-h.random, h.trained, h.best.score, -h.position))
            chosen.append(best)
            others = [h.best.tensor for h in group if h.best.tensor != best.best.tensor]
            if others:
                self.warnings.append(
                    f"The graph holds {len(others) + 1} copies of one network; {best.best.tensor} is converted, "
                    f"not {', '.join(others[:4])}{' …' if len(others) > 4 else ''}. --outputs chooses another."
                )
        unique: dict[str, Head] = {}
        for head in sorted(chosen, key=lambda h: (-h.best.score, h.position)):
            unique.setdefault(head.best.tensor, head)
        chosen = [head for head in unique.values() if head.best.score > 0] or list(unique.values())[:1]
        most = MOST_HEADS if len(chosen) > 1 and all(h.weights & chosen[0].weights for h in chosen) else MOST_NETWORKS
        if len(chosen) > most:
            left = ", ".join(head.best.tensor for head in chosen[most : most + 4])
            self.warnings.append(f"The graph has {len(chosen)} ends; the {most} best are converted, not {left} …")
        return sorted(chosen[:most], key=lambda h: h.position)

    def _describe(self, head: Head) -> None:
        """Weights, structure and use of a head's network."""
        behind = self.wiring.before([head.node], within=self.flow.forward)
        head.weights = frozenset(behind & self.flow.weights)
        head.last = frozenset(
            w
            for source, _ in self.wiring.inputs[head.node]
            if source not in self.flow.fed
            for w in self.wiring.before([source], within=self.flow.forward) & self.flow.weights
        )
        head.random = sum(self._trains(name) for name in behind)
        counts: dict[str, int] = {}
        for name in behind - self.flow.weights:
            op = self.wiring.op(name)
            if op not in ("Const", "Identity") and not op.startswith("Placeholder"):
                counts[op] = counts.get(op, 0) + 1
        sizes = sorted(str(self.plan.stands[w].shape) for w in head.weights if w in self.plan.stands)
        head.build = (*sorted(counts.items()), *((size, 0) for size in sizes))
        head.trained = any(
            is_optimizer(self.wiring.op(user)) for weight in head.weights for user, slot, _ in self.wiring.users[weight] if slot == 0
        )

    def _trains(self, name: str) -> bool:
        node = self.wiring.nodes[name]
        return node.op in RANDOM or (node.op.startswith("FusedBatchNorm") and node.attr["is_training"].b)

    @staticmethod
    def _copies(one: Head, other: Head) -> bool:
        """Copies share their last weights, or they are built alike and share none."""
        if one.last and one.last == other.last:
            return True
        return one.build == other.build and not one.weights & other.weights

    def inputs(self, chosen: Iterable[Tensor]) -> list[Candidate]:
        """What is fed, those in `chosen` marked."""
        taken = set(chosen)
        found = []
        for tensor in sorted(self._source_tensors(), key=lambda t: (self.order[t[0]], t[1])):
            if tensor in taken:
                found.append(Candidate(spell(tensor), 5.0, "the outputs are computed from it", True))
            elif tensor[0] in self.knobs:
                found.append(Candidate(spell(tensor), 2.0, "sets how the graph runs"))
            elif tensor in self.labels:
                found.append(Candidate(spell(tensor), 1.0, "only losses and metrics use it: labels, weights of samples"))
            else:
                found.append(Candidate(spell(tensor), 0.0, "the chosen outputs do not depend on it"))
        return sorted(found, key=lambda c: -c.score)
