"""How does a ledger look after years of work? A history of finished missions, written as fast as Git can take it in.

Every ten missions are filed in one commit and folded in another, as a busy fleet leaves them: mission files in the
archive, a memo each, an entry each in the log, older months' logs in files of their own. Very long histories have
larger commits, so that they are made in minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from handoff.log import PREAMBLE
from handoff.memo import memo_from_result, render_memo
from missions.archive_path import archived_files, dated_path
from orchestrator.core.time_text import format_utc
from sync.git import Git

MONTHS, DAYS, MISSIONS_PER_COMMIT, MAX_FOLDS = 12, 28, 10, 2000
"""So many months, the last of them this one, and days in each; so many missions in one commit, more where that would be
more folds than so many."""
TIMEOUT_SECONDS = 600.0


def import_finished(bare: Path, count: int, *, by_month: bool = False) -> None:
    """Adds `count` finished missions to the branch of a bare repository that has at least one commit.

    `by_month`: in the folders of older ledgers, which had one for each month.
    """
    git, size = Git(bare), max(MISSIONS_PER_COMMIT, count // MAX_FOLDS)
    for back in range(MONTHS - 1, -1, -1):
        numbers = range(count * (MONTHS - 1 - back) // MONTHS, count * (MONTHS - back) // MONTHS)
        when = datetime.now(UTC) - timedelta(days=30.5 * back)
        stream = b"".join(_month(numbers, when, size, last=back == 0, by_month=by_month))
        git.run("fast-import", "--quiet", "--date-format=raw", stdin=stream, timeout=TIMEOUT_SECONDS)


def _archived(name: str, number: int, when: datetime, *, by_month: bool) -> Iterator[bytes]:
    if by_month:
        yield _file(f"missions/archive/{when:%Y-%m}/{name}.md", _mission(number, when))
        yield _file(f"memos/{when:%Y-%m}/{name}-1.md", _memo(number, when))
        return
    day = f"{when:%Y/%m/%d}"
    for path, data in archived_files(name, day, _mission(number, when).encode()).items():
        yield _file(path, data.decode())
    yield _file(dated_path("memos", day, f"{name}-1"), _memo(number, when))


def _month(numbers: range, when: datetime, size: int, *, last: bool, by_month: bool) -> Iterator[bytes]:
    yield b"feature done\n"
    for turn, first in enumerate(range(numbers.start, numbers.stop, size)):
        group, ended = range(first, min(first + size, numbers.stop)), when - timedelta(days=turn % DAYS)
        start = b"from refs/heads/main^0\n" if first == numbers.start else b""
        yield _commit(f"Missions: old-{first} and more", when) + start
        yield from (_file(f"missions/old-{n}.md", f"Mission {n}.\n") for n in group)
        yield _commit(f"{len(group)} missions\n\nold-{first}: done", when)
        for number in group:
            yield f"D missions/old-{number}.md\n".encode()
            yield from _archived(f"old-{number}", number, ended, by_month=by_month)
    log = PREAMBLE + "\n".join(_entry(number, when) for number in numbers)
    yield _commit("The month's log", when)
    yield _file("SESSION_LOG.md" if last else f"log/{when:%Y-%m}.md", log)
    yield b"done\n"


def _commit(message: str, when: datetime) -> bytes:
    words = message.encode()
    who = f"committer n1 <n1@shiftbook.invalid> {int(when.timestamp())} +0000"
    return f"commit refs/heads/main\n{who}\ndata {len(words)}\n".encode() + words + b"\n"


def _file(path: str, text: str) -> bytes:
    data = text.encode()
    return f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def _mission(number: int, when: datetime) -> str:
    stamp = format_utc(when)
    fields = f"status: done\nnode: n1\nattempt: 1\nepoch: 1\nstarted: {stamp}\nfinished: {stamp}\n"
    return f"---\n{fields}---\nMission {number}.\n\n## Result\n\n### Attempt 1 · done · n1 · 2 s\n\nDone.\n"


def _memo(number: int, when: datetime) -> str:
    memo = memo_from_result(
        memo_id=f"old-{number}-1",
        node="n1",
        mission=f"old-{number}",
        title=f"Mission {number}",
        task="general_task",
        outcome="done",
        answer="Done.",
        created=format_utc(when),
        artifacts=(),
    )
    return render_memo(memo)


def _entry(number: int, when: datetime) -> str:
    stamp = format_utc(when)
    return f"## {stamp} · n1 · command · old-{number}\n<!-- entry: old-{number}-1 -->\n\nDone.\n"
