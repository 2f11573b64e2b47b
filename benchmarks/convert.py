"""How long porter takes, beside what TensorFlow takes for the same graph, and how that grows: `python benchmarks/convert.py`.

All figures of one run are taken on the same machine one after another, so the ratios can be compared between machines;
the seconds cannot. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

ROOT = Path(__file__).resolve().parents[1]
NODES = (500, 1000, 2000, 5000, 10000, 20000)
MEGABYTES = (50, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=NODES, help="sizes for the table of growth")
    parser.add_argument("--megabytes", type=int, nargs="*", default=MEGABYTES, help="sizes for the table of memory")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a measurement in a process of its own, as JSON
    given = parser.parse_args()
    if given.one:
        kind, size = given.one.split(":")
        print(json.dumps({"time": measure_time, "memory": measure_memory, "fixture": measure_fixture}[kind](size)))
        return
    fixtures = ["seed_network", "slim_resnet", "unet_transpose"]
    table(
        "Conversion without proof, beside tf.import_graph_def of the part that is converted",
        ["model", "nodes", "kept", "import s", "convert s", "ratio", "with proof s"],
        [elsewhere(f"fixture:{name}") for name in fixtures],
    )
    table(
        "Growth: residual networks. Milliseconds per node should not grow",
        ["model", "nodes", "kept", "import s", "convert s", "ratio", "ms per node", *STAGES],
        [elsewhere(f"time:{size}") for size in given.nodes],
    )
    table(
        "Memory: what the process needed beyond importing TensorFlow and Keras, in sizes of the weights",
        ["model", "weights MB", "peak MB", "ratio"],
        [elsewhere(f"memory:{size}") for size in given.megabytes],
    )


def elsewhere(what: str) -> dict[str, Any]:
    """A measurement in a process of its own, so that none warms another up."""
    words = [sys.executable, __file__, "--one", what]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        return {"model": what, "failed": done.stderr.strip().splitlines()[-1][:100]}
    return json.loads(done.stdout.splitlines()[-1])


def table(title: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    cells = [columns, *([_cell(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    print(f"\n{title}\n")
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    for row in rows:
        if "failed" in row:
            print(f"  {row['model']}: {row['failed']}")


def _cell(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


# --- Measurements ----------------------------------------------------------------------------------------------

STAGES = ("read", "rules", "write")


def measure_fixture(name: str) -> dict[str, Any]:
    """A fixture, with and without proof."""
    folder = ROOT / "fixtures" / name
    source = folder / json.loads((folder / "fixture.json").read_text())["source"]
    _warm_up()
    row = _timed(source)
    row["with proof s"] = _timed(source, verify=True)["convert s"]
    return {"model": name, **row}


def measure_time(nodes: str) -> dict[str, Any]:
    """A residual network of about so many nodes."""
    with tempfile.TemporaryDirectory() as scratch:
        source = residual_network(Path(scratch), int(nodes))
        _warm_up()
        return {"model": f"{int(nodes):,} nodes", **_timed(source)}


def measure_memory(megabytes: str) -> dict[str, Any]:
    """Two dense layers of so many megabytes together."""
    import resource

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "model.ckpt"
        words = [sys.executable, "-c", f"import convert; convert.dense_network({str(source)!r}, {int(megabytes)})"]
        subprocess.run(words, check=True, cwd=Path(__file__).parent, capture_output=True)
        _warm_up()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _timed(source)
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"model": f"{megabytes} MB", "weights MB": int(megabytes), "peak MB": peak, "ratio": peak / int(megabytes)}


def _warm_up() -> None:
    """Import, and convert something small, so that neither is counted."""
    with tempfile.TemporaryDirectory() as scratch:
        source = residual_network(Path(scratch), 60)
        _timed(source)


def _timed(source: Path, *, verify: bool = False) -> dict[str, Any]:
    import tensorflow as tf

    from porter.convert import Options, convert
    from porter.read import make_original, open_source

    opened = open_source(source)
    original = make_original(opened)
    start = time.perf_counter()
    with tf.Graph().as_default():
        tf.import_graph_def(original.graph_def, name="")
    importing = time.perf_counter() - start
    spent: dict[str, float] = {}
    now = {"stage": "read", "since": time.perf_counter()}

    def progress(stage: str, done: float) -> None:
        passed = time.perf_counter()
        spent[now["stage"]] = spent.get(now["stage"], 0.0) + passed - now["since"]
        now.update(stage=stage.split(":")[0], since=passed)

    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        convert(source, Path(scratch) / "out", Options(verify=verify), progress)
        progress("end", 1)
        converting = time.perf_counter() - start
    kept = len(original.graph_def.node)
    return {
        "nodes": len(opened.graph_def.node),
        "kept": kept,
        "import s": importing,
        "convert s": converting,
        "ratio": converting / importing,
        "ms per node": 1000 * converting / kept,
        **spent,
    }


# --- Models ------------------------------------------------------------------------------------------------------


def residual_network(folder: Path, nodes: int) -> Path:
    """A checkpoint of a network of about so many nodes, as its inference graph has them."""
    tf = _tensorflow()
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 8, 8, 4], "x")
        training = tf.placeholder_with_default(False, [], "training")
        block = 0
        while len(graph.get_operations()) < nodes:
            with tf.variable_scope(f"block{block}"):
                y = tf.layers.conv2d(x, 4, 3, padding="same", name="conv")
                y = tf.layers.batch_normalization(y, training=training, name="bn")
                x = x + tf.nn.relu(y)
            block += 1
        tf.nn.softmax(tf.layers.dense(tf.reduce_mean(x, [1, 2]), 3), name="probabilities")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(folder / "model.ckpt"))
    return folder / "model.ckpt"


def dense_network(prefix: str, megabytes: int) -> None:
    """A checkpoint with so many megabytes of weights."""
    tf = _tensorflow()
    width = int((megabytes * 2**20 / 8) ** 0.5)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, width], "x")
        for name in ("one", "two"):
            x = tf.nn.relu(tf.layers.dense(x, width, name=name))
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, prefix)


def _tensorflow() -> Any:
    import tensorflow as tf

    tf.compat.v1.disable_control_flow_v2()
    tf.compat.v1.disable_resource_variables()
    tf.compat.v1.logging.set_verbosity("ERROR")
    return tf.compat.v1


if __name__ == "__main__":
    main()
