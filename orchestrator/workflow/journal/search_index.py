"""What does this machine remember of the journal, so that a search does not read every log?

A SQLite file in the node's home folder. It is a cache of the ledger: entries that are new are added, and it is made
again from nothing when it is missing, cannot be read, is of another ledger or holds what the logs no longer say. Who
looks with a ledger that is older than the one it was made from takes it as it is: made again for each of the two, it
would never be of use to either. A look at an action never writes, and waits for nobody who does.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from handoff import recall
from handoff.warnings.warning_index import MAX_WARNINGS, SaidWarning, add_warnings, rebuild_warnings, warnings_at
from orchestrator.core.errors import WrongSetting
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import GitError, ObjectMissing

SCHEMA_VERSION = "5"
"""Of the tables. It is in the file's name: two versions of the program on one machine don't undo each other's."""
FILES_AT_ONCE = 4
"""New log files that one transaction takes in: whoever searches meanwhile waits for its end."""
PATIENCE_SECONDS = 5.0
"""For so long whoever cannot wait has logs taken in before a search: a million entries take minutes."""
LOOK_SECONDS = 0.25
"""For so long a look at an action waits for the file, and searches in it at most: a tool call waits for its answer."""
STEPS_AT_ONCE = 20_000
"""Steps of SQLite's machine between two looks at the clock, a fraction of a millisecond."""
RUNNING = "~"
"""The age of a running log: it comes behind all months and days."""
MAX_RECALLED_ENTRIES = 6
"""Matches that a fresh instance is given for its task."""

_TABLES = """
CREATE TABLE IF NOT EXISTS made (what TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (tip TEXT PRIMARY KEY) WITHOUT ROWID;
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
    clock: Callable[[], float] = time.monotonic

    def search(
        self,
        ledger: LedgerSnapshot,
        query: str,
        *,
        projects: Sequence[str] | None = None,
        limit: int = 5,
        patience: float = math.inf,
    ) -> list[SearchHit]:
        """The best matches in the logs of these projects ("" is the fleet's own log), or of all, with neighbours.

        Logs that nobody has searched yet are taken in first, the newest ones first. After `patience` seconds what is
        there is searched, and `unread` says what is missing. Raises WrongSetting.
        """
        with self._ready(ledger, patience) as conn:
            roof = limit if projects is None else recall.MAX_MATCHES
            return list(_limit_hits(_hits_with_place(conn, recall.search(conn, query, roof)), projects, limit))

    def lines(self, ledger: LedgerSnapshot, project: str, task: str) -> list[tuple[str, str]]:
        """What earlier sessions of the project, or of the fleet, said that bears on a task: (entry id, text).

        Nothing where the index cannot be used: a mission must not fail for want of a memory of others.
        """
        try:
            found = self.search(
                ledger, task, projects=("", project), limit=MAX_RECALLED_ENTRIES, patience=PATIENCE_SECONDS
            )
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
        withdrawn: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> list[SaidWarning]:
        """What the journals of these projects ("" is the fleet's own), or all, warn of at an action: a command line or
        a path. Nothing that is in `said`; `withdrawn` what is not said because it hurt. Logs that nobody has searched
        yet are taken in first, as `search` does it. Raises WrongSetting."""
        with self._ready(ledger, patience) as conn:
            return warnings_at(conn, action, said=said, limit=limit, projects=projects, withdrawn=withdrawn)

    def project_warnings(self, project: str, action: str, said: Sequence[str], limit: int) -> list[SaidWarning]:
        """The same of a project's journal and the fleet's own, as far as they were taken in before, for who works in
        that project. Raises sqlite3.Error where the file is busy for too long, or no index of these."""
        with closing(self._read_only(LOOK_SECONDS)) as conn:
            until = self.clock() + LOOK_SECONDS
            conn.set_progress_handler(lambda: self.clock() > until, STEPS_AT_ONCE)
            conn.execute("BEGIN")  # else each statement locks the file, and looks whether its pages still hold
            if conn.execute("SELECT what FROM made").fetchall() != [(self._name(),)]:
                return []
            return warnings_at(conn, action, said=said, limit=limit, projects=("", project))

    def refresh(self, ledger: LedgerSnapshot, stopped: Callable[[], bool] = lambda: False) -> int:
        """Takes in what the logs have and the index has not: the number of files. Raises WrongSetting.

        Files that are new come a few at a time, the newest first: meanwhile others search, and what was taken in stays
        when it is stopped.
        """
        files, known = session_logs.files(ledger.store, ledger.tree), self._known()
        new = _newest_first(file for file in files if file.path not in known)
        taken = 0
        while len(new) - taken > FILES_AT_ONCE and not stopped():  # the last of them come with what has changed
            with self._current(ledger, new[taken : taken + FILES_AT_ONCE]):
                taken += FILES_AT_ONCE
        if stopped():
            return taken
        with self._current(ledger):
            return sum(known.get(file.path) != file.oid for file in files)

    def unread(self, ledger: LedgerSnapshot) -> list[session_logs.LogFile]:
        """The files of the journal that no search looks into yet, the newest first."""
        known = self._known()
        return _newest_first(file for file in session_logs.files(ledger.store, ledger.tree) if file.path not in known)

    def _ready(self, ledger: LedgerSnapshot, patience: float) -> closing[sqlite3.Connection]:
        """The index with all that the logs say, or with what could be taken in within so many seconds."""
        if same := self._unchanged(ledger):
            return closing(same)
        until, new = self.clock() + patience, self.unread(ledger)
        while len(new) > FILES_AT_ONCE:
            taken, new = new[:FILES_AT_ONCE], new[FILES_AT_ONCE:]
            if len(new) > FILES_AT_ONCE and self.clock() >= until:
                return self._current(ledger, taken)
            with self._current(ledger, taken):
                pass
        return self._current(ledger)

    def _known(self) -> dict[str, str]:
        """The files that were taken in before; nothing where there is no index of this ledger that can be read."""
        try:
            with closing(self._read_only()) as conn:
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
        """The index for reading alone, which waits for nobody and locks nothing, where it has all that the logs say, or
        more: what was written since this ledger was read."""
        try:
            conn = self._read_only()
        except (sqlite3.Error, ValueError):
            return None
        try:
            made = conn.execute("SELECT what FROM made").fetchall()
            known = dict(conn.execute("SELECT path, oid FROM source").fetchall())
            seen = _tip_seen(conn)
        except sqlite3.Error:
            conn.close()
            return None
        files = {file.path: file.oid for file in session_logs.files(ledger.store, ledger.tree)}
        if made == [(self._name(),)] and (known == files or _is_newer(seen, ledger)):
            return conn
        conn.close()
        return None

    def _read_only(self, seconds: float = 30) -> sqlite3.Connection:
        """A connection that cannot write. Raises sqlite3.Error, and ValueError for a path that is no whole one."""
        uri = f"{self.path.as_uri()}?mode=ro"
        return sqlite3.connect(uri, timeout=seconds, uri=True, isolation_level=None)

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
                self._rebuild(conn, ledger, some[::-1] or files)
            elif not _is_newer(_tip_seen(conn), ledger):  # else somebody with a newer ledger was here meanwhile
                if not _take_in(conn, ledger, files, known, some):
                    self._rebuild(conn, ledger, some[::-1] or files)
                conn.execute("DELETE FROM seen")
                conn.execute("INSERT INTO seen VALUES (?)", (ledger.tip,))
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def _rebuild(self, conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile]) -> None:
        for table in ("made", "seen", "source", "place"):
            conn.execute(f"DELETE FROM {table}")  # noqa: S608  # four words of ours
        recall.rebuild(conn, [])
        rebuild_warnings(conn, [])
        for file in files:
            _add_file(conn, ledger, file)
        conn.execute("INSERT INTO made VALUES (?)", (self._name(),))
        conn.execute("INSERT INTO seen VALUES (?)", (ledger.tip,))

    def _name(self) -> str:
        return f"{SCHEMA_VERSION} {self.of}"


def _tip_seen(conn: sqlite3.Connection) -> str:
    """The commit of the ledger from which the index was brought up last."""
    return next((str(tip) for (tip,) in conn.execute("SELECT tip FROM seen").fetchall()), "")


def _is_newer(seen: str, ledger: LedgerSnapshot) -> bool:
    """Whether the index was brought up from a ledger that goes on from this one."""
    try:
        return bool(seen) and seen != ledger.tip and ledger.store.descends(seen, ledger.tip)
    except (ObjectMissing, GitError):
        return False  # of a ledger that this clone has not seen, or that was written anew


def _newest_first(files: Iterable[session_logs.LogFile]) -> list[session_logs.LogFile]:
    return sorted(files, key=_age, reverse=True)


def _age(file: session_logs.LogFile) -> str:
    """What files are ordered by: their month or day, the running logs last."""
    return file.month or RUNNING


def _take_in(
    conn: sqlite3.Connection,
    ledger: LedgerSnapshot,
    files: Sequence[session_logs.LogFile],
    known: dict[str, str],
    some: Sequence[session_logs.LogFile],
) -> bool:
    """Takes in `some` new files and what has changed in those that are known; without `some` everything. False when
    that changes what was taken in before."""
    _add_files(conn, ledger, some, min((_age(file) for file in files if file.path in known), default=""))
    known = known | {file.path: file.oid for file in some if file.path not in known}
    return _index_files(conn, ledger, [file for file in files if not some or file.path in known], known)


def _add_files(
    conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile], oldest: str
) -> None:
    """Takes in files that are new. `oldest` is the age of the oldest that is there."""
    for file in files:
        if conn.execute("SELECT 1 FROM source WHERE path = ?", (file.path,)).fetchall():
            continue  # by somebody who searched meanwhile
        _add_file(conn, ledger, file, older=_age(file) <= oldest)


def _index_files(
    conn: sqlite3.Connection, ledger: LedgerSnapshot, files: Sequence[session_logs.LogFile], known: dict[str, str]
) -> bool:
    """Takes in the files that changed, those first that come behind what is there, then the older ones, the newest of
    them first. False when no file has the words any more that one had before: two may say one entry differently."""
    changed = [file for file in files if known.get(file.path) != file.oid]
    gone = [path for path in known if path not in {file.path for file in files}]
    ages = [_age(file) for file in files if file.path in known]
    oldest, newest = min(ages, default=""), max((age for age in ages if age != RUNNING), default="")
    before: set[tuple[str, str]] = set()
    for path in (*gone, *(file.path for file in changed)):
        before |= set(conn.execute("SELECT entry_id, digest FROM place WHERE path = ?", (path,)).fetchall())
        conn.execute("DELETE FROM place WHERE path = ?", (path,))
        conn.execute("DELETE FROM source WHERE path = ?", (path,))
    late = [file for file in changed if _age(file) != RUNNING and (_age(file) < newest or _age(file) <= oldest)]
    for file in (*(file for file in changed if file not in late), *_newest_first(late)):
        _add_file(conn, ledger, file, older=file in late)
    there = "SELECT 1 FROM place WHERE entry_id = ? AND digest = ?"
    lost = (
        "SELECT 1 FROM warning_entry AS entry WHERE NOT EXISTS"
        " (SELECT 1 FROM place WHERE place.entry_id = entry.entry_id AND place.project = entry.project) LIMIT 1"
    )
    if not all(conn.execute(there, said).fetchone() for said in before):
        return False
    return not (changed or gone) or not conn.execute(lost).fetchall()


def _digests(ledger: LedgerSnapshot, file: session_logs.LogFile) -> dict[str, str]:
    entries = session_logs.parsed(ledger.store, file).entries
    return {entry.entry_id: session_logs.entry_digest(entry) for entry in entries}


def _add_file(
    conn: sqlite3.Connection, ledger: LedgerSnapshot, file: session_logs.LogFile, *, older: bool = False
) -> None:
    rows = [(entry_id, file.path, file.project, digest) for entry_id, digest in _digests(ledger, file).items()]
    conn.executemany("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)", rows)
    conn.execute("INSERT INTO source VALUES (?, ?)", (file.path, file.oid))
    entries = session_logs.counted(ledger, file).entries
    recall.index(conn, entries, older=older)
    add_warnings(conn, entries, file.project)


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
