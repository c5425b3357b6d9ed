"""Does a chat see a ledger that is new enough, and wait for the Git server only when it must?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

import pytest

from orchestrator.chat.ledger_cache import FRESH_SECONDS, STALE_SECONDS, LedgerCache
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import RemoteUnreachable
from tests.ledgers import Ticks
from tests.waiting import PATIENCE, until


@dataclass
class Source:
    """A ledger that says how often it was looked at, and can be held up or cut off."""

    looks: int = 0
    offline: str = ""
    cut: bool = False
    free: threading.Event = field(default_factory=threading.Event)

    def ledger(self) -> LedgerSnapshot:
        """The number of this look: what is passed on is what was read, whatever it is."""
        assert self.free.wait(PATIENCE)
        self.looks += 1
        if self.cut:
            raise RemoteUnreachable("line", "cut")
        return cast(LedgerSnapshot, self.looks)


@pytest.fixture
def source() -> Source:
    """One that answers at once."""
    made = Source()
    made.free.set()
    return made


@pytest.fixture
def ticks() -> Ticks:
    """Seconds that stand."""
    return Ticks()


@pytest.fixture
def cache(source: Source, ticks: Ticks) -> LedgerCache:
    """Nothing was seen yet."""
    return LedgerCache(fleet=lambda: source, clock=ticks)


def test_the_first_view_is_waited_for_and_then_used(cache: LedgerCache, source: Source, ticks: Ticks) -> None:
    """As long as it is new, nobody asks again."""
    assert cache() == (1, "")
    ticks.at += FRESH_SECONDS - 0.1
    assert cache() == (1, "")
    assert source.looks == 1


def test_an_older_view_is_used_and_renewed_beside(cache: LedgerCache, source: Source, ticks: Ticks) -> None:
    """By one look, however many ask meanwhile; the message is not held up by it."""
    cache()
    ticks.at += FRESH_SECONDS
    source.free.clear()
    assert [cache() for _ in range(5)] == [(1, "")] * 5
    source.free.set()
    until(lambda: cache() == (2, ""), "the new view")
    assert source.looks == 2


def test_a_very_old_view_is_waited_for(cache: LedgerCache, ticks: Ticks) -> None:
    """It may be a day old: nobody answers from that."""
    cache()
    ticks.at += STALE_SECONDS
    assert cache() == (2, "")


def test_a_server_that_is_away_is_said(cache: LedgerCache, source: Source) -> None:
    """The ledger is what was last seen, with why."""
    source.offline = "cannot reach line"
    assert cache() == (1, "cannot reach line: this is what was last seen")


def test_a_look_that_fails_beside_keeps_what_was_seen(cache: LedgerCache, source: Source, ticks: Ticks) -> None:
    """Every answer says why it is old, until it can be read again."""
    cache()
    source.cut = True
    ticks.at += FRESH_SECONDS
    cache()
    until(lambda: "cannot be read" in cache()[1], "the failure is said")
    assert cache()[0] == 1
    source.cut = False
    ticks.at += FRESH_SECONDS
    cache()
    until(lambda: cache() == (3, ""), "the new view")


def test_a_ledger_that_was_never_read_is_an_error(cache: LedgerCache, source: Source) -> None:
    """And the next one who asks tries again."""
    source.cut = True
    with pytest.raises(RemoteUnreachable):
        cache()
    source.cut = False
    assert cache() == (2, "")


def test_the_fleet_is_opened_once(source: Source, ticks: Ticks) -> None:
    """It keeps processes and files open."""
    opened: list[int] = []

    def fleet() -> Source:
        opened.append(1)
        return source

    cache = LedgerCache(fleet=fleet, clock=ticks)
    for _ in range(3):
        cache.look()
    assert opened == [1]
