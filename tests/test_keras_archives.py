"""`.keras` archives of Keras 2, and whose class a name is."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np
import pytest
from keras_files import answers, drawn, layer, sequential, write_file

from porter.errors import UnreadableSource, Unsupported


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An archive as tf-keras writes it, with networks inside and layers inside layers, an input, and the answer to it."""
    import tf_keras
    from tf_keras import layers

    tf_keras.utils.set_random_seed(5)
    x = tf_keras.Input((4, 3))
    inner = tf_keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(3)], name="inner")
    y = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(inner(layers.Dense(3)(x)))
    y = layers.TimeDistributed(layers.BatchNormalization())(y)
    y = layers.RNN([layers.GRUCell(2), layers.LSTMCell(3)])(y)
    model = tf_keras.Model(x, layers.Dense(2)(y))
    random = np.random.default_rng(5)
    model.set_weights([random.uniform(0.2, 0.9, array.shape) for array in model.get_weights()])
    path = tmp_path_factory.mktemp("archives") / "model.keras"
    model.save(path, save_format="keras")
    given = random.normal(size=(2, 4, 3)).astype("f")
    return path, given, model.predict(given, verbose=0)


def changed(path, folder, about=None, weights=None):
    """A copy of an archive with another metadata.json, or its weights treated by `weights`."""
    made = folder / path.name
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(made, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "metadata.json" and about is not None:
                content = json.dumps(about).encode()
            if name == "model.weights.h5" and weights is not None:
                memory = io.BytesIO(content)
                with h5py.File(memory, "r+") as file:
                    weights(file)
                content = memory.getvalue()
            copy.writestr(name, content)
    return made


def test_weights_lie_by_their_places(written):
    path, given, answer = written
    (found,) = answers(path, given)
    np.testing.assert_allclose(found, answer, rtol=1e-5)


def test_places_of_keras_2_12(written, tmp_path):
    """It called the list of layers something else."""

    def older(file):
        file.move("layers", "_layer_checkpoint_dependencies")

    path, given, answer = written
    (found,) = answers(changed(path, tmp_path, weights=older), given)
    np.testing.assert_allclose(found, answer, rtol=1e-5)


def test_what_is_missing_is_named(written, tmp_path):
    def short(file):
        del file["layers/bidirectional/forward_layer/cell/vars/1"]

    with pytest.raises(UnreadableSource, match="holds no weights for bidirectional.*recurrent_kernel"):
        answers(changed(written[0], tmp_path, weights=short), written[1])


def test_an_archive_of_keras_3_needs_no_porter(written, tmp_path):
    with pytest.raises(Unsupported, match=r"is of Keras 3\.5\.0 already"):
        answers(changed(written[0], tmp_path, about={"keras_version": "3.5.0"}))


def test_a_damaged_archive(written, tmp_path):
    with pytest.raises(UnreadableSource, match="cannot be read as a Keras archive"):
        answers(changed(written[0], tmp_path, about=[]))


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({}, True),
        ({"module": "keras.layers", "registered_name": None}, True),
        ({"module": None, "registered_name": "Dense"}, False),
        ({"module": "my.layers", "registered_name": "Dense"}, False),
        ({"module": "my.layers", "registered_name": "mine>Dense"}, False),
    ],
)
def test_whose_class_it_is(tmp_path, said, known):
    """A class of someone's own may be called like one of Keras'."""
    entry = {**layer("Dense", name="d", units=2, use_bias=False), **said}
    path = write_file(tmp_path / "m.h5", sequential(entry), drawn(d={"kernel": (4, 2)}), "2.15.0")
    if known:
        assert answers(path, np.ones((1, 4), "f"))[0].shape == (1, 2)
        return
    with pytest.raises(Unsupported, match="of the class .*>Dense"):
        answers(path, np.ones((1, 4), "f"))


@pytest.mark.parametrize(("version", "known"), [("2.3.1", False), ("2.2.4-tf", True), ("2.4.0", True)])
def test_classes_that_keras_did_not_have_yet(tmp_path, version, known):
    """Before Keras had a layer normalisation, people wrote theirs, of other formulas."""
    entry = layer("LayerNormalization", name="n")
    path = write_file(tmp_path / "m.h5", sequential(entry), drawn(n={"gamma": (4,), "beta": (4,)}), version)
    if known:
        assert answers(path, np.ones((1, 4), "f"))[0].shape == (1, 4)
        return
    with pytest.raises(Unsupported, match="LayerNormalization, which porter does not know"):
        answers(path, np.ones((1, 4), "f"))
