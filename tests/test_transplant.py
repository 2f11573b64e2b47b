"""Weights into models that people wrote: genuine checkpoints of TensorFlow 1.15, residual networks written by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from keras_files import write_file

from porter.errors import OutputsDiffer, UnreadableSource, Unsupported, UsageError
from porter.options import Options
from porter.transplant import transplant
from porter.transplant.agree import agreement
from porter.transplant.flow import parts_of
from porter.transplant.into import load_model
from porter.transplant.match import match
from porter.transplant.names import parts_of_names
from porter.transplant.parts import Part, value

HERE = Path(__file__).parents[1] / "fixtures" / "transplant"
MODELS = HERE / "models.py"
CLOSE = 1e-5  # of the spread


def bare(name: str, folder: Path) -> Path:
    """A copy of a checkpoint without its graph."""
    for file in HERE.glob(f"{name}.ckpt.[id]*"):
        shutil.copy(file, folder)
    return folder / f"{name}.ckpt"


def check(name: str, build: str, weights: Path) -> None:
    """The weights that were written make the model answer as TensorFlow 1 did."""
    model = load_model(f"{MODELS}:{build}")
    model.load_weights(weights)
    with np.load(HERE / f"{name}.npz") as recorded:
        given = np.asarray(model(recorded["in:images:0"]))
        wanted = next(recorded[key] for key in recorded.files if key.startswith("out:"))
    assert np.abs(given - wanted).max() <= CLOSE * np.ptp(wanted)


def test_into_a_residual_network_with_automatic_names(tmp_path):
    """Shortcuts are written first, the last convolution is a dense layer, and no name says anything."""
    done = transplant(HERE / "slim_resnet.ckpt", f"{MODELS}:bottlenecks", tmp_path / "out.weights.h5")
    assert done.agreement.ok
    assert done.agreement.batches == 3
    assert done.left == []
    by_target = {row.target: row.source for row in done.rows}
    assert by_target["dense/kernel"] == "resnet_v1/logits/weights"
    assert len(by_target) == len(done.rows) == len(load_model(f"{MODELS}:bottlenecks").weights)
    check("slim_resnet", "bottlenecks", tmp_path / "out.weights.h5")


def test_without_a_graph_and_into_layers_within_layers(tmp_path):
    """Names, shapes and numbers do; a recording proves it. An .h5 of another name is in the older format."""
    checkpoint = bare("layers_resnet", tmp_path)
    done = transplant(checkpoint, f"{MODELS}:blocks", tmp_path / "weights.h5", reference=HERE / "layers_resnet.npz")
    assert done.agreement.ok
    check("layers_resnet", "blocks", tmp_path / "weights.h5")


def test_what_finds_nothing_is_refused_unless_told(tmp_path):
    """Another head has no weights in the checkpoint: said, and nothing is written; --partial leaves it as it was."""
    out = tmp_path / "out.weights.h5"
    checkpoint = bare("slim_resnet", tmp_path)
    with pytest.raises(Unsupported, match="1 layers of the model find no weights") as caught:
        transplant(checkpoint, f"{MODELS}:another_head", out)
    assert "head (24, 7)" in str(caught.value)
    assert not out.exists()
    done = transplant(checkpoint, f"{MODELS}:another_head", out, partial=True)
    assert [row.target for row in done.rows if not row.source] == ["head/kernel", "head/bias"]
    assert "resnet_v1/logits/weights" in done.left


def test_a_model_that_computes_something_else_is_refused(tmp_path):
    """Another epsilon is no matter of weights: the comparison finds it, and the settings that differ are named."""
    file = tmp_path / "mine.py"
    file.write_text(MODELS.read_text().replace("epsilon=1e-5", "epsilon=1e-2"))
    checkpoint = bare("slim_resnet", tmp_path)
    with pytest.raises(OutputsDiffer):
        transplant(checkpoint, f"{file}:bottlenecks", tmp_path / "o.weights.h5", reference=HERE / "slim_resnet.npz")
    assert not (tmp_path / "o.weights.h5").exists()


TWINS = """
import keras
def build():
    keras.utils.clear_session()
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Subtract()([keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)]))
"""


def save_twins(folder: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A checkpoint of two dense layers that only their use tells apart."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 4, 3)).astype("float32")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        names = {"left": left, "right": right}
        variables = [
            tf.compat.v1.get_variable(f"{name}/{role}", initializer=array, use_resource=False)
            for name, kernel in names.items()
            for role, array in (("weights", kernel), ("biases", kernel[0]))
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(folder / "twins.ckpt"), write_meta_graph=False)
    return folder / "twins.ckpt", left, right


def test_what_only_running_tells_apart(tmp_path):
    """Without anything to compare with, a proposal is written and not taken; with a recording, running decides."""
    checkpoint, left, right = save_twins(tmp_path)
    (tmp_path / "twins.py").write_text(TWINS)
    into, out = f"{tmp_path / 'twins.py'}:build", tmp_path / "out.weights.h5"
    with pytest.raises(UsageError, match="have several candidates") as caught:
        transplant(checkpoint, into, out)
    proposal = tmp_path / "out.map.json"
    assert str(proposal) in caught.value.todo
    assert not out.exists()

    given = np.random.default_rng(1).normal(size=(2, 4)).astype("float32")
    np.savez(tmp_path / "ref.npz", **{"in:x:0": given, "out:y:0": given @ (right - left) + right[0] - left[0]})
    assert transplant(checkpoint, into, out, reference=tmp_path / "ref.npz").agreement.ok
    model = load_model(into)
    model.load_weights(out)
    np.testing.assert_allclose(model.layers[1].get_weights()[0], right)

    pairs = json.loads(proposal.read_text())
    swapped = {target: pairs[target.replace("dense_1", "dense_0").replace("dense/", "dense_1/").replace("dense_0", "dense")]
               for target in pairs}  # fmt: skip
    for written, first in ((pairs, left), (swapped, right)):
        proposal.write_text(json.dumps(written))
        rows = transplant(checkpoint, into, out, map_file=proposal).rows
        assert {row.why for row in rows} == {"the map says so"}
        model.load_weights(out)
        np.testing.assert_allclose(model.layers[1].get_weights()[0], first)


def test_names_of_a_bare_checkpoint():
    """Variables become parts by their scopes; optimizers and counters are none; flat names go by their endings."""
    shapes = {
        "a/conv2d/kernel": (3, 3, 1, 2), "a/conv2d/bias": (2,), "a/conv2d_10/kernel": (3, 3, 2, 2),
        "a/conv2d_9/kernel": (3, 3, 2, 2), "W_fc1": (4, 2), "b_fc1": (2,), "global_step": (), "W_fc1/Adam": (4, 2),
        "beta1_power": (), "a/conv2d/BatchNorm/beta": (2,),
    }  # fmt: skip
    parts, left = parts_of_names(shapes, lambda name: np.zeros(shapes[name], "float32"))
    found = {part.name: sorted(part.weights) for part in parts}
    assert found == {
        "/fc1": ["bias", "kernel"], "a/conv2d": ["bias", "kernel"], "a/conv2d/BatchNorm": ["beta"],
        "a/conv2d_9": ["kernel"], "a/conv2d_10": ["kernel"],
    }  # fmt: skip
    order = [part.name for part in parts]
    assert order.index("a/conv2d_9") < order.index("a/conv2d_10")
    assert sorted(left) == ["W_fc1/Adam", "beta1_power", "global_step"]


def part(name, role="kernel", shape=(2, 2), **more):
    return Part(name, {role: np.zeros(shape, "float32")}, {role: f"{name}/{role}"}, "kernel", **more)


def test_shifted_networks_are_not_matched_by_place():
    """Where one network has a layer more in front, equal places mean other layers: order decides instead."""
    sources = [part(f"s{at}", signature=(at, 3 - at, ()), order=at, behind=(1 << at) - 1) for at in range(3)]
    targets = [part(f"t{at}", signature=(at + 1, 3 - at, ()), order=at, behind=(1 << at) - 1) for at in range(3)]
    found = match(sources, targets)
    assert [(s.name, t.name) for s, t, _ in found.pairs] == [("s0", "t0"), ("s1", "t1"), ("s2", "t2")]


def test_automatic_names_do_not_decide():
    """conv2d_1 on one side need not be conv2d_1 on the other: which was made first differs."""
    sources = [part("conv2d", order=0, behind=0), part("conv2d_1", order=1, behind=0)]
    targets = [part("conv2d", order=0, behind=0), part("conv2d_1", order=1, behind=0)]
    found = match(sources, targets)
    assert not found.pairs
    assert len(found.open) == 1


@pytest.mark.parametrize(
    ("text", "named", "said"),
    [
        ("def build():\n    return 1\n", "build", "gives no Keras model"),
        ("def build():\n    return 1 / 0\n", "build", "return 1 / 0"),
        ("", "build", "has no build"),
    ],
)
def test_a_file_that_gives_no_model(tmp_path, text, named, said):
    """Its own line is shown."""
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises((UnreadableSource, UsageError)) as caught:
        load_model(f"{file}:{named}")
    assert said in str(caught.value)


def test_shortcuts_of_a_bare_checkpoint():
    """A name says shortcut, and the graph shows which kernel ends the shorter way: order decides among the others."""
    names = ("unit_1/conv3", "unit_1/shortcut", "unit_2/conv3")
    shapes = {f"{name}/weights": (1, 1, 4, 8) for name in names}
    sources, _ = parts_of_names(shapes, lambda name: np.zeros(shapes[name], "float32"))
    for wrong in (False, True):
        targets = [
            part("a", shape=(1, 1, 4, 8), order=0, behind=0, short=True),
            part("b", shape=(1, 1, 4, 8), order=1, behind=0, short=wrong),
            part("c", shape=(1, 1, 4, 8), order=2, behind=3, short=False),
        ]
        found = match(sources, targets)
        pairs = {t.name: s.name for s, t, _ in found.pairs}
        assert pairs == ({} if wrong else {"a": "unit_1/shortcut", "b": "unit_1/conv3", "c": "unit_2/conv3"})
        assert bool(found.open) == wrong


def dense(name, rows=4, columns=4, place=None, **more):
    """A dense layer's part with weights of its own. place: its signature's first two numbers."""
    random = np.random.default_rng(len(name))
    weights = {"kernel": random.normal(size=(rows, columns)), "bias": random.normal(size=columns)}
    signature = None if place is None else (*place, ())
    return Part(name, weights, {role: f"{name}/{role}" for role in weights}, "kernel", signature, **more)


def three(prefix, place, order=0, at_once=False):
    """Queries, keys and values, or all at once."""
    names = (f"{prefix}_qkv",) if at_once else tuple(f"{prefix}_{task}_proj" for task in "vqk")
    wide = {"columns": 12} if at_once else {}
    return [
        dense(name, place=place, order=order + at, behind=(1 << order) - 1, **wide) for at, name in enumerate(names)
    ]


def test_queries_keys_and_values_are_joined_and_cut():
    """By what their names say they do, not by their order; both ways undo each other."""
    places = {"one": (1, 3), "two": (2, 2)}
    apart = [part for order, (name, place) in enumerate(places.items()) for part in three(name, place, 3 * order)]
    wide = [part for order, (name, place) in enumerate(places.items()) for part in three(name, place, order, True)]
    found = match(apart, wide)
    assert [*found.open, *found.missing, *found.left] == []
    by_name = {part.name: part for part in apart}
    for source, target, _ in found.pairs:
        layer = target.name.removesuffix("_qkv")
        for role in ("kernel", "bias"):
            pieces = [by_name[f"{layer}_{task}_proj"].weights[role] for task in "qkv"]
            np.testing.assert_array_equal(value(source, target, role), np.concatenate(pieces, -1))
            target.weights[role] = source.weights[role]
    back = match(wide, apart)
    assert len(back.pairs) == 6
    for source, target, _ in back.pairs:
        np.testing.assert_array_equal(value(source, target, "kernel"), target.weights["kernel"])


def test_queries_keys_and_values_go_by_their_task():
    sources, targets = three("a", (1, 1)), list(reversed(three("b", (1, 1))))
    for order, target in enumerate(targets):
        target.order = order
    assert {s.name[1:]: t.name[1:] for s, t, _ in match(sources, targets).pairs} == {
        f"_{task}_proj": f"_{task}_proj" for task in "qkv"
    }


def test_the_order_of_names_is_an_order_of_numbers_alone():
    """Sorted names put block1 before conv1, and a model's attributes have no order either: running it must tell."""
    names = ["block1/bn", "block2/bn", "conv1/bn"]
    sources = [part(name, order=order) for order, name in enumerate(names)]
    targets = [part(f"bn_{order}", order=order) for order in range(3)]
    assert not match(sources, targets).pairs
    numbered = [part(f"block{order}/bn", order=order) for order in range(3)]
    assert len(match(numbered, targets).pairs) == 3


UNORDERED = """
import keras
class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.LAST = keras.layers.Dense(4)
        self.FIRST = keras.layers.Dense(4)
    def call(self, x):
        return self.LAST(keras.ops.relu(self.FIRST(x)))
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
    def call(self, x):
        return self.block(x)
def net():
    keras.utils.clear_session()
    model = Net()
    model(keras.ops.zeros((1, 4)))
    return model
def graph():
    keras.utils.clear_session()
    x = keras.Input((4,))
    return keras.Model(x, Block()(x))
"""


@pytest.mark.parametrize("build", ["net", "graph"])
def test_layers_are_made_in_another_order_than_they_are_called(tmp_path, build):
    """What an author's layer makes has no order: left open and said so, unless numbers tell it, or running does."""
    random = np.random.default_rng(0)
    kernels = random.normal(size=(2, 4, 4)).astype("f")
    checkpoint = save(tmp_path, {f"unit/{name}/kernel": each for name, each in zip("ab", kernels, strict=True)})
    given = random.normal(size=(3, 4)).astype("f")
    wanted = np.maximum(given @ kernels[0], 0) @ kernels[1]
    np.savez(tmp_path / "ref.npz", **{"in:x:0": given, "out:y:0": wanted})
    out = tmp_path / "out.weights.h5"
    for first, last, told in (("first", "last", False), ("dense1", "dense2", True), ("a", "b", True)):
        file = tmp_path / f"{first}.py"
        file.write_text(UNORDERED.replace("FIRST", first).replace("LAST", last))
        if not told:
            with pytest.raises(UsageError, match="2 layers of the model have several candidates"):
                transplant(checkpoint, f"{file}:{build}", out)
            assert not out.exists()
            proposal = json.loads((tmp_path / "out.map.json").read_text())
            assert [sorted(each) for each in proposal["several candidates"].values() if each] == [
                ["unit/a/kernel", "unit/b/kernel"]
            ] * 2
        transplant(checkpoint, f"{file}:{build}", out, reference=None if told else tmp_path / "ref.npz")
        model = load_model(f"{file}:{build}")
        model.load_weights(out)
        np.testing.assert_allclose(np.asarray(model(given)), wanted, rtol=1e-4, atol=1e-5)
        out.unlink()


def test_what_stands_in_a_row_is_in_order():
    """Lists, Sequential and chains of calls say their order, within a model that has none of its own; branches don't."""
    import keras

    def two():
        return [keras.layers.Dense(4), keras.layers.Dense(4)]

    def chain(branches):
        last, first = two()  # made in another order than they are called
        x = keras.Input((4,))
        return keras.Model(x, first(x) + last(x) if branches else last(first(x)))

    class Holder(keras.Model):
        def __init__(self, held):
            super().__init__()
            self.held = held

        def call(self, x):
            for each in self.held if isinstance(self.held, list) else [self.held]:
                x = each(x)
            return x

    sources = [part(f"unit/{name}", shape=(4, 4), order=order) for order, name in enumerate("ab")]
    for held, count in ((two(), 2), (keras.Sequential(two()), 2), (chain(False), 2), (chain(True), 0)):
        model = Holder(held)
        model(np.zeros((1, 4), "f"))
        pairs = match(sources, parts_of(model)).pairs
        assert len(pairs) == count
        ordered = held if isinstance(held, list) else held.layers[-2:]
        for source, target, _ in pairs:
            wanted = ordered[source.order]
            assert target.weights["kernel"] is wanted.kernel


def test_a_model_may_end_behind_the_original():
    """The softmax of logits is compared with the softmax of the original's."""
    import keras

    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax")(x))
    given = np.random.default_rng(0).normal(size=(2, 3)).astype("f")
    kernel, bias = model.get_weights()

    class Truth:
        def cases(self):
            yield [given], {"logits:0": given @ kernel + bias}, None

    seen = agreement(model, Truth())
    assert seen.ok
    assert seen.outputs == ["softmax of logits:0"]
    model.set_weights([kernel * 1.01, bias])
    assert not agreement(model, Truth()).ok


def test_a_table_in_a_layer_of_ones_own(tmp_path):
    """The only weight of a layer goes by its shape, whatever its name is; heads are a dense layer's columns."""
    import keras

    class Positions(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(5, 4), name="whatever")

        def call(self, x):
            return x + self.table

    x = keras.Input((5, 4))
    y = Positions()(x)
    parts = parts_of(keras.Model(x, keras.layers.MultiHeadAttention(2, 3)(y, y)))
    assert [(part.family, part.shape()) for part in parts] == [
        ("embedding", (5, 4)), ("kernel", (4, 6)), ("kernel", (4, 6)), ("kernel", (4, 6)), ("kernel", (6, 4)),
    ]  # fmt: skip
    assert [part.signature[:2] for part in parts] == [(0, 2), (1, 1), (1, 1), (1, 1), (2, 0)]


def test_recurrent_cells_of_a_bare_checkpoint(tmp_path):
    """Each cell of TensorFlow 1 becomes Keras' layer; what is assumed of the forget bias is said, and a map changes it."""
    out = tmp_path / "out.weights.h5"
    done = transplant(HERE / "cells.ckpt", f"{MODELS}:recurrent", out)
    assert done.agreement is None
    assert any("does not hold forget_bias: 1" in note for note in done.notes)
    assumed = {row.source for row in done.rows if row.why.endswith("forget_bias 1 (assumed)")}
    assert assumed == {"block/lstm_cell/bias", "lstm/basic_lstm_cell/bias"}
    check("cells", "recurrent", out)

    (tmp_path / "map.json").write_text('{"forget_bias": 0}')
    with pytest.raises(OutputsDiffer):
        transplant(
            HERE / "cells.ckpt",
            f"{MODELS}:recurrent",
            out,
            map_file=tmp_path / "map.json",
            reference=HERE / "cells.npz",
        )
    done = transplant(HERE / "cells.ckpt", f"{MODELS}:recurrent", out, reference=HERE / "cells.npz")
    assert done.agreement.ok
    assert not any("forget_bias" in note for note in done.notes)


def save(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    """A checkpoint of these variables, without a graph."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in arrays.items():
            tf.compat.v1.get_variable(name, initializer=array, use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
    return folder / "model.ckpt"


def test_a_recording_tells_the_forget_bias(tmp_path):
    """One that was made without a forget bias agrees with nothing else."""
    import keras

    arrays = arrays_of({"rnn/basic_lstm_cell/kernel": (5, 8), "rnn/basic_lstm_cell/bias": (8,)})
    file = tmp_path / "mine.py"
    file.write_text(
        "import keras\ndef build():\n    return keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2)])\n"
    )
    (found,), _ = parts_of_names({name: array.shape for name, array in arrays.items()}, arrays.get)
    model = load_model(f"{file}:build")
    i, j, f, o = np.split(arrays["rnn/basic_lstm_cell/bias"], 4)
    bias = np.concatenate([i, f, j, o])
    model.set_weights([found.weights["kernel"], found.weights["recurrent_kernel"], bias])
    given = np.random.default_rng(0).normal(size=(3, 4, 3)).astype("f")
    np.savez(tmp_path / "ref.npz", **{"in:x:0": given, "out:y:0": keras.ops.convert_to_numpy(model(given))})
    out = tmp_path / "o.weights.h5"
    done = transplant(save(tmp_path, arrays), f"{file}:build", out, reference=tmp_path / "ref.npz")
    assert done.agreement.ok
    assert done.rows[-1].why.endswith("forget_bias 0 (from running it)")


PICTURE = """
import keras
from keras import layers as L
def build(data_format):
    keras.utils.clear_session()
    x = keras.Input((4, 5, 2) if data_format == "channels_last" else (2, 4, 5))
    y = L.Conv2D(3, 1, activation="relu", data_format=data_format)(x)
    return keras.Model(x, L.Dense(2)(L.Dropout(0.5)(L.Flatten()(y))))
def last():
    return build("channels_last")
def first():
    return build("channels_first")
def permuted():
    inner = last()
    y = L.Permute((3, 1, 2))(inner.layers[1].output)
    return keras.Model(inner.input, L.Dense(2)(L.Reshape((60,))(y)))
"""


@pytest.mark.parametrize(
    ("original", "target"),
    [("channels_first", "last"), ("channels_last", "first"), ("channels_last", "permuted")],
)
def test_how_pictures_were_flattened(tmp_path, original, target):
    """The rows of a dense kernel are put in the model's order; a recording tells that of the original, or a map does."""
    shapes = {"conv/kernel": (1, 1, 2, 3), "conv/bias": (3,), "fc/kernel": (60, 2), "fc/bias": (2,)}
    arrays = arrays_of(shapes)
    file = tmp_path / "mine.py"
    file.write_text(PICTURE)
    given = np.random.default_rng(2).normal(size=(2, 4, 5, 2)).astype("f")
    flat = np.maximum(given @ arrays["conv/kernel"][0, 0] + arrays["conv/bias"], 0)
    flat = np.moveaxis(flat, -1, 1) if original == "channels_first" else flat
    answer = flat.reshape(2, 60) @ arrays["fc/kernel"] + arrays["fc/bias"]
    np.savez(tmp_path / "ref.npz", **{"in:x:0": given, "out:y:0": answer})
    checkpoint, out = save(tmp_path, arrays), tmp_path / "o.weights.h5"
    done = transplant(checkpoint, f"{file}:{target}", out, reference=tmp_path / "ref.npz")
    assert done.agreement.ok
    (why,) = {row.why.partition("; ")[2] for row in done.rows if row.source == "fc/kernel"}
    assert why == f"data_format {original} ({'assumed' if original == 'channels_last' else 'from running it'})"

    written = load_model(f"{file}:{target}")
    written.load_weights(out)
    (tmp_path / "map.json").write_text(json.dumps({"data_format": original}))
    if target == "last":
        assert any("how a picture was flattened" in note for note in transplant(checkpoint, f"{file}:last", out).notes)
    else:
        with pytest.raises(UsageError, match="In which order the original flattened"):
            transplant(checkpoint, f"{file}:{target}", out)
    assert (
        transplant(checkpoint, f"{file}:{target}", out, map_file=tmp_path / "map.json")
        .rows[-2]
        .why.endswith("(the map says so)")
    )
    mapped = load_model(f"{file}:{target}")
    mapped.load_weights(out)
    np.testing.assert_array_equal(mapped.get_weights()[2], written.get_weights()[2])


def test_settings_that_a_map_cannot_give(tmp_path):
    for text, said in (('{"forget_bias": "1"}', "is no number"), ('{"data_format": "NCHW"}', "is neither")):
        (tmp_path / "map.json").write_text(text)
        with pytest.raises(UsageError, match=said):
            transplant(HERE / "cells.ckpt", f"{MODELS}:recurrent", tmp_path / "o.h5", map_file=tmp_path / "map.json")


def test_a_model_that_cannot_be_run_on_what_was_recorded(tmp_path):
    """Said with the shapes, not with a traceback."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import keras\nclass Mine(keras.Model):\n    def call(self, x):\n        return keras.layers.Flatten()(x['a'])\n"
        "def build():\n    return Mine()\n"
    )
    with pytest.raises(UsageError, match=r"cannot be run on the original's inputs, \(2, 6, 3\)"):
        transplant(HERE / "cells.ckpt", f"{file}:build", tmp_path / "o.h5", reference=HERE / "cells.npz")


def arrays_of(shapes):
    random = np.random.default_rng(1)
    return {name: random.normal(size=shape).astype("f") for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("kernel", "bias"),
    [
        ("RNN/BasicLSTMCell/Linear/Matrix", "RNN/BasicLSTMCell/Linear/Bias"),
        ("RNN/LSTMCell/W_0", "RNN/LSTMCell/B"),
        ("rnn/lstm_cell/weights", "rnn/lstm_cell/biases"),
        ("my_lstm_2/kernel", "my_lstm_2/bias"),
    ],
)
def test_how_lstm_cells_were_called(kernel, bias):
    """The same arrays under the names of TensorFlow 0.8 to 1.15 give the same weights."""
    arrays = arrays_of({kernel: (5, 8), bias: (8,)})
    (found,), left = parts_of_names({name: array.shape for name, array in arrays.items()}, arrays.get)
    assert (found.family, found.shape(), found.shape("recurrent_kernel"), left) == ("recurrent", (3, 8), (2, 8), [])
    i, j, f, o = np.split(arrays[bias], 4)
    np.testing.assert_allclose(found.weights["bias"], np.concatenate([i, f + 1, j, o]))


@pytest.mark.parametrize(
    "spelled",
    ["Gates/Linear/Matrix Gates/Linear/Bias Candidate/Linear/Matrix Candidate/Linear/Bias",
     "gates/weights gates/biases candidate/weights candidate/biases", "w_ru b_ru w_c b_c"],
)  # fmt: skip
def test_how_gru_cells_were_called(spelled):
    """Reset and update stand the other way round in Keras."""
    shapes = [(5, 4), (4,), (5, 2), (2,)]
    arrays = arrays_of({f"RNN/GRUCell/{name}": shape for name, shape in zip(spelled.split(), shapes, strict=True)})
    (found,), _ = parts_of_names({name: array.shape for name, array in arrays.items()}, arrays.get)
    gates, gate_bias, candidate, bias = arrays.values()
    np.testing.assert_array_equal(found.weights["bias"], np.concatenate([gate_bias[2:], gate_bias[:2], bias]))
    whole = np.concatenate([gates[:, 2:], gates[:, :2], candidate], axis=1)
    np.testing.assert_array_equal(found.weights["kernel"], whole[:3])
    np.testing.assert_array_equal(found.weights["recurrent_kernel"], whole[3:])


def test_cells_that_no_layer_of_keras_is():
    """Peepholes, projections and normalised gates keep a weight that has no place; a dense layer of an LSTM is none."""
    names = {
        "rnn/lstm_cell/kernel": (5, 8), "rnn/lstm_cell/bias": (8,), "rnn/lstm_cell/w_f_diag": (2,),
        "ln/layer_norm_basic_lstm_cell/kernel": (5, 8), "ln/layer_norm_basic_lstm_cell/input/gamma": (2,),
        "ln/layer_norm_basic_lstm_cell/input/beta": (2,),
        "conv/conv_lstm_cell/kernel": (3, 3, 5, 8), "conv/conv_lstm_cell/biases": (8,),
        "lstm_logits/kernel": (16, 8), "lstm_logits/bias": (8,),
    }  # fmt: skip
    arrays = arrays_of(names)
    parts, _ = parts_of_names(names, arrays.get)
    target = Part(
        "lstm", {"kernel": np.zeros((3, 8)), "recurrent_kernel": np.zeros((2, 8)), "bias": np.zeros(8)}, {}, "recurrent"
    )
    told = {each.name: match([each], [target]).missing[0][1] for each in parts if each.family == "recurrent"}
    assert {name: text.partition("but its ")[2] for name, text in told.items()} == {
        "rnn/lstm_cell": "w_f_diag has no place here",
        "ln/layer_norm_basic_lstm_cell": "input/beta has no place here",
    }
    assert {each.name for each in parts if each.family == "kernel"} == {"conv/conv_lstm_cell", "lstm_logits"}


def test_variables_that_nobody_named():
    """The n-th kernel goes with the n-th bias; where they do not fit, neither is guessed."""
    shapes = {
        "Variable": (4, 3),
        "Variable_1": (3, 2),
        "Variable_2": (3,),
        "Variable_3": (2,),
        "a/Variable": (4, 3),
        "a/Variable_1": (2,),
    }
    parts, _ = parts_of_names(shapes, arrays_of(shapes).get)
    assert [sorted(each.names.values()) for each in parts] == [
        ["Variable", "Variable_2"], ["Variable_1", "Variable_3"], ["a/Variable"], ["a/Variable_1"],
    ]  # fmt: skip


def test_what_an_optimizer_of_ones_own_keeps_is_no_weight():
    shapes = {"dense/kernel": (4, 3), "dense/kernel/adam_m": (4, 3), "dense/kernel/adam_v": (4, 3), "dense/bias": (3,)}
    parts, left = parts_of_names(shapes, arrays_of(shapes).get)
    assert [each.names for each in parts] == [{"bias": "dense/bias", "kernel": "dense/kernel"}]
    assert left == ["dense/kernel/adam_m", "dense/kernel/adam_v"]


def test_words_and_numbers_that_both_sides_share():
    """Encoders and decoders, gates and filters; numbers of layers that Keras named itself say nothing."""
    sources = [part(f"net/layer_{order}/{kind}", order=order) for order in range(2) for kind in ("gate", "filter")]
    targets = [part(f"{kind}_{order}", order=order, behind=0) for kind in ("filter", "gate") for order in (1, 0)]
    found = match(sources, targets)
    assert {s.name: t.name for s, t, _ in found.pairs} == {
        f"net/layer_{order}/{kind}": f"{kind}_{order}" for order in range(2) for kind in ("gate", "filter")
    }
    unnamed = [part(f"dense_{order}", order=order, behind=0) for order in range(4)]
    assert not match(sources, unnamed).pairs


def test_separable_convolutions_are_two_kernels(tmp_path):
    """One layer on one side, two on the other; slim's names and those of tf.layers."""
    import keras

    x = keras.Input((8, 8, 3))
    whole = parts_of(keras.Model(x, keras.layers.SeparableConv2D(4, 3)(x)))
    halves = keras.layers.Conv2D(4, 1)(keras.layers.DepthwiseConv2D(3, use_bias=False)(x))
    shapes = {"s/depthwise_weights": (3, 3, 3, 1), "s/pointwise_weights": (1, 1, 3, 4), "s/biases": (4,)}
    named, _ = parts_of_names(shapes, arrays_of(shapes).get)
    for parts in (whole, parts_of(keras.Model(x, halves))):
        found = match(named, parts)
        assert [*found.open, *found.missing, *found.left] == []
        assert [source.names["kernel"] for source, _, _ in found.pairs] == [
            "s/depthwise_weights",
            "s/pointwise_weights",
        ]


def test_steps_may_be_rows_of_the_originals_matrix():
    import keras

    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Reshape((2, 2))(keras.layers.Dense(4)(x)))
    given = np.random.default_rng(0).normal(size=(2, 3)).astype("f")
    kernel, bias = model.get_weights()

    class Truth:
        def cases(self):
            yield [given], {"rows:0": (given @ kernel + bias).reshape(4, 2)}, None

    assert agreement(model, Truth()).ok
    model.set_weights([kernel * 1.01, bias])
    assert not agreement(model, Truth()).ok


MATRIX = """
import keras
def build():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="b")])
"""


def test_averages_of_a_bare_checkpoint(tmp_path):
    """Asked for they are taken, otherwise told of; where there is nothing else they are the weights."""
    raw = arrays_of({"a/kernel": (4, 3), "a/bias": (3,), "b/kernel": (3, 3), "b/bias": (3,)})
    averages = {f"{name}/ExponentialMovingAverage": array + 1 for name, array in raw.items() if name != "b/bias"}
    file = tmp_path / "mine.py"
    file.write_text(MATRIX)
    out = tmp_path / "o.weights.h5"
    for given, weights, first, said in (
        ({**raw, **averages}, "auto", raw["a/kernel"], "also holds moving averages of 3 weights"),
        ({**raw, **averages}, "ema", raw["a/kernel"] + 1, "3 weights are their moving averages"),
        ({"b/bias": raw["b/bias"], **averages}, "auto", raw["a/kernel"] + 1, "3 weights are their moving averages"),
    ):
        done = transplant(save(tmp_path, given), f"{file}:build", out, options=Options(weights=weights))
        assert any(said in note for note in done.notes)
        model = load_model(f"{file}:build")
        model.load_weights(out)
        np.testing.assert_array_equal(model.get_weights()[0], first)
        np.testing.assert_array_equal(model.get_weights()[3], raw["b/bias"])
    with pytest.raises(UsageError, match="no moving averages"):
        transplant(save(tmp_path, raw), f"{file}:build", out, options=Options(weights="ema"))


def test_weights_alone_of_a_keras_file(tmp_path):
    """By names too; in a layout of Keras 1 they would have to be rearranged first."""
    raw = arrays_of({"a/kernel:0": (4, 3), "a/bias:0": (3,), "b/kernel:0": (3, 3), "b/bias:0": (3,)})
    held = {layer: [(name, raw[name]) for name in raw if name.startswith(layer)] for layer in "ab"}
    file = tmp_path / "mine.py"
    file.write_text(MATRIX)
    path = write_file(tmp_path / "weights.h5", None, held, "2.3.1")
    transplant(path, f"{file}:build", tmp_path / "o.weights.h5")
    model = load_model(f"{file}:build")
    model.load_weights(tmp_path / "o.weights.h5")
    for array, given in zip(model.get_weights(), raw.values(), strict=True):
        np.testing.assert_array_equal(array, given)
    with pytest.raises(UnreadableSource, match=r"layouts of Keras 1\.2\.2"):
        transplant(write_file(path, None, held, "1.2.2"), f"{file}:build", tmp_path / "o.weights.h5")


@pytest.mark.parametrize(
    "names",
    [
        "bn/gamma bn/beta bn/mean/EMA bn/variance/EMA",
        "bn/gamma bn/beta bn/bn/moments/Squeeze bn/bn/moments/Squeeze_1",
        "bn/scale bn/offset bn/running_mean bn/running_var",
        "bn/gamma bn/beta bn/pop_mean bn/pop_var",
    ],
)
def test_what_authors_called_their_batch_normalisation(names):
    arrays = arrays_of(dict.fromkeys(names.split(), (3,)))
    (found,), left = parts_of_names(dict.fromkeys(arrays, (3,)), arrays.get)
    assert (found.name, found.family, left) == ("bn", "norm", [])
    for role, name in zip(("gamma", "beta", "moving_mean", "moving_variance"), names.split(), strict=True):
        np.testing.assert_array_equal(found.weights[role], arrays[name])
