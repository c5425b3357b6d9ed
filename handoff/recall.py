"""Which lines of earlier sessions are recalled for a task?

A full-text index of log entries, in a database connection that the caller opens and commits. It is a cache: the log is
the truth, and `rebuild` makes the index again. What it does was measured: Porter stems, no question words, date and
headings in each row, and the rows before and after a match along with it. Words that are in too many rows to tell them
apart are left out of a query that has rarer ones, because ranking takes time for every row that matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from handoff.entry import TIME, Entry

Value = str | int | float | None

MAX_QUERY_WORDS = 24  # of a query; a pasted page would otherwise be one search for each of its words
MAX_ROW_CHARS = 1200  # characters; a longer entry is cut at a line end into several rows
MAX_MATCHES = 500  # rows to rank for one query, at about 1.5 µs each

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS recall_entry (entry_id TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE IF NOT EXISTS recall_row USING fts5"
    "(day, heading, text, entry_id UNINDEXED, moment UNINDEXED, tokenize='porter unicode61')",
)
_COLUMNS = "rowid, entry_id, moment, heading, text"
_MONTHS = "January,February,March,April,May,June,July,August,September,October,November,December"
_WORD = re.compile(r"\w+")
# Words that a question is made of and that say nothing about what it asks for.
_STOP_WORDS = frozenset(
    _WORD.findall(
        """
        a about after all also am an and any are as at be because been before being but by can could did do does doing
        for from get got had has have how i if in into is it its just me my no not of on or our please shall should so
        some tell than that the their them then there these they this those to us was we were what when where which
        while who whom whose why will with would you your
        """
    )
)


class Rows(Protocol):
    """What a query answers."""

    def fetchall(self) -> Sequence[Sequence[Value]]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """As much of a `sqlite3.Connection` as is used here; its errors pass through."""

    def execute(self, sql: str, parameters: Sequence[Value] = ..., /) -> Rows:
        """Run one statement."""
        ...


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A section of an entry. A higher score fits better; the neighbours of a match have `neighbour` set and score 0."""

    entry_id: str
    when: str
    heading: str
    text: str
    score: float
    neighbour: bool = False


def index(conn: Connection, entries: Iterable[Entry], *, older: bool = False) -> int:
    """Add the entries whose ids the index does not have, and say how many those were. The caller commits.

    They come after what is there, or before it if they are `older`: rows that follow each other are neighbours.
    """
    _prepare(conn)
    rows: list[tuple[str, str, str, str, str]] = []
    added = 0
    for entry in entries:
        if conn.execute("SELECT 1 FROM recall_entry WHERE entry_id = ?", (entry.entry_id,)).fetchall():
            continue
        conn.execute("INSERT INTO recall_entry VALUES (?)", (entry.entry_id,))
        rows += _rows(entry)
        added += 1
    first = _first_place(conn) - len(rows) if older else None
    for number, row in enumerate(rows):
        place = None if first is None else first + number
        conn.execute(
            "INSERT INTO recall_row (rowid, day, heading, text, entry_id, moment) VALUES (?, ?, ?, ?, ?, ?)",
            (place, *row),
        )
    return added


def rebuild(conn: Connection, entries: Iterable[Entry]) -> int:
    """Make the index again from nothing, and say how many entries it has. The caller commits."""
    conn.execute("DROP TABLE IF EXISTS recall_entry")
    conn.execute("DROP TABLE IF EXISTS recall_row")
    return index(conn, entries)


def search(conn: Connection, query: str, limit: int = 5) -> list[Hit]:
    """The best `limit` matches of any of the words, best first, each followed by its neighbours in the log.

    Any text is a query: nothing in it is taken for search syntax. One of question words only finds nothing. If every
    word is too common to rank by, the newest rows with the rarest of them are found, at score 0.
    """
    _prepare(conn)
    words, ranked = _rarest_words(conn, _query_words(query))
    if not words or limit < 1:
        return []
    score, order = ("-rank", "rank") if ranked else ("0.0", "rowid DESC")
    found = conn.execute(
        f"SELECT {_COLUMNS}, {score} FROM recall_row WHERE recall_row MATCH ? ORDER BY {order} LIMIT ?",  # noqa: S608
        (" OR ".join(f'"{word}"' for word in words), limit),
    ).fetchall()
    matches = {int(row[0] or 0): row for row in found}
    around = _neighbours(conn, matches)
    hits: dict[int, Hit] = {}
    for place, row in matches.items():
        hits[place] = _hit(row, float(row[5] or 0))
        for near in (place - 1, place + 1):
            if near in around and near not in hits:
                hits[near] = _hit(around[near], 0.0, neighbour=True)
    return list(hits.values())


def _prepare(conn: Connection) -> None:
    for statement in _SCHEMA:
        conn.execute(statement)


def _first_place(conn: Connection) -> int:
    found = conn.execute("SELECT rowid FROM recall_row ORDER BY rowid LIMIT 1").fetchall()
    return int(found[0][0] or 0) if found else 1


def _rows(entry: Entry) -> Iterator[tuple[str, str, str, str, str]]:
    """The rows of one entry: day, heading, text, entry id, time."""
    label = " · ".join(filter(None, (entry.title, entry.mission, entry.node, entry.agent)))
    for text in _row_texts(entry):
        yield _day(entry.when), label, text, entry.entry_id, entry.when


def _row_texts(entry: Entry) -> Iterator[str]:
    """The sections, each under its heading, as many to a portion as fit."""
    portion = ""
    for line in _lines(entry):
        if portion and len(portion) + len(line) > MAX_ROW_CHARS:
            yield portion.rstrip()
            portion = ""
        portion += line + "\n"
    yield portion.rstrip()


def _lines(entry: Entry) -> Iterator[str]:
    for heading, body in entry.sections:
        if heading:
            yield f"{heading}:"
        yield from body.splitlines()


def _day(when: str) -> str:
    """The date in both ways that people write it, so that either finds it."""
    if not TIME.fullmatch(when):
        return when
    year, month, day = when[:10].split("-")
    return f"{when[:10]} {int(day)} {_MONTHS.split(',')[(int(month) - 1) % 12]} {year}"


def _query_words(query: str) -> list[str]:
    words = dict.fromkeys(_WORD.findall(query.casefold()))
    return [word for word in words if word not in _STOP_WORDS][:MAX_QUERY_WORDS]


def _rarest_words(conn: Connection, words: Sequence[str]) -> tuple[list[str], bool]:
    """The words in the fewest rows, as many as may be ranked together, and whether that is so of any."""
    counted = sorted((_count_matches(conn, word), word) for word in words)
    present = [(matches, word) for matches, word in counted if matches]
    totals = accumulate(matches for matches, _ in present)
    chosen = [word for total, (_, word) in zip(totals, present, strict=True) if total <= MAX_MATCHES]
    return (chosen, True) if chosen else ([word for _, word in present[:1]], False)


def _count_matches(conn: Connection, word: str) -> int:
    """In how many rows the word is; one more than may be ranked is enough to know."""
    found = conn.execute(
        "SELECT count(*) FROM (SELECT 1 FROM recall_row WHERE recall_row MATCH ? LIMIT ?)",
        (f'"{word}"', MAX_MATCHES + 1),
    )
    return int(found.fetchall()[0][0] or 0)


def _neighbours(conn: Connection, matches: Iterable[int]) -> dict[int, Sequence[Value]]:
    found = set(matches)
    near = sorted({place + step for place in found for step in (-1, 1)} - found)
    marks = ", ".join("?" * len(near))
    rows = conn.execute(f"SELECT {_COLUMNS} FROM recall_row WHERE rowid IN ({marks})", near).fetchall()  # noqa: S608 (marks)
    return {int(row[0] or 0): row for row in rows}


def _hit(row: Sequence[Value], score: float, *, neighbour: bool = False) -> Hit:
    entry_id, when, heading, text = (str(value or "") for value in row[1:5])
    return Hit(entry_id=entry_id, when=when, heading=heading, text=text, score=score, neighbour=neighbour)
