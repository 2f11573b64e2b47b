"""What stands behind the colon of net.py:build(classes=10).logits: Python, evaluated in the program's own module.

Calls are completed: a parameter that is not given gets a placeholder that the user asked for, or what its name says it is
at inference. Where a class stands without a call, it is made first. Dictionaries may be read by attributes as well, so
that they do for the settings objects that networks are built from.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from typing import Any

from porter.legacy.program_stop import Stopped
from porter.legacy.world.python2 import is_own

KNOBS = (
    "is_training",
    "training",
    "is_train",
    "train_phase",
    "phase_train",
    "istrain",
    "train",
    "phase",
    "trainable_bn",
)
KEEPS = ("keep_prob", "dropout_keep_prob", "keep_probability", "keep_rate")
USUAL = {"reuse": False, "mode": "infer", "labels": None, "scope": None}
SETTINGS = {
    "args", "arg", "config", "configs", "conf", "cfg", "flags", "hparams", "hps", "hp", "opt", "opts", "options", "settings",
    "params", "param",
}  # fmt: skip


class Refusal(Exception):
    """The program cannot be run as it was asked for; the text says why."""


class Settings(dict[str, Any]):
    """A dictionary whose entries are attributes too, for programs that ask for either or list them."""

    def __init__(self, *args: Any, **more: Any):
        super().__init__(*args, **more)
        self.__dict__ = self

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the settings that were given have no {name}")

    def __dir__(self) -> list[str]:
        return list(self)


class Evaluation:
    """Evaluates one expression in a module.

    made: the user's placeholders by name; what is used of them leaves it. as_python: whether switches are given as Python
    values. notes: what was assumed.
    """

    def __init__(self, tf: Any, module: Any, made: dict[str, Any], as_python: bool, notes: list[str]):
        self.tf, self.module, self.made, self.as_python, self.notes = tf, module, made, as_python, notes

    def evaluate(self, text: str) -> Any:
        """What the expression gives. Raises Refusal where a name is not there or an argument is missing."""
        tree = _SettingsInPlace().visit(ast.parse(text, mode="eval"))
        ast.fix_missing_locations(tree)
        found = self._value(tree.body, text)
        if (_is_function(found) and not isinstance(tree.body, ast.Call)) or (callable(found) and self.made):
            found = self._called(found, ast.unparse(tree.body), [], {})
        if callable(found) and self.made:  # an object that is called with its input
            found = self._called(found, ast.unparse(tree.body), [], {})
        if self.made:
            raise Refusal(f"{text.partition('(')[0]} takes no {', '.join(self.made)}; {_signature(self.module, text)}")
        return found

    def _value(self, node: ast.expr, text: str) -> Any:
        """The value of a name, of an attribute of such a value, or of a call of one; of all else by Python itself."""
        if isinstance(node, ast.Name):
            if not hasattr(self.module, node.id):
                raise Refusal(f"it has no {node.id}; it has {offers(self.module)}")
            return getattr(self.module, node.id)
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value, text)
            if inspect.isclass(owner) and not _belongs_to_class(owner, node.attr):
                owner = self._called(owner, ast.unparse(node.value), [], {})
            if not hasattr(owner, node.attr):
                raise Refusal(f"{ast.unparse(node.value)} has no {node.attr}; it has {offers(owner)}")
            return getattr(owner, node.attr)
        if isinstance(node, ast.Call):
            function = self._value(node.func, text)
            name = ast.unparse(node.func)
            given = [self._python(each) for each in node.args]
            named = {str(each.arg): self._python(each.value) for each in node.keywords}
            found = self._called(function, name, given, named)
            owner = getattr(function, "__self__", None)  # a method that gives nothing keeps what it made in its object
            return owner if found is None and not inspect.isclass(owner) and not inspect.ismodule(owner) else found
        if isinstance(node, ast.Subscript):
            return self._value(node.value, text)[self._python(node.slice)]
        return self._python(node)

    def _python(self, node: ast.expr) -> Any:
        """The value of an argument, in the module's names, the placeholders' and those of tf and np."""
        import numpy as np

        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        names = {"tf": self.tf, "np": np, **vars(self.module), "Settings": Settings, "dict": Settings}
        names.update({name: self.made.pop(name) for name in used & self.made.keys()})
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "<the command line>", "eval")
        try:
            return eval(code, names)
        except (NameError, AttributeError) as problem:
            raise Refusal(f"{ast.unparse(node)} cannot be computed: {problem}") from problem

    def _called(self, function: Any, name: str, given: list[Any], named: dict[str, Any]) -> Any:
        """What a call gives, after it was completed."""
        if not callable(function):
            raise Refusal(f"{name} is no function")
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            return function(*given, **named)
        kinds = [each.kind for each in parameters.values()]
        unknown = [each for each in named if each not in parameters and inspect.Parameter.VAR_KEYWORD not in kinds]
        if unknown:
            raise Refusal(f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(parameters) or 'none'}")
        positional = [each for each, parameter in parameters.items() if parameter.kind in _POSITIONAL]
        if len(given) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise Refusal(f"{name} takes {len(positional)} arguments at most: {', '.join(positional) or 'none'}")
        left = {each: parameters[each] for each in parameters if each not in {*positional[: len(given)], *named}}
        named = {**named, **self._completed(left)}
        missing = [each for each, parameter in left.items() if each not in named and _asked(parameter)]
        if missing:
            classes = [each.__name__ for each in self._settings_classes()] if SETTINGS & set(missing) else []
            of = f"; settings that the program has are {', '.join(classes)}" if classes else ""
            raise Refusal(f"{name} needs {', '.join(missing)}{of}")
        try:
            return function(*given, **named)
        except Stopped as problem:
            made = _half_made(function, problem) if inspect.isclass(function) else None
            if made is None:
                raise
            return made

    def _completed(self, left: dict[str, inspect.Parameter]) -> dict[str, Any]:
        """Values for parameters that were not given: placeholders by name, settings, switches, placeholders in order."""
        found: dict[str, Any] = {name: self.made.pop(name) for name in list(self.made) if name in left}
        if self.made and "features" in left and "features" not in found:
            found["features"], self.made = dict(self.made), {}  # a model function looks its features up by their names
        for name, parameter in left.items():
            if name not in found and _asked(parameter) and name.lower() in SETTINGS:
                found.update(self._settings(name))
        for name, parameter in left.items():  # placeholders of other names, in their order
            if self.made and name not in found and _asked(parameter) and not _is_known(name):
                found[name] = self.made.pop(next(iter(self.made)))
        for name, parameter in left.items():  # a default for training is not for a converted model
            switched = name.lower() in KNOBS and parameter.default is True or name.lower() in KEEPS
            if name not in found and (_asked(parameter) or switched):
                found.update(self._usual(name))
        return found

    def _settings(self, name: str) -> dict[str, Any]:
        """The settings that the module itself holds: under the parameter's name, as FLAGS, or as an argument parser's."""
        import argparse

        held = {key.lower(): key for key in vars(self.module)}
        for each in (name.lower(), "flags"):
            value = getattr(self.module, held[each]) if each in held else None
            if value is not None and not callable(value) and not inspect.ismodule(value):
                self.notes.append(f"{name} was given the program's own {held[each]}.")
                return {name: value}
        classes = self._settings_classes()
        if len(classes) == 1:
            self.notes.append(f"{name} was given a {classes[0].__name__}, as the program has it.")
            return {name: classes[0]()}
        parsers = [key for key, value in vars(self.module).items() if isinstance(value, argparse.ArgumentParser)]
        if len(parsers) == 1:
            self.notes.append(f"{name} was given what {parsers[0]} of the program makes of its arguments.")
            return {name: getattr(self.module, parsers[0]).parse_args()}
        return {}

    def _settings_classes(self) -> list[type]:
        """The program's own classes of settings, which can be made without any argument."""
        return [value for key, value in vars(self.module).items() if _is_settings(key, value)]

    def _usual(self, name: str) -> dict[str, Any]:
        """What is given for a parameter whose name says what it is: switches, and what inference has none of."""
        tf = self.tf
        if name.lower() in KNOBS:
            return {name: False if self.as_python else tf.placeholder_with_default(False, [], name=name)}
        if name.lower() in KEEPS:
            return {name: 1.0 if self.as_python else tf.placeholder(tf.float32, [], name=name)}
        if name in ("sess", "session"):
            return {name: tf.get_default_session() or tf.Session()}
        return {name: USUAL[name]} if name in USUAL else {}


_POSITIONAL = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)


class _SettingsInPlace(ast.NodeTransformer):
    """Writes {"size": 3} as Settings({"size": 3})."""

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """A dictionary."""
        self.generic_visit(node)
        return ast.copy_location(ast.Call(func=ast.Name("Settings", ast.Load()), args=[node], keywords=[]), node)


def _is_function(found: Any) -> bool:
    return inspect.isroutine(found) or inspect.isclass(found) or isinstance(found, functools.partial)


def _asked(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return parameter.default is inspect.Parameter.empty and parameter.kind in kinds


def _is_settings(name: str, value: Any) -> bool:
    """Whether something in a module is a class of settings that can be made without any argument."""
    if not inspect.isclass(value) or not name.lower().endswith(tuple(SETTINGS)):
        return False
    try:
        own = is_own(inspect.getfile(value))
        return own and not any(map(_asked, inspect.signature(value).parameters.values()))
    except (TypeError, ValueError, OSError):
        return False


def _is_known(name: str) -> bool:
    """Whether a parameter's name says that it is no input."""
    return name.lower() in (*KNOBS, *KEEPS) or name in (*USUAL, "sess", "session")


def _half_made(owner: type, problem: BaseException) -> Any:
    """The object whose constructor was going to restore its weights, or to ask for an answer: its graph is built."""
    trace = problem.__traceback__
    while trace is not None:
        if isinstance(found := trace.tb_frame.f_locals.get("self"), owner):
            return found
        trace = trace.tb_next
    return None


def _belongs_to_class(owner: type, name: str) -> bool:
    found = inspect.getattr_static(owner, name, None)
    if isinstance(found, staticmethod | classmethod):
        return True
    return (
        found is not None and not callable(found) and not isinstance(found, property) and not hasattr(found, "__get__")
    )


def offers(owner: Any = None) -> str:
    """Names of what there is to call or to take, for an error; by default in the script that ran."""
    owner = sys.modules["__main__"] if owner is None else owner
    if inspect.ismodule(owner):
        found = [key for key, value in vars(owner).items() if _is_own(value, owner)]
    else:
        found = [key for key in dir(owner) if not key.startswith("_")]
    return ", ".join(found[:16]) or "no functions"


def _is_own(value: Any, module: Any) -> bool:
    return (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module.__name__


def _signature(module: Any, text: str) -> str:
    """Which parameters the function has that was called last, for an error."""
    function = getattr(module, text.partition("(")[0].partition(".")[0], None)
    try:
        names = ", ".join(inspect.signature(function).parameters) if callable(function) else ""
    except (TypeError, ValueError):
        names = ""
    return f"its parameters are {names or 'none'}"
