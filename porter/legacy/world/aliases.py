"""Modules that answer to the names under which legacy source imports them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

CONTRIB = "porter.legacy.world.contrib"


class Aliases(MetaPathFinder, Loader):
    """Finds `tensorflow.contrib.rnn.python.ops.rnn_cell`, say, where the table sends `tensorflow.contrib.rnn`.

    table: by a module's old name, the module that has its content now; deeper names go along. Where nothing lies that
    deep, the nearest module above it answers: legacy source reached for private files whose content is public elsewhere.
    """

    def __init__(self, table: dict[str, str]):
        self.table = dict(sorted(table.items(), key=lambda row: -len(row[0])))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module whose name, or the beginning of it, is in the table."""
        for old, new in self.table.items():
            if fullname == old or fullname.startswith(old + "."):
                deeper = [part for part in fullname[len(old) :].split(".") if part]
                spec = ModuleSpec(fullname, self, is_package=True)
                spec.loader_state = [new, *deeper]
                return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Nothing: the module is there already."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module with the content in the place of the one that was asked for."""
        assert module.__spec__ is not None
        parts = list(module.__spec__.loader_state)
        while True:
            name = ".".join(parts)
            if name == module.__spec__.name:  # nothing lies there; asked for as a part of the nearest module above
                parts.pop()
                continue
            try:
                found = importlib.import_module(name)
                break
            except ModuleNotFoundError as problem:
                if problem.name is None or not name.startswith(problem.name) or len(parts) == 1:
                    raise
                parts.pop()
        if not hasattr(found, "__path__"):
            found.__path__ = []  # so that deeper names are asked for
        if name.startswith(f"{CONTRIB}."):
            importlib.import_module(CONTRIB).complete(found, name.removeprefix(f"{CONTRIB}."))
        sys.modules[module.__spec__.name] = found
