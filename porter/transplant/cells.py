"""Recurrent cells in a checkpoint without a graph: names tell the kind, shapes the sizes, and Keras' order is made of both.

What the names of TensorFlow 0.8 to 1.15 are is in rnn_cell_impl.py, core_rnn_cell_impl.py, and contrib's lstm_ops.py,
gru_ops.py and cudnn_rnn_ops.py. Cells that Keras has no layer for keep the weights that are too many for one
(peepholes, a projection, scales of normalised gates), so that no layer takes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from porter.transplant.parts import Part

FORGET_BIAS = 1.0  # what BasicLSTMCell, LSTMCell and contrib's relatives add unless they are told otherwise
SPELLED = {
    "weights": "kernel", "biases": "bias", "linear/matrix": "kernel", "linear/bias": "bias", "w_0": "kernel", "b": "bias",
    "gates/weights": "gates/kernel", "gates/biases": "gates/bias", "candidate/weights": "candidate/kernel",
    "candidate/biases": "candidate/bias", "gates/linear/matrix": "gates/kernel", "gates/linear/bias": "gates/bias",
    "candidate/linear/matrix": "candidate/kernel", "candidate/linear/bias": "candidate/bias", "w_ru": "gates/kernel",
    "b_ru": "gates/bias", "w_c": "candidate/kernel", "b_c": "candidate/bias",
}  # fmt: skip
OF_A_CELL = re.compile(
    r"(?P<scope>.*?[^/]+)/(?P<role>(?:gates/|candidate/(?:input_projection/|hidden_projection/)?)?(?:kernel|bias|weights|biases)"
    r"|(?:(?:gates|candidate)/)?linear/(?:matrix|bias)|w_0|b|[wb]_(?:ru|c)|w_[fio]_diag|projection/\w+"
    r"|(?:input|transform|forget|output|state)/(?:gamma|beta))",
    re.IGNORECASE,
)
OTHER = r"(?!.*(?:phased|coupled|grid|conv|freq|g_?lstm|nas|att))"  # cells with other formulas
NUMBER = r"(?:_?\d+)*"
KINDS = {
    "lstm": re.compile(rf"{OTHER}\w*lstm_?(?:block_?|fused_?)*(?:cell)?{NUMBER}", re.IGNORECASE),
    "gru": re.compile(rf"{OTHER}\w*gru_?(?:block_?)?(?:cell)?(?:_?v2)?{NUMBER}", re.IGNORECASE),
    "rnn": re.compile(rf"basic_?rnn_?cell{NUMBER}", re.IGNORECASE),
}
SIDES = {"fw": False, "forward": False, "bw": True, "backward": True}
GATES = (0, 2, 1, 3)  # TensorFlow's i, j, f, o as Keras' i, f, c, o


def cells_of_names(names: Iterable[str], load: Callable[[str], np.ndarray]) -> tuple[list[Part], set[str]]:
    """The recurrent cells among variables, as parts in Keras' layout, and the names of the variables they hold."""
    scopes: dict[str, dict[str, str]] = {}
    of_keras = set()
    for name in names:
        match = OF_A_CELL.fullmatch(name)
        if match:
            role = match["role"].lower()
            scopes.setdefault(match["scope"], {})[SPELLED.get(role, role)] = name
        elif name.endswith("/recurrent_kernel"):
            of_keras.add(name.rpartition("/")[0])
    found, used = [], set()
    for scope, roles in scopes.items():
        kind = next((each for each, pattern in KINDS.items() if pattern.fullmatch(scope.rpartition("/")[2])), None)
        if kind is None or scope in of_keras:
            continue
        part = _READ[kind](scope, roles, {role: np.asarray(load(name)) for role, name in roles.items()})
        if part is not None:
            part.backwards = backwards_of(scope)
            found.append(part)
            used |= set(roles.values())
    return found, used


def backwards_of(name: str) -> bool | None:
    """Whether a scope is that of the cell that reads a sequence from its end, None where it doesn't say."""
    sides = {SIDES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SIDES}
    return sides.pop() if len(sides) == 1 else None


def with_forget_bias(bias: np.ndarray, change: float) -> np.ndarray:
    """The bias of an LSTM in Keras' order, with another number added to that of the forget gate."""
    units = bias.shape[-1] // 4
    return bias + np.repeat(np.asarray([0, change, 0, 0], bias.dtype), units)


def _lstm(scope: str, names: dict[str, str], arrays: dict[str, np.ndarray]) -> Part | None:
    """kernel [inputs + outputs, 4 units]; outputs are units, or fewer behind a projection."""
    kernel = arrays.pop("kernel", None)
    if kernel is None or kernel.ndim != 2 or kernel.shape[1] % 4:
        return None
    units = kernel.shape[1] // 4
    projection = arrays.get("projection/kernel", arrays.get("projection/weights"))
    state = units if projection is None else projection.shape[-1]
    bias = arrays.pop("bias", None)
    normalised = any(role.endswith("gamma") for role in arrays)
    if kernel.shape[0] <= state or (not normalised if bias is None else bias.shape != (4 * units,)):
        return None
    kernel = _blocks(kernel, GATES)
    part = _part(scope, names["kernel"], kernel, state, arrays, names)
    if bias is not None:
        part.forget_bias = None if "cudnn_compatible" in scope else FORGET_BIAS
        part.weights["bias"] = with_forget_bias(_blocks(bias, GATES), part.forget_bias or 0)
        part.names["bias"] = names["bias"]
    return part


def _gru(scope: str, names: dict[str, str], arrays: dict[str, np.ndarray]) -> Part | None:
    """gates: reset and update, [inputs + units, 2 units]; candidate [inputs + units, units], or two projections.

    Two projections are the cell that resets behind the product; its bias then has two rows, as in Keras.
    """
    before, behind = "candidate/input_projection", "candidate/hidden_projection"
    halves = ["candidate"] if "candidate/kernel" in arrays else [before, behind]
    if arrays.keys() != {f"{layer}/{role}" for layer in ("gates", *halves) for role in ("kernel", "bias")}:
        return None
    gates, candidate = arrays["gates/kernel"], np.concatenate([arrays[f"{half}/kernel"] for half in halves])
    if (
        gates.ndim != 2
        or gates.shape != (candidate.shape[0], 2 * candidate.shape[1])
        or gates.shape[1] >= 2 * gates.shape[0]
    ):
        return None
    kernel = np.concatenate([_blocks(gates, (1, 0)), candidate], axis=1)
    whole = {role: ", ".join(name for key, name in names.items() if key.endswith(role)) for role in ("kernel", "bias")}
    part = _part(scope, whole["kernel"], kernel, candidate.shape[1], {}, names)
    bias = _blocks(arrays["gates/bias"], (1, 0))
    biases = [np.concatenate([bias * (half != behind), arrays[f"{half}/bias"]]) for half in halves]
    part.weights["bias"] = np.stack(biases) if len(biases) > 1 else biases[0]
    part.names["bias"] = whole["bias"]
    return part


def _rnn(scope: str, names: dict[str, str], arrays: dict[str, np.ndarray]) -> Part | None:
    """kernel [inputs + units, units]."""
    kernel, bias = arrays.get("kernel"), arrays.get("bias")
    if kernel is None or bias is None or len(arrays) > 2 or kernel.ndim != 2 or kernel.shape[0] <= kernel.shape[1]:
        return None
    part = _part(scope, names["kernel"], kernel, kernel.shape[1], {}, names)
    part.weights["bias"], part.names["bias"] = bias, names["bias"]
    return part


_READ = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}
_ROWS = {"kernel": "the inputs' rows", "recurrent_kernel": "the state's rows"}


def _part(
    scope: str, name: str, kernel: np.ndarray, state: int, more: dict[str, np.ndarray], names: dict[str, str]
) -> Part:
    """A part whose kernel is cut into the rows for the inputs and, below them, those for the state."""
    weights = {"kernel": kernel[:-state], "recurrent_kernel": kernel[-state:], **more}
    called = {role: f"{name} ({side})" for role, side in _ROWS.items()} | {role: names[role] for role in more}
    return Part(scope, weights, called, "recurrent", settings={"recurrent_activation": "sigmoid"})


def _blocks(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """The blocks of columns in another order."""
    pieces = np.split(array, len(order), axis=-1)
    return np.concatenate([pieces[place] for place in order], axis=-1)
