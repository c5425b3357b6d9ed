"""Are feeds polled beside the node's loop, one after the other, and is what became of them told?"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.core.roles import Role
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.background.feed_polls import FeedPolls
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.feeds.feed_poller import PolledFeed
from orchestrator.workflow.signals.intake import SignalResult
from sync.remote import RefUpdate
from tests.ledgers import NOON, Town
from tests.orchestrator.workflow.heartbeat.turns import OPEN
from tests.waiting import PATIENCE

FEEDS = '[suppliers.a]\nfeed = "https://a.example/"\n[suppliers.b]\nfeed = "https://b.example/"\n[suppliers.plain]\n'


@dataclass
class Poller:
    """Feeds whose answers the test writes."""

    answers: dict[str, PolledFeed] = field(default_factory=dict)
    polled: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def due(self, suppliers: Mapping[str, SupplierPart]) -> list[str]:
        """All that were not polled."""
        return [name for name in sorted(suppliers) if name not in self.polled]

    def poll(self, supplier: str, part: SupplierPart) -> PolledFeed:
        """Polls one."""
        assert part.feed
        self.polled.append(supplier)
        assert self.gate.wait(PATIENCE)
        if supplier not in self.answers:
            raise OSError("no database")
        return self.answers[supplier]


def precedence(name: str = "hq", role: Role = Role.HEADQUARTERS) -> Precedence:
    """A node's place; nobody else is known to live."""
    return Precedence(me=name, role=role, liveness=Liveness())


def test_feeds_are_polled_one_after_the_other_and_told() -> None:
    """The loop goes on meanwhile; a mission is told and wakes the node, a failure is told once, nothing stops it."""
    ledger = Town({"fleet.toml": OPEN + FEEDS}).peer("hq").ledger()
    poller, told, nudged = Poller(), list[tuple[str, str]](), threading.Event()
    poller.answers["a"] = PolledFeed(supplier="a", why="its server answers 500", due=NOON)
    result = SignalResult(id="1", verdict="filed", missions=("signal-b-1",))
    poller.answers["b"] = PolledFeed(supplier="b", results=(result,), due=NOON)

    def tell(event: str, words: str, **_facts: object) -> None:
        told.append((event, words))

    polls = FeedPolls(poller=poller, precedence=precedence(), tell=tell, nudge=nudged.set)
    for _ in range(5):
        polls.step(ledger)
    assert poller.polled == ["a"]
    poller.gate.set()
    assert nudged.wait(PATIENCE)
    polls.close()
    assert poller.polled == ["a", "b"]
    assert told == [("feed", "a: its server answers 500"), ("filed", "signal-b-1: an entry of the feed b")]
    polls.step(ledger)
    assert poller.polled == ["a", "b"]


def test_trouble_is_told_and_nothing_is_done_without_feeds() -> None:
    """Of a database, for instance; a ledger without feeds starts no thread."""
    poller, told = Poller(), list[str]()
    poller.gate.set()

    def tell(_event: str, words: str, **_facts: object) -> None:
        told.append(words)

    polls = FeedPolls(poller=poller, precedence=precedence(), tell=tell, nudge=lambda: None)
    polls.step(Town({"fleet.toml": OPEN + "[suppliers.plain]\n"}).peer("hq").ledger())
    assert polls._thread is None
    polls.step(Town({"fleet.toml": OPEN + FEEDS}).peer("hq").ledger())
    polls.close()
    assert told == ["feeds are not taken in now: OSError: no database"]


@pytest.mark.parametrize(
    ("roles", "polls"),
    [
        ({"hq": Role.HEADQUARTERS, "alone": Role.STANDALONE_NODE}, "hq"),
        ({"alone": Role.STANDALONE_NODE}, "alone"),
        ({"alone": Role.STANDALONE_NODE, "worker": Role.LOCAL_WORKER}, "alone"),
    ],
)
def test_one_node_polls_for_the_fleet(roles: dict[str, Role], polls: str) -> None:
    """Headquarters while it lives, else a standalone node: two of them would file each entry twice."""
    pages = {f"heartbeats/{name}.md": f"---\nrole: {role.value}\n---\n" for name, role in roles.items()}
    peer = Town({"fleet.toml": OPEN + FEEDS} | pages).peer("n")
    beat = peer.bus.store.put("blob", b"shiftbook beat 1\n")
    beats = [RefUpdate(ref=f"refs/shiftbook/beat/{name}", expect=None, new=beat) for name in roles]
    assert set(peer.bus.remote.push(beats).values()) == {"accepted"}
    asked = []
    for name in roles.keys() - {"worker"}:  # which is given no poller at all
        poller = Poller()
        poller.gate.set()
        mine = precedence(name, roles[name])
        here = FeedPolls(poller=poller, precedence=mine, tell=lambda *_a, **_b: None, nudge=lambda: None)
        here.step(peer.ledger())
        here.close()
        asked += [name] if poller.polled else []
    assert asked == [polls]
