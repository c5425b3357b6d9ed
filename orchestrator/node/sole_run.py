"""Is this the only node that runs under its name? Looked at before it beats: of two, the later one stops."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.core.errors import Refused
from orchestrator.core.events import Tell
from orchestrator.core.time_text import format_duration
from sync.heartbeat import Beat

WATCHED_BEATS = 1.5
"""For so many beats a beat that this machine did not make has to stand still before it counts as left behind."""
LOOKS_PER_BEAT = 4


def require_alone(
    beat: Beat, name: str, *, interval: float, wait: Callable[[float], object], stopped: Callable[[], bool], tell: Tell
) -> None:
    """Returns at once where this machine made the last beat itself, or nobody beats. Raises Refused and SyncError.

    `interval` is the pause between two beats, in seconds; `wait` waits so long, or less; `stopped` ends the look.
    """
    beat.start()
    if not beat.foreign:
        return
    interval *= beat.standing_stretch
    seconds = WATCHED_BEATS * interval
    tell("waiting", f"a beat of {name} stands that is not of this machine: looking for {format_duration(seconds)}")
    for _ in range(int(WATCHED_BEATS * LOOKS_PER_BEAT)):
        wait(interval / LOOKS_PER_BEAT)
        if stopped():
            return
        if beat.moved():
            raise Refused(f"another node runs under the name {name}, and was here first: set another SHIFTBOOK_NODE_ID")
