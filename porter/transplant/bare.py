"""The parts of a file that holds weights alone: a checkpoint without its graph, or a Keras file without its model."""

from __future__ import annotations

from pathlib import Path

from porter.errors import UnreadableSource, UsageError
from porter.transplant.names import parts_of_names
from porter.transplant.parts import Part

AVERAGE = "/ExponentialMovingAverage"
NO_GRAPH = (
    "There is no graph beside the checkpoint: names, shapes and numbers in the names had to do. --source gives one."
)
NO_MODEL = (
    "The file holds weights alone: names, shapes and numbers in the names had to do. --reference compares the result."
)


def is_bare(problem: UnreadableSource) -> bool:
    """Whether a file that could not be read as a model holds weights all the same."""
    return "it holds the graph" in problem.what or "holds weights alone" in problem.what


def bare_parts(path: Path, weights: str = "raw") -> tuple[list[Part], list[str], list[str]]:
    """The parts of such a file, the names of what is no weight, and what is to be said of it.

    weights: "ema" takes moving averages where there are some. Raises UnreadableSource for a file that cannot be read so,
    UsageError where averages are asked for and there are none.
    """
    from porter.read import is_keras_file, open_weights

    if is_keras_file(path):
        return (*_of_keras(path), [NO_MODEL])
    source = open_weights(path)
    assert source.load is not None
    load, stored = source.load, {name: shape for name, (shape, _) in source.stored.items()}
    averages = {name.removesuffix(AVERAGE): name for name in stored if name.endswith(AVERAGE)}
    if weights == "ema" and not averages:
        raise UsageError("The checkpoint holds no moving averages of the weights.", todo="leave out --weights ema")
    chosen = {name: average for name, average in averages.items() if weights == "ema" or name not in stored}
    parts, left = parts_of_names(
        {name: shape for name, shape in stored.items() if name not in chosen.values()}
        | {name: stored[average] for name, average in chosen.items()},
        lambda name: load(chosen.get(name, name)),
    )
    notes = [NO_GRAPH]
    if chosen:
        notes.append(f"{len(chosen)} weights are their moving averages.")
    elif averages:
        notes.append(
            f"The checkpoint also holds moving averages of {len(averages)} weights; the weights themselves were taken. "
            "--weights ema takes the averages."
        )
    return parts, left, notes


def _of_keras(path: Path) -> tuple[list[Part], list[str]]:
    """Of a Keras file. Raises UnreadableSource for one whose layouts were others."""
    from porter.read.keras_file.hdf5 import read_file

    file = read_file(path)
    if not file.keras_version.startswith("2.") or file.backend == "theano":
        raise UnreadableSource(
            f"{path.name} holds weights in the layouts of Keras {file.keras_version or 'of an unknown version'}.",
            where=str(path),
            why=f"{file.backend or 'something unknown'} computed it",
            todo="convert it with what built its model, porter convert … --into, and take the weights from there",
        )
    stored = {each.name.removesuffix(":0"): each for weights in file.layers.values() for each in weights}
    if len(stored) < sum(map(len, file.layers.values())):
        stored = {
            f"{layer}/{each.name.removesuffix(':0')}": each for layer, held in file.layers.items() for each in held
        }
    return parts_of_names(
        {name: file.kind_of(each)[0] for name, each in stored.items()}, lambda name: file.load(stored[name])
    )
