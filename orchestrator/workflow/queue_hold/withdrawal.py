"""How does a person take an approved result out of a merge queue? By a move of the queue's record with their word."""

from __future__ import annotations

from missions.mission import Mission
from orchestrator.core.errors import AlreadyDone
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import QUEUE, Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.verdict import waits_in_queue
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, queue_record
from sync.remote import RefUpdate


def withdrawal(bus: Transport, ledger: LedgerSnapshot, trust: Trust, mission: Mission) -> tuple[RefUpdate, ...]:
    """What moves together with the word that takes a mission out of its merge queue; nothing for one that is in none.
    Raises AlreadyDone where a node pushes its result at this moment.
    """
    if not waits_in_queue(ledger.charter, mission):
        return ()
    project = str(mission.about)
    record, oid = queue_record(ledger, trust, project)
    if mission.name in record.landing:
        name, branch = mission.name, ledger.charter.projects[project].branch
        now = f"{record.node} puts {name} on {branch} since {record.since}"
        raise AlreadyDone(f"too late: {now}; `shiftbook mission show {name}` says what became of it")
    files = {QUEUE_FILE: record.print()}
    new = bus.commit(files, f"Merge queue: without {mission.name}", onto=oid, tree=None)
    return (RefUpdate(ref=QUEUE + project, expect=oid, new=new),)
