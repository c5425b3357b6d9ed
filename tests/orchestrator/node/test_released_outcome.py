"""An agent that puts its mission back: it is no failure, no attempt, and what depends on it goes on waiting."""

from __future__ import annotations

from pathlib import Path

from missions.mission import Status
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from tests.ledgers import Town, working

MISSIONS = {"missions/first.md": "Do it.\n", "missions/second.md": "---\ndepends_on: [first]\n---\nDo it then.\n"}


def test_a_mission_that_its_agent_puts_back_is_queued_again_and_counts_no_attempt(tmp_path: Path) -> None:
    """As an update does, whose end the next version tells: the same node takes it again, and the next one waits."""
    found = working(Town(MISSIONS).peer("n1"), tmp_path)

    def does(job: AgentJob, _stop: Stop) -> Outcome:
        if job.mission.name == "first" and len(found.agent.jobs) == 1:
            return Outcome(ok=False, summary="Switched.", released=True)
        return Outcome(ok=True, summary="Done.", answer="42")

    found.agent.does = does
    found.settle()
    assert [(job.mission.name, job.attempt) for job in found.agent.jobs] == [("first", 1), ("first", 1), ("second", 1)]
    for name in ("first", "second"):
        over = found.peer.ledger().archived(name)
        assert over is not None
        assert (over.mission.status, over.mission.attempt) == (Status.DONE, 1)
