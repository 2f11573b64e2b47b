"""Python 2, translated as it is imported: old files run as they are, and nothing is written.

A program is taken for Python 2 if one of its own files is no Python 3 (`print "x"`), or uses what Python 3 has not
(`xrange`, `iteritems`). Its syntax goes through fissix, which carries lib2to3 on; names and modules that are gone are
there again; whole numbers divide as they did, 7 / 2 = 3, unless a file asks for `from __future__ import division`.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import importlib.machinery
import re
import site
import sys
import sysconfig
import tokenize
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

# fissix's fixers for what is written otherwise now. Names that moved are restored instead: it keeps lines where they are.
FIXERS = [
    f"fissix.fixes.fix_{name}"
    for name in (
        "dict", "except", "exec", "filter", "funcattrs", "has_key", "import", "itertools", "itertools_imports", "long",
        "map", "metaclass", "methodattrs", "ne", "next", "nonzero", "numliterals", "paren", "print", "raise", "repr",
        "throw", "tuple_params", "xrange", "zip",
    )
]  # fmt: skip
GONE = {"xrange", "raw_input", "basestring", "unicode", "unichr", "execfile", "long", "cmp"}
METHODS = {"iteritems", "iterkeys", "itervalues", "has_key"}
MODULES = {
    "cPickle": "pickle", "StringIO": "io", "cStringIO": "io", "ConfigParser": "configparser", "Queue": "queue",
    "urllib2": "urllib.request", "urlparse": "urllib.parse", "httplib": "http.client", "Tkinter": "tkinter",
    "__builtin__": "builtins", "copy_reg": "copyreg", "commands": "subprocess", "SocketServer": "socketserver",
    "HTMLParser": "html.parser", "thread": "_thread", "cookielib": "http.cookiejar",
}  # fmt: skip
DIVIDED = "_porter_divided"
CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Translator:
    """Compiles a program's own files. Once it has met Python 2, all of them are taken for that.

    python2: whether it has; notes: what was translated and what is doubtful about it, by file.
    """

    def __init__(self, python2: bool = False):
        self.python2 = python2
        self.sure = python2
        self.files: list[str] = []
        self.doubtful: dict[str, str] = {}
        self._tools: dict[bool, Any] = {}
        self._tried: dict[str, list[range]] = {}

    def look(self, file: Path, seen: set[Path] | None = None) -> None:
        """Look through a file, and the files beside it that it imports, for Python 2. Raises OSError."""
        seen = set() if seen is None else seen
        if file in seen or self.sure:
            return
        seen.add(file)
        text = decoded(file.read_bytes())
        try:
            tree = ast.parse(text)
        except SyntaxError:
            try:
                self._translated(text, str(file))
            except SyntaxError:
                return  # neither; whoever compiles it says so
            self.python2 = self.sure = True
            return
        self.python2 = self.python2 or _uses_python2(tree, text)
        for name in _imported(tree):
            for beside in (file.parent / f"{name}.py", file.parent / name / "__init__.py"):
                if beside.is_file():
                    self.look(beside, seen)

    def compile(self, data: bytes, path: str) -> CodeType:
        """The code of one of the program's files. Raises SyntaxError."""
        text = decoded(data)
        if not self.python2:
            try:
                tree = ast.parse(text, path)
                self._tried[path] = list(_tried(tree))
                return compile(tree, path, "exec", dont_inherit=True)
            except SyntaxError as problem:
                try:
                    translated = self._translated(text, path)
                except SyntaxError:
                    raise problem from None
                self.python2 = self.sure = True
        else:
            translated = self._translated(text, path)
        tree = ast.parse(translated, path)
        self._tried[path] = list(_tried(tree))
        if not _divides_truly(tree):
            tree = ast.fix_missing_locations(_Division(Path(path).name).visit(tree))
        if path not in self.files and data.strip():
            self.files.append(path)
        return compile(tree, path, "exec", dont_inherit=True)

    def is_tried(self, path: str, line: int) -> bool:
        """Whether an import in that line stands in a `try` whose program goes on without what is not there."""
        return any(line in lines for lines in self._tried.get(path, ()))

    def _translated(self, text: str, path: str) -> str:
        """The text as Python 3, by fissix: with `print` as a statement, or if that fails as a function."""
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError

        text = _spaces(text) + ("" if text.endswith("\n") else "\n")
        for function in (False, True):
            try:
                found = str(self._tool(function).refactor_string(text, path))
                ast.parse(found, path)
                return found
            except (ParseError, TokenError, SyntaxError, IndentationError):
                continue
        ast.parse(text, path)  # says what is wrong in Python's own words
        raise SyntaxError("it is neither Python 3 nor Python 2", (path, 1, 1, ""))

    def _tool(self, function: bool) -> Any:
        if function not in self._tools:
            from fissix.refactor import RefactoringTool

            self._tools[function] = RefactoringTool(FIXERS, {"print_function": function}, explicit=FIXERS)
        return self._tools[function]

    def divided(self, a: Any, b: Any, place: str) -> Any:
        """a / b as Python 2 has it: whole numbers, and arrays of them, are divided to whole numbers."""
        for one, other, name in ((a, b, "__div__"), (b, a, "__rdiv__")):
            if hasattr(type(one), name):  # tensors, variables and sizes still know it
                result = getattr(one, name)(other)
                if result is not NotImplemented:
                    return result
        if not (_whole(a) and _whole(b)):
            return a / b
        if not self.sure and np.any(np.mod(a, b)):
            self.doubtful.setdefault(place, f"{a} / {b}")
        return a // b

    def notes(self) -> list[str]:
        """What is to be said about the translation; nothing if there was none."""
        if not self.files:
            return []
        names = ", ".join(sorted({Path(path).name for path in self.files}))
        found = [
            f"Python 2: {names} ran translated (print, exceptions, dict and iterator methods, old module names, and "
            "whole numbers divided as Python 2 did); the files are as they were."
        ]
        if self.doubtful:
            places = "; ".join(f"{place}: {what}" for place, what in list(self.doubtful.items())[:5])
            found.append(f"Whole numbers were divided as in Python 2, without the rest, where that matters: {places}.")
        return found


def enter(translator: Translator) -> None:
    """Let what is imported from here on go through the translator, and give the old names back."""
    setattr(builtins, DIVIDED, translator.divided)
    sys.dont_write_bytecode = True  # the program's folder stays as it was
    loader: Any = importlib.machinery.SourceFileLoader
    really = loader.get_code

    def get_code(self: Any, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not is_own(path):
            return really(self, fullname)
        return translator.compile(self.get_data(path), path)

    loader.get_code = get_code
    _restore_names()
    if translator.python2:
        _read_old_pickles()


def _restore_names() -> None:
    """What Python 2 had built in, and where its modules lay."""
    import functools as functions
    import itertools
    import os
    import string

    from porter.legacy.world.aliases import Aliases

    builtins_: Any = builtins
    old = {
        "reduce": functions.reduce, "basestring": str, "file": open, "intern": sys.intern, "reload": importlib.reload,
        "buffer": memoryview, "apply": lambda function, args=(), more=None: function(*args, **(more or {})),
        "cmp": lambda a, b: (a > b) - (a < b),
        "execfile": lambda name, *scopes: exec(Path(name).read_text(), *(scopes or (sys._getframe(1).f_globals,))),
    }  # fmt: skip
    for name, value in old.items():
        if not hasattr(builtins_, name):
            setattr(builtins_, name, value)
    moved: dict[Any, dict[str, Any]] = {
        itertools: {"izip": zip, "imap": map, "ifilter": filter, "izip_longest": itertools.zip_longest},
        string: {"letters": string.ascii_letters, "lowercase": string.ascii_lowercase, "uppercase": string.ascii_uppercase,
                 "maketrans": str.maketrans, "join": lambda words, sep=" ": sep.join(words)},
        sys: {"maxint": sys.maxsize, "setdefaultencoding": lambda *_: None},
        os: {"getcwdu": os.getcwd},
    }  # fmt: skip
    for module, names in moved.items():
        for name, value in names.items():
            if not hasattr(module, name):
                setattr(module, name, value)
    import urllib.parse
    import urllib.request

    urllib_: Any = urllib
    for name in ("urlretrieve", "urlopen", "urlencode", "quote", "unquote", "quote_plus"):
        setattr(urllib_, name, getattr(urllib.request, name, None) or getattr(urllib.parse, name))
    sys.meta_path.append(Aliases(MODULES))


def _read_old_pickles() -> None:
    """Strings in pickles that Python 2 wrote are bytes of any kind; `pickle` takes them for ASCII."""
    import pickle

    pickles: Any = pickle
    for name in ("load", "loads"):
        really = getattr(pickle, name)
        setattr(pickles, name, functools.partial(really, encoding="latin1"))


@functools.cache
def _elsewhere() -> tuple[str, ...]:
    """Where other people's Python lies."""
    found = [*site.getsitepackages(), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    return tuple({str(Path(path).resolve()) for path in found} | {str(Path(__file__).resolve().parents[2])})


def is_own(path: str) -> bool:
    """Whether a file is the program's, rather than a library's or porter's."""
    return "site-packages" not in path and not str(Path(path).resolve()).startswith(_elsewhere())


def decoded(data: bytes) -> str:
    """The text of a source file: as it declares itself, else UTF-8, else Latin-1, as Python 2 let pass in comments."""
    try:
        encoding = tokenize.detect_encoding(BytesIO(data).readline)[0]
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff").replace("\f", "")


def _spaces(text: str) -> str:
    """Indentation in spaces: a tab went to the next multiple of eight, and both could stand together."""
    if "\t" not in text:
        return text
    return re.sub(r"^[ \t]*\t[ \t]*", lambda match: match[0].expandtabs(8), text, flags=re.MULTILINE)


def _uses_python2(tree: ast.Module, text: str) -> bool:
    """Whether code that is Python 3 by its syntax needs Python 2, and does nothing to run under both."""
    if re.search(r"\b(six|version_info|future|builtins|PY2|PY3)\b", text):
        return False
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {(each.asname or each.name) for node in ast.walk(tree) for each in getattr(node, "names", ())
            if isinstance(each, ast.alias)}  # fmt: skip
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in GONE - own:
            return True
        if isinstance(node, ast.Attribute) and node.attr in METHODS and "pandas" not in text:
            return True
    return False


def _imported(tree: ast.Module) -> Iterable[str]:
    """The first words of what a file imports, and what it imports from its own folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from [node.module.split(".")[0]] if node.module else [each.name for each in node.names]


def _tried(tree: ast.Module) -> Iterable[range]:
    """The lines of each `try` that catches an ImportError and does something else than to end the program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            caught = [each for each in node.handlers if each.type is None or CATCHES & _words(each.type)]
            ends = any(isinstance(part, ast.Raise) or _words(part) & {"exit", "_exit", "quit"}
                       for each in caught for line in each.body for part in ast.walk(line))  # fmt: skip
            if caught and not ends:
                yield range(node.body[0].lineno, (node.body[-1].end_lineno or 0) + 1)


def _words(node: ast.AST) -> set[str]:
    """The names in a piece of source."""
    return {each.id if isinstance(each, ast.Name) else each.attr for each in ast.walk(node)
            if isinstance(each, ast.Name | ast.Attribute)}  # fmt: skip


def _divides_truly(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(a.name == "division" for a in node.names)
        for node in tree.body
    )


def _whole(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(np.issubdtype(value.dtype, np.integer))
    return isinstance(value, int | np.integer)


class _Division(ast.NodeTransformer):
    """Writes a / b as a call of `Translator.divided`, where either might be a whole number."""

    def __init__(self, name: str):
        self.name = name

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """a / b."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or _is_float(node.left) or _is_float(node.right):
            return node
        return ast.copy_location(self._call(node.left, node.right, node.lineno), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """a /= b, for a name or an attribute of one."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or _is_float(node.value):
            return node
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        made = ast.Assign(targets=[node.target], value=self._call(read, node.value, node.lineno))
        return ast.copy_location(made, node)

    def _call(self, left: ast.expr, right: ast.expr, line: int) -> ast.Call:
        place = ast.Constant(f"{self.name} line {line}")
        return ast.Call(func=ast.Name(DIVIDED, ast.Load()), args=[left, right, place], keywords=[])


def _is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)
