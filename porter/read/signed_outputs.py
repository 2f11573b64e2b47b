"""Which of the outputs that a signature names are converted: numbers, and text where there is nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from porter.read.flow import NUMBERS
from porter.read.operations import output_types
from porter.read.tables import Tables
from porter.read.wiring import Tensor, Wiring


def signed_outputs(
    tensors: Mapping[Tensor, str], wiring: Wiring, tables: Tables, spelled: Callable[[Tensor], str]
) -> tuple[list[Tensor], list[str]]:
    """The outputs among `tensors`, which have the signature's names, and what to say of the others.

    Text that a Keras layer looks up takes the TensorFlow backend, so that it is left out where there are numbers.
    """
    numeric = [t for t in tensors if set(output_types(wiring.nodes[t[0]]) or [0]) <= NUMBERS]
    clear = [t for t in tensors if t not in numeric and tables.is_clear(t)]
    if not numeric:
        return (clear, []) if len(clear) == len(tensors) else ([], [])
    if len(numeric) == len(tensors):
        return numeric, []
    lost = ", ".join(key for tensor, key in tensors.items() if tensor not in numeric)
    names = ",".join(map(spelled, [*numeric, *clear]))
    why = f"the TensorFlow backend alone gives: --outputs {names} takes it in" if clear else "no Keras model gives"
    return numeric, [f"The signature's output {lost} is text, which {why}; it is left out."]
