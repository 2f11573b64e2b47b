"""`porter check`: what is found in a repository, what counts, and how it is said. Models are tried in one test only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from porter.check import processes
from porter.check.settings import ModelSettings, read_settings
from porter.cli.app import app

FIXTURES = Path(__file__).parents[1] / "fixtures"
LEGACY = """\
import tensorflow as tf

def network(x):
    return tf.layers.dense(x, 10)
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one legacy file, as the working directory."""
    home = tmp_path / "repository"
    home.mkdir()
    git(home, "init", "-q")
    (home / "net.py").write_text(LEGACY)
    git(home, "add", ".")
    git(home, "commit", "-qm", "first")
    monkeypatch.chdir(home)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return home


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def found(*arguments: str) -> dict:
    return json.loads(run("--format", "json", *arguments)[1])


def new(*arguments: str) -> list[tuple[str, str, int]]:
    return [(each["path"], each["code"], each["line"]) for each in found(*arguments)["findings"] if not each["known"]]


def test_finds_and_fails(repository):
    code, text = run("--source-only")
    assert code == 1
    assert text.startswith("net.py:4:12 PT103 tf.layers.dense is not in TensorFlow 2")


def test_nothing_to_find(repository):
    (repository / "net.py").write_text("import keras\n")
    assert run() == (0, "Nothing new found; 1 source files and 0 models in 0.0 s\n")


def test_a_planted_regression_is_all_that_a_baseline_leaves(repository):
    assert run("--update-baseline")[0] == 0
    assert run()[0] == 0
    (repository / "net.py").write_text(LEGACY.replace("10)", "10)  # moved", 1).replace("import", "\n\nimport", 1))
    assert new() == [("net.py", "PT103", 6)]  # its line is another one now
    (repository / "net.py").write_text("# moved down\n" + LEGACY)
    assert new() == []
    (repository / "net.py").write_text(LEGACY + LEGACY.split("\n", 2)[2].replace("network", "other"))
    assert new() == [("net.py", "PT103", 6)]  # an equal line, once more
    (repository / "net.py").write_text("import keras\n")
    assert [each["code"] for each in found()["gone"]] == ["PT103"]


def test_updating_a_part_keeps_the_rest_of_the_baseline(repository):
    (repository / "other.py").write_text(LEGACY)
    run("--update-baseline")
    (repository / "net.py").write_text(LEGACY + "tf.layers.flatten(3)\n")
    assert run("--update-baseline", "net.py")[0] == 0
    assert new() == []


def test_changed_since(repository):
    (repository / "other.py").write_text(LEGACY)
    assert new("--changed-since", "HEAD") == [("other.py", "PT103", 4)]
    (repository / "net.py").write_text(LEGACY + "\n")
    assert {each[0] for each in new("--changed-since", "HEAD")} == {"net.py", "other.py"}
    assert run("--changed-since", "no-such-revision")[0] == 2


def test_shards_are_the_whole(repository):
    for name in "abcde":
        (repository / f"{name}.py").write_text(LEGACY)
    parts = [new("--shard", f"{index}/3") for index in (1, 2, 3)]
    assert sorted(each for part in parts for each in part) == new()
    assert all(parts)


@pytest.mark.parametrize("ignoring", [".gitignore", ".porterignore", "porter.toml"])
def test_what_is_ignored(repository, ignoring):
    folder = repository / "third_party"
    folder.mkdir()
    (folder / "net.py").write_text(LEGACY)
    assert len(new()) == 2
    (repository / ignoring).write_text('exclude = ["third_party/"]' if ignoring == "porter.toml" else "third_party/\n")
    assert len(new()) == 1


def test_a_folder_without_git(tmp_path):
    (tmp_path / "keep").mkdir()
    (tmp_path / "drop").mkdir()
    for name in ("keep", "drop"):
        (tmp_path / name / "net.py").write_text(LEGACY)
    (tmp_path / ".gitignore").write_text("drop\n*.pbtxt\n")
    shutil.copy(FIXTURES / "frozen_text/model.pbtxt", tmp_path)  # was committed all the same
    assert new(str(tmp_path), "--source-only") == [("keep/net.py", "PT103", 4)]
    assert run("--init", str(tmp_path))[0] == 0
    assert [each.source for each in read_settings(tmp_path).model] == ["model.pbtxt"]


def test_a_folder_that_the_repository_around_it_ignores(repository):
    (repository / ".gitignore").write_text("unpacked/\n")
    (repository / "unpacked").mkdir()
    (repository / "unpacked/net.py").write_text(LEGACY)
    assert new("--source-only") == [("net.py", "PT103", 4)]
    assert new("--source-only", "unpacked") == [("net.py", "PT103", 4)]


def test_a_part_of_a_repository_is_named_from_its_top(repository, monkeypatch):
    (repository / "src").mkdir()
    (repository / "src/net.py").write_text(LEGACY)
    run("--update-baseline")
    (repository / "src/net.py").write_text(LEGACY + "tf.layers.flatten(x)\n")
    assert new("src") == [("src/net.py", "PT103", 5)]
    monkeypatch.chdir(repository / "src")
    assert new() == new(".") == new("net.py") == [("src/net.py", "PT103", 5)]


def test_source_that_may_not_be_read_is_told_of(repository, monkeypatch):
    (repository / "secret.py").write_text(LEGACY)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "secret.py" and access(path, mode))
    assert [path for path, _, _ in new()] == ["net.py"]
    assert [each["path"] for each in found()["left"]] == ["secret.py"]


def test_select_and_ignore(repository):
    (repository / "porter.toml").write_text('ignore = ["PT1"]')
    assert run()[0] == 0
    (repository / "porter.toml").write_text('select = ["PT103"]')
    assert len(new()) == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("exlude = []", 2, "did you mean exclude?"),
        ("jobs = true", 2, "jobs takes a int"),
        ('exclude = "a"', 2, "exclude takes a list of str"),
        ("[[model]]\noutputs = []", 2, "no source"),
        ('[[model]]\nsource = "gone.ckpt"', 4, "gone.ckpt is not there"),
        ("= 3", 4, "porter.toml cannot be read"),
    ],
)
def test_settings_that_do_not_fit(repository, text, code, said):
    (repository / "porter.toml").write_text(text)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nowhere"], 4), (["--shard", "3/2"], 2), (["--source-only", "--models-only"], 2), (["--changed-since", "x"], 2)],
)
def test_wrong_usage(repository, arguments, code):
    assert run(*arguments)[0] == code


def test_a_damaged_baseline(repository):
    (repository / "porter-baseline.json").write_text("[]")
    assert run()[0] == 4


def test_a_baseline_that_is_a_folder(repository):
    (repository / "porter-baseline.json").mkdir()
    result = CliRunner().invoke(app, ["check", "--update-baseline", "--source-only"])
    assert result.exit_code == 2
    assert "porter-baseline.json cannot be written" in result.stderr


def test_init_writes_what_changes_nothing(repository):
    shutil.copytree(FIXTURES / "mnist_keep_prob", repository / "mnist")
    assert run("--init")[0] == 0
    text = (repository / "porter.toml").read_text()
    settings = read_settings(repository)
    assert [each.source for each in settings.model] == ["mnist/model.ckpt"]
    assert settings.model == [ModelSettings("mnist/model.ckpt")]
    (repository / "porter.toml").write_text(
        "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.split("\n"))
    )
    read_settings(repository)  # what is commented out fits as well
    assert run("--init")[0] == 2


def test_fix_and_diff(repository):
    text = "import tensorflow as tf\r\nx = tf.log(3.0)  # r\xe9sum\xe9\r\n"
    (repository / "net.py").write_bytes(text.encode())
    code, shown = run("--diff")
    assert code == 1
    assert "+x = tf.math.log(3.0)  # résumé" in shown
    assert (repository / "net.py").read_bytes() == text.encode()
    assert run("--fix")[0] == 0
    assert (repository / "net.py").read_bytes() == text.replace("tf.log", "tf.math.log").encode()
    assert run("--diff") == (0, "")


def test_step_summary(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    run()
    text = (tmp_path / "summary.md").read_text()
    assert "**1 new finding**" in text
    assert "| `net.py:4` | PT103 |" in text


def test_rules():
    listed = CliRunner().invoke(app, ["rules"]).stdout
    assert "PT103" in listed
    one = CliRunner().invoke(app, ["rules", "pt103"]).stdout
    assert "The Keras 3 way" in one
    assert "porter: ignore[PT103]" in one
    assert CliRunner().invoke(app, ["rules", "PT999"]).exit_code == 2


def test_neither_tensorflow_nor_keras_is_imported(repository):
    code = "import sys; from porter.cli.app import app; app(['check'], standalone_mode=False)\n"
    code += "assert not {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_model_is_tried_proved_and_remembered(repository):
    """In processes of its own, with TensorFlow; what was not fetched is said without trying."""
    shutil.copytree(FIXTURES / "mnist_keep_prob", repository / "good", ignore=shutil.ignore_patterns("*.py"))
    (repository / "frozen.pb").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (repository / "porter.toml").write_text('[[model]]\nsource = "good/model.ckpt"\nlevels = [0, 1]\n')
    first = found("--models-only")
    assert [(each["source"], each["status"]) for each in first["models"]] == [
        ("frozen.pb", "not fetched"),
        ("good/model.ckpt", "converted"),
    ]
    assert first["models"][1]["levels"] == {"0": "passed", "1": "passed"}
    assert [each["code"] for each in first["findings"]] == ["PT406"]
    again = found("--models-only")
    assert [each["cached"] for each in again["models"]] == [False, True]
    assert again["findings"] == first["findings"]
    assert git(repository, "status", "--short", ".porter_cache") == ""


def test_one_crash_stops_nobody(repository, monkeypatch):
    """What the other commands say is made up here: a signal, a refusal, a time limit, and a proof that holds."""
    from porter.check import models

    ends = {
        "a": processes.Done(-11, "", "Fatal Python error"),
        "b": processes.Done(3, "", "porter: No rule for Foo\n  why: it is new\n"),
        "c": processes.Done(None, "", ""),
        "d": processes.Done(0, json.dumps({"levels": [{"level": 3, "status": "passed"}]}), ""),
    }
    tried = []

    def run_porter(arguments, **limits):
        tried.append(Path(arguments[1]).name)
        name = Path(arguments[1]).name if arguments[0] == "convert" else "d.ckpt"
        return ends[name[0]]

    monkeypatch.setattr(models, "run_porter", run_porter)
    for name in ends:
        for path in (FIXTURES / "mnist_keep_prob").glob("model.ckpt.*"):
            shutil.copy(path, repository / path.name.replace("model", name))
    outcomes = found("--models-only", "--jobs", "2")["models"]
    assert [each["status"] for each in outcomes] == ["crashed", "refused", "over limit", "converted"]
    assert run("--models-only", "--update-baseline")[0] == 0
    assert run("--models-only")[0] == 0
    tried.clear()
    run("--models-only")
    assert sorted(tried) == ["a.ckpt", "c.ckpt"]  # what may be otherwise tomorrow is tried again
    ends["b"] = processes.Done(1, "", "porter: The converted model does not compute the same\n")
    assert [each[1] for each in new("--models-only", "--no-cache")] == ["PT403"]


def test_limits_of_processes():
    done = processes.run_porter(["rules"], seconds=0.01)
    assert done.code is None
    done = processes.run_porter(["rules", "PT999"], seconds=60)
    assert done.code == 2
    assert "There is no rule PT999" in done.stderr


def test_memory_limit(tmp_path, monkeypatch):
    from porter.check import models

    monkeypatch.setattr(processes, "PROGRAM", "x = bytearray(1 << 30)")
    done = processes.run_porter([], seconds=60, gigabytes=0.5)
    assert models._failure(done, models.Limits(60, 0.5))[0] == "over limit"


@pytest.mark.parametrize(
    ("code", "stderr", "status", "why"),
    [
        (
            3,
            "porter: No rule for Foo\n  where: a\n  why: it is new\n  do: wait\n",
            "refused",
            "No rule for Foo (it is new)",
        ),
        (3, "porter: internal error: porter failed on x: KeyError: 1\n", "crashed", None),
        (-11, "", "crashed", "it was ended by signal 11"),
        (1, "porter: outputs differ: level 3 does not hold\n", "differs", "outputs differ: level 3 does not hold"),
        (4, "porter: cut short.\n", "unreadable", "cut short"),
        (2, "porter: no output y:0\n", "settings", "no output y:0"),
    ],
)
def test_how_failures_are_read(code, stderr, status, why):
    from porter.check import models

    found, said = models._failure(processes.Done(code, "", stderr), models.Limits(1, 0))
    assert found == status
    assert why is None or said == why


def test_names_that_are_no_text(repository):
    """A file whose name is in no encoding is checked like any other, in every form of output."""
    (repository / os.fsdecode(b"n\xe9t.py")).write_text(LEGACY)
    assert [each[0] for each in new("--source-only")] == ["net.py", "n\ufffdt.py"]
    for form in ("text", "github", "junit", "sarif"):
        assert run("--source-only", "--format", form)[0] == 1
