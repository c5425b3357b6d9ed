"""What of a home folder is secret, and where does it come from again after a backup that holds none of it?

Private keys, and the lines of `.env` that may set a secret. They leave a home only encrypted; a restore on the same
machine takes those that are there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.app.backups.env_secrets import secret_lines

SECRET_FOLDERS = ("keys", "tls")
"""Of the home folder: what lies there is a private key, if its name does not end as below."""
PUBLIC_SUFFIXES = (".pub", ".crt")
SETTINGS_FILE = ".env"


def is_private(name: str) -> bool:
    """Whether a file of the home, by its path in it, is a private key."""
    return name.partition("/")[0] in SECRET_FOLDERS and not name.endswith(PUBLIC_SUFFIXES)


def carry_over(home: Path, new: Path) -> int:
    """Takes what is secret from the home that is there into the one that comes, which has none; says how many.

    With each private half comes the public one of here: it may have been rotated since.
    """
    carried = 0
    for folder in SECRET_FOLDERS:
        for path in sorted((home / folder).rglob("*")) if (home / folder).is_dir() else ():
            name = path.relative_to(home).as_posix()
            if path.is_file():
                (new / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(path, new / name)
                (new / name).chmod(0o600)
                carried += is_private(name)
    return carried + _carry_settings(home / SETTINGS_FILE, new / SETTINGS_FILE)


def _carry_settings(there: Path, new: Path) -> int:
    found = secret_lines(there.read_text("utf-8")) if there.is_file() else ()
    if found:
        before = new.read_text("utf-8") if new.is_file() else ""
        gap = "" if not before or before.endswith("\n") else "\n"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(before + gap + "".join(f"{line}\n" for line in found))
    return len(found)
