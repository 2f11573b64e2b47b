"""The names in a function's byte code, to recognise it by: neither run nor unmarshalled, only looked through.

Source: CPython's Python/marshal.c: strings are a letter, their length in one byte or four, and their characters.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

SHORT, LONG = b"zZ\xfa\xda", b"taAu\xf4\xe1\xc1\xf5"  # kinds of text by how many bytes their length has
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
MOST = 100  # letters in a name


def names_in(function: Any) -> list[str]:
    """The names that stand in the byte code of a Lambda's function as Keras 1 and 2 wrote it, in their order."""
    if isinstance(function, dict):
        inner = function.get("config")
        function = inner.get("code") if isinstance(inner, dict) else None
    text = function[0] if isinstance(function, list | tuple) and function else function
    if not isinstance(text, str):
        return []
    try:
        code = base64.b64decode(text, validate=False) if re.fullmatch(r"[A-Za-z0-9+/=\s]+", text) else b""
    except (binascii.Error, ValueError):
        code = b""
    return _names(code or text.encode("latin1", "ignore"))


def _names(code: bytes) -> list[str]:
    """What looks like a marshalled name in these bytes."""
    found: dict[str, None] = {}
    place = 0
    while place < len(code):
        size = 1 if code[place] in SHORT else 4 if code[place] in LONG else 0
        start = place + 1 + size
        length = int.from_bytes(code[place + 1 : start], "little")
        word = code[start : start + length]
        if size and 0 < length <= MOST and len(word) == length and NAME.fullmatch(word):
            found[word.decode()] = None
            place = start + length
        else:
            place += 1
    return list(found)
