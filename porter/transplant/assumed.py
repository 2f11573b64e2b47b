"""What weights depend on and no checkpoint holds: assumed, said, and decided by a map or by running the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from porter.errors import UsageError
from porter.transplant.cells import FORGET_BIAS as USUAL
from porter.transplant.cells import with_forget_bias
from porter.transplant.match import Match
from porter.transplant.parts import Part
from porter.transplant.rows import FIRST, LAST, Rows

FORGET_BIAS, DATA_FORMAT = "forget_bias", "data_format"  # what they are called in a map
SETTINGS = (FORGET_BIAS, DATA_FORMAT)
ASSUMED = "assumed"


@dataclass(frozen=True)
class Assumed:
    """Of a checkpoint without its graph: what its cells add to the forget gate's bias, and how pictures were flattened.

    why: who says so, by name.
    """

    forget_bias: float = USUAL
    data_format: str = LAST
    why: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(SETTINGS, ASSUMED))

    def told(self, said: Mapping[str, Any], where: Path) -> Assumed:
        """The same with what a map says. Raises UsageError for values that are none."""
        found = self
        if (number := said.get(FORGET_BIAS)) is not None:
            if not isinstance(number, int | float):
                raise UsageError(f"{FORGET_BIAS} is no number", where=str(where), todo=f'write "{FORGET_BIAS}": 0')
            found = found._with({FORGET_BIAS: float(number)}, "the map says so")
        if (name := said.get(DATA_FORMAT)) is not None:
            if name not in (LAST, FIRST):
                raise UsageError(
                    f"{DATA_FORMAT} is neither {LAST} nor {FIRST}", where=str(where), todo="write one of them"
                )
            found = found._with({DATA_FORMAT: name}, "the map says so")
        return found

    def give(self, sources: Iterable[Part]) -> None:
        """Let the parts of a bare checkpoint be so."""
        for part in sources:
            part.data_format = self.data_format
            if part.forget_bias is not None and "bias" in part.weights:
                part.weights["bias"] = with_forget_bias(part.weights["bias"], self.forget_bias - part.forget_bias)
                part.forget_bias = self.forget_bias

    def others(self, found: Match) -> list[Assumed]:
        """What else may be assumed, of what makes a difference and nobody said."""
        pairs = [pair[:2] for pair in found.pairs] + [pair for some, to in found.open for pair in product(some, to)]
        values = {}
        for name, usual, other in ((FORGET_BIAS, self.forget_bias, 0.0), (DATA_FORMAT, self.data_format, FIRST)):
            if self.why[name] == ASSUMED and any(_matters(name, *pair) for pair in pairs):
                values[name] = (usual, other)
        every = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
        return [self._with(each, "from running it") for each in every[1:]]

    def refuse(self, found: Match) -> None:
        """Raise UsageError where the model flattens in an order of its own, so that nothing is usual of the original's."""
        if self.why[DATA_FORMAT] != ASSUMED:
            return
        own = [
            target.name
            for source, target, _ in found.pairs
            if target.rows and _matters(DATA_FORMAT, source, target) and target.rows != Rows.of(LAST, target.rows)
        ]
        if own:
            raise UsageError(
                f"In which order the original flattened its pictures decides what {', '.join(own[:5])} becomes",
                why="no checkpoint tells, and the model has channels first there",
                todo=f'write {{"{DATA_FORMAT}": "{LAST}"}} or "{FIRST}", as the original had it, into a file for --map',
            )

    def said(self, source: Part, target: Part, role: str) -> str:
        """What a table has to say of a weight besides why it is the one."""
        for name, of in ((FORGET_BIAS, "bias"), (DATA_FORMAT, "kernel")):
            if role == of and _matters(name, source, target):
                value = getattr(self, name)
                return f"; {name} {value if isinstance(value, str) else f'{value:g}'} ({self.why[name]})"
        return ""

    def notes(self, found: Match) -> list[str]:
        """What was assumed, for a result that was not run beside the original."""
        notes = []
        pairs = [pair[:2] for pair in found.pairs]
        cells = [source for source, target in pairs if _matters(FORGET_BIAS, source, target)]
        if cells and self.why[FORGET_BIAS] == ASSUMED:
            names = f"{cells[0].name}{f' and {len(cells) - 1} more' * (len(cells) > 1)}"
            notes.append(
                f"A checkpoint does not hold {FORGET_BIAS}: {self.forget_bias:g}, TensorFlow's default, was added to the "
                f'bias of {names}. {{"{FORGET_BIAS}": 0}} in the file of --map says otherwise.'
            )
        flat = [target.name for source, target in pairs if _matters(DATA_FORMAT, source, target)]
        if flat and self.why[DATA_FORMAT] == ASSUMED:
            notes.append(
                f"No checkpoint tells how a picture was flattened in front of a dense layer: {self.data_format}, "
                f"TensorFlow's default, was assumed for {', '.join(flat)}. "
                f'{{"{DATA_FORMAT}": "{FIRST}"}} in the file of --map says otherwise.'
            )
        for source, target in pairs:
            gate = target.settings.get("recurrent_activation")
            if source.family == "recurrent" and gate is not None and not source.settings:
                notes.append(
                    f"No checkpoint tells how gates are cut off: {target.name} has {gate}; tf.keras of TensorFlow 1 had "
                    "hard_sigmoid by default, of slope 0.2, where that of Keras 3 has 1/6."
                )
                break
        return notes

    def _with(self, values: Mapping[str, Any], why: str) -> Assumed:
        return replace(self, **values, why={**self.why, **dict.fromkeys(values, why)})


def _matters(name: str, source: Part, target: Part) -> bool:
    """Whether what is assumed by this name makes a difference to a pair."""
    if name == FORGET_BIAS:
        return source.forget_bias is not None and "bias" in source.weights
    unknown = source.data_format and source.rows is None and len(source.shape()) == 2
    return bool(unknown and target.rows is not None and target.rows.matters)
