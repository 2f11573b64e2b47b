"""`porter verify`: the proof again, from the files that a conversion left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from porter.certificate import certify, changed, changed_calls, changed_settings, changed_weights, read_certificate
from porter.errors import OutputsDiffer, UnreadableSource, UsageError
from porter.options import Options, Progress, options_of, quiet
from porter.report.content import read_report, with_proof, write_report
from porter.stages import open_original, refuse_backend

WITHOUT_ORIGINAL = (0, 1, 3, 4, 7)  # the levels that a certificate can stand in for
FILES = ("model.py", "model.weights.h5", "model.keras")
CERTIFIED = {0, 1, 3, 4, 5}  # levels that hold before a changed folder is certified anew


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
    overrides: Path | None = None,
    self_test: bool = False,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Prove the converted model in `directory` again, from its files, against the original or a recording of it.

    tolerance: a number, relative, which replaces the default and the clause for the original's own rounding; "strict",
    "default" or "loose". reference: an .npz of recorded inputs and outputs. data: an .npz of the user's own inputs.
    overrides: a TOML file of layers that may be further off by themselves, with reasons.
    source: where the original is now, if it was moved. self_test: make the model wrong in named ways and see whether
    the proof catches that, rather than prove it. Returns the proof, or the trials of the self-test under "self_test",
    as JSON-able data; raises `UnreadableSource` where neither the original nor a stand-in can be read: a recording, or
    the certificate that lies in `directory`. Where the original itself was there, the report is written anew, and after
    a proof that holds the certificate too.
    """
    from porter.verify import ALL, Altered, prepared, prove
    from porter.verify import self_test as run_self_test

    directory = Path(directory)
    report = read_report(directory)
    _check_files(directory)
    refuse_backend(report.get("only_tensorflow", ""))
    original = certificate = None
    try:
        original = open_original(source or _recorded_source(report), options_of(report), progress)
    except UnreadableSource as problem:
        certificate = read_certificate(directory) if source is None else None
        if reference is None and not (certificate or {}).get("records"):
            problem.todo = "name the original with --source, or a recording of it with --reference"
            raise
    except UsageError as problem:
        if source is not None:
            problem.todo = f"name the original with --source: {source} seems to be another model"
        raise
    progress("verify", 0)
    before, differing = (certificate, changed(directory, certificate)) if certificate else _certified(directory)
    model = _load(directory, before, differing)
    how: dict[str, Any] = {
        "exact": report["options"]["exact"], "tolerance": tolerance, "batch_sizes": batch_sizes, "backends": backends,
        "seed": seed, "reference_npz": reference, "data": data, "overrides": overrides,
        "recut": original and _recut(original, options_of(report)),
    }  # fmt: skip
    if certificate is not None:
        how["records"] = certificate["records"]
        told = [each.told for each in changed_settings(model, certificate)] or changed_calls(model, certificate)
        how["uncertified"] = [*told, *changed_weights(model, certificate), *differing]
    else:
        settings = changed_settings(model, before) if before else []
        told = [each.told for each in settings] or (changed_calls(model, before) if before else [])
        how["altered"] = {(each.layer, each.argument): Altered(each.told, each.certified) for each in settings}
    if self_test:
        with prepared(original, model, report, directory, **how) as context:
            trials = run_self_test(context, progress=lambda title: progress(f"verify: {title}", 0.5))
        return {"self_test": [trial.to_dict() for trial in trials]}
    asked = levels or (ALL if certificate is None else WITHOUT_ORIGINAL)
    proof = prove(
        original, model, report, directory, levels=asked, keep_records=original is not None,
        progress=lambda title: progress(f"verify: {title}", 0.5), **how,
    )  # fmt: skip
    found = proof.to_dict()
    found["certificate"] = {"stands_in": certificate is not None}
    if certificate is None:
        found["certificate"].update({"changed": [*differing, *told], "written": False})
        plain = original is not None and reference is None and tolerance is None
        if plain and not proof.failed and (not differing or set(asked) >= CERTIFIED):
            found["certificate"].update(_renew(directory, report, proof, model, None if differing else before))
        elif plain and proof.failed:
            with suppress(OSError):  # a folder that cannot be written to keeps the report of what was proved before
                write_report(with_proof(report, found), directory)
    return found


def _recorded_source(report: dict[str, Any]) -> Path:
    """Where the original was. Raises UnreadableSource for a program: it is run only for whoever names it."""
    recorded = report["source"]
    if "executed" in recorded:
        raise UnreadableSource(
            f"The original was built by running {recorded['executed']['file']}, which is not run again unasked",
            todo=f"--source {recorded['path']} runs it",
        )
    return Path(recorded["path"])


def _check_files(directory: Path) -> None:
    """Raises UnreadableSource where a conversion's files are not all there."""
    if missing := [name for name in FILES if not (directory / name).is_file()]:
        raise UnreadableSource(
            f"{directory} lacks {' and '.join(missing)}",
            why="porter convert leaves these beside report.json",
            todo="convert the original again",
        )


def _load(directory: Path, certificate: dict[str, Any] | None, differing: list[str]) -> Any:
    """The model of `directory`. Raises OutputsDiffer where its files do not give one."""
    from porter.emit.build import load_source

    try:
        return load_source(directory / "model.py").load_model()
    except Exception as problem:  # model.py is a program, and what it raises is the finding
        told = " ".join(str(problem).split())[:300]
        raise OutputsDiffer(
            "The converted model cannot be loaded",
            where=str(directory),
            why="; ".join([f"{type(problem).__name__}: {told}", *_made_otherwise(directory, certificate), *differing]),
            todo="convert the original again",
        ) from problem


def _made_otherwise(directory: Path, certificate: dict[str, Any] | None) -> list[str]:
    """How the layers of a model that cannot be loaded differ from those certified, as far as it can be built."""
    from porter.emit.build import load_source

    if certificate is None:
        return []
    try:
        model = load_source(directory / "model.py").build_model()
    except Exception:  # it is the reason that is looked for, and this one has been told
        return []
    return [each.told for each in changed_settings(model, certificate)]


def _certified(directory: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The certificate that lies in `directory`, if one does, and what has changed since it was written."""
    try:
        before = read_certificate(directory)
    except UnreadableSource as problem:
        return None, [f"{problem.what}: {problem.why}"]
    return before, changed(directory, before) if before else []


def _renew(
    directory: Path, report: dict[str, Any], proof: Any, model: Any, before: dict[str, Any] | None
) -> dict[str, Any]:
    """Write report and certificate anew, with what was proved now; levels that were not run stay as they were `before`."""
    try:
        write_report(with_proof(report, proof.to_dict()), directory)
        certify(directory, report, proof, model, before)
    except OSError as problem:
        return {"written": False, "why": str(problem)}
    return {"written": True}


def _recut(original: Any, options: Options) -> Callable[[Sequence[str]], Any]:
    """How to cut the original's source so that it has other outputs."""
    from porter.read import make_original

    return lambda outputs: make_original(
        original.source, inputs=original.inputs, outputs=outputs, freeze=options.freeze, shapes=options.shapes,
        weights=options.weights, lift=options.lift_batch,
    )  # fmt: skip
