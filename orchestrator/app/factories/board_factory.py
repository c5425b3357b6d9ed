"""How is the reader of another program's task board put together?"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.adapters.boards.backlog_md import BacklogMd
from orchestrator.adapters.boards.beads import Beads
from orchestrator.adapters.boards.vibe_kanban import VibeKanban
from orchestrator.core.ports.task_board import TaskBoard

BOARDS: dict[str, Callable[[], TaskBoard]] = {"vibe-kanban": VibeKanban, "backlog-md": BacklogMd, "beads": Beads}


def task_board(name: str) -> TaskBoard:
    """The reader of a board, by the name of its program."""
    return BOARDS[name]()
