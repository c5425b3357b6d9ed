"""Facts about the outbox that is looked at alone: the same parcels as among all stores, and nothing made for a look."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.adapters.database.plain.outbox_file import is_unmade, open_outbox
from orchestrator.app import wiring
from orchestrator.core.errors import GlobalStateRefused, WrongSetting
from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.core.state_scope import DatabaseUser
from tests.databases import brought_up

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WORKER = DatabaseUser(node="desk", role=Role.LOCAL_WORKER)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A worker whose database has one parcel that failed and one that waits."""
    made = Settings(home=tmp_path, node_id="desk", role=Role.LOCAL_WORKER)
    brought_up(made)
    stores = wiring.stores(made)
    for key in ("one", "two"):
        assert stores.outgoing.put(OutboxItem(key=key, kind="notice", body={"says": key}), NOW)
    stores.outgoing.failed("one", "no way there", None)
    stores.close()
    return made


def test_it_says_what_all_stores_say(settings: Settings) -> None:
    """Both parcels, with the error of the one that was given up."""
    stores = wiring.stores(settings)
    wanted = stores.outgoing.listing()
    stores.close()
    with wiring.outbox(settings) as found:
        assert found is not None
        assert found.listing() == wanted
    assert [(each.key, each.error) for each in wanted] == [("one", "no way there"), ("two", "")]


def test_nothing_is_made_to_look_at_it(tmp_path: Path) -> None:
    """A machine on which no node ever ran has no outbox, and has none after the look."""
    bare = Settings(home=tmp_path / "home")
    assert is_unmade(bare.store_url)
    with wiring.outbox(bare) as found:
        assert found is None
    assert not (tmp_path / "home").exists()


def test_a_file_that_is_not_up_to_date_is_for_all_stores(tmp_path: Path) -> None:
    """What is no database of this version is left to whoever brings it up to date, or says what is wrong with it."""
    damaged = tmp_path / "shiftbook.db"
    damaged.write_bytes(b"this is no database at all, whatever it is called")
    with pytest.raises(WrongSetting, match="not an SQLite database"), wiring.outbox(Settings(home=tmp_path)):
        pass
    assert damaged.read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://h/d", "sqlite:////x/a.db?timeout=3"])
def test_other_databases_are_for_all_stores(url: str, settings: Settings) -> None:
    """They are neither unmade nor opened here; all stores are closed when the look is over."""
    assert not is_unmade(url)
    opened, ended = wiring.stores(settings), []
    watched = replace(opened, close=lambda: ended.append(url) or opened.close())
    with open_outbox(url, WORKER, otherwise=lambda: watched) as found:
        assert found is watched.outgoing
        assert ended == []
    assert ended == [url]


def test_headquarters_database_is_not_a_workers(settings: Settings) -> None:
    """As when all stores are opened."""
    chief = settings.model_copy(update={"role": Role.HEADQUARTERS, "node_id": "hq"})
    wiring.stores(chief).close()
    with pytest.raises(GlobalStateRefused), wiring.outbox(settings):
        pass


def test_the_look_loads_no_sqlalchemy() -> None:
    """The module itself names none of what SQLAlchemy or the page's operations take to load."""

    line = "import sys, orchestrator.adapters.database.plain.outbox_file; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & {"sqlalchemy", "pydantic", "mobile_bridge", "orchestrator.core.ports.model"} == set()
