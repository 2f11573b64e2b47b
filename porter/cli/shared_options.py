"""The options that several commands take: stated once, and handed to the command as one object."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from porter.cli import arguments

if TYPE_CHECKING:
    from porter.options import Options

GRAPH = "What of the graph is converted"
HOW = "How it is converted"


class Weights(StrEnum):
    """Which weights are taken where the checkpoint holds moving averages of them too."""

    auto = "auto"
    raw = "raw"
    ema = "ema"


SourcePath = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="A checkpoint (prefix, file or folder), a frozen graph, a SavedModel, an .h5 file, or Python source.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout, and nothing else there.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show TensorFlow's messages, and tracebacks.")]


def _of_the_graph(*names: str, metavar: str, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, rich_help_panel=GRAPH)


@dataclass(kw_only=True)
class GraphOptions:
    """Which part of a graph is meant."""

    inputs: Annotated[
        str | None, _of_the_graph(metavar="a:0,b:0", help="Cut the graph at these tensors: they become inputs.")
    ] = None
    outputs: Annotated[str | None, _of_the_graph(metavar="c:0,d:0", help="The outputs, in this order.")] = None
    freeze: Annotated[
        list[str] | None,
        _of_the_graph(metavar="NAME=VALUE", help="Give a placeholder a fixed value. Repeatable."),
    ] = None
    shape: Annotated[
        list[str] | None,
        _of_the_graph(metavar="NAME=?,28,28,1", help="Shape of a placeholder that has none. Repeatable."),
    ] = None
    placeholder: Annotated[
        list[str] | None,
        _of_the_graph(
            metavar="x:float32[?,28,28,1]", help="Call the function of Python source with this placeholder. Repeatable."
        ),
    ] = None
    weights: Annotated[
        Weights,
        typer.Option("--weights", help="As trained (raw), or their moving averages (ema).", rich_help_panel=HOW),
    ] = Weights.auto

    def resolved(self) -> Options:
        """What the conversion takes. Raises `UsageError` for a value that cannot be read."""
        from porter.options import Options

        return Options(
            inputs=arguments.names(self.inputs),
            outputs=arguments.names(self.outputs),
            freeze=arguments.values(self.freeze or ()),
            shapes=arguments.shapes(self.shape or ()),
            placeholders=arguments.placeholders(self.placeholder or ()),
            weights=self.weights.value,
        )


@dataclass(kw_only=True)
class SourceOptions(GraphOptions):
    """How a source is read, beside which part of it is meant."""

    checkpoint: Annotated[
        str | None,
        _of_the_graph(
            metavar="PREFIX",
            help="Take the weights from this checkpoint: for Python source, or for a graph that lies elsewhere.",
        ),
    ] = None
    map_file: Annotated[
        str | None,
        _of_the_graph(
            "--map",
            metavar="FILE",
            help="What the checkpoint calls each variable, as JSON; written as a proposal if FILE is not there.",
        ),
    ] = None
    into: Annotated[
        str | None,
        _of_the_graph(
            metavar="MODEL",
            help="For an .h5 file: what builds its model, as my_model.py:build, or the text of model.to_json().",
        ),
    ] = None
    functions: Annotated[
        list[str] | None,
        _of_the_graph(
            "--lambda",
            metavar="LAYER=my_file.py:function",
            help="For an .h5 file: the function of a Lambda layer, whose byte code is never run. Repeatable.",
        ),
    ] = None
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Keep arithmetic that couples the samples of a batch; by default it is made batch-safe.",
            rich_help_panel=HOW,
        ),
    ] = False

    def resolved(self) -> Options:
        """What the conversion takes. Raises `UsageError` for a value that cannot be read."""
        return dataclasses.replace(
            super().resolved(),
            checkpoint=self.checkpoint,
            map_file=self.map_file,
            into=self.into,
            functions=arguments.functions(self.functions or ()),
            exact=self.exact,
        )


def spread_options(command: Callable[..., None]) -> Callable[..., None]:
    """Show typer the fields of a command's `GraphOptions` parameter as options of their own."""
    stated = inspect.signature(command, eval_str=True).parameters.values()
    [bundle] = [
        each for each in stated if inspect.isclass(each.annotation) and issubclass(each.annotation, GraphOptions)
    ]
    hints = get_type_hints(bundle.annotation, include_extras=True)
    fields = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(bundle.annotation)
    ]
    shown: list[inspect.Parameter] = []
    for each in stated:
        shown += fields if each is bundle else [each.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        chosen = bundle.annotation(**{field.name: given.pop(field.name) for field in fields})
        command(**given, **{bundle.name: chosen})

    del run.__wrapped__  # typer would read the parameters of the function behind
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run
