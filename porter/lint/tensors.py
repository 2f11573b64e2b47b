"""What is known of tensors in source: reductions and their axes, normalisations, and whether the first axis is the batch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from porter.lint.flow import Flow, Term, argument, flow_of
from porter.lint.module import FUNCTIONS, Module

REDUCTIONS = {
    **{f"{home}reduce_{kind}": kind for home in ("tf.", "tf.math.") for kind in ("min", "max", "mean", "sum")},
    **{f"{home}reduce_std": "std" for home in ("tf.math.",)},
    **{f"{home}{kind}": kind for home in ("keras.backend.", "tf.keras.backend.", "keras.ops.")
       for kind in ("min", "max", "mean", "sum", "std")},
    "tf.norm": "norm", "tf.linalg.norm": "norm", "keras.ops.norm": "norm", "tf.nn.l2_loss": "sum",
}  # fmt: skip
LAYERS = ("tf.layers.", "tf.contrib.layers.", "tf.contrib.slim.", "tf.nn.conv", "tf.nn.depthwise_conv", "tf.nn.separable_conv",
          "tf.nn.max_pool", "tf.nn.avg_pool", "tf.nn.bias_add", "tf.nn.atrous_conv")  # fmt: skip
ELEMENTWISE = {
    "tf.nn.relu", "tf.nn.relu6", "tf.nn.leaky_relu", "tf.nn.elu", "tf.nn.selu", "tf.nn.softplus", "tf.nn.tanh", "tf.tanh",
    "tf.nn.sigmoid", "tf.sigmoid", "tf.exp", "tf.abs", "tf.square", "tf.sqrt", "tf.cast", "tf.nn.dropout", "tf.maximum",
    "tf.minimum", "tf.clip_by_value", "tf.nn.softmax", "tf.nn.batch_normalization", "tf.math.tanh", "tf.math.sigmoid",
}  # fmt: skip
CONVOLUTIONS = {
    "conv2d",
    "convolution2d",
    "conv2d_transpose",
    "separable_conv2d",
    "Conv2D",
    "Conv2DTranspose",
    "SeparableConv2D",
}
SHAPE_KEEPING = {
    "batch_normalization",
    "batch_norm",
    "dropout",
    "BatchNormalization",
    "Dropout",
    "Activation",
    "ReLU",
    "LeakyReLU",
}
POOLING = {"max_pooling2d", "average_pooling2d", "max_pool2d", "avg_pool2d", "MaxPooling2D", "AveragePooling2D"}
KERNELS = ("kernel", "weight", "filter", "w")
APART = ("loss", "metric", "accuracy", "summary", "visual", "plot", "heatmap", "grid", "grad")
KERAS = ("keras.layers.", "tf.keras.layers.")
DEEPEST = 100  # assignments that are followed back


@dataclass(frozen=True)
class Reduction:
    """kind: min, max, mean, sum, std, norm. of: the tensor. axes: None for all, "?" where they are not written out."""

    kind: str
    of: Term
    axes: tuple[int, ...] | None | str


def reduction(term: Term) -> Reduction | None:
    """What a term reduces, if it is a call of a reduction."""
    if term[0] != "call" or not isinstance(term[1], str) or term[1] not in REDUCTIONS or not term[2]:
        return None
    kind = REDUCTIONS[term[1]]
    position = 2 if kind == "norm" else 1
    axes = argument(term, "axis", position) or argument(term, "reduction_indices") or argument(term, "axes")
    return Reduction(kind, term[2][0], numbers(axes))


def numbers(term: Term | None) -> tuple[int, ...] | None | str:
    """Axes that are written out; None for all of them."""
    if term is None or term == ("const", None):
        return None
    items = term[1:] if term[0] == "list" else (term,)
    if all(each[0] == "const" and isinstance(each[1], int) for each in items):
        return tuple(each[1] for each in items)
    return "?"


@dataclass(frozen=True)
class Normalisation:
    """A division by what the same tensor comes to. node: where. of: the tensor. shift, scale: what it is shifted and
    divided by. shifted: the numerator."""

    node: ast.AST
    of: Term
    shifted: Term
    shift: Reduction | None
    scale: tuple[Reduction, ...]

    @property
    def reductions(self) -> tuple[Reduction, ...]:
        return (*([self.shift] if self.shift else []), *self.scale)


def normalisations(module: Module) -> list[Normalisation]:
    """All in a module, functions and lambdas included."""
    if "normalisations" not in module.__dict__:
        module.__dict__["normalisations"] = list(_normalisations(module))
    return module.__dict__["normalisations"]


def _normalisations(module: Module) -> Iterator[Normalisation]:
    if not any(use.name in REDUCTIONS for use in module.uses):
        return
    homes = {
        next((above for above in module.above(use.node) if isinstance(above, (*FUNCTIONS, ast.Lambda))), module.tree)
        for use in module.uses
        if use.node is not None and use.name in REDUCTIONS
    }
    for home in sorted(homes, key=lambda node: getattr(node, "lineno", 0)):
        for node, term in flow_of(module, home).terms.items():
            if (
                term[0] == "op"
                and term[1] in ("Div", "FloorDiv")
                and isinstance(node, ast.BinOp | ast.Call | ast.AugAssign)
            ):
                found = _normalisation(node, term)
                if found is not None:
                    yield found


def _normalisation(node: ast.AST, term: Term) -> Normalisation | None:
    numerator, denominator = term[2], _bare(term[3])
    while numerator[0] == "op" and numerator[1] == "Mult" and "const" in (numerator[2][0], numerator[3][0]):
        numerator = numerator[3] if numerator[2][0] == "const" else numerator[2]
    shift, of = None, numerator
    if (
        numerator[0] == "op"
        and numerator[1] == "Sub"
        and (found := reduction(numerator[3]))
        and found.of == numerator[2]
    ):
        shift, of = found, numerator[2]
    scale = []
    for each in _reductions(denominator):
        inner = _bare(each.of)
        if inner in (of, numerator) or (inner[0] == "op" and inner[1] == "Sub" and inner[2] in (of, numerator)):
            scale.append(each)
    if not scale:
        return None
    return Normalisation(node, of, numerator, shift, tuple(scale))


def _bare(term: Term) -> Term:
    """Without what guards against zero, and without roots, squares and absolute values."""
    while True:
        if term[0] == "op" and term[1] == "Add" and _small(term[3]):
            term = term[2]
        elif term[0] == "op" and term[1] == "Add" and _small(term[2]):
            term = term[3]
        elif term[0] == "op" and term[1] == "Pow":
            term = term[2]
        elif term[0] == "call" and isinstance(term[1], str) and term[2]:
            name = term[1].rpartition(".")[2]
            if name == "maximum" and len(term[2]) == 2 and any(map(_small, term[2])):
                term = term[2][0] if _small(term[2][1]) else term[2][1]
            elif name in ("sqrt", "square", "abs"):
                term = term[2][0]
            else:
                return term
        else:
            return term


def _small(term: Term) -> bool:
    """Whether a term is an epsilon: a number, something called so, or Keras' own."""
    if term[0] == "const":
        return isinstance(term[1], int | float)
    if term[0] == "call":
        return isinstance(term[1], str) and term[1].endswith("epsilon")
    name = str(term[2] if term[0] == "attr" else term[1] if term[0] in ("name", "param") else "").lower()
    return "eps" in name or name in ("delta", "tiny")


def _reductions(term: Term) -> Iterator[Reduction]:
    """Those that a denominator is made of."""
    term = _bare(term)
    if (found := reduction(term)) is not None:
        yield found
    elif term[0] == "op" and term[1] in ("Sub", "Add"):
        yield from _reductions(term[2])
        yield from _reductions(term[3])


def takes_batch(axes: Any) -> bool:
    """Whether a reduction over `axes`, as far as they are known, takes in the first one; None stands for all of them."""
    return axes is None or (isinstance(axes, tuple) and 0 in axes)


def batched(term: Term, module: Module, depth: int = 0) -> bool:
    """Whether the first axis of a tensor is surely the batch: it comes out of a layer or an input of a network."""
    known: dict[Term, bool] = module.__dict__.setdefault("batched", {})
    if term not in known:
        known[term] = (
            False  # while it is looked for: terms lead back to themselves through functions that call each other
        )
        known[term] = depth < DEEPEST and _batched(term, module, depth + 1)
    return known[term]


def _batched(term: Term, module: Module, depth: int) -> bool:
    if term[0] == "op":
        return any(batched(each, module, depth) for each in term[2:])
    if term[0] == "neg":
        return batched(term[1], module, depth)
    if term[0] == "param":
        return _parameter(term, module, depth)
    if term[0] != "call":
        return False
    name, args = term[1], term[2]
    if isinstance(name, str):
        if name == "tf.placeholder":
            shape = argument(term, "shape", 1)
            return bool(shape and shape[0] == "list" and len(shape) > 2 and shape[1] == ("const", None))
        if name.endswith("layers.Input") or name in ("keras.Input", "tf.keras.Input"):
            return True
        if name.startswith(LAYERS) and args and not name.endswith(("_initializer", "_regularizer", "embedding_lookup")):
            return not name.rpartition(".")[2][0].isupper()
        return name in (*ELEMENTWISE, "tf.reshape") and bool(args) and batched(args[0], module, depth)
    return name[0] == "call" and isinstance(name[1], str) and name[1].startswith((*KERAS, "tf.layers."))


def _parameter(term: Term, module: Module, depth: int) -> bool:
    """A parameter is a batch where Keras calls the function, and where some call in the file hands it one."""
    _, name, function = term
    if isinstance(function, ast.Lambda):
        parent = module.parents.get(function)
        return module.called(parent).endswith("layers.Lambda") if parent is not None else False
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    if name not in names:
        return False
    position = names.index(name)
    owner = module.parents.get(function)
    if isinstance(owner, ast.ClassDef):
        bases = [module.names.get(base, "") for base in owner.bases]
        return function.name == "call" and position == 1 and any(b.startswith(KERAS) for b in bases)
    for call in _calls(module).get(function.name, ()):
        home = next((each for each in module.above(call) if isinstance(each, (*FUNCTIONS, ast.Lambda))), module.tree)
        if home is function:
            continue
        made = flow_of(module, home).terms.get(call)
        handed = argument(made, name, position) if made is not None and made[0] == "call" else None
        if handed is not None and batched(handed, module, depth):
            return True
    return False


def _calls(module: Module) -> dict[str, list[ast.Call]]:
    if "calls" not in module.__dict__:
        found: dict[str, list[ast.Call]] = {}
        for call in module.nodes(ast.Call):
            if isinstance(call.func, ast.Name):
                found.setdefault(call.func.id, []).append(call)
        module.__dict__["calls"] = found
    return module.__dict__["calls"]


def filters(term: Term) -> Term | None:
    """How many channels a picture has, as a term, where it comes out of a 2D convolution; None elsewhere."""
    for _ in range(60):
        if term[0] != "call":
            return None
        made = term[1] if isinstance(term[1], str) else term[1][1] if term[1][0] == "call" else ""
        if not isinstance(made, str):
            return None
        name, home = made.rpartition(".")[2], made
        if name in CONVOLUTIONS and home.startswith(("tf.layers.", "tf.contrib.", *KERAS)):
            call = term if isinstance(term[1], str) else term[1]
            position = 1 if isinstance(term[1], str) else 0
            return argument(call, "filters", position) or argument(call, "num_outputs", position)
        if term[2] and (name in SHAPE_KEEPING or name in POOLING or made in ELEMENTWISE):
            term = term[2][0]
            continue
        return None
    return None


def around(module: Module, node: ast.AST) -> list[str]:
    """Names of the functions and classes around a node, in lower case."""
    return [above.name.lower() for above in module.above(node) if isinstance(above, (*FUNCTIONS, ast.ClassDef))]


def is_kernel(term: Term) -> bool:
    """Whether a tensor is called like weights, or comes out of a variable."""
    if term[0] == "call" and isinstance(term[1], str):
        return term[1] in ("tf.get_variable", "tf.Variable", "tf.compat.v1.get_variable")
    name = str(term[2] if term[0] == "attr" else term[1] if term[0] in ("param", "name") else "").lower()
    return name in KERNELS or any(part in name for part in KERNELS[:3])


__all__ = [
    "APART", "Flow", "Normalisation", "Reduction", "around", "batched", "filters", "is_kernel", "normalisations", "numbers",
    "reduction", "takes_batch",
]  # fmt: skip
