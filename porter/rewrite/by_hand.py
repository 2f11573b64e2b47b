"""How normalisations, and those that people wrote by hand above all, are written in the model's source.

"layer": as a custom layer, which keeps its formula in one place. "ops": as the plain calls of `keras.ops` that the
original made. "lambda": as a `keras.layers.Lambda` around a named, registered function, which loads with safe_mode on.
"legacy": as "layer", and batch normalisations as one too where TensorFlow 1's fused kernel moved their variance otherwise
than Keras' own layer does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from porter.errors import UsageError
from porter.graph import Graph, Made, Node

FORMS = ("layer", "ops", "lambda", "legacy")
# The layers, with the functions that compute the same and the defaults of these.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "porter_layers.MinMaxNormalization": ("min_max_normalized", {"epsilon": 0.0, "guard": "added", "shifted": True}),
    "porter_layers.L1Normalization": ("l1_normalized", {"epsilon": 0.0, "guard": "norm"}),
    "porter_layers.L2Normalization": ("l2_normalized", {"epsilon": 1e-12, "guard": "squares"}),
    "porter_layers.StandardScore": ("standard_scored", {"epsilon": 0.0, "guard": "variance"}),
}


def check_form(form: str) -> None:
    """Raises UsageError for what is none of `FORMS`."""
    if form not in FORMS:
        raise UsageError(f"Normalisation cannot be written as {form}", todo=f"choose from {', '.join(FORMS)}")


def of_one_call(nodes: Iterable[Node]) -> str:
    """The layer among `nodes` that "ops" does without, "" if there is none."""
    return next((node.op.split(".")[1] for node in nodes if node.op in FUNCTIONS), "")


def as_functions(graph: Graph) -> None:
    """Write these layers as Lambda around the function that computes the same."""
    for node in graph:
        if node.op not in FUNCTIONS:
            continue
        name, defaults = FUNCTIONS[node.op]
        args, given = node.attrs["config"]
        arguments = {"axis": given.get("axis", tuple(range(1, node.inputs[0].rank or 0)))}
        arguments.update({key: given[key] for key, plain in defaults.items() if given.get(key, plain) != plain})
        dtype = {"dtype": given["dtype"]} if "dtype" in given else {}
        function = Made(f"porter_layers.{name}")
        node.op, node.attrs["config"] = "layers.Lambda", ((function, *args), {"arguments": arguments, **dtype})
