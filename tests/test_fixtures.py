"""The fixtures: genuine TensorFlow 1 models, converted as a user would, against what TensorFlow 1 itself answered.

Each is converted with nothing named, and compared with its recording; then again with --exact and the recorded outputs.
The source that comes out is in `expected.py` (`make golden` writes it anew), and runs on the other backends too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import elsewhere
import numpy as np
import pytest

from porter.convert import convert
from porter.emit.build import load_source
from porter.options import Options
from porter.read import open_source

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = sorted(path.parent.name for path in FIXTURES.glob("*/fixture.json"))
CLOSE = 1e-5  # of the spread

every_fixture = pytest.mark.parametrize("name", NAMES)


@cache
def described(name: str) -> dict:
    return json.loads((FIXTURES / name / "fixture.json").read_text())


@cache
def recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(FIXTURES / name / "reference.npz") as npz:
        return {key: npz[key] for key in npz.files}


@pytest.fixture(scope="module")
def converted(shelf):
    """Converts a fixture, once for each way of doing it. how: "auto" names nothing, "named" the recorded outputs."""

    @cache
    def run(name: str, how: str) -> SimpleNamespace:
        about = described(name)
        outputs = None if how == "auto" else about["outputs"]
        if how == "named" and sorted(run(name, "auto").outputs) == sorted(about["outputs"]):
            return run(name, "auto")
        if how == "exact" and not run(name, "named").report["changes"]:
            named, options = run(name, "named"), Options(outputs=outputs, exact=True, dry_run=True)
            again = convert(FIXTURES / name / about["source"], options=options).source
            if again.split('"""', 2)[2] == named.source.split('"""', 2)[2]:  # the docstring says what was proved
                return named
        directory = shelf / f"{name}_{how}"
        done = convert(FIXTURES / name / about["source"], directory, Options(outputs=outputs, exact=how == "exact"))
        return SimpleNamespace(
            directory=directory,
            report=done.report,
            source=done.source,
            inputs=[row["tensor"] for row in done.report["inputs"]],
            outputs=[row["tensor"] for row in done.report["outputs"]],
        )

    return run


def answers(found: SimpleNamespace, arrays: dict[str, np.ndarray], suffix: str = "") -> dict[str, np.ndarray]:
    """What the converted model says to the recorded inputs, by TensorFlow's name of the output."""
    if not hasattr(found, "model"):
        found.model = load_source(found.directory / "model.py").load_model()
    given = [arrays[f"in{suffix}:{tensor}"] for tensor in found.inputs]
    results = found.model(given[0] if len(given) == 1 else given, training=False)
    results = results if isinstance(results, (list, tuple)) else [results]
    return dict(zip(found.outputs, map(np.asarray, results), strict=True))


def assert_close(got: np.ndarray, want: np.ndarray, what: str) -> None:
    assert got.shape == want.shape, what
    assert got.dtype == want.dtype, what
    if want.dtype.kind in "iub":
        assert np.array_equal(got, want), what
        return
    spread = float(np.ptp(want)) or float(np.abs(want).max())
    error = float(np.abs(got.astype("float64") - want.astype("float64")).max())
    close = CLOSE if want.dtype != np.float16 else 4 * np.finfo(np.float16).eps
    assert error <= close * spread, f"{what}: off by {error:.3g}, {error / spread:.1e} of the spread"


@every_fixture
def test_choice(name, converted):
    """With nothing named: the outputs that matter, the inputs that are data, and knobs that are neither."""
    found, about = converted(name, "auto"), described(name)
    assert sorted(found.outputs) == sorted(about.get("auto", about["outputs"]))
    data = {key[3:] for key in recorded(name) if key.startswith("in:")} - set(about["knobs"])
    assert set(found.inputs) <= data
    assert not set(found.inputs) & set(about["knobs"])
    assert {knob["tensor"] for knob in found.report["knobs"]} <= set(about["knobs"])
    assert found.report["verified"]["verdict"] == "proved"


@every_fixture
@pytest.mark.parametrize("how", ["auto", "named", "exact"])
def test_answers(name, how, converted):
    """What TensorFlow 1 recorded. Outputs that were made batch-safe answer as TensorFlow 1 did to one sample alone."""
    found, arrays = converted(name, how), recorded(name)
    assert how == "auto" or sorted(found.outputs) == sorted(described(name)["outputs"])
    changed = {output for change in found.report["changes"] for output in change["outputs"]}
    assert how != "exact" or not changed
    for suffix in ("", "1"):
        for output, got in answers(found, arrays, suffix).items():
            if f"out{suffix}:{output}" not in arrays:
                continue
            want = arrays[f"out{suffix}:{output}"]
            if output not in changed:
                assert_close(got, want, f"{output}, batch{suffix}")
            else:  # rows and columns that the original folded into the batch axis may have their own axis here
                first, samples = arrays[f"out1:{output}"], 1 if suffix else 3
                part = got[: len(got) // samples]
                assert_close(part.reshape(first.shape), first, f"{output}, first of batch{suffix}")


@every_fixture
def test_every_variable_is_accounted_for(name, converted):
    """Copied, or left for a stated reason; and what was copied is in a layer."""
    report = converted(name, "named").report
    copied, left = set(report["weights"]["copied"]), {row["name"]: row["why"] for row in report["weights"]["left"]}
    assert all(left.values())
    assert not copied & left.keys()
    if report["source"]["format"] == "frozen graph":
        assert not copied
        assert not left
        return
    stored = set(open_source(FIXTURES / name / described(name)["source"]).stored)
    assert copied | left.keys() == stored
    sources = [source.split(", ")[0] for row in report["layers"] for source in row["weights"].values()]
    assert copied >= {source for source in sources if source in stored}
    assert sources


@every_fixture
def test_golden_source(name, converted):
    """`make golden` writes these files; look at what changed before they are committed."""
    expected = FIXTURES / name / "expected.py"
    assert expected.exists(), "make golden"
    assert converted(name, "named").source == expected.read_text()


@pytest.mark.parametrize(
    "words", [("format", "--check"), ("check", "--select", "E,F,W,I", "--ignore", "E741")], ids=" ".join
)
def test_golden_source_is_formatted(words):
    """As ruff would write it, in lines of 120."""
    files = [str(FIXTURES / name / "expected.py") for name in NAMES]
    ruff = [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "120", *files]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("backend", elsewhere.BACKENDS)
def test_other_backends(backend, converted, shelf):
    """model.py with its weights, and model.keras, on every fixture."""
    for name in NAMES:
        for how in ("named", "exact"):
            found = converted(name, how)
            if how == "exact" and not converted(name, "named").report["changes"]:
                continue  # the same model again
            arrays = recorded(name)
            case = {f"in:{i}": arrays[f"in:{tensor}"] for i, tensor in enumerate(found.inputs)}
            own = answers(found, arrays)  # proved on TensorFlow by now
            np.savez(found.directory / "case.npz", **case, **{f"out:{i}": own[o] for i, o in enumerate(found.outputs)})
    wrong = elsewhere.run(shelf, backend)
    assert not wrong, "\n".join(f"{folder}: {text}" for folder, text in wrong.items())


# --- The network that everything started with ----------------------------------------------------------------


def test_seed_network_is_layers_only(converted):
    """Every parameter is in a Keras layer, and no operation is left over."""
    found = converted("seed_network", "auto")
    assert [row["class"] for row in found.report["layers"] if row["class"].startswith("ops.")] == []
    body = found.source[found.source.index("def build_model") :]
    assert "ops." not in body
    assert "layers.Reshape((128,))" in found.source
    assert re.search(r'z_n = MinMaxNormalization\((axis=-1, )?name="z_n"\)', found.source)
    assert set(re.findall(r"[A-Z]\w+(?=\()", body)) <= {
        "Input", "Model", "Conv2D", "BatchNormalization", "ReLU", "Reshape", "MinMaxNormalization", "Path",
    }  # fmt: skip


def test_seed_network_is_batch_safe_by_default(converted):
    """An answer does not depend on its neighbours, and the report says what was changed and why."""
    found, arrays = converted("seed_network", "auto"), recorded("seed_network")
    (change,) = found.report["changes"]
    assert (change["kind"], change["outputs"]) == ("batch-safe", ["z_n:0"])
    images = arrays["in:X:0"]
    whole = answers(found, {"in:X:0": images})["z_n:0"]
    turned = answers(found, {"in:X:0": images[::-1]})["z_n:0"]
    assert np.abs(whole - turned[::-1]).max() < 1e-6
    assert whole.min(axis=1).max() == 0
    assert whole.max(axis=1).min() == 1
    exact = answers(converted("seed_network", "exact"), {"in:X:0": images})["z_n:0"]
    assert np.abs(exact - whole).max() > 1e-3
