"""Lines of generated source, kept apart far enough that repeated ones can be found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WIDTH = 120
TEXT = re.compile(r'"(\\.|[^"\\])*"')


@dataclass
class Argument:
    """One argument of a call: its parameter's name, its source text, and whether it is passed by position."""

    name: str
    text: str
    positional: bool = False

    def __str__(self) -> str:
        return self.text if self.positional else f"{self.name}={self.text}"


@dataclass
class Statement:
    """`target = head(arguments)(called)`, or `target = expression` where there is no head.

    called: the tensor that a layer is called on, None for a plain function call whose first argument is the tensor `x`.
    chained: True if the statement takes one tensor and nothing else, so that it can be part of a block.
    defaults: those of the block's parameters, where it calls one.
    """

    target: str
    head: str = ""
    arguments: list[Argument] = field(default_factory=list)
    called: str = ""
    expression: str = ""
    is_function: bool = False
    chained: bool = False
    paragraph: str | None = None
    defaults: dict[str, str] = field(default_factory=dict)

    def source(self) -> str:
        """The statement's text, on several lines if it is long."""
        return wrap(f"{self.target} = {self.value()}")

    def value(self) -> str:
        """The text of what is assigned, in one line."""
        if not self.head:
            return self.expression
        inner = ", ".join(map(str, self.arguments))
        if self.is_function:
            return f"{self.head}({', '.join(filter(None, [self.called, inner]))})"
        return f"{self.head}({inner})({self.called})"


def wrap(line: str, indent: int = 4) -> str:
    """`line` broken after one of its outermost opening brackets if it is too long for `indent` spaces before it."""
    if len(line) + indent <= WIDTH or "\n" in line:
        return line
    if line.startswith("return ") and len(split_arguments(line[7:])) > 1:
        line = f"return ({line[7:]})"
    start = _breaking_bracket(line, WIDTH - indent)
    if start is None:
        return line
    end = _closing(line, start)
    inner = line[start + 1 : end]
    if len(inner) + indent + 4 <= WIDTH:
        return f"{line[: start + 1]}\n    {inner}\n{line[end:]}"
    parts = split_arguments(inner)
    rows = "".join("    " + wrap(f"{part},", indent + 4).replace("\n", "\n    ") + "\n" for part in parts)
    return f"{line[: start + 1]}\n{rows}{line[end:]}"


def indented(lines: list[str], spaces: int) -> list[str]:
    """Lines of source, broken where they are too long."""
    found = []
    for line in lines:
        more = spaces + len(line) - len(line.lstrip())
        whole = wrap(line.lstrip(), more) if len(line) + spaces > WIDTH else line.lstrip()
        found += [" " * more + each if each else "" for each in whole.split("\n")]
    return found


def _breaking_bracket(line: str, width: int) -> int | None:
    """Where the bracket opens that the line is broken at, outside of any other: what a layer is called on, if all before
    it fits into the line; else the one that holds the most text."""
    found = []
    position = 0
    while position < len(line):
        if line[position] in "([":
            found.append((position, _closing(line, position)))
            position = found[-1][1]
        position += 1
    if len(found) > 1:
        (_, before), (last, end) = found[-2:]
        if before + 1 == last and end + 1 == len(line) and last < width and end > last + 1:
            return last
    start, end = max(found, key=lambda each: each[1] - each[0], default=(0, 0))
    return start if end - start > 2 else None


def _closing(line: str, start: int) -> int:
    """The bracket that closes the one at `start`; strings are passed over."""
    depth, position = 0, start
    while position < len(line):
        if line[position] == '"':
            position = _behind_text(line, position)
            continue
        depth += (line[position] in "([{") - (line[position] in ")]}")
        if depth == 0:
            return position
        position += 1
    return len(line) - 1


def _behind_text(line: str, start: int) -> int:
    """The place behind the string that begins at `start`."""
    found = TEXT.match(line, start)
    return found.end() if found else len(line)


def split_arguments(inner: str) -> list[str]:
    """The arguments of a call, apart."""
    parts, start, position = [], 0, 0
    while position < len(inner):
        if inner[position] in "([{":
            position = _closing(inner, position)
        elif inner[position] == '"':
            position = _behind_text(inner, position) - 1
        elif inner[position] == ",":
            parts.append(inner[start:position].strip())
            start = position + 1
        position += 1
    rest = inner[start:].strip()
    return [*parts, rest] if rest else parts
