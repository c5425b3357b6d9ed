"""Which database is this node's, for a command that is not told its address?

A server's address is a secret, which may be a credential of the node's unit alone or of a server of secrets. A command
that does not see it would make a new database in the home, and save that one or write tokens into it that nobody takes.
So whoever opens a server's leaves a note in the home, without the address, and whoever has none reads it.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_url
from sync import files

NOTE = "database-server"
"""In the home folder: what the server's database is called for a person. In no backup: where one is put back, its
database may be another."""


def note_server(settings: Settings, place: str) -> None:
    """Notes that this home's database is the one at a server that people call `place`. Raises OSError."""
    path = settings.home / NOTE
    if settings.home.is_dir() and noted_server(settings.home) != place:
        files.replace(path, f"{place}\n", mode=0o600)


def noted_server(home: Path) -> str:
    """What the database of this home is called at its server; empty where nobody has noted one."""
    try:
        return (home / NOTE).read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def require_told(home: Path, database_url: str) -> None:
    """Raises WrongSetting where this home's database is a server's and its address is not told."""
    place = "" if database_url else noted_server(home)
    if place:
        why = f"this node's database is {place}, and this command does not see the address: {_next_step()}; "
        raise WrongSetting("SHIFTBOOK_DATABASE_URL", f"{why}where the node has SQLite now, delete {home / NOTE}")


def restored_database(home: Path, database_url: str, saved_from: str) -> str:
    """The URL of the database that a restore fills, empty for the home's own; `saved_from` names the server's it was.

    Raises WrongSetting where it was a server's, or this home's is, and nobody has said where the rows are to go.
    """
    own = sqlite_url(home / "shiftbook.db")
    place = saved_from or noted_server(home)
    if place and not database_url:
        why = f"the database is {place}, and this command does not see the address: {_next_step()}; "
        raise WrongSetting("SHIFTBOOK_DATABASE_URL", f"{why}{own} moves it into this home")
    return "" if database_url == own else database_url


def require_saveable(settings: Settings) -> None:
    """Raises Refused where a backup of headquarters would save a database that it makes itself, WrongSetting."""
    require_told(settings.home, settings.database_url)
    path = settings.home / "shiftbook.db"
    if not settings.database_url and settings.policy.writes_global and not path.is_file():
        raise Refused(
            f"no backup was made: there is no database {path}, and an empty one is not worth saving. Where the node's "
            f"is a server's, {_next_step()}; a node that never ran has nothing to save yet"
        )


def _next_step() -> str:
    how = document_place("docs/operating.md", "As a service")
    return f"run this with the node's credentials ({how}) or set SHIFTBOOK_DATABASE_URL for it"
