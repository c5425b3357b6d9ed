"""Which servers of tools does an attempt get: the one that its node answers, and those of its project?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.core.ports.run_desk import ASK, BRIDGE_TOOLS
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.search_index import SearchIndex
from orchestrator.workflow.run_questions.run_desk import run_desks
from tests.ledgers import FLEET, NOON, Scripted, Town, working

FILES = {
    "fleet.toml": FLEET.format(trust="remote") + '[projects.shop.mcp.docs]\ncommand = ["docs-mcp"]\n',
    "missions/m.md": "---\nagent: claude\nproject: shop\n---\nDo it.\n",
}


@dataclass(frozen=True)
class Allowing:
    """A policy that lets agents use these tools; None: it does not say."""

    allowed: tuple[str, ...] | None

    def unsafe_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        return ""

    def tools(self, ledger: LedgerSnapshot, mission: Mission) -> tuple[str, ...] | None:
        return self.allowed


@pytest.mark.parametrize(
    ("allowed", "asks", "servers"),
    [(None, BRIDGE_TOOLS, ["docs"]), (("run",), ("file_mission", ASK), ["docs"]), ((), (ASK,), [])],
)
def test_an_attempt_has_what_policy_lets_it_have(
    tmp_path: Path, allowed: tuple[str, ...] | None, asks: tuple[str, ...], servers: list[str]
) -> None:
    """Of both kinds."""
    agent = Scripted(name="claude")
    index = SearchIndex(path=tmp_path / "recall.db", of="town")
    found = working(
        Town(FILES).peer("n1"),
        tmp_path,
        agents={"claude": agent},
        offered=["claude"],
        safety=Allowing(allowed),
        desks=run_desks(index, lambda: NOON),
    )
    found.settle()
    job = agent.jobs[0]
    assert job.project
    assert (job.desk.tools, [each.name for each in job.project.servers]) == (asks, servers)


def test_a_node_without_desks_answers_nothing(tmp_path: Path) -> None:
    """Its agents have no server of its own."""
    agent = Scripted(name="claude")
    working(Town(FILES).peer("n1"), tmp_path, agents={"claude": agent}, offered=["claude"]).settle()
    assert agent.jobs[0].desk.tools == ()
