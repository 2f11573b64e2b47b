"""`tensorflow.examples.tutorials.mnist` and Keras' data sets: numbers in the place of the pictures, which nothing here needs.

Programs read the data before they build their network. What they get has the shapes and types of the data, and no meaning.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from typing import Any

import numpy as np

Datasets = namedtuple("Datasets", ["train", "validation", "test"])
COUNT = 256  # pictures in each part


class DataSet:
    """Pictures [256, 784] between 0 and 1 (or [256, 28, 28, 1]), and their labels (or [256, 10], one-hot)."""

    def __init__(self, seed: int, one_hot: bool, reshape: bool, dtype: Any):
        numbers = np.random.RandomState(seed)
        pictures = numbers.rand(COUNT, 784).astype("float32")
        self.images = pictures if reshape else pictures.reshape(COUNT, 28, 28, 1)
        if np.dtype(getattr(dtype, "as_numpy_dtype", dtype)) == np.uint8:
            self.images = (self.images * 255).astype("uint8")
        labels = numbers.randint(0, 10, COUNT)
        self.labels = np.eye(10)[labels] if one_hot else labels.astype("uint8")
        self.num_examples, self.epochs_completed, self._at = COUNT, 0, 0

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next pictures and labels, from the start again at the end."""
        places = (self._at + np.arange(batch_size)) % COUNT
        self.epochs_completed += (self._at + batch_size) // COUNT
        self._at = (self._at + batch_size) % COUNT
        return self.images[places], self.labels[places]


def read_data_sets(
    train_dir: str = "", fake_data: bool = False, one_hot: bool = False, dtype: Any = "float32", reshape: bool = True,
    validation_size: int = 5000, seed: int | None = None, source_url: str = "",
) -> Datasets:  # fmt: skip
    """Three data sets, and a line on stderr that says what they are."""
    print("porter: read_data_sets gives random numbers of the shapes of MNIST", file=sys.stderr)
    return Datasets(*(DataSet(number, one_hot, reshape, dtype) for number in range(3)))


def load_dataset(name: str, *_: Any, **__: Any) -> Datasets:
    """The same by name, as `tf.contrib.learn.datasets` had it. Raises ValueError for another than "mnist"."""
    if name != "mnist":
        raise ValueError(f"the data set {name} is not here; mnist is")
    return read_data_sets()


# Sizes of a sample and number of classes of Keras' data sets, 0 classes for a regression.
PICTURES: dict[str, tuple[tuple[int, ...], int]] = {
    "mnist": ((28, 28), 10), "fashion_mnist": ((28, 28), 10), "cifar10": ((32, 32, 3), 10), "cifar100": ((32, 32, 3), 100),
    "boston_housing": ((13,), 0),
}  # fmt: skip


def restore_datasets(keras: Any) -> None:
    """Let `keras.datasets.NAME.load_data` give numbers at once, where it would download."""
    for name, (shape, classes) in PICTURES.items():
        getattr(keras.datasets, name).load_data = _loader(name, shape, classes)


def _loader(name: str, shape: tuple[int, ...], classes: int) -> Any:
    def load_data(*_: Any, **__: Any) -> Any:
        """((pictures [256, …], labels), the same again), or numbers for a regression."""
        print(f"porter: {name}.load_data gives random numbers of its shapes", file=sys.stderr)
        numbers = np.random.RandomState(0)
        if not classes:
            part = numbers.rand(COUNT, *shape), numbers.rand(COUNT)
        else:
            labels = numbers.randint(0, classes, (COUNT, 1) if len(shape) == 3 else (COUNT,))
            part = numbers.randint(0, 256, (COUNT, *shape)).astype("uint8"), labels.astype("uint8")
        return part, part

    return load_data


load_mnist = read_data_sets
tutorials = mnist = input_data = sys.modules[__name__]
