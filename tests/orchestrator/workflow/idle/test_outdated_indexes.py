"""Which files of a home folder does the upkeep of indexes take away, and which ones never?"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.app.factories.past_factory import transcript_index
from orchestrator.core.settings import Settings
from orchestrator.workflow.idle.outdated_indexes import GRACE_SECONDS, OutdatedIndexes
from tests.ledgers import Town

NOW = 2_000_000_000.0
OURS_THEN = ["recall.db", "recall-3.db", "recall-4.db", "recall-4.db-wal", "recall-4.db-shm", "recall-transcripts-1.db"]
OTHERS = [
    *("recall-5.db", "recall-5.db-wal", "recall-6.db", "recall-transcripts-2.db", "shiftbook.db", "seen.json"),
    *("recall-4.db.bak", "my-recall-4.db", "recall-4.txt", "recall-٣.db", "recall-.db", "recall-transcripts.db"),
    *("recall-40000.db", "Recall-4.db", "recall-4.db-other"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which nothing was written to for two months."""
    for name in (*OURS_THEN, *OTHERS):
        (tmp_path / name).write_bytes(b"x")
        rest(tmp_path / name)
    return tmp_path


def rest(path: Path, seconds: float = 2 * GRACE_SECONDS) -> None:
    """It was written to so long ago."""
    os.utime(path, (NOW - seconds, NOW - seconds), follow_symlinks=False)


def upkeep(home: Path) -> OutdatedIndexes:
    """Of a version whose journal's index is the fifth, and whose transcripts' is the second."""
    return OutdatedIndexes(current=(home / "recall-5.db", home / "recall-transcripts-2.db"), now=lambda: NOW)


def run(home: Path, stop: threading.Event | None = None) -> str:
    """One turn of it."""
    return upkeep(home).run(Town().peer("n1").ledger(), stop or threading.Event())


def names(home: Path) -> set[str]:
    """What is there."""
    return {path.name for path in home.iterdir()}


def test_indexes_of_older_versions_go_and_nothing_else_does(home: Path) -> None:
    """Exactly our names with a lower number, and what SQLite left beside them."""
    assert run(home) == "4 indexes of an older version removed"
    assert names(home) == set(OTHERS)
    assert run(home) == ""


def test_one_that_an_older_version_still_writes_to_stays_whole(home: Path) -> None:
    """Two versions may share a home: its log alone was written to yesterday."""
    rest(home / "recall-4.db-wal", 86_400)
    assert run(home) == "3 indexes of an older version removed"
    assert {"recall-4.db", "recall-4.db-wal", "recall-4.db-shm"} <= names(home)


def test_a_link_or_a_folder_of_that_name_is_not_ours(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What they lead to stays, and so do they."""
    away = tmp_path_factory.mktemp("away") / "kept"
    away.write_bytes(b"theirs")
    rest(away)
    (home / "recall-3.db").unlink()
    (home / "recall-3.db").symlink_to(away)
    (home / "recall-2.db").mkdir()
    for name in ("recall-3.db", "recall-2.db"):
        rest(home / name)
    run(home)
    assert {"recall-3.db", "recall-2.db"} <= names(home)
    assert away.read_bytes() == b"theirs"


def test_a_mission_that_comes_stops_it(home: Path) -> None:
    """Nothing is begun any more."""
    stop = threading.Event()
    stop.set()
    assert run(home, stop) == ""
    assert set(OURS_THEN) <= names(home)


def test_the_names_are_those_that_the_program_gives_its_indexes(tmp_path: Path) -> None:
    """Another way of naming them would leave them all behind, in silence."""
    settings = Settings(home=tmp_path, ledger="x")
    current = (wiring.search_index(settings).path, transcript_index(settings).path)
    for path in current:
        old = path.with_name(path.name.replace(path.stem.rpartition("-")[2], "0"))
        old.write_bytes(b"x")
        rest(old)
    said = OutdatedIndexes(current=current, now=lambda: NOW).run(Town().peer("n1").ledger(), threading.Event())
    assert said == "2 indexes of an older version removed"
    assert list(tmp_path.glob("*.db")) == []
