"""Where do the refs of a small repository stand? Read from its files: a twentieth of what it takes to start git.

Git keeps a ref in a file of its own, or as a line of `packed-refs` (gitrepository-layout(5)). Whoever packs refs writes
that file before the refs' own go, and a ref's own file counts: so the own ones are read first, as git does, and no ref
is missed that is packed meanwhile. Whatever is not as plain as that is git's to read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from sync.remote import Oid

MAX_PACKED_BYTES = 64 * 1024
"""Of `packed-refs`; git looks in a larger one only where the names are."""
MAX_OWN_FILES = 200
"""Refs with files of their own; git opens more of them faster."""
PREFIX = re.compile(r"refs/[\w/.-]*", re.ASCII)
"""What may be asked for here: a name, or one with all below it (git-for-each-ref(1)). No pattern."""
_NAME = r"refs(?:/[\w-]+(?:\.[\w-]+)*(?<!\.lock))+"
"""Names that are sound in every repository (git-check-ref-format(1))."""
_OWN_NAME = re.compile(_NAME, re.ASCII)
_OID = r"(?!0{40})(?:[0-9a-f]{40}|[0-9a-f]{64})"
"""An object's name, by SHA-1 or SHA-256. One of zeros is a broken ref's."""
_OWN = re.compile(rf"({_OID})\n".encode())
_LINE = re.compile(rf"(?:#[^\n]*|({_OID}) ({_NAME})|\^{_OID})\n", re.ASCII)
_ELSEWHERE = ("GIT_DIR", "GIT_COMMON_DIR", "GIT_NAMESPACE")


class _NotPlain(Exception):
    """Git has to read it."""


def read_refs(folder: Path, prefixes: Sequence[str], env: Collection[str] = ()) -> dict[str, Oid] | None:
    """The refs below these prefixes, or all, in the order of their names, as git lists them in `folder`; None: ask git.

    `env` are the names that git's environment has besides. That the objects are there is not looked at.
    """
    try:
        prefixes = prefixes or ("refs/",)
        if not all(map(PREFIX.fullmatch, prefixes)) or not set(env).isdisjoint(_ELSEWHERE):
            return None
        place = _repository(folder)
        own = [each for prefix in set(prefixes) for each in _own_files(place, prefix.rstrip("/"), MAX_OWN_FILES)]
        found = {**_packed(place, prefixes), **{name: oid for name, oid in own if _is_below(name, prefixes)}}
    except (_NotPlain, OSError, ValueError):
        return None
    return dict(sorted(found.items()))


def _repository(folder: Path) -> Path:
    """Where git keeps the refs. It must be this user's own: of another's, git says that it does not touch it."""
    place = folder / ".git"
    if place.is_symlink() or not place.is_dir():
        if os.path.lexists(place):
            raise _NotPlain  # a worktree of another repository, or a submodule
        place = folder
    refs = place / "refs"
    if not ((place / "HEAD").is_file() and (place / "objects").is_dir() and refs.is_dir()):
        raise _NotPlain
    if any(os.path.lexists(place / odd) for odd in ("reftable", "commondir", "gitdir")):
        raise _NotPlain
    if hasattr(os, "geteuid") and any(each.stat().st_uid != os.geteuid() for each in {folder, place}):
        raise _NotPlain
    return place


def _own_files(place: Path, name: str, room: int) -> Iterator[tuple[str, Oid]]:
    """Of the ref of this name, or of all in the folder of this name. Raises _NotPlain where they are too many."""
    path = place / name
    with suppress(FileNotFoundError):  # a ref that went meanwhile is packed now, or gone
        if not path.is_dir():
            yield from _own(str(path), name)
            return
        with os.scandir(path) as entries:
            for each in sorted(entries, key=lambda entry: entry.name):
                ref = f"{name}/{each.name}"
                if each.is_dir(follow_symlinks=False):
                    inside = list(_own_files(place, ref, room))
                elif each.name.endswith(".lock"):
                    continue
                else:
                    inside = list(_own(each.path, ref))
                room -= len(inside)
                if room < 0:
                    raise _NotPlain
                yield from inside


def _own(path: str, name: str) -> Iterator[tuple[str, Oid]]:
    if not _OWN_NAME.fullmatch(name) or os.path.islink(path):  # noqa: PTH114 - as old git kept symbolic refs
        raise _NotPlain
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each would take as long as the file
            said = _OWN.fullmatch(file.read(128))
    except FileNotFoundError:
        return
    if said is None:  # a symbolic ref, or a broken one, of which git says what there is to say
        raise _NotPlain
    yield name, said[1].decode()


def _packed(place: Path, prefixes: Sequence[str]) -> dict[str, Oid]:
    try:
        with (place / "packed-refs").open("rb") as file:
            data = file.read(MAX_PACKED_BYTES + 1)
    except FileNotFoundError:
        return {}
    text = data.decode("ascii")
    lines = list(_LINE.finditer(text))
    if len(data) > MAX_PACKED_BYTES or sum(map(len, (line[0] for line in lines))) != len(text):
        raise _NotPlain
    return {line[2]: line[1] for line in lines if line[2] and _is_below(line[2], prefixes)}


def _is_below(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)
