"""Facts about headquarters' state at a worker: when it is asked for, how long it counts, and who is believed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.core.errors import StoreFailed
from orchestrator.node.headquarters.shared_reader import SharedStateReader
from orchestrator.node.headquarters.state_cache import StateCache
from orchestrator.workflow.delegation.shared_state import MAX_STATE_BYTES, TTL_SECONDS, SharedState, read_shared_state

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def words(**more: Any) -> dict[str, Any]:
    """What headquarters answers."""
    return {"hq": "hq", "as_of": "2026-11-21T12:00:00Z", "nodes": [], "devices_out": [], **more}


@dataclass
class Hearing:
    """A worker's reader, with what headquarters would answer, a clock, and what came of it."""

    home: Path
    answers: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200, json=words())
    now: datetime = NOON
    asked: list[httpx.Request] = field(default_factory=list)
    applied: list[SharedState] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = StateCache(home=self.home)
        self.restart()

    def restart(self) -> None:
        """The process begins anew, with what is on the disk."""
        self.reader = SharedStateReader(
            url="http://hq.example/",
            cache=self.cache,
            apply=self.apply,
            tell=lambda _, line, **__: self.told.append(line),
            now=lambda: self.now,
        )

    def apply(self, state: SharedState) -> tuple[str, ...]:
        self.applied.append(state)
        return ()

    def refresh(self) -> bool:
        def answer(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self.answers(request)

        with httpx.Client(transport=httpx.MockTransport(answer)) as client:
            done = self.reader.refresh(client, {"Authorization": "Bearer sbk_x"})
        if self.cache.path.exists():
            os.utime(self.cache.path, (self.now.timestamp(),) * 2) if done else None
        return done


@pytest.fixture
def hearing(tmp_path: Path) -> Hearing:
    return Hearing(tmp_path)


def test_it_is_asked_at_the_start_and_when_it_is_old(hearing: Hearing) -> None:
    """Once in its time to live; at the start of a process whatever there is."""
    assert hearing.refresh()
    assert hearing.asked[0].url.path == "/api/v1/factory/shared-state"
    assert hearing.asked[0].headers["Authorization"] == "Bearer sbk_x"
    hearing.now += timedelta(seconds=TTL_SECONDS - 1)
    assert not hearing.refresh()
    hearing.now += timedelta(seconds=2)
    assert hearing.refresh()
    hearing.restart()
    assert hearing.refresh()
    assert len(hearing.asked) == len(hearing.applied) == 3


def test_what_was_said_is_there_without_headquarters(hearing: Hearing) -> None:
    """Over a restart, too; how old it is is known, and nobody else may read it."""
    node = {"node": "nas", "state": "live", "received": "2026-11-21T11:59:00Z", "works_on": 1}
    hearing.answers = lambda _: httpx.Response(200, json=words(nodes=[node]))
    assert hearing.refresh()
    hearing.restart()
    hearing.answers = lambda _: httpx.Response(503)
    hearing.now += timedelta(hours=1)
    assert not hearing.refresh()
    kept = hearing.cache.load()
    assert kept is not None
    assert [each.node for each in kept.state.nodes] == ["nas"]
    assert not kept.is_fresh(hearing.now)
    assert stat.S_IMODE(hearing.cache.path.stat().st_mode) == 0o600
    assert "it answered 503; what it said before counts on" in hearing.told[-1]


def test_a_clock_that_was_put_back_makes_nothing_new(hearing: Hearing) -> None:
    """What was read "in the future" is asked for again."""
    assert hearing.refresh()
    hearing.now -= timedelta(days=1)
    assert hearing.refresh()


def test_headquarters_wins(hearing: Hearing) -> None:
    """A newer word replaces all of the last one, also one of a headquarters that went back to a backup."""
    hearing.answers = lambda _: httpx.Response(200, json=words(devices_out=["a", "b"]))
    hearing.refresh()
    hearing.now += timedelta(seconds=TTL_SECONDS)
    hearing.answers = lambda _: httpx.Response(200, json=words(as_of="2026-11-20T12:00:00Z", devices_out=["c"]))
    hearing.refresh()
    kept = hearing.cache.load()
    assert kept is not None
    assert kept.state.devices_out == {"c"}
    assert [each.devices_out for each in hearing.applied] == [{"a", "b"}, {"c"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"hq": "hq", "as_of": "yesterday"}',
        b'{"hq": "hq", "as_of": "2026-11-21T12:00:00"}',
        b'{"hq": "hq", "as_of": "2026-11-21T12:00:00Z", "nodes": [{"node": 7}]}',
        b'{"hq": "' + b"x" * 101 + b'", "as_of": "2026-11-21T12:00:00Z"}',
        b"[" * 100_000,
        b"\xff\xfe",
        b" " * (MAX_STATE_BYTES + 1),
    ],
    ids=["empty", "list", "nothing", "no-moment", "no-zone", "wrong-node", "long-name", "deep", "no-utf8", "too-large"],
)
def test_what_is_no_state_changes_nothing(hearing: Hearing, body: bytes) -> None:
    """Whatever the server at that address answers, the cache stays, and the worker goes on."""
    hearing.refresh()
    before = hearing.cache.path.read_bytes()
    hearing.restart()
    hearing.answers = lambda _: httpx.Response(200, content=body)
    assert not hearing.refresh()
    assert hearing.cache.path.read_bytes() == before
    assert len(hearing.applied) == 1
    hearing.cache.path.write_bytes(body)
    assert hearing.cache.load() is None


def test_a_database_that_fails_has_it_asked_again(hearing: Hearing) -> None:
    """What headquarters said is not taken for done until it is."""

    def fail(_: SharedState) -> tuple[str, ...]:
        raise StoreFailed("here", "the disk is full", passing=True)

    hearing.reader.apply = fail
    assert not hearing.refresh()
    assert "the disk is full" in hearing.told[-1]
    assert hearing.cache.load() is None
    hearing.restart()
    assert hearing.refresh()
    assert len(hearing.asked) == 2


def test_an_older_word_stays_what_counts_until_the_new_one_is_done(hearing: Hearing) -> None:
    """`doctor` and `fleet registered` show no device as shut out that still comes in."""
    assert hearing.refresh()
    hearing.now += timedelta(seconds=TTL_SECONDS)
    hearing.answers = lambda _: httpx.Response(200, json=words(devices_out=["lost"]))
    hearing.reader.apply = lambda _: (_ for _ in ()).throw(StoreFailed("here", "locked", passing=True))
    assert not hearing.refresh()
    kept = hearing.cache.load()
    assert kept is not None
    assert not kept.state.devices_out
    assert not kept.is_fresh(hearing.now)


def test_a_later_version_may_say_more() -> None:
    """What this one does not know is passed over; moments are read in any zone."""
    found = read_shared_state(json.dumps(words(as_of="2026-11-21T14:00:00+02:00", budget={"usd": 1})).encode())
    assert found.as_of == NOON
