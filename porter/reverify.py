"""`porter verify`: the proof again, from the files that a conversion left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource
from porter.options import Options, Progress, options_of, quiet
from porter.report.content import read_report
from porter.stages import open_original


def verify(
    directory: Path,
    *,
    tolerance: float | str | None = None,
    reference: Path | None = None,
    source: Path | None = None,
    batch_sizes: list[int] | None = None,
    backends: list[str] | None = None,
    levels: list[int] | None = None,
    seed: int = 0,
    data: Path | None = None,
    self_test: bool = False,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Prove the converted model in `directory` again, from its files, against the original or a recording of it.

    tolerance: a number, relative, which replaces the default and the clause for the original's own rounding; "strict",
    "default" or "loose". reference: an .npz of recorded inputs and outputs. data: an .npz of the user's own inputs.
    source: where the original is now, if it was moved. self_test: make the model wrong in named ways and see whether
    the proof catches that, rather than prove it. Returns the proof, or the trials of the self-test under "self_test",
    as JSON-able data; raises `UnreadableSource` where neither the original nor a recording can be read.
    """
    from porter.emit.build import load_source
    from porter.verify import ALL, prepared, prove
    from porter.verify import self_test as run_self_test

    directory = Path(directory)
    report = read_report(directory)
    original = None
    place = source or Path(report["source"]["path"])
    try:
        original = open_original(place, options_of(report), progress)
    except UnreadableSource as problem:
        if reference is None or source is not None:
            problem.todo = "name the original with --source, or a recording of it with --reference"
            raise
    progress("verify", 0)
    model = load_source(directory / "model.py").load_model()
    how: dict[str, Any] = {
        "exact": report["options"]["exact"], "tolerance": tolerance, "batch_sizes": batch_sizes, "backends": backends,
        "seed": seed, "reference_npz": reference, "data": data,
        "recut": original and _recut(original, options_of(report)),
    }  # fmt: skip
    if self_test:
        with prepared(original, model, report, directory, **how) as context:
            trials = run_self_test(context, progress=lambda title: progress(f"verify: {title}", 0.5))
        return {"self_test": [trial.to_dict() for trial in trials]}
    proof = prove(
        original, model, report, directory, levels=levels or ALL,
        progress=lambda title: progress(f"verify: {title}", 0.5), **how,
    )  # fmt: skip
    return proof.to_dict()


def _recut(original: Any, options: Options) -> Callable[[Sequence[str]], Any]:
    """How to cut the original's source so that it has other outputs."""
    from porter.read import make_original

    return lambda outputs: make_original(
        original.source, inputs=original.inputs, outputs=outputs, freeze=options.freeze, shapes=options.shapes,
        weights=options.weights,
    )  # fmt: skip
