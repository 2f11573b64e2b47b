"""`tf.contrib`: what networks took from it, part by part as it is asked for.

Its layers, arg_scope, losses, metrics, slim and slim's nets come from tf-slim, which is that code carried on; the rest
is written here. A part or a name that is not here is an AttributeError that says so.
"""

from __future__ import annotations

import importlib
from typing import Any

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
        raise AttributeError(f"tf.contrib.{name} is not in the world in which porter runs legacy source") from None
    globals()[name] = module
    return module
