"""What Python and numpy have dropped since, and libraries for data and pictures that need not be there to build a graph."""

from __future__ import annotations

import builtins
import collections
import collections.abc
import dis
import functools
import inspect
import math
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from porter.legacy.world import games
from porter.legacy.world.aliases import Aliases
from porter.legacy.world.python2 import Translator, is_own

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


def restore(translator: Translator) -> None:
    """Give Python and numpy their old names back, and let imports of absent libraries pass until they are used.

    translator: knows which imports of the program are only tried.
    """
    _restore_python()
    _restore_numpy()
    gone = Aliases({"distutils.version": "porter.legacy.world.loose_version"})  # where Python itself has none
    sys.meta_path.insert(0, Aliases({"scipy.misc": "porter.legacy.world.scipy_misc"}))  # before an empty one
    sys.meta_path += [gone, _Absent(translator)]


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
        inspect.getargspec = _argspec  # type: ignore[attr-defined]


ArgSpec = collections.namedtuple("ArgSpec", ["args", "varargs", "keywords", "defaults"])


def _argspec(function: Any) -> Any:
    """`inspect.getargspec`: networks asked it which arguments a cell takes."""
    return ArgSpec(*inspect.getfullargspec(function)[:4])


def _restore_numpy() -> None:
    import warnings

    import numpy as np

    load = np.load  # it took pickled dictionaries of weights; what is named is run as it is, data of its own included
    np.load = functools.wraps(load)(  # type: ignore[assignment]
        lambda file, mmap_mode=None, allow_pickle=True, *rest, **more: load(
            file, mmap_mode, allow_pickle, *rest, **more
        )
    )
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

    A call whose result nobody takes, such as `seaborn.set()`, is passed over and noted.
    why: the end of the sentence that its use brings; by default, that the library is not installed.
    """

    def __init__(self, name: str, why: str = ""):
        self.__dict__.update(_name=name, _why=why or _not_there(name))

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise AbsentError(f"{self._name} is needed here, and {self._why}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Nothing, where nothing is wanted of it."""
        frame = sys._getframe(1)
        if self._name.startswith("tf.") or not _is_dropped(frame):
            self._refuse()
        passed_over.setdefault(f"{self._name}(…)", f"{Path(frame.f_code.co_filename).name} line {frame.f_lineno}")

    def __getattr__(self, name: str) -> Unusable:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unusable(f"{self._name}.{name}", str(self._why))

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (type(self._name.split(".")[-1], (), {"__init__": self._refuse}),)

    def __instancecheck__(self, instance: Any) -> bool:
        """Whether something is of a class that nobody has: it can't be."""
        return False

    # A setting that is not there must not pass for one that is true, nor for one that is different.
    __iter__ = __getitem__ = __len__ = __enter__ = __contains__ = __bool__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __index__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __neg__ = __array__ = _refuse
    __hash__ = object.__hash__


passed_over: dict[str, str] = {}  # calls that were not made, and where they stand
found_above: list[str] = []  # modules that were run from a folder above the program's


def notes() -> list[str]:
    """What is to be said of calls that were passed over, and of modules that lie elsewhere than the program."""
    said = []
    if found_above:
        said.append(f"Run too, from a folder above the program's: {', '.join(found_above)}.")
    if passed_over:
        calls = "; ".join(f"{call} in {place}" for call, place in list(passed_over.items())[:5])
        said.append(f"Passed over, as the libraries are not there and nothing was wanted of the calls: {calls}.")
    return said


def _is_dropped(frame: FrameType) -> bool:
    """Whether the frame throws away what the call gives that it is about."""
    following = (each for each in dis.get_instructions(frame.f_code) if each.offset > frame.f_lasti)
    return next(following).opname == "POP_TOP"


def _not_there(name: str) -> str:
    root = name.split(".")[0]
    return f"{root} is not installed" if root in BESIDE else f"{root} is neither beside the program nor installed"


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
        root = self.__name__.split(".")[0]
        if name == "__all__" and root not in BESIDE:  # names that nobody can tell
            raise AbsentError(f"all of {self.__name__} is needed here, and {_not_there(root)}")
        if name.startswith("__"):
            raise AttributeError(name)
        if root in PICTURES:
            return getattr(_Picture(), name)
        if self.__name__ == "tqdm" and name in ("tqdm", "trange"):
            return range if name == "trange" else lambda items, *_, **__: items
        gone = "today's TensorFlow has no such part" if self.__name__.startswith("tensorflow") else ""
        return Unusable(f"{self.__name__}.{name}", gone)


def _asking() -> tuple[str, int]:
    """The file and the line of the import that is going on."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        "importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__
    ):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _above(name: str, file: str) -> ModuleSpec | None:
    """A module in a folder above the program's file, up to its repository's: programs were run from there."""
    folder = Path(file).resolve().parent
    for _ in range(4):
        if (folder / ".git").exists() or folder == folder.parent:
            break
        folder = folder.parent
        if (folder / name / "__init__.py").is_file() or (folder / f"{name}.py").is_file():
            sys.path.append(str(folder))
            found_above.append(str(folder / name))
            return PathFinder.find_spec(name, [str(folder)])
    return None


class _Absent(MetaPathFinder, Loader):
    """Asked last: whether a module that nobody found is one that a graph may be built without.

    Any that a file of the program imports may be, unless the program itself is prepared to do without it. Libraries
    look for what may not be there; to them it is not.
    """

    def __init__(self, translator: Translator):
        self.translator = translator

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        root = fullname.split(".")[0]
        file, line = _asking()
        own = is_own(file)
        above = _above(root, file) if own and root == fullname and root not in BESIDE else None
        if above is not None or root in BESIDE or (own and self._may_be(root, file, line)):
            return above or ModuleSpec(fullname, self, is_package=True)
        return None

    def _may_be(self, root: str, file: str, line: int) -> bool:
        part = root in sys.modules and not isinstance(sys.modules[root], _AbsentModule)  # of something that is there
        return root == "tensorflow" or not (part or self.translator.is_tried(file, line))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A module that is not there has nothing to run; but the spaces of games decide the sizes of networks."""
        if module.__name__.split(".")[0] == "gym":
            sys.modules.update(games.modules())
