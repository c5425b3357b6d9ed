"""Who is the person at this machine? Their identity: a name, and the keys that are theirs and the node's."""

from __future__ import annotations

import getpass
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from missions.errors import BadName
from missions.mission import slug
from orchestrator.core.errors import Refused
from sync.git import Git
from sync.signatures import Key, make_key

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.settings import Settings

PERSON, NODE = "person", "node"
"""The files of the two keys in the home's folder `keys`."""

NO_ADDRESS = "@shiftbook.invalid"
"""How an address ends that we wrote because a person had none."""


def person_name(git: Git) -> str:
    """What to call the person at this machine: their Git name, else their login name."""
    name = git.text("config", "--get", "user.name", codes=(0, 1))
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = "person"
    for word in (name, login):  # which may be in letters of which no name can be made
        with suppress(BadName):
            return slug(word)
    return "person"


def set_identity(git: Git, person: str = "") -> None:
    """A name and an address of ours where the person has none; ours goes away once they have set their own."""
    scoped = git.text("config", "--show-scope", "--get-regexp", r"^user\.(name|email)$", codes=(0, 1))
    found = [line.split(None, 2) for line in scoped.splitlines()]
    own = {key for scope, key, *_ in found if scope not in ("local", "worktree", "command")}
    here = {key: value[0] if value else "" for scope, key, *value in found if scope == "local"}
    if "user.email" in own and here.get("user.email", "").endswith(NO_ADDRESS):
        for key in here.keys() & own:
            git.run("config", "--local", "--unset-all", key)
        return
    wanted = {"user.name": person, "user.email": f"{person}{NO_ADDRESS}"} if person else {}
    git.config({key: value for key, value in wanted.items() if key not in own | here.keys()})


def ensure_keys(settings: Settings, person: str) -> tuple[Key, Key]:
    """This machine's key for the person and for the node; made when it has none yet. Raises Refused for a lost one."""
    for name in (PERSON, NODE):
        require_key(key_path(settings, name), settings.home)
    return _make_keys(settings, person)


def person_key(settings: Settings, person: str) -> Key:
    """The person's key. One that is lost can still be named, so that they see the fleet; what it should sign is not."""
    path = key_path(settings, PERSON)
    return LostKey(path) if _is_lost(path, settings.home) else _make_keys(settings, person)[0]


def node_key(settings: Settings) -> Key:
    """The node's key. Raises Refused for a lost one."""
    path = key_path(settings, NODE)
    require_key(path, settings.home)
    return _make_keys(settings, settings.node)[1]


def key_path(settings: Settings, name: str) -> Path:
    """Where one of the two keys lies."""
    return settings.home / "keys" / name


def require_key(path: Path, home: Path) -> None:
    """A key that was here is never replaced in silence: nothing that the new one signs would count. Raises Refused."""
    if _is_lost(path, home):
        raise Refused(_lost(path))


def _make_keys(settings: Settings, person: str) -> tuple[Key, Key]:
    """Both at once, also where only one is wanted now: one that is missing later is lost."""
    owners = {PERSON: person, NODE: settings.node}
    for name, owner in owners.items():
        if not _is_lost(key_path(settings, name), settings.home):
            make_key(key_path(settings, name), owner)
    return Key(key_path(settings, PERSON)), Key(key_path(settings, NODE))


def _is_lost(path: Path, home: Path) -> bool:
    """Whether a private key is gone that was here: its public half is left, or this machine has trusted a ledger."""
    return not path.exists() and (path.with_name(f"{path.name}.pub").exists() or (home / "pin.json").exists())


def _lost(path: Path) -> str:
    whose, flag = ("your key", "") if path.name == PERSON else ("this node's key", " --node")
    return (
        f"{whose} is gone: {path} is not there. Restore it from a backup; if it is lost, `shiftbook fleet rotate"
        f"{flag} --lost` makes a new one and prints what an admin types to let it in"
    )


def fleets_of(settings: Settings) -> list[Settings]:
    """This machine in its own fleet, if it has one, and in each other fleet of which its home has a clone.

    The two keys are the home's: every fleet that lists one lists the same.
    """
    from sync.refs.clone_origin import seen_ledger

    found = {settings.ledger: settings} if settings.ledger else {}
    for folder in sorted((settings.home / "fleets").glob("*/ledger.git")):
        url, branch = seen_ledger(folder)
        there = settings.at(url, branch) if url else settings
        if there.ledger_home == folder.parent:
            found.setdefault(url, there)
    return list(found.values())


@dataclass(frozen=True)
class LostKey(Key):
    """A key of which the private half is gone."""

    @property
    def public(self) -> str:
        """The public half where that is left; empty where it is not."""
        there = self.path.with_name(f"{self.path.name}.pub").exists()
        return super().public if there else ""

    def sign(self, payload: bytes) -> str:
        """Raises Refused, with what to do."""
        raise Refused(_lost(self.path))
