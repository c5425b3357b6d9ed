"""How do many new refs come into being by one file? As entries of `packed-refs`, under the locks that git itself takes.

Git makes a file for each, which has to be created, written, flushed and renamed; creating files is what takes the time
of a batch. The locks are hard links to one file, so they cost a name each. Whoever moves a ref by git finds its lock
there, or the ref (gitrepository-layout(5), packed-refs; git-pack-refs(1)).
"""

from __future__ import annotations

import os
import re
import secrets
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from sync import files
from sync.errors import PushUncertain
from sync.remote import Oid, RefUpdate

PACK_REFS_FROM = 10
"""New refs from which on this is done: the file of all packed ones is written anew for them."""
MAX_TRIES = 3
"""Times that the file is made, as others may change it meanwhile."""

_HEADER = b"# pack-refs with: peeled fully-peeled sorted \n"
_TRAITS = {b"fully-peeled", b"sorted"}
"""What must be so already: of each tag stands there what it leads to, and names are in the order of their bytes."""
_ENTRY = re.compile(rb"[0-9a-f]{40} ([^\n]+)\n(?:\^[0-9a-f]{40}\n)?")
_NAME = re.compile(r"refs(?:/[\w-]+(?:\.[\w-]+)*(?<!\.lock))+", re.ASCII)
"""Names that are sound on every file system, and far from what git-check-ref-format(1) forbids."""


def many_new(updates: Sequence[RefUpdate]) -> dict[str, Oid]:
    """What these updates make, where all of them make new refs and they are many; else nothing."""
    new = {update.ref: update.new for update in updates if update.new and update.expect is None}
    return new if len(new) == len(updates) >= PACK_REFS_FROM else {}


def create_refs(folder: Path, refs: Mapping[str, Oid], *, durable: bool, after: Iterable[Path] = ()) -> bool:
    """Makes all of these refs in a repository, or none and False: one is there, is being moved, or git must do it.

    What they name is there already, and is no tag. With `durable` they are on the disk before they count, and so are
    the folders `after` which they may count; the file's name is on the disk when this returns.

    Raises OSError for a disk that takes no more; then nothing has moved. Raises PushUncertain where they count, and
    nobody knows whether they are on the disk.
    """
    packed = folder / "packed-refs"
    if (folder / "reftable").exists() or packed.is_symlink() or not all(map(_NAME.fullmatch, refs)):
        return False
    flushed = list(after)
    part = folder / f".shiftbook-{secrets.token_hex(8)}.lock"  # so ends what no watcher of a repository tells of
    try:
        for _ in range(MAX_TRIES):
            before = _read(packed)
            made = _with_refs(before, refs)
            if made is None or _any_there(folder, refs) or not _have_folders(folder, refs):
                return False
            part.write_bytes(made)
            if durable:
                files.flush([part, *flushed])
            if _put(part, packed, before, refs):
                break
        else:
            return False
    finally:
        part.unlink(missing_ok=True)
    if durable:
        _flush_name(folder)
    return True


def _flush_name(folder: Path) -> None:
    try:
        files.flush([folder])
    except OSError as error:
        raise PushUncertain(str(folder), f"the refs may not be on the disk: {error}") from error


def _put(part: Path, packed: Path, before: bytes, refs: Collection[str]) -> bool:
    """Gives the new file its name, unless somebody moves one of the refs, or has changed the old file.

    Nothing is flushed meanwhile: a lock that a power cut leaves on the disk would be there for good.
    """
    folder, moved = packed.parent, False
    lock = f"{packed}.lock"
    try:
        with ExitStack() as locks:
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            locks.callback(os.unlink, lock)
            for ref in refs:
                os.link(lock, name := f"{folder}/{ref}.lock")
                locks.callback(os.unlink, name)
            if _read(packed) == before and not _any_there(folder, refs):
                files.move_into_place(part, packed, durable=False)  # it was flushed before
                moved = True
    except OSError as error:
        if moved:
            raise PushUncertain(str(folder), f"a lock of the refs may stay there: {error}") from error
        if not isinstance(error, FileExistsError | FileNotFoundError):
            raise  # these two: another's lock, or git took an empty folder away
    return moved


def _read(packed: Path) -> bytes:
    try:
        return packed.read_bytes()
    except FileNotFoundError:
        return b""


def _any_there(folder: Path, refs: Collection[str]) -> bool:
    """Whether a file, or a folder of other refs, has one of the names."""
    return any(os.path.lexists(f"{folder}/{ref}") for ref in refs)


def _have_folders(folder: Path, refs: Collection[str]) -> bool:
    """Makes the folders of the locks; False where a ref has the name of one."""
    try:
        for parent in {ref.rpartition("/")[0] for ref in refs}:
            (folder / parent).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    return True


def _with_refs(before: bytes, refs: Mapping[str, Oid]) -> bytes | None:
    """The file with these refs besides; None where one excludes another, or the file is not as git writes it."""
    head, line_break, body = (before or _HEADER).partition(b"\n")
    entries = {found[1]: found[0] for found in _ENTRY.finditer(body)}
    if not set(head.split()) >= _TRAITS or sum(map(len, entries.values())) != len(body):
        return None
    names = sorted(entries)
    new = {ref.encode(): f"{oid} {ref}\n".encode() for ref, oid in refs.items()}
    if any(name in entries or _is_beside(name, entries, names) for name in new):
        return None
    lines = sorted({**entries, **new}.items())
    return head + line_break + b"".join(line for _, line in lines)


def _is_beside(name: bytes, entries: Collection[bytes], names: list[bytes]) -> bool:
    """Whether a ref has the name of one of its folders, or lies below it: git keeps no such two."""
    parts = name.split(b"/")
    if any(b"/".join(parts[:end]) in entries for end in range(2, len(parts))):
        return True
    at = bisect_left(names, name + b"/")
    return at < len(names) and names[at].startswith(name + b"/")
