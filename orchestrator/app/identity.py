"""Who is the person at this machine? Their identity: a name, and the keys that are theirs and the node's."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from missions.mission import slug
from sync.git import Git
from sync.signatures import Key, make_key

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings


def person_name(git: Git) -> str:
    """What to call the person at this machine: their Git name, else their login name."""
    name = git.text("config", "--get", "user.name", codes=(0, 1))
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = "person"
    return slug(name or login)


def ensure_keys(settings: Settings, person: str) -> tuple[Key, Key]:
    """This machine's key for the person and for the node; made when they are missing."""
    folder = settings.home / "keys"
    return make_key(folder / "person", person), make_key(folder / "node", settings.node)
