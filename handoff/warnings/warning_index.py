"""Which warnings are said at an action, among a journal of a hundred thousand entries, within the time of a tool call?

An index of what `action_warnings` finds, beside that of `recall` and a cache like it, in a connection that the caller
opens and commits. What lines are about is kept once for all lines; the exact is said before the broad, then the newest.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from handoff.entry import Entry
from handoff.recall import Connection
from handoff.secrets.excerpts import redacted_line
from handoff.warnings.action_warnings import (
    MAX_LINE_CHARS,
    ActionWords,
    SubjectKind,
    WarningSubject,
    action_words,
    author_of,
    warnings_of,
)
from handoff.warnings.heard_warnings import WarningCounts, WarningVerdict, counts_by_node, heard_in
from handoff.warnings.settled_warnings import Settlement, settlements_of
from missions.one_line import printable
from missions.plain_data import read_json

MAX_WARNINGS = 3
"""Lines that are said at one action."""
MAX_SUBJECTS_A_WORD, MAX_COMMANDS_A_WORD = 64, 4096
"""Things that one word of an action finds, and commands that are compared with it for that, those met last first."""
MAX_SUBJECTS_A_LOOK = 512
MAX_SETTLED_A_SUBJECT = 64
MAX_LINES_A_SUBJECT, PAGES = 1000, (16, 48, 192, 744)
"""Lines on one thing that are looked at in each log, the newest first, where those were said before; in such pages."""
MAX_LINES_A_LOOK = 128
"""Lines of which is asked whether they still hold: so many at one action, whatever they are about."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS warning_entry"
    " (entry_id TEXT, project TEXT, author TEXT, node TEXT, PRIMARY KEY (entry_id, project)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS warning_subject"
    " (id INTEGER PRIMARY KEY, kind TEXT, words TEXT, key TEXT, newest TEXT, UNIQUE (kind, words))",
    "CREATE INDEX IF NOT EXISTS warning_by_key ON warning_subject (key, newest)",
    "CREATE TABLE IF NOT EXISTS warning_line"
    " (subject INTEGER, moment TEXT, entry_id TEXT, text TEXT, section TEXT, subjects TEXT, project TEXT)",
    "CREATE INDEX IF NOT EXISTS warning_by_subject ON warning_line (subject, moment)",
    "CREATE INDEX IF NOT EXISTS warning_by_project ON warning_line (subject, project, moment)",
    "CREATE TABLE IF NOT EXISTS warning_settled"
    " (subject INTEGER, moment TEXT, entry_id TEXT, text TEXT, outright INTEGER)",
    "CREATE INDEX IF NOT EXISTS settled_by_subject ON warning_settled (subject, moment)",
    "CREATE TABLE IF NOT EXISTS warning_heard"
    " (text TEXT, entry_id TEXT, verdict TEXT, node TEXT, PRIMARY KEY (text, entry_id)) WITHOUT ROWID",
)
_CONCERNED = (
    "SELECT id, kind, words, newest FROM (SELECT * FROM warning_subject WHERE key = ? ORDER BY newest DESC LIMIT ?)"
    " WHERE kind <> 'command' OR NOT EXISTS (SELECT 1 FROM json_each(words) AS one"
    " WHERE one.value NOT IN (SELECT value FROM json_each(?))) LIMIT ?"
)
"""Of a word's commands those that the action has every word of: an exact one is not hidden by newer ones."""
_TABLES = ("warning_entry", "warning_subject", "warning_line", "warning_settled", "warning_heard")
_FORGED = re.compile(r"\[[^\[\]]*\]\s*\Z")
"""What stands in a line's end as a citation does."""
MAX_AUTHOR_CHARS = 80
_UNQUOTED = str.maketrans(
    {'"': "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", "[": "(", "]": ")", "<": "(", ">": ")"}
)
"""What could end a quotation, be taken for another citation, or for a mark of ours."""
_RANK = {kind: place for place, kind in enumerate(SubjectKind)}


@dataclass(frozen=True, kw_only=True)
class SaidWarning:
    """A warning as it is said: the line, the entry that it is cited by, and what of the action it is about."""

    text: str
    entry_id: str
    when: str
    about: str
    author: str = ""
    subject: WarningSubject | None = None
    counts: WarningCounts = field(default_factory=WarningCounts)
    """How many sessions it helped and hurt so far."""

    @property
    def quoted(self) -> str:
        """As an agent hears it, who may take words for orders: in quotation marks that it cannot end, without secrets,
        with whose words they are. Only its own citation stands in brackets."""
        text = redacted_line(self.text, MAX_LINE_CHARS).translate(_UNQUOTED)
        who = " ".join(printable(self.author[:MAX_AUTHOR_CHARS]).translate(_UNQUOTED).split()) or "somebody"
        return f'{who} wrote: "{text}" [{self.entry_id}{f", {self.when[:10]}" if self.when else ""}]'

    @property
    def line(self) -> str:
        """One line, with its citation: the only one that ends it, whatever the journal's words end with."""
        day = f", {self.when[:10]}" if self.when else ""
        plain = _FORGED.sub(_round, printable(self.text)).strip()
        return f"{plain} [{self.entry_id}{day}]"


def add_warnings(conn: Connection, entries: Iterable[Entry], project: str = "") -> int:
    """Takes in the entries of a project's log ("" is the fleet's own) whose ids the index does not have of that, and
    says how many lines warn. The caller commits."""
    _prepare(conn)
    added = 0
    for entry in entries:
        there = "SELECT 1 FROM warning_entry WHERE entry_id = ? AND project = ?"
        if conn.execute(there, (entry.entry_id, project)).fetchall():
            continue
        known = (entry.entry_id, project, author_of(entry), entry.node)
        conn.execute("INSERT INTO warning_entry VALUES (?, ?, ?, ?)", known)
        for warning in warnings_of(entry):
            added += 1
            places = [_subject_id(conn, subject, warning.when) for subject in warning.subjects]
            for place in places:
                row = (
                    place,
                    warning.when,
                    warning.entry_id,
                    warning.text,
                    warning.section,
                    json.dumps(places),
                    project,
                )
                conn.execute("INSERT INTO warning_line VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for one in settlements_of(entry):
            for subject in one.subjects:
                settled = (_subject_id(conn, subject, ""), one.when, one.entry_id, one.text, int(one.outright))
                conn.execute("INSERT INTO warning_settled VALUES (?, ?, ?, ?, ?)", settled)
        for heard in heard_in(entry):
            told = (heard.text, entry.entry_id, heard.verdict.value, entry.node)
            conn.execute("INSERT OR IGNORE INTO warning_heard VALUES (?, ?, ?, ?)", told)
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
    projects: Sequence[str] | None = None,
    withdrawn: bool = False,
) -> list[SaidWarning]:
    """What is said at the action, the most exact first, of the same exactness the newest; never a text twice, none that
    is in `said`, only what stands in the logs of these projects, or of all, none that hurt; `withdrawn`: those that
    hurt, and no others. Reads alone where `add_warnings` was there before."""
    if limit < 1 or not conn.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_TABLES[-1],)).fetchall():
        return []
    words = action_words(action)
    look = _WarningLook(conn=conn, action=words, projects=projects, told=set(said), withdrawn=withdrawn)
    newest_first = sorted(islice(_subjects_at(conn, words), MAX_SUBJECTS_A_LOOK), key=lambda one: one[0], reverse=True)
    ordered = sorted(newest_first, key=lambda one: (_RANK[one[2].kind], -len(one[2].words)))
    return list(islice((one for _, place, subject in ordered for one in look.lines(place, subject)), limit))


@dataclass(kw_only=True)
class _WarningLook:
    """One look at an action: what was met so far."""

    conn: Connection
    action: ActionWords
    projects: Sequence[str] | None
    told: set[str]
    withdrawn: bool
    left: int = MAX_LINES_A_LOOK
    settlements: dict[int, list[tuple[Settlement, WarningSubject]]] = field(default_factory=dict)
    """By subject what says that something about it is over."""

    def lines(self, place: int, subject: WarningSubject) -> Iterator[SaidWarning]:
        """What is said of one thing, the newest first."""
        about = " ".join(subject.words) if subject.kind is not SubjectKind.COMMAND else self.action.text.strip()
        for when, entry_id, text, section, places, author, node in self._rows(place):
            if text in self.told:
                continue
            if self.left < 1:
                return
            self.left -= 1
            if self._is_settled(text, section, when, places):
                continue
            self.told.add(text)
            counts = _counts(self.conn, text, node)
            if counts.withdrawn is self.withdrawn:
                yield SaidWarning(
                    text=text,
                    entry_id=entry_id,
                    when=when,
                    about=about,
                    author=author,
                    subject=subject,
                    counts=counts,
                )

    def _rows(self, place: int) -> Iterator[tuple[str, ...]]:
        """Of all logs that are looked into, the newest first; of each no more than so many."""
        if self.projects is None:
            return self._rows_of(place, "", ())
        of_each = (self._rows_of(place, "AND line.project = ?", (project,)) for project in dict.fromkeys(self.projects))
        return merge(*of_each, key=lambda row: row[0], reverse=True)

    def _rows_of(self, place: int, where: str, given: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        start = 0
        for count in PAGES:
            rows = self.conn.execute(
                "SELECT moment, line.entry_id, text, section, subjects, author, node FROM warning_line AS line"  # noqa: S608  # a condition of ours
                " LEFT JOIN warning_entry AS entry ON entry.entry_id = line.entry_id AND entry.project = line.project"
                f" WHERE subject = ? {where} ORDER BY moment DESC LIMIT ? OFFSET ?",
                (place, *given, count, start),
            ).fetchall()
            yield from (tuple(str(each or "") for each in row) for row in rows)
            start += count
            if len(rows) < count:
                return

    def _is_settled(self, text: str, section: str, when: str, places: str) -> bool:
        """Whether a line of the journal that is not older takes the warning back."""
        return any(
            one.settles(text, section, when, subject)
            for place in read_json(places)
            for one, subject in self._settlements(place)
        )

    def _settlements(self, place: int) -> list[tuple[Settlement, WarningSubject]]:
        """The newest ones about one thing."""
        if place not in self.settlements:
            self.settlements[place] = list(_settlements_of(self.conn, place))
        return self.settlements[place]


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


def _counts(conn: Connection, text: str, writer: str) -> WarningCounts:
    """How many sessions it helped and hurt; the index has what each entry says of itself, once."""
    asked = "SELECT node, verdict, COUNT(*) FROM warning_heard WHERE text = ? GROUP BY node, verdict"
    sessions: dict[str, dict[WarningVerdict, int]] = defaultdict(dict)
    for node, verdict, count in conn.execute(asked, (text,)).fetchall():
        sessions[str(node)][WarningVerdict(str(verdict))] = int(count or 0)
    return counts_by_node(sessions, writer)


def _settlements_of(conn: Connection, place: int) -> Iterator[tuple[Settlement, WarningSubject]]:
    rows = conn.execute(
        "SELECT one.text, one.entry_id, one.moment, one.outright, subject.kind, subject.words"
        " FROM warning_settled AS one JOIN warning_subject AS subject ON subject.id = one.subject"
        " WHERE one.subject = ? ORDER BY one.moment DESC LIMIT ?",
        (place, MAX_SETTLED_A_SUBJECT),
    ).fetchall()
    for said, entry_id, moment, outright, kind, words in rows:
        subject = WarningSubject(kind=SubjectKind(str(kind)), words=tuple(read_json(str(words))))
        one = Settlement(
            text=str(said), entry_id=str(entry_id), when=str(moment), outright=bool(outright), subjects=(subject,)
        )
        yield one, subject
