"""What the original says to inputs that it does not take."""

from __future__ import annotations

from porter.errors import PorterError


class Refused(PorterError):
    """The original itself raises on these inputs."""
