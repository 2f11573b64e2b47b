"""What Python and numpy have dropped since, and libraries for data and pictures that need not be there to build a graph."""

from __future__ import annotations

import builtins
import collections
import collections.abc
import importlib.util
import inspect
import math
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Libraries that programs of the time imported at the top to read data or to show it.
BESIDE = {
    "matplotlib", "pylab", "mpl_toolkits", "seaborn", "cv2", "PIL", "Image", "skimage", "scipy", "imageio", "pandas",
    "sklearn", "tqdm", "gym", "h5py", "librosa", "soundfile", "nltk", "jieba", "gensim", "progressbar", "termcolor",
    "colorama", "tensorboardX", "requests", "bs4", "yaml", "easydict", "lmdb", "wget", "moviepy", "IPython", "psutil",
    "xlrd", "tabulate", "prettytable", "toml", "ipdb", "click", "pygame", "mujoco_py", "atari_py", "nibabel",
    "pydicom", "SimpleITK", "spacy", "sacrebleu", "editdistance", "Levenshtein", "python_speech_features", "dill",
}  # fmt: skip
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

    for name, value in NUMBERS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not hasattr(np, name):
                setattr(np, name, getattr(np, value) if isinstance(value, str) else value)


class AbsentError(ImportError):
    """A library that is not installed was used, not only imported."""


class _Unusable:
    """Something out of a library that is not there. It may be named, imported and passed on, not used."""

    def __init__(self, name: str):
        self.__dict__["_name"] = name

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise AbsentError(f"{self._name} is needed here, and {self._name.split('.')[0]} is not installed")

    def __getattr__(self, name: str) -> _Unusable:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unusable(f"{self._name}.{name}")

    __call__ = __iter__ = __getitem__ = __len__ = __enter__ = __mro_entries__ = __add__ = _refuse


class _AbsentModule(ModuleType):
    """A module that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.startswith("matplotlib") and name in ("use", "switch_backend"):
            return lambda *_, **__: None  # called at the top of programs for machines without a screen
        if self.__name__ == "tqdm" and name in ("tqdm", "trange"):
            return range if name == "trange" else lambda items, *_, **__: items
        return _Unusable(f"{self.__name__}.{name}")


class _Absent(MetaPathFinder, Loader):
    """Asked last: whether a module that nobody found is one that a graph can be built without."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.split(".")[0] in BESIDE:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A module that is not there has nothing to run."""


def installed(name: str) -> bool:
    """Whether a library is really there."""
    spec = importlib.util.find_spec(name)
    return spec is not None and not isinstance(spec.loader, _Absent)
