"""What do the tests of the stores share? Every one of them runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mobile_bridge.operations import Operation

from orchestrator.adapters.database.engine import Database, open_database
from orchestrator.adapters.database.factory import open_stores
from orchestrator.core.ports.stores import Stores
from tests.databases import Server

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = int(NOON.timestamp() * 1000)
"""Noon in milliseconds: later than the stamps of `operation`."""
NUMBERS = itertools.count(1)


def operation(
    device: str, seq: int, *, wall: int = 0, value: Any = "x", entity: str = "note/n", **more: Any
) -> Operation:
    """Something that a device says in a list, or sets with `kind="set"`."""
    hlc = f"{wall or seq:015d}-00000-{device}"
    words = {"kind": "append", "field": "text", **more}
    return Operation(device=device, seq=seq, hlc=hlc, entity=entity, value=value, **words)


@dataclass
class Clock:
    """A clock that moves by a second whenever it is read, and when it is told to."""

    moment: datetime = NOON

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database that a test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def brought_up_postgresql(postgresql_server: Server) -> Iterator[str]:
    """The name of a PostgreSQL database of today's schema, of which others are copies."""
    with postgresql_server.database("brought_up") as url:
        open_database(url).close()
        yield "brought_up"


@pytest.fixture
def template_of(backend: str, request: pytest.FixtureRequest) -> str:
    """What a new database begins with; a module about the schema's steps says: nothing."""
    return str(request.getfixturevalue("brought_up_postgresql")) if backend == "postgresql" else ""


@pytest.fixture
def new_url(
    backend: str, template_of: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes URLs of databases without a row."""
    opened = []

    def make() -> str:
        name = f"db{next(NUMBERS)}"
        if backend == "sqlite":
            return f"sqlite:///{tmp_path}/{name}/shiftbook.db"
        server: Server = request.getfixturevalue("postgresql_server")
        context = server.database(name, template=template_of)
        opened.append(context)
        return context.__enter__()

    yield make
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """A database without a row."""
    return new_url()


@pytest.fixture
def clock() -> Clock:
    """The clock of the stores."""
    return Clock()


@pytest.fixture
def stores(url: str, clock: Clock) -> Iterator[Stores]:
    """All stores, in an empty database."""
    ids = itertools.count(1)
    opened = open_stores(url, now=clock, new_id=lambda: f"id-{next(ids)}")
    yield opened
    opened.close()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The database behind `stores`."""
    opened = open_database(url)
    yield opened
    opened.close()
