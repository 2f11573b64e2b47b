"""Running porter's other commands in processes of their own, with a limit of time and of memory."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

PROGRAM = "from porter.cli import main; main()"
RUNNING: set[subprocess.Popen] = set()  # what this program started and has not ended yet
KEPT = 200_000  # bytes of output that are looked at
GIB = 1 << 30


def machine() -> float:
    """The memory of this machine in GiB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB


def cores() -> int:
    """How many processes can run at a time; macOS does not say how many of them are meant for this one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Done:
    """code: the exit code, None where the time was up. Texts may lack their beginning where they are very long."""

    code: int | None
    stdout: str
    stderr: str


def end_all() -> None:
    """End what is running, when the check is interrupted: in sessions of their own they do not hear of it."""
    for process in list(RUNNING):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def run_porter(arguments: Sequence[str], *, seconds: float, gigabytes: float = 0.0) -> Done:
    """Run `porter ARGUMENTS`. What it started is ended with it when the time is up or the check is interrupted.

    gigabytes: of memory that the process may allocate, 0 for no limit.
    """

    def limit() -> None:
        if gigabytes:
            size = int(gigabytes * GIB)
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=limit, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        RUNNING.add(process)
        code: int | None
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # its own group: also what it left behind
            process.wait()
            RUNNING.discard(process)
        texts = []
        for file in (out, err):
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - KEPT) if file is err else 0)
            texts.append(file.read().decode(errors="replace"))
    return Done(code, *texts)
