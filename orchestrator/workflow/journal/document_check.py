"""What is wrong with the handoff documents in a folder on this disk, whosever they are?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from handoff.checking.check import check
from handoff.checking.findings import HandoffFinding
from handoff.documents import TIERS
from handoff.encoding import decode
from handoff.symbols import present_symbols, wanted_symbols
from sync.errors import GitError
from sync.git import Git

SKIPPED_FOLDERS = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", "dist", "build"})
"""Folders that hold other people's files, where a folder is not a Git repository that would say so itself."""
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Bytes; nothing larger is read as a document."""
SOURCE_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("c", "cc", "cpp", "cs", "go", "h", "hpp", "java", "js", "jsx", "kt", "mjs", "php", "py", "rb", "rs", "sh"),
        *("sql", "svelte", "swift", "ts", "tsx", "vue"),
    )
)
MAX_SOURCE_BYTES = 1024 * 1024
"""Bytes; a larger source file is generated, or data."""


def check_documents(folder: Path, *, today: str) -> list[HandoffFinding]:
    """Everything that is wrong, by file and line. `today` is an ISO day. Raises OSError."""
    files = sorted(_files(folder))
    read = {name: decode((folder / name).read_bytes()) for name in files if _is_document(folder, name)}
    texts = {name: text for name, (text, _) in read.items()}
    encodings = {name: encoding for name, (_, encoding) in read.items()}
    return check(
        texts, files=frozenset(files), today=today, encodings=encodings, symbols=_known_symbols(folder, files, texts)
    )


def _known_symbols(folder: Path, files: list[str], texts: Mapping[str, str]) -> frozenset[str] | None:
    """Which of the names in the documents the sources hold; None where there are no sources to look at."""
    names, found, looked = wanted_symbols(texts), frozenset[str](), False
    for name in files:
        path = folder / name
        if (
            path.suffix in SOURCE_SUFFIXES
            and path.is_file()
            and path.stat().st_size <= MAX_SOURCE_BYTES
            and found != names
        ):
            found |= present_symbols(path.read_text(encoding="utf-8", errors="replace"), names)
            looked = True
    return found if looked else None


def _is_document(folder: Path, name: str) -> bool:
    """A document of the four tiers, also one of another name (CONTINUITY_PROJECT_CONTEXT.md), or a template of one."""
    base, path = name.rpartition("/")[2], folder / name
    tier = base.replace(".template.", ".").endswith(TIERS)
    return tier and path.is_file() and path.stat().st_size <= MAX_DOCUMENT_BYTES


def _files(folder: Path) -> Iterator[str]:
    """Every file of the folder: those that Git tracks or would add, or all where it is no repository."""
    try:
        listed = Git(folder).run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except (GitError, OSError):
        yield from _walk_files(folder)
        return
    names = [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]
    yield from (names if names else _walk_files(folder))  # a folder that the repository around it ignores lists nothing


def _walk_files(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        yield from (Path(here, name).relative_to(folder).as_posix() for name in names)
