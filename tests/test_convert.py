"""The pipeline as a whole: what is proposed is proved, and nothing is written that does not hold."""

import json
from pathlib import Path

import pytest

from porter.convert import convert, model_name
from porter.errors import OutputsDiffer, UsageError
from porter.options import Options
from porter.rule import layers, rule

FIXTURES = Path(__file__).parents[1] / "fixtures"


def a_rule_that_is_wrong():
    @rule
    def relu_as_elu(tf, x):
        """Raise max(x, 0) to something else."""
        return tf.Relu(x)

    @relu_as_elu.to_keras
    def _(x):
        return layers.ELU()(x)

    return relu_as_elu


def test_a_proposal_that_does_not_hold_is_dropped_and_reported(tmp_path, monkeypatch):
    import porter.rules

    monkeypatch.setattr(porter.rules, "RULES", (a_rule_that_is_wrong(), *porter.rules.RULES))
    result = convert(FIXTURES / "mnist_keep_prob" / "model.ckpt", tmp_path / "out")
    assert "ELU" not in result.source
    assert "relu" in result.source.lower()
    (near, *_) = [text for text in result.report["warnings"] if "near miss of the rule relu_as_elu" in text]
    assert "computes something else" in near
    assert result.report["verified"]["verdict"] == "proved"


def test_what_does_not_hold_is_not_written(tmp_path, monkeypatch):
    import porter.convert as pipeline

    monkeypatch.setattr(pipeline, "_refuted", lambda proof, report: {})
    import porter.rules

    monkeypatch.setattr(porter.rules, "RULES", (a_rule_that_is_wrong(), *porter.rules.RULES))
    source = FIXTURES / "mnist_keep_prob" / "model.ckpt"
    with pytest.raises(OutputsDiffer, match="was not written"):
        convert(source, tmp_path / "out")
    assert not list(tmp_path.iterdir())
    convert(source, tmp_path / "kept", Options(keep_failed=True))
    assert "NOT PROVED" in (tmp_path / "kept" / "model.py").read_text()
    assert json.loads((tmp_path / "kept" / "report.json").read_text())["verified"]["verdict"] == "failed"


def test_a_folder_that_holds_something_is_kept(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        convert(FIXTURES / "frozen_text" / "model.pbtxt", tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("model.ckpt", "model"),
        ("model.ckpt-1234.meta", "model"),
        ("net-7.data-00000-of-00001", "net"),
        ("frozen.pb", "frozen"),
        ("export/saved_model.pb", "export"),
        ("my net.pbtxt", "my_net"),
    ],
)
def test_names_come_from_the_source(source, name):
    assert model_name(Path(source)) == name


def test_batch_safety_that_does_not_hold_is_given_up(tmp_path, monkeypatch):
    """What was meant to be each sample's own and is not is kept as the original has it, and the user is told."""
    import porter.rewrite as stage

    undo = stage.keep_samples_apart

    def only_claimed(graph, batch, *, exact):
        found = undo(graph, batch, exact=True)
        for each in () if exact else found:
            each.undone, each.meets, each.outputs = True, [each.node.out], [0]
        return found

    monkeypatch.setattr(stage, "keep_samples_apart", only_claimed)
    result = convert(FIXTURES / "min_max_forms" / "model.ckpt", tmp_path / "out")
    assert result.report["verified"]["verdict"] == "proved"
    assert not result.report["changes"]
    assert any("not what the original gives for one alone" in text for text in result.report["warnings"])


def test_samples_that_influence_each_other_are_warned_of(tmp_path, monkeypatch):
    """Also where nothing that is read in the graph would tell of it: level 4 has seen it."""
    import porter.rewrite as stage

    monkeypatch.setattr(stage, "keep_samples_apart", lambda graph, batch, *, exact: [])
    report = convert(FIXTURES / "min_max_forms" / "model.ckpt", tmp_path / "out").report
    (told,) = [text for text in report["warnings"] if "influence each other" in text]
    assert told.startswith("per_channel:0")
