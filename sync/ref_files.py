"""Where do the refs of a small repository stand? Read from its files: a twentieth of what it takes to start git.

Git keeps a ref in a file of its own, or as a line of `packed-refs` (gitrepository-layout(5)). Whoever packs refs writes
that file before the refs' own go, and a ref's own file counts: so the own ones are read first, as git does, and no ref
is missed that is packed meanwhile. Whatever is not as plain as that is git's to read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
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
    prefixes = prefixes or ("refs/",)
    if not all(map(PREFIX.fullmatch, prefixes)) or not set(env).isdisjoint(_ELSEWHERE):
        return None
    try:
        place = _repository(folder)
        names = list(islice(_own_names(place, prefixes), MAX_OWN_FILES + 1))
        if len(names) > MAX_OWN_FILES:
            return None
        own = {name: oid for name in names if (oid := _own(place, name))}
        found = {**_packed(place, prefixes), **own}
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
    if not ((place / "HEAD").is_file() and (place / "objects").is_dir() and (place / "refs").is_dir()):
        raise _NotPlain
    if any(os.path.lexists(place / odd) for odd in ("reftable", "commondir", "gitdir")):
        raise _NotPlain
    if hasattr(os, "geteuid") and any(each.stat().st_uid != os.geteuid() for each in {folder, place}):
        raise _NotPlain
    with suppress(FileNotFoundError):  # before anything else is read in vain
        if (place / "packed-refs").stat().st_size > MAX_PACKED_BYTES:
            raise _NotPlain
    return place


def _own_names(place: Path, prefixes: Sequence[str]) -> Iterator[str]:
    """The names of the refs that have files of their own, and of what git leaves out there but locks."""
    for prefix in dict.fromkeys(prefixes):
        if (place / prefix).is_dir():
            yield from _names_in(place, prefix.rstrip("/"))
        elif not prefix.endswith("/"):
            yield prefix


def _names_in(place: Path, folder: str) -> Iterator[str]:
    with suppress(FileNotFoundError), os.scandir(place / folder) as entries:  # packed meanwhile, or gone
        for each in entries:
            name = f"{folder}/{each.name}"
            if each.is_dir(follow_symlinks=False):
                yield from _names_in(place, name)
            elif not name.endswith(".lock"):
                yield name


def _own(place: Path, name: str) -> Oid | None:
    """What the file of a ref says; None where there is none. Raises _NotPlain for a symbolic ref, or a broken one."""
    if not _OWN_NAME.fullmatch(name):
        raise _NotPlain
    try:
        said = _OWN.fullmatch(_content(f"{place}/{name}", 128))
    except FileNotFoundError:
        return None
    if said is None:
        raise _NotPlain
    return said[1].decode()


def _packed(place: Path, prefixes: Sequence[str]) -> dict[str, Oid]:
    try:
        data = _content(f"{place}/packed-refs", MAX_PACKED_BYTES + 1)
    except FileNotFoundError:
        return {}
    if len(data) > MAX_PACKED_BYTES:
        raise _NotPlain
    text = data.decode("ascii")
    lines = list(_LINE.finditer(text))
    if sum(len(line[0]) for line in lines) != len(text):
        raise _NotPlain
    return {line[2]: line[1] for line in lines if line[2] and _is_below(line[2], prefixes)}


def _content(path: str, most: int) -> bytes:
    """The beginning of a file. Raises _NotPlain for what is none, which might keep whoever reads it waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _NotPlain
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _is_below(name: str, prefixes: Sequence[str]) -> bool:
    """A prefix that ends with a slash is no ref's own name."""
    return any(name == prefix or name.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)
