"""`porter check` and `porter rules`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from porter.cli import arguments, consoles
from porter.errors import UsageError, writing

if TYPE_CHECKING:
    from rich.console import Console

    from porter.check.result import Result
    from porter.check.run import Progress, Request
    from porter.check.settings import Settings

WHAT = "What is checked"
KNOWN = "What is known already"
WRITING = "What is written"


class Format(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    github = "github"
    junit = "junit"
    sarif = "sarif"


Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATH...", help="Folders or files; by default this folder.")
]
SourceOnly = Annotated[bool, typer.Option("--source-only", help="No models.", rich_help_panel=WHAT)]
ModelsOnly = Annotated[bool, typer.Option("--models-only", help="No source.", rich_help_panel=WHAT)]
ChangedSince = Annotated[
    str | None, typer.Option(metavar="REV", help="Only what differs from that revision.", rich_help_panel=WHAT)
]
Shard = Annotated[str | None, typer.Option(metavar="2/8", help="The second of eight parts.", rich_help_panel=WHAT)]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", metavar="N", min=0, help="Processes at a time.", rich_help_panel=WHAT)
]
UpdateBaseline = Annotated[
    bool, typer.Option("--update-baseline", help="Accept what is found now.", rich_help_panel=KNOWN)
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Try every model again.", rich_help_panel=KNOWN)]
FormatOption = Annotated[Format, typer.Option("--format", help="How findings are printed.", rich_help_panel=WRITING)]
Report = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", rich_help_panel=WRITING,
        help="Also write the result there: .sarif, .xml (JUnit), .json, .md or .txt. Repeatable.",
    ),
]  # fmt: skip
Fix = Annotated[bool, typer.Option("--fix", help="Make the rewrites that are certain.", rich_help_panel=WRITING)]
Diff = Annotated[bool, typer.Option("--diff", help="Print them, and change nothing.", rich_help_panel=WRITING)]
Init = Annotated[
    bool, typer.Option("--init", help="Write a commented porter.toml from what is there.", rich_help_panel=WRITING)
]


def run_check(
    paths: list[Path], request: Request, form: Format, reports: list[Path], *, fix: bool, diff: bool, init: bool
) -> int:
    """Do what `porter check` was asked for; the exit code."""
    from porter.check.output import FORMATS, for_file
    from porter.check.run import check, look
    from porter.check.settings import read_settings

    root, request.paths = _root(paths)
    settings = read_settings(root)
    if init:
        from porter.check.starter import write_starter

        found = look(root, settings, request)
        path = write_starter(root, found)
        consoles.to_stderr().print(f"{path} is written, with {len(found.models)} models")
        return 0
    if fix and diff:
        raise UsageError("--fix makes the rewrites, --diff leaves them", todo="give one of them")
    if fix or diff:
        return _rewrite(root, settings, request, write=fix)
    writers = [(path, for_file(path)) for path in reports]
    with _progress() as advance:
        result = check(root, settings, request, advance)
    for path, to_text in writers:
        with writing(path, "name another file"):
            path.write_text(to_text(result) if to_text else _plain(result, request), encoding="utf-8")
    _step_summary(result)
    if form is Format.text:
        from porter.cli import findings

        findings.show(consoles.to_stdout(), result, updated=request.update_baseline)
    else:
        sys.stdout.write(FORMATS[form.value](result))
    return result.exit_code


def make_request(
    source_only: bool,
    models_only: bool,
    changed_since: str | None,
    shard: str | None,
    jobs: int,
    update: bool,
    no_cache: bool,
) -> Request:
    """The request that the flags stand for. Raises UsageError."""
    from porter.check.run import Request

    if source_only and models_only:
        raise UsageError("--source-only and --models-only leave nothing", todo="give one of them")
    return Request(
        source=not models_only, models=not source_only, jobs=jobs, shard=arguments.shard(shard),
        changed_since=changed_since, update_baseline=update, cached=not no_cache,
    )  # fmt: skip


def _root(paths: list[Path]) -> tuple[Path, list[Path]]:
    """(the folder that findings are relative to, what is looked at below it; nothing for all)

    It is the nearest one upwards that has a porter.toml, else the top of the git repository, else the folder itself.
    """
    from porter.check.files import top
    from porter.check.settings import NAME

    start = paths[0] if len(paths) == 1 and paths[0].is_dir() else Path()
    full = start.resolve()
    root = next((each for each in (full, *full.parents) if (each / NAME).is_file()), None) or top(full) or full
    return start if root == full else root, [] if root == full and paths == [start] else paths


def _rewrite(root: Path, settings: Settings, request: Request, *, write: bool) -> int:
    """--fix and --diff: the certain rewrites. 1 if --diff shows any."""
    from porter.check import source
    from porter.check.files import shown
    from porter.check.run import look

    request.models = False
    changed = 0
    for path in look(root, settings, request).sources:
        name = shown(path)
        made = source.fix(root / path, name, settings.wants)
        if made is None:
            continue
        changed += 1
        if write:
            with writing(name, "check its permissions; --diff shows the rewrites without making them"):
                (root / path).write_bytes(made[2])
        else:
            sys.stdout.write(source.difference(name, made[0], made[1]))
    console = consoles.to_stderr()
    console.print(f"{changed} files {'changed' if write else 'would change'}")
    return 0 if write or not changed else 1


def _plain(result: Result, request: Request) -> str:
    from io import StringIO

    from rich.console import Console

    from porter.cli import findings

    file = StringIO()
    console = Console(file=file, markup=False, emoji=False, highlight=False, soft_wrap=True)
    findings.show(console, result, updated=request.update_baseline)
    return file.getvalue()


def _step_summary(result: Result) -> None:
    """The summary of the job, where GitHub Actions (or something like it) asks for one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        from porter.check.output import to_markdown

        with writing(path, "GITHUB_STEP_SUMMARY names it"), open(path, "a", encoding="utf-8") as file:
            file.write(to_markdown(result))


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal; elsewhere a line for each model, on stderr."""
    console = consoles.to_stderr()
    if not console.is_terminal:
        yield lambda what, done, all_: None if what == "source" else console.print(f"[{done}/{all_}] {what}")
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda what, done, all_: bar.update(task, description=what, completed=done, total=all_)


def show_rules(console: Console, code: str | None) -> None:
    """All rules in a table, or the documentation of one. Raises UsageError for an unknown code."""
    from porter.check.rules import ALL_RULES, BY_CODE

    if code is None:
        table = consoles.Table("Rules", "code", "name", "what it finds")
        for rule in ALL_RULES:
            table.add(rule.code, rule.name, rule.what)
        table.show(console)
        return
    by_name = {rule.name: rule for rule in ALL_RULES}
    found = BY_CODE.get(code.upper()) or by_name.get(code.lower())
    if found is None:
        raise UsageError(f"There is no rule {code}", todo="`porter rules` lists them")
    console.print(f"{found.code} {found.name}", style="bold")
    console.print(found.what)
    for title, text in (("Why it matters", found.why), ("The Keras 3 way", found.instead)):
        console.print()
        console.print(title, style="bold")
        console.print(text)
    if found.fixable:
        console.print("`porter check --fix` rewrites it.")
    for kind, examples in (("Found", found.examples), ("Not found", found.counterexamples)):
        for title, text in examples:
            console.print()
            console.print(f"{kind}: {title}", style="bold")
            console.print(
                "\n".join(f"    {line}".rstrip() for line in text.strip("\n").replace("# !", "# <-").split("\n"))
            )
    if found.references:
        console.print()
        console.print("References", style="bold")
        for reference in found.references:
            console.print(reference)
    console.print()
    console.print(f"Silence it with  # porter: ignore[{found.code}]")
