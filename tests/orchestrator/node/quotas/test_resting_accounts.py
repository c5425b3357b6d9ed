"""Does an account that rests hold up what needs none of it: other missions, a node's own claims, open choices?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from missions.lease import ClaimState
from missions.mission import Mission, Status
from missions.selection import NodeCapabilities
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.node import mission_turns
from orchestrator.node.executor import CancelToken, StopReason
from orchestrator.node.quotas.quota_book import QuotaBook
from orchestrator.workflow.assignment.eligibility import Eligibility
from tests.ledgers import FLEET, Scripted, Town, Working, working

RULES = FLEET.format(trust="remote") + "[quotas]\njitter_seconds = 0\n"
ASKS = "---\nagent: {}\n---\nDo it.\n"


def node(town: Town, folder: Path, *, boot: str = "boot-1", rests: str = "claude") -> Working:
    """A node with two agents, the account of one of which is used up."""
    peer = town.peer("desk", boot=boot)
    book = QuotaBook(node="desk", now=town.clock)
    window = QuotaWindow(kind="five_hour", resets_at=town.clock() + timedelta(hours=5), exhausted=True)
    for each in filter(None, rests.split()):
        book.note(peer.ledger().charter, each, [window])
    agents = {name: Scripted(name=name) for name in ("claude", "codex", "builtin")}
    return working(peer, folder / boot, agents=agents, offered=frozenset(agents), quota=book)


def worked(found: Working, agent: str) -> list[str]:
    """What an agent was given."""
    return [job.mission.name for job in found.executor.agents[agent].jobs]  # type: ignore[attr-defined]


def test_what_waits_for_an_account_holds_up_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of it than a node compares, and all of it heavier: the one for another account is done."""
    monkeypatch.setattr(mission_turns, "MAX_COMPARED", 4)
    files = {f"missions/m{number:02}.md": ASKS.format("claude") for number in range(20)}
    files |= {f"missions/k{number:02}.md": ASKS.format("codex") for number in range(3)}
    desk = node(Town({"fleet.toml": RULES, **files}), tmp_path)
    desk.settle(rounds=60)
    assert sorted(worked(desk, "codex")) == ["k00", "k01", "k02"]
    assert worked(desk, "claude") == []
    assert any("m00: the five_hour window of claude@desk is used up until" in words for _, words in desk.told)


@pytest.mark.parametrize("agent", ["claude", "[claude, gemini]"])
def test_a_node_that_was_started_again_lets_go_of_what_its_account_cannot_do(tmp_path: Path, agent: str) -> None:
    """Nobody else takes over from a node that beats: its own claim is put back, unasked; only the attempt that was
    cut off counts."""
    town = Town({"fleet.toml": RULES, "missions/m.md": f"---\nagent: {agent}\nmax_retries: 2\n---\nDo it.\n"})
    town.peer("desk", boot="boot-0").hold("m")
    desk = node(town, tmp_path)
    desk.settle()
    ledger = desk.peer.ledger()
    assert (ledger.claims, ledger.open["m"].mission.status) == ({}, Status.QUEUED)
    assert ledger.open["m"].mission.attempt == 1
    assert worked(desk, "claude") == []


def test_an_agent_that_was_found_is_kept_when_its_account_closes_at_once(tmp_path: Path) -> None:
    """Between the look and the start: what is worked on names an agent, and never `auto`."""
    town = Town({"fleet.toml": RULES, "missions/m.md": ASKS.format("[claude, codex]")})
    ledger = town.peer("desk").ledger()
    book = QuotaBook(node="desk", now=town.clock)
    offer = NodeCapabilities(node="desk", role="LOCAL_WORKER", agents=frozenset({"claude"}))
    found = Eligibility(offer=offer, closed=book.closed)
    mission = ledger.open["m"].mission
    assert found.fits(ledger, mission)
    window = QuotaWindow(kind="five_hour", resets_at=town.clock() + timedelta(hours=5), exhausted=True)
    book.note(ledger.charter, "claude", [window])
    assert not found.fits(ledger, mission)
    assert found.won(ledger, mission).mission.agent == "claude"


@pytest.mark.parametrize(("capabilities", "state"), [("", "queued"), ("weak", "parked")])
def test_another_agent_is_one_that_may_do_the_mission(tmp_path: Path, capabilities: str, state: str) -> None:
    """Where a person is to be asked: an agent that is too weak for work on code is none to go on with."""
    rules = RULES.replace("[quotas]", '[quotas]\nmode = "park"')
    town = Town({"fleet.toml": rules, "missions/m.md": "---\nagent: auto\n---\nDo it.\n"})
    desk = node(town, tmp_path, rests="")
    names = frozenset({"claude", "codex"})
    tasks = frozenset({"coding_task"}) if capabilities else frozenset({"general_task"})
    offer = NodeCapabilities(node="desk", role="worker", agents=names, tasks=tasks)
    held, ledger = desk.peer.hold("m"), desk.peer.ledger()
    window = QuotaWindow(kind="five_hour", resets_at=town.clock() + timedelta(hours=5), exhausted=True)

    def does(_job: AgentJob, _stop: Stop) -> Outcome:
        return Outcome(ok=False, summary="No.", parked="quota: limit", windows=(window,), out_of_quota=True)

    desk.executor.agents["claude"].does = does  # type: ignore[attr-defined]
    mission = replace(ledger.open["m"].mission, agent="claude", chosen_agent="claude")
    executor = replace(desk.executor, offer=offer)
    found = executor.attempt(ledger, mission, held.claim, CancelToken(), ())
    assert found.state.value == {"queued": "released"}.get(state, state)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (StopReason.STOPPING, ClaimState.RELEASED),
        (StopReason.FENCED, ClaimState.RELEASED),
        (StopReason.PAUSED, ClaimState.PARKED),
        (StopReason.CANCELLED, ClaimState.CANCELLED),
    ],
)
def test_a_stop_during_a_release_is_no_failure(tmp_path: Path, reason: str, state: ClaimState) -> None:
    """The node was stopped, or a person said something, just when the window turned the work away."""
    town = Town({"fleet.toml": RULES, "missions/m.md": ASKS.format("claude")})
    desk = node(town, tmp_path, rests="")
    stop = CancelToken()

    def does(_job: AgentJob, _stop: Stop) -> Outcome:
        stop.stop(reason)
        return Outcome(ok=False, summary="Put back.", released=True)

    desk.executor.agents["claude"].does = does  # type: ignore[attr-defined]
    held, ledger = desk.peer.hold("m"), desk.peer.ledger()
    mission: Mission = ledger.open["m"].mission
    assert desk.executor.attempt(ledger, mission, held.claim, stop, ()).state is state
