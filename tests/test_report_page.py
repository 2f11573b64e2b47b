"""report.html in a browser: both graphs are drawn and answer to clicks, in light and dark, on a desk and on a phone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from porter.report.html import render

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NODES = [
    ["x", "Placeholder", []],
    ["a/kernel", "VariableV2", []],
    ["a/conv", "Conv2D", [0, 1]],
    ["a/bn/scale", "Mul", [2, 7]],
    ["a/bn/shift", "Add", [3]],
    ["b/kernel", "VariableV2", []],
    ["b/matmul</script><b>", "MatMul", [4, 5]],
    ["training", "Placeholder", []],
]
ROWS = [
    {"name": "conv", "class": "Conv2D", "rule": "convolution", "nodes": ["a/conv"], "inputs": ["x:0"],
     "outputs": ["a/conv:0"], "weights": {"kernel": "a/kernel"}},
    {"name": "bn", "class": "BatchNormalization", "rule": "batch_normalization", "nodes": ["a/bn/scale", "a/bn/shift"],
     "inputs": ["a/conv:0"], "outputs": ["a/bn/shift:0"], "weights": {}},
    {"name": "dense", "class": "Dense", "rule": "dense", "nodes": ["b/matmul</script><b>"], "inputs": ["a/bn/shift:0"],
     "outputs": ["y:0"], "weights": {"kernel": "b/kernel"}},
]  # fmt: skip
LEVELS = [
    {"level": 2, "title": "each layer alone", "status": "failed", "reason": "dense", "outputs": {}, "layers": [
        {"row": 0, "status": "agrees", "relative": 1e-7}, {"row": 1, "status": "agrees", "relative": 0.0},
        {"row": 2, "status": "differs", "relative": 0.3, "diagnosis": "It agrees if the kernel is transposed"},
    ]},
    {"level": 3, "title": "outputs", "status": "failed", "reason": "y:0", "outputs": {}, "points": {"y:0": [[0.5, 0.1], [2, -9]]}},
]  # fmt: skip
REPORT = {
    "schema": 1, "porter": "0.1.0", "source": {"path": "net.ckpt"}, "graph": {"nodes": NODES}, "layers": ROWS,
    "inputs": [{"tensor": "x:0", "keras": "x", "shape": [None, 3], "dtype": "float32"}],
    "outputs": [{"tensor": "y:0", "keras": "y", "shape": [None, 2], "dtype": "float32"}],
    "knobs": [{"tensor": "training:0", "became": "training argument"}],
    "verified": {"tolerance": {"rtol": 1e-5, "rounding": True}, "levels": LEVELS},
}  # fmt: skip
# What a person does, and what they see: written into the page, since the browser is asked for the page alone.
ACTS = """
const labels = (side) => [...document.querySelectorAll(`#${side} .box text:first-of-type`)].map((each) => each.textContent);
const click = (side, label) => [...document.querySelectorAll(`#${side} .box`)]
  .find((each) => each.querySelector("text").textContent === label).dispatchEvent(new MouseEvent("click"));
const seen = { before: labels("before"), after: labels("after") };
document.querySelectorAll("#chips button")[0].click();
seen.folded = labels("before");
click("before", "a");
seen.opened = labels("before");
click("after", "dense");
seen.panel = document.getElementById("chosen").textContent;
seen.marked = [...document.querySelectorAll("#before .marked text:first-of-type")].map((each) => each.textContent);
seen.wrong = [...document.querySelectorAll("#after .wrong text:first-of-type")].map((each) => each.textContent);
seen.dots = document.querySelectorAll("circle.dot").length;
seen.bad = document.querySelectorAll("circle.dot.bad").length;
seen.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
seen.page = getComputedStyle(document.body).backgroundColor;
const told = document.createElement("pre");
told.id = "seen";
told.textContent = JSON.stringify(seen);
document.body.append(told);
"""


class Told(HTMLParser):
    """The text of the element `seen`."""

    def __init__(self, page: str):
        super().__init__()
        self.inside, self.text = False, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = ("id", "seen") in attrs

    def handle_data(self, data):
        self.text += data if self.inside else ""


def look(tmp_path, page: str, *flags: str) -> str:
    """The page as the browser made it."""
    file = tmp_path / "page.html"
    file.write_text(page)
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", *flags]
    done = subprocess.run(
        [*words, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
class TestInABrowser:
    def test_the_script_runs_under_the_page_s_own_policy(self, tmp_path):
        """What stands on the page in the user's browser; nothing else may run there."""
        page = render(REPORT).replace("</html>", "<script>document.title = 'foreign'</script></html>")
        seen = look(tmp_path, page)
        assert seen.count('class="box') >= 8
        assert "<title>foreign" not in seen

    @pytest.mark.parametrize(("size", "dark"), [("1280,900", False), ("500,800", True)])
    def test_what_a_person_sees_and_does(self, tmp_path, size, dark):
        page = re.sub("<meta http-equiv[^>]*>", "", render(REPORT)).replace(
            "</html>", f"<script>{ACTS}</script></html>"
        )
        flags = ["--blink-settings=preferredColorScheme=0"] if dark else []
        seen = json.loads(Told(look(tmp_path, page, f"--window-size={size}", *flags)).text)
        assert {"conv", "scale", "shift"} <= set(seen["before"])
        assert {"x", "conv", "bn", "dense"} == set(seen["after"])
        assert "a" in seen["folded"]
        assert "conv" not in seen["folded"]
        assert "conv" in seen["opened"]
        for expected in (
            "dense (Dense)",
            "kernel ← b/kernel",
            "3.0e-01 of the spread, differs",
            "kernel is transposed",
        ):
            assert expected in seen["panel"]
        assert seen["marked"] == ["script><b>"]
        assert seen["wrong"] == ["dense"]
        assert (seen["dots"], seen["bad"]) == (5, 2)
        assert seen["overflow"] <= 0, "the page is wider than the screen"
        assert (seen["page"] == "rgb(255, 255, 255)") is not dark


def test_the_data_cannot_end_its_element():
    page = render(REPORT)
    data = re.search('<script type="application/json"[^>]*>(.*?)</script>', page)
    assert data is not None
    assert "b/matmul</script><b>" in [node["path"] for node in json.loads(data[1])["before"]]


def test_a_report_without_the_graph_has_no_script():
    assert "<script" not in render({**REPORT, "graph": {}})
