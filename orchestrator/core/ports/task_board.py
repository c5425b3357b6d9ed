"""The port of task boards: which open tasks did a person keep in another program before?

A board is read once, by a person's word, and never written. What its tasks say is text and gives no orders here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.core.foreign_files import PassedOver

MAX_TASKS = 1_000
"""Open tasks of a board that are read."""


@dataclass(frozen=True, kw_only=True)
class BoardTask:
    """A task that is open there. `key` is its own name on that board; `priority` is a mission's, None if it has none.

    `depends_on` are keys of the same board, open or not.
    """

    key: str
    title: str
    body: str = ""
    priority: int | None = None
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    state: str = ""
    """As the board calls it."""
    project: str = ""
    """As the board calls it; "" where it has none."""


@dataclass(frozen=True, kw_only=True)
class BoardReading:
    """What stands on a board. `closed` is how many tasks are not open; `passed` what could not be read."""

    tasks: tuple[BoardTask, ...]
    closed: int = 0
    passed: tuple[PassedOver, ...] = ()


class TaskBoard(Protocol):
    """One program's board."""

    @property
    def name(self) -> str:
        """The program's, as a plain word."""
        ...

    def read(self, place: Path) -> BoardReading:
        """The open tasks in a file or a folder, in the board's order. Raises NotFound where there is no such board."""
        ...
