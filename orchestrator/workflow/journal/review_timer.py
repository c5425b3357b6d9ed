"""The review timer: which thread wakes the node when a line of cron comes due?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from orchestrator.core import cron


class CronLine(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """APScheduler's question, answered by `core.cron`: always later than `now`, so that it never turns in place."""

    def __init__(self, line: str, zone: str) -> None:
        self._line, self._zone = line, zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """When to fire next; what was missed meanwhile counts as one."""
        return cron.next_due(self._line, self._zone, now)


def start(wake: Callable[[], None], line: str, zone: str) -> BackgroundScheduler:
    """A scheduler, started, that calls `wake` from a thread of its own until it is shut down."""
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # the node says what happens
    scheduler = BackgroundScheduler(timezone=UTC, daemon=True)
    # A wake-up that came late (the machine slept) still counts, and several that were missed count as one.
    scheduler.add_job(wake, CronLine(line, zone), coalesce=True, misfire_grace_time=None)
    scheduler.start()
    return scheduler
