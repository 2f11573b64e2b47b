"""`porter check` where people work: the steps of the GitHub action, pre-commit hooks, and the examples for CI servers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from jsonschema import Draft7Validator

ROOT = Path(__file__).parents[1]
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
LEGACY = "import tensorflow as tf\nx = tf.log(tf.layers.dense(3, 3))\n"


def load(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.fixture
def repository(tmp_path):
    home = tmp_path / "repository"
    home.mkdir()
    (home / "net.py").write_text(LEGACY)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", str(home), *command], check=True)
    return home


@pytest.fixture
def environment(tmp_path):
    """The environment of a step, in which `porter` is this one and `python` the one that runs the tests."""
    programs = tmp_path / "bin"
    programs.mkdir()
    call = f'exec "{sys.executable}" -c "from porter.cli import main; main()" "$@"\n'
    for name, text in (("porter", call), ("python", f'exec "{sys.executable}" "$@"\n')):
        (programs / name).write_text(f"#!/bin/sh\n{text}")
        (programs / name).chmod(0o755)
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT")},
        "PATH": f"{programs}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "schema"),
    [("action.yml", "github-actions"), ("ci/github.yml", "github-workflows"), ("ci/gitlab.yml", "gitlab-ci")],
)
def test_files_fit_their_schemas(name, schema):
    content = yaml.load((ROOT / name).read_text(), yaml.BaseLoader)  # "on" is a word here
    content = json.loads(json.dumps(content)) if schema == "github-actions" else load(name)
    if True in content:
        content["on"] = content.pop(True)
    validator = Draft7Validator(json.loads((SCHEMAS / f"{schema}.json").read_text()))
    assert [error.message for error in validator.iter_errors(content)] == []


def step(name: str, inputs: dict[str, str], path: str = str(ROOT)) -> tuple[str, dict[str, str]]:
    """(script, environment) of a step of the action as GitHub would fill it in."""
    action = load("action.yml")
    values = {key: str(each["default"]) for key, each in action["inputs"].items()} | inputs

    def fill(text: str) -> str:
        text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)
        return text.replace("${{ github.action_path }}", path)

    found = next(each for each in action["runs"]["steps"] if each["name"] == name)
    assert "${{" not in found["run"], "what a user gives must not become a part of the script"
    return found["run"], {key: fill(value) for key, value in found["env"].items()}


def bash(script: str, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_action_finds(repository, environment, tmp_path):
    script, given = step("Check", {"source-only": "true", "shard": "1/1", "sarif": "out.sarif"})
    done = bash(script, repository, environment | given)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("::error file=net.py,line=2")]
    assert len(lines) == 2
    assert (tmp_path / "output").read_text() == "sarif=out.sarif\n"
    assert len(json.loads((repository / "out.sarif").read_text())["runs"][0]["results"]) == 2
    assert "2 new findings" in (tmp_path / "summary.md").read_text()


def test_the_action_passes(repository, environment):
    (repository / "net.py").write_text("import keras\n")
    script, given = step("Check", {})
    done = bash(script, repository, environment | given)
    assert done.returncode == 0, done.stderr


def test_the_action_installs(environment, tmp_path):
    """The step as it is; pip is told to look at the project and fetch nothing."""
    script, given = step("Install porter", {})
    offline = {
        "PIP_DRY_RUN": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # to pip, this 0 means: none
        "PIP_NO_INDEX": "1",
        "PIP_QUIET": "0",
    }
    done = bash(script, tmp_path, environment | given | offline)
    assert done.returncode == 0, done.stderr
    done = bash(script, tmp_path, environment | given | offline | {"PORTER": str(tmp_path / "nowhere")})
    assert done.returncode != 0


def test_pre_commit_runs_the_hooks(repository, environment, tmp_path):
    """pre-commit itself, with the hooks of this project as local ones: installed already, so of language system."""
    hooks = [{**each, "language": "system"} for each in load(".pre-commit-hooks.yaml")]
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
    environment |= {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "net.py:2:12 PT103" in done.stdout
    assert "files were modified by this hook" in done.stdout
    assert "tf.math.log(tf.layers" in (repository / "net.py").read_text()
    (repository / "net.py").write_text("import keras\n")
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hooks_are_what_pre_commit_takes():
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_examples_use_flags_that_exist():
    from typer.main import get_command

    from porter.cli.app import app

    known = {flag for each in get_command(app).commands["check"].params for flag in each.opts}
    for name in ("action.yml", "ci/gitlab.yml", ".pre-commit-hooks.yaml"):
        for line in (ROOT / name).read_text().splitlines():
            if "porter check" in line or "flags" in line:
                assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)) <= known, line
