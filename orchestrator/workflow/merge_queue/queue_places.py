"""Where does an approved result stand in its project's merge queue, in words and as plain data?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from missions.mission import Mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.unserved import UnservedMissions
from orchestrator.workflow.merge_queue.queue_order import queued_missions
from orchestrator.workflow.merge_queue.queue_record import QueueRecord, queue_record

MAX_NAMED = 5
"""Missions that a line names."""


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """One project's queue: its missions, the next one first, and what its node says of it."""

    missions: tuple[Mission, ...]
    record: QueueRecord
    nobody_is_up: str = ""
    """That no node beats, with what mends it."""

    @property
    def waits(self) -> str:
        """Why no node tests anything, where none is up; empty where one tests, or will."""
        return "" if self.record.node else self.nobody_is_up

    def says(self, name: str) -> str:
        """Where a mission stands and what is done with it, in one line; empty for one that is not in it."""
        names = [mission.name for mission in self.missions]
        if name not in names:
            return ""
        place = names.index(name) + 1
        words = f"place {place} of {len(names)} in the merge queue of {self.missions[0].about}"
        if name in self.record.testing:
            others = [other for other in self.record.testing if other != name]
            beside = f", with {', '.join(others[:MAX_NAMED])}{', …' * (len(others) > MAX_NAMED)}" if others else ""
            words += f"; {self.record.node} tests it now{beside}"
        stands = f"it stands still: {self.record.trouble}" if self.record.trouble else self.waits
        return f"{words}; {stands}" if stands else words

    def json(self) -> dict[str, Any]:
        """Plain data."""
        waiting = [
            {
                "place": place,
                "mission": mission.name,
                "title": mission.title,
                "commit": mission.commit or "",
                "branch": mission.branch or "",
                "decided_by": mission.decided_by or "",
                "decided": mission.decided.isoformat() if mission.decided else "",
                "tested_now": mission.name in self.record.testing,
            }
            for place, mission in enumerate(self.missions, 1)
        ]
        record = self.record
        return {
            "missions": waiting,
            "node": record.node,
            "base": record.base,
            "testing": list(record.testing),
            "since": record.since,
            "trouble": record.trouble,
        }


def queue_state(ledger: LedgerSnapshot, trust: Trust, project: str) -> QueueState:
    """The queue of one project as it is now. What an earlier batch left in the record is left out of an empty one."""
    missions = tuple(filed.mission for filed in queued_missions(ledger, project))
    if not missions:
        return QueueState(missions=(), record=QueueRecord())
    record = queue_record(ledger, trust, project)[0]
    return QueueState(missions=missions, record=record, nobody_is_up=UnservedMissions(ledger).nobody_is_up)


@dataclass(frozen=True)
class QueuePlaces:
    """The queues of one ledger, each worked out when it is asked for first."""

    ledger: LedgerSnapshot
    trust: Trust
    _states: dict[str, QueueState] = field(default_factory=dict)

    def says(self, mission: Mission) -> str:
        """Where a mission stands, in one line."""
        project = str(mission.about)
        if project not in self._states:
            self._states[project] = queue_state(self.ledger, self.trust, project)
        return self._states[project].says(mission.name)
