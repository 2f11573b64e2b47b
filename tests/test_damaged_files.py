"""Genuine files, damaged in ways that nobody thought of, on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from porter.cli.app import app

FIXTURES = Path(__file__).parents[1] / "fixtures"
CHECKPOINT = FIXTURES / "mnist_layers_cond_bn"
FROZEN = FIXTURES / "separable_mobile" / "model.pb"

fuzz = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
damages = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255), st.integers(1, 40)), min_size=1, max_size=4)


@given(file=st.sampled_from(["meta", "index", "data-00000-of-00001"]), damage=damages)
@fuzz
def test_damaged_checkpoints(tmp_path_factory, file, damage):
    """Whatever is damaged: an error for people, or a conversion where the damage is outside what is used."""
    place = tmp_path_factory.mktemp("damaged")
    for each in CHECKPOINT.glob("model.ckpt*"):
        shutil.copy(each, place)
    _damage(place / f"model.ckpt.{file}", damage)
    _survives(place / "model.ckpt")


@given(damage=damages)
@fuzz
def test_damaged_frozen_graphs(tmp_path_factory, damage):
    place = tmp_path_factory.mktemp("damaged")
    shutil.copy(FROZEN, place / "model.pb")
    _damage(place / "model.pb", damage)
    _survives(place / "model.pb")


def _damage(path: Path, damage: list[tuple[float, int, int]]) -> None:
    content = bytearray(path.read_bytes())
    for share, byte, length in damage:
        at = int(share * (len(content) - 1))
        content[at : at + length] = bytes([byte]) * length
    path.write_bytes(content)


def _survives(path: Path) -> None:
    done = CliRunner().invoke(app, ["convert", str(path), "--dry-run"])
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr, done.stderr
    assert done.exit_code in (0, 1, 2, 3, 4), done.stderr
    assert done.exit_code == 0 or "do:" in done.stderr or done.exit_code == 1, done.stderr
