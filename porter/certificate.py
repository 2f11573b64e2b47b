"""certificate.json: what another machine needs to check a converted model again without the original.

It holds digests of every file of the folder, of the source and of each weight, what each layer is made with, what was
proved and with what errors, and some of the original's answers to inputs that can be drawn again. It has a digest of its own.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from porter import __version__
from porter.errors import UnreadableSource

NAME = "certificate.json"
SCHEMA = 1
VOCABULARIES = "vocabulary*.txt"
FILES = ("model.py", "model.weights.h5", "model.keras", "report.json", "report.html")


def certify(
    directory: Path, report: Mapping[str, Any], proof: Any, model: Any, before: Mapping[str, Any] | None = None
) -> None:
    """Write the certificate for the model in `directory`.

    before: an older one, whose levels stay where they were not run again.
    """
    levels = {level["level"]: level for level in (before or {}).get("levels", ())}
    levels.update({level.level: _level(level.to_dict()) for level in proof.levels})
    from porter.verify import wiring

    content = {
        "schema": SCHEMA,
        "porter": __version__,
        "versions": {"python": platform.python_version(), **_versions("keras", "tensorflow", "numpy")},
        "source": report["source"]["sha256"],
        "files": digests(directory),
        "weights": weights(model),
        "layers": settings(model),
        "calls": wiring.model_calls(model),
        "tolerance": {"rtol": proof.rtol, "rounding": proof.rounding},
        "exact": proof.exact,
        "levels": [levels[number] for number in sorted(levels)],
        "records": proof.records or (before or {}).get("records"),
    }
    (directory / NAME).write_text(json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n")


def read_certificate(directory: Path) -> dict[str, Any] | None:
    """The certificate in `directory`, None where there is none. Raises UnreadableSource for one that was changed."""
    file = directory / NAME
    if not file.exists():
        return None
    todo = "name the original with --source, or convert it again"
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        digest = content.pop("sha256")
    except (OSError, ValueError, AttributeError, KeyError) as problem:
        raise UnreadableSource("The certificate cannot be read", where=str(file), why=str(problem), todo=todo) from None
    if digest != _digest(content):
        raise UnreadableSource(
            "The certificate was changed", where=str(file), why="its own digest does not fit it any more", todo=todo
        )
    if content.get("schema") != SCHEMA:
        why = f"it has the schema {content.get('schema')}, this porter knows {SCHEMA}"
        raise UnreadableSource("The certificate is of another porter", where=str(file), why=why, todo=todo)
    return content


def changed(directory: Path, certificate: Mapping[str, Any]) -> list[str]:
    """The files that are not what they were when they were certified, and what became of each."""
    now = digests(directory)
    told = []
    for name, digest in certificate["files"].items():
        if name not in now:
            told.append(f"{name} is gone")
        elif now[name] != digest:
            told.append(f"{name} is not the file that was certified")
    return told + [f"{name} was not there" for name in now if name not in certificate["files"]]


def changed_weights(model: Any, certificate: Mapping[str, Any]) -> list[str]:
    """The weights that hold other numbers than those certified."""
    now = weights(model)
    told = [
        f"{path}: other numbers than were certified"
        for path, each in certificate["weights"].items()
        if now.get(path) != each
    ]
    return told + [f"{path} was not there" for path in now if path not in certificate["weights"]]


def changed_settings(model: Any, certificate: Mapping[str, Any]) -> list[Setting]:
    """What layers are made with that differs from what was certified. Names that Keras numbers do not count."""
    then, now = certificate.get("layers"), settings(model)
    if then is None:
        return []
    for before, after in zip(then, now, strict=False):
        if before["class"] != after["class"]:
            return [Setting(after["name"], "", f"{after['class']} {after['name']} was certified as {before['class']}")]
    if len(then) != len(now):
        return [Setting("", "", f"the model has {len(now)} layers, {len(then)} were certified")]
    found = []
    for before, after in zip(then, now, strict=True):
        for key in sorted(before["config"]):  # an argument that it lacks was not known when it was written
            one, other = before["config"].get(key), after["config"].get(key)
            if one != other:
                told = f"{after['class']} {after['name']}: {key} is {_said(other)}, {_said(one)} was certified"
                found.append(Setting(after["name"], key, told, one))
    return found


class Setting(NamedTuple):
    """An argument of a layer that is not as it was certified. argument: "" where the layer is another one.

    certified: its value then.
    """

    layer: str
    argument: str
    told: str
    certified: Any = None


def settings(model: Any) -> list[dict[str, Any]]:
    """What each layer is made with, inner ones too: numbers, words and lists of them, as JSON gives them back."""
    found = []
    for layer in model._flatten_layers(include_self=False, recursive=True):
        try:
            config = layer.get_config()
        except (NotImplementedError, TypeError, ValueError, AttributeError):
            config = {"trainable": layer.trainable}
        found.append({"name": layer.name, "class": type(layer).__name__, "config": _plain(config)})
    return found


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as JSON gives them back, but for layers' names, which Keras numbers, and how weights are made at first."""
    is_layer = "dtype" in config
    left = {
        key: each for key, each in config.items() if not (key == "name" and is_layer or key.endswith("_initializer"))
    }
    plain = {key: _plain(value) if isinstance(value, dict) else value for key, value in left.items()}
    return json.loads(json.dumps({key: value for key, value in plain.items() if _is_plain(value)}))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, (bool, int, float, str, dict))


def _said(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return f"{value['class_name']} {json.dumps(value.get('config'))}"
    return "not given" if value is None else json.dumps(value)


def changed_calls(model: Any, certificate: Mapping[str, Any]) -> list[str]:
    """The first call that is not what it was when it was certified: another one, or made with or of something else."""
    from porter.verify import wiring

    then, now = certificate.get("calls"), wiring.model_calls(model)
    if then is None or then == now:
        return []
    nothing: dict[str, Any] = {}
    pairs = list(zip_longest(then, now, fillvalue=nothing))
    place, (before, after) = next((place, pair) for place, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    where = f"call {place} of {len(now) - 1}"
    if before.get("class") == after.get("class") == "the outputs":
        return [f"the outputs are {json.dumps(after['takes'])}, {json.dumps(before['takes'])} was certified"]
    if before.get("class") != after.get("class"):
        return [f"{where} is of {after.get('class', 'nothing')}, {before.get('class', 'nothing')} was certified"]
    where += f", of {after['class']},"
    if before["takes"] != after["takes"]:
        return [f"{where} takes {json.dumps(after['takes'])}, {json.dumps(before['takes'])} was certified"]
    changed = [key for key in sorted(before["made"].keys() | after["made"].keys()) if _unlike(before, after, key)]
    told = [
        f"{key} {_said(after['made'].get(key))} ({_said(before['made'].get(key))} was certified)" for key in changed
    ]
    return [f"{where} is made with {', '.join(told)}"]


def _unlike(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> bool:
    return before["made"].get(key) != after["made"].get(key)


def digests(directory: Path) -> dict[str, str]:
    """The SHA-256 of each file that a conversion writes."""
    found = {}
    for name in [*FILES, *sorted(file.name for file in directory.glob(VOCABULARIES))]:
        file = directory / name
        if file.is_file():
            with file.open("rb") as opened:
                found[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def weights(model: Any) -> dict[str, str]:
    """The SHA-256 of each weight's numbers, by its path."""
    import keras
    import numpy as np

    return {
        weight.path: hashlib.sha256(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes()).hexdigest()
        for weight in model.weights
        if "seed_generator" not in weight.path
    }


def _level(level: Mapping[str, Any]) -> dict[str, Any]:
    """A level's result, without what only this machine says."""
    outputs = {
        name: {key: seen[key] for key in ("error", "relative", "clauses", "on") if key in seen}
        for name, seen in level["outputs"].items()
    }
    layers = [
        {key: row[key] for key in ("row", "title", "status", "error", "relative", "clause", "override") if key in row}
        for row in level["layers"]
    ]
    kept = {
        key: level[key] for key in ("level", "title", "status", "reason", "applies", "batch_sizes", "kinds", "notes")
    }
    return {**kept, "outputs": outputs, "layers": layers}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
