"""What does an engine in this process need to be told: which file, and how many threads?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Weights(Protocol):
    """A model's file, found or made when it is needed."""

    @property
    def name(self) -> str:
        """What people call the model."""

    def missing(self) -> str | None:
        """Why there is no such file, in words with the next step."""

    def file(self) -> Path:
        """Where it is. Raises ModelUnavailable."""


def threads_here() -> int:
    """All cores but one: a busy neighbour else halves the speed."""
    return max(1, (os.cpu_count() or 2) - 1)
