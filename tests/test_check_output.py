"""What `porter check` writes for other programs is what they read: schemas, annotations, XML."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

from porter.check.output import FORMATS, for_file, to_markdown
from porter.check.result import ModelOutcome, Result
from porter.errors import UsageError
from porter.lint import Finding, lint

ROOT = Path(__file__).parents[1]
SARIF = json.loads((ROOT / "tests/schemas/sarif-2.1.0-rtm.4.json").read_text())
SOURCE = """\
import tensorflow as tf
x = tf.log(  # a comment: with 100%, and two
    tf.placeholder(tf.float32, [None, 3]))
é = tf.reduce_sum(x, keep_dims=True), tf.layers.dense(
    x, 3)
"""


@pytest.fixture(scope="module")
def result() -> Result:
    """Findings in source with edits and over several lines, one that is known, models of each kind."""
    findings = lint("a dir/né,t.py", SOURCE)
    refused = Finding("PT401", "models/bad.ckpt", "refused: No rule for | <Foo>\x00")
    crashed = Finding("PT404", "models/worse.pb", "crashed: it was ended by signal 11")
    models = [
        ModelOutcome("models/bad.ckpt", "checkpoint", "refused", 1.5, finding=refused),
        ModelOutcome("models/worse.pb", "frozen graph", "crashed", 2.0, finding=crashed),
        ModelOutcome("models/good.ckpt", "checkpoint", "converted", 3.0, levels={"0": "passed", "7": "skipped"}),
        ModelOutcome("models/left.ckpt", "checkpoint", "skipped", note="too large"),
    ]
    return Result(
        Path(), new=[*findings[1:], refused, crashed], known=findings[:1], gone=[("old.py", "PT103", "x")], files=4,
        models=models, left=[("graph.pb", "no weights")], seconds=7.0,
    )  # fmt: skip


def test_sarif_is_valid(result):
    content = json.loads(FORMATS["sarif"](result))
    assert sorted(Draft4Validator(SARIF).iter_errors(content), key=str) == []
    (run,) = content["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    assert len({each["partialFingerprints"]["porter/v1"] for each in run["results"]}) == len(run["results"])
    assert [each.get("suppressions") is not None for each in run["results"]].count(True) == len(result.known)


def test_the_schema_can_refuse(result):
    """A negative control for the test above."""
    content = json.loads(FORMATS["sarif"](result))
    content["runs"][0]["results"][0]["level"] = "fatal"
    assert list(Draft4Validator(SARIF).iter_errors(content))


def test_sarif_names_lines_and_files(result):
    (run,) = json.loads(FORMATS["sarif"](result))["runs"]
    by_rule = {each["ruleId"]: each["locations"][0]["physicalLocation"] for each in run["results"]}
    assert by_rule["PT103"]["region"]["startLine"] == 4
    assert by_rule["PT103"]["region"]["startColumn"] == 39
    assert by_rule["PT103"]["artifactLocation"]["uri"] == "a%20dir/n%C3%A9%2Ct.py"
    assert by_rule["PT401"] == {"artifactLocation": {"uri": "models/bad.ckpt", "uriBaseId": "ROOT"}}


def test_sarif_of_nothing():
    assert not list(Draft4Validator(SARIF).iter_errors(json.loads(FORMATS["sarif"](Result(Path())))))


def test_sarif_fixes_are_those_of_fix(result):
    """Columns count characters from 1, so that an editor changes what --fix changes."""
    (run,) = json.loads(FORMATS["sarif"](result))["runs"]
    lines = SOURCE.split("\n")
    seen = set()
    for each in run["results"]:
        for fix in each.get("fixes", ()):
            (replacement,) = fix["artifactChanges"][0]["replacements"]
            region = replacement["deletedRegion"]
            seen.add(lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1])
    assert seen == {"tf.log", "keep_dims"}


def test_github_annotations(result):
    lines = FORMATS["github"](result).splitlines()
    assert len(lines) == len(result.new)
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert "file=a dir/né%2Ct.py,line=4,endLine=4,col=39," in next(line for line in lines if "PT103" in line)
    assert "::refused: No rule for" in next(line for line in lines if "PT401" in line)


def test_junit(result):
    top = ElementTree.fromstring(FORMATS["junit"](result))
    source, models = top.findall("testsuite")
    assert (source.get("tests"), source.get("failures")) == ("2", "1")
    assert (models.get("tests"), models.get("failures"), models.get("errors"), models.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    assert "PT103" in (source.find("testcase/failure").text or "")


def test_json(result):
    content = json.loads(FORMATS["json"](result))
    assert content["exit_code"] == 1
    assert [each["known"] for each in content["findings"]].count(True) == 1
    assert content["models"][2]["levels"] == {"0": "passed", "7": "skipped"}
    assert content["left"] == [{"path": "graph.pb", "why": "no weights"}]


def test_markdown(result):
    text = to_markdown(result)
    assert "| `models/good.ckpt` | checkpoint | converted | 0 |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") in (4, 5) for line in rows)
    assert "<Foo>" not in text.replace("\\<Foo\\>", "")


def test_the_name_of_a_report_says_its_form(tmp_path):
    assert for_file(Path("a.sarif")) is FORMATS["sarif"]
    assert for_file(Path("a.xml")) is FORMATS["junit"]
    with pytest.raises(UsageError, match="does not say"):
        for_file(Path("a.doc"))
