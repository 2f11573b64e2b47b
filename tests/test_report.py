"""report.html and the digest of a report."""

from __future__ import annotations

import copy
from html.parser import HTMLParser

import pytest

from porter.report import digest
from porter.report.html import render

COMPARISON = {
    "ok": True,
    "clause": "tolerance",
    "clauses": ["exact", "tolerance"],
    "relative": 3.2e-7,
    "on": "batch of 3",
}
REPORT = {
    "schema": 1,
    "porter": "0.1.0",
    "source": {"path": "/m/<b>net.ckpt", "format": "checkpoint", "producer": "1.12.0", "sha256": {"net.index": "ab"}},
    "inputs": [{"tensor": "x:0", "keras": "x", "shape": [None, None, 3], "dtype": "float32"}],
    "outputs": [{"tensor": "z_n:0", "keras": "z_n", "shape": [], "dtype": "int64"}],
    "knobs": [{"tensor": "is_training:0", "became": "training argument", "why": "it decides between branches"}],
    "layers": [
        {"name": "conv", "class": "Conv2D", "rule": "conv2d", "nodes": ["c/<Conv2D>"], "weights": {"kernel": "c/w"}},
        {"name": None, "class": "ops.exp", "rule": "Exp", "nodes": ["Exp"], "weights": {}},
    ],
    "changes": [{"kind": "batch-safe", "layer": "z_n:0", "outputs": ["z_n:0"], "why": "answers hung on <neighbours>"}],
    "weights": {
        "copied": ["c/w"], "computed": [],
        "left": [{"name": "w/Adam", "why": "optimizer state"}, {"name": "step", "why": "global step"}],
    },
    "warnings": ["<script>alert(1)</script> & more"],
    "verified": {
        "verdict": "proved", "tolerance": {"rtol": 1e-5, "rounding": True},
        "levels": [
            {"level": 0, "title": "weights", "status": "passed", "reason": "2 of 2 weights", "outputs": {}},
            {
                "level": 3, "title": "outputs", "status": "passed", "reason": "", "outputs": {"z_n:0": COMPARISON},
                "batch_sizes": [1, 3], "kinds": ["normal", "large"], "notes": ["constant input gives NaN in both"],
            },
            {"level": 7, "title": "fresh processes", "status": "skipped", "reason": "nothing written", "outputs": {}},
        ],
    },
}  # fmt: skip


class Page(HTMLParser):
    """The texts of a page, and its tags; fails where tags are not closed in order."""

    VOID = ("meta", "br")

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@pytest.fixture
def report():
    return copy.deepcopy(REPORT)


def test_everything_is_on_the_page(report):
    text = Page(render(report)).text
    for expected in (
        "<b>net.ckpt", "TensorFlow 1.12.0", "x:0", "[batch, ?, 3]", "z_n:0", "int64", "is_training:0",
        "training argument", "Conv2D", "c/<Conv2D>", "c/w", "ops.exp", "answers hung on <neighbours>",
        "<script>alert(1)</script> & more", "3.2e-07", "batches of 1, 3", "normal, large", "constant input gives NaN",
        "nothing written", "1 left: optimizer state", "w/Adam", "ab", "within 8 times",
        "Proved: it computes what the original does (levels 0, 3).", "one sample at a time",
    ):  # fmt: skip
        assert expected in text


def test_the_page_stands_alone(report):
    """No script, no link, no picture, nothing that is loaded; text of the model is never markup."""
    page = Page(render(report))
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert not {"src", "href", "onload"} & {name for name, _ in page.attributes}
    assert "http" not in render(report).replace("http-equiv", "")
    assert "url(" not in render(report)


def test_light_dark_and_phone(report):
    text = render(report)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_failed_is_not_called_proved(report):
    report["verified"]["levels"][1] |= {
        "status": "failed", "reason": "z_n:0: off in 5 % of the elements",
        "outputs": {"z_n:0": {**COMPARISON, "ok": False, "relative": "inf", "share": 0.05}},
    }  # fmt: skip
    text = Page(render(report)).text
    assert "NOT PROVED" in text
    assert "Proved" not in text
    assert "off in 5 % of the elements" in text
    assert "inf of the spread" in text


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({0: "passed", 3: "passed"}, "proved"),
        ({0: "failed", 3: "passed"}, "failed"),
        ({0: "passed", 3: "skipped"}, "unproved"),
        ({0: "passed"}, "unproved"),
        ({}, "not verified"),
    ],
)
def test_verdict(statuses, expected):
    levels = [{"level": number, "status": status} for number, status in statuses.items()]
    assert digest.verdict({"levels": levels}) == expected
    assert ("Proved" in digest.sentence({"verified": {"levels": levels}})) == (expected == "proved")


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        ([3], "does not compute the same"),
        ([5], "answers as the original does, but does not train as it does; level 5 does not hold"),
        ([5, 6], "levels 5 and 6 do not hold"),
        ([7], "not everywhere from its files"),
        ([0, 5], "its outputs agree with the original's, but levels 0 and 5 do not hold"),
    ],
)
def test_what_does_not_hold_is_told(failed, told):
    levels = [{"level": number, "status": "failed" if number in failed else "passed"} for number in range(8)]
    assert told in digest.sentence({"verified": {"levels": levels}})


def test_undecided_is_not_called_not_run():
    seen = {"y:0": {"clauses": ["undecided"]}}
    assert digest.mark({"status": "skipped", "outputs": seen}) == "undecided"
    assert digest.mark({"status": "skipped", "outputs": {}}) == "not run"


def test_unverified(report):
    report["verified"] = {}
    assert "Not proved: nothing was compared." in Page(render(report)).text


def test_worst_comes_first():
    outputs = {
        "small": {"ok": True, "relative": 1e-8}, "large": {"ok": True, "relative": 1e-6},
        "infinite": {"ok": True, "relative": "inf"}, "failed": {"ok": False, "relative": 1e-4, "share": 0.25},
    }  # fmt: skip
    rows = digest.worst({"outputs": outputs})
    assert [row.output for row in rows] == ["failed", "infinite", "large", "small"]
    assert rows[0].share == "25 %"


def test_groups():
    layers = [
        {"class": "ops.add", "rule": "Add", "nodes": ["a"]}, {"class": "ops.add", "rule": "Add", "nodes": ["b"]},
        {"class": "Dense", "rule": "dense", "nodes": ["c", "d"], "weights": {"kernel": "w"}},
    ]  # fmt: skip
    assert digest.groups(layers) == [("Dense", "dense", 1, 2), ("ops.add", "Add", 2, 2)]
