"""Feature columns of `tf.estimator`: a categorical feature becomes one input of whole numbers, and says how to feed it.

In a graph such a feature is a sparse tensor of text, out of parsed examples or out of a placeholder, that is looked up or
hashed; neither text nor sparse tensors go into a Keras model. What follows the lookup is dense again: the sum, mean or
root mean of rows of a table (`embedding_column`, `linear_model`), or a dense tensor of numbers (`indicator_column`). There
the graph is rewritten, to compute the same from an input [batch, n] of the numbers that the lookup gives, with -1 where a
sample has fewer than n. What the number of a text is, and which feature a parsed tensor holds, is told for each input.
Where the user wants the placeholder of the text itself for an input, the same is looked up or hashed densely, and "" is
where a sample has fewer.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from porter.read.wiring import Tensor, Wiring, spell

COMBINED = {"SparseSegmentSum": "sum", "SparseSegmentMean": "mean", "SparseSegmentSqrtN": "sqrtn"}
GATHERS = ("Gather", "GatherV2", "ResourceGather")
FINDS = ("LookupTableFindV2", "LookupTableFind", "HashTableLookup")
# What numbers are made with, one of each text, of a vocabulary and buckets for other words.
ONE_BY_ONE = (
    *FINDS, "StringToHashBucketFast", "StringToHashBucketStrong", "Add", "AddV2", "NotEqual", "Select", "SelectV2", "Identity",
)  # fmt: skip
BESIDE = ("Const", "HashTable", "HashTableV2", "LookupTableSize", "LookupTableSizeV2")
DT_FLOAT, DT_INT32, DT_STRING, DT_INT64, DT_BOOL = 1, 3, 7, 9, 10  # of TensorFlow's types.proto
SHOWN = 12  # words of a vocabulary in a sentence


def dense_features(graph_def: Any, wanted: Collection[str] = ()) -> tuple[Any, dict[str, str]]:
    """The graph with dense inputs for its categorical features, and by the name of a tensor what is fed there.

    wanted: placeholders of text that are to be inputs themselves. What is not built as feature columns are is left as it is.
    """
    wiring = Wiring(graph_def)
    if not any(node.op in (*COMBINED, "SparseToDense", "ParseExample") for node in graph_def.node):
        return graph_def, {}
    features = _Features(wiring)
    made = type(graph_def)()
    made.CopyFrom(graph_def)
    rewriter = _Rewriter(made, features, wanted)
    for name, node in wiring.nodes.items():
        if node.op in COMBINED:
            rewriter.embedding(name)
        elif node.op == "SparseToDense":
            rewriter.indicator(name)
    return made, {**features.dense(), **rewriter.explained}


class _Features:
    """What the tensors of a graph hold, in the words of its features."""

    def __init__(self, wiring: Wiring):
        self.wiring = wiring

    def constant(self, tensor: Tensor) -> Any:
        """The array of a constant, None for anything else."""
        from tensorflow.python.framework.tensor_util import MakeNdarray

        node = self.wiring.nodes.get(self.behind(tensor)[0])
        return MakeNdarray(node.attr["value"].tensor) if node is not None and node.op == "Const" else None

    def behind(self, tensor: Tensor, ops: tuple[str, ...] = ("Identity",)) -> Tensor:
        """The tensor that comes through nodes that only hand on."""
        while self.wiring.op(tensor[0]) in ops:
            tensor = self.wiring.inputs[tensor[0]][0]
        return tensor

    def parsed(self, tensor: Tensor) -> tuple[str, str]:
        """Which part of which feature an output of ParseExample is: (indices, values, shape or dense, key)."""
        node, inputs = self.wiring.nodes[tensor[0]], self.wiring.inputs[tensor[0]]
        sparse, dense = node.attr["Nsparse"].i, node.attr["Ndense"].i
        part, at = divmod(tensor[1], sparse) if sparse and tensor[1] < 3 * sparse else (3, tensor[1] - 3 * sparse)
        key = self.constant(inputs[2 + (at if part < 3 else sparse + at)]) if part < 3 or at < dense else None
        return ("indices", "values", "shape", "dense")[part], _text(key) if key is not None else ""

    def dense(self) -> dict[str, str]:
        """What is fed at the dense outputs of parsed examples."""
        found = {}
        for name, node in self.wiring.nodes.items():
            if node.op == "ParseExample":
                for at in range(node.attr["Ndense"].i):
                    tensor = (name, 3 * node.attr["Nsparse"].i + at)
                    _, key = self.parsed(tensor)
                    found[spell(tensor)] = f"the numbers of the feature {key}"
        return found

    def told(self, ids: Tensor) -> tuple[str, str] | None:
        """A name for the categorical feature whose numbers `ids` are, and how they are made; None if it isn't clear."""
        name = ids[0]
        op, inputs = self.wiring.op(name), self.wiring.inputs.get(name, [])
        attributes = self.wiring.nodes[name].attr if name in self.wiring.nodes else {}
        if op in ("StringToHashBucketFast", "StringToHashBucket", "StringToHashBucketStrong"):
            key = self._key(inputs[0])
            kind = op.removeprefix("StringToHashBucket").lower()
            function = f"tf.strings.to_hash_bucket{'_' if kind else ''}{kind}"
            count = attributes["num_buckets"].i
            return key and (key, f"{function}(text, {count}), a number below {count}")
        if op in ("Select", "SelectV2") and self.wiring.op(inputs[1][0]) in FINDS:
            known, other = self.told(inputs[1]), self.wiring.inputs.get(inputs[2][0], [])
            hashed = next((each for tensor in other if (each := self.told(self.behind(tensor)))), None)
            if known and hashed and hashed[0] == known[0]:
                where, function = known[1].rpartition(", from 0; ")[0], hashed[1].rpartition(", a number below ")[0]
                return known[0], f"{where}, from 0; for any other as many more as {function}"
        if op in FINDS:
            key = self._key(inputs[1])
            return key and (key, f"the place of the word in {self._vocabulary(inputs[0])}, {self._default(inputs[2])}")
        if op == "SparseCross":
            count, hashed = attributes["num_buckets"].i, attributes["hash_key"].i
            keys = [self._key(tensor) for tensor in inputs]
            named = list(dict.fromkeys(key for key in keys if key))
            if not named:
                return None
            how = f"tf.sparse.cross_hashed([{', '.join(named)}], {count}, {hashed}), a number below {count}"
            return "_X_".join(named), f"{how}; bucketized features enter it by their buckets"
        key = self._key(ids)
        return key and (key, "the number itself")

    def _key(self, tensor: Tensor) -> Any:
        """The feature that a tensor comes from, if it is one alone."""
        found, stack, seen = set(), [tensor], set()
        while stack:
            name, index = stack.pop()
            op = self.wiring.op(name)
            if op == "ParseExample":
                part, key = self.parsed((name, index))
                found |= {key} if part in ("values", "dense") else set()
            elif op == "Placeholder":
                found.add(name)
            elif (name, index) not in seen and op not in ("HashTableV2", "HashTable"):
                seen.add((name, index))
                stack += self.wiring.inputs.get(name, [])
        return found.pop() if len(found) == 1 else None

    def _vocabulary(self, table: Tensor) -> str:
        """The words of a table, as far as the graph tells."""
        table = self.behind(table)
        for user, slot, _ in self.wiring.users.get(table[0], []):
            op, inputs = self.wiring.op(user), self.wiring.inputs[user]
            if op in ("LookupTableImportV2", "InitializeTableV2", "InitializeTable", "LookupTableImport") and slot == 0:
                words = self.constant(inputs[1])
                if words is not None:
                    shown = ", ".join(_text(word) for word in words[:SHOWN])
                    return f"[{shown}{', …' if len(words) > SHOWN else ''}] ({len(words)} words)"
            if op in ("InitializeTableFromTextFileV2", "InitializeTableFromTextFile"):
                file = self.constant(inputs[1])
                return f"the lines of {_text(file)}" if file is not None else "the lines of its vocabulary file"
        return "its vocabulary"

    def _default(self, tensor: Tensor) -> str:
        value = self.constant(tensor)
        return "from 0" if value is None else f"from 0; {int(value)} for any other"


class _Rewriter:
    """Puts dense inputs where categorical features were sparse."""

    def __init__(self, graph_def: Any, features: _Features, wanted: Collection[str]):
        self.graph_def, self.features, self.wiring = graph_def, features, features.wiring
        self.nodes = {node.name: node for node in graph_def.node}
        self.wanted = wanted
        self.text_of: dict[Tensor, str] = {}  # by numbers, the placeholder of the text that they are made of
        self.explained: dict[str, str] = {}
        self.made: dict[tuple[str, str], str] = {}

    def indicator(self, name: str) -> None:
        """SparseToDense of the numbers, with -1 where there are none: that is the input."""
        indices, _, ids, default = self.wiring.inputs[name]
        nothing = self.features.constant(default)
        if nothing is None or nothing.dtype.kind != "i" or int(nothing) != -1 or not self._is_feature(indices):
            return
        told = self.features.told(self.features.behind(ids))
        if told is not None:
            made = self._of_text(name, ids) or self._input(*told, self.wiring.nodes[name].attr["T"].type, ids)
            self._become(name, made)

    def embedding(self, name: str) -> None:
        """Rows of a table, combined for each sample, with zeros for samples that have none."""
        features, wiring = self.features, self.wiring
        rows = features.behind(wiring.inputs[name][0])
        if wiring.op(rows[0]) not in GATHERS:
            return
        unique = features.behind(wiring.inputs[rows[0]][1])
        if wiring.op(unique[0]) != "Unique":
            return
        filled = features.behind(wiring.inputs[unique[0]][0])
        if wiring.op(filled[0]) != "SparseFillEmptyRows" or filled[1] != 1:
            return
        ids = features.behind(wiring.inputs[filled[0]][1], ("Identity", "Gather", "GatherV2"))
        indices = features.behind(wiring.inputs[filled[0]][0], ("Identity", "Gather", "GatherV2", "SparseReshape"))
        end = self._end(name)
        told = features.told(ids) if end and self._is_feature(indices) else None
        if end is None or told is None:
            return
        given = self._of_text(end, ids) or self._input(*told, wiring.nodes[rows[0]].attr["Tindices"].type, ids)
        self._combine(end, rows[0], given, COMBINED[wiring.op(name)])

    def _is_feature(self, indices: Tensor) -> bool:
        """Whether a sparse tensor is a feature as it was fed, one after the other and without holes."""
        op = self.wiring.op(self.features.behind(indices)[0])
        if op == "ParseExample":
            return self.features.parsed(self.features.behind(indices))[0] == "indices"
        return op in ("SparseCross", "Where")

    def _end(self, name: str) -> str | None:
        """The node that gives the combined rows: Select puts zeros where nothing was, Reshape gives the known shape."""
        for user, _, _ in self.wiring.users[name]:
            if self.wiring.op(user) in ("Select", "SelectV2"):
                for after, slot, _ in self.wiring.users[user]:
                    if self.wiring.op(after) == "Reshape" and slot == 0:
                        return after
        return None

    def _of_text(self, at: str, ids: Tensor) -> str | None:
        """The numbers `ids` of the text that is fed densely, -1 where it is ""; None where they are not wanted so."""
        found = self._made_of_text(ids)
        if found is None:
            return None
        text, made_of = found
        names = {name: f"{at}/words/{name}" for name in made_of}
        for name, copy in names.items():
            node = self._copy(copy, self.wiring.nodes[name])
            node.input[:] = [
                names.get(source, spell(text if self._takes_text(source) else (source, index)))
                for source, index in self.wiring.inputs[name]
            ]
        numbers = names[self.features.behind(ids)[0]]
        nothing = self._constant(f"{at}/words/nothing", np.array(b""), DT_STRING)
        missing = self._constant(f"{at}/words/missing", np.asarray(-1), DT_INT64)
        self._add(f"{at}/words/there", "NotEqual", [spell(text), nothing], T=DT_STRING)
        chosen = [f"{at}/words/there", numbers, missing]
        return str(self._add(f"{at}/words/numbers", "SelectV2", chosen, T=DT_INT64).name)

    def _made_of_text(self, ids: Tensor) -> tuple[Tensor, list[str]] | None:
        """The dense text that the user wants to feed and that `ids` are made of, and the nodes that make them."""
        texts, made_of, stack = set(), [], [self.features.behind(ids)]
        while stack:
            name = stack.pop()[0]
            if self._takes_text(name):
                texts.add(self.wiring.through(self.wiring.inputs[name][0], ("Reshape",)))
            elif self.wiring.op(name) in ONE_BY_ONE:
                made_of.append(name)
                stack += self.wiring.inputs[name]
            elif self.wiring.op(name) not in BESIDE:
                return None
        if len(texts) != 1:
            return None
        text = texts.pop()
        fed = self.wiring.through(text, ("Identity", "ExpandDims"))[0]
        if self.wiring.op(fed) == "Placeholder" and fed not in self.wanted:
            self.text_of[self.features.behind(ids)] = fed
        return (text, list(dict.fromkeys(made_of))) if fed in self.wanted else None

    def _takes_text(self, name: str) -> bool:
        """Whether a node takes what there is out of dense text."""
        node = self.wiring.nodes.get(name)
        picks = node is not None and node.op in ("GatherNd", "Gather", "GatherV2")
        return picks and node.attr["Tparams"].type == DT_STRING  # type: ignore[union-attr]

    def _input(self, feature: str, how: str, dtype: int, ids: Tensor) -> str:
        """The placeholder for the numbers `ids` of a feature, made once."""
        key = (f"{feature}:{dtype}", how)
        if key not in self.made:
            name, number = f"{feature}_ids", 1
            while name in self.nodes:
                name, number = f"{feature}_ids_{number}", number + 1
            node = self._add(name, "Placeholder", [], dtype=dtype)
            for _ in range(2):
                node.attr["shape"].shape.dim.add(size=-1)
            self.made[key] = name
            self.explained[f"{name}:0"] = (
                f"the categorical feature {feature} as whole numbers [batch, n]: {how}; -1 where a sample has fewer than n"
            )
            text = self.text_of.get(self.features.behind(ids))
            if text:
                self.explained[f"{name}:0"] += (
                    f" (--inputs with {text}:0 takes the text itself, on TensorFlow's backend)"
                )
        return self.made[key]

    def _combine(self, end: str, gather: str, given: str, how: str) -> None:
        """sum, mean or root mean of the table's rows at the numbers that are not -1, in the place of the node `end`."""
        table = self.nodes[gather]
        whole, real = table.attr["Tindices"].type, DT_FLOAT
        kind = table.attr["dtype" if table.op == "ResourceGather" else "Tparams"].type or real
        at = f"{end}/dense"
        zero = self._constant(f"{at}/zero", np.zeros((), "int64"), whole)
        one = self._constant(f"{at}/one", np.ones((), "float32"), kind)
        last = self._constant(f"{at}/last", np.asarray(-1, "int32"), DT_INT32)
        middle = self._constant(f"{at}/middle", np.asarray(1, "int32"), DT_INT32)
        self._add(f"{at}/number", "Maximum", [given, zero], T=whole)
        rows = self._copy(f"{at}/rows", table)
        rows.input[1] = f"{at}/number"
        self._add(f"{at}/there", "GreaterEqual", [given, zero], T=whole)
        self._add(f"{at}/mask", "Cast", [f"{at}/there"], SrcT=DT_BOOL, DstT=kind)
        self._add(f"{at}/masks", "ExpandDims", [f"{at}/mask", last], T=kind, Tdim=DT_INT32)
        self._add(f"{at}/masked", "Mul", [f"{at}/rows", f"{at}/masks"], T=kind)
        total = self._sum(f"{at}/sum", f"{at}/masked", middle, kind)
        if how != "sum":
            count = self._sum(f"{at}/count", f"{at}/masks", middle, kind)
            self._add(f"{at}/least", "Maximum", [count, one], T=kind)
            divisor = f"{at}/least"
            if how == "sqrtn":
                divisor = self._add(f"{at}/root", "Sqrt", [divisor], T=kind).name
            total = self._add(f"{at}/{how}", "RealDiv", [total, divisor], T=kind).name
        self._become(end, total)

    def _sum(self, name: str, value: str, axis: str, kind: int) -> str:
        node = self._add(name, "Sum", [value, axis], T=kind, Tidx=DT_INT32)
        node.attr["keep_dims"].b = False
        return str(node.name)

    def _constant(self, name: str, value: np.ndarray, dtype: int) -> str:
        from tensorflow.python.framework import dtypes
        from tensorflow.python.framework.tensor_util import make_tensor_proto

        node = self._add(name, "Const", [], dtype=dtype)
        proto = make_tensor_proto(value.astype(dtypes.as_dtype(dtype).as_numpy_dtype))
        node.attr["value"].tensor.CopyFrom(proto)
        return str(node.name)

    def _add(self, name: str, op: str, inputs: list[str], **types: int) -> Any:
        node = self.graph_def.node.add(name=name, op=op, input=inputs)
        for key, dtype in types.items():
            node.attr[key].type = dtype
        self.nodes[name] = node
        return node

    def _copy(self, name: str, other: Any) -> Any:
        node = self.graph_def.node.add()
        node.CopyFrom(other)
        node.name = name
        node.attr.pop("_class", None)
        self.nodes[name] = node
        return node

    def _become(self, name: str, source: str) -> None:
        """Let a node hand on the tensor of another."""
        node = self.nodes[name]
        dtype = node.attr["T"].type
        node.op = "Identity"
        del node.input[:]
        node.input.append(source)
        node.attr.clear()
        node.attr["T"].type = dtype


def _text(value: Any) -> str:
    value = np.asarray(value).item() if np.asarray(value).size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
