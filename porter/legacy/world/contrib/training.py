"""`tf.contrib.training`: hyperparameters, and slim's way to train."""

from __future__ import annotations

import ast
import json
from typing import Any

from tf_slim.training.evaluation import *  # noqa: F403
from tf_slim.training.training import *  # noqa: F403


class HParams:
    """Named values as attributes."""

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **values: Any):
        self._names: list[str] = []
        for name, value in values.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Add a value under a new name."""
        if hasattr(self, name):
            raise ValueError(f"Hyperparameter name is reserved: {name}")
        self._names.append(name)
        setattr(self, name, value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Change a value."""
        if name not in self._names:
            raise KeyError(name)
        setattr(self, name, value)

    def del_hparam(self, name: str) -> None:
        """Forget a value."""
        self._names.remove(name)
        delattr(self, name)

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or the default."""
        return getattr(self, key) if key in self._names else default

    def values(self) -> dict[str, Any]:
        """All values by name."""
        return {name: getattr(self, name) for name in self._names}

    def override_from_dict(self, values: dict[str, Any]) -> HParams:
        """Change several values."""
        for name, value in values.items():
            self.set_hparam(name, value)
        return self

    def parse(self, text: str) -> HParams:
        """Change values as "rate=0.1,layers=[1,2]" says."""
        import re

        for name, value in re.findall(r"(\w+)=(\[[^\]]*\]|[^,]*)", text or ""):
            old = getattr(self, name)
            self.set_hparam(name, value if isinstance(old, str) else type(old)(ast.literal_eval(value.strip())))
        return self

    def parse_json(self, text: str) -> HParams:
        """Change values as a JSON object says."""
        return self.override_from_dict(json.loads(text))

    def to_json(self, *_: Any, **__: Any) -> str:
        """All values as a JSON object."""
        return json.dumps(self.values())

    def __contains__(self, name: str) -> bool:
        return name in self._names
