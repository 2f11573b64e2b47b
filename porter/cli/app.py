"""The commands."""

from __future__ import annotations

import dataclasses
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from porter import __version__
from porter.cli import arguments, checking, consoles, stages
from porter.cli.running import announce, print_json, refuse_to_overwrite, reporting
from porter.cli.shared_options import HOW, AsJson, GraphOptions, SourceOptions, SourcePath, Verbose, spread_options
from porter.errors import UsageError, writing

app = typer.Typer(
    name="porter",
    help="Turns a TensorFlow 1 model into Keras 3 source with its weights, and proves that it computes the same.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

WRITING = "What is written"
PROOF = "What is compared"


class Normalisation(StrEnum):
    """How a normalisation that Keras lacks is written."""

    layer = "layer"
    ops = "ops"
    lambda_ = "lambda"
    legacy = "legacy"


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
@spread_options
def convert(
    source: SourcePath,
    chosen: SourceOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="DIR", help="Where the model goes; by default <name>_keras in this folder."
        ),
    ] = None,
    lift_batch: Annotated[
        bool,
        typer.Option(
            "--lift-batch",
            help="Let the model take any batch size where the graph was written for one.",
            rich_help_panel=HOW,
        ),
    ] = False,
    normalisation: Annotated[
        Normalisation,
        typer.Option(
            help="Write a normalisation that Keras lacks as a custom layer, plain operations, or a Lambda; legacy: "
            "batch normalisation as TensorFlow 1 trained it, too.",
            rich_help_panel=HOW,
        ),
    ] = Normalisation.layer,
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
    with reporting(f"{source}", verbose):
        from porter.cli import summary
        from porter.convert import convert as run
        from porter.report import digest

        start = time.perf_counter()
        options = chosen.resolved()
        options.normalisation, options.lift_batch = normalisation.value, lift_batch
        options.verify, options.keep_failed, options.force, options.dry_run = not no_verify, keep_failed, force, dry_run
        announce(source)
        with stages.running(verbose=verbose) as advance:
            result = run(source, out, options, advance)
        if as_json:
            print_json(result.report)
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
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of the inputs that are drawn.", rich_help_panel=PROOF)
    ] = 0,
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
    with reporting(f"{directory}", verbose):
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
            print_json(proof)
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
@spread_options
def transplant(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Where the weights are.")],
    into: Annotated[
        str, typer.Option("--into", metavar="my_model.py:build", help="What makes the Keras 3 model; it is run.")
    ],
    chosen: GraphOptions,
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
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Put a checkpoint's weights into a Keras 3 model that you have written yourself."""
    with reporting(f"{checkpoint}", verbose):
        from porter.cli import table
        from porter.transplant import transplant as run

        written = out or Path(f"{Path(into.partition(':')[0]).stem}.weights.h5")
        if written.suffix not in (".h5", ".keras"):
            raise UsageError(f"{written} does not say what to write", todo="name it .weights.h5, .h5 or .keras with -o")
        refuse_to_overwrite(written, force=force)
        options = dataclasses.replace(chosen.resolved(), exact=True)
        if source is not None:
            announce(Path(source))
        with stages.running(verbose=verbose) as advance:
            done = run(
                checkpoint, into, written, source=source, reference=reference, map_file=map_file, partial=partial,
                options=options, progress=advance,
            )  # fmt: skip
        if as_json:
            print_json(table.as_json(done))
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
    with reporting(f"{out}", verbose):
        from porter.legacy import write_capture

        refuse_to_overwrite(out, force=force)
        with writing(out):
            write_capture(out)
        console = consoles.to_stderr()
        console.print(f"{out} is written. Where TensorFlow 1 runs:")
        console.print(
            f"  python {out.name} model.ckpt --outputs y:0      (or capture(session, outputs=[...]) in a program)"
        )
        console.print("and then, here:")
        console.print("  porter convert captured")
        console.print("  porter verify captured_keras --reference captured")


@app.command()
@spread_options
def inspect(
    source: SourcePath,
    chosen: SourceOptions,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show what is in a model, and what porter would make of each part."""
    with reporting(f"{source}", verbose):
        from porter.cli import inspection
        from porter.questions import inspect as run

        options = chosen.resolved()
        announce(source)
        with stages.running(verbose=verbose):
            found = run(source, options)
        if as_json:
            print_json(found)
        else:
            inspection.show(consoles.to_stdout(), found)


@app.command()
@spread_options
def explain(
    source: SourcePath,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The name of a node of the graph.")],
    chosen: SourceOptions,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Say what one node became, and why rules missed there."""
    with reporting(f"{source}", verbose):
        from porter.cli import inspection
        from porter.questions import explain as run

        options = chosen.resolved()
        announce(source)
        with stages.running(verbose=verbose):
            rows = run(source, node.removesuffix(":0"), options)
        if as_json:
            print_json(rows)
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
    with reporting("the check", verbose):
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
    with reporting("the rules", verbose):
        checking.show_rules(consoles.to_stdout(), code)


def main() -> None:
    """The entry point of the `porter` command."""
    if sys.argv[1:] in (["--help"], ["-h"], []):
        app.rich_markup_mode = None  # the list of commands at once: rich takes longer to load than all the rest
    app()
