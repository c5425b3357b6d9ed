"""How does this machine change one of its keys, so that no moment and no crash leaves it without one that counts?"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.policy.membership import admit_command
from orchestrator.workflow.fleet import Fleet
from sync import files
from sync.errors import RemoteUnreachable
from sync.signatures import Key, Principal, make_key

UNTRUSTED = "untrusted"


@dataclass(frozen=True, kw_only=True)
class RotatedKey:
    """What was done. `old` is where the replaced key lies now, `orphans` the missions that counted by it alone, each
    with its ledger."""

    name: str
    key: str
    old: Path
    ledgers: tuple[str, ...] = ()
    """The fleets in whose lists the new key stands in the old one's place."""
    orphans: tuple[tuple[str, str], ...] = ()


def rotate_key(doors: Mapping[str, Fleet], path: Path, *, now: datetime) -> RotatedKey:
    """Makes a new key beside the one at `path`, has it listed in the old one's place in every fleet that lists that,
    then moves it there. `doors` are the fleets by their ledgers' addresses.

    No list is changed before each was read: one that cannot be reached, or where this key is no admin's, refuses all,
    with what is to be typed. May be repeated after a crash at any point: where the new key is listed already nothing
    is left to do, and in the end it is only moved. Raises Refused.
    """
    _finish_swap(path)
    current = Key(path)
    fresh = make_key(path.with_name(f"{path.name}.new"), path.name).public
    listed = {ledger: _listed_keys(door, ledger) for ledger, door in doors.items()}
    held = {ledger: keys for ledger, keys in listed.items() if keys.keys() & {current.public, fresh}}
    if not held:
        raise Refused(f"the key at {current.path} is not in allowed_signers: there is nothing to rotate")
    waiting = {ledger: keys[current.public] for ledger, keys in held.items() if fresh not in keys}
    refused = [
        f"an admin of {ledger} types {' and then '.join(_lines_for_admin(principal, fresh))}"
        for ledger, principal in waiting.items()
        if not _is_admin(listed[ledger].get(doors[ledger].bus.key))
    ]
    if refused:
        raise Refused(
            f"no list was changed: you are no admin everywhere where this key is listed. {'; '.join(refused)};"
            " then run this again"
        )
    name = next(keys[key].name for keys in held.values() for key in (fresh, current.public) if key in keys)
    before = {ledger: {view.name for view in doors[ledger].missions() if view.status != UNTRUSTED} for ledger in held}
    for ledger in waiting:
        doors[ledger].membership.replace(current.public, fresh)
    old = _swap_key_files(path, now)
    orphans = tuple(
        (ledger, view.name)
        for ledger in held
        for view in doors[ledger].missions()
        if view.name in before[ledger] and view.status == UNTRUSTED
    )
    return RotatedKey(name=name, key=fresh, old=old, ledgers=tuple(held), orphans=orphans)


def _listed_keys(door: Fleet, ledger: str) -> Mapping[str, Principal]:
    """Who is listed in a fleet now, by key. Raises Refused where that cannot be asked."""
    try:
        principals, why = door.principals(), door.offline
    except RemoteUnreachable as error:
        principals, why = [], str(error)
    if why:
        raise Refused(
            f"no list was changed: {why}. Run this again when it answers, or leave that fleet out with"
            f" --leave {shlex.quote(ledger)}; an admin of it then lets the new key in"
        )
    return {principal.key: principal for principal in principals}


def _is_admin(principal: Principal | None) -> bool:
    return principal is not None and "admin" in principal.roles


def _lines_for_admin(listed: Principal, fresh: str) -> tuple[str, ...]:
    """What an admin types to have a new key listed in the place of one that is listed; a node has only one."""
    admit = admit_command(listed.name, fresh, *sorted(listed.roles))
    return (f"shiftbook fleet revoke {listed.name}", admit) if "node" in listed.roles else (admit,)


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
    listed = listed or Principal(name=door.bus.name, roles=frozenset({"author"}), key=before)
    lines = _lines_for_admin(listed, fresh)
    return RotatedKey(name=listed.name, key=fresh, old=old), lines


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
