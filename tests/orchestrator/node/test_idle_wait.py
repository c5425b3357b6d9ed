"""How often does a node wake between two rounds?"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from orchestrator.node.rounds.idle_wait import POLL_SECONDS, wait_for_work
from tests.ledgers import Town

BRANCH = "refs/heads/main"


@dataclass
class Waits(Event):
    """An event that notes how long it was waited for, and takes no time."""

    asked: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, timeout: float | None = None) -> bool:
        """Notes it."""
        self.asked.append(timeout or 0.0)
        return False


def test_an_idle_node_sleeps_through_its_pause_and_a_busy_one_looks_for_orders() -> None:
    """Once for the whole pause; while something runs once a second, which is what cancelling takes."""
    peer = Town().peer("n1")
    seen = peer.bus.remote.fetch()
    idle, busy = Waits(), Waits()
    wait_for_work(idle, 30.0, busy=lambda: False, remote=peer.bus.remote, branch=BRANCH, seen=seen)
    wait_for_work(busy, 5.0, busy=lambda: True, remote=peer.bus.remote, branch=BRANCH, seen=seen)
    assert idle.asked == [30.0]
    assert busy.asked == [POLL_SECONDS] * 5


def test_a_busy_node_stops_waiting_when_an_order_came() -> None:
    """Something moved on the branch: the next round looks what it is."""
    peer = Town().peer("n1")
    seen = peer.bus.remote.fetch()
    peer.push({"missions/m.md": "Do it.\n"})
    busy = Waits()
    wait_for_work(busy, 5.0, busy=lambda: True, remote=peer.bus.remote, branch=BRANCH, seen=seen)
    assert busy.asked == [POLL_SECONDS]
