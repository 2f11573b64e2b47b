"""Vocabularies: a short one stands in the source, a long one in a text file beside it, a word in each line."""

from __future__ import annotations

import re
from typing import Any

from porter.graph import Words

ROOM = 400  # characters that a vocabulary may take in the source

WORDS = '''def read_words(file):
    """The words of a vocabulary, one in each line of a file beside this one."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8").split("\\n")'''


def in_files(
    config: tuple[tuple[Any, ...], dict[str, Any]], files: dict[str, str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A layer's arguments, where a long vocabulary is the name of a file that is put into `files`."""
    args, kwargs = config
    return args, {name: _placed(value, files) if isinstance(value, Words) else value for name, value in kwargs.items()}


def _placed(value: Words, files: dict[str, str]) -> Words:
    if sum(len(word) + 4 for word in value.words) <= ROOM or any(re.search(r"[\r\n]", word) for word in value.words):
        return value
    text, number, name = "\n".join(value.words), 1, "vocabulary.txt"
    while files.setdefault(name, text) != text:
        number += 1
        name = f"vocabulary_{number}.txt"
    return Words(value.words, name)
