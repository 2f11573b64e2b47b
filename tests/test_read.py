"""Reading: every fixture in every form it can be named by, what is chosen in it, and errors for all that is damaged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from graphs import run

from porter.errors import UnreadableSource, Unsupported, UsageError
from porter.read import inspect, make_original, open_source

v1 = tf.compat.v1


FIXTURES = Path(__file__).parent.parent / "fixtures"


NAMES = sorted(path.parent.name for path in FIXTURES.glob("*/fixture.json"))


PLAIN = FIXTURES / "mnist_keep_prob"


def described(name):
    """What a fixture's description says, with the path of its source and its recording."""
    folder = FIXTURES / name
    said = json.loads((folder / "fixture.json").read_text())
    with np.load(folder / "reference.npz") as recorded:
        arrays = {key: recorded[key] for key in recorded.files}
    return folder / said["source"], said, arrays


def assert_close(got, want, where):
    assert got.shape == want.shape, where
    if want.dtype.kind == "f":
        spread, size = float(np.ptp(want)), float(np.abs(want).max())
        close = 1e-5 if want.dtype != np.float16 else 4 * np.finfo(np.float16).eps
        assert np.abs(got - want).max() <= close * max(spread if spread >= 1e-3 * size else size, 1e-6), where
    else:
        assert np.array_equal(got, want), where


@pytest.mark.parametrize("name", NAMES)
def test_the_cut_graph_answers_as_tensorflow_1_did(name):
    path, said, arrays = described(name)
    original = make_original(open_source(path), outputs=said["outputs"], inputs=said.get("inputs"))
    assert original.outputs == said["outputs"]
    for prefix in ("", "1"):
        for output, got in run(original, arrays, prefix).items():
            assert_close(got, arrays[f"out{prefix}:{output}"], f"{name} {output}")


@pytest.mark.parametrize("name", NAMES)
def test_knobs_are_found_and_are_no_inputs(name):
    path, said, arrays = described(name)
    original = make_original(open_source(path), outputs=said["outputs"], inputs=said.get("inputs"))
    assert {knob.tensor for knob in original.knobs} == set(said["knobs"])
    assert set(original.inputs) == {key[3:] for key in arrays if key.startswith("in:")} - set(said["knobs"])
    for knob in original.knobs:
        assert knob.inference == arrays[f"in:{knob.tensor}"]
        assert knob.training != knob.inference


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_inputs_are_found_unnamed(name):
    path, said, arrays = described(name)
    original = make_original(open_source(path))
    chosen = set(original.outputs) & set(said["outputs"])
    assert chosen
    assert len(original.outputs) <= max(4, len(said["outputs"]))
    assert {c.tensor for c in original.output_candidates if c.chosen} == set(original.outputs)
    assert all(c.why for c in original.output_candidates + original.input_candidates)
    got = run(original, arrays)
    for output in chosen:
        assert_close(got[output], arrays[f"out:{output}"], f"{name} {output}")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_that_troubles_the_importer(name):
    path, said, _ = described(name)
    original = make_original(open_source(path), outputs=said["outputs"], inputs=said.get("inputs"))
    for node in original.graph_def.node:
        assert not node.device
        assert not [key for key in node.attr if key.startswith("_")]
        assert not node.op.startswith(
            ("Variable", "VarHandle", "ReadVariable", "Assign", "Apply", "Ref", "Save", "Restore")
        )
    used = {variable.name for variable in original.variables.values()}
    left = dict(original.left)
    assert used | set(left) >= set(original.source.stored)
    assert not used & set(left)


@pytest.mark.parametrize("name", NAMES)
def test_inspection_is_plain_data(name):
    path, _, _ = described(name)
    source = open_source(path)
    told = json.loads(json.dumps(inspect(source, make_original(source))))
    assert told["outputs"]
    assert all(entry["shape"] is not None for entry in told["inputs"])
    assert told["kept"] <= told["nodes"]
    assert all(variable["used_by"] for variable in told["variables"])


# Forms


@pytest.fixture
def copied(tmp_path):
    """A checkpoint alone in a folder."""
    for file in PLAIN.glob("model.ckpt*"):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("ending", ["", ".meta", ".index", ".data-00000-of-00001"])
def test_a_checkpoint_by_any_of_its_parts(copied, ending):
    source = open_source(copied / f"model.ckpt{ending}")
    assert source.format == "checkpoint"
    assert source.path.name == "model.ckpt"
    assert len(source.files) == 3


def test_a_folder_with_one_checkpoint(copied):
    assert open_source(copied).path.name == "model.ckpt"


@pytest.mark.parametrize("written", ["model.ckpt-7", "/home/someone/else/model.ckpt-7", r"C:\\models\\model.ckpt-7"])
def test_a_folder_whose_checkpoint_file_names_the_latest(copied, written):
    for file in list(copied.glob("model.ckpt.*")):
        shutil.copy(file, copied / file.name.replace("ckpt", "ckpt-7"))
    (copied / "checkpoint").write_text(f'model_checkpoint_path: "{written}"\n')
    source = open_source(copied)
    assert source.path.name == "model.ckpt-7"
    assert source.step == 7
    assert open_source(copied / "checkpoint").path == source.path


def test_the_first_checkpoint_format():
    source = open_source(FIXTURES / "checkpoint_v1" / "model.ckpt")
    assert [file.name for file in source.files] == ["model.ckpt.meta", "model.ckpt"]
    name = next(name for name, (shape, _) in source.stored.items() if len(shape) == 2)
    assert source.load(name).shape == source.stored[name][0]


def test_a_saved_model_by_folder_and_file():
    folder = FIXTURES / "saved_model_iris" / "saved_model"
    for path in (folder, folder / "saved_model.pb", folder.parent):
        source = open_source(path)
        assert source.format == "SavedModel"
        assert [signature.name for signature in source.signatures] == ["serving_default"]
    assert source.signatures[0].outputs.keys() == {"class_ids", "probabilities"}


def test_a_partitioned_variable_comes_in_slices_of_its_whole():
    path, said, _ = described("partitioned_resource")
    source = open_source(path)
    original = make_original(source, outputs=said["outputs"])
    parts = [v for v in original.variables.values() if v.name == "dnn/hidden_0/kernel"]
    assert len(parts) > 1
    whole = np.concatenate([original.load(part.node) for part in sorted(parts, key=lambda v: v.node)])
    assert np.array_equal(whole, source.load("dnn/hidden_0/kernel"))


def test_averaged_weights_when_asked_for():
    path, said, arrays = described("queue_input")
    source = open_source(path)
    raw = make_original(source, outputs=said["outputs"])
    averaged = make_original(source, outputs=said["outputs"], weights="ema")
    assert any("--weights ema" in warning for warning in raw.warnings)
    assert all(v.name.endswith("ExponentialMovingAverage") for v in averaged.variables.values())
    output = said["outputs"][0]
    assert_close(run(averaged, arrays)[output], arrays[f"ema:{output}"], output)
    assert not np.allclose(run(raw, arrays)[output], arrays[f"ema:{output}"])
    with pytest.raises(UsageError, match="no moving averages"):
        make_original(open_source(PLAIN / "model.ckpt"), weights="ema")


def test_why_stored_variables_are_left():
    path, said, _ = described("mnist_layers_cond_bn")
    left = dict(make_original(open_source(path), outputs=said["outputs"]).left)
    assert left["global_step"] == "global step"
    assert {why for name, why in left.items() if name != "global_step"} == {"optimizer state"}


@pytest.mark.parametrize(("name", "momentum"), [("seed_network", 0.99), ("contrib_bn_cond", 0.9), ("keras_era", 0.9)])
def test_momentum_of_moving_statistics(name, momentum):
    path, said, _ = described(name)
    variables = make_original(open_source(path), outputs=said["outputs"]).variables.values()
    kept = [v for v in variables if "moving_" in v.node]
    assert kept
    assert {v.momentum for v in kept} == {momentum}
    assert not any(v.trainable for v in kept)
    assert all(v.momentum is None for v in variables if "moving_" not in v.node)


def test_reading_imports_no_tensorflow_before_it_must():
    code = "import sys, porter.read; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=FIXTURES.parent).returncode == 0


# Damage


def cut_short(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


DAMAGE = {
    "no meta": (lambda d: (d / "model.ckpt.meta").unlink(), r"model\.ckpt\.meta is missing"),
    "no index": (lambda d: (d / "model.ckpt.index").unlink(), r"model\.ckpt\.index is missing"),
    "no data": (lambda d: (d / "model.ckpt.data-00000-of-00001").unlink(), r"data-00000-of-00001 is missing"),
    "a shard of two": (
        lambda d: (d / "model.ckpt.data-00000-of-00001").rename(d / "model.ckpt.data-00000-of-00002"),
        r"Of the 2 data files of model\.ckpt only 1",
    ),
    "short meta": (lambda d: cut_short(d / "model.ckpt.meta"), r"model\.ckpt\.meta cannot be read"),
    "short index": (lambda d: cut_short(d / "model.ckpt.index"), r"model\.ckpt cannot be read"),
    "short data": (lambda d: cut_short(d / "model.ckpt.data-00000-of-00001", 0.9), r"was cut short"),
    "empty data": (lambda d: (d / "model.ckpt.data-00000-of-00001").write_bytes(b""), r"is empty"),
    "lfs": (
        lambda d: (d / "model.ckpt.meta").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
        "Git LFS pointer",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_explained(copied, damage):
    action, says = DAMAGE[damage]
    action(copied)
    with pytest.raises(UnreadableSource, match=says) as caught:
        open_source(copied / "model.ckpt")
    assert caught.value.todo


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("notes.txt", b"hello\n", UnreadableSource),
        ("graph.pbtxt", b"hello: 1\n", UnreadableSource),
        ("model.json", b'{"a": 1}', UnreadableSource),
        ("noise.pb", bytes(range(255, 0, -1)) * 4, UnreadableSource),
        ("empty.pb", b"", UnreadableSource),
        ("pointer.pb", b"version https://git-lfs.github.com/spec/v1\n", UnreadableSource),
        ("model.h5", b"\x89HDF\r\n\x1a\n" + b"0" * 99, UnreadableSource),
        ("model.tflite", b"\x1c\0\0\0TFL3" + b"0" * 99, Unsupported),
        ("model.zip", b"PK\x03\x04" + b"0" * 99, UnreadableSource),
    ],
)
def test_files_that_are_something_else(tmp_path, name, content, error):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        open_source(tmp_path / name)
    assert caught.value.todo


@pytest.mark.parametrize("share", [0.3, 0.99])
def test_a_frozen_graph_that_was_cut_short(tmp_path, share):
    shutil.copy(FIXTURES / "separable_mobile" / "model.pb", tmp_path)
    cut_short(tmp_path / "model.pb", share)
    with pytest.raises(UnreadableSource, match="cannot be read"):
        open_source(tmp_path / "model.pb")


def test_an_unfrozen_graph_is_not_taken_for_a_model(copied):
    (copied / "model.ckpt.meta").rename(copied / "graph.pb")
    with pytest.raises(UnreadableSource, match="without its weights"):
        open_source(copied / "graph.pb")


def test_folders_without_a_model_or_with_several(copied, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableSource, match="holds no TensorFlow 1 model"):
        open_source(tmp_path / "empty")
    for file in list(copied.glob("model.ckpt.*")):
        shutil.copy(file, copied / file.name.replace("model", "other"))
    with pytest.raises(UnreadableSource, match="several models") as caught:
        open_source(copied)
    assert "other.ckpt" in caught.value.why


def test_a_path_that_does_not_exist_gets_the_names_like_it(copied):
    with pytest.raises(UnreadableSource) as caught:
        open_source(copied / "modle.ckpt")
    assert "model.ckpt" in caught.value.why


def test_tensorflow_2_files_are_told_apart(tmp_path):
    module = tf.Module()
    module.weight = tf.Variable([1.0])
    tf.train.Checkpoint(module=module).write(str(tmp_path / "tf2"))
    with pytest.raises(UnreadableSource, match="object-based"):
        open_source(tmp_path / "tf2")
    tf.saved_model.save(module, str(tmp_path / "saved"))
    with pytest.raises(UnreadableSource, match="TensorFlow 2"):
        open_source(tmp_path / "saved")


def test_a_saved_model_without_its_variables(tmp_path):
    shutil.copytree(FIXTURES / "saved_model_iris" / "saved_model", tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "variables")
    with pytest.raises(UnreadableSource, match="`variables` is missing"):
        open_source(tmp_path / "model")


# What the user names


def test_unknown_names_get_the_closest():
    source = open_source(PLAIN / "model.ckpt")
    with pytest.raises(UsageError) as caught:
        make_original(source, outputs=["fc2/logit"])
    assert "fc2/logits" in caught.value.why
    with pytest.raises(UsageError, match="y:3"):
        make_original(source, outputs=["y:3"])
    assert make_original(source, outputs=["y"]).outputs == ["y:0"]


def test_the_graph_is_cut_where_the_user_says():
    source = open_source(PLAIN / "model.ckpt")
    whole = make_original(source)
    inner = next(n.name for n in whole.graph_def.node if n.op == "Relu")
    cut = make_original(source, outputs=whole.outputs, inputs=[inner])
    assert cut.inputs == [f"{inner}:0"]
    assert len(cut.graph_def.node) < len(whole.graph_def.node)
    assert len(cut.variables) < len(whole.variables)
    shape = next(n for n in cut.graph_def.node if n.name == inner).attr["shape"].shape
    assert len(shape.dim) > 1


def test_frozen_placeholders_become_constants_and_rates_are_taken():
    source = open_source(PLAIN / "model.ckpt")
    (knob,) = make_original(source).knobs
    assert (knob.kind, knob.inference, knob.training, knob.guessed) == ("keep_prob", 1.0, 0.5, True)
    (given,) = make_original(source, freeze={knob.tensor: 0.8}).knobs
    assert (given.training, given.guessed) == (0.8, False)
    path, said, arrays = described("mnist_layers_cond_bn")
    frozen = make_original(open_source(path), outputs=said["outputs"], freeze={"training": False})
    assert [(k.kind, k.inference, k.training) for k in frozen.knobs] == [("frozen", False, False)]
    assert next(n for n in frozen.graph_def.node if n.name == "training").op == "Const"
    output = said["outputs"][0]
    assert_close(run(frozen, arrays)[output], arrays[f"out:{output}"], output)
    with pytest.raises(UsageError, match="cannot be"):
        make_original(source, freeze={knob.tensor.replace("keep_prob", "keep_prob"): 0.8, "input/x": "text"})
