"""Running the rules over one file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection
from pathlib import Path

from porter.lint import suppress
from porter.lint.finding import Finding
from porter.lint.module import Module
from porter.lint.rule import SourceRule
from porter.lint.rules import RULES
from porter.lint.rules.unreadable import explain, failed

CONCERNED = re.compile(r"\b(tensorflow|keras|tf_slim|tf_keras|tensorflow_addons|keras_contrib)\b")
CODING = re.compile(rb"(?:[ \t\f]*#.*\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def lint(path: str, text: str, codes: Collection[str] | None = None) -> list[Finding]:
    """The findings in one file, in its order.

    path: as findings show it. codes: the rules to run, by default all. A file that names neither TensorFlow nor Keras
    has none, and is not even parsed. What is not Python 3 is a finding itself.
    """
    if not CONCERNED.search(text):
        return []
    try:
        module = Module(path, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        found = [explain(path, text, problem)]
    else:
        found = []
        for rule in RULES:
            if rule.finder and (codes is None or rule.code in codes):
                found += _run(rule, module)
    if codes is not None:
        found = [each for each in found if each.code in codes]
    unique = dict.fromkeys(suppress.kept(found, text))
    return sorted(unique, key=lambda each: (each.line, each.column, each.code))


def _run(rule: SourceRule, module: Module) -> list[Finding]:
    """A rule's findings. One that fails is a finding itself: the other rules and files are looked at all the same."""
    assert rule.finder is not None
    try:
        return list(rule.finder(module))
    except RecursionError:  # an expression of a thousand terms is data, not a model
        return []
    except Exception as problem:
        return [failed(module.path, rule.code, problem)]


def layout(content: bytes) -> tuple[bytes, str]:
    """(the mark at its beginning, the encoding) of a source file: what it declares, otherwise UTF-8."""
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    declared = CODING.match(content.removeprefix(mark))
    return mark, declared[1].decode("ascii", "replace") if declared else "utf-8"


def read(path: Path) -> str:
    """A source file's text, with Python's line ends.

    Bytes that do not fit the encoding are replaced: a comment in another one is no reason to read nothing.
    """
    content = path.read_bytes()
    mark, encoding = layout(content)
    content = content.removeprefix(mark)
    try:
        text = content.decode(encoding, "replace")
    except LookupError:
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
