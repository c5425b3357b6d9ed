"""Does a node notice that its beats were interrupted, and does it stop beating when its loop hangs?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.rounds.loop_progress import LoopProgress
from sync.heartbeat import Beat
from tests.ledgers import Ticks, Town
from tests.waiting import until

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


def test_a_surprise_in_a_beat_does_not_end_the_beating(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told; the lease runs on as after any beat that failed, and the next one counts."""
    with monkeypatch.context() as patched:
        patched.setattr(node.heartbeat.beat, "move", lambda: {}["ok"])
        node.ticks.at += 10
        node.heartbeat._try()
        assert node.told == ["a beat could not be made, a mistake of this node: KeyError('ok')"]
    node.ticks.at += 10
    node.heartbeat._try()
    assert (node.heartbeat.trouble, node.heartbeat.fenced, node.heartbeat.heartbeat_gaps) == ("", False, 0)


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


# -- with its threads --------------------------------------------------------------------------------------------------


@dataclass
class Beating:
    """A heartbeat that runs: it beats as often as it can. A lease is a second of the test's clock, and a round may take
    half of one."""

    heartbeat: Heartbeat
    ticks: Ticks
    town: Town
    told: list[str]

    def beat(self) -> str | None:
        """Where the beat stands."""
        return self.town.peer("reader").bus.remote.fetch().get(REF)

    def beats(self) -> None:
        """Waits for a beat that was begun from here on: the next one may be under way."""
        before = self.heartbeat._beats
        until(lambda: self.heartbeat._beats >= before + 2, "it beats")


@pytest.fixture
def beating() -> Iterator[Beating]:
    """One that was just started."""
    town, told, ticks = Town(), [], Ticks()
    peer = town.peer("n1")
    heartbeat = Heartbeat(
        Beat(peer.bus.remote, peer.bus.store, REF),
        clock=ticks,
        work=RunningJobs(),
        progress=LoopProgress(ticks, bound=0.5),
        tell=lambda _event, words, **_facts: told.append(words),
    )
    heartbeat.interval, heartbeat.lease = 0.01, 1.0
    heartbeat.start()
    yield Beating(heartbeat=heartbeat, ticks=ticks, town=town, told=told)
    heartbeat.stop()


def test_a_hung_loop_lets_go_of_its_work_and_beats_again_when_it_moves(beating: Beating) -> None:
    """The beat stands still, so that others take over, the fence closes, and both end with the next round."""
    heartbeat, ticks = beating.heartbeat, beating.ticks
    for _ in range(3):
        ticks.at += 0.4
        heartbeat.progress.completed()
        stood = beating.beat()
        beating.beats()
        assert beating.beat() != stood
    assert beating.told == []
    ticks.at += 0.6
    until(lambda: beating.told, "it is told when the loop hangs")
    assert not heartbeat.fenced
    stood = beating.beat()
    ticks.at += 0.4
    assert heartbeat.fenced
    counted = heartbeat.heartbeat_gaps
    until(lambda: heartbeat.heartbeat_gaps > counted + 10, "the gap is counted, round by round")
    assert beating.beat() == stood
    assert len(beating.told) == 1
    heartbeat.progress.completed()
    until(lambda: beating.beat() != stood, "it beats again")
    until(lambda: not heartbeat.fenced, "and is fenced no more")
    assert len(beating.told) == 2
