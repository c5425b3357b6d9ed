"""What of a home folder is in a backup, and how is the home copied into one?"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.app.backups import archive
from orchestrator.app.backups.env_secrets import without_secrets
from orchestrator.app.backups.secret_parts import SETTINGS_FILE, is_private
from orchestrator.app.database_place import NOTE
from orchestrator.app.web_process import RECORD_FILE

DATABASE_PART, HOME_PREFIX = "database.db", "home/"
STAGE_PREFIX = ".shiftbook-backup-"
"""How the folder begins in which a backup is put together."""
EXCLUDED = (
    *("ledger.git", "cache", "models", "work", "chats", "prompts"),  # clones, workspaces, what is computed again
    *("shiftbook.db", "shiftbook.db-*"),  # copied through the database itself
    *("recall*.db", "recall*.db-*", "seen.json", "edits.json", "fleets"),  # what is seen and indexed of ledgers
    *("beat",),  # which machine beats
    *("*.lock", "*.new", "*.tmp", "node.pid", RECORD_FILE),  # a running process's own
    *("http.log", "http.err", "nudge", "gate", "headquarters.json", NOTE),
    f"{STAGE_PREFIX}*",
)
"""What lies in the home folder and is in no backup, as patterns of names. Anything else is."""

BROWSER_PROFILES = ("desktop", "desktop-browser")
"""Of `shiftbook desktop`: a browser's, hundreds of megabytes, and in them the private key of a paired device. They are
not saved; older backups have them, and may bring them."""


@dataclass(kw_only=True)
class CopiedHome:
    """What copying a home comes to."""

    whole: bool
    """With its secrets."""
    databases: frozenset[str]
    skipped: list[str] = field(default_factory=list)
    left_out: int = 0


def copy_home(home: Path, folder: Path, database: str, *, whole: bool) -> CopiedHome:
    """Copies what cannot be made again; says what is no file, and how much of it is secret and stays.

    `database` is the file of the node's database, which is copied through the database itself.
    """
    copying = CopiedHome(whole=whole, databases=frozenset({database, f"{database}-wal", f"{database}-shm"}))
    for top in sorted(home.iterdir()):
        if top.name not in BROWSER_PROFILES and not _is_excluded(top.name):
            _copy_one(top, folder / top.name, top.name, copying)
    return copying


def _copy_one(source: Path, target: Path, name: str, copying: CopiedHome) -> None:
    if str(source) in copying.databases:
        return
    if source.is_dir() and not source.is_symlink():
        for inner in sorted(source.iterdir()):
            _copy_one(inner, target / inner.name, f"{name}/{inner.name}", copying)
    elif source.is_file() and archive.is_inside(name):
        if not copying.whole and is_private(name):
            copying.left_out += 1
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy_file(source, target, name, copying)
        except FileNotFoundError:
            return  # a letter that was delivered in this moment
    elif os.path.lexists(source):
        copying.skipped.append(name)


def _copy_file(source: Path, target: Path, name: str, copying: CopiedHome) -> None:
    if copying.whole or name != SETTINGS_FILE:
        target.write_bytes(source.read_bytes())
        return
    words, lines = without_secrets(source.read_text(encoding="utf-8"))
    target.write_text(words, encoding="utf-8")
    copying.left_out += lines


def _is_excluded(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in EXCLUDED)


def is_backup_part(name: str) -> bool:
    """Whether a part is one that `save` writes: a foreign backup may not bring a clone with hooks, for example."""
    top = name.removeprefix(HOME_PREFIX).partition("/")[0]
    # folded: where letters' case does not count, LEDGER.GIT is the clone
    return name == DATABASE_PART or (name.startswith(HOME_PREFIX) and not _is_excluded(top.casefold()))
