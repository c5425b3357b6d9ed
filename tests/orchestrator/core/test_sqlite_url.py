"""Facts about URLs of SQLite files: whatever a folder is called, its database lies in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator.app import wiring
from orchestrator.app.backups import backup
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_file, sqlite_url

ODD = ["b%41", "100%", "what?", "a?b=c", "h#z", "é ü", "@:+", "%3F"]


@pytest.mark.parametrize("name", ODD)
def test_sqlalchemy_reads_the_very_path(name: str) -> None:
    """And so does this program; nothing of it becomes an option."""
    path = Path("/srv") / name / "a.db"
    assert make_url(sqlite_url(path)).database == str(path)
    assert not make_url(sqlite_url(path)).query
    assert sqlite_file(sqlite_url(path)) == path


def test_what_is_another_database_is_no_file() -> None:
    """A server's has none; options are no part of a name."""
    assert sqlite_file("postgresql://h/d") is None
    assert sqlite_file("sqlite:////x/a.db?timeout=3") == Path("/x/a.db")


@pytest.mark.parametrize("name", ["b%41", "what?"])
def test_a_home_with_an_odd_name_has_its_database_in_it(tmp_path: Path, name: str) -> None:
    """It is made there, saved from there and put back there, and nothing appears beside it."""
    settings = Settings(home=tmp_path / name / "home", node_id="desk")
    settings.home.mkdir(parents=True)
    stores = wiring.stores(settings)
    stores.tokens.add("laptop", "digest", ["look"])
    stores.close()
    assert (settings.home / "shiftbook.db").is_file()
    saved = backup.save(settings, tmp_path / name, lambda _done, _of: None)
    assert [part.name for part in saved.manifest.parts] == ["database.db"]
    backup.restore(settings, saved.path, lambda _done, _of: None, force=True)
    stores = wiring.stores(settings)
    assert [each.name for each in stores.tokens.listing()] == ["laptop"]
    stores.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
