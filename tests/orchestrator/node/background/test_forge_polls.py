"""Are forges looked at beside the node's loop, by one node of the fleet, sooner where a webhook came?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.background.forge_polls import ForgePolls
from orchestrator.node.precedence import Precedence
from orchestrator.node.wakeups import FORGE_BELL, FileBell, ring_forges
from sync.remote import RefUpdate
from tests.ledgers import Town
from tests.orchestrator.workflow.heartbeat.turns import OPEN
from tests.waiting import PATIENCE, until

PROJECT = '[projects.site]\nurl = "git@git.example.org:me/site.git"\nforge = "forgejo"\n'


@dataclass
class Turn:
    """Looks whose events the test writes."""

    events: list[tuple[str, str, str]] = field(default_factory=list)
    due: bool = True
    hurried: int = 0
    looked: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def is_due(self, ledger: LedgerSnapshot) -> bool:
        """As the test says."""
        return self.due

    def hurry(self) -> None:
        """Counts."""
        self.hurried += 1

    def look(self, ledger: LedgerSnapshot) -> Iterator[tuple[str, str, str]]:
        """Waits for the test, then tells."""
        self.looked += 1
        assert self.gate.wait(PATIENCE)
        yield from self.events
        if not self.events:
            raise OSError("no database")


def polls_of(turn: Turn, told: list[tuple[str, str]], nudged: threading.Event, **more: object) -> ForgePolls:
    """Headquarters'."""

    def tell(event: str, words: str, **_facts: object) -> None:
        told.append((event, words))

    mine = Precedence(me="hq", role=Role.HEADQUARTERS, liveness=Liveness())
    return ForgePolls(turn=turn, precedence=mine, tell=tell, nudge=nudged.set, **more)  # type: ignore[arg-type]


def test_the_loop_goes_on_meanwhile_and_what_was_done_is_told() -> None:
    """A mission that moved wakes the node; a forge that failed does not."""
    ledger = Town({"fleet.toml": OPEN + PROJECT}).peer("hq").ledger()
    turn, told, nudged = Turn(), list[tuple[str, str]](), threading.Event()
    turn.events = [("forge", "shop: away", ""), ("pull request", "m: opened", "m")]
    polls = polls_of(turn, told, nudged)
    for _ in range(5):
        polls.step(ledger)
    assert (turn.looked, told) == (1, [])
    turn.gate.set()
    assert nudged.wait(PATIENCE)
    polls.close()
    assert told == [("forge", "shop: away"), ("pull request", "m: opened")]
    polls.step(ledger)
    assert turn.looked == 1


def test_trouble_is_told_and_without_a_forge_nothing_is_done() -> None:
    """No thread, no look, where no project is on one; and none where nothing is due."""
    turn, told, nudged = Turn(), list[tuple[str, str]](), threading.Event()
    turn.gate.set()
    polls = polls_of(turn, told, nudged)
    polls.step(Town({"fleet.toml": OPEN}).peer("hq").ledger())
    turn.due = False
    ledger = Town({"fleet.toml": OPEN + PROJECT}).peer("hq").ledger()
    polls.step(ledger)
    assert turn.looked == 0
    turn.due = True
    polls.step(ledger)
    until(lambda: told, "the trouble")
    polls.close()
    assert told == [("forge", "forges are not looked at now: OSError: no database")]
    assert not nudged.is_set()


@pytest.mark.parametrize(("roles", "looks"), [(("hq", "alone"), "hq"), (("alone",), "alone")])
def test_one_node_looks_for_the_fleet(roles: tuple[str, ...], looks: str) -> None:
    """Headquarters while it lives: two would open, say and count everything twice as often."""
    kinds = {"hq": Role.HEADQUARTERS, "alone": Role.STANDALONE_NODE}
    pages = {f"heartbeats/{name}.md": f"---\nrole: {kinds[name].value}\n---\n" for name in roles}
    peer = Town({"fleet.toml": OPEN + PROJECT} | pages).peer("n")
    beat = peer.bus.store.put("blob", b"shiftbook beat 1\n")
    beats = [RefUpdate(ref=f"refs/shiftbook/beat/{name}", expect=None, new=beat) for name in roles]
    assert set(peer.bus.remote.push(beats).values()) == {"accepted"}
    asked = []
    for name in roles:
        turn = Turn()
        turn.gate.set()
        mine = Precedence(me=name, role=kinds[name], liveness=Liveness())
        here = ForgePolls(turn=turn, precedence=mine, tell=lambda *_a, **_b: None, nudge=lambda: None)
        here.step(peer.ledger())
        here.close()
        asked += [name] if turn.looked else []
    assert asked == [looks]


def test_a_webhook_has_everything_looked_at_once(tmp_path: Path) -> None:
    """Once for each ring, also for one that came while the node was away."""
    turn = Turn()
    turn.due = False
    bell = FileBell(tmp_path / FORGE_BELL)
    polls = polls_of(turn, [], threading.Event(), rung=bell.has_rung)
    ledger = Town({"fleet.toml": OPEN + PROJECT}).peer("hq").ledger()
    polls.step(ledger)
    assert turn.hurried == 0
    ring_forges(tmp_path)
    for _ in range(3):
        polls.step(ledger)
    assert turn.hurried == 1
    assert (tmp_path / "nudge").exists()
