"""How is a setting of this machine written down, where only its owner reads it?"""

from __future__ import annotations

import re
from collections.abc import Mapping

import dotenv

from orchestrator.core.settings import Settings
from sync import files

_NEEDS_QUOTES = re.compile(r"[\s#'\"\\`$]")


def write_setting(settings: Settings, variable: str, value: str) -> None:
    """Sets a variable in the home folder's `.env`; its other lines stay."""
    path = settings.home / ".env"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)  # an address of apprise holds passwords
    dotenv.set_key(path, variable, value, quote_mode="auto")


def add_settings(settings: Settings, wanted: Mapping[str, str]) -> bool:
    """Writes into the home folder's `.env` what it does not set already, and says whether that was anything.

    A comment and a variable without a value set nothing (`core.environment`). Raises OSError, UnicodeDecodeError.
    """
    path = settings.home / ".env"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    there = dotenv.dotenv_values(path, encoding="utf-8") if before else {}
    already = {name.upper() for name, value in there.items() if value}
    lines = [f"{name}={_quoted(value)}" for name, value in wanted.items() if name not in already]
    if not lines:
        return False
    settings.home.mkdir(parents=True, exist_ok=True)
    before += "\n" if before and not before.endswith("\n") else ""
    files.replace(path, before + "\n".join(lines) + "\n", mode=path.stat().st_mode & 0o777 if path.exists() else None)
    return True


def _quoted(value: str) -> str:
    """The value as dotenv reads it back: a bare one ends at ` #`, and loses its quotes."""
    if not _NEEDS_QUOTES.search(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
