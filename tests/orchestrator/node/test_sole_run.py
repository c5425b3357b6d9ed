"""Of two nodes under one name, does the later one stop, and does the earlier one go on?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.core.errors import Refused
from orchestrator.node.sole_run import require_alone
from sync.heartbeat import Beat
from tests.ledgers import FLEET, Town, working

REF = "refs/shiftbook/beat/n1"
FAST = FLEET.format(trust="remote").replace("beat_seconds = 10", "beat_seconds = 0.2")


def beat_of(town: Town, home: Path) -> Beat:
    """The beat of a machine with this home."""
    home.mkdir(exist_ok=True)
    peer = town.peer("n1")
    return Beat(peer.bus.remote, peer.bus.store, REF, notes=home / "beat")


def looks(beat: Beat, meanwhile: Callable[[], object] = lambda: None) -> int:
    """How often it waited before it began. Raises Refused."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        meanwhile()

    require_alone(beat, "n1", interval=60, wait=wait, stopped=lambda: len(waits) > 50, tell=lambda *_a, **_k: None)
    return len(waits)


def test_nobody_waits_for_a_beat_of_their_own(tmp_path: Path) -> None:
    """Neither at the first start nor after a crash, whose last beat may or may not have arrived."""
    town = Town()
    first = beat_of(town, tmp_path / "a")
    assert looks(first) == 0
    first.move()
    assert looks(beat_of(town, tmp_path / "a")) == 0
    before = town.server.refs[REF]
    first.move()
    town.server.refs[REF] = before
    assert looks(beat_of(town, tmp_path / "a")) == 0


def test_a_second_machine_under_the_name_stops_before_it_beats(tmp_path: Path) -> None:
    """The first one beats on while the second looks."""
    town = Town()
    first = beat_of(town, tmp_path / "a")
    looks(first)
    first.move()
    with pytest.raises(Refused, match="another node runs under the name n1"):
        looks(beat_of(town, tmp_path / "b"), first.move)
    assert first.move()


def test_a_beat_that_was_left_behind_is_waited_for_once(tmp_path: Path) -> None:
    """The machine that made it is gone: after one and a half beats the node works."""
    town = Town()
    first = beat_of(town, tmp_path / "a")
    looks(first)
    first.move()
    second = beat_of(town, tmp_path / "b")
    assert looks(second) == 6
    assert second.move()


class Meanwhile(threading.Event):
    """What a node waits for; whenever it does, something else happens."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    def wait(self, timeout: float | None = None) -> bool:
        """Waits, after that."""
        self.act()
        return super().wait(timeout)


def test_a_node_that_is_not_alone_neither_beats_nor_says_that_it_is_ready(tmp_path: Path) -> None:
    """Its whole run: it ends before anything of it is seen, and the other's next beat finds all as it was."""
    town = Town({"fleet.toml": FAST})
    other = beat_of(town, tmp_path / "a")
    other.start()
    other.move()
    found, begun = working(town.peer("n1"), tmp_path), []
    found.node.heartbeat.beat.notes = tmp_path / "none"
    found.node.ended = Meanwhile(other.move)
    with pytest.raises(Refused):
        found.node.run(lambda: begun.append(True))
    assert not begun
    assert other.move()
