"""Who may import whom. The floors stand one above the other; stages stand side by side."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = {"graph", "errors"}
RULE = {*BASE, "pattern", "rule"}
STAGES = {"read", "canonical", "rewrite", "emit", "verify", "report"}

# What each part of porter may import of porter, beside itself.
FLOORS = {
    "graph": set(),
    "errors": set(),
    "layers": set(),
    "pattern": BASE,
    "rule": BASE | {"pattern"},
    **dict.fromkeys(STAGES, RULE),
    "options": {"errors"},
    "folder": {"errors", "options"},
    "certificate": {"errors", "verify"},
    "addons": set(),  # the original's layers, and so tf-keras' own
    "lint": set(),
    "check": {"lint", "errors"},  # what runs TensorFlow runs in other processes
    "transplant": {*RULE, *STAGES, "options", "mapping", "stages", "convert"},
    "legacy": {"errors", "addons"},  # its programs run in other worlds
    "mapping": {"errors"},
    "stages": {*RULE, *STAGES, "rules", "options", "mapping", "legacy", "keras_program"},
    "keras_program": {"errors", "legacy", "read"},
    "convert": {*RULE, *STAGES, "options", "folder", "stages", "certificate"},
    "reverify": {*RULE, *STAGES, "options", "stages", "certificate"},
    "questions": {*RULE, *STAGES, "options", "stages"},
    "cli": {"convert", "transplant", "reverify", "questions", "options", "report", "errors", "legacy", "check"},
}
FLOORS["emit"] = {*RULE, "layers"}  # copies their source
FLOORS["read"] = {*RULE, "addons"}  # builds an original out of them
FLOORS["rules"] = {"rule"}

# What may be imported from elsewhere when a module is loaded; inside functions, anything that porter depends on.
LIGHT = {*sys.stdlib_module_names, "numpy"}
AT_ONCE = {
    "graph": LIGHT,
    "layers": {"keras", "numpy"},
    "cli": {*sys.stdlib_module_names, "typer"},
    "addons": {*LIGHT, "tensorflow", "tf_keras"},
    "legacy": {*LIGHT, "tensorflow", "tf_keras", "tf_slim"},
}


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a module's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """Dotted names that a module imports, and whether that happens when it is loaded."""
    late = {
        id(inner)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_type_checking(node)
        for inner in ast.walk(node)
    }
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in late) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "porter" else [node.module]
            )
            found += [(name, id(node) not in late) for name in names]
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules() -> list[tuple[str, Path]]:
    """Every module with the part of porter that it belongs to."""
    found = []
    for path in sorted([*(ROOT / "porter").rglob("*.py"), *(ROOT / "rules").rglob("*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(("rules" if parts[0] == "rules" else parts[1], path))
    return [(part, path) for part, path in found if part != "__init__"]


MODULES = modules()
RULES = [path for part, path in MODULES if part == "rules" and path.name != "__init__.py"]
LAYERS = [path for part, path in MODULES if part == "layers" and path.name != "__init__.py"]


def test_all_parts_have_a_floor():
    assert {part for part, _ in MODULES} == FLOORS.keys()


def test_floors():
    for part, path in MODULES:
        inside = {name.split(".")[1] for name, _ in imports(path) if name.startswith("porter.")}
        assert inside - {part, "__version__"} <= FLOORS[part], path


def test_rules_do_not_lean_on_rules():
    """A file of rules may share helpers with others, but those hold no rules."""
    for path in RULES:
        shared = [name.split(".")[2:] for name, _ in imports(path) if name.startswith("porter.rules.")]
        for parts in shared:
            helper = (ROOT / "rules").joinpath(*parts).with_suffix(".py").read_text()
            assert not re.search(r"^@(rule|op)\b", helper, re.M), (path, parts)


def test_what_is_loaded_at_once():
    """TensorFlow and Keras are imported by the functions that need them; custom layers alone may load Keras."""
    for part, path in MODULES:
        outside = {name.split(".")[0] for name, at_once in imports(path) if at_once}
        assert outside - {"porter", "__future__"} <= AT_ONCE.get(part, LIGHT), path


def test_a_layer_can_be_copied():
    """Its file's imports are those that every model.py has, so that its source runs there."""
    for path in LAYERS:
        assert {name for name, _ in imports(path)} <= {"keras", "numpy", "__future__"}, path


def test_no_name_of_a_module_is_a_library():
    """A module called like a library that porter needs would hide it from the scripts beside it."""
    assert not {path.stem for _, path in MODULES} & {"keras", "tensorflow", "numpy", "rich", "typer", "jax", "torch"}


def test_every_package_is_installed():
    """`pip install .` takes the packages that pyproject.toml lists, and no others."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [path.parent.relative_to(ROOT) for path in (ROOT / "porter").rglob("__init__.py")]
    folders += ["porter" / path.parent.relative_to(ROOT) for path in (ROOT / "rules").rglob("__init__.py")]
    assert set(listed) == {".".join(folder.parts) for folder in folders}


def test_refusals_say_what_to_do():
    """An error for people ends with the next step. Those of `tables.py` are reasons, told by one that does."""
    for _, path in MODULES:
        for node in nodes(path) if path.name != "tables.py" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                told = {each.arg for each in node.keywords}
                refuses = node.func.id in {"UnreadableSource", "Unsupported", "UsageError"}
                assert not refuses or told & {"todo", None}, f"{path}:{node.lineno}"
