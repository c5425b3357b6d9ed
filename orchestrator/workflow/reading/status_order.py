"""In which order do missions stand in a list? By their status: what waits for somebody first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the words are asked for by a command's help, which loads no mission
    from orchestrator.workflow.mission_view import MissionView

STATUS_ORDER = (
    "quarantined",
    "untrusted",
    "dead",
    "review",
    "parked",
    "running",
    "failed",
    "queued",
    "done",
    "cancelled",
)
"""What waits for somebody stands first."""


def list_order(view: MissionView) -> tuple[int, float, str]:
    """What the list of missions is sorted by: the state, then the newest, or what is most urgent."""
    when = view.finished.timestamp() if view.finished else 0.0
    return STATUS_ORDER.index(view.status), -view.priority if not when else -when, view.name
