"""`scipy.misc`, which read, scaled and wrote pictures: scipy 1.3 and later have none of it, though perhaps the module."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Any name: as of a library that is not installed, it may be imported and not used."""
    from porter.legacy.world.libraries import Unusable

    if name.startswith("__"):
        raise AttributeError(name)
    return Unusable(f"scipy.misc.{name}", "today's scipy has no such part")
