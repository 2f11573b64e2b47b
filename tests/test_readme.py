"""What README.md and CONTRIBUTING.md tell people to type works."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    ")]


def command(start: str) -> list[str]:
    """The words of the first command in the README that starts so."""
    line = next(line for line in COMMANDS if line.startswith(start))
    return shlex.split(line, comments=True)


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"^    make ([a-z ]+?) *(?:#.*)?$", README + CONTRIBUTING, re.M))
    assert {"demo", "test"} <= named
    assert {word for words in named for word in words.split()} <= targets


def test_flags_exist():
    from typer.main import get_command

    from porter.cli.app import app

    commands = get_command(app).commands
    known = {flag for each in commands.values() for parameter in each.params for flag in parameter.opts}
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert told - known <= {"--version", "--install-completion", "--help"}
    assert {line.split()[1] for line in COMMANDS if line.startswith("porter ")} <= commands.keys()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README + CONTRIBUTING):
        assert (ROOT / target).exists(), target


def test_the_conversion(tmp_path):
    """The README's command on the README's model, in a process of its own."""
    words = command("porter convert fixtures/")
    place = words.index("-o") + 1
    words[place] = str(tmp_path / "out")
    code = "from porter.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""
    out = tmp_path / "out"
    expected = {"model.py", "model.weights.h5", "model.keras", "report.json", "report.html", "certificate.json"}
    assert {path.name for path in out.iterdir()} == expected
    assert all(name in README for name in expected)
    report = json.loads((out / "report.json").read_text())
    assert [row["tensor"] for row in report["inputs"]] == ["X:0"]
    assert [row["tensor"] for row in report["outputs"]] == ["z_n:0"]
    assert {level["level"] for level in report["verified"]["levels"] if level["status"] == "passed"} == {0, 1, 3, 4}
    assert "Proved" in done.stderr


def test_the_rule_in_ten_minutes():
    """The rule that CONTRIBUTING shows raises its example and leaves its counterexample alone."""
    rule = example_rule()
    assert [each.counter for each in rule.examples] == [False, True]
    assert rule.doc.startswith("Raise ")


def example_rule():
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.S)
    names: dict = {}
    exec("\n\n".join(blocks), names)  # what the reader is told to write into one file
    (rule,) = names["RULES"]
    return rule


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_code_blocks_parse(text):
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        compile(block, "block", "exec")
