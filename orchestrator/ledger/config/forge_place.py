"""Where is a project's place on its forge? Its API's address, from what people write: a Git URL or a web address."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from orchestrator.core.ports.forge import ForgeKind, ForgeRepository

API_PATHS = {"github": "/api/v3", "gitlab": "/api/v4", "forgejo": "/api/v1"}
GITHUB, GITHUB_API = "github.com", "https://api.github.com"
WRONG = "write the address of the project's page in forge_url, such as https://git.example.org/me/shop"
_SCP = re.compile(r"(?:[^@/\\s]+@)?([A-Za-z0-9.-]+):(?!//)(.+)")
"""How git takes an address by ssh: me@host:owner/name."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def repository_on_forge(kind: ForgeKind, address: str) -> ForgeRepository:
    """Where a project is. Raises ValueError for an address that names no place on a forge."""
    host, scheme, path = _parts(address)
    names = [unquote(each) for each in path.strip("/").removesuffix(".git").split("/")]
    if not host or len(names) < 2 or not all(_NAME.fullmatch(each) and set(each) != {"."} for each in names):
        raise ValueError(WRONG)
    if kind == "gitlab":  # groups stand within groups
        before, owner, name = [], "/".join(names[:-1]), names[-1]
    else:
        *before, owner, name = names
    root = f"{scheme}://{host}" + "".join(f"/{each}" for each in before)
    api = GITHUB_API if kind == "github" and host == GITHUB else root + API_PATHS[kind]
    return ForgeRepository(kind=kind, api=api, owner=owner, name=name)


def token_host(place: ForgeRepository) -> str:
    """The host, with its port where it has one, under which a machine keeps the token for this place."""
    return GITHUB if place.api == GITHUB_API else urlsplit(place.api).netloc


def web_page(place: ForgeRepository) -> str:
    """The project's page, as people open it."""
    root = f"https://{GITHUB}" if place.api == GITHUB_API else place.api.removesuffix(API_PATHS[place.kind])
    return f"{root}/{place.path}"


def _parts(address: str) -> tuple[str, str, str]:
    """Host, scheme and path of an address. By ssh and by git it is taken that the pages are under https."""
    scp = _SCP.fullmatch(address)
    if scp and "://" not in address:
        return scp[1].lower(), "https", scp[2]
    parts = urlsplit(address)  # raises ValueError
    if parts.scheme in {"http", "https"}:
        if parts.password is not None or parts.query or parts.fragment:
            raise ValueError(WRONG)
        return parts.netloc.rpartition("@")[2].lower(), parts.scheme, parts.path
    return (parts.hostname or "", "https", parts.path) if parts.scheme in {"ssh", "git+ssh"} else ("", "", "")
