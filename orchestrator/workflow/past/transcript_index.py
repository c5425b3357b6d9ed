"""What does this machine remember of all transcripts, so that a search does not read every one?

A full-text index in a file of the node's home, readable by its owner alone. It is a cache: transcripts that are new or
have grown are added, those that are gone are taken out. What stands in it was redacted before; of a long output the
beginning and the end stand there. Only as much is in memory as one batch of rows.

A search ranks nothing by weights: to count each common word's rows takes longer than a person waits. It looks for rows
with all words, the newest first; where there are none, for those with the rarest of them.
"""

from __future__ import annotations

import functools
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handoff.secrets.redact import redact
from orchestrator.core.errors import WrongSetting
from orchestrator.core.foreign_files import PassedOver
from orchestrator.core.ports.transcripts import EventKind, TranscriptRef, TranscriptSource
from orchestrator.workflow.past.session_entry import Citation
from sync.disk.file_turn import file_turn

SCHEMA_VERSION = "2"
"""Of the tables. It is in the file's name: two versions of the program on one machine don't undo each other's."""
MAX_ROW_CHARS = 4_000
TAIL_CHARS = 1_000
BATCH_ROWS, BATCH_CHARS = 1_000, 1_000_000
"""Rows that are redacted and written at once."""
MANY_ROWS = 100_000
"""Rows after which the index is put in order at once: a search over a million then takes a seventh less."""
MAX_CANDIDATES = 12
"""Rows of which the best are shown."""
MAX_COUNTED = 100
"""Rows up to which a word is counted: of one that is in more, where they lie tells how common it is."""
MAX_WORDS = 12
_WORD = re.compile(r"\w+")
_KEY_END = re.compile("PRIVATE KEY|Private-Lines")
_WORTH: dict[str, int] = {
    EventKind.ASKED: 3,
    EventKind.SAID: 2,
    EventKind.FAILED: 2,
    EventKind.COMMAND: 1,
    EventKind.FILE: 1,
}
"""A person's words come before an output that has the same words."""
_TABLES = """
CREATE TABLE IF NOT EXISTS transcript (id INTEGER PRIMARY KEY, program TEXT, session TEXT, path TEXT, folder TEXT,
    mark TEXT, line INTEGER, changed REAL, UNIQUE (program, session, path));
CREATE TABLE IF NOT EXISTS span (first INTEGER PRIMARY KEY, last INTEGER, transcript INTEGER);
CREATE INDEX IF NOT EXISTS span_of ON span (transcript);
CREATE VIRTUAL TABLE IF NOT EXISTS said USING fts5(transcript UNINDEXED, line UNINDEXED, moment UNINDEXED,
    kind UNINDEXED, text, tokenize = 'porter unicode61');
"""

Progress = Callable[[int, int, int], None]
"""Is told how many of how many transcripts were taken in, and how many rows."""


@dataclass(frozen=True, kw_only=True)
class TranscriptHit:
    """A place in a transcript that has the words."""

    citation: str
    program: str
    session: str
    when: str
    folder: str
    path: str
    line: int
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """What an index came to when it was brought up to date."""

    transcripts: int
    taken: int
    rows: int
    passed: tuple[PassedOver, ...] = ()
    odd: int = 0
    """Lines that were passed over."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A transcript as the index has it."""

    ident: int
    mark: str
    line: int
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class TranscriptIndex:
    """The index at `path`."""

    path: Path

    def refresh(self, sources: Sequence[TranscriptSource], tell: Progress = lambda done, of, rows: None) -> IndexState:
        """Takes in what is new and takes out what is gone, one process at a time. Raises WrongSetting where the file
        cannot be used."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with file_turn(self.path.with_suffix(".lock")), self._used(), self._opened() as conn:
            known = {
                (program, session, path): _Known(ident=ident, mark=mark, line=line, folder=folder)
                for ident, program, session, path, mark, line, folder in conn.execute(
                    "SELECT id, program, session, path, mark, line, folder FROM transcript"
                )
            }
            found = [(source, source.find()) for source in sources]
            refs = [(source, ref) for source, each in found for ref in each.refs]
            here = {_key(ref) for _, ref in refs}
            names = {source.name for source in sources}
            unseen = [Path(one.place) for _, each in found for one in each.passed]
            for key in known.keys() - here:
                if key[0] in names and not any(Path(key[2]).is_relative_to(place) for place in unseen):
                    self._drop(conn, known[key].ident)
            new = [(source, ref, known.get(_key(ref))) for source, ref in refs]
            new = [each for each in new if each[2] is None or each[2].mark != each[1].mark]
            new.sort(key=lambda each: each[1].changed)
            rows = odd = 0
            for place, (source, ref, before) in enumerate(new):
                tell(place, len(new), rows)
                taken, strange = self._take(conn, source, ref, before)
                rows, odd = rows + taken, odd + strange
            if rows > MANY_ROWS:
                conn.execute("INSERT INTO said (said) VALUES ('optimize')")
                conn.commit()
            passed = tuple(one for _, each in found for one in each.passed)
            return IndexState(transcripts=len(refs), taken=len(new), rows=rows, passed=passed, odd=odd)

    @contextmanager
    def opened(self) -> Iterator[TranscriptSearch]:
        """The index, for one search or for many. Raises WrongSetting where the file cannot be used."""
        with self._used(), self._opened() as conn:
            yield TranscriptSearch(conn)

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Raises WrongSetting for whatever the database says meanwhile: it is full, locked for long, or damaged."""
        try:
            yield
        except sqlite3.Error as error:
            raise WrongSetting("SHIFTBOOK_HOME", f"the index {self.path} cannot be used: {error}") from error

    def _opened(self) -> closing[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return closing(_connected(self.path))
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                for suffix in ("", "-journal", "-wal", "-shm"):  # it is a cache, and no database any more
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                return closing(_connected(self.path))
        except (sqlite3.Error, OSError) as error:
            raise WrongSetting("SHIFTBOOK_HOME", f"the index {self.path} cannot be used: {error}") from error

    def _drop(self, conn: sqlite3.Connection, ident: int) -> None:
        with conn:
            for first, last in conn.execute("SELECT first, last FROM span WHERE transcript = ?", (ident,)).fetchall():
                conn.execute("DELETE FROM said WHERE rowid BETWEEN ? AND ?", (first, last))
            conn.execute("DELETE FROM span WHERE transcript = ?", (ident,))
            conn.execute("DELETE FROM transcript WHERE id = ?", (ident,))

    def _take(
        self, conn: sqlite3.Connection, source: TranscriptSource, ref: TranscriptRef, before: _Known | None
    ) -> tuple[int, int]:
        """Adds what stands behind what the index has; one that has become shorter is read anew. Rows, and odd lines."""
        if before is not None and int(before.mark.partition(":")[0]) > ref.size:
            self._drop(conn, before.ident)
            before = None
        after, odd = (before.line if before else 0), list[int]()
        state = _Reading(folder=(before.folder if before else "") or ref.folder)
        rows = state.rows(source, ref, odd, after)
        total = 0
        with suppress(OSError):  # it is gone meanwhile: what was read of it goes with the next look
            for batch in _batches(rows):
                line = batch[-1][0]
                with conn:
                    ident = _noted(conn, ref, before, state.folder, line, mark="0:")
                    _insert(conn, ident, batch)
                before = _Known(ident=ident, mark="0:", line=line)
                total += len(batch)
        with conn:
            _noted(conn, ref, before, state.folder, before.line if before else after, mark=ref.mark)
        return total, len(odd)


@dataclass(frozen=True)
class TranscriptSearch:
    """An index that is open."""

    conn: sqlite3.Connection

    def search(self, words: str, limit: int = 10) -> list[TranscriptHit]:
        """The places that have all the words, the newest and what people said first; else those with the rarest.

        Any text is a query. All of it is one look: what is taken out meanwhile is there until its end.
        """
        self.conn.execute("BEGIN")
        try:
            return self._found(words, limit)
        finally:
            self.conn.rollback()

    def _found(self, words: str, limit: int) -> list[TranscriptHit]:
        told = {word: _commonness(self.conn, word) for word in _query_words(words)}
        present = sorted((word for word, (count, _) in told.items() if count), key=lambda word: (told[word], word))
        if not present or limit < 1:
            return []
        rows: dict[int, tuple[str, str]] = {}
        for end in range(len(present), 0, -1):
            rows = _rows_with(self.conn, present[:end], max(limit, MAX_CANDIDATES))
            if rows:
                break
        best = sorted(rows, key=lambda row: (_worth(rows[row][1]), rows[row][0], row), reverse=True)
        return [_hit(self.conn, row) for row in best[:limit]]


@dataclass
class _Reading:
    """What a transcript says of itself while it is read."""

    folder: str

    def rows(
        self, source: TranscriptSource, ref: TranscriptRef, odd: list[int], after: int
    ) -> Iterator[tuple[int, str, str, str]]:
        """Line, time, kind and text of each event that says something."""
        for event in source.read(ref, lambda line, why: odd.append(line), after=after):
            self.folder = event.folder or self.folder
            if event.kind is EventKind.FACT or not event.text.strip():
                continue
            yield event.line, event.when, event.kind.value, _storable(event.text)


def _rows_with(conn: sqlite3.Connection, words: Sequence[str], most: int) -> dict[int, tuple[str, str]]:
    """Time and kind of the rows with all of the words, of which the rarest is the first; the newest rows first."""
    found = conn.execute(
        "SELECT rowid, moment, kind FROM said WHERE said MATCH ? ORDER BY rowid DESC LIMIT ?", (_all_of(words), most)
    )
    return {row: (moment, kind) for row, moment, kind in found}


def _all_of(words: Sequence[str]) -> str:
    """A query for rows with all of the words. FTS5 makes one AND of many, and moves each word's list on to every row of
    every other. With `NOT ""`, which is never so, between them, a common word is looked for only where all rarer ones
    are: over a million lines, for four words, in a twentieth of the time.
    """
    first, *others = (f'"{word}"' for word in words)
    return functools.reduce(lambda inner, word: f'(({inner}) NOT "") AND {word}', others, first)


def _worth(kind: str) -> int:
    return _WORTH.get(kind, 0)


def _query_words(text: str) -> list[str]:
    return list(islice(dict.fromkeys(_WORD.findall(text.casefold())), MAX_WORDS))


def _commonness(conn: sqlite3.Connection, word: str) -> tuple[int, int]:
    """Orders words from rare to common: in how many rows one is, and, where those are as many as are counted, how soon
    that was so.
    """
    asked = "SELECT count(*), max(rowid) FROM (SELECT rowid FROM said WHERE said MATCH ? ORDER BY rowid LIMIT ?)"
    count, last = conn.execute(asked, (f'"{word}"', MAX_COUNTED)).fetchone()
    return int(count), -int(last or 0)


def _hit(conn: sqlite3.Connection, row: int) -> TranscriptHit:
    transcript, line, moment, kind, text = conn.execute(
        "SELECT transcript, line, moment, kind, text FROM said WHERE rowid = ?", (row,)
    ).fetchone()
    program, session, path, folder = conn.execute(
        "SELECT program, session, path, folder FROM transcript WHERE id = ?", (transcript,)
    ).fetchone()
    return TranscriptHit(
        citation=str(Citation(program=program, session=session, line=line)),
        program=program,
        session=session,
        when=moment,
        folder=folder,
        path=path,
        line=line,
        kind=kind,
        text=text,
    )


def _connected(path: Path) -> sqlite3.Connection:
    """The database, made where there is none. Nobody else may read it, from its first byte on."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    conn = sqlite3.connect(path, timeout=60)
    try:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = NORMAL")
        conn.executescript(_TABLES)
    except BaseException:
        conn.close()
        raise
    return conn


def _key(ref: TranscriptRef) -> tuple[str, str, str]:
    return ref.program, _storable(ref.session), _storable(str(ref.path))


def _storable(text: str) -> str:
    """A text as a database has it: a name of a file may be no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _batches(rows: Iterable[tuple[int, str, str, str]]) -> Iterator[list[tuple[int, str, str, str]]]:
    batch: list[tuple[int, str, str, str]] = []
    chars = 0
    for row in rows:
        full = len(batch) >= BATCH_ROWS or chars >= BATCH_CHARS
        if full and row[0] != batch[-1][0]:  # what is noted of a transcript is a whole line of it
            yield _clean(batch)
            batch, chars = [], 0
        batch.append(row)
        chars += len(row[3])
    if batch:
        yield _clean(batch)


def _clean(batch: list[tuple[int, str, str, str]]) -> list[tuple[int, str, str, str]]:
    """The rows without secrets, and then as long as they may be.

    All at once takes half the time; a text keeps its lines. One that has an end of a private key is by itself: what
    stands between it and another row's is no key.
    """
    texts = [row[3] for row in batch]
    joined = [text for text in texts if not _KEY_END.search(text)]
    heights = [text.count("\n") + 1 for text in joined]
    lines = redact("\n".join(joined)).text.split("\n") if joined else []
    if len(lines) != sum(heights):
        return [(line, when, kind, _bounded(redact(text).text)) for line, when, kind, text in batch]
    clean, at = [], 0
    for line, when, kind, text in batch:
        if _KEY_END.search(text):
            said = redact(text).text
        else:
            height = text.count("\n") + 1
            said, at = "\n".join(lines[at : at + height]), at + height
        clean.append((line, when, kind, _bounded(said)))
    return clean


def _noted(
    conn: sqlite3.Connection, ref: TranscriptRef, before: _Known | None, folder: str, line: int, *, mark: str
) -> int:
    """The transcript's row, with how far it was read."""
    values = (_storable(folder), _storable(mark), line, ref.changed)
    if before is not None:
        conn.execute(
            "UPDATE transcript SET folder = ?, mark = ?, line = ?, changed = ? WHERE id = ?", (*values, before.ident)
        )
        return before.ident
    made = conn.execute(
        "INSERT INTO transcript (program, session, path, folder, mark, line, changed) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (program, session, path) DO UPDATE SET folder = excluded.folder RETURNING id",
        (*_key(ref), *values),
    )
    return int(made.fetchone()[0])


def _insert(conn: sqlite3.Connection, ident: int, batch: list[tuple[int, str, str, str]]) -> None:
    first = int(conn.execute("SELECT coalesce(max(last), 0) FROM span").fetchone()[0]) + 1
    conn.executemany(
        "INSERT INTO said (rowid, transcript, line, moment, kind, text) VALUES (?, ?, ?, ?, ?, ?)",
        ((first + place, ident, *row) for place, row in enumerate(batch)),
    )
    conn.execute("INSERT INTO span VALUES (?, ?, ?)", (first, first + len(batch) - 1, ident))


def _bounded(text: str) -> str:
    if len(text) <= MAX_ROW_CHARS:
        return text
    return f"{text[: MAX_ROW_CHARS - TAIL_CHARS]}\n…\n{text[-TAIL_CHARS:]}"
