"""Rolls repeated runs of statements up into functions, as a person would have written them.

A run is a chain: each statement takes the tensor that the one before it gave, and nothing else. Runs that call the same
layers in the same order become one function; where their arguments differ, it has a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from porter.emit.expressions import default_text
from porter.emit.statements import Argument, Statement, wrap

SHORT = {
    "Conv1D": "conv", "Conv2D": "conv", "Conv3D": "conv", "BatchNormalization": "bn", "ReLU": "relu", "Dense": "dense",
    "MaxPooling1D": "pool", "MaxPooling2D": "pool", "MaxPooling3D": "pool", "AveragePooling2D": "pool",
    "Dropout": "dropout", "DepthwiseConv2D": "depthwise", "SeparableConv2D": "separable", "Conv2DTranspose": "upconv",
    "ZeroPadding2D": "pad", "LeakyReLU": "lrelu", "PReLU": "prelu", "LayerNormalization": "ln",
    "GroupNormalization": "gn",
}  # fmt: skip
LONGEST, MOST_PARAMETERS, SAVES = 12, 7, 3
STARTS = ("layers.Conv", "layers.Dense", "layers.Depthwise", "conv", "dense")  # where people let a block begin


@dataclass
class Run:
    """Where a run starts in the list of statements, and how many it has."""

    start: int
    length: int


def roll(statements: list[Statement], taken: set[str]) -> tuple[list[str], list[Statement]]:
    """Functions for what repeats, and the statements that call them. taken: names that functions must not have."""
    functions: list[str] = []
    for _ in range(4):
        runs = _best_runs(statements)
        if not runs:
            break
        function, calls = _extract(statements, runs, taken)
        functions.append(function)
        for run, call in sorted(zip(runs, calls, strict=True), key=lambda pair: -pair[0].start):
            statements[run.start : run.start + run.length] = [call]
    return functions, statements


def _best_runs(statements: list[Statement]) -> list[Run]:
    """The runs of equal statements that save the most lines when they become a function."""
    heads = [statement.head if statement.chained else "" for statement in statements]
    links = [
        bool(heads[i]) and bool(heads[i - 1]) and statements[i - 1].target == "x" == statements[i].called
        for i in range(1, len(statements))
    ]
    best: list[Run] = []
    gain = SAVES
    for length in range(2, LONGEST + 1):
        places: dict[tuple[str, ...], list[int]] = {}
        for start in range(len(statements) - length + 1):
            if heads[start] and all(links[start : start + length - 1]):
                found = places.setdefault(tuple(heads[start : start + length]), [])
                if not found or found[-1] + length <= start:
                    found.append(start)
        for found in places.values():
            saved = (len(found) - 1) * length - len(found) - 2
            if statements[found[0]].head.startswith(STARTS):
                saved += saved // 3
            if len(found) > 1 and saved > gain:
                runs = [Run(start, length) for start in found]
                if len(_differing(statements, runs)) <= MOST_PARAMETERS:
                    best, gain = runs, saved
    return best


def _differing(statements: list[Statement], runs: list[Run]) -> list[tuple[int, str]]:
    """(offset, parameter) of each argument that is not the same in all runs."""
    found = []
    for offset in range(runs[0].length):
        rows = [_named(statements[run.start + offset]) for run in runs]
        for name in dict.fromkeys(name for row in rows for name in row):
            if len({row[name].text if name in row else None for row in rows}) > 1:
                found.append((offset, name))
    return found


def _named(statement: Statement) -> dict[str, Argument]:
    return {argument.name: argument for argument in statement.arguments}


def _extract(statements: list[Statement], runs: list[Run], taken: set[str]) -> tuple[str, list[Statement]]:
    """The function for some runs, and the statements that call it."""
    length = runs[0].length
    body = [statements[runs[0].start + offset] for offset in range(length)]
    parameters: dict[tuple[int, str], str] = {}
    derived: dict[tuple[int, str], str] = {}
    defaults: dict[str, str] = {}
    differing = _differing(statements, runs)
    for key in differing:
        values = [_value(statements[run.start + key[0]], key[1]) for run in runs]
        same = next(
            (p for k, p in parameters.items() if [_value(statements[r.start + k[0]], k[1]) for r in runs] == values),
            None,
        )
        if same:
            derived[key] = same
            continue
        if key[1] == "name" and (formula := _derive(statements, runs, key, parameters)):
            derived[key] = formula
            continue
        name = _parameter_name(key, body, set(parameters.values()))
        parameters[key] = name
        default = _default(body[key[0]], key[1])
        if default in values:
            defaults[name] = default
    name = _function_name(body, taken)
    required = [p for key, p in parameters.items() if p not in defaults]
    required.sort(key=_is_name)  # names are passed by keyword, so they come behind what is passed by place
    optional = [f"{p}={defaults[p]}" for p in parameters.values() if p in defaults]
    lines = [f"def {name}({', '.join(['x', *required, *optional])}):"]
    for offset, statement in enumerate(body):
        present = list(_named(statement))
        for run in runs:
            present += [each for each in _named(statements[run.start + offset]) if each not in present]
        arguments = []
        for each in present:
            key = (offset, each)
            held = _named(statement).get(each)
            text = parameters.get(key) or derived.get(key) or (held.text if held else "")
            positional = bool(held and held.positional)
            arguments.append(Argument(each, text, positional))
        arguments.sort(key=lambda argument: not argument.positional)
        inner = Statement("x", statement.head, arguments, "x", is_function=statement.is_function)
        lines.append(
            "    "
            + (f"return {wrap(inner.value(), 11)}" if offset == length - 1 else inner.source()).replace("\n", "\n    ")
        )
    calls = []
    for run in runs:
        first, last = statements[run.start], statements[run.start + length - 1]
        arguments = [
            Argument(p, _value(statements[run.start + key[0]], key[1]), positional=p in required and not _is_name(p))
            for key, p in parameters.items()
            if _value(statements[run.start + key[0]], key[1]) != defaults.get(p)
        ]
        arguments.sort(key=lambda argument: not argument.positional)
        calls.append(
            Statement(
                last.target,
                name,
                arguments,
                first.called,
                is_function=True,
                chained=True,
                paragraph=first.paragraph,
                defaults=defaults,
            )
        )
    return "\n".join(lines), calls


def _is_name(parameter: str) -> bool:
    return parameter.endswith("name")


def _value(statement: Statement, name: str) -> str:
    held = _named(statement).get(name)
    return held.text if held else _default(statement, name)


def _default(statement: Statement, name: str) -> str:
    """What an argument is that is not given."""
    return statement.defaults.get(name) or default_text(statement.head, name)


def _parameter_name(key: tuple[int, str], body: list[Statement], taken: set[str]) -> str:
    short = _short(body[key[0]].head)
    for name in (key[1], f"{short}_{key[1]}", *(f"{short}_{key[1]}_{i}" for i in range(2, 50))):
        if name not in taken and name != "x":
            return name
    raise AssertionError("a block has too many parameters")


def _short(head: str) -> str:
    kind = head.split(".")[-1]
    return SHORT.get(kind, kind.lower())


def _function_name(body: list[Statement], taken: set[str]) -> str:
    kinds = [_short(statement.head) for statement in body]
    name = "_".join(kinds) if len(kinds) <= 4 and not any(s.is_function for s in body) else "block"
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate


def _derive(
    statements: list[Statement], runs: list[Run], key: tuple[int, str], parameters: dict[Any, str]
) -> str | None:
    """A formula for a layer's name out of a name that is passed already: f"{name}_bn", or name.replace("conv", "bn")."""
    wanted = [_value(statements[run.start + key[0]], "name").strip('"') for run in runs]
    for (offset, argument), parameter in parameters.items():
        if not argument.endswith("name"):
            continue
        given = [_value(statements[run.start + offset], argument).strip('"') for run in runs]
        tails = {want[len(have) :] if want.startswith(have) else None for want, have in zip(wanted, given, strict=True)}
        if len(tails) == 1 and (tail := tails.pop()):
            return f'f"{{{parameter}}}{tail}"'
        for tail in ("", "_bn"):
            have, want = given[0].split("_"), wanted[0].removesuffix(tail).split("_")
            changed = [(a, b) for a, b in zip(have, want, strict=False) if a != b]
            if len(have) != len(want) or len(changed) != 1:
                continue
            old, new = changed[0]
            if all(g.replace(old, new) + tail == w for g, w in zip(given, wanted, strict=True)):
                return f'{parameter}.replace("{old}", "{new}")' + (f' + "{tail}"' if tail else "")
    return None
