"""Arrays that the user gives in a file: a recording of the original, or inputs to run both sides on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np

from porter.errors import UnreadableSource, UsageError
from porter.verify.case import Case
from porter.verify.converted import Converted
from porter.verify.inputs import Input, Setting
from porter.verify.reference import Reference
from porter.verify.samples import common_axis
from porter.verify.words import numpy_type


def read_recording(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a recording: an .npz, or the folder that the program of `porter capture` left."""
    return _load(path / "reference.npz" if path.is_dir() else path, "recording")


def recorded(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    inputs: Sequence[Input],
    converted: Converted,
    reference: Reference | None,
) -> list[Case]:
    """The cases of a recording. Recorded knobs are passed over, as are outputs that the model does not have."""
    cases = []
    for suffix, label in (("", "recorded"), ("1", "recorded, batch of one")):
        want = {name: arrays[f"out{suffix}:{name}"] for name in converted.outputs if f"out{suffix}:{name}" in arrays}
        if not want:
            continue
        missing = [given.tensor for given in inputs if f"in{suffix}:{given.tensor}" not in arrays]
        if missing:
            raise UsageError(
                f"The recording feeds no {missing[0]}",
                where=str(path),
                why=f"the model has this input, and the recording holds {', '.join(sorted(arrays))[:300]}",
                todo=f"add an array in{suffix}:{missing[0]} to the recording",
            )
        feeds = {
            given.tensor: np.asarray(arrays[f"in{suffix}:{given.tensor}"], numpy_type(given.dtype)) for given in inputs
        }
        axes, samples = _axes(inputs, feeds)
        cases.append(Case(label, feeds, axes, samples, converted.outputs, reference, want))
    if not cases:
        outs = sorted(key for key in arrays if key.startswith("out"))
        raise UsageError(
            "The recording holds no output of this model",
            where=str(path),
            why=f"it holds {', '.join(outs)[:300] or 'none at all'}",
            todo=f"name the arrays out:{converted.outputs[0]} and so on",
        )
    return cases


def given_data(
    path: Path,
    inputs: Sequence[Input],
    converted: Converted,
    reference: Reference | None,
    report: Mapping[str, Any],
) -> Case:
    """The user's own inputs: an array for each input, by its name in TensorFlow ("x:0", "x") or in Keras.

    Raises UsageError where one is missing or has another shape, UnreadableSource where the file cannot be read.
    """
    arrays = _load(path, "data")
    keras_names = {item["tensor"]: item.get("keras", "") for item in report["inputs"]}
    feeds = {}
    for given in inputs:
        names = (given.tensor, f"in:{given.tensor}", given.tensor.removesuffix(":0"), keras_names[given.tensor])
        array = next((arrays[name] for name in names if name in arrays), None)
        if array is None and len(inputs) == len(arrays) == 1:
            array = next(iter(arrays.values()))
        if array is None:
            raise UsageError(
                f"The data hold no array for the input {given.tensor}",
                where=str(path),
                why=f"they hold {', '.join(sorted(arrays))[:300]}",
                todo=f"name the array {given.tensor!r} or {keras_names[given.tensor]!r}",
            )
        if len(given.shape) != array.ndim or any(
            known not in (None, size) for known, size in zip(given.shape, array.shape, strict=True)
        ):
            raise UsageError(
                f"The data for {given.tensor} do not have the shape of the input",
                where=str(path),
                why=f"it is {list(array.shape)} instead of {list(given.shape)}",
                todo="give arrays that the original takes",
            )
        feeds[given.tensor] = np.asarray(array, numpy_type(given.dtype))
    axes, samples = _axes(inputs, feeds)
    return Case("the data given", feeds, axes, samples, converted.outputs, reference)


def _load(path: Path, what: str) -> dict[str, np.ndarray]:
    try:
        if path.is_file() and not is_zipfile(path):
            raise ValueError("it is no .npz file")  # numpy would take it for a pickle, and tell to load it as one
        with np.load(path, allow_pickle=False) as npz:
            return {key: npz[key] for key in npz.files}
    except (OSError, ValueError, BadZipFile, AttributeError) as problem:
        todo = "give an .npz file, as numpy.savez writes"
        raise UnreadableSource(f"The {what} cannot be read", where=str(path), why=str(problem), todo=todo) from problem


def _axes(inputs: Sequence[Input], feeds: Mapping[str, np.ndarray]) -> tuple[dict[str, int | None], int]:
    """Where samples lie in the arrays, and how many there are."""
    axes = {given.tensor: Setting().axis_of(given) for given in inputs}
    if all(axis is None for axis in axes.values()):
        return common_axis(feeds)
    return axes, next((feeds[name].shape[axis] for name, axis in axes.items() if axis is not None), 1)
