"""How a rebuilt layer tells its configuration: by the arguments it was made with."""

from __future__ import annotations

import inspect
from typing import Any

import tf_keras


class Remembered:
    """Comes first among the bases of every layer here, for wrappers such as Bidirectional copy what they wrap by it.

    A base class of tf-keras would tell of its own arguments only, and the copy have others than the file says.
    """

    _given: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made: Any = super().__new__(cls, *args, **kwargs)
        start: Any = cls.__init__
        signature = inspect.signature(start)
        given = dict(signature.bind(made, *args, **kwargs).arguments)
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given.update(given.pop(name, {}))
        given.pop(next(iter(signature.parameters)))  # self
        object.__setattr__(made, "_given", given)  # no part of the layer that Keras would track
        return made

    def get_config(self: Any) -> dict[str, Any]:
        """The arguments, with the name that the layer has; a layer among them as its configuration."""
        serialize = tf_keras.saving.serialize_keras_object
        given = {name: serialize(x) if hasattr(x, "get_config") else x for name, x in self._given.items()}
        return {**given, "name": self.name}
