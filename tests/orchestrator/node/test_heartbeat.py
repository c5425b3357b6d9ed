"""Does a node notice that its beats were interrupted, and does it stop beating when its loop hangs?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.rounds.loop_progress import LoopProgress
from sync.heartbeat import Beat
from tests.ledgers import Ticks, Town

REF = "refs/shiftbook/beat/n1"


@dataclass
class Fenced:
    """Work that notes when it was told to stop, and whether the heartbeat counted as fenced then."""

    heartbeat: Heartbeat | None = None
    seen: list[bool] = field(default_factory=list)

    def fence(self) -> None:
        """Stops."""
        assert self.heartbeat is not None
        self.seen.append(self.heartbeat.fenced)


@dataclass
class Node:
    """A heartbeat with what it works for."""

    heartbeat: Heartbeat
    work: Fenced
    ticks: Ticks
    told: list[str]


@pytest.fixture
def node() -> Node:
    """Its first beat was accepted at 1000 s; a lease is 30 s, a beat 10 s, a round may take 300 s."""
    peer, work, ticks, told = Town().peer("n1"), Fenced(), Ticks(), []
    heartbeat = Heartbeat(
        Beat(peer.bus.remote, peer.bus.store, REF),
        clock=ticks,
        work=work,
        progress=LoopProgress(ticks),
        tell=lambda _event, words, **_facts: told.append(words),
    )
    work.heartbeat = heartbeat
    heartbeat.follow(BusPart(beat_seconds=10, lease_beats=3))
    heartbeat.beat.start()
    heartbeat._once()
    heartbeat.progress.completed()
    return Node(heartbeat=heartbeat, work=work, ticks=ticks, told=told)


@pytest.mark.parametrize(("late", "breaks"), [(10.0, 0), (23.9, 0), (24.1, 1), (45.0, 1)])
def test_a_beat_after_a_gap_of_almost_a_lease_is_a_break(node: Node, late: float, breaks: int) -> None:
    """A process that stood still beats again at once, and looks unfenced from then on; what it held is doubtful."""
    node.ticks.at += late
    node.heartbeat._once()
    assert (node.heartbeat.heartbeat_gaps, len(node.work.seen), node.heartbeat.fenced) == (breaks, breaks, False)


def test_work_is_told_to_stop_before_the_new_beat_counts(node: Node) -> None:
    """Else the node's loop could start something between the two."""
    node.ticks.at += 60
    node.heartbeat._once()
    assert node.work.seen == [True]


def test_a_loop_that_hangs_is_told_once_and_so_is_its_return(node: Node) -> None:
    """However often the heartbeat looks; a round that is completed in time is nothing to tell."""
    for _ in range(3):
        node.ticks.at += 299
        assert not node.heartbeat._loop_stalls()
        node.heartbeat.progress.completed()
    node.ticks.at += 301
    assert all(node.heartbeat._loop_stalls() for _ in range(3))
    node.heartbeat.progress.completed()
    assert not any(node.heartbeat._loop_stalls() for _ in range(3))
    assert [words.partition(":")[0] for words in node.told] == [
        "no round of the node's loop was completed for 5 min",
        "the node's loop completes its rounds again",
    ]


def double_of(node: Node) -> Beat:
    """Somebody who beats at the same ref."""
    remote, store = node.heartbeat.beat.remote, node.heartbeat.beat.store
    found = Beat(remote, store, REF)
    found.start()
    return found


def test_of_two_under_one_name_the_later_one_stops(node: Node) -> None:
    """It has beaten once when it finds out; the earlier one says so, and goes on however often that happens."""
    node.heartbeat._once()
    for _ in range(3):
        later = double_of(node)
        assert later.move()
        node.heartbeat._once()
        assert not node.heartbeat.duplicate_node
        assert not later.move()
    assert all("SHIFTBOOK_NODE_ID" in words for words in node.told)
    assert node.told


def test_a_node_that_has_just_begun_is_the_later_one(node: Node) -> None:
    """After its first beat it cannot have been here first."""
    double_of(node).move()
    node.heartbeat._once()
    assert node.heartbeat.duplicate_node


def test_a_node_that_slept_through_its_lease_is_the_later_one(node: Node) -> None:
    """Somebody else may have begun under its name, and found nobody there."""
    node.heartbeat._once()
    double_of(node).move()
    node.ticks.at += 60
    node.heartbeat._once()
    assert node.heartbeat.duplicate_node


def test_losing_a_race_against_a_double_again_is_no_beat(node: Node) -> None:
    """It is tried again at the next one, and the fence closes if that goes on."""
    node.heartbeat._once()
    other = double_of(node)
    other.move()
    start = node.heartbeat.beat.start

    def late() -> None:
        start()
        other.move()

    node.heartbeat.beat.start = late  # type: ignore[method-assign]  # between the look and the push
    node.ticks.at += 20
    node.heartbeat._once()
    assert not node.heartbeat.duplicate_node
    node.ticks.at += 5
    assert node.heartbeat.fenced


# -- with its threads, in real time -----------------------------------------------------------------------------------


@dataclass
class Beating:
    """A heartbeat that runs: it beats ten times a second, a lease is a second, a round may take half of one."""

    heartbeat: Heartbeat
    town: Town
    jobs: RunningJobs
    told: list[str]

    def beat(self) -> str | None:
        """Where the beat stands."""
        return self.town.peer("reader").bus.remote.fetch().get(REF)

    def until(self, what: str, test: object, seconds: float = 60) -> None:
        """Waits."""
        over = time.monotonic() + seconds
        while not test():  # type: ignore[operator]
            assert time.monotonic() < over, what
            time.sleep(0.02)


@pytest.fixture
def beating() -> Iterator[Beating]:
    """One that was just started."""
    town, told, jobs = Town(), [], RunningJobs()
    peer = town.peer("n1")
    heartbeat = Heartbeat(
        Beat(peer.bus.remote, peer.bus.store, REF),
        clock=time.monotonic,
        work=jobs,
        progress=LoopProgress(time.monotonic, bound=0.5),
        tell=lambda _event, words, **_facts: told.append(words),
    )
    heartbeat.interval, heartbeat.lease = 0.1, 1.0
    heartbeat.start()
    yield Beating(heartbeat=heartbeat, town=town, jobs=jobs, told=told)
    heartbeat.stop()


def test_a_hung_loop_lets_go_of_its_work_and_beats_again_when_it_moves(beating: Beating) -> None:
    """The beat stands still, so that others take over, the fence closes, and both end with the next round."""
    loop = threading.Event()

    def rounds() -> None:
        while not loop.wait(0.05):
            beating.heartbeat.progress.completed()

    thread = threading.Thread(target=rounds)
    thread.start()
    stood = beating.beat()
    beating.until("it beats while the loop moves", lambda: beating.beat() != stood)
    loop.set()
    thread.join()
    beating.until("it is fenced when the loop hangs", lambda: beating.heartbeat.fenced)
    beating.until("the gap is counted", lambda: beating.heartbeat.heartbeat_gaps >= 1)
    stood = beating.beat()
    time.sleep(0.5)
    assert beating.beat() == stood
    assert len(beating.told) == 1
    beating.heartbeat.progress.completed()
    beating.until("it beats again", lambda: beating.beat() != stood)
    assert not beating.heartbeat.fenced
