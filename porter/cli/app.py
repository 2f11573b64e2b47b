"""The commands."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from porter import __version__
from porter.cli import arguments, checking, consoles, problems, stages
from porter.errors import PorterError, UsageError

if TYPE_CHECKING:
    from porter.options import Options

app = typer.Typer(
    name="porter",
    help="Turns a TensorFlow 1 model into Keras 3 source with its weights, and proves that it computes the same.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

GRAPH = "What of the graph is converted"
HOW = "How it is converted"
WRITING = "What is written"
PROOF = "What is compared"


class Weights(StrEnum):
    """Which weights are taken where the checkpoint holds moving averages of them too."""

    auto = "auto"
    raw = "raw"
    ema = "ema"


class Normalisation(StrEnum):
    layer = "layer"
    ops = "ops"
    lambda_ = "lambda"


SourcePath = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="A checkpoint (prefix, file or folder), a frozen graph, a SavedModel, an .h5 file, or Python source.",
    ),
]
Inputs = Annotated[
    str | None,
    typer.Option(metavar="a:0,b:0", help="Cut the graph at these tensors: they become inputs.", rich_help_panel=GRAPH),
]
Outputs = Annotated[
    str | None, typer.Option(metavar="c:0,d:0", help="The outputs, in this order.", rich_help_panel=GRAPH)
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Give a placeholder a fixed value. Repeatable.", rich_help_panel=GRAPH),
]
Shape = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=?,28,28,1", help="Shape of a placeholder that has none. Repeatable.", rich_help_panel=GRAPH
    ),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="PREFIX", rich_help_panel=GRAPH,
        help="Take the weights from this checkpoint: for Python source, or for a graph that lies elsewhere.",
    ),
]  # fmt: skip
MapFile = Annotated[
    str | None,
    typer.Option(
        "--map", metavar="FILE", rich_help_panel=GRAPH,
        help="What the checkpoint calls each variable, as JSON; written as a proposal if FILE is not there.",
    ),
]  # fmt: skip
Placeholder = Annotated[
    list[str] | None,
    typer.Option(
        metavar="x:float32[?,28,28,1]", rich_help_panel=GRAPH,
        help="Call the function of Python source with this placeholder. Repeatable.",
    ),
]  # fmt: skip
Into = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", rich_help_panel=GRAPH,
        help="For an .h5 file: what builds its model, as my_model.py:build, or the text of model.to_json().",
    ),
]  # fmt: skip
Lambda = Annotated[
    list[str] | None,
    typer.Option(
        "--lambda", metavar="LAYER=my_file.py:function", rich_help_panel=GRAPH,
        help="For an .h5 file: the function of a Lambda layer, whose byte code is never run. Repeatable.",
    ),
]  # fmt: skip
Exact = Annotated[
    bool,
    typer.Option(
        "--exact", help="Keep arithmetic that couples the samples of a batch; by default it is made batch-safe.",
        rich_help_panel=HOW,
    ),
]  # fmt: skip
LiftBatch = Annotated[
    bool,
    typer.Option(
        "--lift-batch", help="Let the model take any batch size where the graph was written for one.",
        rich_help_panel=HOW,
    ),
]  # fmt: skip
Normalise = Annotated[
    Normalisation,
    typer.Option(
        "--normalisation", help="Write a normalisation that Keras lacks as a custom layer, plain operations, or a Lambda.",
        rich_help_panel=HOW,
    ),
]  # fmt: skip
WhichWeights = Annotated[
    Weights,
    typer.Option("--weights", help="As trained (raw), or their moving averages (ema).", rich_help_panel=HOW),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout, and nothing else there.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show TensorFlow's messages, and tracebacks.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"porter {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """The options of porter itself; `_version` does what there is to do."""


@app.command()
def convert(
    source: SourcePath,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="DIR", help="Where the model goes; by default <name>_keras in this folder."
        ),
    ] = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    freeze: Freeze = None,
    shape: Shape = None,
    checkpoint: Checkpoint = None,
    map_file: MapFile = None,
    placeholder: Placeholder = None,
    into: Into = None,
    functions: Lambda = None,
    exact: Exact = False,
    lift_batch: LiftBatch = False,
    normalisation: Normalise = Normalisation.layer,
    weights: WhichWeights = Weights.auto,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Write without proof.", rich_help_panel=WRITING)
    ] = False,
    keep_failed: Annotated[
        bool,
        typer.Option(
            "--keep-failed", help="Write even if the proof fails, marked as unproved.", rich_help_panel=WRITING
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite DIR.", rich_help_panel=WRITING)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; print model.py on stdout.", rich_help_panel=WRITING)
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Convert a TensorFlow 1 model to Keras 3: source, weights and proof."""
    with _reporting(f"{source}", verbose):
        from porter.cli import summary
        from porter.convert import convert as run
        from porter.report import digest

        start = time.perf_counter()
        options = _options(
            inputs, outputs, freeze, shape, exact, weights, checkpoint, placeholder, map_file, into, functions
        )
        options.normalisation, options.lift_batch = normalisation.value, lift_batch
        options.verify, options.keep_failed, options.force, options.dry_run = not no_verify, keep_failed, force, dry_run
        _announce(source)
        with stages.running(verbose=verbose) as advance:
            result = run(source, out, options, advance)
        if as_json:
            _print_json(result.report)
        elif dry_run:
            print(result.source, end="")
        summary.show_conversion(consoles.to_stderr(), result.report, result.directory, time.perf_counter() - start)
        if digest.verdict(result.report.get("verified") or {}) == "failed":
            raise typer.Exit(1)


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that porter convert wrote.")],
    tolerance: Annotated[
        str | None,
        typer.Option(
            metavar="T", rich_help_panel=PROOF,
            help="strict, default, loose, or a number: T of the output's spread plus T of the value are allowed then, "
            "and nothing for rounding.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="REF.npz", help="A recording of the original: in:NAME, out:NAME.", rich_help_panel=PROOF),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the original is now, if it moved.", rich_help_panel=PROOF)
    ] = None,
    batch_sizes: Annotated[
        str | None, typer.Option(metavar="1,3", help="Sizes of the batches.", rich_help_panel=PROOF)
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="Keras backends: tensorflow, jax, torch; by default those installed.",
            rich_help_panel=PROOF,
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            metavar="N,...", rich_help_panel=PROOF,
            help="Levels: 0 weights, 1 shapes, 2 each layer alone, 3 outputs, 4 batch independence, 5 training, "
            "6 gradients, 7 fresh processes; by default all.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the inputs that are drawn.", rich_help_panel=PROOF)] = 0,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="Your own inputs, by name, besides those drawn.", rich_help_panel=PROOF),
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", rich_help_panel=PROOF,
            help="Layers that may be further off by themselves (level 2), each with a tolerance and a reason.",
        ),
    ] = None,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test", rich_help_panel=PROOF,
            help="Make the model wrong in named ways, and show that each is caught.",
        ),
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:  # fmt: skip
    """Prove a converted model again, from its files."""
    with _reporting(f"{directory}", verbose):
        from porter.cli import summary
        from porter.reverify import verify as run

        levels = arguments.numbers(level, "--level")
        sizes, backends = arguments.numbers(batch_sizes, "--batch-sizes"), arguments.names(backend)
        with stages.running(verbose=verbose) as advance:
            proof = run(
                directory, tolerance=arguments.tolerance(tolerance), reference=reference, source=source,
                batch_sizes=sizes, backends=backends, levels=levels, seed=seed, data=data,
                overrides=overrides, self_test=self_test, progress=advance,
            )  # fmt: skip
        if as_json:
            _print_json(proof)
        elif self_test:
            summary.show_self_test(consoles.to_stdout(), proof["self_test"])
        else:
            summary.show_proof(consoles.to_stdout(), proof)
        code = summary.self_test_code(proof["self_test"]) if self_test else summary.exit_code(proof, asked=levels or ())
        if code and not self_test:
            summary.show_refusal(consoles.to_stderr(), proof, code)
        if code:
            raise typer.Exit(code)


@app.command()
def transplant(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Where the weights are.")],
    into: Annotated[
        str, typer.Option("--into", metavar="my_model.py:build", help="What makes the Keras 3 model; it is run.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="The weights (.weights.h5, .h5) or the model (.keras)."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="GRAPH", help="The graph, or the Python source that builds it, where it is elsewhere."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="REF.npz", help="A recording of the original: in:NAME, out:NAME.")
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="What belongs where, as JSON: my weight, their variable."),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Leave weights that find nothing as they are.")] = False,
    inputs: Inputs = None,
    outputs: Outputs = None,
    freeze: Freeze = None,
    shape: Shape = None,
    placeholder: Placeholder = None,
    weights: WhichWeights = Weights.auto,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Put a checkpoint's weights into a Keras 3 model that you have written yourself."""
    with _reporting(f"{checkpoint}", verbose):
        from porter.cli import table
        from porter.transplant import transplant as run

        written = out or Path(f"{Path(into.partition(':')[0]).stem}.weights.h5")
        if written.exists() and not force:
            raise UsageError(
                f"{written} is there already", todo="name another file with -o, or overwrite it with --force"
            )
        options = _options(inputs, outputs, freeze, shape, True, weights, None, placeholder)
        if source is not None:
            _announce(Path(source))
        with stages.running(verbose=verbose) as advance:
            done = run(
                checkpoint, into, written, source=source, reference=reference, map_file=map_file, partial=partial,
                options=options, progress=advance,
            )  # fmt: skip
        if as_json:
            _print_json(table.as_json(done))
        else:
            table.show(consoles.to_stdout(), done)
        table.show_outcome(consoles.to_stderr(), done)


@app.command()
def capture(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the program goes.")] = Path(
        "porter_capture.py"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    verbose: Verbose = False,
) -> None:
    """Write a program that records a model where TensorFlow 1 still runs (Python 2.7 and 3.5 up, nothing to install)."""
    with _reporting(f"{out}", verbose):
        from porter.legacy import write_capture

        if out.exists() and not force:
            raise UsageError(f"{out} is there already", todo="name another file with -o, or overwrite it with --force")
        try:
            write_capture(out)
        except OSError as problem:
            raise UsageError(f"{out} cannot be written", why=str(problem), todo="name another file with -o") from None
        console = consoles.to_stderr()
        console.print(f"{out} is written. Where TensorFlow 1 runs:")
        console.print(
            f"  python {out.name} model.ckpt --outputs y:0      (or capture(session, outputs=[...]) in a program)"
        )
        console.print("and then, here:")
        console.print("  porter convert captured")
        console.print("  porter verify captured_keras --reference captured")


@app.command()
def inspect(
    source: SourcePath,
    inputs: Inputs = None,
    outputs: Outputs = None,
    freeze: Freeze = None,
    shape: Shape = None,
    checkpoint: Checkpoint = None,
    map_file: MapFile = None,
    placeholder: Placeholder = None,
    into: Into = None,
    functions: Lambda = None,
    exact: Exact = False,
    weights: WhichWeights = Weights.auto,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show what is in a model, and what porter would make of each part."""
    with _reporting(f"{source}", verbose):
        from porter.cli import inspection
        from porter.questions import inspect as run

        options = _options(
            inputs, outputs, freeze, shape, exact, weights, checkpoint, placeholder, map_file, into, functions
        )
        _announce(source)
        with stages.running(verbose=verbose):
            found = run(source, options)
        if as_json:
            _print_json(found)
        else:
            inspection.show(consoles.to_stdout(), found)


@app.command()
def explain(
    source: SourcePath,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The name of a node of the graph.")],
    inputs: Inputs = None,
    outputs: Outputs = None,
    freeze: Freeze = None,
    shape: Shape = None,
    checkpoint: Checkpoint = None,
    map_file: MapFile = None,
    placeholder: Placeholder = None,
    into: Into = None,
    functions: Lambda = None,
    exact: Exact = False,
    weights: WhichWeights = Weights.auto,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Say what one node became, and why rules missed there."""
    with _reporting(f"{source}", verbose):
        from porter.cli import inspection
        from porter.questions import explain as run

        options = _options(
            inputs, outputs, freeze, shape, exact, weights, checkpoint, placeholder, map_file, into, functions
        )
        _announce(source)
        with stages.running(verbose=verbose):
            rows = run(source, node.removesuffix(":0"), options)
        if as_json:
            _print_json(rows)
        else:
            inspection.show_explanation(consoles.to_stdout(), node, rows)


@app.command()
def check(
    paths: checking.Paths = None,
    source_only: checking.SourceOnly = False,
    models_only: checking.ModelsOnly = False,
    changed_since: checking.ChangedSince = None,
    shard: checking.Shard = None,
    jobs: checking.Jobs = 0,
    update_baseline: checking.UpdateBaseline = False,
    no_cache: checking.NoCache = False,
    form: checking.FormatOption = checking.Format.text,
    report: checking.Report = None,
    fix: checking.Fix = False,
    diff: checking.Diff = False,
    init: checking.Init = False,
    verbose: Verbose = False,
) -> None:
    """Check a repository: legacy source by rules, and every model by converting and proving it."""
    with _reporting("the check", verbose):
        request = checking.make_request(source_only, models_only, changed_since, shard, jobs, update_baseline, no_cache)
        code = checking.run_check(paths or [Path()], request, form, report or [], fix=fix, diff=diff, init=init)
        if code:
            raise typer.Exit(code)


@app.command()
def rules(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="Such as PT101; by default all are listed.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """List the rules of `porter check`, or explain one."""
    with _reporting("the rules", verbose):
        checking.show_rules(consoles.to_stdout(), code)


def main() -> None:
    """The entry point of the `porter` command."""
    if sys.argv[1:] in (["--help"], ["-h"], []):
        app.rich_markup_mode = None  # the list of commands at once: rich takes longer to load than all the rest
    app()


def _options(
    inputs: str | None,
    outputs: str | None,
    freeze: list[str] | None,
    shape: list[str] | None,
    exact: bool,
    weights: Weights,
    checkpoint: str | None,
    placeholder: list[str] | None,
    map_file: str | None = None,
    into: str | None = None,
    functions: list[str] | None = None,
) -> Options:
    from porter.options import Options

    return Options(
        inputs=arguments.names(inputs),
        outputs=arguments.names(outputs),
        freeze=arguments.values(freeze or ()),
        shapes=arguments.shapes(shape or ()),
        exact=exact,
        weights=weights.value,
        checkpoint=checkpoint,
        placeholders=arguments.placeholders(placeholder or ()),
        map_file=map_file,
        into=into,
        functions=arguments.functions(functions or ()),
    )


@contextmanager
def _reporting(subject: str, verbose: bool) -> Iterator[None]:
    """Turns what goes wrong in a command into words for people and an exit code."""
    try:
        yield
    except PorterError as problem:
        problems.show_error(problem)
        raise typer.Exit(problem.exit_code) from None
    except KeyboardInterrupt:
        consoles.to_stderr().print("porter: interrupted; nothing was written")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader of stdout has gone; what is left in the buffer must go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as problem:
        problems.show_internal_error(problem, subject, verbose=verbose)
        raise typer.Exit(problems.INTERNAL) from None


def _announce(source: Path) -> None:
    """Say that a program is run, where the source is one."""
    from porter.legacy.launch import program_of

    program = program_of(source)
    if program is not None:
        what = f"{program.file}{f', function {program.call}' if program.call else ', up to its first session'}"
        consoles.to_stderr().print(f"Running {what}, as TensorFlow 1, in a process of its own.")


def _print_json(found: Any) -> None:
    print(json.dumps(found, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy as JSON has them; what else it has not, as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
