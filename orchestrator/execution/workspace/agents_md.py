"""How does an agent find the handoff in the clone where it works, and how does that stay out of what it hands back?

Agent CLIs read `AGENTS.md`, some only `CLAUDE.md`. Before the run the handoff is put between markers into the one, and
a line that points to it into the other; afterwards both are what they would be without it. Nothing here follows a
symbolic link, before or after: the repository may be hostile before the run, and the tree may be after it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from handoff.agents_file import insert_handoff, insert_import, remove_handoff, restore_original
from sync import files

AGENTS, CLAUDE = "AGENTS.md", "CLAUDE.md"
MAX_FILE_BYTES = 1024 * 1024
"""Bytes; a larger file is no instruction to anybody and is left alone."""


@dataclass(frozen=True, kw_only=True)
class HandoffFile:
    """A file that was looked at, with what it held before; None if it was not there."""

    path: Path
    before: bytes | None
    changed: bool


def write_handoff(folder: Path, handoff: str) -> tuple[HandoffFile, ...]:
    """Puts the handoff into a folder's files; nothing if there is none. Raises OSError."""
    if not handoff.strip():
        return ()
    return tuple(_apply_change(path, change) for path, change in _planned_changes(folder, handoff))


def restore_files(laid: tuple[HandoffFile, ...]) -> None:
    """Leaves of each file what is not ours. What an agent deleted stays deleted. Raises OSError."""
    for one in laid:
        now = read_plain_file(one.path)
        if now is None:
            continue
        data = _encoded(restore_original(_decoded(now), _decoded(one.before or b"")))
        if one.before is None and not data:
            one.path.unlink()
        elif data != now:
            replace_file(one.path, data)


def remove_from_folder(folder: Path, names: Iterable[str] = (AGENTS, CLAUDE)) -> list[Path]:
    """Takes what is ours out of a folder's files, and deletes those that held nothing else. Returns what changed."""
    changed = []
    for path in (folder / name for name in names):
        now = read_plain_file(path)
        data = None if now is None else _encoded(remove_handoff(_decoded(now)))
        if data is not None and data != now:
            replace_file(path, data) if data else path.unlink()
            changed.append(path)
    return changed


def _planned_changes(folder: Path, handoff: str) -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Which files are changed, and how. A project may keep one of the two as a link to the other, or as a folder."""
    agents, claude = folder / AGENTS, folder / CLAUDE
    put = partial(insert_handoff, handoff=handoff)
    if _is_usable(agents):
        yield agents, put
        if _is_usable(claude):
            yield claude, partial(insert_import, file=AGENTS)
    elif _is_usable(claude):
        yield claude, put


def _apply_change(path: Path, change: Callable[[str], str]) -> HandoffFile:
    before = read_plain_file(path)
    data = _encoded(change(_decoded(before or b"")))
    if data != before:
        replace_file(path, data)
    return HandoffFile(path=path, before=before, changed=data != before)


def _is_usable(path: Path) -> bool:
    """Whether the file is a plain one that we may change, or not there."""
    return not os.path.lexists(path) or read_plain_file(path) is not None


def read_plain_file(path: Path, limit: int = MAX_FILE_BYTES) -> bytes | None:
    """A plain file's bytes; None for what is not there, is no plain file, or is far too large."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
        os.close(handle)  # of a folder there is no file object that would do so
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read()


def replace_file(path: Path, data: bytes) -> None:
    """Puts a new file in the place of the old one: what is linked to that elsewhere keeps its words."""
    mode = path.lstat().st_mode & 0o777 if os.path.lexists(path) else 0o644
    files.replace(path, data, mode=mode, durable=False)  # nor is the tree flushed that it is in


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
