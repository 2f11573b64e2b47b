"""`distutils.version`, which Python 3.12 has dropped: programs asked which TensorFlow they have."""

from __future__ import annotations

import functools
import re
from typing import Any


@functools.total_ordering
class LooseVersion:
    """A version that is compared by its numbers: 1.15.5 is behind 1.4."""

    def __init__(self, vstring: str = ""):
        self.vstring = vstring
        self.version = [int(part) for part in re.findall(r"\d+", vstring)]

    def __str__(self) -> str:
        return self.vstring

    def __eq__(self, other: Any) -> bool:
        return self.version == LooseVersion(str(other)).version

    def __lt__(self, other: Any) -> bool:
        return self.version < LooseVersion(str(other)).version

    __hash__ = object.__hash__


StrictVersion = LooseVersion
