"""Reading: every fixture in every form it can be named by, what is chosen in it, and errors for all that is damaged."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from porter.errors import PorterError, UnreadableSource, Unsupported, UsageError
from porter.read import inspect, make_original, open_source
from porter.read.model import Original, Source

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


def run(original, arrays, prefix=""):
    """The outputs of an original on recorded inputs, knobs at inference."""
    config = v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True  # it puts approximations in the place of gelu
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=config) as session:
        tf.graph_util.import_graph_def(original.graph_def, name="")
        feed = {original.stands_for(name): arrays[f"in{prefix}:{name}"] for name in original.inputs}
        feed.update((original.stands_for(k.tensor), k.inference) for k in original.knobs if k.kind != "frozen")
        feed.update((f"{node}:0", original.load(node)) for node in original.variables)
        fetched = session.run([original.stands_for(name) for name in original.outputs], feed)
    return dict(zip(original.outputs, fetched, strict=True))


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


# Small graphs of our own, as TensorFlow 1 would have written them


@pytest.fixture
def graph():
    """A graph with version 1 conditionals and loops, and variables by reference."""
    v1.disable_control_flow_v2()  # and never switched back: the process is shared with tests that need it so
    with tf.Graph().as_default() as graph:
        yield graph


def frozen(graph, **kwargs) -> Original:
    """The original of a graph that holds its weights as constants."""
    source = Source(Path("graph.pb"), "frozen graph", [], graph.as_graph_def())
    return make_original(source, **kwargs)


def trained(graph, outputs=None) -> Original:
    """The original of a graph with variables, all of ones."""
    stored = {v.op.name: (tuple(v.shape.as_list()), v.dtype.base_dtype.name) for v in v1.global_variables()}
    names = {"trainable_variables": [v.name for v in v1.trainable_variables()]}
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), collections=names, stored=stored)
    source.load = lambda name: np.ones(*stored[name])
    return make_original(source, outputs=outputs)


def weight(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


def variable(name, *shape, **kwargs):
    return v1.get_variable(name, shape, use_resource=False, **kwargs)


def test_a_rate_and_a_keep_prob_are_told_apart_without_names(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    one, two = v1.placeholder(tf.float32, name="a"), v1.placeholder_with_default(0.3, [], "b")
    noise = tf.random.uniform(tf.shape(x))
    kept = x / one * tf.floor(one + noise)
    y = tf.identity(kept / (1 - two) * tf.cast(noise >= two, tf.float32), "y")
    a, b = frozen(graph, outputs=[y.name]).knobs
    assert (a.kind, a.inference, a.training, a.guessed) == ("keep_prob", 1.0, 0.5, True)
    assert (b.kind, b.inference, round(b.training, 3), b.guessed) == ("rate", 0.0, 0.3, False)


def test_several_keep_probs_may_be_fed_as_one_vector(graph):
    x, keeps = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None], "keeps")
    y = x
    for keep in (keeps[0], keeps[1], keeps[-1]):
        y = y / keep * tf.floor(keep + tf.random.uniform(tf.shape(x)))
    y = tf.identity(y, "y")
    original = frozen(graph, outputs=[y.name])
    (knob,) = original.knobs
    assert (knob.tensor, knob.kind, knob.guessed) == ("keeps:0", "keep_prob", True)
    assert (knob.inference.tolist(), knob.training.tolist()) == ([1.0, 1.0], [0.5, 0.5])
    assert original.inputs == ["x:0"]
    (knob,) = frozen(graph, outputs=[y.name], freeze={"keeps": [0.75, 0.25]}).knobs
    assert (knob.training.tolist(), knob.guessed) == ([0.75, 0.25], False)
    with pytest.raises(UsageError, match="keeps"):
        frozen(graph, outputs=[y.name], freeze={"keeps": [0.5] * 3})
    v1.multiply(x[:, :2], keeps, name="weighted")
    assert frozen(graph, outputs=["weighted:0"]).inputs == ["x:0", "keeps:0"]


def test_branches_that_only_pass_on_tell_training_by_what_they_are_given(graph):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.bool, [], "a")
    hidden = tf.matmul(x, weight(4, 3))
    other = dropped(hidden)
    y = tf.identity(v1.cond(knob, lambda: other, lambda: hidden), "y")
    (found,) = frozen(graph, outputs=[y.name]).knobs
    assert (found.kind, found.inference, found.training) == ("training", False, True)


def test_a_random_choice_that_drops_nothing_is_no_knob(graph):
    x, chance = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [], "chance")
    y = tf.where(tf.random.uniform(tf.shape(x)) < chance, x, 2 * x, name="y")
    original = frozen(graph, outputs=[y.name])
    assert not original.knobs
    assert original.inputs == ["x:0", "chance:0"]


def dropped(x, rate=0.5):
    return x / (1 - rate) * tf.floor(1 - rate + tf.random.uniform(tf.shape(x)))


@pytest.mark.parametrize(
    ("dtype", "predicate", "inference", "training"),
    [
        (tf.bool, lambda t: t, False, True),
        (tf.bool, lambda t: tf.logical_not(t), True, False),
        (tf.int32, lambda t: tf.equal(t, 1), 0, 1),
        (tf.int32, lambda t: tf.not_equal(t, 2), 2, 1),
        (tf.string, lambda t: tf.equal(t, "train"), b"", b"train"),
    ],
)
def test_the_training_side_is_found_by_what_it_computes(graph, dtype, predicate, inference, training):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(dtype, [], "knob")
    hidden = tf.matmul(x, weight(4, 3))
    y = tf.identity(v1.cond(predicate(knob), lambda: dropped(hidden), lambda: hidden), "y")
    (found,) = frozen(graph, outputs=[y.name]).knobs
    assert found.kind == "training"
    assert found.inference == inference
    if dtype != tf.int32:
        assert found.training == training
    assert found.why


def test_moving_statistics_betray_the_training_side(graph):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.bool, [], "switch")
    mean = variable("mean", 4, trainable=False)
    batch = tf.reduce_mean(x, [0])

    def update():
        with tf.control_dependencies([v1.assign(mean, 0.9 * mean + 0.1 * batch)]):
            return tf.identity(batch)

    used = v1.cond(knob, update, lambda: tf.identity(mean))
    y = tf.subtract(x * variable("scale", 4), used, "y")
    original = trained(graph, [y.op.name])
    assert [(k.kind, k.inference) for k in original.knobs] == [("training", False)]
    assert original.variables["mean"].momentum == 0.9
    assert not original.variables["mean"].trainable


@pytest.mark.parametrize(
    "assignment",
    [
        lambda v, new: v1.assign_sub(v, (v - new) * 0.25),
        lambda v, new: v1.assign_sub(v, 0.25 * (v - new)),
        lambda v, new: v1.assign(v, v * 0.75 + new * 0.25),
        lambda v, new: v1.assign(v, new * (1 - 0.75) + 0.75 * v),
        lambda v, new: v1.assign(v, v - (v - new) * 0.25),
        lambda v, new: v1.assign_add(v, (new - v) / 4),
    ],
)
def test_momentum_however_it_is_written(graph, assignment):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    average = variable("average", 4, trainable=False)
    assignment(average, tf.reduce_mean(x, [0]))
    y = tf.multiply(x - average, variable("scale", 4), "y")
    assert trained(graph, [y.op.name]).variables["average"].momentum == 0.75
    assert trained(graph, [y.op.name]).variables["scale"].momentum is None


def test_labels_losses_and_copies_are_left_aside(graph):
    def network(x, scope, trainable):
        with v1.variable_scope(scope):
            hidden = tf.nn.relu(tf.matmul(x, variable("a", 4, 8, trainable=trainable)))
            return tf.matmul(hidden, variable("b", 8, 3, trainable=trainable)) + variable("c", 3, trainable=trainable)

    first, second = v1.placeholder(tf.float32, [None, 4], "p"), v1.placeholder(tf.float32, [None, 4], "q")
    labels = v1.placeholder(tf.float32, [None, 3], "r")
    target, online = network(second, "target", False), network(first, "online", True)
    loss = tf.reduce_mean(tf.square(labels + 0.9 * target - online))
    v1.train.AdamOptimizer().minimize(loss)
    original = trained(graph)
    assert original.outputs == [online.name]
    assert original.inputs == ["p:0"]
    assert any("2 copies" in warning and target.name in warning for warning in original.warnings)
    told = {c.tensor: c.why for c in original.input_candidates}
    assert "labels" in told["r:0"]


def test_probabilities_before_classes_and_all_heads(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    trunk = tf.nn.relu(tf.matmul(x, variable("t", 4, 8)))
    classes = tf.nn.softmax(tf.matmul(trunk, variable("a", 8, 3)))
    tf.argmax(classes, 1)
    value = tf.matmul(trunk, variable("b", 8, 1)) + variable("c", 1)
    assert trained(graph).outputs == [classes.name, value.name]


def test_a_match_of_two_embeddings_is_the_output(graph):
    user, item = (v1.placeholder(tf.int32, [None], name) for name in ("user", "item"))
    wanted = v1.placeholder(tf.float32, [None], "wanted")
    vectors = tf.gather(variable("u", 9, 4), user), tf.gather(variable("v", 7, 4), item)
    score = tf.reduce_sum(vectors[0] * vectors[1], 1) + variable("mean") + tf.gather(variable("b", 9), user)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(score - wanted)))
    assert trained(graph).outputs == [score.name]


def test_actor_and_critic_are_no_copies_of_each_other(graph):
    state, wanted = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 2], "wanted")

    def network(scope, trainable=True):
        with v1.variable_scope(scope):
            hidden = tf.nn.relu(tf.matmul(state, variable("a", 4, 8, trainable=trainable)))
            return tf.matmul(hidden, variable("b", 8, 1, trainable=trainable))

    actor, critic, old = network("actor"), network("critic"), network("old", False)
    loss = tf.reduce_mean(actor * wanted[:, :1] - old * wanted[:, 1:]) + tf.reduce_mean(
        tf.square(critic - wanted[:, 1:])
    )
    v1.train.AdamOptimizer().minimize(loss)
    assert trained(graph).outputs == [actor.name, critic.name]


def test_what_an_autoencoder_draws_from_is_an_output_too(graph):
    x = v1.placeholder(tf.float32, [None, 6], "x")
    mean, spread = (tf.matmul(x, variable(name, 6, 2)) for name in ("mean", "spread"))
    code = mean + tf.exp(0.5 * spread) * v1.random_normal(tf.shape(mean))
    again = tf.sigmoid(tf.matmul(code, variable("decoder", 2, 6)))
    unlike = tf.reduce_mean(1 + spread - tf.square(mean) - tf.exp(spread))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(again - x)) - unlike)
    assert trained(graph).outputs == [mean.name, spread.name, again.name]


def test_a_softmax_written_by_hand_is_one(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    scores = tf.nn.relu(tf.matmul(x, variable("a", 4, 3)))
    powers = tf.exp(scores - tf.reduce_max(scores, 1, keepdims=True))
    shares = powers / tf.reduce_sum(powers, 1, keepdims=True)
    v1.train.AdamOptimizer().minimize(tf.nn.softmax_cross_entropy_with_logits(wanted, scores))
    assert trained(graph).outputs == [shares.name]


def test_parts_that_are_put_together_again_are_the_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 5], "wanted")
    found = tf.matmul(x, variable("a", 4, 5))
    boxes = tf.concat([tf.sigmoid(found[:, :2]), tf.exp(found[:, 2:4]), tf.sigmoid(found[:, 4:])], 1)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(boxes - wanted)))
    assert trained(graph).outputs == [boxes.name]


def test_what_ctc_decodes_is_the_output(graph):
    x, lengths = v1.placeholder(tf.float32, [None, 9, 4], "x"), v1.placeholder(tf.int32, [None], "lengths")
    scores = tf.reshape(tf.matmul(tf.reshape(x, [-1, 4]), variable("a", 4, 5)), [-1, 9, 5])
    decoded, _ = tf.nn.ctc_beam_search_decoder(tf.transpose(scores, [1, 0, 2], name="columns"), lengths)
    tf.identity(tf.sparse.to_dense(decoded[0]), name="predicted_text")
    assert trained(graph).outputs == ["columns:0"]


def test_a_residual_of_derivatives_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 1], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    answer = tf.matmul(tf.tanh(tf.matmul(x, variable("a", 1, 4))), variable("b", 4, 1))
    residual = variable("speed", 1) * answer * tf.gradients(answer, x)[0]
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(residual)) + tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_how_likely_an_action_is_is_no_output(graph):
    state, action = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 2], "action")
    mean, spread = tf.matmul(state, variable("a", 4, 2)), tf.exp(variable("spread", 2))
    drawn = tf.add(mean, spread * v1.random_normal([2]), "drawn")
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(tf.reduce_sum(tf.square(action - mean) / spread, 1)))
    original = trained(graph)
    assert original.outputs == [mean.name, drawn.name]
    assert original.inputs == ["state:0"]


def test_a_distance_of_embeddings_is_the_output(graph):
    head, relation, tail = (v1.placeholder(tf.int32, [None], name) for name in ("head", "relation", "tail"))
    things, relations = variable("things", 9, 4), variable("relations", 5, 4)
    parts = tf.gather(things, head), tf.gather(relations, relation), tf.gather(things, tail)
    distance = tf.reduce_sum(tf.abs(parts[0] + parts[1] - parts[2]), 1, keepdims=True)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(distance))
    assert trained(graph).outputs == [distance.name]


def test_a_product_of_data_and_a_vector_is_summed_up_and_shifted(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None], "wanted")
    answer = tf.reduce_sum(x * variable("slope", 4), 1) + variable("height")
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_a_checkpoint_of_a_part_of_the_graph_gives_what_it_covers(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 2], "wanted")
    covered = tf.tanh(tf.matmul(x, variable("encoder", 4, 3)))
    answer = tf.matmul(covered, variable("head", 3, 2))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    names = {"trainable_variables": [v.name for v in v1.trainable_variables()]}
    stored = {"encoder": ((4, 3), "float32")}
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), collections=names, stored=stored)
    original = make_original(source)
    assert original.outputs == [covered.name]
    assert any("head" in warning for warning in original.warnings)
    with pytest.raises(UnreadableSource, match="not in the checkpoint"):
        make_original(source, outputs=[answer.name])


def test_an_actor_ends_where_its_critic_begins(graph):
    state, wanted = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 1], "wanted")
    action = tf.tanh(tf.matmul(state, variable("actor", 4, 2)))
    seen = tf.nn.relu(tf.matmul(state, variable("critic/seen", 4, 3)))
    value = tf.matmul(tf.concat([seen, action], 1), variable("critic/value", 5, 1))
    optimizer, weights = v1.train.AdamOptimizer(), v1.trainable_variables()
    optimizer.minimize(-tf.reduce_mean(value), var_list=weights[:1])
    optimizer.minimize(tf.reduce_mean(tf.square(value - wanted)), var_list=weights[1:])
    assert trained(graph).outputs == [value.name, action.name] or trained(graph).outputs == [action.name, value.name]


def test_embeddings_that_a_last_layer_classifies_in_training_are_an_output_too(graph):
    x, label = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.int32, [None], "label")
    features = tf.matmul(x, variable("a", 4, 6))
    tf.nn.l2_normalize(features, 1, name="embeddings")
    classes = tf.matmul(features, variable("b", 6, 3))
    v1.train.AdamOptimizer().minimize(tf.nn.sparse_softmax_cross_entropy_with_logits(label, classes))
    assert trained(graph).outputs == ["embeddings:0", classes.name]


def test_what_no_loss_needs_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    hidden = tf.nn.relu(tf.matmul(x, variable("a", 4, 4)))
    tf.matmul(hidden, variable("unused", 4, 4)) + hidden
    answer = tf.matmul(hidden, variable("b", 4, 3))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_what_was_computed_last_is_the_output_of_a_graph_that_only_infers(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    boxes = tf.concat([tf.matmul(x, variable("a", 4, 3)) * 8.0, tf.sigmoid(tf.matmul(x, variable("b", 4, 2)))], 1)
    first, last = tf.split(boxes, [2, 3], 1)
    corners = tf.concat([first - 1.0, last / 2.0], 1)
    assert trained(graph).outputs == [corners.name]


def test_last_states_that_nobody_used_are_no_outputs_beside_a_named_one(graph):
    x = v1.placeholder(tf.float32, [None, 3, 4], "x")
    cell = v1.nn.rnn_cell.MultiRNNCell([v1.nn.rnn_cell.BasicLSTMCell(4) for _ in range(3)])
    answers, _ = v1.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    tf.identity(answers, "encoded")
    assert trained(graph).outputs == ["encoded:0"]


def test_a_normalisation_that_was_folded_into_its_convolution_is_no_output(graph):
    x = v1.placeholder(tf.float32, [None, 5, 5, 3], "x")
    kernel, weights = variable("kernel", 3, 3, 3, 3), [variable(name, 3) for name in ("gamma", "beta", "mean", "var")]
    gamma, beta, mean, var = weights
    v1.nn.fused_batch_norm(v1.nn.conv2d(x, kernel, 1, "SAME"), *weights, is_training=False)
    scale = gamma * tf.math.rsqrt(var + 0.001)
    hidden = tf.nn.relu(v1.nn.conv2d(x, kernel * scale, 1, "SAME") + (beta - mean * scale))
    answer = tf.matmul(tf.reduce_mean(hidden, [1, 2]), variable("last", 3, 2))
    assert trained(graph).outputs == [answer.name]


def test_a_flow_is_the_output_once_it_is_resized(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4, 4, 3], "x"), v1.placeholder(tf.float32, [None, 8, 8, 2], "wanted")
    flow = v1.nn.conv2d(x, variable("kernel", 3, 3, 3, 2), 1, "SAME")
    flow = v1.image.resize_bilinear(flow, [8, 8])
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(flow - wanted)))
    assert trained(graph).outputs == [flow.name]


def test_of_a_generator_and_its_discriminator_the_generator_is_converted(graph):
    def discriminator(x):
        with v1.variable_scope("d", reuse=v1.AUTO_REUSE):
            return tf.matmul(tf.nn.relu(tf.matmul(x, variable("a", 6, 5))), variable("b", 5, 1))

    noise, real = v1.placeholder(tf.float32, [None, 4], "noise"), v1.placeholder(tf.float32, [None, 6], "real")
    made = tf.tanh(tf.matmul(tf.nn.relu(tf.matmul(noise, variable("g/a", 4, 5))), variable("g/b", 5, 6)))
    of_real, of_made = tf.sigmoid(discriminator(real)), tf.sigmoid(discriminator(made))
    for scope, loss in (("d", tf.math.log(of_real) - tf.math.log(of_made)), ("g", tf.math.log(of_made))):
        v1.train.AdamOptimizer().minimize(tf.reduce_mean(loss), var_list=v1.trainable_variables(scope))
    original = trained(graph)
    assert (original.outputs, original.inputs) == ([made.name], ["noise:0"])
    assert any(of_real.name in warning and "judges" in warning for warning in original.warnings)


def test_what_a_last_block_gives_to_no_next_one_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    answers = []
    for block in "ab":
        answers.append(tf.matmul(x, variable(f"{block}/answer", 4, 3)))
        x = x + tf.matmul(answers[-1], variable(f"{block}/next", 3, 4))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(tf.add_n(answers) - wanted)))
    x * 2.0
    assert trained(graph).outputs == ["AddN:0"]


@pytest.mark.parametrize("meet", [False, True])
def test_parts_that_are_split_off_are_outputs_unless_they_meet_again(graph, meet):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    shares, deviations, means = tf.split(tf.matmul(x, variable("a", 4, 9)), 3, 1)
    powers, deviations = tf.exp(shares), tf.exp(deviations)
    shares = (1 / tf.reduce_sum(powers, 1, keepdims=True)) * powers
    if meet:
        means = means + deviations
    likely = tf.reduce_sum(shares * tf.exp(-tf.square((wanted - means) / deviations)) / deviations, 1)
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(tf.math.log(likely)))
    outputs = trained(graph).outputs
    assert (set(outputs) == {shares.name, deviations.name, means.name}) is not meet
    assert meet is (len(outputs) == 1)


@pytest.mark.parametrize("only", [True, False])
def test_a_tanh_that_is_only_there_to_be_rescaled_is_not_the_output(graph, only):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 4], "wanted")
    bounded = tf.tanh(tf.matmul(x, variable("a", 4, 4)))
    picture = bounded * 150.0 + 127.5
    loss = tf.reduce_mean(tf.square(picture - wanted)) + (0.0 if only else tf.reduce_mean(bounded))
    v1.train.AdamOptimizer().minimize(loss)
    assert trained(graph).outputs == [picture.name if only else bounded.name]


def test_a_number_that_comes_out_of_a_decoder_can_be_frozen(graph):
    sound, rate = tf.audio.decode_wav(v1.placeholder(tf.string, [], "file"), desired_channels=1, desired_samples=80)
    y = tf.matmul(tf.reshape(sound, [1, 80]), weight(80, 3)) / tf.cast(rate, tf.float32)
    original = frozen(graph, outputs=[y.name], freeze={rate.name: 8})
    assert original.inputs == [sound.name]
    assert [(knob.tensor, knob.kind, knob.inference) for knob in original.knobs] == [(rate.name, "frozen", 8)]
    got = run(original, {f"in:{sound.name}": np.ones((80, 1), np.float32)})[y.name]
    assert np.allclose(got, np.ones(80) @ np.random.default_rng(0).normal(size=(80, 3)) / 8, rtol=1e-4, atol=1e-5)


def test_a_variable_that_is_not_stored_is_named(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.matmul(x, variable("kernel", 4, 2), name="y")
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), stored={"dense/kernel": ((4, 2), "float32")})
    with pytest.raises(UnreadableSource, match="not in the checkpoint") as caught:
        make_original(source, outputs=[y.op.name])
    assert "dense/kernel" in caught.value.why


@pytest.mark.parametrize(
    ("consume", "shape"),
    [
        (lambda x: tf.matmul(x, weight(5, 3)), (None, 5)),
        (lambda x: tf.matmul(tf.nn.relu(x) * 2.0, weight(5, 3)), (None, 5)),
        (lambda x: tf.nn.conv2d(x, weight(3, 3, 2, 4), 1, "SAME"), (None, None, None, 2)),
        (lambda x: tf.reshape(x, [-1, 6, 6, 1]), (None, 6, 6, 1)),
        (lambda x: tf.transpose(tf.matmul(x, weight(5, 3))), (None, 5)),
        (lambda x: tf.matmul(tf.reduce_mean(x, [1, 2]), weight(5, 3)), (None, None, None, None)),
        (lambda x: tf.reduce_max(x, [1, 2]), (None, None, None, None)),
        (lambda x: tf.reduce_any(x > 0, -1), (None, None)),
        (lambda x: x * weight(1) + weight(1), (None,)),
        (lambda x: tf.sigmoid(x * weight() + weight()), (None,)),
        (lambda x: x * weight(5), (None, 5)),
        (lambda x: tf.matmul(weight(2, 3), weight(3, 2)) / x, ()),
    ],
)
def test_an_unknown_shape_follows_from_its_consumer(graph, consume, shape):
    x = v1.placeholder(tf.float32, name="x")
    y = tf.identity(consume(x), "y")
    source = Source(Path("graph.pb"), "frozen graph", [], graph.as_graph_def())
    told = inspect(source, make_original(source, outputs=[y.name]))
    assert tuple(told["inputs"][0]["shape"]) == shape


def test_a_shape_that_nothing_tells_is_asked_for(graph):
    x = v1.placeholder(tf.float32, name="x")
    y = tf.nn.relu(x, name="y")
    with pytest.raises(Unsupported) as caught:
        frozen(graph, outputs=[y.name])
    assert "--shape x=" in caught.value.todo
    original = frozen(graph, outputs=[y.name], shapes={"x": (None, 7)})
    assert [d.size for d in original.graph_def.node[0].attr["shape"].shape.dim] == [-1, 7]
    with pytest.raises(UsageError):
        frozen(graph, outputs=[y.name], shapes={"y": (None, 7)})


def test_operations_that_are_gone_are_all_named(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.identity(tf.nn.relu(tf.identity(x, "one"), "two"), "y")
    definition = graph.as_graph_def()
    for node in definition.node:
        if node.name in ("one", "two"):
            node.op = f"Contrib{node.name.title()}"
    source = Source(Path("graph.pb"), "frozen graph", [], definition)
    with pytest.raises(Unsupported, match="ContribOne, ContribTwo") as caught:
        make_original(source, outputs=[y.name])
    assert "one (ContribOne)" in caught.value.where
    cut = make_original(source, outputs=[y.name], inputs=["two"], shapes={"two": (None, 4)})
    assert cut.inputs == ["two:0"]


def test_loops_keep_what_tells_their_constants_when_to_run(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    kernel = variable("kernel", 4, 4)
    _, y = v1.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.matmul(h, kernel)) + 1.0), [0, x])
    original = trained(graph, [y.op.name])
    assert list(original.variables) == ["kernel"]
    value = np.full((2, 4), 0.5, "float32")
    want = value
    for _ in range(3):
        want = np.tanh(want @ np.ones((4, 4), "float32")) + 1
    assert np.allclose(run(original, {"in:x:0": value})[y.name], want, atol=1e-5)


def test_function_calls_are_inlined():
    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def inner(x):
        return tf.nn.relu(x) + 1.0, x * 2.0

    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        one, two = inner(x)
        definition = graph.as_graph_def()
    call = next(node.name for node in definition.node if node.op.endswith("PartitionedCall"))
    source = Source(Path("graph.pb"), "frozen graph", [], definition)
    original = make_original(source, outputs=[f"{call}:0", f"{call}:1"])
    assert original.outputs == [f"{call}:0", f"{call}:1"]
    assert not original.graph_def.library.function
    assert not [node for node in original.graph_def.node if node.op.endswith("Call")]
    value = np.array([[-1.0, 0.0, 2.0]], "float32")
    got = run(original, {"in:x:0": value})
    assert np.allclose(got[f"{call}:0"], np.maximum(value, 0) + 1)
    assert np.allclose(got[f"{call}:1"], value * 2)


def test_errors_of_reading_are_for_people(tmp_path):
    with pytest.raises(PorterError) as caught:
        open_source(tmp_path / "nothing")
    text = str(caught.value)
    assert text.splitlines()[0].endswith(".")
    assert "do: " in text


def test_what_moves_an_average_is_no_output():
    """A graph that holds no training but the updates of a batch normalization."""
    import lab

    def build(tf):
        x = tf.placeholder("float32", [None, 4, 4, 3], name="x")
        training = tf.placeholder("bool", [], name="training")
        return tf.identity(tf.layers.batch_normalization(x, training=training), "y")

    source, _ = lab.source_of(build)
    assert make_original(source).outputs == ["y:0"]
