# -*- coding: utf-8 -*-
# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Records a TensorFlow 1 model for porter: run it where that TensorFlow still works.

    python porter_capture.py model.ckpt --outputs y:0                 # a checkpoint with its .meta
    python porter_capture.py graph.pb --outputs y:0                   # a frozen graph
    python porter_capture.py model.ckpt --outputs y:0 --feed is_training:0=False,keep_prob:0=1.0

or, in a program that has built its model and holds a session:

    from porter_capture import capture
    capture(session, outputs=["y:0"], feed={"is_training:0": False})

It leaves a folder, "captured" by default: the graph and the weights, `reference.npz` with seeded inputs, the model's
answers to them, a few inner tensors and gradients, and `capture.json`. Then, with porter, anywhere:

    porter convert captured
    porter verify captured_keras --reference captured

Runs under Python 2.7 and 3.5 to 3.8, TensorFlow 1.0 to 1.15, and needs nothing else but numpy.
"""

from __future__ import absolute_import, division, print_function

import argparse
import json
import os
import sys

try:
    import numpy as np
    import tensorflow as tf
except ImportError as problem:
    if __name__ != "__main__":
        raise
    sys.exit("porter_capture: %s: this program belongs where TensorFlow 1 runs" % problem)

if not hasattr(tf, "Session"):  # TensorFlow 2, for those who have got that far
    tf = tf.compat.v1
    tf.disable_eager_execution()

SCHEMA = 1
INNER = 8  # tensors between inputs and outputs that are recorded
LARGEST = 20000  # numbers in one of these
SIZES = (20, 28, 32, 64, 224)  # tried for rows, columns or time where the graph does not say
KNOBS = ("keep", "dropout", "drop_prob", "is_training", "training", "train_phase", "phase")


class CaptureError(Exception):
    """Something is missing, with what to do about it."""


def capture(session, outputs=None, inputs=None, feed=None, directory="captured", seed=0, batch=3, sizes=SIZES,
            name="model"):
    """Record what `session` holds.

    outputs, inputs: tensor names or tensors; inputs are by default the placeholders that the outputs depend on and that
        are not fed. feed: values by name (or tensor) for placeholders that are no data, such as is_training.
    directory: where to, made if it isn't there. seed: of the inputs drawn. batch: samples drawn. sizes: tried for
        unknown rows, columns or time. name: of the files.
    Returns the directory. Raises CaptureError.
    """
    session = _plain(session)
    graph = session.graph
    if graph.finalized:  # as a MonitoredSession leaves it; a Saver and gradients have to be added
        graph._unsafe_unfinalize()
    feed = dict((_name(key), value) for key, value in (feed or {}).items())
    outputs = [_name(each) for each in (outputs or _likely_outputs(graph))]
    tensors = [_tensor(graph, each) for each in outputs]
    needed = _needed([tensor.op for tensor in tensors])
    inputs = [_name(each) for each in inputs] if inputs else _placeholders(graph, needed, feed)
    knobs = _knobs(graph, needed, inputs, feed)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    files = _save(session, graph, directory, name, outputs)

    fed = dict((_tensor(graph, each), value) for each, value in knobs.items())
    arrays = _draw(session, graph, inputs, tensors, fed, seed, batch, sizes)
    data = dict((_tensor(graph, each), array) for each, array in arrays.items())
    feeds = dict(fed)
    feeds.update(data)
    answers = session.run(tensors, feeds)
    again = session.run(tensors, feeds)
    random = [each for each, one, two in zip(outputs, answers, again) if not _same(one, two)]
    record = {}
    for each, value in knobs.items():
        record["in:" + each] = np.asarray(value)
    for each, array in arrays.items():
        record["in:" + each] = array
    for each, array in zip(outputs, answers):
        if each not in random:
            record["out:" + each] = array
    _record_first(session, graph, record, arrays, fed, outputs, tensors, random)
    _record_inner(session, graph, record, needed, inputs, outputs, feeds, random)
    gradients = _record_gradients(session, graph, record, inputs, outputs, tensors, feeds, random, seed)

    np.savez(os.path.join(directory, "reference.npz"), **record)
    about = {
        "schema": SCHEMA,
        "tensorflow": tf.__version__ if hasattr(tf, "__version__") else "",
        "python": "%d.%d.%d" % sys.version_info[:3],
        "numpy": np.__version__,
        "seed": seed,
        "files": files,
        "inputs": inputs,
        "outputs": outputs,
        "knobs": dict((each, np.asarray(value).tolist()) for each, value in knobs.items()),
        "random": random,
        "gradients": gradients,
    }
    with open(os.path.join(directory, "capture.json"), "w") as opened:
        json.dump(about, opened, indent=1, sort_keys=True)
    return directory


# What goes in and comes out


def _plain(session):
    """The tf.Session within a MonitoredSession, which would run its hooks, and which no Saver takes."""
    while hasattr(session, "_sess") and session._sess is not None:
        session = session._sess
    return session


def _name(item):
    """The name of a tensor, with its number."""
    name = item if isinstance(item, str) or not hasattr(item, "name") else item.name
    name = str(name)
    return name if ":" in name else name + ":0"


def _tensor(graph, name):
    try:
        return graph.get_tensor_by_name(name)
    except (KeyError, ValueError) as problem:
        raise CaptureError("The graph has no tensor %s: %s" % (name, problem))


def _needed(operations):
    """The operations that `operations` depend on, these included."""
    found, stack = set(), list(operations)
    while stack:
        operation = stack.pop()
        if operation in found:
            continue
        found.add(operation)
        stack.extend(tensor.op for tensor in operation.inputs)
        stack.extend(operation.control_inputs)
    return found


def _likely_outputs(graph):
    """Floats that nothing uses and that depend on a placeholder: a guess, for graphs without training."""
    found = []
    for operation in graph.get_operations():
        if "gradients" in operation.name or operation.type in ("Placeholder", "Const", "Assert"):
            continue
        if any(tensor.consumers() for tensor in operation.outputs) or operation.type in ("Switch", "RefSwitch"):
            continue
        for tensor in operation.outputs:
            if not tensor.dtype.base_dtype.is_floating or tensor.dtype._is_ref_dtype:
                continue
            if any(each.type.startswith("Placeholder") for each in _needed([operation])):
                found.append(tensor.name)
    if not found or len(found) > 4:
        raise CaptureError("Which outputs? Name them: outputs=[...], or --outputs y:0 (found %s)" % (found[:8] or "none"))
    return found


def _placeholders(graph, needed, feed):
    """The placeholders that are data: numbers with at least one axis, or of unknown rank."""
    found = []
    for operation in graph.get_operations():
        if operation not in needed or operation.type not in ("Placeholder", "PlaceholderV2"):
            continue
        tensor = operation.outputs[0]
        scalar = tensor.get_shape().ndims == 0
        if tensor.name in feed or scalar or tensor.dtype == tf.string:
            continue
        if tensor.get_shape().ndims is None and _sounds_like_a_knob(tensor.name):
            continue
        found.append(tensor.name)
    if not found:
        raise CaptureError("The outputs depend on no placeholder with axes; name the inputs: inputs=[...]")
    return found


def _sounds_like_a_knob(name):
    return any(word in name.lower() for word in KNOBS)


def _knobs(graph, needed, inputs, feed):
    """Values for all other placeholders."""
    knobs, missing = dict(feed), []
    for operation in graph.get_operations():
        if operation not in needed or operation.type not in ("Placeholder", "PlaceholderV2"):
            continue
        tensor = operation.outputs[0]
        if tensor.name in inputs or tensor.name in knobs:
            continue
        if tensor.dtype == tf.bool:
            knobs[tensor.name] = False
        elif tensor.dtype.is_floating and "keep" in tensor.name.lower():
            knobs[tensor.name] = 1.0
        elif tensor.dtype.is_floating and "drop" in tensor.name.lower():
            knobs[tensor.name] = 0.0
        else:
            missing.append("%s (%s)" % (tensor.name, tensor.dtype.name))
            continue
        print("porter_capture: %s is fed %s; give another value with feed= or --feed" % (tensor.name, knobs[tensor.name]))
    if missing:
        raise CaptureError("Give values for %s: feed={...}, or --feed NAME=VALUE" % ", ".join(missing))
    return knobs


def _draw(session, graph, inputs, tensors, fed, seed, batch, sizes):
    """Seeded inputs of a shape that the graph accepts."""
    problem = None
    bounds = (10, 2, 1)
    for size in sizes:
        for bound in bounds:
            random = np.random.RandomState(seed)
            arrays = {}
            for name in inputs:
                tensor = _tensor(graph, name)
                arrays[name] = _array(random, tensor, _shape(tensor, batch, size), bound)
            feeds = dict(fed)
            feeds.update((_tensor(graph, name), array) for name, array in arrays.items())
            try:
                session.run(tensors, feeds)
                return arrays
            except (tf.errors.InvalidArgumentError, ValueError) as found:
                problem = problem or found
    raise CaptureError("The model accepts none of the inputs that were tried: %s" % str(problem).split("\n")[0])


def _shape(tensor, batch, size):
    shape = tensor.get_shape()
    if shape.ndims is None:
        return (batch, size)
    dims = shape.as_list()
    return tuple(dim if dim is not None else batch if axis == 0 else size for axis, dim in enumerate(dims))


def _array(random, tensor, shape, bound):
    dtype = tensor.dtype.base_dtype.as_numpy_dtype
    if dtype == np.bool_:
        return np.asarray(random.rand(*shape) < 0.5)
    if tensor.dtype.base_dtype.is_integer:
        return np.asarray(random.randint(0, bound, size=shape)).astype(dtype)
    return _normal(random, shape, dtype)


def _normal(random, shape, dtype):
    """Of no axes too, for which numpy gives a number and no array."""
    return np.asarray(random.randn(*shape)).astype(dtype)


# What is recorded


def _same(one, two):
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape:
        return False
    if one.dtype.kind != "f":
        return bool((one == two).all())
    return bool(((one == two) | (np.isnan(one) & np.isnan(two))).all())


def _record_first(session, graph, record, arrays, fed, outputs, tensors, random):
    """The answers to the first sample alone."""
    first = dict((name, array[:1] if array.ndim else array) for name, array in arrays.items())
    feeds = dict(fed)
    feeds.update((_tensor(graph, name), array) for name, array in first.items())
    try:
        answers = session.run(tensors, feeds)
    except (tf.errors.InvalidArgumentError, ValueError):
        return  # the batch is fixed
    for name, array in first.items():
        record["in1:" + name] = array
    for name, array in zip(outputs, answers):
        if name not in random:
            record["out1:" + name] = array


def _record_inner(session, graph, record, needed, inputs, outputs, feeds, random):
    """A few tensors between inputs and outputs, spread over the graph."""
    behind, stack = set(), [_tensor(graph, name).op for name in inputs]
    while stack:
        operation = stack.pop()
        if operation in needed and operation not in behind:
            behind.add(operation)
            stack.extend(user for tensor in operation.outputs for user in tensor.consumers())
    kinds = ("Conv2D", "MatMul", "BiasAdd", "Relu", "Add", "Mul", "MaxPool", "Mean", "Tanh", "Sigmoid", "Softmax")
    found = [
        operation.outputs[0]
        for operation in graph.get_operations()
        if operation in needed and operation in behind and operation.type in kinds and "cond" not in operation.name
        and "while" not in operation.name and operation.outputs[0].name not in outputs
    ]
    if not found:
        return
    step = max(1, len(found) // INNER)
    chosen = found[::step][:INNER]
    try:
        first, second = session.run(chosen, feeds), session.run(chosen, feeds)
    except (tf.errors.InvalidArgumentError, ValueError):
        return
    for tensor, one, two in zip(chosen, first, second):
        if one.size <= LARGEST and _same(one, two):
            record["inner:" + tensor.name] = one


def _record_gradients(session, graph, record, inputs, outputs, tensors, feeds, random, seed):
    """The gradient of the outputs, weighed with random numbers, by each float input. Adds to the graph."""
    floats = [name for name in inputs if _tensor(graph, name).dtype.is_floating]
    chosen = [(name, each) for name, each in zip(outputs, tensors)
              if each.dtype.is_floating and name not in random and "out:" + name in record]
    if not floats or not chosen:
        return []
    numbers = np.random.RandomState(seed + 1)
    weights = dict((name, _normal(numbers, record["out:" + name].shape, record["out:" + name].dtype))
                   for name, _ in chosen)
    try:
        with graph.as_default():
            found = tf.gradients([each for _, each in chosen], [_tensor(graph, name) for name in floats],
                                 grad_ys=[tf.constant(weights[name]) for name, _ in chosen])
            pairs = [(name, each) for name, each in zip(floats, found) if each is not None]
            arrays = session.run([each for _, each in pairs], feeds)
    except Exception as problem:  # some operations have no gradient: the rest of the recording is good without
        print("porter_capture: no gradients: %s" % str(problem).split("\n")[0])
        return []
    for name, array in weights.items():
        record["proj:" + name] = array
    for (name, _), array in zip(pairs, arrays):
        record["grad:" + name] = array
    return [name for name, _ in pairs]


def _save(session, graph, directory, name, outputs):
    """Write the weights and the graph; gives the names of the files."""
    with graph.as_default():
        variables = tf.global_variables() if hasattr(tf, "global_variables") else tf.all_variables()
        if not variables:
            tf.train.write_graph(graph.as_graph_def(), directory, name + ".pb", as_text=False)
            return [name + ".pb"]
        saver = tf.train.Saver(variables)
        path = os.path.join(directory, name + ".ckpt")
        saver.save(session, path, write_meta_graph=False)
        tf.train.export_meta_graph(path + ".meta", graph=graph, saver_def=saver.as_saver_def())
    state = os.path.join(directory, "checkpoint")  # holds absolute paths
    if os.path.exists(state):
        os.remove(state)
    return sorted(each for each in os.listdir(directory) if each.startswith(name + ".ckpt"))


# The command line


def _load(session, path):
    """Load a checkpoint with its .meta, or a frozen graph, into the session's graph."""
    for ending in (".meta", ".index"):
        path = path[:-len(ending)] if path.endswith(ending) else path
    try:
        if os.path.exists(path + ".meta"):
            saver = tf.train.import_meta_graph(path + ".meta", clear_devices=True)
            saver.restore(session, path)
            return
        if path.endswith(".pb") and os.path.exists(path):
            graph_def = tf.GraphDef()
            with open(path, "rb") as opened:
                graph_def.ParseFromString(opened.read())
            tf.import_graph_def(graph_def, name="")
            return
    except (ValueError, KeyError, tf.errors.OpError) as problem:
        raise CaptureError("TensorFlow %s cannot read %s: %s" % (tf.__version__, path, str(problem)[:300]))
    raise CaptureError("There is no %s.meta, and no frozen graph %s" % (path, path))


def _value(text):
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        raise CaptureError("--feed takes NAME=VALUE with numbers, true or false, not %r" % text)


def main(arguments=None):
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description="Records a TensorFlow 1 model for porter.")
    parser.add_argument("source", help="a checkpoint's prefix, with its .meta beside it, or a frozen graph")
    parser.add_argument("--outputs", default="", help="tensor names, with commas between")
    parser.add_argument("--inputs", default="", help="tensor names; by default the placeholders that are data")
    parser.add_argument("--feed", default="", help="NAME=VALUE, with commas between, for other placeholders")
    parser.add_argument("-o", "--out", default="captured", help="the folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=3)
    given = parser.parse_args(arguments)
    feed = dict(part.partition("=")[::2] for part in given.feed.split(",") if part)
    try:
        with tf.Graph().as_default():
            with tf.Session() as session:
                _load(session, given.source)
                directory = capture(
                    session,
                    outputs=[part for part in given.outputs.split(",") if part] or None,
                    inputs=[part for part in given.inputs.split(",") if part] or None,
                    feed=dict((key, _value(value)) for key, value in feed.items()),
                    directory=given.out, seed=given.seed, batch=given.batch,
                )
    except CaptureError as problem:
        print("porter_capture: %s" % problem, file=sys.stderr)
        return 2
    print("porter_capture: recorded in %s; next: porter convert %s" % (directory, directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
