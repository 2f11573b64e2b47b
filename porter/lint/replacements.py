"""What replaces the names that TensorFlow 1 had: one mechanism for every rule about removed names.

`tf1_names.txt` lists every public name of TensorFlow 1.4, 1.12 and 1.15 that TensorFlow 2.21 has no longer, with what is
left of it: `gone`, `v1` (in tf.compat.v1 only), or the name that the very same function has now. It was made by walking
the installed packages and comparing objects, so that a rename there is certain; the lines for names from before 1.0
follow that release's notes. What to write in Keras 3 stands in the tables of `porter/lint/rules`.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from porter.lint.finding import ERROR, WARNING, Edit, Finding
from porter.lint.module import Module
from porter.lint.names import Use

GONE, V1 = "gone", "v1"
NEEDS_TF_KERAS = ("tf.layers.", "tf.nn.rnn_cell.", "tf.keras.")


@dataclass(frozen=True)
class Replacement:
    """keras: what to write. defaults: by parameter of the old call, what is different where it is not given.

    note: what else to know. The text for a parameter is left out where the call gives that parameter.
    """

    keras: str
    note: str = ""
    defaults: tuple[tuple[str, str], ...] = ()


def to(keras: str, note: str = "", **defaults: str) -> Replacement:
    """A `Replacement` as tables write it."""
    return Replacement(keras, note, tuple(defaults.items()))


@functools.cache
def names() -> dict[str, str]:
    """What is left of each name that TensorFlow 2 lacks."""
    text = resources.files("porter.lint").joinpath("tf1_names.txt").read_text()
    return dict(line.split(" ", 1) for line in text.splitlines())


TABLE: dict[str, tuple[str, Replacement]] = {}


def replaces(code: str, table: dict[str, Replacement]) -> None:
    """Enter a rule's table. A name stands for itself and for what lies below it, unless that has an entry too."""
    TABLE.update({name: (code, replacement) for name, replacement in table.items()})


@dataclass(frozen=True)
class Match:
    """A use of something removed. name: the entry that stands for it. state: GONE, V1 or the new name."""

    use: Use
    code: str
    name: str
    state: str
    replacement: Replacement | None


def matches(module: Module) -> list[Match]:
    """All uses of removed names, each once: where an alias says it already, the alias's own line has it."""
    found = module.__dict__.get("removed")
    if found is None:
        found = module.__dict__["removed"] = [match for use in module.uses if (match := _match(use, module))]
    return found


def _match(use: Use, module: Module) -> Match | None:
    if not use.name.startswith("tf."):
        return None
    listed = _longest(use.name, names())
    if listed is None or (listed != use.name and names()[listed].startswith("tf.")):
        return None
    state = names()[listed]
    entry = _longest(use.name, TABLE)
    if entry is not None and entry.count(".") < listed.count(".") and state.startswith("tf."):
        entry = None
    code, replacement = TABLE[entry] if entry else ("PT115" if state.startswith("tf.") else "PT116", None)
    name = max(entry or "", listed, key=len)
    if name.count(".") + 1 <= use.known and use.statement is None:  # the line that made the alias says it
        return None
    if use.compat and state.startswith("tf."):
        return None
    place = use.statement or use.node
    if place is None or module.guarded(place):
        return None
    return Match(use, code, name, state, replacement)


def _longest(name: str, table: dict) -> str | None:
    while name and name not in table:
        name = name.rpartition(".")[0]
    return name or None


def findings(code: str, module: Module) -> Iterator[Finding]:
    """The findings of the rule with this code, which has a table here."""
    for match in matches(module):
        if match.code == code:
            node = _node(match)
            severity = WARNING if match.use.compat and match.state == V1 else ERROR
            yield module.finding(code, node, message(match, module), severity, _rename(match, node, module))


def _node(match: Match) -> ast.AST:
    """The part of the expression that names what is removed."""
    if match.use.statement is not None:
        return match.use.statement
    node = match.use.node
    for _ in range(match.use.name.count(".") - match.name.count(".")):
        node = node.value  # type: ignore[union-attr]
    return node  # type: ignore[return-value]


def message(match: Match, module: Module) -> str:
    """What happened to the name, what to write, and which defaults change."""
    name, state = match.name, match.state
    if state.startswith("tf."):
        said = f"{name} is {state} in TensorFlow 2"
    elif state == GONE:
        said = f"{name} is gone from TensorFlow 2, from tf.compat.v1 too"
    elif not match.use.compat:
        said = f"{name} is not in TensorFlow 2, only in tf.compat.v1"
    elif name.startswith(NEEDS_TF_KERAS):
        said = f"{name} still runs from tf.compat.v1 where tf-keras is installed, not with Keras 3"
    else:
        said = f"{name} still runs from tf.compat.v1; Keras 3 has no such thing"
    new = match.replacement
    if new is None:
        return said
    if new.keras:
        said += f": {new.keras}"
    given = _given(match, module)
    changed = [text for parameter, text in new.defaults if parameter not in given]
    if changed:
        said += f". Defaults that change: {'; '.join(changed)}"
    if new.note:
        said += f". {new.note}"
    return said


def _given(match: Match, module: Module) -> set[str | None]:
    node = match.use.node
    call = module.parents.get(node) if node is not None else None
    if isinstance(call, ast.Call) and call.func is node:
        return {keyword.arg for keyword in call.keywords}
    return set()


def _rename(match: Match, node: ast.AST, module: Module) -> tuple[Edit, ...]:
    """The edit for a function that only has another name now, where the expression begins with `tf` itself."""
    if not match.state.startswith("tf.") or match.use.node is None or match.use.compat:
        return ()
    root, parts = node, list[str]()
    while isinstance(root, ast.Attribute):
        parts.insert(0, root.attr)
        root = root.value
    if not isinstance(root, ast.Name) or match.use.known != 1:
        return ()
    old = ".".join([root.id, *parts])
    return module.edit(node.lineno, node.col_offset, old, root.id + match.state.removeprefix("tf"))  # type: ignore[attr-defined]
