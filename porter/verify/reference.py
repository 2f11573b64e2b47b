"""Runs the original graph, operation by operation, as TensorFlow 1 would have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from porter.errors import Unsupported
from porter.graph.operations import RANDOM
from porter.verify.channels import channels_last
from porter.verify.double import in_double
from porter.verify.fixed_batches import in_fixed_batches
from porter.verify.frames import compute, in_frames
from porter.verify.graphdef import ancestors, by_name, split
from porter.verify.refused import Refused
from porter.verify.words import as_text

CHUNK = 256 * 2**20  # bytes of weights on their way into the session at once

MEETING = {"Add", "AddV2", "Concat", "ConcatV2", "Mul", "Pack", "Select", "Sub"}  # inputs share their first size


class Reference:
    """The original in one Session. Its weights are loaded once, as variables.

    Graph optimisers are off, so that each operation is run as written; operations in channels_first run in
    channels_last between transposes, since the CPU has no kernels for them. Usable as a context manager.
    Raises Unsupported where today's TensorFlow cannot import the graph.
    """

    def __init__(self, original: Any, change: Callable[[Any], Any] | None = None) -> None:
        """change: what is done to the graph before it is imported."""
        import tensorflow as tf

        self.original = original
        self.graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=self.graph, config=_plainly())
        self._fed_knobs = {split(original.stands_for(knob.tensor))[0] for knob in original.knobs}
        self._variables = self._load_variables()
        graph_def = original.lift.graph_def if original.lift else original.graph_def
        graph_def = change(graph_def) if change else graph_def
        self._graph_def = channels_last(graph_def)
        self.nodes = by_name(graph_def)
        self._scopes = {"float32": self._import(self._graph_def, "float32")}
        self._renamed: dict[str, dict[str, str]] = {"float32": {}}

    def __enter__(self) -> Reference:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the session and with it the weights."""
        self.session.close()

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        outputs: Iterable[str] | None = None,
        *,
        training: bool = False,
        precision: str = "float32",
    ) -> dict[str, np.ndarray] | None:
        """The original's answers, by tensor name.

        feeds: arrays by tensor name, as the source has it; knobs are fed their values for inference or training unless
            they are among the feeds. outputs: tensor names, the original's outputs by default.
        precision: "float32" for the graph as it is, "float64" for one that computes in double.
        Returns None where the graph cannot be computed in double. Raises Refused where TensorFlow raises.
        """
        if not self.has_precision(precision):
            return None
        names = list(self.original.outputs if outputs is None else outputs)

        def at_once(these: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return self._run(these, names, training=training, precision=precision)

        lift = self.original.lift
        if lift is None or not all(name in feeds for name in lift.inputs):
            return at_once(feeds)
        return in_fixed_batches(
            at_once, feeds, lift, {name: lift.axes.get(self.original.stands_for(name)) for name in names}
        )

    def _run(
        self, feeds: Mapping[str, np.ndarray], names: list[str], *, training: bool, precision: str
    ) -> dict[str, np.ndarray]:
        import tensorflow as tf

        knobs = {knob.tensor: knob.training if training else knob.inference for knob in self.original.knobs}
        feed_dict = self._fed({**knobs, **feeds}, precision)
        fetches = {name: self.tensor(name, precision) for name in set(names)}
        try:
            results = self.session.run(fetches, feed_dict)
        except (tf.errors.OpError, ValueError, TypeError) as problem:
            raise Refused("The original raises on these inputs", why=first_line(problem)) from problem
        return {name: as_text(np.asarray(results[name])) for name in names}

    def weights(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Tensors that depend on weights and constants alone. Raises Refused.

        Behind a tf.cond, the side for training may ask for the inputs all the same; what these hold does not matter.
        """
        names = list(names)
        if not names:
            return {}
        try:
            return self.run({}, names) or {}
        except Refused:
            inside = in_frames(self.original, names)
            if inside:
                return {**compute(self.original, inside), **self.weights(set(names) - set(inside))}
            tensors = {name: self.tensor(name) for name in self.original.inputs}
            zeros = {n: np.zeros([size or 1 for size in t.shape], t.dtype.as_numpy_dtype) for n, t in tensors.items()}
            return self.run(zeros, names) or {}

    def fetch(
        self, fetches: Any, feeds: Mapping[str, np.ndarray], precision: str, more: Mapping[Any, Any] | None = None
    ) -> Any:
        """Run tensors of `graph` that were added to it, with knobs as in inference. more: the session's own feeds.

        Raises Refused where TensorFlow raises.
        """
        import tensorflow as tf

        knobs = {knob.tensor: knob.inference for knob in self.original.knobs}
        feed_dict = {**self._fed({**knobs, **feeds}, precision), **(more or {})}
        try:
            return self.session.run(fetches, feed_dict)
        except (tf.errors.OpError, ValueError, TypeError) as problem:
            raise Refused("The original raises on these inputs", why=first_line(problem)) from problem

    def run_moved(
        self, feeds: Mapping[str, np.ndarray], name: str, array: np.ndarray, outputs: Iterable[str], precision: str
    ) -> dict[str, np.ndarray] | None:
        """The answers with `array` in the place of the tensor `name`, be it a weight's or an input's.

        None where the tensor has no version of that precision. Raises Refused where TensorFlow raises.
        """
        moved = self._find(name, precision) if self.has_precision(precision) else None
        if moved is None or moved.dtype.name != precision:
            return None
        fetches = {each: self.tensor(each, precision) for each in outputs}
        return self.fetch(fetches, feeds, precision, {moved: array.astype(precision)})

    def has_precision(self, precision: str) -> bool:
        """Whether the graph can be computed in "float32" or "float64"; the latter is built when it is first wanted."""
        return precision in self._scopes or self._import_double()

    def gradient_point(self, name: str, precision: str = "float32") -> Any:
        """The session's tensor to take a gradient by: a variable's is the same in every precision."""
        node = split(self.original.stands_for(name))[0]
        return self._variables[node] if node in self._variables else self.tensor(name, precision)

    def tensor(self, name: str, precision: str = "float32") -> Any:
        """The session's tensor of that name in the source. Raises KeyError where the graph has none."""
        tensor = self._find(name, precision)
        if tensor is None:
            raise KeyError(f"the original has no tensor {name}")
        return tensor

    def has(self, name: str) -> bool:
        return self._find(name, "float32") is not None

    def is_random(self, tensor: str) -> bool:
        """Whether `tensor` depends on an operation that draws random numbers."""
        return any(self.nodes[name].op in RANDOM for name in ancestors(self.nodes, [self.original.stands_for(tensor)]))

    def batch_sizes(self) -> list[int]:
        """Batch sizes that the graph names: what something is reshaped to, or what meets a tensor of unknown size."""
        import tensorflow as tf

        found: dict[int, None] = {}
        prefix = f"{self._scopes['float32']}/"
        for operation in self.graph.get_operations():
            if not operation.name.startswith(prefix):
                continue
            if operation.type == "Reshape":
                shape = tf.get_static_value(operation.inputs[1])
                sizes = [] if shape is None or not shape.size else [int(shape[0])]
            elif operation.type in MEETING:
                shapes = [each.shape.as_list() for each in operation.inputs if each.shape.rank]
                rank = max(map(len, shapes), default=0)
                sizes = [shape[0] for shape in shapes if len(shape) == rank > 1]
                sizes = [size for size in sizes if size is not None] if None in sizes else []
            else:
                continue
            found.update(dict.fromkeys(size for size in sizes if size > 1))
        return list(found)

    def _fed(self, feeds: Mapping[str, Any], precision: str) -> dict[Any, np.ndarray]:
        """The session's feeds: both precisions start from the same numbers."""
        feed_dict = {}
        for name, value in feeds.items():
            single, tensor = self._find(name, "float32", fed=True), self._find(name, precision, fed=True)
            if single is not None and tensor is not None:
                rounded = np.asarray(value, single.dtype.as_numpy_dtype)
                feed_dict[tensor] = rounded.astype(tensor.dtype.as_numpy_dtype, copy=False)
        return feed_dict

    def _load_variables(self) -> dict[str, Any]:
        """A tensor for each variable, by its node's name. A variable that is a knob is fed instead."""
        import tensorflow as tf

        read, waiting, size = {}, {}, 0
        with self.graph.as_default():
            for node, variable in self.original.variables.items():
                if node in self._fed_knobs:
                    continue
                array = np.asarray(self.original.load(node))
                dtype = tf.as_dtype(variable.dtype)
                handle = tf.raw_ops.VarHandleOp(dtype=dtype, shape=array.shape, shared_name=node)
                fed = tf.compat.v1.placeholder(dtype, array.shape)
                assign = tf.raw_ops.AssignVariableOp(resource=handle, value=fed)
                read[node] = tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)
                waiting[assign] = (fed, array)
                size += array.nbytes
                if size > CHUNK:
                    self.session.run(list(waiting), dict(waiting.values()))
                    waiting, size = {}, 0
            if waiting:
                self.session.run(list(waiting), dict(waiting.values()))
        return read

    def _import(self, graph_def: Any, scope: str) -> str:
        import tensorflow as tf

        inputs = {f"{node}:0": tensor for node, tensor in self._variables.items()}
        with self.graph.as_default():
            try:
                tf.import_graph_def(graph_def, input_map=inputs, name=scope)
            except (ValueError, KeyError, TypeError, tf.errors.OpError) as problem:
                raise Unsupported(
                    "TensorFlow cannot import the original graph, so there is nothing to compare with",
                    why=first_line(problem),
                    todo="compare with recorded outputs instead: porter verify DIR --reference REF.npz",
                ) from problem
        return scope

    def _import_double(self) -> bool:
        """Import the copy that computes in float64; False where there is none."""
        try:
            graph_def, renamed = in_double(self._graph_def, keep=set(self._variables))
            self._scopes["float64"] = self._import(graph_def, "float64")
        except (KeyError, Unsupported):
            return False
        self._renamed["float64"] = renamed
        return True

    def _find(self, name: str, precision: str, *, fed: bool = False) -> Any | None:
        """The tensor of that name, or None. One that is fed has not been renamed."""
        node, index = split(self.original.stands_for(name))
        if node in self._variables and (fed or precision == "float32"):
            return self._variables[node]
        inner = f"{node}:{index}" if fed else self._renamed[precision].get(f"{node}:{index}", f"{node}:{index}")
        try:
            return self.graph.get_tensor_by_name(f"{self._scopes[precision]}/{inner}")
        except KeyError:
            return None


def _plainly() -> Any:
    """A configuration under which operations are run as written, on the CPU."""
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1  # L0: no folding of constants, no merging of subexpressions
    config.graph_options.optimizer_options.global_jit_level = -1
    return config


def first_line(problem: Exception) -> str:
    """TensorFlow's own message, without the frames above and the graph nodes below it."""
    text = getattr(problem, "message", None) or str(problem)
    text = re.sub(
        r"\AGraph execution error:\s*(Detected at node.*?^Node: '[^\n]*'\n)?", "", text, flags=re.DOTALL | re.MULTILINE
    )
    lines = [line.strip() for line in text.partition("[[")[0].splitlines()]
    lines = [line for line in lines if line and not line.startswith(("Graph execution error", "Detected at", 'File "'))]
    return lines[0][:400] if lines else type(problem).__name__
