"""Is a stretched lease known to others before its holder relies on it, and never relied on after it was shortened?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.lease import LeaseWatch
from orchestrator.app.doctor import ledger_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.ledger.node_pages import LastSeenStore, list_presences
from orchestrator.ledger.transport import CLAIM, LOG
from orchestrator.node.heartbeat import LEASE_MARGIN_SHARE, Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.policy.push_allowance import PushAllowance, beat_load, beat_stretch, fleet_load, is_rate_limited
from sync.errors import PushRefused, RemoteUnreachable
from sync.heartbeat import MAX_STRETCH, Beat, announced_stretch
from sync.remote import PushVerdict, RefUpdate
from tests.ledgers import ROOT, Peer, Ticks, Town, working

REF = "refs/shiftbook/beat/n1"
BUS = BusPart(beat_seconds=10, lease_beats=3)


@dataclass
class Holder:
    """A node that beats when it is told, on a clock that both share; and one that watches it."""

    town: Town = field(default_factory=Town)
    ticks: Ticks = field(default_factory=Ticks)
    watch: LeaseWatch = field(default_factory=lambda: LeaseWatch(lease=BUS.lease, roof=1e9))

    def __post_init__(self) -> None:
        self.peer, self.other = self.town.peer("n1"), self.town.peer("n2")
        self.heart = Heartbeat(
            Beat(self.peer.bus.remote, self.peer.bus.store, REF),
            clock=self.ticks,
            work=RunningJobs(),
            progress=LoopProgress(self.ticks),
            tell=lambda *_words, **_facts: None,
        )
        self.heart.follow(BUS)
        self.heart.beat.start()
        self.beat(1)

    def beat(self, stretch: int, *, lost: bool = False, unheard: bool = False) -> None:
        """One beat that announces this; its push, or the answers to it, may get lost."""
        self.heart.follow(BUS, stretch=stretch)
        self.peer.line.lose_pushes, self.peer.line.lose_answers = 3 * lost, 3 * unheard
        self.peer.line.cut_after_push = False
        self.heart._try()
        self.peer.line.lose_pushes = self.peer.line.lose_answers = 0

    def look(self) -> bool:
        """The other one fetches; whether it would take over what this one holds."""
        here = self.other.bus.remote.fetch()[REF]
        self.watch.longer = {"m": BUS.lease * announced_stretch(self.other.bus.store, here)}
        self.watch.observe({"m": here}, self.ticks())
        return bool(self.watch.expired(["m"]))


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 40),
        st.sampled_from(["beat", "lost", "unheard", "look", "look"]),
        st.sampled_from([1, 2, 5]),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_nobody_takes_over_from_a_node_that_relies_on_its_lease(steps: list[tuple[float, str, int]]) -> None:
    """However beats of different lengths get lost on the way there or back."""
    holder = Holder()
    holder.look()
    for seconds, what, stretch in steps:
        holder.ticks.at += seconds
        if what == "look":
            assert not holder.look() or holder.heart.fenced
        else:
            holder.beat(stretch, lost=what == "lost", unheard=what == "unheard")


def cut_off(holder: Holder) -> None:
    """The answer to the beat that is pushed next is lost, and the line is cut with it."""
    holder.peer.line.cut_after_push = True
    holder.heart._try()
    holder.peer.line.cut = True


def test_a_shorter_lease_counts_from_a_beat_that_may_have_arrived() -> None:
    """Its answer was lost with the line: the holder stops before a lease has passed since it was sent."""
    holder = Holder()
    holder.beat(5)
    holder.ticks.at += 20
    holder.heart.follow(BUS, stretch=1)
    holder.peer.line.lose_answers = 1
    cut_off(holder)
    holder.look()
    holder.ticks.at += BUS.lease
    assert holder.look()
    assert holder.heart.fenced


def test_a_longer_lease_counts_when_the_server_has_taken_the_beat() -> None:
    """Not when it was only sent."""
    holder = Holder()
    holder.beat(5, lost=True)
    holder.ticks.at += BUS.lease
    assert holder.heart.fenced
    other = Holder()
    other.beat(5)
    other.ticks.at += 4 * BUS.lease * (1 - LEASE_MARGIN_SHARE)
    assert not other.heart.fenced
    assert other.heart._pause() == 5 * BUS.beat_seconds


def test_others_wait_as_long_as_the_beat_says(tmp_path: Path) -> None:
    """A whole node: it takes nothing over within the stretched lease of a holder that fell silent, and then does."""
    town = Town({"missions/m.md": "Do it.\n"})
    gone = town.peer("gone")
    gone.hold("m")
    beat = Beat(gone.bus.remote, gone.bus.store, "refs/shiftbook/beat/gone")
    beat.stretch = 4
    beat.start()
    assert beat.move()
    found = working(town.peer("n1"), tmp_path)
    looks = stepped(found.step, found.ticks, lambda: bool(found.agent.jobs))
    assert 4 * BUS.lease <= looks <= 4 * BUS.lease + 15


def stepped(step: Callable[[], object], ticks: Ticks, until: Callable[[], bool]) -> float:
    """Rounds five seconds apart until something is so; after how many seconds."""
    began = ticks.at
    while not until():
        assert ticks.at < began + 1000
        step()
        ticks.at += 5
    return ticks.at - 5 - began


@pytest.mark.parametrize(
    ("text", "stretch"),
    [
        (b"shiftbook beat 7\n", 1),
        (b"shiftbook beat 7 of 12\n", 12),
        (b"shiftbook beat 7 of 9999\n", MAX_STRETCH),
        (b"shiftbook beat 7 of 0\n", 1),
        (b"shiftbook beat 7 of 99999\n", 1),
        (b"a thousand years\n", 1),
        (b"x" * 100_000, 1),
    ],
)
def test_what_a_beat_may_say_is_bounded(text: bytes, stretch: int) -> None:
    """A hostile node holds what it has for sixty leases at most, and what cannot be read says nothing."""
    peer: Peer = Town().peer("n1")
    assert announced_stretch(peer.bus.store, peer.bus.store.put("blob", text)) == stretch
    assert announced_stretch(peer.bus.store, "f" * 40) == 1


@given(st.floats(0.5, 3600), st.floats(0.1, 1000), st.integers(1, 2000))
def test_beats_take_half_of_what_the_host_allows(beat: float, allowed: float, nodes: int) -> None:
    """As far as they may be stretched; without a limit they stay as they are."""
    bus = BusPart(beat_seconds=beat, pushes_a_minute=allowed)
    stretch = beat_stretch(bus, nodes)
    assert beat_stretch(BusPart(beat_seconds=beat), nodes) == 1
    assert 1 <= stretch <= MAX_STRETCH
    assert stretch == 1 or beat * stretch <= 3600
    load = beat_load(bus, [stretch] * nodes)
    assert load is not None
    assert load.share <= 0.5001 or stretch == max(1, min(MAX_STRETCH, int(3600 / beat)))


def test_people_are_told_how_near_the_limit_the_beats_are() -> None:
    """From what the beats themselves say; a fleet without a limit is told nothing."""
    town = Town({"fleet.toml": ROOT["fleet.toml"].replace("[trust]", "pushes_a_minute = 6\n[trust]")})
    for name, stretch in (("n1", 1), ("n2", 2)):
        peer = town.peer(name)
        beat = Beat(peer.bus.remote, peer.bus.store, f"refs/shiftbook/beat/{name}")
        beat.stretch = stretch
        beat.start()
        assert beat.move()
    (check,) = ledger_checks.check_pushes(town.peer("ada").ledger())
    assert check.health is CheckStatus.POOR
    assert check.says == (
        "beats of 2 nodes take 9 of the 6 pushes a minute that the host allows (150%): every 20 s, leases last 60 s"
    )
    assert fleet_load(Town().peer("ada").ledger()) is None


def test_refusals_teach_and_are_forgotten() -> None:
    """Each doubles the pauses, a burst counts once, and each hour without one halves them."""
    allowance, bus = PushAllowance(), BusPart()
    assert allowance.stretch(bus, 3, 0.0) == 1
    for now in (0.0, 1.0, 59.0):
        allowance.refused(now)
    assert allowance.stretch(bus, 3, 60.0) == 2
    allowance.refused(61.0)
    assert allowance.stretch(bus, 3, 62.0) == 4
    assert [allowance.stretch(bus, 3, 61.0 + 3600 * hour) for hour in (1, 2, 3)] == [2, 1, 1]


@pytest.mark.parametrize(
    ("error", "limited"),
    [
        (RemoteUnreachable("https://host/x", "The requested URL returned error: 429"), True),
        (PushRefused("refs/x", "remote: You have exceeded a secondary rate limit"), True),
        (RemoteUnreachable("https://host/x", "Too Many Requests"), True),
        (RemoteUnreachable("https://host/x", "could not resolve host"), False),
        (PushRefused("refs/x", "hook declined"), False),
    ],
)
def test_what_a_host_says_of_too_many_pushes_is_understood(error: Exception, limited: bool) -> None:
    """By its words, wherever git passes them on."""
    assert is_rate_limited(error) is limited


def refused() -> None:
    """What a host says whose pushes are used up."""
    raise PushRefused("refs/shiftbook", "remote: You have exceeded a secondary rate limit")


def test_after_a_refusal_results_go_first_and_claims_wait(tmp_path: Path) -> None:
    """What is done is handed back and folded in the next round; nothing new is claimed for a minute."""
    town = Town({"missions/a.md": "Do it.\n", "missions/b.md": "Do it.\n"})
    found = working(town.peer("n1"), tmp_path)
    found.step()
    found.peer.line.before_push.append(refused)
    assert not found.step()
    assert [len(found.agent.jobs), len(found.peer.ledger().claims)] == [1, 1]
    found.settle()
    assert [len(found.agent.jobs), len(list(found.peer.ledger().every_archived()))] == [1, 1]
    found.ticks.at += 59
    found.settle()
    assert len(found.agent.jobs) == 1
    found.ticks.at += 2
    found.settle()
    assert [len(found.agent.jobs), len(list(found.peer.ledger().every_archived()))] == [2, 2]


def test_a_round_hands_back_before_it_claims(tmp_path: Path) -> None:
    """Whatever else waits: the push that may be the last one that the host takes is that of what is done."""
    town = Town({"missions/a.md": "Do it.\n"})
    found = working(town.peer("n1"), tmp_path, slots=2)
    found.step()
    town.peer("ada").push({"missions/b.md": "Do it.\n"})
    pushed: list[set[str]] = []
    push = found.peer.line.push

    def noted(updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        pushed.append({update.ref for update in updates})
        return push(updates, atomic=atomic)

    found.peer.line.push = noted  # type: ignore[method-assign]
    assert found.node.step()
    assert pushed[:2] == [{CLAIM + "a", LOG + "n1"}, {CLAIM + "b"}]


def test_a_result_that_the_host_has_no_push_for_does_not_rest_by_itself(tmp_path: Path) -> None:
    """Unlike one that is refused for what it is; and no other one is tried behind it."""
    town = Town({"missions/a.md": "Do it.\n", "missions/b.md": "Do it.\n"})
    found = working(town.peer("n1"), tmp_path, slots=2)
    found.step()
    pushes = [refused, lambda: pytest.fail("a second push was tried")]
    found.peer.line.before_push.extend(pushes)
    with pytest.raises(PushRefused):
        found.handback.hand_back()
    assert found.peer.line.before_push == pushes[1:]
    found.peer.line.before_push.clear()
    assert len(found.handback.hand_back()) == 2


def unreachable() -> None:
    """The same by HTTP."""
    raise RemoteUnreachable("https://host/x", "The requested URL returned error: 429")


def break_second_push(peer: Peer, error: Callable[[], None]) -> None:
    """One push gets through, the next one does not, and those after it do."""
    push, numbers = peer.line.push, itertools.count(1)

    def limited(updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        if next(numbers) == 2:
            error()
        return push(updates, atomic=atomic)

    peer.line.push = limited  # type: ignore[method-assign]


@pytest.mark.parametrize("error", [refused, unreachable], ids=["refused", "429"])
def test_a_refusal_after_a_result_that_got_through_counts_like_any_other(
    tmp_path: Path, error: Callable[[], None]
) -> None:
    """The first result takes the host's last push: the same round claims nothing, and beats rest longer."""
    town = Town({f"missions/{name}.md": "Do it.\n" for name in "abc"})
    found = working(town.peer("n1"), tmp_path, slots=2)
    found.step()
    assert len(found.agent.jobs) == 2
    break_second_push(found.peer, error)
    assert found.node.step()
    assert len(found.agent.jobs) == 2
    assert found.node.heartbeat.allowance.learned == 2
    found.settle()
    assert [len(found.agent.jobs), len(list(found.peer.ledger().every_archived()))] == [2, 2]
    found.ticks.at += 61
    found.settle()
    assert len(list(found.peer.ledger().every_archived())) == 3


def test_a_node_beats_as_a_fleet_that_says_nothing_until_it_is_told_more() -> None:
    """There is one default, that of fleet.toml."""
    peer = Town().peer("n1")
    beat = Beat(peer.bus.remote, peer.bus.store, REF)
    progress = LoopProgress(Ticks())
    heart = Heartbeat(beat, clock=Ticks(), work=RunningJobs(), progress=progress, tell=lambda *_words, **_facts: None)
    assert (heart.interval, heart.lease) == (BusPart().beat_seconds, BusPart().lease)


def test_a_node_starts_though_its_host_has_no_push_left_for_what_it_brings(tmp_path: Path) -> None:
    """Its last run ended with a result in the outbox: that goes first, once there is a push."""
    town = Town({"missions/a.md": "Do it.\n"})
    working(town.peer("n1"), tmp_path).step()
    again = working(town.peer("n1"), tmp_path)
    again.peer.line.before_push.append(refused)
    again.node.resume()
    assert len(again.peer.ledger().claims) == 1
    assert "rate limit" in again.told[-1][1]
    again.settle()
    assert [len(again.agent.jobs), len(list(again.peer.ledger().every_archived()))] == [0, 1]


def stretched_beat(peer: Peer, stretch: int) -> None:
    """A node's sign of life that says by how much the next one comes later."""
    beat = Beat(peer.bus.remote, peer.bus.store, f"refs/shiftbook/beat/{peer.name}")
    beat.stretch = stretch
    beat.start()
    assert beat.move()


def test_a_node_that_said_it_beats_seldom_is_not_called_stale_before(tmp_path: Path) -> None:
    """By its own lease: of beats that are stretched to forty minutes one may be thirty-nine old."""
    town, seen = Town(), LastSeenStore(tmp_path / "seen.json")
    ada, noon = town.peer("ada"), datetime(2026, 11, 30, 12, tzinfo=UTC)
    for name, stretch in (("often", 1), ("seldom", 60)):
        for _ in range(2):
            stretched_beat(town.peer(name), stretch)
            seen.update(ada.ledger().beats, noon)

    def states(minutes: float) -> list[str]:
        now = noon + timedelta(minutes=minutes)
        ledger = ada.ledger()
        return [one.state for one in list_presences(ledger, seen.update(ledger.beats, now), now)]

    assert BUS.lease * 60 == 1800
    assert states(4) == ["live", "live"]
    assert states(16) == ["offline", "live"]
    assert states(31) == ["offline", "stale"]
    assert states(91) == ["offline", "offline"]
