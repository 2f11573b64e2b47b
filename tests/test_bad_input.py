"""Bad input on the command line: the right exit code, a message that names the next step, nothing written, no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from lab import source_of, tensorflow
from typer.testing import CliRunner

from porter.cli.app import app

FIXTURES = Path(__file__).parents[1] / "fixtures"
CHECKPOINT = FIXTURES / "mnist_layers_cond_bn"
FROZEN = FIXTURES / "separable_mobile" / "model.pb"
SAVED = FIXTURES / "saved_model_iris" / "saved_model"
UNREADABLE, UNSUPPORTED, USAGE = 4, 3, 2


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder to work in: what is in it afterwards was written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(place: Path, source: object, *flags: str, code: int = UNREADABLE) -> str:
    """What `porter convert` says of `source`; it has to refuse, in the right way, and to leave no trace."""
    before = sorted(path.relative_to(place) for path in place.rglob("*"))
    done = CliRunner().invoke(app, ["convert", str(source), *flags])
    said = done.stderr
    assert done.exit_code == code, said or done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in said
    assert "internal error" not in said
    assert done.stdout == ""
    assert sorted(path.relative_to(place) for path in place.rglob("*")) == before, "something was written"
    return " ".join(said.split())


def checkpoint(place: Path) -> Path:
    for file in CHECKPOINT.glob("model.ckpt*"):
        shutil.copy(file, place)
    return place / "model.ckpt"


# --- Files that are not there, or not whole -------------------------------------------------------------------


def test_nothing_there(place):
    said = refused(place, "model.ckpt")
    assert "does not exist" in said
    assert "do: check the path" in said


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--freeze", "dropout/keep_prob=abc"), "keep_prob of a dropout in training: above 0"),
        (("--freeze", "dropout/keep_prob=0"), "keep_prob of a dropout in training: above 0"),
        (("--freeze", "input/x=3"), "shape (None, 784)"),
        (("--shape", "input/x=?,3"), "the graph says [?, 784]"),
        (("--shape", "conv1/W=?,3"), "conv1/W:0 is a variable"),
    ],
    ids=lambda each: each[-1] if isinstance(each, tuple) else None,
)
def test_values_and_shapes_that_do_not_fit(place, flags, what):
    assert what in refused(place, FIXTURES / "mnist_keep_prob" / "model.ckpt", *flags, code=USAGE)


def test_a_misspelt_name(place):
    checkpoint(place)
    assert "model.ckpt" in refused(place, "modle.ckpt")


@pytest.mark.parametrize("part", ["data-00000-of-00001", "index", "meta"])
def test_a_missing_part_of_a_checkpoint(place, part):
    prefix = checkpoint(place)
    (place / f"model.ckpt.{part}").unlink()
    said = refused(place, prefix)
    assert part in said
    assert "do:" in said


@pytest.mark.parametrize("part", ["data-00000-of-00001", "index", "meta"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_part_of_a_checkpoint(place, part, share):
    prefix = checkpoint(place)
    file = place / f"model.ckpt.{part}"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    said = refused(place, prefix)
    assert "model.ckpt" in said
    assert "do:" in said


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_frozen_graph(place, share):
    (place / "model.pb").write_bytes(FROZEN.read_bytes()[: int(FROZEN.stat().st_size * share)])
    said = refused(place, "model.pb")
    assert "model.pb" in said
    assert "do:" in said


def test_a_truncated_text_graph(place):
    text = (FIXTURES / "frozen_text" / "model.pbtxt").read_text()
    (place / "model.pbtxt").write_text(text[: len(text) // 2])
    assert "do:" in refused(place, "model.pbtxt")


def test_a_saved_model_without_its_variables(place):
    shutil.copytree(SAVED, place / "export")
    shutil.rmtree(place / "export" / "variables")
    said = refused(place, "export")
    assert "variables" in said
    assert "do:" in said


# --- Files that are something else ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("notes.txt", b"Trained on Tuesday, works well.\n", UNREADABLE),
        ("model.pb", b"Trained on Tuesday, works well.\n", UNREADABLE),
        ("model.pbtxt", b"Trained on Tuesday, works well.\n", UNREADABLE),
        ("model.pb", b"", UNREADABLE),
        ("model.pb", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12\n", UNREADABLE),
        ("model.pb", np.random.default_rng(0).bytes(4000), UNREADABLE),
        ("model.ckpt", np.random.default_rng(1).bytes(4000), UNREADABLE),
        ("model.ckpt.index", np.random.default_rng(2).bytes(4000), UNREADABLE),
        ("model.ckpt.meta", np.random.default_rng(3).bytes(4000), UNREADABLE),
        ("train.py", b"import tensorflow as tf\n", UNREADABLE),
        ("model.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), UNSUPPORTED),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", UNSUPPORTED),
        ("model.zip", b"PK\x03\x04" + bytes(60), UNREADABLE),
    ],
)
def test_another_kind_of_file(place, name, content, code):
    (place / name).write_bytes(content)
    said = refused(place, name, code=code)
    assert "do:" in said
    assert name.removesuffix(".index").removesuffix(".meta") in said


def test_an_empty_folder(place):
    (place / "empty").mkdir()
    said = refused(place, "empty")
    assert "the folder is empty" in said
    assert "do: name a checkpoint" in said


def test_a_folder_in_place_of_a_file(place):
    (place / "model.ckpt").mkdir()
    (place / "model.ckpt" / "readme.txt").write_text("nothing here")
    assert "readme.txt" in refused(place, "model.ckpt")


def test_a_folder_with_several_models(place):
    checkpoint(place)
    shutil.copy(FROZEN, place / "other.pb")
    said = refused(place, ".")
    assert "several models" in said
    assert "name one of them" in said


def test_a_checkpoint_file_that_names_another(place):
    prefix = checkpoint(place)
    (place / "checkpoint").write_text('model_checkpoint_path: "/home/somebody/gone.ckpt-100"\n')
    for file in place.glob("model.ckpt*"):
        file.unlink()
    assert "do:" in refused(place, prefix.parent)


def test_a_tensorflow_2_checkpoint(place):
    import tensorflow as tf

    prefix = tf.train.Checkpoint(w=tf.Variable(np.ones([3, 3], "float32"))).save(str(place / "model"))
    said = refused(place, prefix)
    assert "TensorFlow 2" in said
    assert "do:" in said


def test_a_graph_that_only_saves(place):
    """A training script's leftovers: variables, and nothing that they are for."""
    tf = tensorflow()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("w", [3])
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(place / "model.ckpt"))
    said = refused(place, "model.ckpt", code=USAGE)
    assert "No output was found" in said
    assert "--outputs" in said


# --- Graphs that hold what porter can't do, or cannot know ------------------------------------------------------


def frozen(place: Path, build) -> Path:
    source, _ = source_of(build)
    (place / "graph.pb").write_bytes(source.graph_def.SerializeToString())
    return place / "graph.pb"


def test_an_operation_that_no_tensorflow_knows(place):
    path = frozen(place, lambda tf: tf.nn.relu(tf.placeholder(tf.float32, [None, 3], "x"), name="y"))
    graph = tensorflow().GraphDef.FromString(path.read_bytes())
    graph.node[1].op = "FancyRelu"
    path.write_bytes(graph.SerializeToString())
    said = refused(place, path, "--outputs", "y:0", code=UNSUPPORTED)
    assert "FancyRelu" in said
    assert "--outputs" in said or "--inputs" in said


def test_an_operation_without_keras_form(place):
    path = frozen(place, lambda tf: tf.linalg.expm(tf.placeholder(tf.float32, [None, 3, 3], "x"), name="y"))
    graph = tensorflow().GraphDef.FromString(path.read_bytes())
    del graph.node[1:]
    node = graph.node.add(name="y", op="MatrixExponential", input=["x"])
    node.attr["T"].type = 1
    path.write_bytes(graph.SerializeToString())
    said = refused(place, path, "--outputs", "y:0", code=UNSUPPORTED)
    assert "MatrixExponential" in said
    assert "where: y" in said


def test_a_graph_that_writes_a_file_does_not_get_to(place):
    """What a loop and a branch merely wait for is not run, neither in converting nor in comparing."""
    target, source = place / "written_by_the_graph", place / "frozen.pb"
    tf = tensorflow()
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], "x")

        def write_then(value):
            with tf.control_dependencies([tf.io.write_file(str(target), "text")]):
                return tf.constant(0.5) + value

        y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(write_then(a))), [0, x])[1]
        y = tf.cond(tf.reduce_sum(x) > 0, lambda: write_then(y), lambda: y)
        tf.identity(y, "y")
        source.write_bytes(graph.as_graph_def().SerializeToString())
    done = CliRunner().invoke(app, ["convert", str(source)])
    assert done.exit_code == 0, done.stderr
    assert not target.exists()


def test_all_that_is_not_supported_is_said_at_once(place):
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 3, 3], "x")
        return tf.matrix_square_root(tf.matrix_square_root(x, name="one") + 1.0, name="two")

    path = frozen(place, build)
    graph = tensorflow().GraphDef.FromString(path.read_bytes())
    last = next(node.name for node in graph.node if node.op == "MatrixSquareRoot" and node.name.startswith("two"))
    said = refused(place, path, "--outputs", f"{last}:0", code=UNSUPPORTED)
    assert "one" in said
    assert "two" in said


def test_names_that_do_not_exist(place):
    prefix = checkpoint(place)
    said = refused(place, prefix, "--outputs", "probabilites:0", code=USAGE)
    assert "probabilities" in said
    said = refused(place, prefix, "--inputs", "image:0", code=USAGE)
    assert "images" in said
    said = refused(place, prefix, "--freeze", "trainin=1", code=USAGE)
    assert "training" in said


def test_flags_that_do_not_fit(place):
    prefix = checkpoint(place)
    assert "training" in refused(place, prefix, "--freeze", "training", code=USAGE)
    assert "shape" in refused(place, prefix, "--shape", "images=a,b", code=USAGE).lower()
    refused(place, prefix, "--weights", "best", code=USAGE)
    assert "moving averages" in refused(place, prefix, "--weights", "ema", code=USAGE)


def test_a_folder_that_is_taken(place):
    prefix = checkpoint(place)
    (place / "out").mkdir()
    (place / "out" / "thesis.txt").write_text("years of work")
    said = refused(place, prefix, "-o", "out", code=USAGE)
    assert "--force" in said
    assert (place / "out" / "thesis.txt").read_text() == "years of work"


def test_an_output_folder_that_cannot_be(place):
    prefix = checkpoint(place)
    assert "cannot be written" in refused(place, prefix, "-o", "a" * 300, code=USAGE)
    (place / "link").symlink_to("nowhere")
    assert "link to nowhere" in refused(place, prefix, "-o", "link", code=USAGE)


def test_a_graph_and_the_weights_of_another_checkpoint(place):
    prefix = checkpoint(place)
    assert "gone.ckpt is no checkpoint" in refused(place, prefix, "--checkpoint", "gone.ckpt")
    (place / "empty").mkdir()
    assert "holds no graph" in refused(place, "empty", "--checkpoint", str(prefix))
    (place / "weights").mkdir()
    for file in CHECKPOINT.glob("model.ckpt.[id]*"):
        shutil.copy(file, place / "weights")
        (place / file.name).unlink()
    done = CliRunner().invoke(app, ["convert", str(prefix), "--checkpoint", "weights", "--dry-run"])
    assert done.exit_code == 0, done.stderr
    assert "there is no .meta file" in refused(place, "weights", "--checkpoint", "weights")


def test_an_input_that_nothing_needs_is_told(place):
    words = ["--inputs", "images:0,probabilities:0", "--outputs", "logits/BiasAdd:0", "--dry-run"]
    done = CliRunner().invoke(app, ["convert", str(checkpoint(place)), *words])
    assert done.exit_code == 0, done.stderr
    assert "probabilities:0 is named by --inputs, but the outputs do not depend on it" in " ".join(done.stderr.split())


def test_what_is_no_file(place):
    assert "neither a file nor a folder" in refused(place, "/dev/null")


@pytest.mark.parametrize(
    "compute",
    [
        lambda tf, x: tf.nn.relu(x, name="y"),
        lambda tf, x: tf.reduce_sum(x, -1, name="y"),  # as good for two axes as for three
    ],
)
def test_a_placeholder_whose_shape_nothing_tells(place, compute):
    path = frozen(place, lambda tf: compute(tf, tf.placeholder(tf.float32, None, "x")))
    said = refused(place, path, "--outputs", "y:0", code=UNSUPPORTED)
    assert "--shape" in said


@pytest.mark.parametrize("command", ["inspect", "explain", "verify"])
def test_the_other_commands_refuse_alike(place, command):
    (place / "notes.txt").write_text("nothing here")
    words = [command, "notes.txt", *(["node"] if command == "explain" else [])]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == UNREADABLE, done.stderr
    assert "Traceback" not in done.stderr
    assert "do:" in done.stderr


def test_json_stays_quiet_on_errors(place):
    """Nothing on stdout that a program would take for a report."""
    assert "does not exist" in refused(place, "nothing.ckpt", "--json")


def test_a_report_that_was_tampered_with(place):
    (place / "out").mkdir()
    names = ("source", "options", "inputs", "outputs", "layers", "changes", "weights")
    for text in ("{", "[]", "{}", json.dumps({"schema": 99}), json.dumps({"schema": 1, **dict.fromkeys(names, 3)})):
        (place / "out" / "report.json").write_text(text)
        done = CliRunner().invoke(app, ["verify", "out"])
        assert done.exit_code == UNREADABLE, (text, done.stderr, done.exception)
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
