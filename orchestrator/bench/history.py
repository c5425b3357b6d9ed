"""How does a ledger look after years of work? A history of finished missions, written as fast as Git can take it in.

Every ten missions are filed in one commit and folded in another, as a busy fleet leaves them: mission files in the
archive, a memo each, an entry each in the journal, which lies in its days' files. Long histories have larger commits,
very long ones one for each day, so that a million missions are made in minutes; their trees are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from handoff.log import PREAMBLE
from handoff.memo import memo_from_result, render_memo
from missions.archive_path import archived_files, dated_path
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.session_logs import MAX_DAY_BYTES, MIN_RUNNING_ENTRIES
from sync.git import Git

MONTHS, DAYS, MISSIONS_PER_COMMIT, MAX_FOLDS = 12, 28, 10, 2000
"""So many months, the last of them this one, and days in each; so many missions in one commit, more where that would be
more folds than so many."""
VERY_LONG = 200_000
"""Missions from which on there is one fold for each day."""
TIMEOUT_SECONDS = 600.0
NAME, STAMP = "old-0", "2000-01-01T00:00:00Z"
"""What stands for a mission's name and for a time in the texts that are written a million times."""


def import_finished(bare: Path, count: int, *, by_month: bool = False) -> None:
    """Adds `count` finished missions to the branch of a bare repository that has at least one commit.

    `by_month`: in the folders of older ledgers, which had one for each month.
    """
    for back in range(MONTHS - 1, -1, -1):
        import_month(bare, count, back, by_month=by_month)


def import_month(bare: Path, count: int, back: int, *, by_month: bool = False) -> None:
    """Adds the month so many months ago of such a history; they are to be added in their order, the oldest first."""
    numbers = range(count * (MONTHS - 1 - back) // MONTHS, count * (MONTHS - back) // MONTHS)
    if not numbers:
        return  # of fewer missions than months some have none
    when = datetime.now(UTC) - timedelta(days=30.5 * back)
    stream = b"".join(_month(numbers, when, _missions_per_commit(count), last=back == 0, by_month=by_month))
    Git(bare).run("fast-import", "--quiet", "--date-format=raw", stdin=stream, timeout=TIMEOUT_SECONDS)


def _missions_per_commit(count: int) -> int:
    folds = MAX_FOLDS if count < VERY_LONG else MONTHS * DAYS
    return max(MISSIONS_PER_COMMIT, -(-count // folds))


def _archived(name: str, when: datetime, *, by_month: bool) -> Iterator[bytes]:
    stamp = format_utc(when)
    mission, memo = _filled(_mission(), name, stamp), _filled(_memo(), name, stamp)
    if by_month:
        yield _file(f"missions/archive/{when:%Y-%m}/{name}.md", mission)
        yield _file(f"memos/{when:%Y-%m}/{name}-1.md", memo)
        return
    day = f"{when:%Y/%m/%d}"
    for path, data in archived_files(name, day, mission).items():
        yield _file(path, data)
    yield _file(dated_path("memos", day, f"{name}-1"), memo)


def _month(numbers: range, when: datetime, size: int, *, last: bool, by_month: bool) -> Iterator[bytes]:
    yield b"feature done\n"
    logs: dict[str, list[bytes]] = {}
    for turn, first in enumerate(range(numbers.start, numbers.stop, size)):
        group, ended = range(first, min(first + size, numbers.stop)), when - timedelta(days=turn % DAYS)
        start = b"from refs/heads/main^0\n" if first == numbers.start else b""
        yield _commit(f"Missions: old-{first} and more", when) + start
        yield from (_file(f"missions/old-{n}.md", b"Mission %d.\n" % n) for n in group)
        yield _commit(f"{len(group)} missions\n\nold-{first}: done", when)
        for number in group:
            yield b"D missions/old-%d.md\n" % number
            yield from _archived(f"old-{number}", ended, by_month=by_month)
        stamp = format_utc(ended)
        logs.setdefault(f"{ended:%Y-%m-%d}", []).extend(_filled(_entry(), f"old-{n}", stamp) for n in group)
    yield _commit("The month's log", when)
    yield from _journal(logs, when, last=last, by_month=by_month)
    yield b"done\n"


def _journal(logs: dict[str, list[bytes]], when: datetime, *, last: bool, by_month: bool) -> Iterator[bytes]:
    """A month's entries: in files of their days, in parts; the newest in the running log, where it is the last month.
    In older ledgers a month's were one file."""
    preamble, days = PREAMBLE.encode(), sorted(logs.items())
    if by_month:
        text = preamble + b"\n".join(entry for _, entries in days for entry in entries)
        yield _file("SESSION_LOG.md" if last else f"log/{when:%Y-%m}.md", text)
        return
    if last and days:
        newest = days[-1][1]
        yield _file("SESSION_LOG.md", preamble + b"\n".join(newest[-MIN_RUNNING_ENTRIES:]))
        del newest[-MIN_RUNNING_ENTRIES:]
    for day, entries in days:
        per_part = max(1, MAX_DAY_BYTES // len(entries[0])) if entries else 1
        for part, at in enumerate(range(0, len(entries), per_part), start=1):
            name = f"{day}.md" if part == 1 else f"{day}/{part:03}.md"
            yield _file(f"log/{name}", preamble + b"\n".join(entries[at : at + per_part]))


def _commit(message: str, when: datetime) -> bytes:
    words = message.encode()
    who = f"committer n1 <n1@shiftbook.invalid> {int(when.timestamp())} +0000"
    return f"commit refs/heads/main\n{who}\ndata {len(words)}\n".encode() + words + b"\n"


def _file(path: str, data: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def _filled(text: bytes, name: str, stamp: str) -> bytes:
    """One of the texts below, for a mission of this name and at this time."""
    return text.replace(NAME.encode(), name.encode()).replace(STAMP.encode(), stamp.encode())


@cache
def _mission() -> bytes:
    fields = f"status: done\nnode: n1\nattempt: 1\nepoch: 1\nstarted: {STAMP}\nfinished: {STAMP}\n"
    return f"---\n{fields}---\nMission {NAME}.\n\n## Result\n\n### Attempt 1 · done · n1 · 2 s\n\nDone.\n".encode()


@cache
def _memo() -> bytes:
    memo = memo_from_result(
        memo_id=f"{NAME}-1",
        node="n1",
        mission=NAME,
        title=f"Mission {NAME}",
        task="general_task",
        outcome="done",
        answer="Done.",
        created=STAMP,
        artifacts=(),
    )
    return render_memo(memo).encode()


@cache
def _entry() -> bytes:
    return f"## {STAMP} · n1 · command · {NAME}\n<!-- entry: {NAME}-1 -->\n\nDone.\n".encode()
