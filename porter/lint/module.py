"""One parsed file: its nodes by kind, who contains whom, and what its names stand for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from porter.lint.finding import ERROR, Edit, Finding
from porter.lint.names import Scope, Use, collect, resolve_uses

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOADING = {"ImportError", "ModuleNotFoundError", "AttributeError"}
VERSION = re.compile(r"(?i)tf_?v?[12]|tf_?ver|tensorflow_?v|__version__|^version$|executing_eagerly")


class Module:
    """path: as findings show it. text: the file's content. Raises SyntaxError or ValueError where it is no Python 3."""

    def __init__(self, path: str, text: str):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.tree = ast.parse(text)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.by_type: dict[type, list] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        self.scope_of: dict[ast.Name, Scope] = {}
        collect(self)

    def nodes(self, *kinds: type) -> Iterator:
        """All nodes of these kinds, in no particular order between kinds."""
        for kind in kinds:
            yield from self.by_type.get(kind, ())

    @cached_property
    def uses(self) -> list[Use]:
        """Every place where something of TensorFlow or Keras is named."""
        return resolve_uses(self)

    @cached_property
    def names(self) -> dict[ast.AST, str]:
        """The full name of each expression that stands for something of a library: tf.layers.conv2d."""
        return {use.node: use.name for use in self.uses if use.node is not None}

    def called(self, call: ast.AST) -> str:
        """The full name of what is called; "" for anything else."""
        return self.names.get(call.func, "") if isinstance(call, ast.Call) else ""

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What contains the node, inside out."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.AST:
        """The innermost function around a node, or the module."""
        return next((above for above in self.above(node) if isinstance(above, FUNCTIONS)), self.tree)

    def guarded(self, node: ast.AST) -> bool:
        """Whether the node runs only where it works: inside try/except ImportError, or under a test of the version."""
        inner = node
        for above in self.above(node):
            if isinstance(above, ast.Try) and inner not in above.finalbody and _for_loading(above):
                return True
            if isinstance(above, ast.If | ast.IfExp) and inner is not above.test and _tests_version(above.test):
                return True
            inner = above
        return False

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def column(self, line: int, offset: int) -> int:
        """ast's offsets count bytes of UTF-8; this counts characters, from 0."""
        text = self.line(line)
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace"))

    def finding(
        self, code: str, node: ast.AST, message: str, severity: str = ERROR, edits: tuple[Edit, ...] = ()
    ) -> Finding:
        """A finding at a node; of a definition, its first line."""
        line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        end = self.column(end_line, node.end_col_offset) + 1  # type: ignore[attr-defined]
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            end_line, end = line, len(self.line(line)) + 1
        return Finding(
            code, self.path, message, severity, line, self.column(line, node.col_offset) + 1,  # type: ignore[attr-defined]
            end_line, end, self.line(line).strip(), edits,
        )  # fmt: skip

    def edit(self, line: int, offset: int, old: str, new: str) -> tuple[Edit, ...]:
        """The edit that puts `new` for `old` at a place; none where `old` is not what stands there.

        offset: as ast counts. (Before Python 3.12 it counts wrongly inside some f-strings.)
        """
        begin = self.column(line, offset)
        if self.line(line)[begin : begin + len(old)] != old:
            return ()
        return (Edit(line, begin, line, begin + len(old), new),)


def _for_loading(statement: ast.Try) -> bool:
    """Whether a try is there for what may be missing: for such errors by name, or for any around a few plain lines."""
    plain = len(statement.body) <= 3 and all(
        isinstance(each, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr) for each in statement.body
    )
    for handler in statement.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in kinds:
            name = kind.id if isinstance(kind, ast.Name) else None
            if name in LOADING or (plain and (kind is None or name in ("Exception", "BaseException"))):
                return True
    return False


def _tests_version(test: ast.AST) -> bool:
    for node in ast.walk(test):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if VERSION.search(name):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
            return True
    return False
