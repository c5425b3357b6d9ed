"""Which warnings are said at an action, among a journal of a hundred thousand entries, within the time of a tool call?

An index of what `action_warnings` finds, beside that of `recall` and a cache like it, in a connection that the caller
opens and commits. What lines are about is kept once for all lines; the exact is said before the broad, then the newest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from handoff.entry import Entry
from handoff.recall import Connection
from handoff.warnings.action_warnings import ActionWords, SubjectKind, WarningSubject, action_words, warnings_of
from handoff.warnings.settled_warnings import Settlement, settlements_of
from missions.one_line import printable
from missions.plain_data import read_json

MAX_WARNINGS = 3
"""Lines that are said at one action."""
MAX_SUBJECTS_A_WORD, MAX_COMMANDS_A_WORD = 64, 4096
"""Things that one word of an action finds, and commands that are compared with it for that, those met last first."""
MAX_SETTLED_A_SUBJECT = 64
MAX_LINES_A_SUBJECT, LINES_AT_ONCE = 1000, 16
"""Lines on one thing that are looked at, the newest first, where others than those are wanted; so many at a time."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS warning_entry (entry_id TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS warning_subject"
    " (id INTEGER PRIMARY KEY, kind TEXT, words TEXT, key TEXT, newest TEXT, UNIQUE (kind, words))",
    "CREATE INDEX IF NOT EXISTS warning_by_key ON warning_subject (key, newest)",
    "CREATE TABLE IF NOT EXISTS warning_line"
    " (subject INTEGER, moment TEXT, entry_id TEXT, text TEXT, section TEXT, subjects TEXT)",
    "CREATE INDEX IF NOT EXISTS warning_by_subject ON warning_line (subject, moment)",
    "CREATE TABLE IF NOT EXISTS warning_settled"
    " (subject INTEGER, moment TEXT, entry_id TEXT, text TEXT, outright INTEGER)",
    "CREATE INDEX IF NOT EXISTS settled_by_subject ON warning_settled (subject, moment)",
)
_CONCERNED = (
    "SELECT id, kind, words, newest FROM (SELECT * FROM warning_subject WHERE key = ? ORDER BY newest DESC LIMIT ?)"
    " WHERE kind <> 'command' OR NOT EXISTS (SELECT 1 FROM json_each(words) AS one"
    " WHERE one.value NOT IN (SELECT value FROM json_each(?))) LIMIT ?"
)
"""Of a word's commands those that the action has every word of: an exact one is not hidden by newer ones."""
_TABLES = ("warning_entry", "warning_subject", "warning_line", "warning_settled")
_FORGED = re.compile(r"\[[^\[\]]*\]\s*\Z")
"""What stands in a line's end as a citation does."""
_RANK = {kind: place for place, kind in enumerate(SubjectKind)}


@dataclass(frozen=True, kw_only=True)
class SaidWarning:
    """A warning as it is said: the line, the entry that it is cited by, and what of the action it is about."""

    text: str
    entry_id: str
    when: str
    about: str

    @property
    def line(self) -> str:
        """One line, with its citation: the only one that ends it, whatever the journal's words end with."""
        day = f", {self.when[:10]}" if self.when else ""
        plain = _FORGED.sub(_round, printable(self.text)).strip()
        return f"{plain} [{self.entry_id}{day}]"


def add_warnings(conn: Connection, entries: Iterable[Entry]) -> int:
    """Takes in the entries whose ids the index does not have, and says how many lines warn. The caller commits."""
    _prepare(conn)
    added = 0
    for entry in entries:
        if conn.execute("SELECT 1 FROM warning_entry WHERE entry_id = ?", (entry.entry_id,)).fetchall():
            continue
        conn.execute("INSERT INTO warning_entry VALUES (?)", (entry.entry_id,))
        for warning in warnings_of(entry):
            added += 1
            places = [_subject_id(conn, subject, warning.when) for subject in warning.subjects]
            for place in places:
                row = (place, warning.when, warning.entry_id, warning.text, warning.section, json.dumps(places))
                conn.execute("INSERT INTO warning_line VALUES (?, ?, ?, ?, ?, ?)", row)
        for one in settlements_of(entry):
            for subject in one.subjects:
                settled = (_subject_id(conn, subject, ""), one.when, one.entry_id, one.text, int(one.outright))
                conn.execute("INSERT INTO warning_settled VALUES (?, ?, ?, ?, ?)", settled)
    return added


def rebuild_warnings(conn: Connection, entries: Iterable[Entry]) -> int:
    """Makes the index again from nothing. The caller commits."""
    for table in _TABLES:
        conn.execute(f"DROP TABLE IF EXISTS {table}")
    return add_warnings(conn, entries)


def warnings_at(
    conn: Connection,
    action: str,
    *,
    said: Collection[str] = (),
    limit: int = MAX_WARNINGS,
    wanted: Callable[[str], bool] = lambda entry_id: True,
) -> list[SaidWarning]:
    """What is said at the action, the most exact first, of the same exactness the newest; never a text twice, none that
    is in `said`, none of an entry that is not `wanted`."""
    _prepare(conn)
    found: list[SaidWarning] = []
    if limit < 1:
        return found
    told = set(said)
    words = action_words(action)
    newest_first = sorted(_subjects_at(conn, words), key=lambda one: one[0], reverse=True)
    for _, place, subject in sorted(newest_first, key=lambda one: (_RANK[one[2].kind], -len(one[2].words))):
        if len(found) >= limit:
            break
        for one in _newest_lines(conn, place, subject, words):
            if one.text not in told and wanted(one.entry_id):
                told.add(one.text)
                found.append(one)
                if len(found) >= limit:
                    break
    return found


def _round(found: re.Match[str]) -> str:
    return f"({found[0].strip()[1:-1]})"


def _prepare(conn: Connection) -> None:
    for statement in _SCHEMA:
        conn.execute(statement)


def _subject_id(conn: Connection, subject: WarningSubject, when: str) -> int:
    words = json.dumps(subject.words, ensure_ascii=False)
    conn.execute(
        "INSERT INTO warning_subject (kind, words, key, newest) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (kind, words) DO UPDATE SET newest = max(newest, excluded.newest)",
        (subject.kind.value, words, subject.key, when),
    )
    found = conn.execute("SELECT id FROM warning_subject WHERE kind = ? AND words = ?", (subject.kind.value, words))
    return int(found.fetchall()[0][0] or 0)


def _subjects_at(conn: Connection, action: ActionWords) -> Iterator[tuple[str, int, WarningSubject]]:
    """The subjects that concern the action: when each was met last, its place, and itself."""
    spoken = json.dumps(sorted(action.words), ensure_ascii=False)
    for key in action.keys:
        rows = conn.execute(_CONCERNED, (key, MAX_COMMANDS_A_WORD, spoken, MAX_SUBJECTS_A_WORD)).fetchall()
        for place, kind, words, newest in rows:
            subject = WarningSubject(kind=SubjectKind(str(kind)), words=tuple(read_json(str(words))))
            if subject.concerns(action):
                yield str(newest), int(place or 0), subject


def _newest_lines(conn: Connection, place: int, subject: WarningSubject, action: ActionWords) -> Iterator[SaidWarning]:
    about = " ".join(subject.words) if subject.kind is not SubjectKind.COMMAND else action.text.strip()
    for start in range(0, MAX_LINES_A_SUBJECT, LINES_AT_ONCE):
        rows = conn.execute(
            "SELECT text, entry_id, moment, section, subjects FROM warning_line"
            " WHERE subject = ? ORDER BY moment DESC LIMIT ? OFFSET ?",
            (place, LINES_AT_ONCE, start),
        ).fetchall()
        for text, entry_id, when, section, places in rows:
            if _is_settled(conn, str(text), str(section), str(when), str(places)):
                continue
            yield SaidWarning(text=str(text), entry_id=str(entry_id), when=str(when), about=about)
        if len(rows) < LINES_AT_ONCE:
            return


def _is_settled(conn: Connection, text: str, section: str, when: str, places: str) -> bool:
    """Whether a line of the journal that is not older takes the warning back."""
    for place in read_json(places):
        rows = conn.execute(
            "SELECT one.text, one.entry_id, one.moment, one.outright, subject.kind, subject.words"
            " FROM warning_settled AS one JOIN warning_subject AS subject ON subject.id = one.subject"
            " WHERE one.subject = ? AND one.moment >= ? ORDER BY one.moment DESC LIMIT ?",
            (place, when, MAX_SETTLED_A_SUBJECT),
        ).fetchall()
        for said, entry_id, moment, outright, kind, words in rows:
            subject = WarningSubject(kind=SubjectKind(str(kind)), words=tuple(read_json(str(words))))
            one = Settlement(
                text=str(said), entry_id=str(entry_id), when=str(moment), outright=bool(outright), subjects=(subject,)
            )
            if one.settles(text, section, when, subject):
                return True
    return False
