"""What do the values on others' boards mean as a mission's: words of priority, lists, keys?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from orchestrator.core.errors import NotFound
from orchestrator.core.foreign_files import is_file, is_ours, open_foreign

MAX_FILE_BYTES = 1024 * 1024
MAX_BOARD_BYTES = 64 * 1024 * 1024
"""Of a whole board so much is read, whatever number of files or rows that is."""
MAX_LIST = 100
PRIORITIES = {"urgent": 4, "critical": 4, "high": 3, "medium": 2, "low": 0}
"""A mission that says nothing has 1."""


def word_priority(word: str) -> int | None:
    """A mission's priority for a word; None for none of them."""
    return PRIORITIES.get(word.strip().casefold())


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list, or of a text with commas between."""
    parts: Iterable[object] = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    found = [str(part).strip() for part in parts if isinstance(part, str | int)]
    return tuple(dict.fromkeys(part for part in found if part))[:MAX_LIST]


def first_file(place: Path, names: Iterable[str], what: str) -> Path:
    """The file itself, or the first of these in a folder. Raises NotFound."""
    for each in (place,) if is_file(place) else (place / name for name in names):
        if is_ours(each):
            return each
    raise NotFound(f"{place} is no {what}, or not yours: name its file or its folder")


def open_board(path: Path) -> BinaryIO:
    """The file of a board, to be read. Raises NotFound."""
    try:
        return open_foreign(path.parent, (path.name,))
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror or error}") from error
