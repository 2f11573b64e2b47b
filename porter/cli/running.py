"""What surrounds every command: errors as words and exit codes, what is printed as JSON, what is announced."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from porter.cli import consoles, problems
from porter.errors import PorterError, UsageError


@contextmanager
def reporting(subject: str, verbose: bool) -> Iterator[None]:
    """Turns what goes wrong in a command into words for people and an exit code."""
    try:
        yield
    except PorterError as problem:
        problems.show_error(problem)
        raise typer.Exit(problem.exit_code) from None
    except KeyboardInterrupt:
        consoles.to_stderr().print("porter: interrupted")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader of stdout has gone; what is left in the buffer must go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as problem:
        problems.show_internal_error(problem, subject, verbose=verbose)
        raise typer.Exit(problems.INTERNAL) from None


def announce(source: Path) -> None:
    """Say that a program is run, where the source is one."""
    from porter.legacy.launch import program_of

    program = program_of(source)
    if program is not None:
        what = f"{program.file}{f': {program.call}' if program.call else ', up to its first session'}"
        consoles.to_stderr().print(f"Running {what}, as TensorFlow 1, in a process of its own.")


def refuse_to_overwrite(file: Path, *, force: bool) -> None:
    """Raises `UsageError` where a file is in the way of what is written, or there is no folder for it."""
    if not file.parent.is_dir():
        raise UsageError(
            f"{file} cannot be written", why=f"there is no folder {file.parent}", todo="name another with -o"
        )
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", todo="name another file with -o, or overwrite it with --force")


def print_json(found: Any) -> None:
    """Print data on stdout."""
    print(json.dumps(found, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy as JSON has them; what else it has not, as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
