"""Lookups in tables, and text as an input or an output: what TensorFlow 1 recorded, and what is said where a part is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from lab import proved

from porter.convert import convert
from porter.emit.build import load_source
from porter.errors import Unsupported
from porter.options import Options

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lookup_tables"
with np.load(FIXTURE / "recorded.npz") as npz:
    RECORDED = {name: npz[name] for name in npz.files}


def answers(model, report):
    """What a model says to the recorded inputs, by the tensor's name."""
    given = [RECORDED[f"in:{row['tensor']}"] for row in report["inputs"]]
    given = [tf.constant(array) for array in given]
    results = keras.tree.flatten(model(given[0] if len(given) == 1 else given))
    return {row["tensor"]: result.numpy() for row, result in zip(report["outputs"], results, strict=True)}


def assert_recorded(found):
    for tensor, got in found.items():
        want = RECORDED[f"out:{tensor}"]
        if want.dtype.kind == "U":
            assert [word.decode() for word in got] == want.tolist()
        else:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def classes(report):
    return [row["class"] for row in report["layers"]]


@pytest.fixture(scope="module")
def dishes(shelf):
    """The classifier with both outputs."""
    out = shelf / "dishes"
    return out, convert(FIXTURE / "saved_model", out, Options(outputs=["scores:0", "dish:0"])).report


def test_a_vocabulary_among_the_assets_becomes_a_string_lookup(dishes):
    out, report = dishes
    assert classes(report).count("StringLookup") == 2
    assert classes(report).count("Hashing") == 1
    assert report["verified"]["verdict"] == "proved"
    assert "recipe_words.txt" in report["source"]["sha256"]
    words = (FIXTURE / "saved_model" / "assets" / "recipe_words.txt").read_text().split("\n")
    assert (out / "vocabulary.txt").read_text().split("\n") == [word for word in words if word]
    assert_recorded(answers(load_source(out / "model.py").load_model(), report))


def test_the_archive_holds_the_vocabulary_itself(dishes, tmp_path):
    out, report = dishes
    archive = shutil.copy(out / "model.keras", tmp_path)
    assert_recorded(answers(keras.saving.load_model(archive), report))


def test_the_report_says_that_text_takes_tensorflow(dishes):
    _, report = dishes
    assert report["only_tensorflow"].startswith("text:0 is text, for ")
    assert any("--inputs hash_table_Lookup/" in text and "other --outputs" in text for text in report["warnings"])


def test_text_is_left_out_of_the_outputs_unless_it_is_named(shelf):
    report = convert(FIXTURE / "saved_model", options=Options(dry_run=True)).report
    assert [row["tensor"] for row in report["outputs"]] == ["scores:0"]
    assert any("dish is text" in text and "--outputs scores:0,dish:0" in text for text in report["warnings"])


def test_what_a_table_finds_may_be_an_input(shelf):
    found = ["hash_table_Lookup/hash_table_Lookup/LookupTableFindV2:0", "hash_table_Lookup/hash_bucket:0"]
    report = convert(FIXTURE / "saved_model", options=Options(inputs=found, dry_run=True)).report
    assert [(row["tensor"], row["dtype"]) for row in report["inputs"]] == [(name, "int64") for name in found]
    assert report["only_tensorflow"] == ""


def test_a_file_a_checkpoint_and_numbers_fill_tables(shelf):
    out = shelf / "prices"
    report = convert(FIXTURE / "prices.ckpt", out, Options(outputs=["total:0"], verify=False)).report
    assert [row["tensor"] for row in report["inputs"]] == ["words:0", "number:0"]
    assert "NumberLookup" in classes(report)
    assert {"prices.tsv"} <= report["source"]["sha256"].keys()
    left = {row["name"]: row["why"] for row in report["weights"]["left"]}
    assert left["seen-keys"] == left["seen-values"] == "the table that it fills stands in model.py"
    assert_recorded(answers(load_source(out / "model.py").load_model(), report))
    assert_recorded(answers(keras.saving.load_model(out / "model.keras"), report))


def test_features_of_text_are_numbers_or_the_text_itself(shelf):
    """Words that are hashed beside a vocabulary too, and samples with one, several and none."""
    source = FIXTURE / "columns.ckpt"
    report = convert(source, options=Options(outputs=["rating:0"], dry_run=True)).report
    assert {(row["tensor"], row["dtype"]) for row in report["inputs"]} == {
        ("kind_ids:0", "int64"),
        ("maker_ids:0", "int64"),
    }
    told = " ".join(text for text in report["warnings"] if text.startswith("Feed kind_ids:0"))
    assert "[raw, baked, fried] (3 words), from 0; for any other as many more as" in told
    assert "tf.strings.to_hash_bucket_fast(text, 2)" in told
    assert "--inputs with kind:0" in told
    out = shelf / "rating"
    report = convert(source, out, Options(outputs=["rating:0"], inputs=["kind:0", "maker:0"], verify=False)).report
    assert_recorded(answers(load_source(out / "model.py").load_model(), report))


def test_a_missing_file_is_named_and_what_it_would_give_is_an_input(tmp_path):
    for file in FIXTURE.glob("prices.ckpt*"):
        shutil.copy(file, tmp_path)
    report = convert(tmp_path / "prices.ckpt", options=Options(outputs=["total:0"], dry_run=True)).report
    assert ["hash_table_Lookup/LookupTableFindV2:0", "float32"] in [
        [row["tensor"], row["dtype"]] for row in report["inputs"]
    ]
    told = next(text for text in report["warnings"] if "prices.tsv" in text)
    assert str(tmp_path / "prices.tsv") in told


def test_a_frozen_table_of_numbers_without_its_content_is_refused_by_name(tmp_path):
    with tf.Graph().as_default() as graph:
        number = tf.compat.v1.placeholder(tf.int64, [None], "number")
        table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.float32, name="codes")
        tf.identity(tf.raw_ops.LookupTableFindV2(table_handle=table, keys=number, default_value=0.0), "out")
        (tmp_path / "frozen.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(Unsupported) as problem:
        convert(tmp_path / "frozen.pb", options=Options(outputs=["out:0"], dry_run=True))
    assert problem.value.where == "codes"
    assert "nothing in the file fills it" in problem.value.why


def vocabulary(tf, words):
    """What numbers words from 0."""
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    values = tf.constant(list(range(len(words))), tf.int64)
    tf.raw_ops.InitializeTableV2(table_handle=table, keys=tf.constant(words), values=values)
    unknown = tf.constant(0, tf.int64)
    return lambda text: tf.raw_ops.LookupTableFindV2(table_handle=table, keys=text, default_value=unknown)


def test_the_shape_of_text_follows_from_what_is_looked_up_with_its_numbers():
    def build(tf):
        words = tf.placeholder(tf.string, None, "words")
        rows = tf.gather(tf.get_variable("rows", [3, 4], use_resource=False), vocabulary(tf, ["a", "b", "c"])(words))
        return tf.matmul(tf.reduce_mean(rows, 1), tf.get_variable("kernel", [4, 2], use_resource=False))

    assert proved(build).report["inputs"][0]["shape"] == [None, None]


def test_a_lookup_in_a_branch():
    def build(tf):
        words, counted = tf.placeholder(tf.string, [None], "words"), tf.placeholder(tf.float32, [], "counted")
        rows = tf.get_variable("rows", [5, 4], use_resource=False)
        numbered = vocabulary(tf, ["a", "b", "c"])

        def hashed():
            return tf.gather(rows, tf.strings.to_hash_bucket_fast(words, 5))

        return tf.cond(counted > 0, lambda: tf.gather(rows, numbered(words)), hashed)

    conversion = proved(build)
    assert [row["tensor"] for row in conversion.report["inputs"]] == ["words:0", "counted:0"]
