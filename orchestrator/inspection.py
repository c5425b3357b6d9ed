"""What is wrong with the handoff documents in a folder on this disk, whosever they are?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from handoff.check import check
from handoff.documents import TIERS
from handoff.encoding import decode
from handoff.findings import Finding
from sync.errors import GitError
from sync.git import Git

ELSEWHERE = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", "dist", "build"})
"""Folders that hold other people's files, where a folder is not a Git repository that would say so itself."""
SIZE_ROOF = 16 * 1024 * 1024
"""Bytes; nothing larger is read as a document."""


def look(folder: Path, *, today: str) -> list[Finding]:
    """Everything that is wrong, by file and line. `today` is an ISO day. Raises OSError."""
    files = sorted(_files(folder))
    read = {name: decode((folder / name).read_bytes()) for name in files if _is_document(folder, name)}
    texts = {name: text for name, (text, _) in read.items()}
    encodings = {name: encoding for name, (_, encoding) in read.items()}
    return check(texts, files=frozenset(files), today=today, encodings=encodings)


def _is_document(folder: Path, name: str) -> bool:
    """A document of the four tiers, also one of another name (CONTINUITY_PROJECT_CONTEXT.md), or a template of one."""
    base, path = name.rpartition("/")[2], folder / name
    tier = base.replace(".template.", ".").endswith(TIERS)
    return tier and path.is_file() and path.stat().st_size <= SIZE_ROOF


def _files(folder: Path) -> Iterator[str]:
    """Every file of the folder: those that Git tracks or would add, or all where it is no repository."""
    try:
        listed = Git(folder).run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except (GitError, OSError):
        yield from _walked(folder)
        return
    names = [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]
    yield from (names if names else _walked(folder))  # a folder that the repository around it ignores lists nothing


def _walked(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ELSEWHERE]
        yield from (Path(here, name).relative_to(folder).as_posix() for name in names)
