"""Lookup tables: what they hold, and which lookups of text a Keras model can make for itself.

A table is filled by an operation beside the graph: from arrays, from a text file, or from the checkpoint. Neither `Saver`
nor the SavedModel's weights hold its words, so they are taken from where that operation takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import PorterError, Unsupported
from porter.read.contexts import Contexts
from porter.read.cut import HANDED_ON, TABLES, Plan, cut, reach
from porter.read.model import Source, Table
from porter.read.operations import constant, dtype_name, input_types, output_types
from porter.read.wiring import Tensor, Wiring

FINDS = frozenset(["LookupTableFind", "LookupTableFindV2"])
HASHES = frozenset(["StringToHashBucketFast", "StringToHashBucketStrong"])
FROM_ARRAYS = frozenset(["InitializeTable", "InitializeTableV2", "LookupTableImport", "LookupTableImportV2"])
FROM_FILE = frozenset(["InitializeTableFromTextFile", "InitializeTableFromTextFileV2"])
# Operations that only lay text out anew, by how many of their inputs are text; None: all of them but an axis.
LAYS_OUT: dict[str, int | None] = {
    "Identity": 1, "StopGradient": 1, "Reshape": 1, "ExpandDims": 1, "Squeeze": 1, "Transpose": 1, "StridedSlice": 1,
    "Gather": 1, "GatherV2": 1, "Switch": 1, "Pack": None, "Concat": None, "ConcatV2": None,
}  # fmt: skip
STRING, WHOLE_LINE, LINE_NUMBER = 7, -2, -1  # a DataType, and TextFileIndex


class Tables:
    """The tables of a graph, by the name of the node that makes one."""

    def __init__(self, wiring: Wiring, contexts: Contexts, source: Source):
        self.wiring, self.contexts, self.source = wiring, contexts, source
        self.missing: dict[str, str] = {}  # why the content of a table is not known
        self._known: dict[str, Table | None] = {}

    @cached_property
    def lookups(self) -> set[str]:
        """Lookups and hashes that a Keras model can make: of text that is fed, in tables whose content is known."""
        found = set()
        for name, node in self.wiring.nodes.items():
            inputs = self.wiring.inputs[name]
            hashes = node.op in HASHES and self.is_clear(inputs[0], hashed=True)
            if hashes or node.op in FINDS and self.of(self.table(name)) and self.is_clear(inputs[1]):
                found.add(name)
        return found

    def needed(self, reached: set[str]) -> dict[str, Table]:
        """The tables among the nodes `reached`. Raises Unsupported where it is not known what one of them holds."""
        found = {}
        for name in self.wiring.nodes:
            if name in reached and self.wiring.op(name) in TABLES:
                table = self.of(name)
                if table is None:
                    raise Unsupported(
                        "The content of a lookup table is not known",
                        where=name,
                        why=self.missing.get(name, ""),
                        todo="put what is missing beside the graph, or name what was found in the table with --inputs",
                    )
                found[name] = table
        return found

    def unknown(self, tensors: Iterable[Tensor], spelled: Callable[[Tensor], str]) -> list[str]:
        """What to say of those lookups among `tensors`, at which the graph is cut, whose tables hold what is not known."""
        told = []
        for tensor in tensors:
            why = self.missing.get(self.table(tensor[0])) if self.wiring.op(tensor[0]) in FINDS else None
            if why:
                name = spelled(tensor)
                told.append(f"{name} is an input, to be looked up before: what its table holds is not known, as {why}.")
        return told

    def table(self, lookup: str) -> str:
        """The node of the table in which `lookup` looks up, or whose size it tells."""
        return self.wiring.through(self.wiring.inputs[lookup][0], HANDED_ON)[0]

    def is_clear(self, tensor: Tensor, hashed: bool = False) -> bool:
        """Whether text is as it was fed, or comes out of a known table, and is only laid out anew on the way.

        hashed: whether it goes into a hash, which takes whole numbers written out, too.
        """
        stack, seen = [tensor], set()
        while stack:
            name = stack.pop()[0]
            node, op = self.wiring.nodes.get(name), self.wiring.op(name)
            if node is None:
                return False
            if name in seen or op in ("Const", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault"):
                continue
            seen.add(name)
            inputs = self.wiring.inputs[name]
            if op in FINDS:
                if self.of(self.table(name)) is None:
                    return False
                stack.append(inputs[1])
            elif op in LAYS_OUT:
                stack += inputs[: LAYS_OUT[op]]
            elif not (hashed and op == "AsString" and _is_plain(node)) and STRING in (output_types(node) or [STRING]):
                return False
        return True

    def of(self, name: str) -> Table | None:
        """What the table holds, None where that is not known."""
        if name not in self._known:
            self._known[name] = None
            if self.wiring.op(name) in TABLES:
                try:
                    self._known[name] = self._read(name)
                except PorterError as problem:
                    self.missing[name] = "; ".join(filter(None, [problem.what, problem.why, problem.todo]))
        return self._known[name]

    def _read(self, name: str) -> Table:
        """What the table is filled with. Raises PorterError where that cannot be had."""
        found: list[Callable[[], Table]] = []
        for user in self._users(name):
            node, inputs = self.wiring.nodes[user], self.wiring.inputs[user]
            if node.op in FROM_FILE:
                found.append(partial(self._from_file, name, node, inputs[1]))
            elif node.op in FROM_ARRAYS:
                found.append(partial(self._from_arrays, inputs[1], inputs[2]))
        if not found:
            raise Unsupported("nothing in the file fills it", why="what did was left out when the graph was frozen")
        problems = []
        for read in found:
            try:
                return read()
            except PorterError as problem:
                problems.append(problem)
        raise problems[0]

    def _users(self, name: str) -> list[str]:
        """Who takes a table, through what only hands it on."""
        found, stack = [], [name]
        while stack:
            for user, slot, _ in self.wiring.users[stack.pop()]:
                if self.wiring.op(user) in ("Identity", "RefIdentity"):
                    stack.append(user)
                elif slot == 0:
                    found.append(user)
        return found

    def _from_arrays(self, keys: Tensor, values: Tensor) -> Table:
        stored: list[str] = []
        arrays = [self._array(tensor, stored) for tensor in (keys, values)]
        if arrays[0].ndim != 1 or arrays[0].shape != arrays[1].shape:
            raise Unsupported("it holds vectors", why=f"{list(arrays[1].shape)} for each key")
        return _in_order(Table(arrays[0], arrays[1], tuple(stored)))

    def _array(self, tensor: Tensor, stored: list[str]) -> np.ndarray:
        """An array that follows from constants alone, or is read from the checkpoint."""
        import tensorflow as tf

        name, index = self.wiring.through(tensor, ("Identity",))
        if self.wiring.op(name) == "RestoreV2" and self.wiring.op(names := self.wiring.inputs[name][1][0]) == "Const":
            key = constant(self.wiring.nodes[names]).reshape(-1)[index].decode()
            if self.source.load is None or key not in self.source.stored:
                raise Unsupported(f"the checkpoint holds no {key}")
            stored.append(key)
            return np.asarray(self.source.load(key))
        reached, _ = reach(self.wiring, self.contexts, [tensor], Plan())
        if any(not self.wiring.inputs[each] and self.wiring.op(each) != "Const" for each in reached):
            raise Unsupported("what fills it is computed from more than constants", where=tensor[0])
        try:
            with tf.Graph().as_default() as graph:
                tf.graph_util.import_graph_def(cut(self.wiring, self.contexts, [tensor], Plan()), name="")
                with tf.compat.v1.Session(graph=graph) as session:
                    return np.asarray(session.run(f"{tensor[0]}:{tensor[1]}"))
        except (tf.errors.OpError, ValueError, TypeError) as problem:
            why = str(problem).split("\n")[0]
            raise Unsupported("what fills it cannot be computed", where=tensor[0], why=why) from problem

    def _from_file(self, table: str, node: Any, filename: Tensor) -> Table:
        """The lines of a text file, whole, numbered, or by a column of theirs."""
        path = self._path(filename)
        taken = {side: int(node.attr[f"{side}_index"].i) for side in ("key", "value")}
        types = {side: self.wiring.nodes[table].attr[f"{side}_dtype"].type for side in ("key", "value")}
        delimiter = node.attr["delimiter"].s or b"\t"
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as problem:
            raise Unsupported(f"its text file {path} cannot be read", why=str(problem)) from None
        lines = lines[:-1] if lines and not lines[-1] else lines
        size, skipped = int(node.attr["vocab_size"].i), int(node.attr["offset"].i)
        lines = [line.replace(b"\r", b"") for line in lines[: size if size > 0 else None]]

        def column(side: str) -> np.ndarray:
            index = taken[side]
            if index == LINE_NUMBER:
                return np.arange(len(lines), dtype="int64") + skipped
            cells = lines if index == WHOLE_LINE else [line.split(delimiter)[index] for line in lines]
            if types[side] == STRING:
                return np.array(cells, dtype=object)
            return np.array([cell.decode() for cell in cells]).astype(dtype_name(types[side]))

        try:
            return _in_order(Table(column("key"), column("value"), files=(path,)))
        except (IndexError, ValueError) as problem:
            raise Unsupported(f"the lines of {path} are not as the graph wants them", why=str(problem)) from None

    def _path(self, filename: Tensor) -> Path:
        """Where a text file is now: among the SavedModel's assets, beside the source, or where it was then."""
        origin = self.wiring.through(filename, ("Identity", "PlaceholderWithDefault"))
        asset = self.source.assets.get(origin[0]) or self.source.assets.get(filename[0])
        then = self._array(origin, []).item() if self.wiring.op(origin[0]) == "Const" else b""
        written = then.decode("utf-8", "replace")
        folder = self.source.path if self.source.path.is_dir() else self.source.path.parent
        name = written.replace("\\", "/").rsplit("/", 1)[-1]
        tried = [asset] if asset else [folder / name, folder / "assets" / name, folder / written, Path(written)]
        for path in tried:
            if path.is_file() and (path.name or asset):
                return path
        wanted = asset or (folder / name if name else None)
        raise Unsupported(
            f"its text file {name or wanted} is missing",
            why=f"the graph reads {written or 'it'} when its tables are filled",
            todo=f"put it at {wanted}" if wanted else "",
        )


def _in_order(table: Table) -> Table:
    """Numbers for keys come in order, as looking one up asks for."""
    if table.keys.dtype.kind not in "iu":
        return table
    order = np.argsort(table.keys, kind="stable")
    return Table(table.keys[order], table.values[order], table.stored, table.files)


def _is_plain(node: Any) -> bool:
    """Whether AsString writes whole numbers without any form of its own, as Keras' Hashing does."""
    from tensorflow.python.framework import dtypes

    plain = not node.attr["fill"].s and node.attr["width"].i in (0, -1) and not node.attr["scientific"].b
    return plain and all(dtypes.as_dtype(dtype).is_integer for dtype in input_types(node) or [])
