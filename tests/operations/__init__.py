"""One small graph for each operation, by family: (TensorFlow's operation, what builds it).

A builder's parameters are inputs, named after what they hold: see `KINDS`. It gives one tensor or several.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

# What a parameter's name stands for: dtype and shape.
KINDS: dict[str, tuple[str, list[int | None]]] = {
    **dict.fromkeys(("x", "y", "z"), ("float32", [None, 4, 6])),
    **dict.fromkeys(("i", "j"), ("int32", [None, 4])),
    **dict.fromkeys(("long",), ("int64", [None, 4])),
    **dict.fromkeys(("a", "b"), ("bool", [None, 4])),
    **dict.fromkeys(("rows", "more"), ("float32", [None, 5])),
    **dict.fromkeys(("six", "others"), ("float32", [6, 4])),
    **dict.fromkeys(("matrix", "second"), ("float32", [None, 4, 4])),
    **dict.fromkeys(("wide",), ("float32", [None, 4, 7])),
    **dict.fromkeys(("image",), ("float32", [None, 8, 8, 3])),
    **dict.fromkeys(("first",), ("float32", [None, 4, 8, 8])),
    **dict.fromkeys(("video",), ("float32", [None, 4, 6, 6, 2])),
    **dict.fromkeys(("vector",), ("float32", [6])),
    **dict.fromkeys(("ints",), ("int32", [6])),
    **dict.fromkeys(("axes",), ("int32", [2])),
    **dict.fromkeys(("picture",), ("float32", [2, 4, 3, 3])),
    **dict.fromkeys(("sizes",), ("int32", [4])),
    **dict.fromkeys(("clip",), ("float32", [2, 2, 3, 4, 2])),
    **dict.fromkeys(("sizes_3d",), ("int32", [5])),
    **dict.fromkeys(("number",), ("float32", [])),
    **dict.fromkeys(("count",), ("int32", [])),
    **dict.fromkeys(("loose",), ("float32", [None, None, 3])),
    **dict.fromkeys(("long_rows",), ("float32", [200, 2])),
    **dict.fromkeys(("double",), ("float64", [None, 4])),
    **dict.fromkeys(("half",), ("float16", [None, 4])),
    **dict.fromkeys(("bytes_",), ("uint8", [None, 4])),
    **dict.fromkeys(("text",), ("string", [None, 4])),
    **dict.fromkeys(("small",), ("int8", [None, 4])),
}

Case = tuple[str, Callable[..., Any]]


def built(builder: Callable[..., Any]) -> Callable[[Any], Any]:
    """`builder` as a function of TensorFlow alone, which makes the placeholders itself."""
    names = list(inspect.signature(builder).parameters)[1:]

    def build(tf: Any) -> Any:
        return builder(tf, *(tf.placeholder(KINDS[name][0], KINDS[name][1], name) for name in names))

    return build
