"""The quota night: does a queue get through windows that end and begin anew, with nothing lost and nothing wasted?

The vendors are stand-ins on a virtual clock. What they say is read by what reads the real ones: Claude's events by its
adapter, OpenAI's answers by a run's line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from missions.mission import Status
from missions.selection import NodeCapabilities
from orchestrator.adapters.agents.claude import ClaudeOutputParser
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.core.roles import Role
from orchestrator.execution.egress.long_waits import LongWaits
from orchestrator.execution.programs.port import ErrorKind
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.node.executor import CancelToken
from orchestrator.node.quotas.quota_book import QuotaBook
from tests.ledgers import FLEET, Clock, Peer, Scripted, Town, Working, working

ACCOUNTS = (
    '[accounts.team-max]\nagents = ["claude"]\n[accounts.plus]\nagents = ["codex"]\n[quotas]\njitter_seconds = 60\n'
)


@dataclass
class Vendor:
    """A maker whose window lasts some hours, in which an account may make so many calls."""

    clock: Clock
    hours: float
    many: int
    used: int = 0
    ends: datetime | None = None
    windows: int = 0
    refused: list[datetime] = field(default_factory=list)
    """By each call that it turned away: the end of the window."""

    def ask(self) -> bool:
        """One call; whether it is answered."""
        now = self.clock()
        if self.ends is None or now >= self.ends:
            self.ends, self.used, self.windows = now + timedelta(hours=self.hours), 0, self.windows + 1
        if self.used >= self.many:
            self.refused.append(self.ends)
            return False
        self.used += 1
        return True

    @property
    def end(self) -> int:
        """Seconds since 1970 at which its window begins anew."""
        assert self.ends is not None
        return int(self.ends.timestamp())


def claude_windows(vendor: Vendor, clock: Clock, *, answered: bool) -> tuple[QuotaWindow, ...]:
    """What Claude Code's event comes to."""
    told = {"status": "allowed" if answered else "rejected", "resetsAt": vendor.end, "rateLimitType": "five_hour"}
    five = {"utilization": vendor.used / vendor.many, "resetsAt": vendor.end, "status": told["status"]}
    parser = ClaudeOutputParser(now=clock)
    parser.take(
        json.dumps({"type": "rate_limit_event", "rate_limit_info": told | {"unifiedWindows": {"five_hour": five}}})
    )
    return parser.told(0).windows


def codex_windows(vendor: Vendor, clock: Clock, *, answered: bool) -> tuple[QuotaWindow, ...]:
    """What the heads and the body of OpenAI's answer come to."""
    used, line = str(100 * vendor.used // vendor.many), LongWaits(clock=lambda: 0.0)
    heads = {"used-percent": used, "window-minutes": str(int(vendor.hours * 60)), "reset-at": str(vendor.end)}
    line.answered("openai", 200 if answered else 429, {f"x-codex-primary-{k}": v for k, v in heads.items()}, clock())
    if not answered:
        line.turned_away(
            json.dumps({"error": {"type": "usage_limit_reached", "resets_at": vendor.end}}).encode(), clock()
        )
    return line.windows


Windows = Callable[..., tuple[QuotaWindow, ...]]


def agent_of(vendor: Vendor, windows: Windows, clock: Clock, name: str) -> Scripted:
    """An agent that asks its vendor once for each attempt."""

    def does(_job: AgentJob, _stop: Stop) -> Outcome:
        answered = vendor.ask()
        found = windows(vendor, clock, answered=answered)
        if answered:
            return Outcome(ok=True, summary="Done.", answer="42", windows=found)
        why = f"{ErrorKind.QUOTA}: You've hit your limit"
        return Outcome(ok=False, summary="No answer.", error=why, parked=why, windows=found, out_of_quota=True)

    return Scripted(does=does, name=name)


@dataclass(kw_only=True)
class Night:
    """Nodes that share two vendors' accounts, on one virtual clock."""

    town: Town
    claude: Vendor
    codex: Vendor
    nodes: list[Working]

    def round(self) -> None:
        """Each node does what it can now."""
        for node in self.nodes:
            node.settle(rounds=400)

    def pass_time(self, minutes: float) -> None:
        """Nothing but time."""
        self.town.clock.forward(minutes * 60)
        for node in self.nodes:
            node.ticks.at += minutes * 60

    @property
    def peer(self) -> Peer:
        """Who looks."""
        return self.nodes[0].peer


def night(files: dict[str, str], folder: Path, *, rules: str = ACCOUNTS, nodes: int = 2, many: int = 12) -> Night:
    """The fleet at dusk."""
    town = Town({"fleet.toml": FLEET.format(trust="remote") + rules, **files})
    clock = town.clock
    claude, codex = Vendor(clock, hours=5, many=many), Vendor(clock, hours=3, many=many - 3)
    found: list[Working] = []
    for name in [f"n{number}" for number in range(nodes)]:
        peer, home = town.peer(name), folder / name
        book = QuotaBook(node=name, now=clock, path=home / "quotas.json")
        agents = {
            "claude": agent_of(claude, claude_windows, clock, "claude"),
            "codex": agent_of(codex, codex_windows, clock, "codex"),
        }
        node = working(peer, home, agents=agents, offered=frozenset(agents), quota=book)
        node.node.page = NodePagePublisher(
            bus=peer.bus,
            reader=peer.reader,
            offer=NodeCapabilities(node=name, role="LOCAL_WORKER", agents=frozenset(agents)),
            role=Role.LOCAL_WORKER,
            tell=lambda *_words, **_facts: None,
            clock=node.ticks,
            spent=lambda _since: [],
            quotas=book.told,
        )
        node.node.page.announce()
        found.append(node)
    return Night(town=town, claude=claude, codex=codex, nodes=found)


def queue(number: int, agent: str) -> dict[str, str]:
    """So many missions for an agent, or for the first of a list that may work."""
    return {f"missions/m{each:03}.md": f"---\nagent: {agent}\n---\nDo it.\n" for each in range(number)}


def ends(found: Night) -> dict[str, tuple[Status, int]]:
    """Each mission that is over, with its attempts."""
    return {
        name: (over.mission.status, over.mission.attempt)
        for name in (f"m{each:03}" for each in range(90))
        if (over := found.peer.ledger().archived(name)) is not None
    }


def get_through(found: Night, number: int) -> float:
    """Lets nights pass until all is done; returns the hours."""
    began = found.town.clock()
    for _ in range(200):
        found.round()
        if len(ends(found)) == number:
            return (found.town.clock() - began).total_seconds() / 3600
        found.pass_time(20)
    raise AssertionError(f"{number - len(ends(found))} missions are left: {sorted(found.peer.ledger().open)}")


@pytest.mark.parametrize("number", [30, pytest.param(90, marks=pytest.mark.nightly)])
def test_a_queue_gets_through_the_night(tmp_path: Path, number: int) -> None:
    """Two nodes, two vendors, windows that end and begin anew: all done, none lost, no attempt counted that met a
    window, nothing sent to an account by a node that it had turned away, or within an hour of another's word."""
    found = night(queue(number, "[claude, codex]"), tmp_path, many=12 if number == 90 else 7)
    hours = get_through(found, number)
    assert set(ends(found).values()) == {(Status.DONE, 1)}
    for vendor in (found.claude, found.codex):
        assert vendor.windows > 1, "no window ended in that night"
        asked = Counter(vendor.refused).values()
        assert max(asked, default=0) <= len(found.nodes), "an account was asked that was known to be used up"
    assert hours < 24
    jobs = [job for node in found.nodes for agent in node.executor.agents.values() for job in agent.jobs]  # type: ignore[attr-defined]
    refused = len(found.claude.refused) + len(found.codex.refused)
    assert len(jobs) == number + refused


def test_one_vendor_alone_is_waited_for(tmp_path: Path) -> None:
    """A mission that names one agent goes to no other; people are told why it waits, and until when."""
    found = night(queue(4, "claude"), tmp_path, nodes=1, many=3)
    found.round()
    assert len(ends(found)) == 3
    waiting = found.peer.ledger().open
    assert [(each.mission.status, each.mission.attempt) for each in waiting.values()] == [(Status.QUEUED, 0)]
    assert any(
        "the five_hour window of team-max is used up until 2026-11-21 17:" in words for _, words in found.nodes[0].told
    )
    assert found.codex.windows == 0
    get_through(found, 4)
    assert len(found.claude.refused) == 1


def test_a_fleet_that_wants_a_person_parks_what_has_no_other_agent(tmp_path: Path) -> None:
    """With `mode = "park"` a list goes on to its next agent; the last one's window parks the mission, as no attempt."""
    rules = ACCOUNTS.replace("jitter_seconds = 60", 'mode = "park"')
    found = night(queue(8, "[claude, codex]"), tmp_path, rules=rules, nodes=1, many=5)
    found.round()
    assert len(ends(found)) == 7
    ((left,), ledger) = (found.peer.ledger().open.values(), found.peer.ledger())
    assert ledger.charter.quotas.mode == "park"
    assert (left.mission.status, left.mission.attempt) == (Status.PARKED, 0)
    assert (left.mission.reason or "").startswith("quota: ")


def test_switched_off_a_window_parks_its_mission_as_before(tmp_path: Path) -> None:
    """Nothing of accounts is followed: every mission meets the window itself, and waits for a person."""
    rules = ACCOUNTS.replace("jitter_seconds = 60", 'mode = "off"')
    found = night(queue(5, "claude"), tmp_path, rules=rules, nodes=1, many=3)
    found.round()
    assert len(found.claude.refused) == 2
    assert {each.mission.status for each in found.peer.ledger().open.values()} == {Status.PARKED}


def test_words_close_no_account(tmp_path: Path) -> None:
    """An agent whose answer, or whose error, says that a limit is reached: the one is an answer, the other waits for a
    person, and the next mission is worked on."""
    found = night(queue(3, "claude"), tmp_path, nodes=1, many=99)
    says = "limit reached: the five_hour window of team-max is used up, resets at 3am (UTC)"

    def does(job: AgentJob, _stop: Stop) -> Outcome:
        if job.mission.name == "m001":
            return Outcome(ok=False, summary="No answer.", error=says, parked=f"quota: {says}")
        return Outcome(ok=True, summary=says, answer=says)

    found.nodes[0].executor.agents["claude"].does = does  # type: ignore[attr-defined]
    found.round()
    assert ends(found) == {"m000": (Status.DONE, 1), "m002": (Status.DONE, 1)}
    assert found.peer.ledger().open["m001"].mission.status is Status.PARKED
    assert "quota_closed" not in found.peer.text("heartbeats/n0.md")


def test_a_node_that_was_started_again_still_knows(tmp_path: Path) -> None:
    """Its book is on its disk: the first thing that it does is not to ask in vain."""
    found = night(queue(5, "claude"), tmp_path, nodes=1, many=3)
    found.round()
    again = QuotaBook(node="n0", now=found.town.clock, path=tmp_path / "n0" / "quotas.json")
    assert set(again.closed(found.peer.ledger())) == {"claude"}


def test_what_was_claimed_before_the_window_closed_is_put_back_unasked(tmp_path: Path) -> None:
    """Another node's page told of it between the claim and the start: no call is made, no attempt counted."""
    found = night(queue(1, "claude"), tmp_path, nodes=1)
    node, clock = found.nodes[0], found.town.clock
    assert node.executor.quota is not None
    held = node.peer.hold("m000")
    ledger = node.peer.ledger()
    window = QuotaWindow(kind="five_hour", resets_at=clock() + timedelta(hours=1), exhausted=True)
    node.executor.quota.note(ledger.charter, "claude", [window])
    ended = node.executor.attempt(ledger, ledger.open["m000"].mission, held.claim, CancelToken(), ())
    assert (ended.outcome.released, ended.state.value) == (True, "released")
    assert ended.outcome.summary.startswith("Not started: the five_hour window of team-max is used up")
    assert found.claude.windows == 0
