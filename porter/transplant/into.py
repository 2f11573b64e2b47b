"""The Keras 3 model that someone has written: loaded from their file."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource, UsageError


def load_model(named: str) -> Any:
    """The model that `my_model.py:build` makes; the file is run, in this process.

    Raises UsageError for a name that is no such thing, UnreadableSource where the file fails or gives no Keras model.
    """
    import keras

    text, _, name = named.partition(":")
    file = Path(text)
    if file.suffix != ".py" or not name.isidentifier():
        raise UsageError(f"{named!r} names no function in a file", todo="write --into my_model.py:build")
    if not file.is_file():
        raise UnreadableSource(f"{file} does not exist", todo="check the path")
    try:
        sys.path.insert(0, str(file.resolve().parent))
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        spec.loader.exec_module(module)
        if not hasattr(module, name):
            raise UsageError(f"{file.name} has no {name}", todo="name the function that makes the model")
        made = getattr(module, name)
        model = made if isinstance(made, keras.Model) else made()
    except UsageError:
        raise
    except Exception as problem:  # the file may raise anything
        frames = [each for each in traceback.extract_tb(problem.__traceback__) if each.filename == str(file)]
        where = f"{file}:{frames[-1].lineno}: {frames[-1].line}" if frames else str(file)
        told = " ".join(str(problem).split())[:300]
        raise UnreadableSource(
            f"{named} gives no model",
            where=where,
            why=f"{type(problem).__name__}: {told}",
            todo="run the file by itself",
        ) from problem
    if not isinstance(model, keras.Model):
        raise UnreadableSource(
            f"{named} gives no Keras model", why=f"it gives a {type(model).__name__}", todo="let it return the model"
        )
    return model
