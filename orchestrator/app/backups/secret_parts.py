"""What of a home folder is secret, and where does it come from again after a backup that holds none of it?

Private keys, and the lines of `.env` that set a secret. They leave a home only encrypted; a restore on the same machine
takes those that are there.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from orchestrator.core.settings import secret_variables

SECRET_FOLDERS = ("keys", "tls")
"""Of the home folder: what lies there is a private key, if its name does not end as below."""
PUBLIC_SUFFIXES = (".pub", ".crt")
SETTINGS_FILE = ".env"


def is_private(name: str) -> bool:
    """Whether a file of the home, by its path in it, is a private key."""
    return name.partition("/")[0] in SECRET_FOLDERS and not name.endswith(PUBLIC_SUFFIXES)


def without_secrets(words: str) -> tuple[str, int]:
    """An `.env` without the lines that set a secret, every other byte as it was; and how many those were."""
    lines = [*parse_stream(io.StringIO(words))]
    kept = [line.original.string for line in lines if not _is_secret(line)]
    return "".join(kept), len(lines) - len(kept)


def _is_secret(line: Binding) -> bool:
    """Whether a line sets a secret; a URL without a password is none."""
    name, value = (line.key or "").upper(), line.value or ""
    if name in {"SHIFTBOOK_DATABASE_URL", "SHIFTBOOK_REDIS_URL"}:
        return "@" in value and ":" in value.partition("://")[2].rpartition("@")[0]
    return name in secret_variables() and bool(value)


def carry_over(home: Path, new: Path) -> int:
    """Takes what is secret from the home that is there into the one that comes, which has none; says how many."""
    carried = 0
    for folder in SECRET_FOLDERS:
        for path in sorted((home / folder).rglob("*")) if (home / folder).is_dir() else ():
            name = path.relative_to(home).as_posix()
            if path.is_file() and is_private(name) and not (new / name).exists():
                (new / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(path, new / name)
                (new / name).chmod(0o600)
                carried += 1
    return carried + _carry_settings(home / SETTINGS_FILE, new / SETTINGS_FILE)


def _carry_settings(there: Path, new: Path) -> int:
    lines = [*parse_stream(io.StringIO(there.read_text("utf-8")))] if there.is_file() else []
    found = [line.original.string.strip("\n") for line in lines if _is_secret(line)]
    if found:
        before = new.read_text("utf-8") if new.is_file() else ""
        gap = "" if not before or before.endswith("\n") else "\n"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(before + gap + "".join(f"{line}\n" for line in found))
    return len(found)
