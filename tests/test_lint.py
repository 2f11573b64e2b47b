"""Reading source: names, comments that silence, encodings, Python 2, edits, and files that are not what they seem."""

from __future__ import annotations

import time

import pytest

from porter.lint import apply, lint
from porter.lint.module import Module
from porter.lint.rules import BY_CODE
from porter.lint.run import read


def codes(text: str) -> list[str]:
    return [each.code for each in lint("x.py", text)]


def named(text: str) -> set[str]:
    """What of TensorFlow and Keras a file names, besides its imports."""
    return {use.name for use in Module("x.py", text).uses if use.node is not None}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import tensorflow as tf\ntf.a.b", "tf.a.b"),
        ("import tensorflow\ntensorflow.a", "tf.a"),
        ("import tensorflow.compat.v1 as tf\ntf.a", "tf.a"),
        ("import tensorflow as tf\ntf = tf.compat.v1\ntf.a", "tf.a"),
        ("from tensorflow.compat import v1 as tf\ntf.a", "tf.a"),
        ("from tensorflow import keras as K\nK.layers.a", "tf.keras.layers.a"),
        ("from tensorflow.python import keras\nkeras.a", "tf.keras.a"),
        ("import tf_slim as slim\nslim.a", "tf.contrib.slim.a"),
        ("import tensorflow as tf\nlayers = tf.layers\nL = layers\nL.a", "tf.layers.a"),
        ("def f():\n import tensorflow as tf\n def g():\n  return tf.a", "tf.a"),
        ("import tensorflow as tf\nclass A:\n tf = None\n def f(self):\n  return tf.a", "tf.a"),
        ("def f():\n global tf\n import tensorflow as tf\ndef g():\n return tf.a", "tf.a"),
        ("try:\n import tensorflow.compat.v1 as tf\nexcept ImportError:\n import tensorflow as tf\ntf.a", "tf.a"),
    ],
)
def test_names_are_followed(text, name):
    assert name in named(text)


@pytest.mark.parametrize(
    "text",
    [
        "import tensorflow as tf\ndef f(tf):\n return tf.a",
        "import tensorflow as tf\nfor tf in range(3):\n tf.a",
        "import tensorflow as tf\n[tf.a for tf in x]",
        "import tensorflow as tf\nimport transforms as tf\ntf.a",
        "from . import tensorflow as tf\ntf.a",
        "def f():\n import tensorflow as tf\ndef g():\n return tf.a",
        "tf = tf.b\ntf.a",
        "import tensorflow as tf\nwith open(x) as tf:\n tf.a",
    ],
)
def test_names_that_may_be_something_else_are_left(text):
    assert "tf.a" not in named(text)


TEXT = "import tensorflow as tf\nx = tf.layers.dense(tf.to_float(x), 3)"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{TEXT}  # porter: ignore", []),
        (f"{TEXT}  # porter: ignore[PT103]", ["PT116"]),
        (f"{TEXT}  # noqa  # porter: ignore[ PT103 , pt116 ] because", []),
        (f"{TEXT}  # porter: ignore[PT999]", ["PT103", "PT116"]),
        (TEXT.replace("x = ", "# porter: ignore[PT116]\nx = "), ["PT103"]),
        (f"# porter: ignore-file[PT116]\n{TEXT}", ["PT103"]),
        (f"# porter: ignore-file\n{TEXT}", []),
        (f'{TEXT}\ny = "# porter: ignore-file"', ["PT103", "PT116"]),
        ("import tensorflow as tf\nx = tf.layers.dense(\n  x,\n)  # porter: ignore", ["PT103"]),
    ],
)
def test_comments_silence(text, left):
    assert codes(text) == left


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("print 'x'", "PT002"),
        ("print x", "PT002"),
        ("try:\n  f()\nexcept ValueError, e:\n  pass", "PT002"),
        ("raise ValueError, 'x'", "PT002"),
        ("exec 'x'", "PT002"),
        ("x = 0777", "PT002"),
        ("x = 1L", "PT002"),
        ("if a <> b: pass", "PT002"),
        ("x = `3`", "PT002"),
        ("def f(x, (a, b)): pass", "PT002"),
        ("if x:\n        a\n\tb", "PT002"),
        ("<<<<<<< HEAD", "PT001"),
        ("def f(:", "PT001"),
        ("x = 'never ends", "PT001"),
        ("{% if x %}", "PT001"),
    ],
)
def test_what_is_not_python_3(line, code):
    (finding,) = lint("x.py", f"import tensorflow as tf\n{line}\n")
    assert finding.code == code
    assert finding.line >= 2


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\xff\xfe\0tensorflow", b"tensorflow\0", b"import tensorflow\n" + b"(" * 3000]
)
def test_nothing_crashes(tmp_path, content):
    (tmp_path / "x.py").write_bytes(content)
    assert len(lint("x.py", read(tmp_path / "x.py"))) <= 1


def test_encodings(tmp_path):
    for content in (
        "# coding: latin-1\nimport tensorflow as tf\n# é\ntf.layers.x".encode("latin-1"),
        "\ufeffimport tensorflow as tf\r\n# é\r\n\r\ntf.layers.x".encode(),
        b"import tensorflow as tf\n# \xe9, in no encoding that is declared\n\ntf.layers.x",
        b"# coding: klingon\nimport tensorflow as tf\n\ntf.layers.x",
    ):
        (tmp_path / "x.py").write_bytes(content)
        assert [(each.code, each.line) for each in lint("x.py", read(tmp_path / "x.py"))] == [("PT103", 4)]


def test_edits_keep_everything_else():
    text = 'import tensorflow as tf\ns = "é", tf.log(  # tf.log\n    tf.reduce_sum(x, keep_dims = True) ) ; f"{tf.log(3)}"\n'
    fixed = apply(text, lint("x.py", text))
    assert fixed == text.replace("tf.log(", "tf.math.log(").replace("keep_dims", "keepdims")


def test_edits_are_made_only_where_the_text_is_the_expected():
    text = "import tensorflow as tf\nx = tf . log(3) + (tf\n  .log)(4)\n"
    found = lint("x.py", text)
    assert [each.code for each in found] == ["PT115", "PT115"]
    assert apply(text, found) == text


def test_a_rule_that_fails_is_said(monkeypatch):
    def fail(module):
        raise KeyError("x")

    monkeypatch.setattr(BY_CODE["PT104"], "finder", fail)
    assert codes(TEXT) == ["PT003", "PT103", "PT116"]


def test_long_and_deep_files_take_no_time():
    """Nothing is quadratic, nothing recurses over a whole file."""
    start = time.process_time()
    steps = "\n".join("    x = x * x + tf.reduce_max(x) / (x - tf.reduce_min(x))" for _ in range(400))
    lint("x.py", f"import tensorflow as tf\ndef f(x):\n{steps}\n    return (x - tf.reduce_min(x)) / tf.reduce_max(x)\n")
    lint("x.py", "import tensorflow as tf\nx = " + " + ".join(["tf.reduce_max(x)"] * 3000) + "\n")
    lint("x.py", "import tensorflow as tf\n" + "x = tf.layers.dense(x, 3)\n" * 5000)
    assert time.process_time() - start < 10
