"""What does a diff do, counted from Git's own tables?

A mode change and a binary file are no lines, and a library that reads patches sees nothing in them; whoever approves
work without looking must see both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.core.ports.agent import Changes

LINK, EXECUTABLE, ABSENT = "120000", "100755", "000000"


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of `--raw`: modes before and after, what happened, and where it is now."""

    before: str
    after: str
    what: str
    path: str


@dataclass(frozen=True, kw_only=True)
class _Count:
    """One line of `--numstat`; None for lines of a binary file."""

    added: int | None
    removed: int | None
    path: str


def counted(table: bytes) -> Changes:
    """Reads `git diff-tree --raw --numstat -M -z`."""
    words = iter(table.decode("utf-8", "replace").split("\0"))
    found = list(_read(words))
    rows = [each for each in found if isinstance(each, _Row)]
    counts = [each for each in found if isinstance(each, _Count)]
    return Changes(
        added=sum(each.added or 0 for each in counts),
        removed=sum(each.removed or 0 for each in counts),
        binaries=tuple(each.path for each in counts if each.added is None),
        modes=tuple(row.path for row in rows if _changed_mode(row)),
        executables=tuple(row.path for row in rows if row.after == EXECUTABLE != row.before),
        links=tuple(row.path for row in rows if LINK in (row.before, row.after)),
        renames=sum(row.what.startswith("R") for row in rows),
    )


def _changed_mode(row: _Row) -> bool:
    return row.before != row.after and ABSENT not in (row.before, row.after)


def _read(words: Iterator[str]) -> Iterator[_Row | _Count]:
    for word in words:
        if word.startswith(":"):
            before, after, _, _, what = word[1:].split(" ")
            path = next(words)
            yield _Row(before=before, after=after, what=what, path=next(words) if what[0] in "RC" else path)
        elif word:
            added, removed, path = word.split("\t", 2)
            if not path:  # a rename: both names follow
                next(words)
                path = next(words)
            yield _Count(added=_number(added), removed=_number(removed), path=path)


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)
