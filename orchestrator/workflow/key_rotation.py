"""How does this machine change one of its keys, so that no moment and no crash leaves it without one that counts?"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.policy.membership import admit_command
from orchestrator.workflow.fleet import Fleet
from sync import files
from sync.signatures import Key, make_key


@dataclass(frozen=True, kw_only=True)
class RotatedKey:
    """What was done. `old` is where the replaced key lies now, `orphans` the missions that counted by it alone."""

    name: str
    key: str
    old: Path
    orphans: tuple[str, ...]


def rotate_key(door: Fleet, path: Path, *, now: datetime) -> RotatedKey:
    """Makes a new key beside the one at `path`, has it listed in the old one's place, then moves it there.

    May be repeated after a crash at any point: a new key that is listed already is only moved. Raises Refused for who
    is no admin, with the line for an admin to type; after that it is repeated, too.
    """
    _finish_swap(path)
    before = {view.name for view in door.missions() if view.status != "untrusted"}
    current = Key(path)
    fresh = make_key(path.with_name(f"{path.name}.new"), path.name).public
    listed = {principal.key: principal for principal in door.principals()}
    if fresh not in listed:
        _list_new_key(door, listed[current.public].name if current.public in listed else "", current, fresh)
        listed = {principal.key: principal for principal in door.principals()}
    old = _swap_key_files(path, now)
    orphans = tuple(view.name for view in door.missions() if view.name in before and view.status == "untrusted")
    return RotatedKey(name=listed[fresh].name, key=fresh, old=old, orphans=orphans)


def replace_lost_key(door: Fleet, path: Path, *, now: datetime) -> tuple[RotatedKey, tuple[str, ...]]:
    """Makes a new key for one whose private half is gone. Returns it, and what an admin types to let it in.

    Raises WrongSetting where the key is there, and Refused where nobody would be left to let the new one in.
    """
    if path.exists():
        raise WrongSetting("--lost", f"{path} is there: without --lost the old key itself says that the new one counts")
    public = path.with_name(f"{path.name}.pub")
    before = Key(path).public if public.exists() else ""
    admins = {one.key for one in door.principals() if "admin" in one.roles}
    if admins == {before}:
        raise Refused(f"the key at {path} is the only admin's: nobody could let a new one in; restore it from a backup")
    old = path.with_name(f"{path.name}.until-{now:%Y%m%dT%H%M%SZ}")
    if before:
        files.move_into_place(public, old.with_name(f"{old.name}.pub"))
    fresh = make_key(path, path.name).public
    listed = next((one for one in door.principals() if one.key == before), None)
    is_node = listed is not None and "node" in listed.roles
    name = listed.name if listed else door.bus.name
    roles = sorted(listed.roles) if listed else ["author"]
    lines = (*[f"shiftbook fleet revoke {name}"][: bool(is_node)], admit_command(name, fresh, *roles))
    return RotatedKey(name=name, key=fresh, old=old, orphans=()), lines


def _list_new_key(door: Fleet, name: str, current: Key, fresh: str) -> None:
    if not name:
        raise Refused(f"the key at {current.path} is not in allowed_signers: there is nothing to rotate")
    try:
        door.membership.replace(current.public, fresh)
    except Refused as error:
        roles = next(p.roles for p in door.principals() if p.key == current.public)
        add = admit_command(name, fresh, *sorted(roles))
        raise Refused(f"{error}. An admin lists the new key with: {add} - then run this again") from error


def _swap_key_files(path: Path, now: datetime) -> Path:
    """The old pair is kept under another name; then the private half moves, then the public one (see `_mend`)."""
    old = path.with_name(f"{path.name}.until-{now:%Y%m%dT%H%M%SZ}")
    for ending in ("", ".pub"):
        shutil.copy2(path.with_name(path.name + ending), old.with_name(old.name + ending))
    files.move_into_place(path.with_name(f"{path.name}.new"), path)
    _finish_swap(path)
    return old


def _finish_swap(path: Path) -> None:
    """Moves a new public half whose private half is in its place already."""
    private, public = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.new.pub")
    if public.exists() and not private.exists():
        files.move_into_place(public, path.with_name(f"{path.name}.pub"))
