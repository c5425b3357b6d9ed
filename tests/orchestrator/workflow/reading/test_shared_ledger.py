"""Is one look at the ledger shared, and is it never older than what its reader must know?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.reading import shared_ledger
from orchestrator.workflow.reading.shared_ledger import SharedLedger
from sync.errors import RemoteUnreachable
from tests.ledgers import Peer, Ticks, Town
from tests.waiting import PATIENCE


@dataclass
class Watched(Fleet):
    """A fleet that counts how often it is asked, and can be held up."""

    asked: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def ledger(self) -> LedgerSnapshot:
        """The ledger, when the gate is open."""
        if self.held is None:
            self.asked += 1
            self.begun.set()
            assert self.gate.wait(PATIENCE)
        return super().ledger()


@dataclass
class Scene:
    town: Town
    ada: Peer
    fleet: Watched
    shared: SharedLedger
    ticks: Ticks
    rang: list[int]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    town = Town({"missions/a.md": "Do it.\n"})
    ada, person = town.peer("ada"), town.peer("person")
    fleet = Watched(
        bus=person.bus,
        reader=person.reader,
        trust=person.trust,
        sightings=LastSeenStore(tmp_path / "seen.json"),
        now=town.clock,
    )
    fleet.gate.set()
    ticks, rang = Ticks(), [0]
    yield Scene(town, ada, fleet, SharedLedger(fleet=lambda: fleet, clock=ticks, moved=lambda: rang[0]), ticks, rang)
    town.close()


def test_many_readers_are_one_look(scene: Scene) -> None:
    """Whoever asks within some seconds gets the same one; a sign, or time, has it renewed."""
    looks = [scene.shared.look() for _ in range(20)]
    assert (len(set(map(id, looks))), scene.fleet.asked) == (1, 1)
    scene.rang[0] += 1
    scene.shared.look()
    scene.ticks.at += shared_ledger.MAX_AGE_SECONDS
    again = scene.shared.look()
    assert (scene.fleet.asked, again.version) == (3, looks[0].version)
    assert again is looks[0], "nothing moved: what was read and worked out stays"


def test_who_can_do_with_an_older_look_gets_it(scene: Scene) -> None:
    """Until it is older than that, or something says that the ledger moved; for others it is as old as ever."""
    first = scene.shared.look()
    scene.ticks.at += 30
    assert scene.shared.look(max_age=31) is first
    assert scene.fleet.asked == 1
    scene.shared.look()
    assert scene.fleet.asked == 2
    scene.ticks.at += 61
    scene.shared.look(max_age=60)
    scene.rang[0] += 1
    scene.shared.look(max_age=60)
    assert scene.fleet.asked == 4


def test_a_new_version_is_another_one(scene: Scene) -> None:
    """Of the branch, and of a claim."""
    first = scene.shared.look()
    scene.ada.push({"missions/b.md": "And this.\n"})
    scene.rang[0] += 1
    second = scene.shared.look()
    assert first.version != second.version
    assert [view.name for view in second.views] == ["a", "b"]


def test_readers_that_come_together_ask_once(scene: Scene) -> None:
    """While one look is on its way, everybody waits for that one."""
    scene.fleet.gate.clear()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(scene.shared.look())) for _ in range(8)]
    for each in threads:
        each.start()
    assert scene.fleet.begun.wait(PATIENCE)
    scene.fleet.gate.set()
    for each in threads:
        each.join(PATIENCE)
    assert (len(found), scene.fleet.asked) == (8, 1)


def test_a_server_that_hangs_holds_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment a reader takes what was last seen; one that has nothing yet is told why."""
    monkeypatch.setattr(shared_ledger, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(shared_ledger, "FIRST_PATIENCE_SECONDS", 0.05)
    scene.fleet.gate.clear()
    with pytest.raises(RemoteUnreachable):
        scene.shared.look()
    scene.fleet.gate.set()
    monkeypatch.setattr(shared_ledger, "FIRST_PATIENCE_SECONDS", 60.0)
    first = scene.shared.look()
    scene.fleet.gate.clear()
    scene.rang[0] += 1
    assert scene.shared.look() is first
    scene.fleet.gate.set()


def test_whoever_changed_something_sees_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a look had begun before the change, and ends after it."""
    monkeypatch.setattr(shared_ledger, "PATIENCE_SECONDS", PATIENCE)
    scene.shared.look()
    scene.fleet.gate.clear()
    scene.fleet.begun.clear()
    scene.rang[0] += 1
    early = threading.Thread(target=scene.shared.look)
    early.start()
    assert scene.fleet.begun.wait(PATIENCE)
    scene.ada.push({"missions/b.md": "And this.\n"})
    scene.shared.expire()
    found: list[list[str]] = []
    late = threading.Thread(target=lambda: found.append([view.name for view in scene.shared.look().views]))
    late.start()
    scene.fleet.gate.set()
    early.join(PATIENCE)
    late.join(PATIENCE)
    assert found == [["a", "b"]]


def test_what_fails_is_told_and_tried_again(scene: Scene) -> None:
    """Without anything seen it raises; later it says that what is shown is old; once it works that is over."""

    def broken() -> Fleet:
        raise RemoteUnreachable("there", "cut")

    shared = replace(scene.shared, fleet=broken)
    with pytest.raises(RemoteUnreachable):
        shared.look()
    first = scene.shared.look()
    scene.fleet.bus.remote.cut = True  # type: ignore[attr-defined]
    scene.rang[0] += 1
    old = scene.shared.look()
    assert ("cut" in old.offline, old.ledger.tip) == (True, first.ledger.tip)
    assert old.version != first.version
    scene.fleet.bus.remote.cut = False  # type: ignore[attr-defined]
    scene.rang[0] += 1
    assert scene.shared.look().offline == ""


def test_a_reader_stays_with_one_moment(scene: Scene) -> None:
    """Whatever moves meanwhile: all its questions are answered from the same ledger, and none asks the server."""
    with scene.shared.reading() as (fleet, look):
        scene.ada.push({"missions/b.md": "And this.\n"})
        asked = scene.fleet.asked
        assert [view.name for view in fleet.missions()] == ["a"]
        assert fleet.ledger() is look.ledger
        assert scene.fleet.asked == asked
