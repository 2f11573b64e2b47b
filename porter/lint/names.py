"""What names stand for: imports, their aliases and plain assignments are followed through Python's scopes.

Names of libraries are brought to one spelling: `tf.…` for TensorFlow however it was imported, with a note where it was
`tensorflow.compat.v1`; `keras.…`; `tfa.…` for TensorFlow Addons; `keras_contrib.…`. A name that is bound to anything
else in the same scope as well stands for nothing here: rather no finding than a false one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from porter.lint.module import Module

ROOTS = {"tensorflow", "keras", "tensorflow_addons", "keras_contrib", "tf_slim", "tf_keras"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Binding:
    """dotted: what an import binds. value: the expression that an assignment binds. Neither: anything else."""

    node: ast.AST
    dotted: str = ""
    value: ast.AST | None = None


@dataclass
class Scope:
    """A function, class or module with the names that are bound in it."""

    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)  # declared global or nonlocal
    resolved: dict[str, str | None] = field(default_factory=dict)

    def bind(self, name: str, binding: Binding) -> None:
        """Note what is assigned to `name`, in the scope whose name it is."""
        scope = self
        while name in scope.elsewhere and scope.parent is not None:
            scope = scope.parent
        scope.bindings.setdefault(name, []).append(binding)

    def holder(self, name: str) -> Scope | None:
        """The scope whose binding a load of `name` sees here. Classes hide theirs from the functions inside."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope is self or not isinstance(scope.node, ast.ClassDef)):
                return scope
            scope = scope.parent
        return None


@dataclass(frozen=True)
class Use:
    """Something of a library, named. node: the expression, None for an import. statement: the import.

    name: its full name (`tf.layers.conv2d`). compat: it was reached through tensorflow.compat.v1 (or tf_slim).
    known: how many parts of the name an alias or import said already.
    """

    name: str
    compat: bool
    known: int
    node: ast.AST | None = None
    statement: ast.AST | None = None


def collect(module: Module) -> None:
    """One walk over the tree that fills the module's parents, nodes by kind, and scopes."""
    top = Scope(module.tree, None)
    module.scopes[module.tree] = top
    parents, by_type = module.parents, module.by_type
    stack: list[tuple[ast.AST, Scope]] = [(module.tree, top)]
    while stack:
        node, scope = stack.pop()
        kind = type(node)
        by_type.setdefault(kind, []).append(node)
        _bind(node, scope, module)
        inner = scope
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)):
            inner = module.scopes[node] = Scope(node, scope)
        outside = _outside(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                parents[value] = node
                stack.append((value, scope if name in outside else inner))
            elif isinstance(value, list):
                for item in reversed(value):
                    if isinstance(item, ast.AST):
                        parents[item] = node
                        stack.append((item, scope if name in outside else inner))


def _outside(node: ast.AST) -> tuple[str, ...]:
    """The fields of a definition that are evaluated in the scope around it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ("decorator_list", "returns")
    if isinstance(node, ast.ClassDef):
        return ("decorator_list", "bases", "keywords")
    return ()


def _bind(node: ast.AST, scope: Scope, module: Module) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            module.scope_of[node] = scope
        else:
            parent = module.parents.get(node)
            plain = isinstance(parent, ast.Assign) and isinstance(parent.value, ast.Attribute | ast.Name)
            nothing = (
                isinstance(parent, ast.Assign) and isinstance(parent.value, ast.Constant) and not parent.value.value
            )
            if plain and node in parent.targets:  # type: ignore[union-attr]
                scope.bind(node.id, Binding(node, value=parent.value))  # type: ignore[union-attr]
            elif not nothing:
                scope.bind(node.id, Binding(node))
    elif isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.split(".")[0]
            scope.bind(alias.asname or root, Binding(node, dotted=alias.name if alias.asname else root))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            dotted = f"{node.module}.{alias.name}" if node.module and not node.level else ""
            scope.bind(alias.asname or alias.name, Binding(node, dotted=dotted))
    elif isinstance(node, ast.arg):
        scope.bind(node.arg, Binding(node))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
        scope.bind(node.name, Binding(node))
    elif isinstance(node, ast.Global | ast.Nonlocal):
        scope.elsewhere.update(node.names)


def canonical(dotted: str) -> tuple[str, bool] | None:
    """(the one spelling of a library's name, whether it came through the compatibility module); None for other names."""
    root, _, rest = dotted.partition(".")
    if root not in ROOTS:
        return None
    if root == "tf_slim":
        return f"tf.contrib.slim.{rest}".rstrip("."), True
    if root == "tensorflow_addons":
        return f"tfa.{rest}".rstrip("."), False
    if root == "tf_keras":
        return f"tf.keras.{rest}".rstrip("."), False
    if root != "tensorflow":
        return dotted, False
    parts = rest.split(".") if rest else []
    compat = False
    while parts[:2] == ["compat", "v1"]:
        parts, compat = parts[2:], True
    if parts[:2] == ["compat", "v2"]:
        parts = parts[2:]
    if parts[:2] == ["python", "keras"]:
        parts = parts[1:]
    return ".".join(["tf", *parts]), compat


def resolve_uses(module: Module) -> list[Use]:
    """Imports and expressions of a module that name something of a library, each at its longest."""
    found = []
    for statement in (*module.nodes(ast.Import), *module.nodes(ast.ImportFrom)):
        for alias in statement.names:
            dotted = alias.name
            if isinstance(statement, ast.ImportFrom):
                if statement.level or not statement.module:
                    continue
                dotted = statement.module if alias.name == "*" else f"{statement.module}.{alias.name}"
            if (name := canonical(dotted)) is not None:
                found.append(Use(*name, known=0, statement=alias))
    for node, scope in module.scope_of.items():
        meant = _resolve(node.id, scope, module)
        if meant is None:
            continue
        top: ast.AST = node
        parts = [meant]
        while isinstance(parent := module.parents.get(top), ast.Attribute):
            parts.append(parent.attr)
            top = parent
        name, base = canonical(".".join(parts)), canonical(meant)
        if name is not None and base is not None:
            found.append(Use(*name, known=base[0].count(".") + 1, node=top))
    return found


def _resolve(name: str, scope: Scope, module: Module) -> str | None:
    """The dotted name, as imported, that a name stands for in a scope; None where it is not a library's."""
    holder = scope.holder(name)
    if holder is None:
        return None
    if name not in holder.resolved:
        holder.resolved[name] = None  # while it is looked for: a name that stands for itself stands for nothing
        holder.resolved[name] = _meaning(name, holder, module)
    return holder.resolved[name]


def _meaning(name: str, holder: Scope, module: Module) -> str | None:
    found: list[str] = []
    for binding in holder.bindings[name]:
        dotted: str | None = binding.dotted
        if binding.value is not None:
            dotted = _dotted(binding.value, name, holder, found, module)
        if not dotted or canonical(dotted) is None:
            return None
        found.append(dotted)
    # Several, as around a try: what works today is what counts.
    return min(found, key=lambda dotted: (".compat.v1" not in dotted, ".contrib" in dotted))


def _dotted(value: ast.AST, name: str, holder: Scope, before: list[str], module: Module) -> str | None:
    """What an assigned expression stands for. before: what `name` stood for until then, for `tf = tf.compat.v1`."""
    parts: list[str] = []
    while isinstance(value, ast.Attribute):
        parts.insert(0, value.attr)
        value = value.value
    if not isinstance(value, ast.Name):
        return None
    scope = module.scope_of[value]
    if value.id == name and scope.holder(name) is holder:
        base = before[-1] if before else None
    else:
        base = _resolve(value.id, scope, module)
    return ".".join([base, *parts]) if base else None
