"""From a model's configuration to tf-keras layers, called in the current graph as the file says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from porter.errors import PorterError, Unsupported, UsageError
from porter.read.keras_file.configs import decoded, network_of, settings
from porter.read.keras_file.keras1 import ordering_of
from porter.read.keras_file.known import Known

Tensors = Any
LEGAL_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
CONSTANT = "_CONSTANT_VALUE"  # what Keras writes in the place of a layer's name for an argument that is no tensor
NETWORKS = ("Sequential", "Model", "Functional", "Network", "Graph")


@dataclass
class Network:
    """A model that was built.

    model: tf-keras'. layers: by the file's names, in its order. names: the file's names for those that TensorFlow does
    not take. frozen: layers with trainable=False. warnings: what the user should know.
    """

    model: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    frozen: list[Any] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Builder:
    """Makes layers and networks out of configurations.

    keras: version 1 spelled its configurations in another way. functions: the user's functions for Lambda layers, by
    the layer's name; used: those that a layer took. Raises Unsupported for what is not known, each by its name.
    """

    def __init__(self, keras: str = "", functions: dict[str, Callable[..., Any]] | None = None):
        self.known = Known(keras, functions or {})
        self.warnings: list[str] = []
        self.frozen: list[Any] = []

    def model(self, config: dict[str, Any]) -> Network:
        """The model of a whole configuration. Raises Unsupported, for all layers that are not known at once."""
        self.known.ordering = ordering_of(config)
        network = self._network(config["class_name"], decoded(config["config"]))
        unused = sorted(set(self.known.functions) - self.known.taken)
        if unused:
            raise UsageError(
                f"No layer {', '.join(unused)} needs a function.",
                why=f"the model's layers are {', '.join(list(network.layers)[:12])}",
                todo="give --lambda the name of a Lambda layer",
            )
        network.frozen, network.warnings = self.frozen, [*self.warnings, *self.known.warnings]
        return network

    def _network(self, kind: str, config: Any) -> Network:
        import tf_keras

        name, entries, ends = network_of(kind, config)
        network = Network()
        problems: list[PorterError] = []
        for entry in entries:
            try:
                network.layers[name_of(entry)] = self._layer(entry)
            except Unsupported as problem:
                problems.append(problem)
        if problems:
            raise _together(problems)
        inputs, outputs = (self._chain if ends is None else self._wire)(network, entries, ends)
        network.model = tf_keras.Model(inputs, outputs, name=_legal(name))
        return network

    def _layer(self, entry: dict[str, Any]) -> Any:
        """The layer of one entry, with those inside it."""
        kind, config = entry["class_name"], entry["config"]
        if kind in NETWORKS:
            return self._network(kind, config).model
        if kind == "InputLayer":
            config = {"batch_shape": config.get("batch_input_shape"), "dtype": config.get("input_dtype"), **config}
        config = settings(config)
        frozen = config.pop("trainable", True) is False
        inside = {key: self._inside(value) for key, value in config.items()}
        inside["name"] = _legal(name_of(entry))
        if kind == "Swish":  # keras-contrib's, which has a weight only where it is to be trained
            inside["trainable"] = not frozen
        layer = self.known.make(kind, inside, name_of(entry))
        if frozen:
            self.frozen.append(layer)
        return layer

    def _inside(self, value: Any) -> Any:
        """A setting, with a layer or cell in the place of its configuration."""
        if isinstance(value, dict) and isinstance(value.get("config"), (dict, list)):
            kind = str(value.get("class_name"))
            if kind in NETWORKS or (isinstance(value["config"], dict) and self.known.is_layer(kind)):
                return self._layer(value)
        if isinstance(value, list):
            return [self._inside(each) for each in value]
        return value

    # A Sequential model: one layer after the other

    def _chain(self, network: Network, entries: list[dict[str, Any]], _: Any) -> tuple[Tensors, Tensors]:
        inputs = tensors = None
        for entry in entries:
            layer = network.layers[name_of(entry)]
            if entry["class_name"] == "InputLayer":
                inputs = tensors = layer
                continue
            if inputs is None:
                inputs = tensors = self._first_input(entry, layer)
            tensors = self._call(layer, tensors, {}, name_of(entry))
        if inputs is None:
            raise Unsupported("The model has no layers.", todo="give the model that the file was made from")
        return inputs, tensors

    def _first_input(self, entry: dict[str, Any], layer: Any) -> Any:
        """The input of a Sequential model that has no layer for it: its first layer says the shape."""
        import tf_keras

        if entry["class_name"] in NETWORKS:
            return [tf_keras.Input(batch_shape=each.shape, dtype=each.dtype) for each in layer.inputs][0]
        config = entry["config"]
        shape = config.get("batch_input_shape") or entry.get("build_input_shape")
        if shape is None:
            raise Unsupported(
                "The model's input has no shape in the file.",
                where=name_of(entry),
                why="a Sequential model was saved before it had an input",
                todo="build it in Python and name that: --into my_model.py:build",
            )
        kind = "int32" if entry["class_name"] == "Embedding" and not config.get("input_dtype") else "float32"
        name = f"{_legal(name_of(entry))}_input"
        return tf_keras.Input(batch_shape=shape, dtype=config.get("input_dtype") or kind, name=name)

    # A graph of layers

    def _wire(self, network: Network, entries: list[dict[str, Any]], ends: Any) -> tuple[Tensors, Tensors]:
        """Call each layer as often as the file says. results: by layer and call, the tensors it gave."""
        results: dict[tuple[str, int], list[Any]] = {}
        waiting = [(name_of(entry), list(_calls(entry))) for entry in entries]
        for entry in entries:
            if entry["class_name"] == "InputLayer":
                results[name_of(entry), 0] = [network.layers[name_of(entry)]]
        made = _first_calls(entries, ends)
        while any(calls for _, calls in waiting):
            before = len(results)
            for name, calls in waiting:
                while calls and _are_there(calls[0], results):
                    tensors, kwargs = _resolved(calls.pop(0), results)
                    given = self._call(network.layers[name], tensors, kwargs, name)
                    results[name, made[name]] = _flat(given)
                    made[name] += 1
            if len(results) == before:
                stuck = [name for name, calls in waiting if calls]
                raise Unsupported(
                    "The file's layers cannot be called in any order.",
                    where=", ".join(stuck[:5]),
                    why="they take tensors that no layer gives",
                    todo="--into names what builds the model",
                )
        return tuple(_packed([_found(each, results) for each in _references(end)]) for end in ends)

    def _call(self, layer: Any, tensors: Any, kwargs: dict[str, Any], name: str) -> Any:
        """A layer's outputs. Raises Unsupported where it does not take what the file gives it."""
        try:
            if isinstance(tensors, list) and len(tensors) == 1 and not self.known.takes_lists(layer):
                tensors = tensors[0]
            return layer(tensors, **kwargs)
        except PorterError:
            raise
        except Exception as problem:  # a layer may raise anything on arguments that do not fit it
            text = " ".join(str(problem).split())
            raise Unsupported(
                f"The layer {name} ({type(layer).__name__}) cannot be built as the file has it.",
                where=name,
                why=f"{type(problem).__name__}: {text[:300]}",
                todo="build the model in Python and name that: --into my_model.py:build",
            ) from problem


def name_of(entry: dict[str, Any]) -> str:
    """A layer's name in the file; Keras 1 wrote some with their class alone."""
    config = entry["config"]
    return entry.get("name") or (config.get("name") if isinstance(config, dict) else None) or entry["class_name"]


def _legal(name: str) -> str:
    """A name that TensorFlow takes for a scope."""
    return name if LEGAL_NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", f"l_{name}")


# Calls. Keras wrote them as [[layer, call, output, kwargs], ...]; one that takes a single tensor, or a dict of them, as
# the nest itself; tensors among the keyword arguments as [layer, call, output].


def _calls(entry: dict[str, Any]) -> Iterator[Any]:
    if entry["class_name"] != "InputLayer":
        yield from entry.get("inbound_nodes") or ()


def _first_calls(entries: list[dict[str, Any]], ends: Any) -> dict[str, int]:
    """The number of each layer's first call. A model that is a layer has made its own outputs before, as call 0, which
    some versions counted and others did not: the tensors that are taken tell."""
    counts = {name_of(entry): len(list(_calls(entry))) for entry in entries}
    first = dict.fromkeys(counts, 0)
    for name, call, *_ in _references([ends, *(list(_calls(entry)) for entry in entries)]):
        if call >= counts.get(name, call + 1) > 0:
            first[name] = 1
    return first


def _is_reference(nest: Any) -> bool:
    return (
        isinstance(nest, (list, tuple))
        and len(nest) in (3, 4)
        and isinstance(nest[0], str)
        and isinstance(nest[1], int)
        and (nest[0] == CONSTANT or isinstance(nest[2], int))
    )


def _references(nest: Any) -> Iterator[Any]:
    """The references in a nest, those in keyword arguments among them."""
    if _is_reference(nest):
        yield nest
        if len(nest) == 4:
            yield from _references(list((nest[3] or {}).values()))
    elif isinstance(nest, (list, tuple)):
        for each in nest:
            yield from _references(each)
    elif isinstance(nest, dict):
        for each in nest.values():
            yield from _references(each)


def _are_there(call: Any, results: dict[tuple[str, int], list[Any]]) -> bool:
    return all(ref[0] == CONSTANT or (ref[0], ref[1]) in results for ref in _references(call))


def _found(reference: Any, results: dict[tuple[str, int], list[Any]]) -> Any:
    return reference[2] if reference[0] == CONSTANT else results[reference[0], reference[1]][reference[2]]


def _resolved(call: Any, results: dict[tuple[str, int], list[Any]]) -> tuple[Any, dict[str, Any]]:
    """What a layer is called on, and the call's keyword arguments, with tensors in the place of references."""
    kwargs: dict[str, Any] = {}

    def fill(nest: Any, outside: bool) -> Any:
        if _is_reference(nest):
            if outside and len(nest) == 4:
                kwargs.update({key: fill(value, False) for key, value in (nest[3] or {}).items()})
            return _found(nest, results)
        if isinstance(nest, (list, tuple)):
            return type(nest)(fill(each, outside) for each in nest)
        if isinstance(nest, dict):
            return {key: fill(each, outside) for key, each in nest.items()}
        return nest

    return fill(call, True), kwargs


def _flat(tensors: Any) -> list[Any]:
    import tensorflow as tf

    return tf.nest.flatten(tensors)


def _packed(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _together(problems: list[PorterError]) -> PorterError:
    first, *rest = problems
    first.also += rest
    return first
