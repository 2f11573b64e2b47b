"""Runs the whole pipeline on a graph that a test builds, in memory: what the tests of rules and operations stand on."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from porter.options import Options, quiet
from porter.read.model import Original, Source
from porter.report.content import content
from porter.stages import Evaluation, raise_graph

PROVED = (0, 1, 3, 4)


@cache
def tensorflow() -> Any:
    """`tensorflow.compat.v1` as TensorFlow 1 was: Switch and Merge, while frames, reference variables."""
    import tensorflow as tf

    tf.compat.v1.disable_control_flow_v2()
    tf.compat.v1.disable_resource_variables()
    tf.compat.v1.logging.set_verbosity("ERROR")
    return tf.compat.v1


def source_of(build: Callable[[Any], Any], *, resource: bool = False, seed: int = 1) -> tuple[Source, list[str]]:
    """A checkpoint, held in memory, of the graph that `build(tf)` makes, and the names of the tensors it returns.

    Floats get values that no initializer gives: a batch normalization whose mean is 0 and variance 1 proves nothing.
    """
    tf = tensorflow()
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        with tf.variable_scope(tf.get_variable_scope(), use_resource=resource):
            built = build(tf)
        outputs = [each.name for each in (built if isinstance(built, (list, tuple)) else [built])]
        variables = tf.global_variables()
        values: list[np.ndarray] = []
        if variables:
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                values = session.run(variables)
        collections = {"trainable_variables": [each.name for each in tf.trainable_variables()]}
    random = np.random.default_rng(seed)
    arrays = {each.op.name: _other(each.op.name, array, random) for each, array in zip(variables, values, strict=True)}
    graph_def = graph.as_graph_def()
    source = Source(Path("model.ckpt"), "checkpoint", [], graph_def, tf.__version__, collections=collections)
    source.stored = {name: (array.shape, array.dtype.name) for name, array in arrays.items()}
    source.load = arrays.__getitem__
    return source, outputs


def _other(name: str, array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An array like what training would have made of `array`; the same each time, unlike what `tf.layers` draws."""
    if array.dtype.kind != "f":
        return array
    if re.search("variance", name):
        return random.uniform(0.5, 1.5, array.shape).astype(array.dtype)
    if array.size > 1 and np.ptp(array) > 0:
        return random.normal(0, np.prod(array.shape[:-1]) ** -0.5, array.shape).astype(array.dtype)
    return (array + random.normal(0, 0.1, array.shape)).astype(array.dtype)


@dataclass
class Conversion:
    """What came out. text: the body of build_model, for messages."""

    original: Original
    emitted: Any
    model: Any
    rewriting: Any
    report: dict[str, Any]
    reference: Any
    graph: Any

    @property
    def source(self) -> str:
        return self.emitted.source

    @property
    def text(self) -> str:
        """The part of the source that is not the same in every model."""
        return self.source[: self.source.index("def load_model")]

    @property
    def classes(self) -> list[str]:
        """The class of each layer, or the name of each operation, in order."""
        return [row["class"] for row in self.emitted.layers]

    def prove(self, levels: Sequence[int] = PROVED, **options: Any) -> Any:
        """The proof; `proof.failed` and `proof.proved` say how it ended."""
        from porter.verify import prove

        return prove(
            self.original, self.model, self.report, levels=levels, reference=self.reference, exact=self.exact, **options
        )

    def trials(self) -> Any:
        """What it is tried on."""
        from porter.verify import prepared

        with prepared(self.original, self.model, self.report, reference=self.reference, exact=self.exact) as context:
            return context.trials

    @property
    def exact(self) -> bool:
        return self.report["options"]["exact"]

    def case(self, batch: int = 3, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Inputs that the original accepts, and its answers to them."""
        from porter.verify import Refused
        from porter.verify.inputs import draw, read_inputs, settings

        find = lambda name: self.reference.tensor(name) if self.reference.has(name) else None  # noqa: E731
        inputs = read_inputs(self.report, self.reference.graph, find)
        for setting in settings(inputs):
            feeds = draw(inputs, setting, "normal", batch, seed)
            try:
                answers = self.reference.run(feeds)
            except Refused:
                continue
            return [feeds[each.tensor] for each in inputs], [answers[name] for name in self.original.outputs]
        raise AssertionError("the original refuses every input")

    def shelve(self, shelf: Path, name: str) -> None:
        """Leave the model with a case on `shelf`, for other backends (see elsewhere.py)."""
        folder = shelf / re.sub(r"\W+", "_", name)
        folder.mkdir()
        (folder / "model.py").write_text(self.source)
        self.model.save(folder / "model.keras")
        given, answers = self.case()
        if self.report["changes"]:  # the answers are meant to differ; those of this backend are proved
            found = self.model(given[0] if len(given) == 1 else given, training=False)
            answers = [np.asarray(each) for each in (found if isinstance(found, (list, tuple)) else [found])]
        arrays = {f"in:{i}": array for i, array in enumerate(given)}
        np.savez(folder / "case.npz", **arrays, **{f"out:{i}": array for i, array in enumerate(answers)})

    def close(self) -> None:
        self.reference.close()


def convert(
    source: Source,
    outputs: Sequence[str] | None = None,
    *,
    exact: bool = False,
    normalisation: str = "layer",
    directory: Path | None = None,
    name: str = "m",
    **how: Any,
) -> Conversion:
    """`source` through reading, canonical form, rules, emission, and the run of what was written. Raises PorterError."""
    from porter.emit import build, emit
    from porter.read import make_original
    from porter.verify import Reference

    original = make_original(source, outputs=outputs, **how)
    options = Options(outputs=list(outputs) if outputs else None, exact=exact, normalisation=normalisation)
    graph, rewriting = raise_graph(original, options, quiet)
    reference = Reference(original)
    try:
        evaluate = Evaluation(original, reference)
        emitted = emit(
            graph, name=name, input_tensors=original.inputs, output_tensors=original.outputs, evaluate=evaluate
        )
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            file = Path(folder) / "model.py"
            file.write_text(emitted.source)
            model = build(file, emitted.bindings, evaluate)
    except BaseException:
        reference.close()
        raise
    report = content(original, options, graph, emitted, rewriting, evaluate.folded)
    return Conversion(original, emitted, model, rewriting, report, reference, graph)


def convert_graph(build: Callable[[Any], Any], **options: Any) -> Conversion:
    """`convert` of what `build(tf)` builds, with the tensors that it returns as outputs."""
    source, outputs = source_of(build, resource=options.pop("resource", False))
    return convert(source, outputs, **options)


def raised(build: Callable[[Any], Any], *, exact: bool = False) -> SimpleNamespace:
    """The graph of Keras calls alone, without emission: `graph`, `rewriting` and the `original`."""
    from porter.read import make_original

    source, outputs = source_of(build)
    original = make_original(source, outputs=outputs)
    graph, rewriting = raise_graph(original, Options(exact=exact), quiet)
    return SimpleNamespace(graph=graph, rewriting=rewriting, original=original)


def canonical_graph(build: Callable[[Any], Any]) -> Any:
    """The graph in canonical form."""
    from porter.canonical import canonical
    from porter.read import make_original
    from porter.read.to_graph import to_graph

    source, outputs = source_of(build)
    return canonical(to_graph(make_original(source, outputs=outputs)))


def failures(proof: Any) -> str:
    """What failed in a proof, for a test's message."""
    return "\n".join(f"level {each.level}: {each.reason}" for each in proof.levels if each.status == "failed")


def proved(build: Callable[[Any], Any], **options: Any) -> Conversion:
    """The conversion of what `build(tf)` makes, which has to compute the same."""
    conversion = convert_graph(build, **options)
    proof = conversion.prove()
    conversion.close()
    assert not proof.failed, f"{failures(proof)}\n{conversion.text}"
    assert proof.proved, [level.reason for level in proof.levels]
    return conversion


def ops_of(graph: Any) -> dict[str, int]:
    """Operations by how often they occur, Const aside."""
    found: dict[str, int] = {}
    for node in graph:
        if node.op != "Const":
            found[node.op] = found.get(node.op, 0) + 1
    return found


def only(graph: Any, op: str) -> Any:
    """The one node of that operation."""
    (node,) = [node for node in graph if node.op == op]
    return node


def data(tf: Any, name: str = "x") -> Any:
    """Rows of four numbers."""
    return tf.placeholder(tf.float32, [None, 4], name)
