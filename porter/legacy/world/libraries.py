"""What Python and numpy have dropped since, and libraries for data and pictures that need not be there to build a graph."""

from __future__ import annotations

import builtins
import collections
import collections.abc
import functools
import inspect
import math
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from porter.legacy.world import games
from porter.legacy.world.python2 import is_own

# Libraries that programs of the time imported at the top to read data or to show it.
BESIDE = {
    "matplotlib", "pylab", "mpl_toolkits", "seaborn", "cv2", "PIL", "Image", "skimage", "scipy", "imageio", "pandas",
    "sklearn", "tqdm", "gym", "h5py", "librosa", "soundfile", "nltk", "jieba", "gensim", "progressbar", "termcolor",
    "colorama", "tensorboardX", "requests", "bs4", "yaml", "easydict", "lmdb", "wget", "moviepy", "IPython", "psutil",
    "xlrd", "tabulate", "prettytable", "toml", "ipdb", "click", "pygame", "mujoco_py", "atari_py", "nibabel",
    "pydicom", "SimpleITK", "spacy", "sacrebleu", "wandb", "sacred", "box", "attrdict", "munch", "addict", "lxml",
    "tensorboard_logger", "visdom", "pycocotools", "shapely", "rasterio", "gdal", "osgeo", "cupy", "numba", "pyprind",
    "vizdoom", "roboschool", "pybullet_envs", "pybullet", "ple", "retro", "baselines", "midi", "pretty_midi", "music21",
    "editdistance", "Levenshtein", "python_speech_features", "dill",
}  # fmt: skip
PICTURES = {"matplotlib", "pylab", "mpl_toolkits", "seaborn", "prettytable", "progressbar", "termcolor", "colorama"}
NUMBERS = {
    "float": float, "int": int, "object": object, "str": str, "long": int, "unicode": str, "complex": complex,
    "float_": "float64", "int_": "int64", "complex_": "complex128", "unicode_": "str_", "string_": "bytes_",
    "product": "prod", "cumproduct": "cumprod", "sometrue": "any", "alltrue": "all", "in1d": "isin",
    "Inf": math.inf, "Infinity": math.inf, "PINF": math.inf, "NINF": -math.inf, "NaN": math.nan, "infty": math.inf,
    "asscalar": lambda array: array.item(), "row_stack": "vstack", "round_": "round",
}  # fmt: skip


def restore() -> None:
    """Give Python and numpy their old names back, and let imports of absent libraries pass until they are used."""
    _restore_python()
    _restore_numpy()
    sys.meta_path.append(_Absent())


def _restore_python() -> None:
    builtins_: Any = builtins
    for name, value in {"xrange": range, "unicode": str, "long": int, "raw_input": input, "unichr": chr}.items():
        if not hasattr(builtins_, name):
            setattr(builtins_, name, value)
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(time, "clock"):
        time.clock = time.perf_counter  # type: ignore[attr-defined]
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = lambda function: inspect.getfullargspec(function)[:4]  # type: ignore[attr-defined]


def _restore_numpy() -> None:
    import warnings

    import numpy as np

    reshape = np.reshape
    np.reshape = functools.wraps(reshape)(
        lambda a, *shape, newshape=None, **more: reshape(a, *(shape if newshape is None else (newshape,)), **more)
    )
    for name, value in NUMBERS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not hasattr(np, name):
                setattr(np, name, getattr(np, value) if isinstance(value, str) else value)


class AbsentError(ImportError):
    """A library that is not installed was used, not only imported."""


class Unusable:
    """Something that is not there. It may be named, imported, passed on and derived from, not used.

    why: the end of the sentence that its use brings; by default, that the library is not installed.
    """

    def __init__(self, name: str, why: str = ""):
        self.__dict__.update(_name=name, _why=why or f"{name.split('.')[0]} is not installed")

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise AbsentError(f"{self._name} is needed here, and {self._why}")

    def __getattr__(self, name: str) -> Unusable:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unusable(f"{self._name}.{name}", str(self._why))

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (type(self._name.split(".")[-1], (), {"__init__": self._refuse}),)

    __call__ = __iter__ = __getitem__ = __len__ = __enter__ = __add__ = _refuse


class _Picture:
    """Something of a library that only shows things: whatever is done with it does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return (lambda *_, **__: (self, self)) if name == "subplots" else self

    def _nothing(self, *_: Any, **__: Any) -> Any:
        return self

    __call__ = __getitem__ = __enter__ = _nothing

    def __exit__(self, *_: Any) -> None:
        """Nothing."""

    def __setitem__(self, *_: Any) -> None:
        """Nothing."""

    def __iter__(self) -> Any:
        return iter(())


class _AbsentModule(ModuleType):
    """A module that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.split(".")[0] in PICTURES:
            return getattr(_Picture(), name)
        if self.__name__ == "tqdm" and name in ("tqdm", "trange"):
            return range if name == "trange" else lambda items, *_, **__: items
        gone = "today's TensorFlow has no such part" if self.__name__.startswith("tensorflow") else ""
        return Unusable(f"{self.__name__}.{name}", gone)


def _asked_by_program() -> bool:
    """Whether the import that is going on stands in a file of the program; libraries look for what may not be there."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        "importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__
    ):
        frame = frame.f_back
    return is_own(frame.f_code.co_filename)


class _Absent(MetaPathFinder, Loader):
    """Asked last: whether a module that nobody found is one that a graph can be built without."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        root = fullname.split(".")[0]
        if root in BESIDE or (root == "tensorflow" and _asked_by_program()):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A module that is not there has nothing to run; but the spaces of games decide the sizes of networks."""
        if module.__name__.split(".")[0] == "gym":
            sys.modules.update(games.modules())
