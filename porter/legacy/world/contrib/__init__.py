"""`tf.contrib`: what networks took from it, part by part as it is asked for.

Its layers, arg_scope, losses, metrics, slim and slim's nets come from tf-slim, which is that code carried on; the rest
is written here. What is not here may be imported and named; using it is an error that names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from porter.legacy.world.libraries import Unusable

FILES = {
    "python", "ops", "layers", "framework", "learn", "seq2seq", "kernels", "core_rnn", "rnn", "attention_wrapper", "decoder",
    "helper", "basic_decoder", "beam_search_decoder", "loss", "arg_scope", "utils", "initializers", "regularizers",
    "optimizers", "normalization", "nets", "slim", "datasets", "tools", "training", "util", "hparam",
}  # fmt: skip
SLIM = {"losses": "tf_slim.losses", "metrics": "tf_slim.metrics", "slim": "tf_slim"}


def __getattr__(name: str) -> Any:
    """A part of contrib, imported when it is asked for."""
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        module = importlib.import_module(SLIM.get(name, f"{__name__}.{name}"))
    except ModuleNotFoundError as problem:
        if problem.name != f"{__name__}.{name}":
            raise
        return absent(name)
    globals()[name] = complete(module, name)
    return module


def parts() -> list[str]:
    """The parts that are here."""
    return [each.name for each in pkgutil.iter_modules(__path__)]


def absent(name: str) -> Unusable:
    """What stands for a part or a name of contrib that is not here."""
    return Unusable(f"tf.contrib.{name}", "the world in which porter runs legacy source has no such part")


def complete(module: ModuleType, name: str) -> ModuleType:
    """Let a part of contrib give something for every name."""

    def missing(each: str) -> Any:
        if each.startswith("__") or each in FILES or each.endswith(("_ops", "_impl", "_lib", "_cell")):
            raise AttributeError(each)  # so that it is looked for as a module
        return absent(f"{name}.{each}")

    if not hasattr(module, "__getattr__"):
        module.__getattr__ = missing  # type: ignore[method-assign]
    return module
