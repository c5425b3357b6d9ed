"""Which files hold the fleet's journal, and which entries are in them?

The running log takes what is appended; older months lie beside it in `log/<yyyy-mm>.md`, and what a busy month has more
than a fold should write anew in `log/<yyyy-mm-dd>.md`; of a day that has more than such a file should hold, the rest is
in `log/<yyyy-mm-dd>/002.md` and so on. Text is read in whatever encoding it was saved, and parsed once
for as long as it stays the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from handoff.encoding import readable_text
from handoff.entry import Entry, ParsedLog, may_have, parse_log
from handoff.log import append_many, union
from handoff.tiers import Tier, path_of
from orchestrator.ledger.confirmed_text import as_counted
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, find, folder_entries
from sync.remote import ObjectStore, Oid

MIN_RECENT_ENTRIES = 40
"""Entries that a fresh instance may look back on; a running log with fewer is read together with older files."""

MIN_RUNNING_ENTRIES, MAX_RUNNING_ENTRIES = 20, 50
"""Each fold writes the running log anew: from more than the second number all but the first move to their days."""

MAX_DAY_BYTES = 256 * 1024
"""Bytes of a day's file from which on the next one begins: who adds to it reads and writes all of it."""

MAX_PART = 999
"""The number of a day's last file: what has a longer one is read by nobody."""

_MONTH = re.compile(r"\d{4}-\d\d(?:-\d\d)?\.md", re.ASCII)
_DAY, _PART = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), re.compile(r"\d{3}\.md", re.ASCII)
MAX_CACHED_LOGS, MAX_CACHED_ENTRIES = 64, 10_000
"""Logs that stay parsed, and entries in them; their blobs never change, so neither does what they mean. A busy month's
running log is another blob after each fold, and has ten thousand entries at its end; the last two stay
whatever they have."""
MAX_LOG_BYTES = 32 * 1024 * 1024
"""Bytes of a log that is read: three busy months in one file."""
_parsed_logs: dict[tuple[Oid, ...], ParsedLog] = {}


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """One file of the journal. `project` is "" for the fleet's own log, `month` is "" for the running one.

    `month` may name a day, or a part of one (`2026-11-30/002`).
    """

    path: str
    project: str
    month: str
    oid: Oid


def entry_digest(entry: Entry) -> str:
    """Tells an entry's words from others: sixteen hexadecimal digits, whatever its line ends."""
    words = entry.raw.replace("\r\n", "\n").encode("utf-8", "surrogatepass")
    return hashlib.blake2b(words, digest_size=8).hexdigest()


def month_path(project: str, month: str) -> str:
    """Where a log's older month lies."""
    return f"{_folder(project)}log/{month}.md"


def day_path(ledger: LedgerSnapshot, project: str, day: str, written: Mapping[str, bytes | None]) -> str:
    """Which file of a day takes more entries: its newest, or where that has grown large the one after it.

    `written` are files that the same commit is about to change.
    """
    folder = f"{_folder(project)}log/{day}"
    names = _entries(ledger.store, ledger.tree, folder).keys() | {
        path.removeprefix(f"{folder}/") for path in written if path.startswith(f"{folder}/")
    }
    newest = max((int(name[:3]) for name in names if _PART.fullmatch(name)), default=1)
    path = _part_path(project, day, newest)
    there = written.get(path) or ledger.read(path) or b""
    full = len(there) >= MAX_DAY_BYTES and newest < MAX_PART  # the last part takes the rest, however long it becomes
    return _part_path(project, day, newest + 1) if full else path


def _part_path(project: str, day: str, number: int) -> str:
    return month_path(project, day if number == 1 else f"{day}/{number:03}")


def not_filed(
    ledger: LedgerSnapshot, project: str, date: str, more: str, to: str, written: Mapping[str, bytes | None]
) -> str:
    """Of a log those entries that no file of that day or month has but `to`, word for word; "" if that is none.

    A clone from before the entries were put away brings them back into the running log, whenever it merges: nothing of
    that is put away again. `written` are files that the same commit is about to change.
    """
    wanted = parse_log(more).entries
    ids = {entry.entry_id for entry in wanted}
    months = (date[:7], date) if len(date) > len("2026-11") else ()
    stand = [
        parsed(ledger.store, file)
        for file in _older_files(ledger.store, ledger.tree, project, date[:7])
        if file.path != to and (not months or file.month.partition("/")[0] in months)
    ]
    folder = f"{_folder(project)}log/{date}"
    stand += [
        parse_log(readable_text(data))
        for path, data in written.items()
        if data is not None and path != to and path.startswith(folder)
    ]
    known = {(entry.entry_id, entry_digest(entry)) for each in stand for entry in each.entries if entry.entry_id in ids}
    fresh = [entry for entry in wanted if (entry.entry_id, entry_digest(entry)) not in known]
    return more if len(fresh) == len(wanted) else "\n".join(entry.raw.rstrip("\n") + "\n" for entry in fresh)


def with_entries(there: str, more: str) -> str:
    """A month's or a day's file with more entries. If an id stands for different words in them, all are kept."""
    known = {entry.entry_id: entry.raw.strip() for entry in parse_log(there).entries}
    new = parse_log(more).entries
    twice = len({entry.entry_id for entry in new}) < len(new)
    if twice or any(known.get(entry.entry_id, entry.raw.strip()) != entry.raw.strip() for entry in new):
        return union("", there, more)
    return append_many(there, new)


def files(store: ObjectStore, tree: Oid) -> list[LogFile]:
    """Every file of the journal in a tree: the fleet's log first, then the projects', months before running logs."""
    found = []
    for project in ("", *_projects(store, tree)):
        found += _older_files(store, tree, project)
        running = find(store, tree, path_of(Tier.LOG, project))
        if running is not None and running.mode in (FILE, EXECUTABLE):
            found.append(LogFile(path=path_of(Tier.LOG, project), project=project, month="", oid=running.oid))
    return found


def _older_files(store: ObjectStore, tree: Oid, project: str, begin: str = "") -> list[LogFile]:
    """A log's months, days and parts of days, in the order in which they are read; those that begin so."""
    folder = _entries(store, tree, f"{_folder(project)}log")
    months = [(name[:-3], entry.oid) for name, entry in folder.items() if _MONTH.fullmatch(name)]
    days = [(name, entry) for name, entry in folder.items() if _DAY.fullmatch(name) and name.startswith(begin)]
    months += [(f"{day}/{name[:-3]}", oid) for day, entry in days for name, oid in _parts(store, entry)]
    months.sort(key=lambda pair: (pair[0][:7], pair[0][7:] or "~"))  # a month's own file has what came after its days
    return [
        LogFile(path=month_path(project, month), project=project, month=month, oid=oid)
        for month, oid in months
        if month.startswith(begin)
    ]


def parsed(store: ObjectStore, file: LogFile) -> ParsedLog:
    """A file of the journal in pieces."""
    return _cached((file.oid,), lambda: parse_log(text(store, file.oid)))


def text(store: ObjectStore, oid: Oid) -> str:
    """A log's text."""
    return readable_text(store.get(oid, MAX_LOG_BYTES))


def entries(
    store: ObjectStore, tree: Oid, project: str | None = None, *, begin: str = ""
) -> Iterator[tuple[LogFile, Entry]]:
    """Every entry with its file, oldest month first and then as they were appended; of one project, or of all.

    With `begin` those whose ids begin so, and only files that may have one are parsed: of a million entries that takes
    a tenth of the time.
    """
    seen: set[tuple[str, str]] = set()
    for file in files(store, tree):
        if project is not None and file.project != project:
            continue
        if begin and not may_have(text(store, file.oid), begin):
            continue
        for entry in parsed(store, file).entries:
            # A month that is moved may stand in both files for a while.
            if entry.entry_id.startswith(begin) and (file.project, entry.entry_id) not in seen:
                seen.add((file.project, entry.entry_id))
                yield file, entry


def newest(ledger: LedgerSnapshot, project: str | None, limit: int) -> list[tuple[LogFile, Entry]]:
    """The last entries of all logs, or of one project's, newest first; older months are read if they are needed."""
    found: dict[str, list[tuple[LogFile, Entry]]] = {}
    for file in reversed(files(ledger.store, ledger.tree)):
        mine = found.setdefault(file.project, [])
        if project in (None, file.project) and len(mine) < limit:
            mine += [(file, entry) for entry in reversed(parsed(ledger.store, file).entries)]
    every = {(file.project, entry.entry_id): (file, entry) for mine in found.values() for file, entry in reversed(mine)}
    return sorted(every.values(), key=lambda pair: pair[1].when, reverse=True)[:limit]


def recent(ledger: LedgerSnapshot, project: str) -> ParsedLog:
    """The running log, with as many older files before it as it takes to look back on `MIN_RECENT_ENTRIES`."""
    found: dict[Oid, ParsedLog] = {}
    plain = True
    for file in reversed([file for file in files(ledger.store, ledger.tree) if file.project == project]):
        if sum(len(log.entries) for log in found.values()) >= MIN_RECENT_ENTRIES:
            break
        found[file.oid] = counted(ledger, file)
        plain = plain and found[file.oid] is parsed(ledger.store, file)
    return (
        _cached(tuple(found), lambda: _join_logs(list(reversed(found.values()))))
        if plain
        else _join_logs(list(reversed(found.values())))
    )


def counted(ledger: LedgerSnapshot, file: LogFile) -> ParsedLog:
    """A file of the journal as it counts: what nobody has signed in whose name it stands awaits confirmation. A line
    that was moved here from the running log was signed there."""
    raw = text(ledger.store, file.oid)
    told = as_counted(ledger, file.path, raw)
    if told != raw and file.month:
        told = as_counted(ledger, path_of(Tier.LOG, file.project), raw)
    return parsed(ledger.store, file) if told == raw else parse_log(told)


def _cached(oids: tuple[Oid, ...], read: Callable[[], ParsedLog]) -> ParsedLog:
    """The log of these blobs, read only if it was not read lately."""
    log = _parsed_logs.pop(oids, None) or read()
    _parsed_logs[oids] = log
    entries = sum(len(kept.entries) for kept in list(_parsed_logs.values()))
    for old in list(_parsed_logs)[:-2]:
        if len(_parsed_logs) > MAX_CACHED_LOGS or entries > MAX_CACHED_ENTRIES:
            gone = _parsed_logs.pop(old, None)
            entries -= len(gone.entries) if gone else 0
    return log


def _join_logs(logs: list[ParsedLog]) -> ParsedLog:
    every: dict[str, tuple[Entry, str]] = {}
    for log in logs:
        for entry, gap in zip(log.entries, log.gaps, strict=True):
            every.setdefault(entry.entry_id, (entry, gap))  # what a clone brought back stands in the running log, too
    return ParsedLog(
        preamble="",
        entries=tuple(entry for entry, _ in every.values()),
        gaps=tuple(gap for _, gap in every.values()),
    )


def _parts(store: ObjectStore, day: TreeEntry) -> list[tuple[str, Oid]]:
    return [(name, entry.oid) for name, entry in folder_entries(store, day).items() if _PART.fullmatch(name)]


def _folder(project: str) -> str:
    return f"projects/{project}/" if project else ""


def _projects(store: ObjectStore, tree: Oid) -> list[str]:
    return sorted(name for name, entry in _entries(store, tree, "projects").items() if entry.mode == FOLDER)


def _entries(store: ObjectStore, tree: Oid, path: str) -> dict[str, TreeEntry]:
    return folder_entries(store, find(store, tree, path))
