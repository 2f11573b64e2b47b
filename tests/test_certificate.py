"""certificate.json: written by convert, completed by verify, and the stand-in where the original is not at hand."""

import json
import os
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from porter.certificate import _digest, changed, changed_calls, read_certificate
from porter.convert import convert
from porter.emit.build import load_source
from porter.errors import OutputsDiffer, UnreadableSource
from porter.options import Options
from porter.reverify import verify
from porter.verify.archive import differs_from_source
from porter.verify.compare import Tolerance
from porter.verify.fresh import load_module
from porter.verify.sampled import Sampled, sample
from porter.verify.wiring import model_calls

FIXTURE = Path(__file__).parent.parent / "fixtures" / "mnist_layers_cond_bn"
FILES = ("model.py", "model.weights.h5", "model.keras", "report.json", "report.html", "certificate.json")
HERE = (0, 1, 3, 4)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A conversion whose original is not where it was."""
    folder = tmp_path_factory.mktemp("certified")
    source = folder / "there"
    shutil.copytree(FIXTURE, source)
    convert(source / "model.ckpt", folder / "converted", Options())
    source.rename(folder / "elsewhere")
    return folder


@pytest.fixture
def model(moved, tmp_path):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(moved / "converted", tmp_path / "converted"))


def statuses(proof):
    return {level["level"]: level["status"] for level in proof["levels"]}


def test_it_says_what_was_proved(moved):
    found = read_certificate(moved / "converted")
    assert [level["level"] for level in found["levels"]] == list(HERE)
    assert set(found["files"]) == set(FILES) - {"certificate.json"}
    assert found["versions"].keys() == {"python", "keras", "tensorflow", "numpy"}
    assert found["source"].keys() == {path.name for path in FIXTURE.glob("model.ckpt.*")}
    assert found["tolerance"] == {"rtol": 1e-5, "rounding": True}
    assert found["levels"][2]["outputs"]["probabilities:0"]["relative"] < 1e-5
    kinds = [(case["kind"], case["batch"]) for case in found["records"]["cases"]]
    assert kinds == [("normal", 2), *((kind, 1) for kind in ("normal", "uniform", "constant", "large", "small"))]
    assert (moved / "converted" / "certificate.json").stat().st_size < 64 * 1024


def test_it_stands_in_for_the_original(moved):
    proof = verify(moved / "converted", levels=list(HERE))
    assert statuses(proof) == dict.fromkeys(HERE, "passed")
    assert proof["certificate"]["stands_in"]
    assert "as they were certified" in proof["levels"][0]["reason"]
    assert proof["levels"][2]["batch_sizes"] == [1, 2]


def test_without_a_certificate_there_is_nothing_to_compare_with(model):
    (model / "certificate.json").unlink()
    with pytest.raises(UnreadableSource):
        verify(model, levels=[3])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_found(model, name, share):
    file = model / name
    content = bytearray(file.read_bytes())
    content[int(len(content) * share)] ^= 1
    file.write_bytes(bytes(content))
    try:
        found = statuses(verify(model, levels=[0]))
    except (OutputsDiffer, UnreadableSource) as problem:
        found = {0: "failed"} if str(model) in problem.where or str(model) in problem.what else {}
    assert found == {0: "failed"}


def test_a_wrong_model_with_new_digests_fails_by_its_outputs(model):
    """Who writes the digests anew still has to give the recorded answers."""
    text = (model / "model.py").read_text()
    assert 'activation="softmax"' in text
    (model / "model.py").write_text(text.replace('activation="softmax"', 'activation="sigmoid"'))
    proof = verify(model, levels=[0, 3])
    assert statuses(proof) == {0: "failed", 3: "failed"}
    assert "model.py is not the file that was certified" in proof["levels"][0]["reason"]
    assert "probabilities:0" in proof["levels"][1]["reason"]


def test_verify_completes_it(moved, model):
    source = moved / "elsewhere" / "model.ckpt"
    proof = verify(model, source=source, levels=[2, 5])
    assert statuses(proof) == {2: "passed", 5: "passed"}
    assert proof["certificate"] == {"stands_in": False, "changed": [], "written": True}
    found = read_certificate(model)
    assert [level["level"] for level in found["levels"]] == [0, 1, 2, 3, 4, 5]
    assert all(row["status"] == "agrees" for row in found["levels"][2]["layers"])


def test_with_the_original_what_has_changed_is_proved_again(moved, model):
    (model / "model.py").write_text((model / "model.py").read_text() + "\n# a remark\n")
    source = moved / "elsewhere" / "model.ckpt"
    told = ["model.py is not the file that was certified"]
    proof = verify(model, source=source, levels=[3])
    assert proof["certificate"] == {"stands_in": False, "changed": told, "written": False}
    assert changed(model, read_certificate(model)) == told
    proof = verify(model, source=source, levels=[0, 1, 3, 4, 5])
    assert proof["certificate"] == {"stands_in": False, "changed": told, "written": True}
    found = read_certificate(model)
    assert not changed(model, found)
    assert [level["level"] for level in found["levels"]] == [0, 1, 3, 4, 5]


def replaced(model, old, new):
    """model.py with something else in it."""
    text = (model / "model.py").read_text()
    assert old in text
    (model / "model.py").write_text(text.replace(old, new, 1))


def test_without_the_original_a_changed_argument_is_named(model):
    replaced(model, 'momentum=0.9, epsilon=1.001e-5, name="bn2"', 'momentum=0.9, epsilon=1e-4, name="bn2"')
    replaced(model, 'momentum=0.9, name="bn1"', 'momentum=0.95, name="bn1"')
    reason = verify(model, levels=[0])["levels"][0]["reason"]
    assert "BatchNormalization bn1: momentum is 0.95, 0.9 was certified" in reason
    assert "BatchNormalization bn2: epsilon is 0.0001, 1.001e-05 was certified" in reason


def test_without_the_original_a_penalty_and_another_call_are_named(model):
    replaced(model, 'name="conv2"', 'kernel_regularizer="l2", name="conv2"')
    assert "Conv2D conv2: kernel_regularizer is L2" in verify(model, levels=[0])["levels"][0]["reason"]
    replaced(model, 'kernel_regularizer="l2", ', "")
    replaced(model, "x = layers.Flatten()(x)", "x = ops.abs(layers.Flatten()(x))")
    (model / "model.py").write_text((model / "model.py").read_text().replace("import layers", "import layers, ops"))
    assert "call 9 of 13 is of Absolute, Dense was certified" in verify(model, levels=[0])["levels"][0]["reason"]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            lambda x, y: keras.ops.softmax(x - y, axis=1),
            "call 2 of 2, of Softmax, is made with axis 1 (-1 was certified)",
        ),
        (lambda x, y: keras.ops.softmax(y - x), 'call 1 of 2, of Subtract, takes [["input 1", "input 0"], {}], '),
    ],
)
def test_what_operations_are_made_with_is_certified(other, told):
    one, two = keras.Input((3, 4)), keras.Input((3, 4))
    right, wrong = (keras.Model([one, two], make(one, two)) for make in (lambda x, y: keras.ops.softmax(x - y), other))
    certificate = {"calls": model_calls(right)}
    assert changed_calls(right, certificate) == []
    another = keras.Model(right.inputs, [right.outputs[0], right.inputs[0]])
    assert changed_calls(another, certificate) == ['the outputs are ["call 2", "input 0"], ["call 2"] was certified']
    assert changed_calls(wrong, certificate)[0].startswith(told)


def test_what_only_training_shows_has_to_be_as_certified_where_the_original_cannot_be_asked(tmp_path):
    """The frozen graph of separable_mobile holds no moving averages' updates."""
    frozen = FIXTURE.parent / "separable_mobile"
    convert(next(frozen.glob("*.pb")), tmp_path / "model", Options())
    replaced(tmp_path / "model", 'name="stem_bn"', 'name="stem_bn", momentum=0.9')
    proof = verify(tmp_path / "model", levels=[3, 5])
    assert statuses(proof) == {3: "passed", 5: "failed"}
    assert "BatchNormalization stem_bn: momentum is 0.9, 0.99 was certified" in proof["first_wrong"]["told"]
    assert "stem_bn/cond/FusedBatchNorm" in proof["first_wrong"]["told"]


def test_where_the_original_can_be_asked_it_decides(moved, model):
    """The certificate is told of, but the original's own updates are what a momentum is judged by."""
    source = moved / "elsewhere" / "model.ckpt"
    replaced(model, 'momentum=0.9, name="bn1"', 'momentum=0.95, name="bn1"')
    reason = verify(model, source=source, levels=[5])["levels"][0]["reason"]
    assert reason.startswith("BatchNormalization bn1 (rule batch_normalization")
    assert "moving_mean after one step is off" in reason
    assert "It agrees if momentum is 0.9 instead of 0.95" in reason
    certificate = json.loads((model / "certificate.json").read_text())
    certificate["layers"] = [
        {**each, "config": {**each["config"], "momentum": 0.5}} if "momentum" in each["config"] else each
        for each in certificate["layers"]
    ]
    assert certificate["layers"] != json.loads((model / "certificate.json").read_text())["layers"]
    certificate.pop("sha256")
    (model / "certificate.json").write_text(json.dumps({**certificate, "sha256": _digest(certificate)}))
    replaced(model, 'momentum=0.95, name="bn1"', 'momentum=0.9, name="bn1"')
    assert statuses(verify(model, source=source, levels=[5])) == {5: "passed"}


def test_the_archive_holds_what_the_source_makes(moved, model):
    def told():
        return differs_from_source(model, load_source(moved / "converted" / "model.py").load_model())

    assert told() == []
    replaced(model, 'momentum=0.9, name="bn1"', 'momentum=0.95, name="bn1"')
    changed_model = load_source(model / "model.py").load_model()
    weight = changed_model.get_layer("bn2").moving_mean
    weight.assign(weight.numpy() + 1)
    changed_model.save(model / "model.keras")
    assert told() == [
        "BatchNormalization bn1: momentum is 0.95 in model.keras, 0.9 in model.py",
        "BatchNormalization bn2: moving_mean holds other numbers in model.keras than in model.weights.h5",
    ]


def test_an_archive_of_other_calls_is_another_model(tmp_path):
    def model(of_dropout):
        x = keras.Input((4,), name="x")
        a = keras.layers.Dense(4, name="a")(x)
        dropped = keras.layers.Dropout(0.5, name="dropped")(a)
        return keras.Model(x, [keras.layers.Dense(4, name="b")(dropped if of_dropout else a), dropped])

    right, wrong = model(True), model(False)
    wrong.set_weights(right.get_weights())
    for archived, told in ((right, []), (wrong, ["Dense b is made of something else in model.keras than in model.py"])):
        archived.save(tmp_path / "model.keras")
        assert differs_from_source(tmp_path, right) == told


@pytest.mark.parametrize("name", ["model.py", "model.weights.h5", "model.keras"])
def test_a_file_that_is_not_there(moved, model, name):
    (model / name).unlink()
    with pytest.raises(UnreadableSource, match=f"lacks {name}"):
        verify(model, source=moved / "elsewhere" / "model.ckpt", levels=[3])


@pytest.mark.parametrize("load", [load_source, load_module])
def test_what_runs_is_what_stands_in_the_source(load, tmp_path, monkeypatch):
    """Python's own byte code cache takes a source of the same size and time for the one it has compiled before."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    source = tmp_path / "model.py"
    for number in (1, 2):
        source.write_text(f"number = {number}\n")
        os.utime(source, (0, 0))
        assert load(source).number == number
    assert list(tmp_path.iterdir()) == [source]


def test_what_fails_is_not_certified(moved, model):
    before = (model / "certificate.json").read_text()
    text = (model / "model.py").read_text()
    (model / "model.py").write_text(text.replace('activation="softmax"', 'activation="sigmoid"'))
    proof = verify(model, source=moved / "elsewhere" / "model.ckpt", levels=[3])
    assert statuses(proof) == {3: "failed"}
    assert (model / "certificate.json").read_text() == before
    assert "probabilities:0" in json.loads((model / "report.json").read_text())["verified"]["first_wrong"]["told"]
    assert json.loads((model / "report.json").read_text())["verified"]["verdict"] == "failed"
    (model / "model.py").write_text(text)
    assert verify(model, source=moved / "elsewhere" / "model.ckpt", levels=[0, 1, 3, 4, 5])["certificate"]["written"]
    assert json.loads((model / "report.json").read_text())["verified"]["verdict"] == "proved"


def test_a_sample_holds_the_ends_and_finds_what_is_off():
    array = np.random.default_rng(0).normal(size=(50, 40)).astype("float32")
    few = Sampled.from_dict(json.loads(json.dumps(sample(array, 400, 1e-6).to_dict())))
    assert few.values.size == 100
    assert {array.min(), array.max()} <= set(few.values)
    assert few.compare(array, Tolerance()).ok
    assert not few.compare(array * np.float32(1.001), Tolerance()).ok
    assert not few.compare(array.astype("float64"), Tolerance()).ok
    assert not few.compare(array.T, Tolerance()).ok
    whole = sample(array[:2, :3], 1000, 0.0)
    assert whole.values.size == 6
    for other in (np.arange(5), np.array([True, False]), np.array(3.0), np.zeros((0, 3), "float32")):
        kept = Sampled.from_dict(sample(other, 100, 0.0).to_dict())
        assert kept.compare(other, Tolerance()).ok
        assert kept.values.dtype == other.dtype
