"""A call that is wrong, and ways to make it otherwise."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from typing import Any, NamedTuple

import numpy as np

Weights = dict[str, np.ndarray]
Results = Sequence[Any]
Path = tuple[str | int, ...]  # of an argument: its name, behind those of the layers around the layer that it belongs to


class Suspicion(NamedTuple):
    """told: what to say if it explains the difference. run: the layer's results if it were so.

    given: whether it takes a number that stands in the original's own nodes; where that will do, no other is looked for.
    """

    told: str
    run: Callable[[], Results]
    given: bool = False


class Suspect:
    """The call that is wrong: what it is called with, as `run(operation, **arguments)`, and its results.

    got: None where what is compared is not its own result, but that of a call behind it. numbers: those that stand in the
    original's own nodes. node: the call, as Keras keeps it.
    """

    def __init__(
        self,
        operation: Any,
        run: Callable[..., Results],
        got: Results | None,
        sources: Mapping[str, Any],
        wanted: str = "",
        certified: Mapping[str, Any] | None = None,
        owner: Callable[[np.ndarray], str] | None = None,
        numbers: Sequence[float] = (),
        node: Any = None,
    ) -> None:
        self.operation, self.run, self.got = operation, run, got
        self.wanted = wanted  # the class that it should have, where that is another
        self.sources = sources  # weights by their names, as the original holds them
        self.certified = dict(certified or {})  # arguments that were certified with other values
        self._owner = owner
        self.numbers, self.node = list(numbers), node
        self.config = config_of(operation)

    @property
    def kind(self) -> str:
        return type(self.operation).__name__

    def weights(self) -> Weights:
        """The layer's arrays by name; empty for an operation."""
        import keras

        return {
            weight_name(w, self.operation): np.asarray(keras.ops.convert_to_numpy(w)) for w in variables(self.operation)
        }

    def unlike_sources(self) -> list[str]:
        """The weights that hold other numbers than the original does."""
        mine, pairs = self.weights(), self.sources.items()
        return [name for name, array in pairs if name in mine and not np.array_equal(array, mine[name])]

    def restores(self, weights: Mapping[str, np.ndarray], names: Sequence[str]) -> bool:
        """Whether other numbers for some weights make all of `names` what they are in the original."""
        return weights.keys() == set(names) and all(np.array_equal(weights[n], self.sources[n]) for n in names)

    def belongs(self, array: np.ndarray) -> str:
        """The weight, of this layer or of another, whose numbers in the original these are; "" where there is none."""
        own = (name for name, each in self.sources.items() if np.array_equal(each, array))
        return next(own, "") or (self._owner(array) if self._owner is not None else "")

    def with_config(self, **changes: Any) -> Results:
        """The results of the layer made with other arguments, and with the weights that it has."""
        return self._remade(changes, self.weights())

    def with_argument(self, path: Path, value: Any) -> Results:
        """The same with one argument, of the layer itself or of one inside it."""
        changes = deepcopy(self.config)
        inner: Any = changes
        for step in path[:-1]:
            inner = inner[step]["config"] if isinstance(inner[step], dict) else inner[step]
        inner[path[-1]] = value
        return self._remade(changes or {}, self.weights())

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Results:
        """The results of the layer with some other weights."""
        return self._remade({}, {**self.weights(), **weights})

    def with_source(self, argument: str, key: str) -> Results:
        """The results of the layer made with an argument that gives it the weight `key`, as the original holds it."""
        return self._remade({argument: True}, {**self.weights(), key: self.sources[key]})

    def with_class(self, name: str) -> Results:
        """The results of another layer, or operation, with what both are made with. Raises where there is none."""
        import keras

        if self.config is None:
            name = name.removeprefix("ops.")
            sort = getattr(sys.modules[type(self.operation).__module__], name.title().replace("_", ""), None)
            if sort is None:  # of another family, which has none of this one's arguments
                return self.run(getattr(keras.ops, name))
            other = copy(self.operation)
            other.__class__ = sort
            return self.run(other)
        sort = getattr(keras.layers, name)
        known = {*inspect.signature(sort.__init__).parameters, "dtype"}
        other = sort(**{key: value for key, value in self.config.items() if key in known and key != "name"})
        return self.run(lambda *args, **_: other(*args))  # what the call names besides is for this layer, as a mask

    def _remade(self, changes: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Results:
        assert self.config is not None
        twin = type(self.operation).from_config({**self.config, **changes})
        self.run(twin)  # builds it
        for variable in variables(twin):
            name = weight_name(variable, twin)
            fits = name in weights and weights[name].shape == tuple(variable.shape)
            variable.assign(weights[name] if fits else self.sources[name])
        return self.run(twin)


def nested(config: Mapping[str, Any], kind: str) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """The arguments of a layer, and those of the layers inside it: the path to them, the layer's class, and they."""
    yield (), kind, config
    for name, value in config.items():
        for place, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if (
                not isinstance(each, Mapping)
                or not isinstance(each.get("config"), Mapping)
                or "name" not in each["config"]
            ):
                continue
            if "dtype" not in each["config"]:
                continue  # no layer, but the policy of its types
            start: Path = (name,) if place is None else (name, place)
            for path, inner_kind, inner in nested(each["config"], str(each.get("class_name"))):
                yield (*start, *path), inner_kind, inner


def config_of(operation: Any) -> dict[str, Any] | None:
    """The arguments that a layer was made with; None for operations, and for layers that don't say."""
    import keras

    if not isinstance(operation, keras.layers.Layer):
        return None
    try:
        return dict(operation.get_config())
    except (NotImplementedError, TypeError, ValueError, AttributeError):
        return None


def variables(operation: Any) -> list[Any]:
    """The weights of a layer, without the seeds that it draws from."""
    return [each for each in getattr(operation, "weights", ()) if "seed_generator" not in each.path]


def weight_name(variable: Any, operation: Any) -> str:
    """A weight's name within its layer: "kernel", "lstm_cell/kernel"."""
    return variable.path.removeprefix(f"{getattr(operation, 'path', operation.name)}/")
