"""The command line: what it passes on, what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import porter.convert
import porter.options
import porter.questions
import porter.reverify
import porter.stages
from porter import __version__
from porter.cli import arguments, stages, summary
from porter.cli.app import app
from porter.errors import OutputsDiffer, PorterError, UnreadableSource, Unsupported, UsageError

SEED = Path(__file__).parents[1] / "fixtures/seed_network/model.ckpt"

REPORT = {
    "schema": 1,
    "source": {"path": "/models/net.ckpt", "format": "checkpoint", "producer": "1.15.5", "sha256": {}},
    "inputs": [{"tensor": "x:0", "keras": "x", "shape": [None, 4], "dtype": "float32"}],
    "outputs": [{"tensor": "y:0", "keras": "y", "shape": [None, 2], "dtype": "float32"}],
    "knobs": [{"tensor": "training:0", "became": "training argument", "why": "a batch normalization asks for it"}],
    "layers": [
        {
            "name": "fc",
            "class": "Dense",
            "rule": "dense",
            "nodes": ["fc/MatMul", "fc/BiasAdd"],
            "weights": {"kernel": "fc/w"},
        },
        {"name": "fc_2", "class": "Dense", "rule": "dense", "nodes": ["fc_2/MatMul"], "weights": {"kernel": "fc_2/w"}},
        {"name": None, "class": "ops.add", "rule": "Add", "nodes": ["add"], "weights": {}},
    ],
    "changes": [{"kind": "batch-safe", "layer": "y:0", "outputs": ["y:0"], "why": "the minimum was the whole batch's"}],
    "weights": {"copied": ["fc/w"], "left": [{"name": "beta1_power", "why": "optimizer state"}]},
    "warnings": ["the rate of keep_prob is not in the graph"],
    "verified": {},
}

# The module that holds each command's function.
HOMES = {
    "convert": porter.convert,
    "verify": porter.reverify,
    "inspect": porter.questions,
    "explain": porter.questions,
}


def level(number: int, status: str = "passed", **more: object) -> dict:
    return {"level": number, "title": "some level", "status": status, "reason": "", "outputs": {}, **more}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a command with the pipeline's function of that name replaced; its arguments come back in `given`."""

    def call(*words, result=None, raises=None, given=None):
        def instead(*positional, **named):
            if given is not None:
                given.update(named, positional=positional)
            if raises is not None:
                raise raises
            return result

        if words[0] in HOMES:
            monkeypatch.setattr(HOMES[words[0]], words[0], instead)
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def converted(directory=None, **changes):
    return porter.convert.Result(directory, {**REPORT, **changes}, "import keras\n")


def test_help_is_light():
    """No command's machinery is imported to show the help."""
    code = (
        "import sys\nfrom porter.cli import main\nsys.argv = ['porter', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('ended', end.code)\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'h5py', 'jax', 'torch'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ("convert", "verify", "inspect", "explain"))
    assert done.stdout.endswith("ended 0\nheavy []\n")


def test_version(run):
    assert run("--version").stdout == f"porter {__version__}\n"


def test_completion_is_offered(run):
    assert "--install-completion" in run("--help").stdout


def test_flags_become_options(run):
    given = {}
    run(
        "convert", "m.ckpt", "-o", "there", "--inputs", "a:0, b:0", "--outputs", "c:0", "--freeze", "keep_prob=0.8",
        "--freeze", "mode=eval", "--shape", "x=?,28,28,1", "--exact", "--weights", "ema", "--no-verify",
        "--keep-failed", "--force", "--dry-run", given=given, result=converted(),
    )  # fmt: skip
    source, out, options, _ = given["positional"]
    assert (source, out) == (Path("m.ckpt"), Path("there"))
    assert options == porter.options.Options(
        inputs=["a:0", "b:0"], outputs=["c:0"], freeze={"keep_prob": 0.8, "mode": "eval"},
        shapes={"x": (None, 28, 28, 1)}, exact=True, weights="ema", verify=False, keep_failed=True, force=True,
        dry_run=True,
    )  # fmt: skip


def test_no_flag_is_needed(run):
    given = {}
    assert run("convert", "m.ckpt", given=given, result=converted()).exit_code == 0
    assert given["positional"][1:3] == (None, porter.options.Options())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("3", 3),
        ("0.5", 0.5),
        ("[1, 2]", [1, 2]),
        ("'a'", "a"),
        ("eval", "eval"),
        ("", ""),
    ],
)
def test_frozen_values(text, value):
    assert arguments.values([f"scope/x:0={text}"]) == {"scope/x:0": value}


def test_shapes():
    assert arguments.shapes(["x=?,28,-1,None", "y=", "z=[3]"]) == {"x": (None, 28, None, None), "y": (), "z": (3,)}


@pytest.mark.parametrize(
    "words",
    [
        ("--freeze", "keep_prob"),
        ("--freeze", "=1"),
        ("--freeze", "a=1", "--freeze", "a=2"),
        ("--shape", "x=?,b"),
        ("--shape", "x=1.5"),
        ("--outputs", " , "),
        ("--weights", "best"),
        ("--no-such-flag",),
    ],
)
def test_wrong_usage(run, words):
    done = run("convert", "m.ckpt", *words, result=converted())
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr


@pytest.mark.parametrize(("name", "said"), [("x.txt", "name it .weights.h5"), ("no/x.h5", "there is no folder no")])
def test_weights_that_cannot_be_written_so(run, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    done = run("transplant", "m.ckpt", "--into", "m.py:build", "-o", name)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    "words", [("--level", "two"), ("--batch-sizes", "1,-3"), ("--tolerance", "0"), ("--tolerance", "nan")]
)
def test_wrong_usage_of_verify(run, words):
    assert run("verify", "there", *words, result={"levels": [level(3)]}).exit_code == 2


@pytest.mark.parametrize(
    ("kind", "code"), [(OutputsDiffer, 1), (UsageError, 2), (Unsupported, 3), (UnreadableSource, 4)]
)
@pytest.mark.parametrize("command", ["convert", "verify", "inspect"])
def test_errors_say_all(run, command, kind, code):
    done = run(command, "m.ckpt", raises=kind("It broke", where="at [red]a/b[/red]", why="so it is", todo="mend it"))
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "porter: It broke", "  where: at [red]a/b[/red]", "  why: so it is", "  do: mend it"
    ]  # fmt: skip


def test_all_failures_at_once(run):
    """Problems that say the same are told once, with their places."""
    others = [Unsupported("Foo has no form", where=f"foo_{number}", why="no rule", todo="cut") for number in range(9)]
    problem = Unsupported("Bar has no form", where="bar", why="no rule", todo="cut", also=others)
    assert run("convert", "m.ckpt", raises=problem).stderr.splitlines() == [
        "porter: Bar has no form",
        "  where: bar",
        "  why: no rule",
        "porter: Foo has no form",
        "  where: foo_0, foo_1, foo_2, foo_3, foo_4, and 4 more",
        "  why: no rule",
        "  do: cut",
    ]


def test_a_bug_is_one_line(run):
    done = run("convert", "m.ckpt", raises=KeyError("oops\nand more"))
    assert done.exit_code == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("porter: internal error: porter failed on m.ckpt: KeyError: 'oops")
    assert "Traceback" in run("convert", "m.ckpt", "-v", raises=KeyError("oops")).stderr


def test_interrupted(run):
    assert run("convert", "m.ckpt", raises=KeyboardInterrupt()).exit_code == 130


def test_json_is_all_there_is_on_stdout(run):
    done = run("convert", "m.ckpt", "--json", result=converted())
    assert json.loads(done.stdout) == json.loads(json.dumps(REPORT))
    assert run("convert", "m.ckpt", result=converted()).stdout == ""


def test_dry_run_prints_the_source(run):
    assert run("convert", "m.ckpt", "--dry-run", result=converted()).stdout == "import keras\n"


def test_closing_summary(run, tmp_path):
    (tmp_path / "model.py").write_text("")
    seen = {"y:0": {"ok": True, "relative": 2.5e-7, "clause": "tolerance", "clauses": ["tolerance"], "on": "normal"}}
    verified = {
        "levels": [level(0), level(3, outputs=seen, batch_sizes=[1, 3]), level(7, "skipped", reason="not asked")]
    }
    told = run("convert", "m.ckpt", result=converted(tmp_path, verified=verified)).stderr
    for text in (
        "net.ckpt (checkpoint, TensorFlow 1.15.5)",
        "training:0: training argument",
        "y:0: the minimum was the whole batch's",
        "the rate of keep_prob is not in the graph",
        "1 copied, 1 left (optimizer state)",
        "2.5e-07",
        "not asked",
        "Proved: it computes what the original does (levels 0, 3).",
        "model.py",
    ):
        assert text in told
    assert [row.split() for row in told.splitlines() if "Dense" in row] == [["3", "Dense", "dense", "2"]]
    assert "\x1b" not in told


def test_without_proof_nothing_is_called_proved(run):
    told = run("convert", "m.ckpt", result=converted()).stderr
    assert "Not proved: nothing was compared." in told
    assert "Proved" not in told


def test_what_was_kept_though_it_failed_ends_with_1(run, tmp_path):
    verified = {"levels": [level(0), level(3, "failed", reason="y:0: off by up to 3")]}
    done = run("convert", "m.ckpt", "--keep-failed", result=converted(tmp_path, verified=verified))
    assert done.exit_code == 1
    assert "NOT PROVED" in done.stderr
    assert "off by up to 3" in done.stderr


@pytest.mark.parametrize(
    ("levels", "asked", "code"),
    [
        ([level(0), level(3)], "", 0),
        ([level(0), level(3, "failed")], "", 1),
        ([level(3, "failed"), level(7, "skipped")], "", 1),
        ([level(3), level(7, "skipped")], "", 3),
        ([level(3), level(4, "skipped", applies=False)], "", 0),
        ([level(3), level(4, "skipped", applies=False)], "3,4", 3),
        ([level(4, "skipped", applies=False)], "", 3),
        ([], "", 3),
    ],
)
def test_end_of_verify(run, levels, asked, code):
    done = run("verify", "there", *(["--level", asked] if asked else []), result={"levels": levels})
    assert done.exit_code == code
    assert bool(done.stderr) == bool(code)


def test_flags_of_verify(run):
    given = {}
    run(
        "verify", "there", "--tolerance", "1e-4", "--reference", "r.npz", "--source", "m.pb", "--batch-sizes", "1,3",
        "--backend", "jax,tensorflow", "--level", "3", "--seed", "5", "--data", "d.npz",
        "--overrides", "o.toml",
        given=given, result={"levels": [level(3)]},
    )  # fmt: skip
    assert given.pop("progress")
    assert given == {
        "positional": (Path("there"),), "tolerance": 1e-4, "reference": Path("r.npz"), "source": Path("m.pb"),
        "batch_sizes": [1, 3], "backends": ["jax", "tensorflow"], "levels": [3], "seed": 5, "data": Path("d.npz"),
        "overrides": Path("o.toml"), "self_test": False,
    }  # fmt: skip


@pytest.mark.parametrize("word", ["strict", "default", "loose"])
def test_tolerances_have_names(run, word):
    given = {}
    run("verify", "there", "--tolerance", word, given=given, result={"levels": [level(3)]})
    assert given["tolerance"] == word


@pytest.mark.parametrize(("status", "code"), [("caught", 0), ("missed", 1), ("does not apply", 3)])
def test_the_self_test_says_what_was_caught(run, status, code):
    trial = {"mutation": "epsilon × 10", "layer": "BatchNormalization bn", "status": status, "level": 2, "how": "off"}
    found = {"self_test": [trial]}
    done = run("verify", "there", "--self-test", result=found)
    assert done.exit_code == code
    assert re.search(rf"epsilon × 10 +BatchNormalization bn +{status} +2 +off", done.stdout)
    assert json.loads(run("verify", "there", "--self-test", "--json", result=found).stdout) == found


def test_failed_levels_are_named(run):
    proof = {"levels": [level(3, "failed", reason="y:0: off by 5 % of the elements")]}
    done = run("verify", "there", result=proof)
    assert "off by 5 % of the elements" in done.stdout
    assert "level 3 (some level) does not hold" in done.stderr
    assert json.loads(run("verify", "there", "--json", result=proof).stdout) == proof


def test_explanation(run):
    rows = [
        {"rule": "dense", "became": "layers.Dense", "why": ""},
        {"rule": "min_max", "became": "", "why": "missed: the maximum is over [2]"},
    ]
    told = run("explain", "m.ckpt", "fc/MatMul", result=rows).stdout
    assert "fc/MatMul became layers.Dense by the rule dense" in told
    assert "min_max  missed: the maximum is over [2]" in told


def test_inspection_of_a_real_checkpoint():
    done = CliRunner().invoke(app, ["inspect", str(SEED), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [row["tensor"] for row in found["inputs"]] == ["X:0"]
    told = CliRunner().invoke(app, ["inspect", str(SEED)]).stdout
    for text in ("TensorFlow 1.15.5", "X:0", "training:0", "layer1_conv_0/kernel", "Left, 118: optimizer state"):
        assert text in told


@pytest.mark.parametrize("name", ["no_such.ckpt", "README.md"])
def test_bad_sources_leave_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("no model\n")
    done = CliRunner().invoke(app, ["convert", name])
    assert done.exit_code == 4
    assert name in done.stderr
    assert "  do: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("colours", [True, False])
def test_on_a_terminal(colours):
    """An error comes in a frame; NO_COLOR takes its colours away. Into a pipe (above) it comes as plain lines."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    environment |= {} if colours else {"NO_COLOR": "1"}
    main, end = pty.openpty()
    code = "from porter.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "convert", "m", "--freeze", "x"], stderr=end, env=environment, check=False
    )
    os.close(end)
    told = os.read(main, 10_000).decode()
    os.close(main)
    assert "╭" in told
    assert "--freeze takes NAME=VALUE" in told
    assert ("\x1b[31m" in told) == colours


def test_stages_have_titles():
    """The bar, which is there on a terminal only, knows every stage that the pipeline tells of."""
    files = (porter.convert, porter.reverify, porter.stages)
    told = {name for file in files for name in re.findall(r'progress\(f?"(\w+)', Path(file.__file__).read_text())}
    assert told == stages.STAGES.keys()
    assert sum(share for _, share in stages.STAGES.values()) == pytest.approx(1)


def test_exit_code_looks_at_every_level():
    proof = {"levels": [level(0), level(1), level(3), level(7)]}
    assert summary.exit_code(proof, asked=[3, 7]) == 0
    assert summary.exit_code(proof, asked=[3, 5]) == 3


def test_errors_have_the_fixed_codes():
    kinds = (OutputsDiffer, UsageError, Unsupported, UnreadableSource)
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4]
    assert all(issubclass(kind, PorterError) for kind in kinds)
