"""What the expressions of a function stand for, followed through its assignments.

A term is a tuple, made once: equal terms are the same object, and stand for the same value. Names are replaced by what
was assigned to them; after a branch or a loop a name that changed there is unknown. Nothing is run, nothing is guessed.

    ("call", "tf.reduce_min", (x,), (("axis", ("const", 0)),))    a function of a library
    ("call", callee, args, keywords)                              another call; callee is a term
    ("op", "Sub", a, b)   ("neg", a)   ("const", 3)   ("list", a, b)   ("attr", a, "shape")   ("item", a, b)
    ("param", "x", function)   ("name", "n")   ("unknown", 7)
"""

from __future__ import annotations

import ast
import itertools
from typing import Any

from porter.lint.module import FUNCTIONS, Module


class Term(tuple[Any, ...]):
    """A tuple that is compared by identity with others of its kind: terms share parts, and would take ages otherwise."""

    _hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return self is other if type(other) is Term else tuple.__eq__(self, other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = tuple.__hash__(self)
        return self._hash


ARITHMETIC = {
    "tf.subtract": "Sub", "tf.sub": "Sub", "tf.math.subtract": "Sub", "tf.divide": "Div", "tf.div": "Div",
    "tf.truediv": "Div", "tf.realdiv": "Div", "tf.math.divide": "Div", "tf.math.divide_no_nan": "Div",
    "tf.div_no_nan": "Div", "tf.add": "Add", "tf.math.add": "Add", "tf.multiply": "Mult", "tf.mul": "Mult",
    "tf.math.multiply": "Mult", "keras.ops.subtract": "Sub", "keras.ops.divide": "Div", "keras.ops.add": "Add",
    "keras.ops.multiply": "Mult",
}  # fmt: skip
SAME = {"tf.identity", "tf.stop_gradient", "tf.convert_to_tensor", "tf.to_float"}


class Flow:
    """The terms of one function's (or the module's) expressions. terms: by node, for operators and calls."""

    _fresh = itertools.count()

    def __init__(self, module: Module, function: ast.AST):
        self.module, self.function = module, function
        self.terms: dict[ast.AST, Term] = {}
        self.made: dict[tuple, Term] = module.__dict__.setdefault("terms", {})
        environment: dict[str, Term] = {}
        if isinstance(function, (*FUNCTIONS, ast.Lambda)):
            for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
                environment[each.arg] = self._make("param", each.arg, function)
        if isinstance(function, ast.Lambda):
            self.term(function.body, environment)
        else:
            self._block(function.body, environment)  # type: ignore[attr-defined]

    def _block(self, statements: list[ast.stmt], environment: dict[str, Term]) -> None:
        for each in statements:
            self._statement(each, environment)

    def _statement(self, statement: ast.stmt, environment: dict[str, Term]) -> None:
        if isinstance(statement, ast.Assign):
            value = self.term(statement.value, environment)
            for target in statement.targets:
                self._assign(target, value, environment)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, self.term(statement.value, environment), environment)
        elif isinstance(statement, ast.AugAssign):
            name = type(statement.op).__name__
            value = self._make(
                "op", name, self.term(statement.target, environment), self.term(statement.value, environment)
            )
            self.terms[statement] = value
            self._assign(statement.target, value, environment)
        elif isinstance(statement, ast.With | ast.AsyncWith):
            for item in statement.items:
                self.term(item.context_expr, environment)
                if item.optional_vars is not None:
                    self._assign(item.optional_vars, self._unknown(), environment)
            self._block(statement.body, environment)
        elif isinstance(statement, ast.If):
            self.term(statement.test, environment)
            self._branches([statement.body, statement.orelse], environment)
        elif isinstance(statement, ast.For | ast.AsyncFor | ast.While):
            self._forget(statement, environment)
            self.term(statement.test if isinstance(statement, ast.While) else statement.iter, environment)
            self._branches([statement.body, statement.orelse], environment)
            self._forget(statement, environment)
        elif isinstance(statement, ast.Try):
            blocks = [statement.body, *(handler.body for handler in statement.handlers), statement.orelse]
            self._branches(blocks, environment)
            self._block(statement.finalbody, environment)
        elif isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            environment.pop(statement.name, None)
        else:
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.expr):
                    self.term(child, environment)

    def _branches(self, blocks: list[list[ast.stmt]], environment: dict[str, Term]) -> None:
        """Each from where things stand now; afterwards what is not the same in all is unknown."""
        ends = []
        for block in blocks:
            ends.append(dict(environment))
            self._block(block, ends[-1])
        for name in {name for end in ends for name in end}:
            values = {end.get(name) for end in ends}
            environment[name] = next(iter(values)) or self._unknown() if len(values) == 1 else self._unknown()

    def _forget(self, loop: ast.AST, environment: dict[str, Term]) -> None:
        for node in ast.walk(loop):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                environment[node.id] = self._unknown()

    def _assign(self, target: ast.AST, value: Term, environment: dict[str, Term]) -> None:
        if isinstance(target, ast.Name):
            environment[target.id] = value
        elif isinstance(target, ast.Attribute):
            environment[ast.unparse(target)] = value
        elif isinstance(target, ast.Tuple | ast.List):
            if value[0] == "list" and len(value) == len(target.elts) + 1:
                for each, item in zip(target.elts, value[1:], strict=True):
                    self._assign(each, item, environment)
                return
            for index, each in enumerate(target.elts):
                self._assign(each, self._make("item", value, self._make("const", index)), environment)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, self._unknown(), environment)

    def _make(self, *parts: Any) -> Term:
        return self.made.setdefault(parts, Term(parts))

    def _unknown(self) -> Term:
        return self._make("unknown", next(self._fresh))

    def term(self, node: ast.AST, environment: dict[str, Term]) -> Term:
        """What an expression stands for."""
        found = self._term(node, environment)
        if isinstance(node, ast.BinOp | ast.Call):
            self.terms[node] = found
        return found

    def _term(self, node: ast.AST, environment: dict[str, Term]) -> Term:
        if isinstance(node, ast.Constant):
            return self._make("const", node.value if not isinstance(node.value, bool) else str(node.value))
        if isinstance(node, ast.Name):
            return environment.get(node.id) or self._make("name", self.module.names.get(node) or node.id)
        if isinstance(node, ast.BinOp):
            return self._make(
                "op", type(node.op).__name__, self.term(node.left, environment), self.term(node.right, environment)
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.term(node.operand, environment)
            return (
                self._make("const", -inner[1])
                if inner[0] == "const" and isinstance(inner[1], int | float)
                else self._make("neg", inner)
            )
        if isinstance(node, ast.Tuple | ast.List):
            return self._make("list", *(self.term(each, environment) for each in node.elts))
        if isinstance(node, ast.Attribute):
            if (name := self.module.names.get(node)) is not None:
                return self._make("name", name)
            kept = environment.get(ast.unparse(node)) if isinstance(node.value, ast.Name) else None
            return kept or self._make("attr", self.term(node.value, environment), node.attr)
        if isinstance(node, ast.Subscript):
            return self._make("item", self.term(node.value, environment), self.term(node.slice, environment))
        if isinstance(node, ast.Call):
            return self._call(node, environment)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(node, ast.Lambda):
                self.term(child, environment)
        return self._unknown()

    def _call(self, node: ast.Call, environment: dict[str, Term]) -> Term:
        args = tuple(self.term(each, environment) for each in node.args)
        keywords = tuple(
            sorted(
                (self._make(each.arg or "**", self.term(each.value, environment)) for each in node.keywords),
                key=lambda pair: pair[0],
            )
        )
        name = self.module.called(node)
        if name in ARITHMETIC and len(args) == 2:
            return self._make("op", ARITHMETIC[name], *args)
        if name in SAME and args:
            return args[0]
        callee = name or self.term(node.func, environment)
        return self._make("call", callee, self._make(*args), self._make(*keywords))


def flow_of(module: Module, function: ast.AST) -> Flow:
    """The flow of a function, made once."""
    known: dict[ast.AST, Flow] = module.__dict__.setdefault("flows", {})
    if function not in known:
        known[function] = Flow(module, function)
    return known[function]


def argument(call: Term, name: str, position: int | None = None) -> Term | None:
    """An argument of a call term, by keyword or position."""
    for keyword, value in call[3]:
        if keyword == name:
            return value
    if position is not None and position < len(call[2]):
        return call[2][position]
    return None
