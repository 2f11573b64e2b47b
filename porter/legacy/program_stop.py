"""Where a legacy program stops: it has built its graph when it restores weights, trains, or asks for an answer.

Initialising and looking at constants goes on, so that what stands behind it in the program still adds to the graph.
Nothing is written on the way: summaries and checkpoints go nowhere.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = ("Placeholder", "PlaceholderV2", "IteratorGetNext", "OneShotIterator", "QueueDequeueV2", "QueueDequeueManyV2",
        "QueueDequeueUpToV2", "ReaderReadV2")  # fmt: skip


class Stopped(BaseException):
    """Ends the program. Not an Exception, so that the program doesn't catch it."""


@dataclass
class Stop:
    """Where the program stopped, false as long as it has not. fetches: the tensors that it asked for there."""

    until: str = ""
    graph: Any = None
    fetches: list[Any] = field(default_factory=list)
    originals: list[tuple[Any, str, Any]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.until)

    def at(self, what: str, graph: Any, fetches: list[Any]) -> Stopped:
        """The exception to raise."""
        if not self.until:
            self.until, self.graph, self.fetches = f"{what}{_place()}", graph, fetches
        return Stopped(what)

    def replace(self, owner: Any, name: str, value: Any) -> Any:
        """Put `value` in the place of what `owner` has under that name, and give that."""
        original = getattr(owner, name)
        self.originals.append((owner, name, original))
        setattr(owner, name, value)
        return original

    def disarm(self) -> None:
        """Let sessions run and savers save again."""
        for owner, name, original in reversed(self.originals):
            setattr(owner, name, original)


def arm(tf: Any) -> Stop:
    """Change sessions, savers and loops so that they stop the program; gives what is to be looked at afterwards."""
    stop = Stop()
    session = next(each for each in tf.Session.__mro__ if "run" in vars(each))
    really_run = session.run

    def run(self: Any, fetches: Any, feed_dict: Any = None, *rest: Any, **more: Any) -> Any:
        wanted = [self.graph.as_graph_element(each) for each in tf.nest.flatten(_plain(fetches)) if each is not None]
        if wanted and all(getattr(each, "type", "") in ("MakeIterator", "InitializeTableV2") for each in wanted):
            return None
        if _is_over(wanted, feed_dict):
            tensors = [each for each in wanted if isinstance(each, tf.Tensor)]
            if any(_trains(each) for each in wanted):
                tensors = []  # a loss and its friends say nothing about the outputs
            raise stop.at("Session.run", self.graph, tensors)
        return really_run(self, fetches, feed_dict, *rest, **more)

    def restore(self: Any, session: Any, path: Any) -> None:
        raise stop.at(f"Saver.restore of {path}", getattr(session, "graph", None), [])

    def begin(*_: Any, **__: Any) -> Any:
        raise stop.at("the training session", tf.get_default_graph(), [])

    stop.replace(session, "run", run)
    stop.replace(tf.train.Saver, "restore", restore)
    stop.replace(tf.train.Saver, "save", lambda self, session, path, *rest, **more: path)
    for name in ("MonitoredTrainingSession", "MonitoredSession", "SingularMonitoredSession", "Supervisor"):
        stop.replace(tf.train, name, begin)
    stop.replace(tf.train, "Server", _server(begin))
    estimator = tf.estimator.Estimator
    build = estimator.build

    def build_and_stop(self: Any, input_fn: Any, *_: Any, **__: Any) -> Any:
        predictions = build(self, input_fn)
        found = list(predictions.values()) if isinstance(predictions, dict) else [predictions]
        raise stop.at("the Estimator's model function", tf.get_default_graph(), found)

    for name in ("train", "evaluate", "predict"):
        stop.replace(estimator, name, build_and_stop)
    for name in ("fit", "fit_generator", "evaluate", "predict", "predict_generator", "train_on_batch", "load_weights"):
        stop.replace(tf.keras.Model, name, _model_stop(stop, name))
    _give_default_session(tf, stop)
    stop.replace(tf.train, "start_queue_runners", lambda *_, **__: [])
    stop.replace(tf.summary, "FileWriter", _Nowhere)
    stop.replace(tf.train, "SummaryWriter", _Nowhere)
    return stop


def _server(join: Any) -> type:
    """A server of a cluster that is not there: programs ask for its address, or wait for others."""
    return type("Server", (), {"__init__": lambda self, *_, **__: None, "target": "", "join": join, "server_def": None})


def _model_stop(stop: Stop, name: str) -> Any:
    def begin(self: Any, *_: Any, **__: Any) -> Any:
        outputs = list(getattr(self, "outputs", None) or [])
        raise stop.at(f"Model.{name}", outputs[0].graph if outputs else None, outputs)

    return begin


def _give_default_session(tf: Any, stop: Stop) -> None:
    """Let `operation.run()` and `tensor.eval()` find a session where the caller of a function would have opened one."""
    from tensorflow.python.framework import ops, tensor

    sessions: dict[Any, Any] = {}

    def lent(really: Any) -> Any:
        def run(element: Any, feed_dict: Any, graph: Any, session: Any = None) -> Any:
            if session is None and tf.get_default_session() is None:
                session = sessions.setdefault(graph, tf.Session(graph=graph))
            return really(element, feed_dict, graph, session)

        return run

    for owner, name in ((ops, "_run_using_default_session"), (tensor, "_eval_using_default_session")):
        stop.replace(owner, name, lent(getattr(owner, name)))


class _Nowhere:
    """A writer of summaries that writes nothing."""

    def __init__(self, *_: Any, **__: Any):
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def _plain(fetches: Any) -> Any:
    return list(fetches) if isinstance(fetches, set | tuple) else fetches


def _is_over(wanted: list[Any], feed_dict: Any) -> bool:
    """Whether what is asked for needs data, or takes a step of training."""
    return bool(feed_dict) or any(op.type in DATA or _is_step(op) for each in wanted for op in _behind(each))


def _trains(element: Any) -> bool:
    return any(_is_step(op) for op in _behind(element))


def _is_step(operation: Any) -> bool:
    kind = operation.type
    return kind.startswith(("Apply", "SparseApply", "ResourceApply", "ResourceSparseApply"))


def _behind(element: Any) -> set[Any]:
    """The operations that an operation or a tensor depends on."""
    found: set[Any] = set()
    stack = [getattr(element, "op", element)]
    while stack:
        operation = stack.pop()
        if operation in found or not hasattr(operation, "inputs"):
            continue
        found.add(operation)
        stack += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return found


def _place() -> str:
    """The line of the program that is being run."""
    ours = str(Path(__file__).parent)
    for frame in reversed(traceback.extract_stack()):
        if "site-packages" not in frame.filename and not frame.filename.startswith((ours, "<frozen")):
            return f", {Path(frame.filename).name} line {frame.lineno}"
    return ""
