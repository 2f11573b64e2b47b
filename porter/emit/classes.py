"""The classes of model.py: custom layers that are copied, and layers and cells that are made for the model."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Container
from typing import Any

from porter.emit import names as naming
from porter.emit.runtime import Written, cell_class, layer_class
from porter.graph import Made, Node


class Classes:
    """The sources of the classes, in the order in which they are written.

    package: under which they are registered. taken: the names that variables may no longer have.
    """

    def __init__(self, package: str, taken: set[str]):
        self.package, self._taken = package, taken
        self.sources: list[str] = []
        self._made: dict[str, str] = {}
        self._names = naming.ClassNames()

    def copy_used(self, each: Made) -> None:
        """Copy the source of a custom layer or function, and of those among its arguments."""
        args, kwargs = each.arguments or ((), {})
        for argument in (*args, *kwargs.values()):
            for inner in argument if isinstance(argument, (list, tuple)) else (argument,):
                if isinstance(inner, Made):
                    self.copy_used(inner)
        if each.op.startswith("porter_layers."):
            self.copy(each.op.split(".")[1])

    def copy(self, name: str) -> None:
        """Copy a custom layer's source."""
        import porter.layers

        self._taken.add(name)
        module = inspect.getmodule(getattr(porter.layers, name))
        source = inspect.getsource(module)  # type: ignore[arg-type]
        for item in ast.parse(source).body:
            if isinstance(item, (ast.ClassDef, ast.FunctionDef, ast.Assign)):
                start = min([item.lineno, *(d.lineno for d in getattr(item, "decorator_list", []))])
                copied = "\n".join(source.splitlines()[start - 1 : item.end_lineno])
                copied = copied.replace('package="porter"', f'package="{self.package}"')
                if copied not in self.sources:
                    self.sources.append(copied)

    def of_layer(self, node: Node, lent: Container[tuple[Any, ...]]) -> tuple[str, dict[str, Node]]:
        """Write the class of a layer that is made for this model; equal ones are one.

        lent: what tells layers that others use, too. Gives the class's name, and by argument the layers that it is given.
        """
        about = f"TensorFlow's {node.origin[-1]}, with sizes that are known only when it runs."
        kind = node.op.split(".")[1]
        written = layer_class("NAME", node.attrs["body"], node.outputs, "ABOUT", lent)
        node.attrs["weights"] = written.weights
        node.origin = (*node.origin, *(name for origin in written.dropouts for name in origin))
        return self._add(written, kind, about), written.lent

    def of_cell(self, node: Node) -> str:
        """Write the class of a cell that is made for this model. Gives its name."""
        about = f"One step of TensorFlow's {node.origin[-1]}."
        written = cell_class("NAME", node.attrs["step"], "ABOUT")
        node.attrs["weights"] = {f"cell__{path}": ref for path, ref in written.weights.items()}
        kind = "".join(part.capitalize() for part in naming.value_name(node).split("_"))
        return self._add(written, kind if kind.endswith("Cell") else f"{kind}Cell", about)

    def _add(self, written: Written, kind: str, about: str) -> str:
        """Add a class that was made for this model, or find one like it. Gives its name."""
        for each in sorted(written.custom):
            self.copy(each)
        source = written.source
        if source not in self._made:
            name = self._made[source] = self._names.unique(kind)
            decorated = f'@keras.saving.register_keras_serializable(package="{self.package}")\n{source}'
            self.sources.append(decorated.replace("NAME", name, 1).replace("ABOUT", about, 1))
        return self._made[source]
