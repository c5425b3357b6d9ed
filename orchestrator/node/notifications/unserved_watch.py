"""The watch on unserved missions: which have waited for minutes because no node of the fleet can do them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from missions.mission import OPEN, Mission
from missions.selection import blocked_reason
from orchestrator.ledger.config.notification import Notification, NotificationKind, key_of
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.node.notifications.safe_text import MAX_SENTENCE_CHARS, plain_text, quoted_text
from orchestrator.workflow.assignment.unserved import UnservedMissions

WAIT_SECONDS = 300.0
"""Seconds for which a mission waits before people are told: a node may only be starting."""


@dataclass(kw_only=True)
class UnservedWatch:
    """Remembers since when each mission waits. `trusted` says whether a mission would run at all."""

    trusted: Callable[[LedgerSnapshot, MissionFile], bool]
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def notices(self, ledger: LedgerSnapshot, now: datetime, clock: float) -> Iterator[Notification]:
        """What is worth telling `now` (UTC); `clock` is monotonic seconds. The same wait always has the same key."""
        waiting = dict(self._waiting(ledger, now))
        self._since = {key: self._since.get(key, clock) for key in waiting}
        for (name, why), filed in waiting.items():
            if clock - self._since[name, why] >= WAIT_SECONDS and self.trusted(ledger, filed):
                yield _notification(filed.mission, why)

    def _waiting(self, ledger: LedgerSnapshot, now: datetime) -> Iterator[tuple[tuple[str, str], MissionFile]]:
        unserved = UnservedMissions(ledger)
        for name, filed in ledger.open.items():
            mission = filed.mission
            if mission.status not in OPEN or name in ledger.claims:
                continue
            finished = ledger.finished(mission.depends_on)
            if blocked_reason(mission, finished, finished, now) is None and (why := unserved.reason(mission)):
                yield (name, why), filed


def _notification(mission: Mission, why: str) -> Notification:
    body = f"{quoted_text(mission.title)} waits: {plain_text(why, MAX_SENTENCE_CHARS)}."
    return Notification(
        key=key_of(mission.name, mission.epoch, NotificationKind.UNSERVED.value, why),
        kind=NotificationKind.UNSERVED,
        title=f"{plain_text(mission.title)} waits for a node that can do it",
        body=body,
        path=f"/missions/{mission.name}",
    )
