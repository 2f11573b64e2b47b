"""Legacy Python source with a checkpoint that TensorFlow 1 wrote: run as it is, converted, compared with the recording."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from porter.convert import convert
from porter.emit.build import load_source
from porter.errors import NamesDiffer, UnreadableSource, UsageError
from porter.legacy.expression import Evaluation, Refusal
from porter.legacy.launch import program_of, run_program
from porter.legacy.program import _is_complete as is_complete
from porter.legacy.world import examples, games, libraries
from porter.legacy.world.loose_version import LooseVersion
from porter.legacy.world.python2 import DIVIDED, Translator
from porter.options import Options
from porter.read.model import Source
from porter.read.pieces import join_pieces
from porter.read.renaming import propose
from porter.reverify import verify

SOURCES = Path(__file__).parents[1] / "fixtures" / "python_sources"
CASES = {case["name"]: case for case in json.loads((SOURCES / "cases.json").read_text())}
CLOSE = 1e-5  # of the spread

# Builds every network in one process, takes the checkpoint's weights and answers as TensorFlow 1 was asked.
ANSWER = """
import importlib, json, sys
import numpy as np
from porter.legacy import program, program_stop
from porter.legacy.world import enter
enter()
import tensorflow as tf
from pathlib import Path
folder, result = Path(sys.argv[1]), {}
for case in json.loads((folder / "cases.json").read_text()):
    tf.reset_default_graph()
    name, _, call = case["source"].partition(":")
    rows = [dict(name=row.split(":")[0], dtype="float32", shape=[None, *map(int, row[row.index(",") + 1:-1].split(","))])
            for row in case["placeholders"]]
    job = dict(file=str(folder / name), call=call, placeholders=rows, as_python=False)
    sys.argv = [name]
    stopped = program_stop.arm(tf)
    try:
        if call:
            program._call(tf, program.load_module(folder / name), job, [])
        else:
            program._run_script(folder / name)
    except program_stop.Stopped:
        pass
    stopped.disarm()
    graph = stopped.graph or tf.get_default_graph()
    with tf.Session(graph=graph) as session, graph.as_default(), np.load(folder / (case["name"] + ".npz")) as recorded:
        stored = {name for name, _ in tf.train.list_variables(str(folder / (case["name"] + ".ckpt")))}
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        missing = stored - variables.keys()
        assert not missing, (case["name"], missing)
        tf.train.Saver([variables[each] for each in stored]).restore(session, str(folder / (case["name"] + ".ckpt")))
        feeds = {key[3:]: recorded[key] for key in recorded if key.startswith("in:")}
        knobs = {"phase_train:0": False, "keep_prob:0": 1.0}
        feeds.update({key: value for key, value in knobs.items() if key[:-2] in {op.name for op in graph.get_operations()}})
        wanted = recorded["out:" + case["output"]]
        given = session.run(case["output"], feeds)
        result[case["name"]] = float(np.abs(given - wanted).max() / (wanted.max() - wanted.min()))
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def answers():
    """How far each network's answer is from TensorFlow 1's, relative to its spread."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ANSWER, str(SOURCES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_a_network_in_that_world_computes_what_it_did(answers, name):
    """The variables have the names that TensorFlow 1 gave them, and the graph gives its numbers."""
    assert answers[name] < CLOSE


def test_convert_a_function_with_a_checkpoint(tmp_path):
    """Source and checkpoint in, the same folder as from a checkpoint out; it is proved again without running the source."""
    out = tmp_path / "out"
    rows = [{"name": "images", "dtype": "float32", "shape": [None, 16, 16, 3]}]
    options = Options(checkpoint=str(SOURCES / "slim_net.ckpt"), placeholders=rows)
    report = convert(SOURCES / "slim_net.py:build", out, options).report
    assert report["source"]["executed"]["call"] == "build"
    assert set(report["source"]["sha256"]) == {
        "slim_net.py",
        "slim_net.ckpt.index",
        "slim_net.ckpt.data-00000-of-00001",
    }
    assert [row["tensor"] for row in report["outputs"]] == [CASES["slim_net"]["output"]]
    with np.load(SOURCES / "slim_net.npz") as recorded:
        given = np.asarray(load_source(out / "model.py").load_model()(recorded["in:images:0"]))
        wanted = recorded["out:" + CASES["slim_net"]["output"]]
    assert np.abs(given - wanted).max() <= CLOSE * np.ptp(wanted)
    again = verify(out, levels=[0, 3])
    assert again["certificate"]["stands_in"]
    assert {level["status"] for level in again["levels"]} == {"passed"}


def test_a_script_runs_up_to_its_session(tmp_path):
    """Nothing is named: the script builds its network, and what it asks its session for is the output. Fresh weights."""
    made = convert(SOURCES / "dqn.py", tmp_path / "out", Options(verify=False))
    assert [row["tensor"] for row in made.report["outputs"]] == ["eval_net/Q/add:0"]
    assert "dqn.py line" in made.report["source"]["executed"]["until"]
    assert any("fresh" in warning for warning in made.report["warnings"])


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("import tensorflow as tf\ndef build(:\n    pass\n", UnreadableSource, "neither 3 nor 2"),
        (
            "import tensorflow as tf\ndef build():\n    return tf.matmul(tf.zeros([2]), 3)\n",
            UnreadableSource,
            ":3, in build",
        ),
    ],
)
def test_what_goes_wrong_is_told_by_the_programs_own_lines(tmp_path, text, kind, said):
    """A program that fails gives an error for people, with its own line; porter's are never shown."""
    file = tmp_path / "net.py"
    file.write_text(text)
    program = program_of(Path(f"{file}:build"))
    with pytest.raises(kind) as caught:
        run_program(program, [], fresh=False)
    assert said in str(caught.value)
    assert "porter/legacy" not in str(caught.value)


OLD_NET = """
import tensorflow as tf
import cPickle, cv2
import tensorflow.contrib.gan as tfgan
import matplotlib.pyplot as plt
from shapes import halves
figure, axes = plt.subplots(1, 2)
assert cPickle.loads(cPickle.dumps(3)) == 3
class Model(object):
    def __init__(self, args, env):
        print "sizes", args.sizes
        x = tf.placeholder(tf.float32, [None, env.action_space.n], name='x')
        for index, size in halves(args.sizes).iteritems():
            x = tf.layers.dense(x, size, name='fc%d' % index)
        self.x, self.logits = x, tf.nn.relu(x)
        still = tf.tile([False], [2])
        helper = tf.contrib.seq2seq.CustomHelper(
            lambda: (still, tf.zeros([2, 3])), lambda time, outputs, state: tf.cast(tf.argmax(outputs, 1), tf.int32),
            lambda time, outputs, state, sample_ids: (still, outputs, state))
        decoder = tf.contrib.seq2seq.BasicDecoder(tf.nn.rnn_cell.BasicRNNCell(3), helper, tf.zeros([2, 3]))
        tf.contrib.seq2seq.dynamic_decode(decoder, maximum_iterations=4)
        tf.initialize_all_variables().run()
        tf.train.Saver().restore(None, 'model')
"""
OLD_SHAPES = """
def halves(sizes):
\treturn dict([(index, size / 2) for index, size in enumerate(sizes)])
"""


def test_python_2_with_settings_and_without_its_libraries(tmp_path):
    """Old syntax, whole numbers divided, a settings object, a game's sizes; stopped in its constructor; files as before."""
    (tmp_path / "net.py").write_text(OLD_NET)
    (tmp_path / "shapes.py").write_text(OLD_SHAPES)
    program = program_of(Path(f"{tmp_path}/net.py:Model(dict(sizes=[7, 9]), gym.make('CartPole-v1')).logits"))
    (tmp_path / "net.py").write_text(OLD_NET.replace("import cPickle, cv2", "import cPickle, cv2, gym"))
    built = run_program(program, [], fresh=True)
    assert built.outputs == ["Relu:0"]
    assert built.until.startswith("Saver.restore of model, net.py line")
    assert "Python 2: net.py, shapes.py ran translated" in " ".join(built.notes)
    import tensorflow as tf

    shapes = dict(tf.train.list_variables(str(built.weights)))
    cell = {"decoder/basic_rnn_cell/kernel": [6, 3], "decoder/basic_rnn_cell/bias": [3]}
    assert shapes == {"fc0/kernel": [2, 3], "fc0/bias": [3], "fc1/kernel": [3, 4], "fc1/bias": [4], **cell}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net.py", "shapes.py"]


def ran(text, **names):
    """What a Python 2 file leaves, and the translator that compiled it."""
    translator = Translator()
    setattr(builtins, DIVIDED, translator.divided)
    scope = dict(names)
    exec(translator.compile(text.encode(), "old.py"), scope)
    return scope, translator


def test_python_2_is_translated():
    """Statements that are gone run, numbers divide as they did, and lines stay where they were."""
    found, translator = ran(
        "try:\n    raise ValueError, 'x'\nexcept ValueError, e:\n    print 'caught', e\n"
        "a, b, c = 7 / 2, 7 / 2.0, -7 / 2\nd = {1: 2}\ne = d.has_key(1), range(2) + [5], 0777, 1 <> 2\na /= 2\n"
    )
    assert (found["a"], found["b"], found["c"]) == (1, 3.5, -4)
    assert found["e"] == (True, [0, 1, 5], 0o777, True)
    assert "old.py ran translated" in translator.notes()[0]
    with pytest.raises(ZeroDivisionError) as caught:
        ran("print 1\n\n\nx = 1 / 0\n")
    assert caught.traceback[-1].lineno == 3 or "divided" in caught.traceback[-1].name
    found, _ = ran("from __future__ import division\nprint 1\na = 7 / 2\n")
    assert found["a"] == 3.5


def test_what_only_may_be_python_2_says_where_it_matters(tmp_path):
    """`xrange` tells the language; a division with a rest is then a warning, and Python 3 that serves both is left alone."""
    for text, python2 in (
        ("for i in xrange(3): a = 7 / 2\n", True),
        ("from six.moves import xrange\nfor i in xrange(3): a = 7 / 2\n", False),
        ("try:\n    xrange\nexcept NameError:\n    xrange = range\n", False),
        ("def f(d): return d.iteritems()\n", True),
        ("a = 7 / 2\n", False),
    ):
        translator = Translator()
        (tmp_path / "old.py").write_text(text)
        translator.look(tmp_path / "old.py")
        assert translator.python2 is python2, text
    translator.look(tmp_path / "old.py")
    translator = Translator()
    translator.python2 = True
    assert translator.divided(7, 2, "old.py line 1") == 3
    assert translator.divided(8, 2, "old.py line 2") == 4
    assert translator.doubtful == {"old.py line 1": "7 / 2"}


def test_old_data_sets_have_their_shapes():
    """Keras' data sets come at once, as numbers, where they would be downloaded."""
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace())
    for name in examples.PICTURES:
        setattr(keras.datasets, name, types.SimpleNamespace())
    examples.restore_datasets(keras)
    (pictures, labels), _ = keras.datasets.cifar10.load_data()
    assert (pictures.shape[1:], labels.shape[1:], pictures.dtype) == ((32, 32, 3), (1,), np.uint8)
    (pictures, labels), _ = keras.datasets.mnist.load_data(path="mnist.npz")
    assert (pictures.shape[1:], labels.shape[1:], labels.max() < 10) == ((28, 28), (), True)


def test_an_error_after_the_graph_is_complete(tmp_path):
    """Data is missing behind the network: with the checkpoint that it fits, the graph is taken and the error is said."""
    file = tmp_path / "net.py"
    (tmp_path / "unet.py").write_text((SOURCES / "unet.py").read_text())
    file.write_text(
        "import tensorflow as tf, unet\nx = tf.placeholder(tf.float32, [None, 16, 16, 2])\n"
        "y = unet.build(x, False)\ndata = open('no/such/data').read()\n"
    )
    program = program_of(Path(f"{file} --mode test"))
    built = run_program(program, [], fresh=False, checkpoint=SOURCES / "unet.ckpt")
    assert "net.py stopped with an error of its own at" in built.notes[0]
    import tensorflow as tf

    assert not is_complete(tf.compat.v1, tf.Graph(), str(SOURCES / "unet.ckpt"))


CALLED = """
class Model:
    def __init__(self, config, sess=3): self.size, self.made = config.size, None
    def build(self, x, is_training, scale=1): self.made = (x, is_training, scale)
    @property
    def twice(self): return 2 * self.size
    @staticmethod
    def plain(x): return x
def build(x, size): return x, size
FLAGS = type("Flags", (), {"size": 5})()
layers = {"a": [1, 2]}
"""


@pytest.mark.parametrize(
    ("text", "made", "gives"),
    [
        ("Model.size", (), 5),
        ("Model(dict(size=4)).twice", (), 8),
        ("Model(config={'size': 3}).build(scale=2).made", ("x",), ("x", False, 2)),
        ("Model.plain", ("z",), "z"),
        ("build(size=FLAGS.size + 1)", ("x",), ("x", 6)),
        ("build(x + x, [1, 2][0])", ("x",), ("xx", 1)),
        ("layers['a'][1]", (), 2),
        ("build", (), "build needs x, size"),
        ("build(size=1, width=2)", ("x",), "build has no parameter width; it has x, size"),
        ("build(1, 2, 3)", (), "takes 2 arguments at most: x, size"),
        ("build(1, 2)", ("x",), "build takes no x; its parameters are x, size"),
        ("bild", (), "it has no bild; it has Model, build"),
        ("Model.logits", (), "Model has no logits; it has build"),
        ("Model(dict(width=4))", (), "the settings that were given have no size"),
    ],
)
def test_what_stands_behind_the_colon(text, made, gives):
    """Names, calls with what they lack, attributes and elements; what is missing is said with what there is."""
    module = types.ModuleType("net")
    exec(CALLED, vars(module))
    evaluation = Evaluation(None, module, {name: name for name in made}, True, [])
    if isinstance(gives, str) and " " in gives:
        with pytest.raises((Refusal, AttributeError)) as caught:
            evaluation.evaluate(text)
        assert gives in str(caught.value)
    else:
        assert evaluation.evaluate(text) == gives


def test_a_library_that_is_not_there_may_be_imported():
    """Only using it is an error, which names it."""
    module = libraries._AbsentModule("cv2")
    read = module.imread
    with pytest.raises(ImportError, match="cv2.imread is needed here, and cv2 is not installed"):
        _ = read("x.png")
    assert games.make("BreakoutDeterministic-v4").action_space.n == 4
    with pytest.raises(ImportError, match="gym is not installed"):
        games.make("Unheard-v0")


def test_names_of_programs():
    """What is Python source, and what of it is called."""
    assert program_of(Path("a/model.ckpt")) is None
    assert program_of(Path("net.py:build(classes=10, name='a/b')")).call == "build(classes=10, name='a/b')"
    assert program_of(Path("a/net.py:Model.build")).call == "Model.build"
    script = program_of(Path("net.py --mode test --name 'a b'"))
    assert (script.call, script.arguments) == ("", ["--mode", "test", "--name", "a b"])
    both = program_of(Path("net.py:build(size=3 - 1)['a'] --mode test"))
    assert (both.call, both.arguments) == ("build(size=3 - 1)['a']", ["--mode", "test"])
    for text in ("net.py:3 + 4", "net.py:build(", "net.py:"):
        with pytest.raises(UsageError):
            program_of(Path(text))


def rename_in_checkpoint(tmp_path, renamed):
    """The U-Net's checkpoint with variables of other names."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(SOURCES / "unet.ckpt"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [
            tf.compat.v1.get_variable(renamed(name), initializer=reader.get_tensor(name), use_resource=False)
            for name in sorted(reader.get_variable_to_shape_map())
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(tmp_path / "other.ckpt"), write_meta_graph=False)
    return str(tmp_path / "other.ckpt")


def test_a_checkpoint_with_other_names_is_never_guessed(tmp_path):
    """A scope more and other words: the mapping is proposed, written where --map says, and taken when given again."""
    checkpoint = rename_in_checkpoint(tmp_path, lambda name: "tower/net/" + name.replace("kernel", "weights"))
    rows = [{"name": "images", "dtype": "float32", "shape": [None, 16, 16, 2]}]
    options = Options(checkpoint=checkpoint, placeholders=rows, verify=False, map_file=str(tmp_path / "names.json"))
    with pytest.raises(NamesDiffer) as caught:
        convert(SOURCES / "unet.py:build", tmp_path / "out", options)
    assert "down1/conv2d/kernel may be tower/net/down1/conv2d/weights" in str(caught.value)
    written = json.loads((tmp_path / "names.json").read_text())
    assert written == {name: "tower/net/" + name.replace("kernel", "weights") for name in written}
    assert len(written) == 64
    made = convert(SOURCES / "unet.py:build", tmp_path / "out", options)
    with np.load(SOURCES / "unet.npz") as recorded:
        given = np.asarray(load_source(made.directory / "model.py").load_model()(recorded["in:images:0"]))
        wanted = recorded["out:" + CASES["unet"]["output"]]
    assert np.abs(given - wanted).max() <= CLOSE * np.ptp(wanted)


def test_proposals_of_names():
    """By the end of the name, by shape, by order; a variance is never negative; what fits twice is left open."""
    arrays = {"m": np.array([-1.0, 2.0]), "v": np.array([1.0, 2.0])}
    wanted = {"net/conv1/kernel": (3, 3, 1, 2), "net/conv2/kernel": (3, 3, 2, 2), "net/fc/bias": (7,)}
    stored = {"a/conv1/weights": (3, 3, 1, 2), "a/conv2/w": (3, 3, 2, 2), "a/other/b": (7,)}
    rows = propose(wanted, stored)
    assert [row.stored for row in rows] == list(stored)
    assert rows[0].why == "the same name in other words"
    rows = propose({"bn/moving_variance": (2,)}, {"m": (2,), "v": (2,)}, arrays.__getitem__)
    assert [row.stored for row in rows] == ["v"]
    rows = propose(
        {"x/kernel": (2, 2), "y/kernel": (2, 2)}, {"p/kernel": (2, 2), "q/kernel": (2, 2), "r/kernel": (2, 2)}
    )
    assert [row.stored for row in rows] == ["", ""]
    averages = {f"net/conv1/kernel/{name}": (3, 3, 1, 2) for name in ("ExponentialMovingAverage",)}
    assert propose({"net/conv1/kernel": (3, 3, 1, 2)}, averages)[0].why == "its moving average"
    shifted = {f"net/conv2d_{number}/weights": (3, 3, 4, 4) for number in (9, 10, 11)}
    graph = {f"conv2d{end}/kernel": (3, 3, 4, 4) for end in ("", "_1", "_2")}
    assert [row.stored for row in propose(graph, shifted)] == list(shifted)
    nameless = {"Variable": (2, 3), "Variable_1": (3,), "Variable_2": (3,)}
    assert [row.stored for row in propose({"a/w": (2, 3), "z/b": (3,), "b/b": (3,)}, nameless)] == list(nameless)


def test_pieces_that_were_saved_one_by_one():
    """The whole is put together along the axis that gives the graph's shape; a graph with pieces keeps them."""
    from tensorflow.core.framework import graph_pb2

    arrays = {"w/part_0": np.ones((2, 3)), "w/part_1": np.zeros((2, 3)), "v/part_0": np.ones(3), "u": np.ones(1)}

    def source(*variables):
        graph = graph_pb2.GraphDef()
        for name, shape in variables:
            node = graph.node.add(name=name, op="VariableV2")
            for size in shape:
                node.attr["shape"].shape.dim.add(size=size)
        made = Source(Path("x"), "checkpoint", [], graph, load=arrays.__getitem__)
        made.stored = {name: (array.shape, "float64") for name, array in arrays.items()}
        join_pieces(made)
        return made

    whole = source(("w", (2, 6)))
    assert whole.stored["w"] == ((2, 6), "float64")
    assert {"v/part_0", "u"} == whole.stored.keys() - {"w"}
    assert whole.load("w").tolist() == [[1, 1, 1, 0, 0, 0]] * 2
    assert "w of 2 along axis 1" in whole.warnings[0]
    assert source(("net/w", (4, 3))).load("w").shape == (4, 3)
    assert source(("w/part_0", (2, 3))).stored.keys() == arrays.keys()
    assert source(("w", (5, 3))).stored.keys() == arrays.keys()


def test_imports_that_are_tried():
    """Only a `try` that goes on without the module is told that it is not there."""
    text = """
try:
    import horovod
except ImportError:
    horovod = None
try:
    import gizmo
except ImportError:
    raise SystemExit("install gizmo")
try:
    import other
except KeyError:
    pass
"""
    translator = Translator()
    translator.compile(text.encode(), "net.py")
    assert [line for line in range(1, 15) if translator.is_tried("net.py", line)] == [3]


EVERYTHING = """
import inspect
import numpy as np
import tensorflow as tf
import quux, quux.data
import scipy.misc
from gym import logger, spaces, wrappers
from gym.wrappers.monitoring import video_recorder
from keras.engine.topology import Layer
from keras.objectives import categorical_crossentropy
from speech_data import batches
from tensorflow.contrib.losses import softmax_cross_entropy
from tensorflow.contrib.tensorboard.plugins import projector
from tensorflow.contrib.training.python.training import hparam
from tensorflow.python.framework.graph_util import convert_variables_to_constants
from tensorflow.python.keras.layers import BatchNormalization, LSTM, Layer as Same
from tensorflow.python.ops.nn import dynamic_rnn
from tensorflow.python.util.nest import is_sequence
from scipy.misc import imread
from shared_ops import product
try:
    import horovod.tensorflow as hvd
except ImportError:
    hvd = None
quux.data.show("starting")
scipy.misc.imsave("x.png", np.zeros([2, 2]))
tf.flags.DEFINE_integer("most", np.inf, "how many")
tf.app.flags.DEFINE_integer(flag_name="rate", default_value=0.5, docstring="a number after all")
tf.flags.DEFINE_integer("least", "3", "how few")
assert (tf.flags.FLAGS.most, tf.flags.FLAGS.rate, tf.flags.FLAGS.least) == (np.inf, 0.5, 3)
logger.set_level(40)
assert not isinstance(3, (spaces.MultiBinary, str))
assert hvd is None and Layer is Same and is_sequence([1])
assert "reuse" in inspect.getargspec(tf.contrib.rnn.BasicLSTMCell.__init__).args
assert tf.contrib.learn.ModeKeys.INFER == "infer" and tf.estimator.LoggingTensorHook


class NetConfig:
    weights = "weights.npy"


class Net:
    def __init__(self, config):
        cluster = tf.train.ClusterSpec({"worker": ["there:2222"]})
        server = tf.train.Server(cluster, job_name="worker")
        kernel = np.load(config.weights, encoding="latin1").item()["kernel"]
        with tf.device("/gpu:1"):
            self.x = tf.placeholder(tf.float32, [None, 3])
            self.y = product(self.x, tf.Variable(kernel, name="kernel"))
        with tf.Session(server.target) as session:
            session.run(tf.global_variables_initializer())
"""


def test_what_sources_of_the_time_relied_on(tmp_path, monkeypatch):
    """Modules that nobody has or that lie further up, private files, graphics cards, pickled arrays, settings in a class."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "shared_ops.py").write_text("import tensorflow as tf\nproduct = tf.matmul\n")
    monkeypatch.chdir(tmp_path / "nets")
    Path("net.py").write_text(EVERYTHING)
    np.save("weights.npy", {"kernel": np.ones([3, 2], "float32")}, allow_pickle=True)
    built = run_program(program_of(Path("net.py:Net.y")), [], fresh=False)
    assert built.outputs == ["MatMul:0"]
    for call in ("quux.data.show(…) in net.py line 25", "scipy.misc.imsave(…) in net.py line 26"):
        assert any(call in note for note in built.notes)
    assert "config was given a NetConfig, as the program has it." in built.notes
    assert f"Run too, from a folder above the program's: {tmp_path / 'shared_ops'}." in built.notes


def test_versions_are_compared_by_their_numbers():
    """As distutils did, which newer Pythons do not have."""
    assert LooseVersion("1.15.5") >= LooseVersion("1.4") == "1.4"
    assert not LooseVersion("1.15.5-rc1") < "1.15"
    assert str(LooseVersion("1.0")) == "1.0"


def test_settings_that_are_not_there():
    """They pass for nothing: neither for true, nor for different from another; nor do all names of a module."""
    module = libraries._AbsentModule("quux")
    for use in (bool, float, lambda small: small == 3, lambda small: 2 * small, lambda small: [*small]):
        with pytest.raises(ImportError, match="quux.small is needed here, and quux is neither beside the program"):
            use(module.small)
    with pytest.raises(ImportError, match="all of quux is needed here"):
        _ = module.__all__


def test_one_gate_that_sees_the_state_takes_in_and_forgets():
    """A step of contrib's LSTM with coupled gates and peepholes: the output's gate sees the new state."""
    import tensorflow.compat.v1 as tf

    from porter.legacy.world.contrib.extra_cells import CoupledInputForgetGateLSTMCell

    random = np.random.default_rng(3)
    x, old, hidden = (random.normal(size=(2, size)).astype("f") for size in (3, 4, 4))
    with tf.Graph().as_default(), tf.Session() as session:
        made, (state, _) = CoupledInputForgetGateLSTMCell(4, use_peepholes=True)(tf.constant(x), (old, hidden))
        variables = {each.op.name.split("/")[-1]: each for each in tf.global_variables()}
        weights = {name: random.normal(size=each.shape.as_list()).astype("f") for name, each in variables.items()}
        for name, each in variables.items():
            each.load(weights[name], session)
        made, state = session.run((made, state))

    def sigmoid(at):
        return 1 / (1 + np.exp(-at))

    new, forget, show = np.split(np.hstack([x, hidden]) @ weights["W_0"] + weights["B"], 3, axis=1)
    keep = sigmoid(forget + 1 + weights["W_F_diag"] * old)
    expected = keep * old + (1 - keep) * np.tanh(new)
    np.testing.assert_allclose(state, expected, atol=1e-5)
    np.testing.assert_allclose(made, sigmoid(show + weights["W_O_diag"] * expected) * np.tanh(expected), atol=1e-5)
