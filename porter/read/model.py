"""What reading gives: a `Source` (all that the files hold) and an `Original` (the part that is converted)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Signature:
    """A signature of a SavedModel: names that its author gave to tensors. Values are tensor names such as "x:0"."""

    name: str
    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass
class Variable:
    """A variable of the graph.

    node: the name of its node in the graph. name: what the checkpoint calls it (a partition's part shares its whole's).
    shape, dtype: as stored. trainable: as the graph's collections say, True where they say nothing.
    momentum: the decay of the moving average that the training graph keeps in it, if it does: 0.99 where
        `variable -= (variable - new) * 0.01`; None where no such operation was found.
    debiased: for an average that starts at zero and is divided by 1 - momentum ** steps, what is not divided yet and
        the number of steps, as variables of their own.
    """

    node: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool = True
    momentum: float | None = None
    debiased: tuple[Variable, Variable] | None = None


@dataclass
class Knob:
    """A tensor that sets how the graph runs rather than what it computes on.

    kind: "training" (a bool, or something that a bool is derived from), "keep_prob", "rate" or "frozen".
    inference, training: its values then; for a keep_prob whose rate is not in the graph, training is 0.5 and `guessed`.
    why: from what it was recognised.
    """

    tensor: str
    kind: str
    inference: Any
    training: Any
    why: str
    guessed: bool = False


@dataclass
class Candidate:
    """A tensor that may be an input or an output: `score` is higher for better ones, `why` says from what."""

    tensor: str
    score: float
    why: str
    chosen: bool = False


@dataclass
class Table:
    """What a lookup table holds.

    keys, values: what stands beside each other in it, one-dimensional; text as bytes. stored: the names of the checkpoint's
    variables that hold them. files: the file that does.
    """

    keys: np.ndarray
    values: np.ndarray
    stored: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass
class Source:
    """A TensorFlow 1 model as it lies on disk, whole.

    format: "checkpoint", "frozen graph", "SavedModel", "Keras HDF5" or "Keras archive". files: those that were read.
    graph_def: a GraphDef protobuf. producer: the TensorFlow version that wrote it, "" if unknown. collections: by name, the
    names they hold (nodes, tensors or variables). stored: shape and dtype of each variable in the checkpoint, by its name there.
    load: gives a stored variable's array by its name in the checkpoint; partitioned ones come whole.
    executed: for a graph that was built by running Python source, what was run and until where.
    wished: names of outputs that whoever made the graph has named.
    slices: for a partition's part, by its node's name: the whole's name in the checkpoint, where it starts, its shape.
    left: why a stored variable has no part in the model, where the files themselves say it.
    assets: files beside the graph, such as vocabularies, by the node that gives their name.
    warnings: what the user should know of how the files were read.
    """

    path: Path
    format: str
    files: list[Path]
    graph_def: Any
    producer: str = ""
    signatures: list[Signature] = field(default_factory=list)
    collections: dict[str, list[str]] = field(default_factory=dict)
    stored: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    load: Callable[[str], np.ndarray] | None = None
    step: int | None = None
    slices: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    assets: dict[str, Path] = field(default_factory=dict)
    executed: dict[str, Any] | None = None
    wished: list[str] = field(default_factory=list)
    keep: Any = None  # what must live as long as the files are read
    warnings: list[str] = field(default_factory=list)


@dataclass
class Lift:
    """A fixed batch size that was taken out of a graph.

    size: what it was. inputs: the tensors that had it, as the source names them. graph_def: the graph as it was.
    axes: by tensor, where it can be told, the axis along which its samples lie.
    """

    size: int
    inputs: tuple[str, ...]
    graph_def: Any
    axes: dict[str, int]


@dataclass
class Original:
    """The part of a source that is converted, ready to be imported by today's TensorFlow.

    graph_def: cut to what the outputs need; no variables are left: each is a Placeholder of its node's name, dtype and
    shape. Inputs are Placeholders too (cut tensors such as "IteratorGetNext:0" under `renamed`). Attributes that only
    trouble the importer (`_output_shapes`, `_class`, device strings) are gone, function calls inlined. Control inputs
    are gone too, save those of nodes without other inputs in loops and branches. A "frozen" knob is a Const here.
    inputs, outputs: tensor names as the source has them.
    renamed: for a tensor that was cut, the tensor in graph_def that stands for it.
    variables: by node name. tables: what lookup tables hold, by the node that gives the table.
    left: (checkpoint name, why) of each stored variable that is not used.
    load: gives a variable's array by its node name. lift: the batch size that was made unknown, None where none was.
    """

    source: Source
    graph_def: Any
    inputs: list[str]
    outputs: list[str]
    knobs: list[Knob] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    input_candidates: list[Candidate] = field(default_factory=list)
    output_candidates: list[Candidate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    load: Callable[[str], np.ndarray] | None = None
    lift: Lift | None = None

    def stands_for(self, tensor: str) -> str:
        """The name in `graph_def` of a tensor of the source."""
        return self.renamed.get(tensor, tensor)
