"""Arguments as they are typed, made into what the pipeline takes. Each raises UsageError for what does not fit."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from porter.errors import UsageError

DTYPES = (
    "float32", "float64", "float16", "int32", "int64", "int16", "int8", "uint8", "bool", "string", "complex64",
)  # fmt: skip
WORDS = {"true": True, "false": False, "none": None}


def names(text: str | None) -> list[str] | None:
    """ "a:0,b:0" as a list; None where the flag was not given."""
    if text is None:
        return None
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UsageError("No name was given", why=f"received {text!r}", todo="write names with commas between: a:0,b:0")
    return found


def numbers(text: str | None, flag: str) -> list[int] | None:
    """ "1,3" as a list of whole numbers."""
    found = names(text)
    if found is None:
        return None
    if not all(part.isdecimal() for part in found):
        raise UsageError(f"{flag} takes whole numbers", why=f"received {text!r}", todo=f"for example {flag} 1,3")
    return [int(part) for part in found]


def tolerance(text: str | None) -> float | str | None:
    """A number above 0, or one of the words that stand for one."""
    if text is None or text in ("strict", "default", "loose"):
        return text
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        todo = "strict, default, loose or, for example, 1e-5"
        raise UsageError("--tolerance takes a number above 0 or a word", why=f"received {text!r}", todo=todo)
    return number


def values(given: Sequence[str]) -> dict[str, Any]:
    """["keep_prob=0.8", "mode=eval"] as a dict. Values are Python's, true and false too; others are text."""
    return {name: _value(text) for name, text in _pairs(given, "--freeze", "--freeze keep_prob=0.8").items()}


def shapes(given: Sequence[str]) -> dict[str, tuple[int | None, ...]]:
    """["x=?,28,28,1"] as a dict of shapes, ? for an unknown size; "x=" is a scalar."""
    return {name: _shape(name, text) for name, text in _pairs(given, "--shape", "--shape x=?,28,28,1").items()}


def placeholders(given: Sequence[str]) -> list[dict[str, Any]]:
    """["x:float32[?,28,28,1]"] as rows of name, dtype and shape; without brackets the shape is unknown."""
    found = []
    for text in given:
        match = re.fullmatch(r"\s*([A-Za-z]\w*)\s*(?::\s*(\w+)\s*)?(\[.*\]|)\s*", text)
        if match is None or (match[2] or "float32") not in DTYPES:
            types = f"types are {', '.join(DTYPES)}"
            todo = "for example --placeholder x:float32[?,28,28,1]"
            raise UsageError("--placeholder takes NAME:TYPE[SHAPE]", why=f"received {text!r}; {types}", todo=todo)
        shape = list(_shape(match[1], match[3])) if match[3] else None
        found.append({"name": match[1], "dtype": match[2] or "float32", "shape": shape})
    return found


def functions(given: Sequence[str]) -> dict[str, str]:
    """["scale=my_file.py:scale"] as a dict."""
    return _pairs(given, "--lambda", "--lambda scale=my_file.py:scale")


def _pairs(given: Sequence[str], flag: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{flag} takes NAME=VALUE", why=f"received {text!r}", todo=f"for example {example}")
        if name.strip() in found:
            raise UsageError(f"{flag} was given twice for {name.strip()}", todo="give it once")
        found[name.strip()] = value.strip()
    return found


def _value(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _shape(name: str, text: str) -> tuple[int | None, ...]:
    sizes: list[int | None] = []
    for part in filter(None, (part.strip() for part in text.strip("[]()").split(","))):
        if not part.isdecimal() and part not in ("?", "-1", "None"):
            raise UsageError(
                f"{part} is no size in the shape of {name}", why=f"received {text!r}", todo="for example x=?,28,28,1"
            )
        sizes.append(int(part) if part.isdecimal() else None)
    return tuple(sizes)


def shard(text: str | None) -> tuple[int, int]:
    """ "2/8" as (2, 8); (1, 1) where the flag was not given."""
    if text is None:
        return 1, 1
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise UsageError(
            "--shard takes which part of how many", why=f"received {text!r}", todo="for example --shard 2/8"
        )
    return int(index), int(count)
