"""Facts about what of a database is opened when: a node that asks for little loads little."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.adapters.database import bring_up, factory
from orchestrator.adapters.database.bring_up import bring_up_apart
from orchestrator.adapters.database.engine_stores import EngineStores, open_engine_stores
from orchestrator.adapters.database.late_stores import LateStores
from orchestrator.adapters.database.plain.sqlite_file import is_up_to_date
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from tests.databases import Server, brought_up


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that is up to date."""
    return brought_up(Settings(home=tmp_path)).store_url


def opened(url: str) -> Stores:
    """Its stores."""
    return factory.open_stores(url, now=lambda: datetime.now(UTC), new_id=lambda: "id")


@pytest.fixture
def makings() -> list[int]:
    """One entry for each time that the rest was opened."""
    return []


@pytest.fixture
def late(url: str, makings: list[int]) -> Iterator[LateStores]:
    """Stores that note it."""

    def make() -> EngineStores:
        makings.append(1)
        return open_engine_stores(url, now=lambda: datetime.now(UTC), new_id=lambda: "id", node="n")

    stores = LateStores(make)
    yield stores
    stores.close()


def test_a_store_is_opened_with_its_first_use_and_once(late: LateStores, makings: list[int]) -> None:
    """However many ask at once, and whichever is asked."""
    signals, devices = late.store("signals"), late.store("devices")
    assert not makings
    found = list[object]()
    askers = [threading.Thread(target=lambda: found.append(signals.listing())) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert (found, makings) == ([()] * 8, [1])
    assert devices.state("phone") is None
    assert late.store("signals") is late.opened().signals
    assert makings == [1]


def test_what_keeps_it_from_opening_is_said_each_time() -> None:
    """And it is tried again: the disk may have had no room."""
    times = list[int]()

    def make() -> EngineStores:
        times.append(1)
        raise StoreFailed("x.db", "the disk is full", passing=True)

    signals = LateStores(make).store("signals")
    for _ in range(2):
        with pytest.raises(StoreFailed, match="the disk is full"):
            signals.listing()
    assert times == [1, 1]


def test_closing_what_was_never_opened_opens_nothing(late: LateStores, makings: list[int]) -> None:
    """A node that only looked ends at once; and what is asked afterwards is refused, and opens nothing either."""
    signals = late.store("signals")
    late.close()
    with pytest.raises(StoreFailed, match="it was closed"):
        signals.all()
    assert not makings


def test_both_ways_see_the_same(url: str) -> None:
    """A mark that is set by plain SQL goes with a copy that SQLAlchemy makes, and comes back with it."""
    stores = opened(url)
    stores.marks.put("m", "1")
    copy = Path(url.removeprefix("sqlite:///")).with_name("copy.db")
    assert stores.copies.save(copy)
    stores.marks.put("m", "2")
    stores.copies.load(copy)
    assert stores.marks.get("m") == "1"
    stores.close()


def test_a_url_with_options_is_read_by_sqlalchemy(url: str) -> None:
    """All stores are the same then."""
    stores = opened(f"{url}?timeout=7")
    stores.marks.put("m", "1")
    stores.close()
    assert opened(url).marks.get("m") == "1"


# -- the locks of a file that is open --------------------------------------------------------------------------------


def test_a_late_store_leaves_this_process_its_locks(url: str) -> None:
    """The kernel's list shows the file before and after: whoever closes a descriptor of it loses all of them."""
    path, stores = Path(url.removeprefix("sqlite:///")), opened(url)
    stores.marks.put("m", "1")
    before = locks_on(path)
    assert before
    assert stores.tokens.listing() == ()
    assert locks_on(path) >= before
    stores.close()


def test_another_process_that_comes_and_goes_takes_no_row_away(url: str) -> None:
    """It finds that somebody has the file open, and leaves the log where it is: what is written next stays."""
    path, stores = Path(url.removeprefix("sqlite:///")), opened(url)
    stores.marks.put("before", "1")
    assert stores.tokens.listing() == ()
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM store_facts'); c.close()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name(f"{path.name}-wal").exists()
    for number in range(300):
        stores.marks.put(f"m{number}", "1")
    reader = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM store_facts'))"
    found = subprocess.run([sys.executable, "-c", reader, str(path)], check=True, capture_output=True, text=True)
    assert int(found.stdout.strip("(), \n")) >= 301
    stores.close()
    assert {opened(url).marks.get(name) for name in ("before", "m0", "m299")} == {"1"}


def locks_on(path: Path) -> int:
    """How many locks of this process the kernel lists on the file (proc_locks(5))."""
    inode, pid = path.stat().st_ino, str(os.getpid())
    words = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return sum(pid in each and any(word.endswith(f":{inode}") for word in each) for each in words)


# -- made by a process that ends -----------------------------------------------------------------------------------


def test_a_new_database_is_made_without_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For nobody else to read, and ready: what opens it next needs no SQLAlchemy."""
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_named: pytest.fail("a process was started"))
    path = tmp_path / "home" / "shiftbook.db"
    bring_up_apart(f"sqlite:///{path}")
    assert is_up_to_date(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_an_older_one_is_brought_up_with_its_rows(url: str) -> None:
    """As in the process itself."""
    path = Path(url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("INSERT INTO store_facts (name, value) VALUES ('mark m', 'kept')")
        raw.execute("DROP TABLE signals")
        raw.execute("UPDATE alembic_version SET version_num = '0009'")
    assert not is_up_to_date(path)
    bring_up_apart(url)
    assert is_up_to_date(path)
    stores = opened(url)
    assert stores.marks.get("m") == "kept"
    stores.close()


def test_what_is_wrong_is_left_as_it_is_and_said_by_whoever_opens_it(tmp_path: Path) -> None:
    """Nothing is raised here, and no half of a database is left."""
    path = tmp_path / "a.db"
    path.write_text("not a database\n" * 100)
    bring_up_apart(f"sqlite:///{path}")
    assert path.read_text() == "not a database\n" * 100
    with pytest.raises(WrongSetting, match="not an SQLite database"):
        opened(f"sqlite:///{path}")


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens it does it then."""
    monkeypatch.setattr(bring_up, "LONGEST_SECONDS", 0.01)
    path = tmp_path / "a.db"
    path.touch()
    bring_up_apart(f"sqlite:///{path}")
    assert not is_up_to_date(path)
    stores = opened(f"sqlite:///{path}")
    stores.marks.put("m", "1")
    stores.close()
    assert is_up_to_date(path)


def test_no_process_is_started_where_none_is_needed(
    url: str, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is up to date, and a server, whose stores need SQLAlchemy anyway."""
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_named: pytest.fail("a process was started"))
    bring_up_apart(url)
    bring_up_apart(postgresql_server.url("postgres"))


def test_the_url_stands_in_no_list_of_processes(tmp_path: Path) -> None:
    """It may hold a password: it goes by standard input."""
    words = [sys.executable, "-P", "-m", "orchestrator.adapters.database.bring_up"]
    done = subprocess.run(words, input=b"nosuch://u:hush@h/x", capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert b"hush" not in done.stderr
