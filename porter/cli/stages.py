"""What a person sees while the stages run: a bar on a terminal, and nothing of what TensorFlow has to say."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]

# By the name that the pipeline gives: what is shown, and the share of the time that it takes.
STAGES = {
    "read": ("reading", 0.15),
    "rules": ("matching rules", 0.2),
    "write": ("writing", 0.15),
    "verify": ("proving", 0.5),
}


@contextmanager
def running(*, verbose: bool) -> Iterator[Progress]:
    """Loads TensorFlow; gives the function that a stage calls with its name and the share of it that is done.

    "verify: outputs" is the part of a stage.
    """
    with _bar() as advance:
        _load_tensorflow(verbose=verbose)
        yield advance


@contextmanager
def _bar() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield lambda stage, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # A stream of its own: `_load_tensorflow` turns the usual one away.
    with os.fdopen(os.dup(2), "w") as stream:
        columns = (TextColumn("{task.description:26}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=stream), transient=True) as bar:
            task = bar.add_task("starting", total=1.0)

            def advance(stage: str, done: float) -> None:
                name, _, detail = stage.partition(": ")
                names = list(STAGES)
                before = sum(STAGES[each][1] for each in names[: names.index(name)])
                title, share = STAGES[name]
                title = f"{title} {detail}".rstrip()
                bar.update(task, description=title, completed=before + share * done)

            yield advance


def _load_tensorflow(*, verbose: bool) -> None:
    """Import TensorFlow without its messages, unless they are asked for.

    Its C++ part writes to file descriptor 2 before it heeds TF_CPP_MIN_LOG_LEVEL: that is turned away meanwhile.
    """
    if verbose:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    for name in ("tensorflow", "absl", "jax", "h5py"):
        logging.getLogger(name).setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
