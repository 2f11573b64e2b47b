"""Models in archives, and TensorFlow Hub's modules."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from porter.convert import convert, model_name
from porter.emit.build import load_source
from porter.errors import UnreadableSource, Unsupported
from porter.options import Options
from porter.read import archive, open_source

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODULE = FIXTURES / "hub_module" / "module"


def test_a_hub_module_out_of_an_archive(tmp_path):
    """The graph that is not for training, by its default signature; the other signature's output can be named."""
    packed = shutil.make_archive(str(tmp_path / "module"), "gztar", MODULE.parent, MODULE.name)
    source = open_source(packed)
    assert source.format == "TensorFlow Hub module"
    assert [signature.name for signature in source.signatures] == ["classify", "default"]
    assert any("--outputs chooses" in warning for warning in source.warnings)
    other = source.signatures[0].outputs["default"]
    with np.load(FIXTURES / "hub_module" / "recorded.npz") as recorded:
        for outputs, name in ((None, "features"), ([other], "classes")):
            made = convert(Path(packed), tmp_path / name, Options(outputs=outputs, verify=False))
            given = np.asarray(load_source(made.directory / "model.py").load_model()(recorded["images"]))
            assert np.abs(given - recorded[name]).max() <= 1e-5 * np.ptp(recorded[name])
    assert list(made.report["source"]["sha256"]) == ["module.tar.gz"]
    assert model_name(Path(packed)) == "module"


def test_a_checkpoint_deep_in_a_zip(tmp_path):
    """What unpackers of other systems leave beside it is passed over."""
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as packed:
        for file in (FIXTURES / "seed_network").glob("model.ckpt*"):
            packed.write(file, f"net/weights/{file.name}")
        packed.writestr("__MACOSX/net/._model.ckpt.meta", b"x")
    assert open_source(tmp_path / "net.zip").format == "checkpoint"


@pytest.mark.parametrize("name", ["../outside.pb", "/tmp/outside.pb", "a/../../outside.pb"])
def test_a_path_that_leads_outside_is_refused(tmp_path, name):
    """Nothing is written there."""
    (tmp_path / "in").mkdir()
    for file, pack in (("a.tar", tarfile.open), ("a.zip", zipfile.ZipFile)):
        with pack(tmp_path / "in" / file, "w") as packed:
            if file == "a.tar":
                info = tarfile.TarInfo(name)
                info.size = 1
                packed.addfile(info, io.BytesIO(b"x"))
            else:
                packed.writestr(name, b"x")
        with pytest.raises(Unsupported, match="is not unpacked") as caught:
            open_source(tmp_path / "in" / file)
        assert "leads outside" in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "a.zip", "in"]


def test_links_and_floods_are_refused(tmp_path, monkeypatch):
    """A link could lead anywhere, and a small file can hold a very large one."""
    with tarfile.open(tmp_path / "link.tar", "w") as packed:
        info = tarfile.TarInfo("model.pb")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(info)
    with pytest.raises(Unsupported) as caught:
        open_source(tmp_path / "link.tar")
    assert "is a link" in str(caught.value)
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("model.pb", bytes(100_000))
    with pytest.raises(Unsupported) as caught:
        open_source(tmp_path / "large.zip")
    assert "unpacks to more than" in str(caught.value)


def test_none_and_several_models(tmp_path):
    """Both are said with what is inside."""
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as packed:
        packed.writestr("readme.txt", b"x")
    with pytest.raises(UnreadableSource) as caught:
        open_source(tmp_path / "none.zip")
    assert "readme.txt" in str(caught.value)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as packed:
        packed.writestr("a/one.pb", b"x")
        packed.writestr("b/two.pb", b"x")
    with pytest.raises(UnreadableSource) as caught:
        open_source(tmp_path / "two.zip")
    assert "a/one.pb, b/two.pb" in str(caught.value)
