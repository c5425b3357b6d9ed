"""What of a repository's address may be written down or shown?

A password and a token are for Git's credential helper or SHIFTBOOK_GIT_TOKEN: what stands in an address gets into the
clone's settings, into `.env`, into the ledger and onto screens. A token is often the user name itself
(`https://TOKEN@host/...`) and looks like any other, so over http no name of a user stays.
"""

from __future__ import annotations

import re
from pathlib import Path

from sync.place_names import is_place_name

_ADDRESS = re.compile(r"\s*(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ODD_USER = re.compile(r"(?!\[)[^/?#]*:(?![0-9]*(?:[/?#]|$))[^@]*@")
"""A name and a password with a slash in it, which no URL has."""
_SECRET_OPTION = re.compile(r"[?&;][^=&;#]*(?:pass|token|secret|api_?key)[^=&;#]*=[^&;#\s]", re.IGNORECASE)


def holds_credential(address: str) -> bool:
    """Whether an address holds a password, or what may be a token. A path and `user@host:path` hold none."""
    return without_credentials(address) != address or bool(_SECRET_OPTION.search(address))


def without_credentials(address: str) -> str:
    """The address without user and password; the name of a user stays where it is needed to get there: ssh."""
    found = _ADDRESS.fullmatch(address)
    if not found:
        return address
    scheme, rest = found["scheme"], found["rest"]
    user, at, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    if not at and (odd := _ODD_USER.match(rest)):
        user, at = odd[0][:-1], "@"
    if not at:
        return address
    kept = user.partition(":")[0] + "@" if scheme.lower().endswith("ssh") else ""
    return f"{scheme}://{kept}{rest[len(user) + 1 :]}"


def clone_folder(address: str) -> Path:
    """Where a clone of it goes if nobody says: below the working folder, under the repository's name.

    A link that somebody sent may end in `..`: what is no plain name is called `ledger`.
    """
    name = re.split(r"[/:]", address.rstrip("/"))[-1].removesuffix(".git")
    return Path(name if is_place_name(name) and not name.startswith(("-", "~")) else "ledger")
