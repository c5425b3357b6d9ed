"""Is what is told of finished missions what their files say, and is nothing looked for twice?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from missions.archive_path import archived_files
from missions.document import with_fields
from orchestrator.ledger import archive
from orchestrator.ledger.archive import finished_text
from tests.fuzzing.counted_work import CountingStore, counted
from tests.ledgers import Town

WHEN = datetime(2026, 11, 29, 18, 30, 32, tzinfo=UTC)


def test_the_end_is_read_as_nodes_write_it() -> None:
    """The writer of nodes' fields quotes a time; the line's reader gives the time itself."""
    text = with_fields("---\ntitle: x\n---\nDo it.\n", {"status": "done", "finished": "2026-11-29T18:30:32Z"})
    assert datetime.fromisoformat(finished_text(text.encode()).decode()) == WHEN


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_persons_spelling_is_read_too(quote: str) -> None:
    """Quoted or not, with either line end."""
    text = f"---\r\nfinished: {quote}2026-11-29T18:30:32Z{quote}\r\n---\r\nx"
    assert datetime.fromisoformat(finished_text(text.encode()).decode()) == WHEN


@pytest.mark.parametrize("line", ["finished: [1]\nx: y", "Finished: 2026", "x: finished: 2026", ""])
def test_what_is_written_otherwise_is_not_told(line: str) -> None:
    """No line of nodes, or one in the text below: it is left to the reader of whole files."""
    told = finished_text(f"---\n{line}\n---\nfinished: 2026-11-29T18:30:32Z\n".encode())
    assert told in (b"", b"[1]")  # of a list nobody makes a time


@pytest.fixture
def town() -> Town:
    """A ledger with finished and open missions, whose reads are counted."""
    names = (f"old-{number}" for number in range(40))
    done = b"---\nstatus: done\n---\nx"
    files = dict(pair for name in names for pair in archived_files(name, "2026/11/28", done).items())
    town = Town(files | {f"missions/new-{number}.md": b"x" for number in range(100)})
    town.server.store = CountingStore(objects=town.server.store.objects)
    return town


def reads(town: Town, look: Callable[[], object]) -> int:
    """How many objects a look reads."""
    assert isinstance(town.server.store, CountingStore)
    with counted(town.server.store) as done:
        look()
    return done().objects


def test_open_missions_are_not_looked_for_anew_when_the_branch_moves(town: Town) -> None:
    """Where the archive stayed nobody asks it; after a fold only the folder of the index that it changed is asked."""
    node, other = town.peer("n1"), town.peer("n2")
    node.ledger()
    other.push({"note.md": "x"})
    assert reads(town, node.ledger) < 20
    other.attempt("new-7")
    other.fold()
    assert reads(town, node.ledger) < 100 + 40
    assert node.ledger().archived("new-7") is not None


def test_what_came_into_the_archive_is_found(town: Town) -> None:
    """A name that was looked for in vain is found once it is there, whoever put it there, and gone when it is gone."""
    node, other = town.peer("n1"), town.peer("n2")
    assert node.ledger().archived("late") is None
    files = archived_files("late", "2026/11/29", b"---\nstatus: done\n---\nx")
    other.push(files)
    assert node.ledger().finished({"late"}) == {"late"}
    other.push(dict.fromkeys(files))
    assert node.ledger().archived("late") is None
    other.push({"missions/archive/2026-11/late.md": "---\nstatus: done\n---\nx"})
    assert node.ledger().finished({"late"}) == {"late"}


def test_a_changed_file_in_the_archive_is_read_again(town: Town) -> None:
    """The index says the same, the file says something else."""
    node, other = town.peer("n1"), town.peer("n2")
    assert node.ledger().finished({"old-3"}) == {"old-3"}
    (path,) = other.archived_paths("old-3")
    other.push({path: "---\nstatus: cancelled\n---\nx"})
    assert node.ledger().finished({"old-3"}) == set()


def test_an_archived_mission_is_parsed_once(town: Town) -> None:
    """What depends on it asks in every round."""
    node = town.peer("n1")
    node.ledger().archived("old-3")
    assert isinstance(town.server.store, CountingStore)
    with counted(town.server.store) as done:
        assert node.ledger().finished({"old-3"}) == {"old-3"}
    assert (done().objects, done().parsed) == (0, 0)


def test_what_is_remembered_is_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that somebody makes up do not fill the memory, and what was forgotten is found again."""
    monkeypatch.setattr(archive, "MAX_KNOWN_NAMES", 10)
    monkeypatch.setattr(archive, "MAX_KNOWN_MISSIONS", 5)
    shelf = town.peer("n1").ledger().archive
    for number in range(40):
        assert shelf.mission(f"old-{number}") is not None
        assert shelf.mission(f"made-up-{number}") is None
    assert max(len(shelf._places), len(shelf.memory._absent), len(shelf.memory._parsed)) <= 10
