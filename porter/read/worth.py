"""What tensors are worth as outputs, by what they compute of the ends of networks."""

from __future__ import annotations

from porter.read.ends import LOOPS_OUT, End, Ends
from porter.read.operations import dtype_name, only_tells
from porter.read.values import Values

PROBABILITIES = {"Softmax": 6.0, "Sigmoid": 6.0, "LogSoftmax": 5.0}
ACTIVATIONS = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Tanh", "Atan", "Softplus", "Softsign", "Maximum", "Minimum",
    "ClipByValue",
})  # fmt: skip
BOUNDED = frozenset({"Tanh", "Atan", "Sigmoid"})
CARRYING = frozenset({
    "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "Slice", "Split", "SplitV",
    "Unpack", "StopGradient", "Exit", "TensorArrayGatherV3", "TensorArrayReadV3", "Merge", "DepthToSpace",
    "SpaceToDepth", "BatchToSpaceND", "Pad", "ReverseV2", "ReverseSequence",
})  # fmt: skip
PARTS = frozenset({"Slice", "StridedSlice", "Split", "SplitV", "Unpack"})
RESIZING = frozenset({"ResizeBilinear", "ResizeBicubic", "ResizeNearestNeighbor", "ResizeArea"})
COMBINING = frozenset({"Add", "AddV2", "AddN", "Sub", "Mul", "Pack", "ConcatV2", "Concat"})
STACKING = frozenset({"Pack", "ConcatV2", "Concat"})
MATCHING = frozenset({"Add", "AddV2", "Sub", "Mul", "Square", "SquaredDifference", "Abs", "Pow"})
SUMMING = frozenset({"Add", "AddV2", "AddN"})
PICKING = frozenset({
    "ArgMax", "ArgMin", "TopKV2", "TopK", "Cast", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
    "LessEqual", "Round", "Rint", "Where", "InTopK", "InTopKV2", "OneHot", "LogicalNot", "LogicalAnd", "LogicalOr",
    "NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "Multinomial", "CTCGreedyDecoder",
    "CTCBeamSearchDecoder", "SparseToDense",
})  # fmt: skip
REDUCING = frozenset({"Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "L2Loss"})
SHAPES = frozenset({"Shape", "ShapeN", "Rank", "Size", "ZerosLike", "OnesLike", "Range", "Fill", "Const"})
CTC = frozenset({"CTCLoss", "CTCLossV2", "CTCGreedyDecoder", "CTCBeamSearchDecoder"})
FLOATS = ("float16", "bfloat16", "float32", "float64")
PROBABLE = 5.0  # from where on a tensor is worth what probabilities are
ENOUGH = 2.5  # what a tensor must be worth for a bound on it, or a sum with it, to be an output


class Worth:
    """Judges the nodes that are computed from ends without further weights.

    nodes: the ends. ways: by node, the ends from which it is computed.
    """

    def __init__(self, ends: Ends, values: Values, found: list[End]):
        self.ends, self.wiring, self.flow, self.values = ends, ends.wiring, ends.flow, values
        self.nodes = {end.node for end in found}
        self.ways = self._ways(found)
        self.known: dict[tuple[str, str], tuple[float, str]] = {}

    def _ways(self, ends: list[End]) -> dict[str, frozenset[frozenset[str]]]:
        """By node, the ends from which it is computed, each as its last weights: copies of an end count once."""
        found: dict[str, set[frozenset[str]]] = {}
        for end in ends:
            weights = self.ends.own_weights(end.node)
            for name in end.after:
                found.setdefault(name, set()).add(weights)
        return {name: frozenset(ways) for name, ways in found.items()}

    def of(self, name: str, end: End, depth: int = 0) -> tuple[float, str]:
        """What a node is worth by what it computes of `end`, and what that is."""
        if (name, end.node) not in self.known:
            self.known[name, end.node] = self._judged(name, end, depth)
        return self.known[name, end.node]

    def _judged(self, name: str, end: End, depth: int) -> tuple[float, str]:
        op = self.wiring.op(name)
        if op in PROBABILITIES:
            return PROBABILITIES[op], f"{op} of what the last weights give"
        if self._is_softmax(name):
            return 6.0, "a softmax, written by hand, of what the last weights give"
        if self._is_sigmoid(name):
            return 6.0, "a sigmoid, written by hand, of what the last weights give"
        if any(self.wiring.op(user) in CTC for user, _, slot in self.wiring.users[name] if slot == 0):
            return 5.0, "what CTC aligns with its labels or decodes"
        if op in SHAPES:
            return -5.0, "a shape"
        if self.picks(name):
            return 1.0, f"{op}: chosen from what the network gives"
        part = end.part[0] if end.part is not None else None
        if name in (end.node, part) or name in self.nodes:
            return 3.0, "the last node at which data meets weights"
        inputs = [source for source, _ in self.wiring.inputs[name] if source in end.after]
        if op in STACKING and len(set(inputs)) > 1 and (best := self._best(inputs, end, depth)) >= ENOUGH:
            return max(3.7, best + 0.1), f"{op}: puts parts of what the network gives together again"
        if op == "Exp" and part in inputs:
            return 3.65, "Exp of a part of what the last weights give"
        if op in ACTIVATIONS:
            best = self._best(inputs, end, depth)
            if op not in ("Maximum", "Minimum") or best >= ENOUGH:
                return max(3.6, best + 0.05 if best < PROBABLE else 0.0), f"{op} of what the last weights give"
        written = self.ends.written(name) if op == "TensorArrayGatherV3" and depth < 20 else None
        if written is not None and written in end.after:
            score, why = self.of(written, end, depth + 1)
            return score + self._carried(name), f"{why}, in every step of a loop"
        if (op in CARRYING or op == "Cast") and inputs and depth < 20:
            score, why = max(self.of(source, end, depth + 1) for source in inputs)
            return score + self._carried(name), why
        if op in RESIZING and inputs and depth < 20 and self._is_only_user(name):
            score, why = self.of(inputs[0], end, depth + 1)
            return score + 0.1, f"{why}, brought to another size"
        if op in COMBINING and self._combines(name):
            best = self._best(
                [source for source, _ in self.wiring.inputs[name] if source in self.ends.domain], end, depth
            )
            if best >= ENOUGH:
                worth = max(3.7, best + (0.1 if op in STACKING else 0.05)) if op in STACKING | SUMMING else 3.7
                return worth, f"{op}: brings together what several parts of the network give"
        if inputs and depth < 20 and self._rescales(name):
            score, why = max(self.of(source, end, depth + 1) for source in inputs)
            return score + 0.1, f"{why}, brought to another range"
        if depth < 20 and (source := self._shifts(name)) is not None and source in end.after:
            score, why = self.of(source, end, depth + 1)
            return score + 0.05, f"{why}, brought to another range"
        if op == "Sum" and depth < 20 and (shares := self._expects(name, end)) is not None:
            score, why = self.of(shares, end, depth + 1)
            if score >= PROBABLE:
                return score + 0.2, f"what is to be expected by {why}"
        if op == "Sum" and self._matches(name):
            return 3.8, "how well parts of the network, or data and weights, match"
        if op in REDUCING:
            pooled = op in ("Mean", "Max") and len(self.ends.shapes.get((name, 0)) or ()) > 1
            return (2.9 if pooled else -1.0), f"{op} of what the network gives"
        return 0.5, f"{op}: computed from what the network gives"

    def _best(self, names: list[str], end: End, depth: int) -> float:
        return max((self.of(name, end, depth + 1)[0] for name in names), default=0.0) if depth < 20 else 0.0

    def _carried(self, name: str) -> float:
        """What it adds to pass a value on: a reshape that gives the batch its axis back is meant for people, one that
        flattens is meant for a loss."""
        if self.is_shown_part(name):
            return -0.5
        users = [user for user, _, _ in self.wiring.users[name] if user in self.flow.forward]
        in_use = any(user in self.ends.domain for user in users)
        if self.wiring.op(name) == "Transpose" and self.wiring.op(self.wiring.inputs[name][0][0]) in LOOPS_OUT:
            return 0.1  # what a loop wrote, with the batch in front again
        if self.wiring.op(name) == "Identity" and self._is_only_user(name):
            return 0.05  # what the author's variable stands for, as behind tf.nn.embedding_lookup
        if self.wiring.op(name) == "Reshape":
            before, after = (self.ends.shapes.get(t) for t in (self.wiring.inputs[name][0], (name, 0)))
            if before is not None and after is not None and len(after) > len(before):
                return 0.2
            if before == after and before is not None and self._is_only_user(name):
                return 0.05  # it changes nothing, and is there to be what the network gives
            if users and not in_use and (after is None or len(after) < 3):
                return -0.5
        return -0.1 if in_use else 0.1

    def is_shown_part(self, name: str) -> bool:
        """Whether a node takes a part out of a tensor for summaries alone: a class's map, one picture of a batch."""
        users = self.wiring.users[name]
        return self.wiring.op(name) in PARTS and bool(users) and all(only_tells(self.wiring.op(u)) for u, _, _ in users)

    def picks(self, name: str) -> bool:
        """Whether a node chooses from what it is given, or cuts it down to whole numbers."""
        node = self.wiring.nodes[name]
        return node.op in PICKING and not (node.op == "Cast" and dtype_name(node.attr["DstT"].type) in FLOATS)

    def _is_softmax(self, name: str) -> bool:
        """Whether a node divides exponentials by their own sum."""
        op, inputs = self.wiring.op(name), [source for source, _ in self.wiring.inputs[name]]
        if op in ("RealDiv", "Div"):
            return self._is_sum_of(inputs[1], inputs[0])
        if op != "Mul":
            return False
        for inverse, above in (inputs, inputs[::-1]):  # or multiplies them by one over it
            if self.wiring.op(inverse) in ("RealDiv", "Div", "Reciprocal", "Inv"):
                one = (
                    self.wiring.op(inverse) in ("Reciprocal", "Inv")
                    or self.values.number(self.wiring.inputs[inverse][0]) == 1
                )
                if one and self._is_sum_of(self.wiring.inputs[inverse][-1][0], above):
                    return True
        return False

    def _is_sigmoid(self, name: str) -> bool:
        """Whether a node is one over one plus the exponential of what is negated."""
        op, inputs = self.wiring.op(name), self.wiring.inputs[name]
        if op not in ("RealDiv", "Div", "Reciprocal", "Inv"):
            return False
        if op in ("RealDiv", "Div") and self.values.number(inputs[0]) != 1:
            return False
        below = inputs[-1][0]
        if self.wiring.op(below) not in ("Add", "AddV2"):
            return False
        one, above = sorted(self.wiring.inputs[below], key=lambda tensor: self.wiring.op(tensor[0]) == "Exp")
        if self.wiring.op(above[0]) != "Exp" or self.values.number(one) != 1:
            return False
        power = self.wiring.inputs[above[0]][0][0]
        factors = self.wiring.inputs[power] if self.wiring.op(power) == "Mul" else []
        return self.wiring.op(power) == "Neg" or any(self.values.number(factor) == -1 for factor in factors)

    def _is_sum_of(self, below: str, above: str) -> bool:
        """Whether `below` is the sum of the exponentials `above`; a tile or a small number may lie in between."""
        for _ in range(4):
            if self.wiring.op(below) == "Sum" or not self.wiring.inputs[below]:
                break
            below = self.wiring.inputs[below][0][0]
        exponentials = self.wiring.op(above) == "Exp" and self.wiring.op(below) == "Sum"
        return exponentials and self.wiring.inputs[below][0][0] == above

    def _is_only_user(self, name: str, at: int = 0) -> bool:
        source = self.wiring.inputs[name][at][0]
        return sum(user in self.flow.forward for user, _, _ in self.wiring.users[source]) == 1

    def _shifts(self, name: str) -> str | None:
        """What a node adds a weight to, or multiplies with a number or a variable or divides by one, if nothing else is
        made of it."""
        op, inputs = self.wiring.op(name), self.wiring.inputs[name]
        at = next((at for at, (source, _) in enumerate(inputs[:2]) if source in self.ends.domain), None)
        if at is None or len(inputs) != 2 or inputs[1 - at][0] in self.ends.domain:
            return None
        source, other = inputs[at][0], inputs[1 - at]
        if op in ("Add", "AddV2"):
            return source if other[0] in self.flow.weighted and other[0] not in self.flow.fed else None
        scaled = op == "Mul" or (op in ("RealDiv", "Div") and at == 0)
        users = [user for user, _, _ in self.wiring.users[name] if user in self.flow.forward]
        meant = not users or any(user in self.ends.domain for user in users)  # not 0.9 * target, for a loss
        alone = self._is_only_user(name, at)
        known = self.values.number(other) is not None or self._is_one_variable(other[0])
        return source if scaled and alone and meant and known else None

    def _is_one_variable(self, name: str) -> bool:
        """Whether a factor is a variable of one number, or one minus it."""
        for source, _ in self.wiring.inputs[name] if self.wiring.op(name) == "Sub" else [(name, 0)]:
            while self.wiring.op(source) in ("Identity", "ReadVariableOp"):
                source = self.wiring.inputs[source][0][0]
            stand = self.ends.plan.stands.get(source)
            if stand is not None and stand.shape == () and source not in self.flow.fed:
                return True
        return False

    def _expects(self, name: str, end: End) -> str | None:
        """The probabilities of which a node sums up the products with fixed numbers: what is to be expected of them, as a
        distributional Q-network's values and a soft argmax are."""
        product = self.wiring.inputs[name][0][0]
        if self.wiring.op(name) != "Sum" or self.wiring.op(product) != "Mul" or not self._is_only_user(name):
            return None
        (first, _), (second, _) = self.wiring.inputs[product]
        for shares, numbers in ((first, second), (second, first)):
            if shares in end.after and numbers not in self.flow.fed | self.flow.weighted:
                return shares
        return None

    def _matches(self, name: str) -> bool:
        """Whether a node sums up a product or a distance of parts of the network, how well they match, or the product of
        data and weights."""
        summed = self.wiring.inputs[name][0][0]
        if self.ends.shapes.get((name, 0)) == () or not self._is_plain(summed, 0):
            return False
        if summed in self.nodes:
            return self.wiring.op(summed) == "Mul"
        return any(self._combines(each) for each in self._made_of(summed))

    def _is_plain(self, name: str, depth: int) -> bool:
        """Whether a node is an end of a network, perhaps reshaped, with an activation, or put together with others."""
        if name in self.nodes:
            return True
        inputs = [source for source, _ in self.wiring.inputs[name] if source in self.ends.domain]
        plain = self.wiring.op(name) in CARRYING | ACTIVATIONS | MATCHING and depth < 8
        return plain and bool(inputs) and all(self._is_plain(source, depth + 1) for source in inputs)

    def _made_of(self, name: str) -> set[str]:
        """The nodes between `name` and the ends that match in it."""
        found = self.wiring.before([name], stop=self.nodes, within=self.ends.domain)
        return {each for each in found if self.wiring.op(each) in MATCHING}

    def _rescales(self, name: str) -> bool:
        """Whether a node brings a tanh, an angle or a probability, of which nothing else is made, to another range."""
        while self.wiring.op(name) in ("Add", "AddV2", "Sub", "Mul", "RealDiv"):
            inputs = [source for source, _ in self.wiring.inputs[name]]
            computed = [source for source in inputs if source in self.ends.domain]
            constant = [s for s in inputs if s not in self.ends.domain and s not in self.flow.weights]
            if len(computed) != 1 or len(constant) != 1 or self.values.of((constant[0], 0)) is None:
                return False
            name = computed[0]
            if sum(user in self.flow.forward for user, _, _ in self.wiring.users[name]) != 1:
                return False
        return self.wiring.op(name) in BOUNDED

    def _combines(self, name: str) -> bool:
        """Whether a node puts together values of different ends, or of an end and what lies before it."""
        ways = {
            self.ways.get(source, frozenset()) for source, _ in self.wiring.inputs[name] if source in self.ends.domain
        }
        return len(ways) > 1
