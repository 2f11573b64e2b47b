"""What genuine TensorFlow 1 recorded with the program of `porter capture`, converted and proved by that alone.

The recordings in captured/ were made under TensorFlow 1.15.5 and 1.4.1 by captured/make.py.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from porter.cli.app import app
from porter.convert import convert
from porter.legacy import CAPTURE
from porter.options import Options, options_of
from porter.report.content import read_report
from porter.reverify import verify
from porter.stages import open_original
from porter.verify import prove

CAPTURED = Path(__file__).parent / "captured"
VERSIONS = ("tensorflow_1.15", "tensorflow_1.4")


@pytest.fixture(scope="module", params=VERSIONS)
def converted(request, tmp_path_factory):
    """A folder with `captured`, and what it was converted to without any flag."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(CAPTURED / request.param, folder / "captured")
    convert(folder / "captured", folder / "model", Options())
    return folder


def model_of(folder):
    from porter.emit.build import load_source

    return load_source(folder / "model" / "model.py").load_model()


def levels(proof):
    return {level["level"]: level["status"] for level in proof["levels"]}


def test_it_holds_what_it_should(converted):
    arrays = np.load(converted / "captured" / "reference.npz")
    assert {"in:images:0", "in:training:0", "out:probabilities:0", "in1:images:0", "out1:probabilities:0"} <= set(
        arrays
    )
    assert {"proj:probabilities:0", "grad:images:0", "inner:conv/BiasAdd:0", "inner:Relu:0"} <= set(arrays)
    assert np.array_equal(arrays["in1:images:0"], arrays["in:images:0"][:1])


def test_the_outputs_are_those_that_were_recorded(converted):
    report = read_report(converted / "model")
    assert [row["tensor"] for row in report["outputs"]] == ["probabilities:0"]
    assert [row["tensor"] for row in report["inputs"]] == ["images:0"]
    original = open_original(converted / "captured", options_of(report), lambda stage, done: None)
    assert {knob.tensor for knob in original.knobs} == {"training:0"}


def test_it_is_proved_by_the_recording_and_by_the_graph(converted):
    proof = verify(converted / "model", reference=converted / "captured", levels=[0, 1, 2, 3, 4, 5, 6])
    assert levels(proof) == dict.fromkeys(range(7), "passed"), proof
    assert "recorded" in proof["levels"][1]["kinds"]


def test_it_is_proved_by_the_recording_alone(converted):
    report, model = read_report(converted / "model"), model_of(converted)
    recording = converted / "captured" / "reference.npz"
    proof = prove(None, model, report, levels=(1, 2, 3, 6), reference_npz=recording)
    assert {level.level: level.status for level in proof.levels} == dict.fromkeys((1, 2, 3, 6), "passed")
    assert "inner" not in proof.levels[1].reason
    assert {"Relu:0", "conv/BiasAdd:0"} & proof.levels[1].outputs.keys()
    assert proof.levels[3].outputs.keys() == {"by images:0"}


def test_the_recording_alone_finds_what_is_wrong(converted):
    report, model = read_report(converted / "model"), model_of(converted)
    model.get_layer("bn").epsilon *= 10
    proof = prove(None, model, report, levels=(2, 3, 6), reference_npz=converted / "captured")
    assert {level.level: level.status for level in proof.levels} == dict.fromkeys((2, 3, 6), "failed")
    first = proof.levels[0].reason.splitlines()[0]
    assert "Relu" in first or "bn" in first
    assert "conv" not in first


def test_the_program_is_written(tmp_path):
    file = tmp_path / "record.py"
    done = CliRunner().invoke(app, ["capture", "-o", str(file)])
    assert done.exit_code == 0
    assert file.read_text() == CAPTURE.read_text()
    assert CliRunner().invoke(app, ["capture", "-o", str(file)]).exit_code == 2
    assert CliRunner().invoke(app, ["capture", "-o", str(file), "--force"]).exit_code == 0
    assert CliRunner().invoke(app, ["capture", "-o", str(tmp_path / "none" / "x.py")]).exit_code == 2


def test_the_program_records_numbers_without_axes_from_a_graph_that_is_finished(tmp_path):
    """In a process of its own, as it switches TensorFlow over to graphs."""
    program = f"""
import sys; sys.path.insert(0, {str(CAPTURE.parent)!r})
from porter_capture import capture, tf
x = tf.placeholder(tf.float32, [None, 2], name="x")
w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
y = tf.reduce_sum(x * w, name="y")
tf.train.get_or_create_global_step()
with tf.train.MonitoredTrainingSession() as session:
    capture(session, outputs=[y], directory={str(tmp_path / "captured")!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    arrays = np.load(tmp_path / "captured" / "reference.npz")
    assert arrays["out:y:0"] == pytest.approx(arrays["in:x:0"].sum(), 1e-6)
    assert arrays["grad:x:0"] == pytest.approx(np.full((3, 2), arrays["proj:y:0"]))


def test_the_program_is_in_the_language_of_its_time():
    """Python 2.7 and 3.5: no annotations, no f-strings, no keyword-only arguments; nothing but numpy and TensorFlow."""
    text = CAPTURE.read_text()
    tree = ast.parse(text, feature_version=(3, 5))
    assert text.isascii()
    imported = set()
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.AnnAssign, ast.JoinedStr, ast.AsyncFunctionDef, ast.NamedExpr, ast.Nonlocal))
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            assert not any(isinstance(each, ast.Starred) for each in node.elts)
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs
            assert node.returns is None
            assert all(each.annotation is None for each in node.args.args)
        if isinstance(node, ast.Raise):
            assert node.cause is None
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported == {"__future__", "argparse", "json", "os", "sys", "numpy", "tensorflow"}
