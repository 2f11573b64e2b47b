"""Which files of a repository are models, and what belongs together: by their bytes, without TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from porter.check import discover, kinds

FIXTURES = Path(__file__).parents[1] / "fixtures"

KINDS = {
    "mnist_keep_prob/model.ckpt.meta": kinds.META_GRAPH,
    "mnist_keep_prob/model.ckpt.index": kinds.TABLE,
    "checkpoint_v1/model.ckpt": kinds.TABLE,
    "frozen_text/model.pbtxt": kinds.GRAPH,
    "saved_model_iris/saved_model/saved_model.pb": kinds.SAVED_MODEL,
    "mnist_keep_prob/fixture.json": kinds.OTHER,
    "mnist_keep_prob/reference.npz": kinds.OTHER,
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_files(name):
    assert kinds.kind(FIXTURES / name) == KINDS[name]


def test_a_graph_that_was_cut_short_is_a_model(tmp_path):
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef()
    for name in "abc":
        graph.node.add(name=name, op="Const").attr["value"].s = b"x" * 90
    content = graph.SerializeToString()
    for size, expected in ((len(content), kinds.GRAPH), (len(content) - 40, kinds.GRAPH)):
        (tmp_path / "model").write_bytes(content[:size])
        assert kinds.kind(tmp_path / "model") == expected
    graph.node.add(name="v", op="VariableV2")
    (tmp_path / "model").write_bytes(graph.SerializeToString())
    assert kinds.kind(tmp_path / "model") == kinds.BARE_GRAPH


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 100,
        b"\x0a\x05hello world, this is text",
        b"item {\n  name: 'x'\n}\n" * 3,
        np.random.default_rng(0).bytes(400),
        b"\x08" * 99,
    ],
)
def test_what_is_no_model(tmp_path, content):
    for name in ("labels.pb", "labels.pbtxt", "x.index", "model"):
        (tmp_path / name).write_bytes(content)
        assert kinds.kind(tmp_path / name) == kinds.OTHER


def test_every_model_of_the_fixtures_is_found_once():
    paths = [path.relative_to(FIXTURES) for path in sorted(FIXTURES.rglob("*")) if path.is_file()]
    models = {each.source.as_posix(): each.format for each in discover.discover(FIXTURES, paths).models}
    assert models["mnist_keep_prob/model.ckpt"] == models["checkpoint_v1/model.ckpt"] == "checkpoint"
    assert models["frozen_text/model.pbtxt"] == "frozen graph"
    assert models["saved_model_iris/saved_model"] == "SavedModel"
    folders = {
        path.parts[0] for path in paths if len(path.parts) > 1 and (FIXTURES / path.parts[0] / "expected.py").exists()
    }
    assert all(sum(name.startswith(f"{folder}/") for name in models) == 1 for folder in folders)


def test_checkpoints_of_one_training_are_one_model(tmp_path):
    for step in (9, 10, 100):
        for path in (FIXTURES / "mnist_keep_prob").glob("model.ckpt.*"):
            shutil.copy(path, tmp_path / path.name.replace("model.ckpt", f"model.ckpt-{step}"))
    paths = [path.relative_to(tmp_path) for path in tmp_path.iterdir()]
    (model,) = discover.discover(tmp_path, sorted(paths)).models
    assert model.source.name == "model.ckpt-100"
    assert [each.name for each in model.earlier] == ["model.ckpt-9", "model.ckpt-10"]
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/model.ckpt-10"\n')
    (model,) = discover.discover(tmp_path, sorted(paths)).models
    assert model.source.name == "model.ckpt-10"


def test_a_checkpoint_without_graph_and_a_graph_without_checkpoint(tmp_path):
    for path in (FIXTURES / "mnist_keep_prob").glob("model.ckpt.*"):
        folder = tmp_path / ("graph" if path.suffix == ".meta" else "weights")
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder)
    paths = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    models = {each.source.as_posix(): each.format for each in discover.discover(tmp_path, sorted(paths)).models}
    assert models == {
        "graph/model.ckpt.meta": "graph of a checkpoint without weights",
        "weights/model.ckpt": "checkpoint without graph",
    }


def test_a_conversion_is_no_legacy_model(tmp_path):
    for name in ("model.py", "report.json"):
        (tmp_path / name).write_text("import keras")
    (tmp_path / "model.weights.h5").write_bytes(kinds.HDF5 * 9)
    found = discover.discover(tmp_path, [Path("model.py"), Path("report.json"), Path("model.weights.h5")])
    assert found == discover.Found()
