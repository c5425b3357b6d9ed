"""At which path of the archive does a finished mission's document lie, so that no folder grows with the years?

By the day on which it ended, and in it by its name: three levels of sixteen folders, chosen by a hash. A day of twenty
thousand missions then has some five in each folder, and what a fold writes anew is as small in a busy year as on the
first day. Both are facts of the document itself, so every node comes to the same place, in whatever order it folds.

Whoever knows only the name asks the index: a file of that name, whose one line is the day.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

ARCHIVE_FOLDER = "missions/archive"
MEMO_FOLDER = "memos"
INDEX_FOLDER = f"{ARCHIVE_FOLDER}/names"
DAY_LEVELS, INDEX_LEVELS = 3, 4
"""Levels of sixteen folders below a day, and in the index: 65,536 folders hold fifteen of a million missions each."""

DAY = r"\d{4}/\d\d/\d\d"
PLACE = rf"(?:\d{{4}}-\d\d|{DAY}{'/[0-9a-f]' * DAY_LEVELS})"
"""What stands between a kind's folder and a file, as a regular expression: a month in older ledgers, or a day."""
LEFT_FILES = r"diff|output\.txt|verdict\.json|evidence\.json|evidence/[1-9][0-9]?"
"""How the paths end of what attempts leave beside a mission, as a regular expression."""
_DAY = re.compile(DAY, re.ASCII)


def day_of(when: str) -> str:
    """The day of a UTC time as text (`2026-11-29T10:00:00Z`), as folders: `2026/11/29`."""
    return when[:10].replace("-", "/")


def is_day(text: str) -> bool:
    """Whether this is a day as folders."""
    return _DAY.fullmatch(text) is not None


def dated_path(folder: str, day: str, name: str, file: str = "") -> str:
    """The path of `file` (default: the name's own Markdown file) of what is called `name`, below `folder`."""
    return f"{folder}/{day}/{_buckets(name, DAY_LEVELS)}/{file or f'{name}.md'}"


def archive_path(name: str, day: str, ending: str = "md") -> str:
    """Where the archive keeps a mission's file, or what an attempt left (`1.diff`)."""
    return dated_path(ARCHIVE_FOLDER, day, name, f"{name}.{ending}")


def index_path(name: str, ending: str = "") -> str:
    """The index's file on a mission, or on what an attempt left (`1.diff`); `index_entry` is what it holds."""
    return f"{INDEX_FOLDER}/{_buckets(name, INDEX_LEVELS)}/{name}{f'.{ending}' if ending else ''}"


def index_entry(day: str) -> bytes:
    """The same bytes for all missions of a day: one object."""
    return f"{day}\n".encode()


def archived_files(name: str, day: str, data: bytes) -> dict[str, bytes]:
    """A finished mission's file, and what has it found by its name."""
    return {archive_path(name, day): data, index_path(name): index_entry(day)}


@lru_cache(maxsize=4096)
def _buckets(name: str, levels: int) -> str:
    return "/".join(sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:levels])
