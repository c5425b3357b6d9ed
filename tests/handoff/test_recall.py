"""Facts about finding what earlier sessions said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handoff.entry import Entry
from handoff.recall import MAX_MATCHES, index, rebuild, search


def entry(number: int, body: str, title: str = "") -> Entry:
    """One session's entry about one thing."""
    when = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T10:00:00Z"
    return Entry(entry_id=f"e{number}", when=when, title=title, sections=(("Lessons", body),))


ENTRIES = [
    entry(0, "The cache was migrated to Redis."),
    entry(1, "Login tokens expire after an hour; retrying refreshes them."),
    entry(2, "The tests need a clock that can be moved."),
    entry(3, "Nobody uses the export any more.", title="Export of invoices"),
    entry(4, "The printer driver was replaced."),
]


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    """A database in memory with five entries."""
    connection = sqlite3.connect(":memory:")
    index(connection, ENTRIES)
    connection.commit()
    yield connection
    connection.close()


def test_a_question_finds_the_entry_that_answers_it(conn: sqlite3.Connection) -> None:
    """Stems match other forms of a word, and question words do not count."""
    hit = search(conn, "Why does the token expiring matter?")[0]
    assert (hit.entry_id, hit.when) == ("e1", ENTRIES[1].when)
    assert "refreshes" in hit.text
    assert hit.score > 0


def test_neighbours_come_along(conn: sqlite3.Connection) -> None:
    """A match is followed by the rows before and after it, which are marked."""
    hits = search(conn, "tokens", limit=1)
    assert [(hit.entry_id, hit.neighbour) for hit in hits] == [("e1", False), ("e0", True), ("e2", True)]


def test_title_and_date_are_searched(conn: sqlite3.Connection) -> None:
    """A word of the title, a date and the name of its month find the entry."""
    assert search(conn, "invoices")[0].entry_id == "e3"
    assert search(conn, "2026-05-05")[0].entry_id == "e4"
    assert search(conn, "what happened in May?")[0].entry_id == "e4"


def test_question_words_alone_find_nothing(conn: sqlite3.Connection) -> None:
    """There is nothing to look for in a question without a subject."""
    assert search(conn, "What was it that we did, and why?") == []
    assert search(conn, "tokens", limit=0) == []


def test_indexing_again_adds_only_what_is_new(conn: sqlite3.Connection) -> None:
    """An entry is indexed once by its id, however often it is handed over."""
    assert index(conn, ENTRIES) == 0
    assert index(conn, [*ENTRIES, entry(5, "A gauge was added."), entry(5, "A gauge was added.")]) == 1
    assert [hit.entry_id for hit in search(conn, "gauge") if not hit.neighbour] == ["e5"]


def test_rebuilding_forgets_what_is_gone(conn: sqlite3.Connection) -> None:
    """After a rebuild only the entries that were handed over are found."""
    assert rebuild(conn, ENTRIES[2:]) == 3
    assert search(conn, "tokens") == []
    assert search(conn, "clock")[0].entry_id == "e2"


def test_an_empty_index_finds_nothing() -> None:
    """Searching before anything was indexed is no error."""
    connection = sqlite3.connect(":memory:")
    assert search(connection, "anything") == []
    connection.close()


@given(st.one_of(st.text(), st.text(alphabet='"*^:()-+{}AND OR NOT NEAR/ _²\0tokens')))
@example('"')
@example("tokens AND (")
@example("text:tokens NEAR(a b, 3)")
@example("\0")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_text_is_a_query(conn: sqlite3.Connection, query: str) -> None:
    """Nothing that a person or agent types is taken for search syntax or raises."""
    assert all(hit.entry_id for hit in search(conn, query, limit=3))


def test_search_syntax_is_searched_as_words(conn: sqlite3.Connection) -> None:
    """A query that looks like syntax still finds what its words mean."""
    assert search(conn, '"tokens" NOT (tokens) OR *')[0].entry_id == "e1"


def test_a_long_entry_is_found_by_its_end(conn: sqlite3.Connection) -> None:
    """An entry too long for one row is in several, and hits are pieces of it."""
    index(conn, [entry(6, "\n".join(["- filler line"] * 300 + ["- the zebra"]))])
    hit = search(conn, "zebra", limit=1)[0]
    assert hit.entry_id == "e6"
    assert len(hit.text) < 1300


def test_words_that_are_everywhere_do_not_slow_a_search(conn: sqlite3.Connection) -> None:
    """A common word gives way to a rare one; alone it finds the newest entries that have it, unranked."""
    index(conn, [entry(number, f"A common remark, number w{number}") for number in range(10, 40 + MAX_MATCHES)])
    assert search(conn, "common remark w77", limit=1)[0].entry_id == "e77"
    newest = search(conn, "common", limit=1)[0]
    assert (newest.entry_id, newest.score, newest.neighbour) == (f"e{39 + MAX_MATCHES}", 0.0, False)
