"""Text among the numbers: as numpy's own strings, and which words to try."""

from __future__ import annotations

from typing import Any

import numpy as np

TEXT = "string"  # TensorFlow's and Keras' name of the type
STRANGE = ("", "unheard", "Überraschung", "two words", "[UNK]")  # words that few vocabularies hold
MOST = 64  # words of a vocabulary that are tried
CARRIERS = {
    "ConcatV2", "Enter", "ExpandDims", "Gather", "GatherV2", "Identity", "Pack", "Reshape", "Squeeze", "StopGradient",
    "StridedSlice", "Switch", "Transpose",
}  # fmt: skip


def as_text(array: np.ndarray) -> np.ndarray:
    """TensorFlow's text, an array of bytes objects, as an array of strings; other arrays as they are."""
    if array.dtype.kind not in "OS":
        return array
    words = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in array.reshape(-1)]
    return np.array(words, dtype=np.str_).reshape(array.shape)


def numpy_type(dtype: str) -> str:
    """numpy's name of a type."""
    return "U" if dtype == TEXT else dtype


def keys_of(tensor: Any) -> tuple[Any, ...]:
    """Words, or whole numbers, that `tensor` is looked up by: keys of tables, and what it is compared with."""
    import tensorflow as tf

    found: list[Any] = []
    seen, queue = {tensor.ref()}, [tensor]
    while queue:
        current = queue.pop()
        for user in current.consumers():
            if user.type == "LookupTableFindV2" and user.inputs[1] is current:
                keys = _constant(user.graph, f"{user.inputs[0].op.name}.keys:0")
                found += [] if keys is None else _some(keys)
            elif user.type in ("Equal", "NotEqual") and current.dtype == tf.string:
                word = tf.get_static_value(user.inputs[0] if user.inputs[1] is current else user.inputs[1])
                found += [] if word is None else _some(np.asarray(word))
            elif user.type in CARRIERS:
                new = [output for output in user.outputs if output.dtype == tensor.dtype and output.ref() not in seen]
                seen.update(output.ref() for output in new)
                queue += new
    return tuple(dict.fromkeys(found))


def _constant(graph: Any, name: str) -> np.ndarray | None:
    import tensorflow as tf

    try:
        return tf.get_static_value(graph.get_tensor_by_name(name))
    except KeyError:
        return None


def _some(array: np.ndarray) -> list[Any]:
    """Entries of an array, evenly spread over it."""
    flat = as_text(array.reshape(-1))
    return flat[np.linspace(0, flat.size - 1, min(flat.size, MOST)).astype(int)].tolist()


def draw(
    keys: tuple[Any, ...], shape: tuple[int, ...], kind: str, dtype: str, random: np.random.Generator
) -> np.ndarray:
    """Keys, and in one place of four what is none.

    Of the kinds "constant": one key everywhere; "large": no keys at all; "small": keys alone.
    """
    strange = STRANGE if dtype == TEXT else (max(keys) + 1, min(keys) - 1, 0)
    known = keys or STRANGE
    places = random.integers(len(known), size=shape)
    made = np.array([known[place] for place in np.atleast_1d(places).reshape(-1)], numpy_type(dtype)).reshape(shape)
    other = np.array(strange, numpy_type(dtype))[random.integers(len(strange), size=shape)]
    if kind == "constant":
        return np.full(shape, known[0], made.dtype)
    if kind in ("large", "small"):
        return other if kind == "large" else made
    mixed = np.where(random.random(shape) < 0.25, other, made)
    return mixed.astype(f"U{max(made.dtype.itemsize, other.dtype.itemsize) // 4}") if dtype == TEXT else mixed
