"""Legacy Python source with a checkpoint that TensorFlow 1 wrote: run as it is, converted, compared with the recording."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from porter.convert import convert
from porter.emit.build import load_source
from porter.errors import NamesDiffer, UnreadableSource, UsageError
from porter.legacy.launch import program_of, run_program
from porter.legacy.world import libraries
from porter.options import Options
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
    job = dict(file=str(folder / name), call=call, arguments={}, placeholders=rows, as_python=False)
    sys.argv = [name]
    stopped = program_stop.arm(tf)
    try:
        if call:
            program._call(tf, program.load_module(folder / name), job)
        else:
            program.runpy.run_path(str(folder / name), run_name="__main__")
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
        ("import tensorflow as tf\ndef build(x, size):\n    pass\n", UsageError, "needs x, size"),
        ("import tensorflow as tf\nx = tf.placeholder(tf.float32)\nprint 'x'\n", UnreadableSource, "Python 2"),
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


def test_a_library_that_is_not_there_may_be_imported():
    """Only using it is an error, which names it."""
    module = libraries._AbsentModule("cv2")
    read = module.imread
    with pytest.raises(ImportError, match="cv2.imread is needed here, and cv2 is not installed"):
        read("x.png")


def test_names_of_programs():
    """What is Python source, and what of it is called."""
    assert program_of(Path("a/model.ckpt")) is None
    assert program_of(Path("net.py:build(classes=10, name='a/b')")).arguments == {"classes": 10, "name": "a/b"}
    assert program_of(Path("a/net.py:Model.build")).call == "Model.build"
    with pytest.raises(UsageError):
        program_of(Path("net.py:build(open('x'))"))


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
    assert [row.stored for row in propose(wanted, stored)] == list(stored)
    rows = propose({"bn/moving_variance": (2,)}, {"m": (2,), "v": (2,)}, arrays.__getitem__)
    assert [row.stored for row in rows] == ["v"]
    rows = propose(
        {"x/kernel": (2, 2), "y/kernel": (2, 2)}, {"p/kernel": (2, 2), "q/kernel": (2, 2), "r/kernel": (2, 2)}
    )
    assert [row.stored for row in rows] == ["", ""]
    averages = {f"net/conv1/kernel/{name}": (3, 3, 1, 2) for name in ("ExponentialMovingAverage",)}
    assert propose({"net/conv1/kernel": (3, 3, 1, 2)}, averages)[0].stored
