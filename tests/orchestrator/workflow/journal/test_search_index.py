"""What does a search find of a journal that takes minutes to read, and what does it say of the rest?"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from handoff import recall
from orchestrator.workflow.journal.search_index import FILES_AT_ONCE, SearchIndex
from tests.journals import entry, log
from tests.ledgers import Town
from tests.orchestrator.workflow.heartbeat.turns import OPEN

DAYS = 13


def day(number: int) -> str:
    """The fleet's journal of one day, with an entry."""
    return log(entry(f"e-{number}", f"2026-10-{number:02}T08:00:00Z", did=f"Basket {number}."))


def journal() -> dict[str, str]:
    """Files of days, and a running log that is newer."""
    return {
        "fleet.toml": OPEN,
        "SESSION_LOG.md": log(entry("now", "2026-11-01T08:00:00Z", did="Basket of today.")),
        **{f"log/2026-10-{number:02}.md": day(number) for number in range(1, DAYS + 1)},
    }


def ticking() -> Callable[[], float]:
    """A clock that a second goes by on whenever somebody looks."""
    return map(float, count()).__next__


def rows(path: Path) -> list[str]:
    """Which entries follow each other in an index."""
    with closing(sqlite3.connect(path)) as conn:
        return [ident for (ident,) in conn.execute("SELECT entry_id FROM recall_row ORDER BY rowid").fetchall()]


def test_a_search_that_cannot_wait_looks_into_the_newest_logs(tmp_path: Path) -> None:
    """It is told what was not looked into; each further one takes in more, and the last one has all of it."""
    ledger = Town(journal()).peer("n1").ledger()
    index = SearchIndex(path=tmp_path / "recall.db", of="town", clock=ticking())

    def found() -> set[str]:
        return {hit.entry_id for hit in index.search(ledger, "basket", limit=30, patience=0)}

    newest = [f"e-{number}" for number in range(DAYS, 0, -1)]
    assert found() == {"now", *newest[: FILES_AT_ONCE - 1]}
    left = index.unread(ledger)
    assert [file.path for file in left] == [f"log/2026-10-{n:02}.md" for n in range(DAYS - FILES_AT_ONCE + 1, 0, -1)]
    assert found() == {"now", *newest[: 2 * FILES_AT_ONCE - 1]}
    assert found() == {"now", *newest}
    assert index.unread(ledger) == []


def test_an_index_that_came_in_parts_is_that_which_comes_at_once(tmp_path: Path) -> None:
    """Neighbours are the entries before and after, however many searches it took."""
    ledger = Town(journal()).peer("n1").ledger()
    parts = SearchIndex(path=tmp_path / "parts.db", of="town", clock=ticking())
    while parts.unread(ledger):
        parts.search(ledger, "basket", patience=0)
    expected = [*(f"e-{number}" for number in range(1, DAYS + 1)), "now"]
    assert list(dict.fromkeys(rows(parts.path))) == expected
    near = parts.search(ledger, "8.", limit=1)
    assert [hit.entry_id for hit in near if hit.neighbour] == ["e-7", "e-9"]


def test_what_moves_while_the_index_is_made_is_found_once(tmp_path: Path) -> None:
    """An entry leaves the running log for its day's file, and another is written, before the old days were read."""
    n1 = Town(journal()).peer("n1")
    index = SearchIndex(path=tmp_path / "recall.db", of="town", clock=ticking())
    index.search(n1.ledger(), "basket", patience=0)
    moved = log(entry("now", "2026-11-01T08:00:00Z", did="Basket of today."))
    n1.push({"log/2026-11-01.md": moved, "SESSION_LOG.md": log(entry("later", did="A kettle."))})
    ledger = n1.ledger()
    once = [hit.entry_id for hit in index.search(ledger, "today", limit=30, patience=0) if not hit.neighbour]
    assert once == ["now"]
    assert [hit.entry_id for hit in index.search(ledger, "kettle", patience=0) if not hit.neighbour] == ["later"]
    while index.unread(ledger):
        index.search(ledger, "basket", patience=0)
    all_of_them = [hit.entry_id for hit in index.search(ledger, "basket", limit=30) if not hit.neighbour]
    assert sorted(all_of_them) == sorted(["now", *(f"e-{number}" for number in range(1, DAYS + 1))])


SHOP_LOG = "projects/shop/SESSION_LOG.md"


def warned(index: SearchIndex, action: str = "make all") -> list[str]:
    """Which entries warn of an action, as an agent hears it."""
    return [one.entry_id for one in index.project_warnings("shop", action, (), 9)]


def test_a_look_at_an_action_reads_what_is_there_and_writes_nothing(tmp_path: Path) -> None:
    """An index that is not there is not made, one that is behind is not brought up; other projects stay out."""
    index = SearchIndex(path=tmp_path / "recall.db", of="town")
    with pytest.raises(sqlite3.OperationalError):
        warned(index)
    assert not index.path.exists()
    n1 = Town(
        {
            "fleet.toml": OPEN,
            SHOP_LOG: log(entry("ours", blocked="- `make all` fails")),
            "projects/mill/SESSION_LOG.md": log(entry("theirs", blocked="- `make all` grinds")),
        }
    ).peer("n1")
    index.refresh(n1.ledger())
    before = index.path.read_bytes()
    n1.push({SHOP_LOG: log(entry("ours", blocked="- `make all` fails"), entry("new", blocked="- `make all` hangs"))})
    assert warned(index) == ["ours"]
    assert index.path.read_bytes() == before
    index.refresh(n1.ledger())
    assert sorted(warned(index)) == ["new", "ours"]
    assert warned(replace(index, of="another")) == []


def test_a_look_at_an_action_waits_for_no_writer(tmp_path: Path) -> None:
    """A file that is locked for long is told as that, soon; and a look that would take long is broken off."""
    index = SearchIndex(path=tmp_path / "recall.db", of="town", clock=ticking())
    n1 = Town({"fleet.toml": OPEN, SHOP_LOG: log(entry("ours", blocked="- `make all` fails"))}).peer("n1")
    index.refresh(n1.ledger())
    with closing(sqlite3.connect(index.path, isolation_level=None)) as conn:
        conn.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            warned(index)
        assert time.monotonic() - began < 25  # a search waits for 30 s
        conn.execute("ROLLBACK")
    rows_ = [(number, "command", json.dumps(["all", "make", f"-j{number}"]), "make") for number in range(20_000)]
    with closing(sqlite3.connect(index.path)) as conn:
        conn.executemany("INSERT INTO warning_subject VALUES (? + 99, ?, ?, ?, '')", rows_)
        conn.commit()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        warned(index)


def test_who_looks_with_an_older_ledger_makes_nothing_again(tmp_path: Path) -> None:
    """A run keeps the ledger of its beginning; others write meanwhile. Neither throws the other's index away."""
    n1 = Town({"fleet.toml": OPEN, SHOP_LOG: log(entry("first", blocked="- `make all` fails"))}).peer("n1")
    old = n1.ledger()
    n1.push({SHOP_LOG: log(entry("first", blocked="- `make all` fails"), entry("new", did="Basket of today."))})
    new = n1.ledger()
    index = SearchIndex(path=tmp_path / "recall.db", of="town")
    index.refresh(new)
    before = index.path.read_bytes()
    assert [one.entry_id for one in index.warnings(old, "make all")] == ["first"]
    assert [one.entry_id for one in index.search(old, "basket") if not one.neighbour] == ["new"]
    assert index.path.read_bytes() == before
    assert [one.entry_id for one in index.search(new, "basket") if not one.neighbour] == ["new"]
    assert index.path.read_bytes() == before


def test_an_old_day_that_comes_late_is_not_the_newest(tmp_path: Path) -> None:
    """An import writes files of days long gone: their entries come before those that are newer."""
    n1 = Town(journal()).peer("n1")
    index = SearchIndex(path=tmp_path / "recall.db", of="town")
    index.refresh(n1.ledger())
    late = {
        f"log/2026-09-{number:02}.md": log(entry(f"l-{number}", f"2026-09-{number:02}T08:00:00Z")) for number in (1, 2)
    }
    n1.push(late)
    index.refresh(n1.ledger())
    assert list(dict.fromkeys(rows(index.path)))[:3] == ["l-1", "l-2", "e-1"]


def test_two_files_that_say_one_entry_differently_stand_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is made again only where words are gone, not at each look for ever."""
    other = log(entry("e-1", "2026-10-01T08:00:00Z", did="Other words."))
    n1 = Town({**journal(), "projects/shop/SESSION_LOG.md": other}).peer("n1")
    index = SearchIndex(path=tmp_path / "recall.db", of="town", clock=ticking())
    index.refresh(n1.ledger())
    made: list[str] = []
    rebuild = recall.rebuild

    def again(*given: object) -> int:
        made.append("again")
        return rebuild(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(recall, "rebuild", again)
    n1.push({"log/2026-10-01.md": day(1) + "\n" + log(entry("e-1b", "2026-10-01T09:00:00Z", did="More."))})
    n1.push({"projects/shop/SESSION_LOG.md": other + "\n" + log(entry("o-2", "2026-11-02T08:00:00Z", did="Else."))})
    index.refresh(n1.ledger())
    assert made == []
    assert {"e-1b", "o-2"} <= set(rows(index.path))
    n1.push({"log/2026-10-01.md": log(entry("e-1", "2026-10-01T08:00:00Z", did="A kettle."))})
    index.refresh(n1.ledger())
    assert made == ["again"]


def test_an_index_that_comes_in_parts_is_made_once_where_files_differ(tmp_path: Path) -> None:
    """No part empties what another one took in."""
    other = log(entry("e-13", "2026-10-13T08:00:00Z", did="Other words."))
    ledger = Town({**journal(), "projects/shop/log/2026-10-01.md": other}).peer("n1").ledger()
    index = SearchIndex(path=tmp_path / "recall.db", of="town")
    index.refresh(ledger)
    assert set(rows(index.path)) == {"now", *(f"e-{number}" for number in range(1, DAYS + 1))}
    assert index.unread(ledger) == []
