"""A run is answered of its own project and of the fleet, each thing with its place; what it may ask follows policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.core.errors import Refused
from orchestrator.core.ports.run_desk import ASK, BRIDGE_TOOLS, FAILED_HERE, FILE_MISSION, HANDOFF, RECALL, RunDesk
from orchestrator.ledger.config import fleet_toml
from orchestrator.workflow.journal.search_index import SearchIndex
from orchestrator.workflow.run_questions.run_desk import LedgerRunDesk, may_have_servers, offered_tools, run_desks
from tests.journals import BRIEFING, BRIEFING_PATH, SHOP_LOG, entry, log
from tests.ledgers import FLEET, NOON, Files, Town

FLEET_TOML = FLEET.format(trust="remote") + '[projects.mill]\nurl = "/srv/mill.git"\n'
LOOKS = (HANDOFF, RECALL, FAILED_HERE)
FILES: Files = {
    "fleet.toml": FLEET_TOML,
    BRIEFING_PATH: BRIEFING + "".join(f"- A fact of number {number}.\n" for number in range(200)),
    "PORTFOLIO_CONTEXT.md": "# Portfolio\n\nBooks and flour.\n",
    "SESSION_LOG.md": log(entry("all", did="The basket of the fleet.")),
    SHOP_LOG: log(entry("ours", did="The basket is red.", blocked="- `make all` fails")),
    "projects/mill/SESSION_LOG.md": log(entry("theirs", did="The basket is a secret.", blocked="- `make all` grinds")),
    "projects/mill/SESSION_BRIEFING.md": "# Briefing: mill\n\nThe mill has a secret.\n",
    "missions/fix.md": "---\nagent: claude\nproject: shop\n---\nMend the basket.\n",
    "missions/other.md": "---\nagent: claude\nproject: mill\n---\nGrind the basket in secret.\n",
}


def desk(tmp: Path, children: str = "", **more: object) -> RunDesk:
    """What the mission in the shop may ask."""
    toml = FLEET_TOML + (f"[policy]\nchildren = {children}\n" if children else "")
    ledger = Town({**FILES, "fleet.toml": toml}).peer("n1").ledger()
    index = SearchIndex(path=tmp / "recall.db", of="town")
    index.refresh(ledger)
    mission = Mission(name="fix", title="Fix", body="Mend the basket.", agent="claude", project="shop")
    return run_desks(index, lambda: NOON)(ledger, mission, None)


@pytest.mark.parametrize(
    ("agent", "bridge", "allowed", "offered"),
    [
        ("claude", None, None, BRIDGE_TOOLS),
        ("claude", "true", None, BRIDGE_TOOLS),
        ("claude", "false", None, ()),
        ("claude", "[]", None, ()),
        ("codex", '["ask", "recall"]', None, (RECALL, ASK)),
        ("claude", '["recall", "file_mission"]', ("read",), (RECALL,)),
        ("codex", None, ("read",), (*LOOKS, ASK)),
        ("opencode", None, ("search", "write"), BRIDGE_TOOLS),
        ("claude", None, ("run",), (FILE_MISSION, ASK)),
        ("claude", None, (), (ASK,)),
        ("qwen", None, None, BRIDGE_TOOLS),
        ("qwen", None, ("read", "write", "run"), ()),
        ("qwen", '["recall"]', None, (RECALL,)),
        ("copilot", None, None, ()),
        ("gemini", None, None, ()),
        ("aider", None, None, ()),
        ("builtin", None, None, ()),
    ],
)
def test_what_is_offered(
    agent: str, bridge: str | None, allowed: tuple[str, ...] | None, offered: tuple[str, ...]
) -> None:
    """As the fleet's file and `policy.tools` have it, and to programs that can be given a server."""
    said = f"[agents.{agent}]\nbridge = {bridge}\n" if bridge else ""
    part = fleet_toml.read(said.encode()).agents.get(agent)
    assert offered_tools(agent, part, allowed) == offered


@pytest.mark.parametrize(
    ("agent", "allowed", "given"),
    [
        ("claude", None, True),
        ("codex", ("run",), True),
        ("claude", ("read", "write"), False),
        ("codex", (), False),
        ("opencode", None, False),
        ("qwen", None, False),
    ],
)
def test_who_is_given_the_projects_servers(agent: str, allowed: tuple[str, ...] | None, given: bool) -> None:
    """Whoever may run a program, and can be held to what may be asked of one."""
    assert may_have_servers(agent, allowed) is given


def test_nothing_of_another_project_or_mission_is_told(tmp_path: Path) -> None:
    """In whatever is asked for; what is told has its place."""
    found = desk(tmp_path)
    recalled = found.recall("basket secret", 20)
    warned = found.warnings("make all", 10)
    handoff = found.handoff("", 6000)
    told = "\n".join([*recalled, *warned, handoff, found.handoff("the secret of the mill", 6000)])
    assert "secret" not in told.replace("the secret of the mill", "")
    assert "theirs" not in told
    assert any(line.startswith(f"[ours, 2026-11-20, {SHOP_LOG}, ") and "basket is red" in line for line in recalled)
    assert any(line.startswith("[all, ") for line in recalled)
    assert [line.endswith("[ours, 2026-11-20]") for line in warned] == [True]


def test_the_handoff_names_its_sources_and_keeps_its_budget(tmp_path: Path) -> None:
    """Each tier with its file, all of one commit; what was left out is told."""
    handoff = desk(tmp_path).handoff("", 4000)
    first = handoff.partition("\n")[0]
    assert first.startswith("[as of commit ")
    assert f"briefing: {BRIEFING_PATH}" in first
    assert f"log: {SHOP_LOG}" in first
    assert "portfolio: PORTFOLIO_CONTEXT.md" in first
    assert "Never deploy on Friday." in handoff
    assert "<!-- entry: ours -->" in handoff
    assert "shiftbook:task" not in handoff
    assert "[all] 2026-11-20 · all" in handoff
    short = desk(tmp_path).handoff("", 300)
    assert len(short) < 4 * 300 + 800 < len(handoff)
    assert "[left out: briefing · " in short


@pytest.mark.parametrize(
    ("children", "front", "says"),
    [
        ("", "title: More", "waits for a person: policy.children lets none run by itself"),
        ("{max = 2}", "title: More", "may run by itself, with at most 2 of its kind"),
        ("{max = 2}", "title: More\npriority: 9", "waits for a person: it goes before its parent"),
        ("{max = 2}", "title: More\nproject: mill", "waits for a person: it is for the project mill"),
        ("{max = 2}", "title: More\nrun: rm -rf .", "left out, because a proposal may not set it: run"),
    ],
)
def test_what_becomes_of_a_proposal_is_told_beforehand(tmp_path: Path, children: str, front: str, says: str) -> None:
    """By the rules by which it is filed."""
    assert says in desk(tmp_path, children).proposed("more", f"---\n{front}\n---\nx\n")


def test_what_would_not_be_filed_is_refused(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(Refused, match=r"not filed: more: .*review"):
        desk(tmp_path).proposed("more", "---\ntask: review\n---\nx\n")


def test_how_long_a_person_is_waited_for_the_fleet_says(tmp_path: Path) -> None:
    """In seconds."""
    found = desk(tmp_path)
    assert isinstance(found, LedgerRunDesk)
    assert found.answer_seconds == 45.0
