"""Facts about commands that are not told where their node's database is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.app.backups import backup
from orchestrator.app.database_place import NOTE, noted_server
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.state_checks import check_database
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.settings import Settings
from tests import program
from tests.databases import Server


@pytest.fixture
def url(postgresql_server: Server) -> Iterator[str]:
    """An empty database at a server."""
    with postgresql_server.database("placed") as url:
        yield url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Headquarters' home, that of a process which sees no credential."""
    monkeypatch.delenv("SHIFTBOOK_DATABASE_URL", raising=False)
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def credentialled(home: Path, url: str) -> Settings:
    """The settings of the node's unit: systemd has loaded the URL for it."""
    with pytest.MonkeyPatch.context() as patch:
        load_credential(patch, home, url)
        return load_settings(home=home)


def load_credential(patch: pytest.MonkeyPatch, home: Path, url: str) -> None:
    """Has this process be what systemd starts with the credential."""
    folder = home.parent / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / "shiftbook_SHIFTBOOK_DATABASE_URL").write_text(url)
    patch.setenv("CREDENTIALS_DIRECTORY", str(folder))


def test_the_database_of_a_credential_is_noted_without_its_address(home: Path, url: str) -> None:
    """For nobody else to read, once, and with neither user nor password."""
    wiring.stores(credentialled(home, url)).close()
    assert noted_server(home).startswith("placed at 127.0.0.1")
    assert "//" not in (home / NOTE).read_text()
    assert (home / NOTE).stat().st_mode & 0o777 == 0o600
    before = (home / NOTE).stat().st_mtime_ns
    wiring.stores(credentialled(home, url)).close()
    assert (home / NOTE).stat().st_mtime_ns == before


def test_a_command_that_is_not_told_makes_no_second_database(home: Path, url: str) -> None:
    """One line, exit code 2, the next step; nothing lies in the home that was not there."""
    wiring.stores(credentialled(home, url)).close()
    before = sorted(home.iterdir())
    environment = {**os.environ, "SHIFTBOOK_HOME": str(home)}
    for words in (("token", "new", "x"), ("device", "list"), ("backup", str(home.parent))):
        done = program.run(*words, env=environment, cwd=home.parent)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), words
        assert "placed at 127.0.0.1" in done.stderr
        assert "credentials" in done.stderr
    assert sorted(home.iterdir()) == before
    assert check_database(load_settings(home=home)).health is CheckStatus.BROKEN


def test_the_backup_is_of_the_database_at_the_server(home: Path, url: str, tmp_path: Path) -> None:
    """With the credential its rows are saved, and the note is not: where it is put back, the database may be SQLite."""
    settings = credentialled(home, url)
    stores = wiring.stores(settings)
    stores.tokens.add("laptop", "digest", ["look"])
    stores.close()
    saved = backup.save(settings, tmp_path, lambda _done, _of: None)
    assert saved.rows
    assert f"home/{NOTE}" not in {part.name for part in saved.manifest.parts}
    assert not (home / "shiftbook.db").exists()


def test_a_restore_that_is_not_told_is_refused_before_anything_changes(
    home: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have put headquarters' rows into SQLite, beside the database that the node goes on with."""
    settings = credentialled(home, url)
    saved = backup.save(settings, tmp_path, lambda _done, _of: None)
    with pytest.raises(WrongSetting, match=r"does not see the address.*moves it into this home"):
        backup.restore(load_settings(home=home), saved.path, lambda _done, _of: None, force=True)
    assert noted_server(home)
    load_credential(monkeypatch, home, url)
    assert backup.restore(settings, saved.path, lambda _done, _of: None, force=True).database.startswith("placed at")


def test_a_node_that_went_back_to_sqlite_says_so_by_deleting_the_note(home: Path, url: str) -> None:
    """The line names the file."""
    wiring.stores(credentialled(home, url)).close()
    with pytest.raises(WrongSetting, match=NOTE):
        wiring.stores(load_settings(home=home))
    (home / NOTE).unlink()
    wiring.stores(load_settings(home=home)).close()
    assert (home / "shiftbook.db").is_file()


def test_a_backup_of_headquarters_makes_no_database_to_save(home: Path, tmp_path: Path) -> None:
    """Also where nothing was noted yet: an archive without a row would push good ones out."""
    with pytest.raises(Refused, match="no backup was made: there is no database"):
        backup.save(load_settings(home=home), tmp_path, lambda _done, _of: None)
    assert [*home.iterdir()] == []
