"""What does this machine remember of the journal, so that a search does not read every log?

A SQLite file in the node's home folder. It is a cache of the ledger: entries that are new are added, and it is made
again from nothing when it is missing, cannot be read, is of another ledger or holds what the logs no longer say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from handoff import recall
from handoff.warnings.warning_index import MAX_WARNINGS, SaidWarning, add_warnings, rebuild_warnings, warnings_at
from orchestrator.core.errors import WrongSetting
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot

SCHEMA_VERSION = "3"
"""Of the tables. It is in the file's name: two versions of the program on one machine don't undo each other's."""
FILES_AT_ONCE = 4
"""New log files that one transaction takes in while nobody waits for them: whoever searches waits for its end."""
MAX_RECALLED_ENTRIES = 6
"""Matches that a fresh instance is given for its task."""

_TABLES = """
CREATE TABLE IF NOT EXISTS made (what TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (path TEXT PRIMARY KEY, oid TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (entry_id TEXT, path TEXT, project TEXT, digest TEXT, PRIMARY KEY (entry_id, path))
    WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A part of an entry that answers a query, and where the entry stands. Neighbours of a match have `neighbour`."""

    entry_id: str
    when: str
    heading: str
    text: str
    score: float
    neighbour: bool
    project: str
    path: str


@dataclass(frozen=True, kw_only=True)
class SearchIndex:
    """The index at `path`, of the ledger that is called `of`."""

    path: Path
    of: str

    def search(
        self, ledger: LedgerSnapshot, query: str, *, projects: Sequence[str] | None = None, limit: int = 5
    ) -> list[SearchHit]:
        """The best matches in the logs of these projects ("" is the fleet's own log), or of all, with neighbours."""
        with self._current(ledger) as conn:
            roof = limit if projects is None else recall.MAX_MATCHES
            return list(_limit_hits(_hits_with_place(conn, recall.search(conn, query, roof)), projects, limit))

    def lines(self, ledger: LedgerSnapshot, project: str, task: str) -> list[tuple[str, str]]:
        """What earlier sessions of the project, or of the fleet, said that bears on a task: (entry id, text).

        Nothing where the index cannot be used: a mission must not fail for want of a memory of others.
        """
        try:
            found = self.search(ledger, task, projects=("", project), limit=MAX_RECALLED_ENTRIES)
        except (WrongSetting, sqlite3.Error):
            return []
        return [(one.entry_id, f"{one.when[:10]} · {one.heading}\n{one.text}".strip(" ·")) for one in found]

    def warnings(
        self,
        ledger: LedgerSnapshot,
        action: str,
        *,
        projects: Sequence[str] | None = None,
        said: Sequence[str] = (),
        limit: int = MAX_WARNINGS,
    ) -> list[SaidWarning]:
        """What the journals of these projects ("" is the fleet's own), or all, warn of at an action: a command line or
        a path. Nothing that is in `said`. Raises WrongSetting."""
        with self._current(ledger) as conn:

            def wanted(entry_id: str) -> bool:
                found = conn.execute("SELECT project FROM place WHERE entry_id = ?", (entry_id,)).fetchall()
                return bool(found) if projects is None else any(project in projects for (project,) in found)

            return warnings_at(conn, action, said=said, limit=limit, wanted=wanted)

    def refresh(self, ledger: LedgerSnapshot, stopped: Callable[[], bool] = lambda: False) -> int:
        """Takes in what the logs have and the index has not: the number of files. Raises WrongSetting.

        Files that are new come a few at a time: meanwhile others search, and what was taken in stays when it is
        stopped.
        """
        files, known = session_logs.files(ledger.store, ledger.tree), self._known()
        new = [file for file in files if file.path not in known]
        taken = 0
        while len(new) - taken > FILES_AT_ONCE and not stopped():  # the last of them come with what has changed
            with self._current(ledger, new[taken : taken + FILES_AT_ONCE]):
                taken += FILES_AT_ONCE
        if stopped():
            return taken
        with self._current(ledger):
            return sum(known.get(file.path) != file.oid for file in files)

    def _known(self) -> dict[str, str]:
        """The files that were taken in before; nothing where there is no index of this ledger that can be read."""
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", timeout=30, uri=True)) as conn:
                made = conn.execute("SELECT what FROM made").fetchall()
                known = dict(conn.execute("SELECT path, oid FROM source").fetchall())
                return known if made == [(self._name(),)] else {}
        except (sqlite3.Error, ValueError):
            return {}

    def _current(
        self, ledger: LedgerSnapshot, some: Sequence[session_logs.LogFile] = ()
    ) -> closing[sqlite3.Connection]:
        """The index as the logs are now, or with `some` new ones more. A file that is no database is thrown away.
        Raises WrongSetting."""
        if not some and (same := self._unchanged(ledger)):
            return closing(same)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return closing(self._updated(ledger, some))
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self.path.unlink(missing_ok=True)
                return closing(self._updated(ledger, some))
        except (sqlite3.OperationalError, OSError) as error:
            raise WrongSetting("SHIFTBOOK_HOME", f"the index {self.path} cannot be used: {error}") from error

    def _unchanged(self, ledger: LedgerSnapshot) -> sqlite3.Connection | None:
        """The index for reading alone, which waits for nobody and locks nothing, where it has all that the logs say."""
        try:
            conn = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", timeout=30, uri=True, isolation_level=None)
        except (sqlite3.Error, ValueError):
            return None
        try:
            made = conn.execute("SELECT what FROM made").fetchall()
            known = dict(conn.execute("SELECT path, oid FROM source").fetchall())
        except sqlite3.Error:
            conn.close()
            return None
        files = {file.path: file.oid for file in session_logs.files(ledger.store, ledger.tree)}
        if made == [(self._name(),)] and known == files:
            return conn
        conn.close()
        return None

    def _updated(self, ledger: LedgerSnapshot, some: Sequence[session_logs.LogFile]) -> sqlite3.Connection:
        conn = self._open()
        try:
            self._update(conn, ledger, some)
        except BaseException:
            conn.close()
            raise
        return conn

    def _open(self) -> sqlite3.Connection:
        """A connection in which we say where a transaction begins and ends."""
        return sqlite3.connect(self.path, timeout=30, isolation_level=None)

    def _update(self, conn: sqlite3.Connection, ledger: LedgerSnapshot, some: Sequence[session_logs.LogFile]) -> None:
        files = session_logs.files(ledger.store, ledger.tree)
        conn.execute("BEGIN IMMEDIATE")
        try:
            for statement in _TABLES.split(";"):
                conn.execute(statement)
            made = conn.execute("SELECT what FROM made").fetchall()
            known = dict(conn.execute("SELECT path, oid FROM source").fetchall())
            if made != [(self._name(),)]:
                self._rebuild(conn, ledger, some or files)
            elif not (_add_files(conn, ledger, some, known) if some else _index_files(conn, ledger, files, known)):
                self._rebuild(conn, ledger, files)
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def _rebuild(self, conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile]) -> None:
        for table in ("made", "source", "place"):
            conn.execute(f"DELETE FROM {table}")  # noqa: S608  # three words of ours
        recall.rebuild(conn, [])
        rebuild_warnings(conn, [])
        _index_files(conn, ledger, files, {})
        conn.execute("INSERT INTO made VALUES (?)", (self._name(),))

    def _name(self) -> str:
        return f"{SCHEMA_VERSION} {self.of}"


def _add_files(
    conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile], known: dict[str, str]
) -> bool:
    """Takes in files that are new; False when they have other words than were taken in before."""
    for file in files:
        if file.path in known:  # by somebody who searched meanwhile
            continue
        for entry_id, digest in _digests(ledger, file).items():
            there = conn.execute("SELECT digest FROM place WHERE entry_id = ?", (entry_id,)).fetchall()
            if there and (digest,) not in there:
                return False
        _add_file(conn, ledger, file)
    return True


def _index_files(
    conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile], known: dict[str, str]
) -> bool:
    """Takes in the files that changed; False when they changed what was taken in before."""
    changed = [file for file in files if known.get(file.path) != file.oid]
    gone = [path for path in known if path not in {file.path for file in files}]
    before: dict[str, str] = {}
    for path in (*gone, *(file.path for file in changed)):
        before |= dict(conn.execute("SELECT entry_id, digest FROM place WHERE path = ?", (path,)).fetchall())
        conn.execute("DELETE FROM place WHERE path = ?", (path,))
        conn.execute("DELETE FROM source WHERE path = ?", (path,))
    for file in changed:
        digests = _digests(ledger, file)
        if any(before.get(entry_id, digest) != digest for entry_id, digest in digests.items()):
            return False
        _add_file(conn, ledger, file)
    lost = "SELECT 1 FROM recall_entry WHERE entry_id NOT IN (SELECT entry_id FROM place) LIMIT 1"
    return not (changed or gone) or not conn.execute(lost).fetchall()


def _digests(ledger: LedgerSnapshot, file: session_logs.LogFile) -> dict[str, str]:
    entries = session_logs.parsed(ledger.store, file).entries
    return {entry.entry_id: session_logs.entry_digest(entry) for entry in entries}


def _add_file(conn: sqlite3.Connection, ledger: LedgerSnapshot, file: session_logs.LogFile) -> None:
    rows = [(entry_id, file.path, file.project, digest) for entry_id, digest in _digests(ledger, file).items()]
    conn.executemany("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)", rows)
    conn.execute("INSERT INTO source VALUES (?, ?)", (file.path, file.oid))
    entries = session_logs.parsed(ledger.store, file).entries
    recall.index(conn, entries)
    add_warnings(conn, entries)


def _hits_with_place(conn: sqlite3.Connection, hits: Sequence[recall.Hit]) -> Iterator[SearchHit]:
    for hit in hits:
        place = conn.execute("SELECT project, path FROM place WHERE entry_id = ?", (hit.entry_id,)).fetchone()
        project, path = place or ("", "")
        yield SearchHit(**vars(hit), project=project, path=path)


def _limit_hits(found: Iterator[SearchHit], projects: Sequence[str] | None, limit: int) -> Iterator[SearchHit]:
    """Matches of the wanted logs, each with those of its neighbours that stand in the same project's log."""
    match: SearchHit | None = None
    taken = 0
    for one in found:
        if not one.neighbour:
            match = one if projects is None or one.project in projects else None
            taken += match is not None
        if match is not None and taken <= limit and one.project == match.project:
            yield one
