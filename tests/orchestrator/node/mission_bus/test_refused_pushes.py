"""One mission or result that the remote refuses keeps nothing else from the ledger, and is not lost without a word."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from missions.mission import Status
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.mission_bus import ReceivedResult
from orchestrator.ledger.transport import CLAIM
from orchestrator.node.mission_bus.push_parts import MAX_REFUSALS, push_in_parts
from sync.errors import PushRefused, RemoteUnreachable
from sync.objects import load_commit
from sync.remote import PushVerdict, RefUpdate
from tests.buses import envelope, result
from tests.orchestrator.node.mission_bus.test_recorder import Fleet, fleet
from tests.waiting import PATIENCE, until

__all__ = ["fleet"]


@dataclass
class Refuser:
    """Pushes of numbers, of which a remote refuses some."""

    bad: frozenset[int] = frozenset()
    words: str = "no such thing here"
    done: list[int] = field(default_factory=list)
    pushes: int = 0

    def __call__(self, part: Sequence[int]) -> bool:
        """All of them or none."""
        self.pushes += 1
        if self.bad & set(part):
            raise PushRefused("refs/heads/main", self.words)
        self.done += part
        return True


@pytest.mark.parametrize("bad", [{0}, {199}, {77}, {3, 150}, set()])
def test_what_is_refused_stands_alone(bad: set[int]) -> None:
    """Everything else goes through, in its order, with few pushes."""
    remote = Refuser(frozenset(bad))
    refused, left = push_in_parts(list(range(200)), remote)
    assert sorted(item for item, _ in refused) == sorted(bad)
    assert remote.done == [number for number in range(200) if number not in bad]
    assert left == []
    assert remote.pushes <= 1 + len(bad) * 20
    assert all("no such thing here" in why for _, why in refused)


def test_a_remote_that_refuses_everything_says_nothing_about_any() -> None:
    """A token that is over is nobody's fault: nothing is given up, and the remote is not asked two hundred times."""
    remote = Refuser(frozenset(range(200)))
    with pytest.raises(PushRefused):
        push_in_parts(list(range(200)), remote)
    assert remote.pushes <= MAX_REFUSALS
    with pytest.raises(PushRefused):
        push_in_parts([1], remote)


def test_a_host_that_wants_fewer_pushes_gets_no_more() -> None:
    """It is asked once."""
    remote = Refuser(frozenset({1}), "too many pushes: rate limit exceeded")
    with pytest.raises(PushRefused):
        push_in_parts([0, 1, 2], remote)
    assert remote.pushes == 1


def test_many_that_are_refused_take_several_rounds() -> None:
    """A round has a bound; what was not tried comes with the next."""
    remote, items = Refuser(frozenset(range(0, 64, 4))), list(range(64))
    found: list[int] = []
    for _ in range(16):
        refused, left = push_in_parts(items, remote)
        found += [item for item, _ in refused]
        items = left
        if not items:
            break
    assert sorted(found) == sorted(remote.bad)
    assert sorted(remote.done) == [number for number in range(64) if number % 4]


def test_a_refusal_counts_when_it_comes_twice() -> None:
    """A hook that had no time once is no word about a mission."""
    first = [True]
    done: list[int] = []

    def push(part: Sequence[int]) -> bool:
        if 1 in part and (len(part) > 1 or first):
            if len(part) == 1:
                first.clear()
            raise PushRefused("refs/heads/main", "the hook had no time")
        done.extend(part)
        return True

    assert push_in_parts([0, 1, 2], push) == ([], [])
    assert sorted(done) == [0, 1, 2]


@dataclass
class RefusingRemote:
    """A remote with a hook: `refuses` says why an update is declined, empty where it is not."""

    inner: Any
    refuses: Callable[[RefUpdate], str]

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Declines, or pushes."""
        for update in updates:
            if why := self.refuses(update):
                raise PushRefused(update.ref, why)
        found: Mapping[str, PushVerdict] = self.inner.push(updates, atomic=atomic)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def refuse_filing(fleet: Fleet, *names: str) -> None:
    """The remote takes no commit that files one of these."""

    def refuses(update: RefUpdate) -> str:
        message = load_commit(fleet.person.bus.store, update.new or "").message
        return "a secret was found" if any(f"Delegated: {name} " in message for name in names) else ""

    fleet.person.line.remote = RefusingRemote(fleet.person.line.remote, refuses)


def test_a_mission_that_the_remote_refuses_is_dead_and_the_others_are_filed(fleet: Fleet) -> None:
    """Its producer reads the server's words."""
    for number in range(9):
        fleet.bus.publish(envelope(f"m{number}"), 1)
    refuse_filing(fleet, "m4")
    fleet.recorder.step()
    assert sorted(fleet.hq.ledger().open) == [f"m{number}" for number in range(9) if number != 4]
    ((text, why),) = fleet.bus.dead_letters
    assert json.loads(text)["job_id"] == "m4"
    assert "a secret was found" in why


def test_a_remote_that_takes_nothing_kills_nothing_and_results_are_recorded(fleet: Fleet) -> None:
    """Filing is refused whole: results still come through, and the requests stay."""
    fleet.bus.publish(envelope("done"), 1)
    fleet.recorder.step()
    fleet.work()
    fleet.bus.publish(envelope("a"), 1)
    fleet.bus.publish(envelope("b"), 1)
    refuse_filing(fleet, "a", "b")
    with pytest.raises(PushRefused):
        fleet.recorder.step()
    assert fleet.recorder.recorded == 1
    assert fleet.bus.dead_letters == []
    assert len(fleet.bus.requests(10)) == 2


def test_a_result_waits_for_its_mission_that_cannot_be_filed_yet(fleet: Fleet) -> None:
    """The remote takes nothing for a while: what was done meanwhile is nobody's only when nothing waits to be filed."""
    free = fleet.person.line.remote
    fleet.bus.publish(envelope("a"), 1)
    refuse_filing(fleet, "a")
    fleet.work(found="gold")
    for _ in range(4):
        with pytest.raises(PushRefused):
            fleet.recorder.step()
    assert (fleet.recorder.refused, len(fleet.unsettled())) == (0, 1)
    fleet.person.line.remote = free
    fleet.recorder.step()
    fleet.recorder.step()
    assert fleet.recorder.recorded == 1
    fleet.hq.fold()
    assert '"found": "gold"' in fleet.hq.archived("a")


def test_a_result_that_the_remote_refuses_is_told_and_kept(fleet: Fleet) -> None:
    """The others are recorded; its mission ends as failed with the server's words, its words lie with the dead."""
    for number in range(5):
        fleet.bus.publish(envelope(f"m{number}"), 1)
    fleet.recorder.step()
    fleet.work(said="hush")
    refused: list[str] = []

    def refuses(update: RefUpdate) -> str:
        """The record itself is what the hook does not like, so a failure of the same mission goes through."""
        if update.ref == f"{CLAIM}m2" and len(refused) < 4:
            refused.append(update.ref)
            return "a secret was found"
        return ""

    fleet.hq.line.remote = RefusingRemote(fleet.hq.line.remote, refuses)
    fleet.recorder.step()
    assert fleet.recorder.recorded == 5
    ends = fleet.hq.fold().missions
    assert ends.pop("m2") is Status.DEAD
    assert set(ends.values()) == {Status.DONE}
    assert "a secret was found" in fleet.person.text("missions/m2.md")
    ((text, why),) = fleet.bus.dead_letters
    assert "hush" in text
    assert "a secret was found" in why
    assert fleet.unsettled() == []


def test_a_surprise_ends_no_recorder(fleet: Fleet) -> None:
    """It is told, and the next round goes on; so does trouble with the bus and with the remote."""
    fleet.bus.publish(envelope("a"), 1)
    surprises: list[Exception] = [
        ZeroDivisionError("no way"),
        BusUnavailable("bus", "away"),
        RemoteUnreachable("line", "cut"),
    ]
    requests = fleet.bus.requests

    def surprising(count: int) -> Any:
        if surprises:
            raise surprises.pop(0)
        return requests(count)

    fleet.bus.requests = surprising  # type: ignore[method-assign]
    over = threading.Event()
    thread = threading.Thread(target=fleet.recorder.run, args=(over,))
    thread.start()
    until(lambda: "a" in fleet.town.peer("eye").ledger().open or not thread.is_alive())
    over.set()
    thread.join(PATIENCE)
    assert "ZeroDivisionError: no way" in fleet.told()
    assert "a" in fleet.hq.ledger().open


def test_a_wrong_result_before_a_right_one_does_not_hide_it(fleet: Fleet) -> None:
    """Both are of one name and in one batch: what the ledger takes is recorded, the other one told."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    fleet.work(found="gold")
    (right,) = fleet.bus.results(10)
    wrong = ReceivedResult(entry="0-1", body=result("a"), key="another", worker="v")
    fleet.bus._results = {"0-1": wrong, right.entry: right}
    fleet.recorder.step()
    assert (fleet.recorder.recorded, fleet.recorder.refused) == (1, 1)
    assert "the result of another mission of that name" in fleet.told()
    fleet.hq.fold()
    assert '"found": "gold"' in fleet.hq.archived("a")
