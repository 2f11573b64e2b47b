"""What a rule may know beside its match: how the user wants the model, and a place for what the user should know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from porter.graph import Node, Value


@dataclass
class Context:
    """exact: keep batch-coupled arithmetic. as_ops: leave normalisations that were written by hand as operations.
    legacy: write batch normalisations so that their averages go on as in TensorFlow 1, where Keras' own would not.
    batch: the size that stands for the batch in `Value.probe`, if any. inputs: the model's, for calls that need some
    tensor to be made on; none inside a loop.

    warnings: what the rule being tried has to say; dropped if it misses. sizes_of_one: whether the proof must try
    inputs whose unknown sizes are 1.
    """

    exact: bool = False
    as_ops: bool = False
    legacy: bool = False
    batch: int | None = None
    inputs: list[Value] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sizes_of_one: bool = False

    def holds_batch(self, value: Value, axis: int) -> bool:
        """True if `axis` of `value` is the batch, or the batch folded with something else."""
        if value.probe is None or self.batch is None:
            return axis == 0
        return value.probe[axis] % self.batch == 0


_current = [Context()]


def context() -> Context:
    """The context of the conversion that is running."""
    return _current[-1]


@contextmanager
def use(new: Context) -> Iterator[Context]:
    """Make `new` the context while the block runs."""
    _current.append(new)
    try:
        yield new
    finally:
        _current.pop()


def warn(text: str) -> None:
    """Tell the user, if the rule holds."""
    context().warnings.append(text)


def try_sizes_of_one(node: Node) -> None:
    """The original takes a shortcut where a size is 1; the model goes the general way, and that it gives the same there
    is left to the proof."""
    warn(
        f"{node.name} takes a shortcut where a size is 1; the model goes the general way there too, which the proof tries"
    )
    context().sizes_of_one = True
