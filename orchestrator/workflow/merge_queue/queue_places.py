"""Where does an approved result stand in its project's merge queue, in words and as plain data?

A node that holds the queue is told of as this machine sees it beat: one that has fallen silent was testing, and another
takes the queue over when its lease is out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from missions.mission import Mission
from orchestrator.ledger.node_pages import SeenNodes, no_nodes, own_lease
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.unserved import UnservedMissions
from orchestrator.workflow.merge_queue.queue_order import queued_missions
from orchestrator.workflow.queue_hold.queue_record import QueueRecord, queue_record

MAX_NAMED = 5
"""Missions that a line names."""
WAITS = "it waits for a node"
NEXT_TURN = "another node takes it at its next turn"
NO_OTHER = "no other node is up: `shiftbook node run` on another machine of the fleet takes it"


@dataclass(frozen=True, kw_only=True)
class HolderSilence:
    """A node that holds a queue and may be dead. `since`: None for one that has stopped; `until` its lease lasts."""

    since: datetime | None = None
    until: datetime | None = None
    then: str = ""

    @property
    def says(self) -> str:
        """In words, behind what it was doing."""
        return f"{f'is silent since {_clock(self.since)}' if self.since else 'has stopped'}; {self.then}"


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """One project's queue: its missions, the next one first, and what its node says of it."""

    missions: tuple[Mission, ...]
    record: QueueRecord
    branch: str = "main"
    nobody_is_up: str = ""
    """That no node beats, with what mends it."""
    silence: HolderSilence | None = None
    """That the node which holds it does not beat any more."""

    @property
    def holder_says(self) -> str:
        """What is done with the queue now, or why nothing is, in one line; empty for an empty one."""
        record = self.record
        if not self.missions:
            return ""
        if not record.node:
            trouble = f"it stands still: {record.trouble}" if record.trouble else ""
            return trouble or self.nobody_is_up or f"{WAITS}, which begins at its next turn"
        at = f" at {record.base[:10]}" if record.base else ""
        count = len(record.landing or record.testing)
        alone = f"{self.branch}{at} without any of them" if at else "them"
        what = f"{count} of them on {self.branch}{at}" if count else alone
        if self.silence:
            return f"{record.node} was {'putting' if record.landing else 'testing'} {what}, and {self.silence.says}"
        before = f"; before that it stood still: {record.trouble}" if record.trouble else ""
        return f"{record.node} {'puts' if record.landing else 'tests'} {what} since {_since(record.since)}{before}"

    def state(self, name: str) -> str:
        """What is done with a mission: `landing`, `testing`, `waiting`, or `stopped` where the queue stands still."""
        record = self.record
        if record.node and self.silence is None and name in (*record.landing, *record.testing):
            return "landing" if name in record.landing else "testing"
        alone = self.nobody_is_up or (self.silence is not None and self.silence.then == NO_OTHER)
        return "stopped" if alone or (record.trouble and not record.node) else "waiting"

    def says(self, name: str) -> str:
        """Where a mission stands and what is done with it, in one line; empty for one that is not in it."""
        names = [mission.name for mission in self.missions]
        if name not in names:
            return ""
        place = f"place {names.index(name) + 1} of {len(names)} in the merge queue of {self.missions[0].about}"
        does, trouble = self._does(name), self.record.trouble
        stands = f"it stands still: {trouble}" if trouble and not does else ""
        return f"{place}; {does or stands or self.nobody_is_up or WAITS}"

    def _does(self, name: str) -> str:
        """What its node does with a mission, or did; empty where none holds the queue."""
        record = self.record
        if not record.node:
            return ""
        others = [other for other in record.testing if other != name]
        beside = f", with {', '.join(others[:MAX_NAMED])}{', …' * (len(others) > MAX_NAMED)}" if others else ""
        if name in record.landing:
            does, did = f"puts it on {self.branch} now", f"was putting it on {self.branch}"
        elif name in record.testing:
            does, did = f"tests it now{beside}", f"was testing it{beside}"
        else:
            does, did = "tests what is before it", "was testing what is before it"
        return f"{record.node} {did}, and {self.silence.says}" if self.silence else f"{record.node} {does}"

    def place(self, name: str) -> dict[str, Any] | None:
        """Where one mission stands, as plain data; None for one that is not in it."""
        names = [mission.name for mission in self.missions]
        if name not in names:
            return None
        return {
            "project": self.missions[0].about,
            "place": names.index(name) + 1,
            "of": len(names),
            "state": self.state(name),
            "node": self.record.node,
            "says": self.says(name),
        }

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
                "tested_now": mission.name in self.record.testing and self.silence is None,
                "state": self.state(mission.name),
            }
            for place, mission in enumerate(self.missions, 1)
        ]
        record, silence = self.record, self.silence
        return {
            "missions": waiting,
            "node": record.node,
            "base": record.base,
            "testing": list(record.testing),
            "landing": list(record.landing),
            "since": record.since,
            "trouble": record.trouble,
            "silent_since": silence.since.isoformat() if silence and silence.since else "",
            "taken_over_at": silence.until.isoformat() if silence and silence.until else "",
            "says": self.holder_says,
        }


def queue_state(
    ledger: LedgerSnapshot, trust: Trust, project: str, *, now: datetime, nodes: SeenNodes = no_nodes
) -> QueueState:
    """The queue of one project as it is now. What an earlier batch left in the record is left out of an empty one."""
    missions = tuple(filed.mission for filed in queued_missions(ledger, project))
    if not missions:
        return QueueState(missions=(), record=QueueRecord())
    record = queue_record(ledger, trust, project)[0]
    return QueueState(
        missions=missions,
        record=record,
        branch=ledger.charter.projects[project].branch,
        nobody_is_up=UnservedMissions(ledger).nobody_is_up,
        silence=_silence(ledger, record.node, nodes, now) if record.node else None,
    )


def _silence(ledger: LedgerSnapshot, node: str, nodes: SeenNodes, now: datetime) -> HolderSilence | None:
    """Of a node that stopped, or that this machine has seen stand still for half of its lease."""
    then = NEXT_TURN if ledger.beats.keys() - {node} else NO_OTHER
    if node not in ledger.beats:
        return HolderSilence(then=then)
    lease = own_lease(ledger, node)
    still = next((timedelta(seconds=one.silent_seconds or 0) for one in nodes(ledger) if one.name == node), timedelta())
    if still < lease / 2:
        return None
    since, until = now - still, now - still + lease
    if then == NEXT_TURN and now < until:
        then = f"another node takes it at {_clock(until)}"
    return HolderSilence(since=since, until=until, then=then)


def _since(said: str) -> str:
    """A record's time for people; as it stands there if it is none."""
    try:
        return _clock(datetime.fromisoformat(said))
    except ValueError:
        return said


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class QueuePlaces:
    """The queues of one ledger, each worked out when it is asked for first."""

    ledger: LedgerSnapshot
    trust: Trust
    now: datetime
    nodes: SeenNodes = no_nodes
    _states: dict[str, QueueState] = field(default_factory=dict)

    def says(self, mission: Mission) -> str:
        """Where a mission stands, in one line."""
        project = str(mission.about)
        if project not in self._states:
            self._states[project] = queue_state(self.ledger, self.trust, project, now=self.now, nodes=self.nodes)
        return self._states[project].says(mission.name)
