"""How is the URL of an SQLite file written, so that what opens it finds that very file?

SQLAlchemy takes `%41` in a path for `A` and what follows a `?` for options; a folder may be called so.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

PREFIX = "sqlite:///"


def sqlite_url(path: Path) -> str:
    """The URL of the file at `path`."""
    return PREFIX + str(path).replace("%", "%25").replace("?", "%3F")


def sqlite_file(url: str) -> Path | None:
    """The file that a URL of SQLite names; None for another database."""
    return Path(unquote(url.removeprefix(PREFIX).partition("?")[0])) if url.startswith(PREFIX) else None


def sqlite_uri(path: Path, mode: str) -> str:
    """The URI by which the driver itself opens the file at `path`, `ro` or `rw` (https://www.sqlite.org/uri.html)."""
    name = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{name}?mode={mode}"
