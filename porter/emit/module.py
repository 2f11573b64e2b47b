"""The text of model.py as a whole."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

from porter.emit.statements import WIDTH, Statement


def module(
    about: str,
    notes: Sequence[str],
    inputs: Sequence[dict[str, Any]],
    outputs: Sequence[dict[str, Any]],
    classes: Sequence[str],
    functions: Sequence[str],
    statements: list[Statement],
    end: str,
) -> str:
    """The source, from its docstring to `load_model`.

    about: where the model comes from. notes: further paragraphs. inputs, outputs: the report's rows.
    end: the statement that returns the model.
    """
    tables = []
    wide = max(len(row["keras"]) for row in [*inputs, *outputs])
    for title, rows in (("Inputs:", inputs), ("Outputs:", outputs)):
        for index, row in enumerate(rows):
            sizes = ", ".join(_dimension(place, size) for place, size in enumerate(row["shape"]))
            tables.append(f"{title if not index else '':10}{row['keras']:{wide}}  {row['dtype']} [{sizes}]")
    paragraphs = [f"Keras 3 model converted from {about}.", "\n".join(line.rstrip() for line in tables)]
    paragraphs += [textwrap.fill(note, WIDTH - 4) for note in notes]
    body = textwrap.indent(_paragraphs(statements) + "\n\n" + end, "    ")
    code = "\n\n".join([*classes, *functions, body])
    imported = [each for each in ("layers", "ops") if f"{each}." in code]
    head = ['"""' + "\n\n".join(paragraphs) + '\n"""', "", *(["import math"] if "math." in code else [])]
    head += ["from pathlib import Path", "", "import keras"]
    if "np." in code:
        head.append("import numpy as np")
    if imported:
        head.append(f"from keras import {', '.join(imported)}")
    parts = ["\n".join(head), *classes, *functions, f"def build_model() -> keras.Model:\n{body}", LOAD]
    return "\n\n\n".join(parts) + "\n"


def _dimension(place: int, size: int | None) -> str:
    return str(size) if size is not None else "batch" if place == 0 else "?"


def _paragraphs(statements: list[Statement]) -> str:
    """The statements' text, with a blank line around what several statements of one TensorFlow scope do."""
    groups = [list(group) for _, group in itertools.groupby(statements, key=lambda statement: statement.paragraph)]
    lines: list[str] = []
    for before, group in zip([[], *groups], groups, strict=False):
        if before and (len(before) > 1 or len(group) > 1 or before[0].paragraph is None):
            lines.append("")
        lines += [statement.source() for statement in group]
    return "\n".join(lines)


LOAD = '''def load_model() -> keras.Model:
    """The model with its weights, from the file beside this one."""
    model = build_model()
    model.load_weights(Path(__file__).with_name("model.weights.h5"))
    return model'''
