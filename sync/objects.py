"""How are Git's trees and commits written as bytes?

Blobs, trees and commits are made here rather than by a git process each: it costs a tenth, and the in-memory remote
shares every line of it. Format: git's Documentation, gitformat and hash-object; checked against git in the tests.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sync.errors import ObjectMissing, UnsafeName
from sync.place_names import is_tree_name
from sync.remote import ObjectStore, Oid

FILE, EXECUTABLE, SYMLINK, FOLDER, SUBMODULE = "100644", "100755", "120000", "40000", "160000"

LAST_SECOND = 253_402_214_400
"""The last day of the year 9999 in seconds since 1970: as late as a calendar goes, in every time zone."""

Signer = Callable[[bytes], str]
"""Signs a commit's bytes and returns the armoured signature."""


MAX_TREE_BYTES = 8 * 1024 * 1024
"""Bytes of a folder that is read: of some 150,000 files. The largest of ours is a month of the archive."""


class TreeEntry(NamedTuple):
    """One name in a folder. A tuple: a view of a busy ledger makes thousands of them."""

    mode: str
    oid: Oid


FileContent = bytes | TreeEntry | None
"""What a change makes of a file: its new bytes, what stands elsewhere already, or nothing."""


def object_id(kind: str, data: bytes) -> Oid:
    """The name that Git gives to an object (SHA-1 repositories)."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data), usedforsecurity=False).hexdigest()


_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_LINE = re.compile(rb"[0-7]+ [^\0]+\0.{20}", re.DOTALL)
"""One entry of a tree. Matched from the first byte on, without a gap: an oid may hold what looks like a name."""
_RUN = re.compile(rb"(?:[0-7]+ [^\0]+\0.{20})*+", re.DOTALL)
_HEAD = re.compile(rb"(?:100644|100755|120000|40000|160000) [^\0]+\0")
_NEAR = 512
"""Bytes within which a place in a large tree is looked for entry by entry."""
_HUGE = 1024 * 1024
"""Bytes of a tree from which on memory counts more than speed."""
_LARGE = 768
"""Bytes of a tree from which on a change is spliced in, instead of writing every entry anew."""


def read_tree(data: bytes) -> dict[str, TreeEntry]:
    """A tree object's entries by name. Raises ValueError for what is no tree."""
    _require_tree(data)
    if len(data) > _HUGE:  # a list of all that was found would be as large as what is made of it
        return dict(map(_named_entry, _ENTRY.finditer(data)))
    found = _ENTRY.findall(data)
    return {name.decode("utf-8", "surrogateescape"): TreeEntry(mode.decode(), oid.hex()) for mode, name, oid in found}


def _named_entry(found: re.Match[bytes]) -> tuple[str, TreeEntry]:
    mode, name, oid = found.groups()
    return name.decode("utf-8", "surrogateescape"), TreeEntry(sys.intern(mode.decode()), oid.hex())


def load_tree(store: ObjectStore, oid: Oid) -> dict[str, TreeEntry]:
    """A folder's entries by name. Raises ObjectMissing, ObjectTooLarge, and ValueError for what is no tree."""
    return read_tree(store.get(oid, MAX_TREE_BYTES))


def folder_entries(store: ObjectStore, entry: TreeEntry | None) -> dict[str, TreeEntry]:
    """What is in a folder; nothing where there is none, or where what stands there is called one and is none."""
    if entry is None or entry.mode != FOLDER:
        return {}
    try:
        return load_tree(store, entry.oid)
    except ValueError:
        return {}


def _require_tree(data: bytes) -> None:
    """Raises ValueError for what is no tree. Only then is it searched: each search in other bytes may go to their end,
    so that a megabyte of them takes minutes."""
    if _RUN.fullmatch(data) is None:
        raise ValueError("this is not a tree object")


def print_tree(entries: Mapping[str, TreeEntry]) -> bytes:
    """The same as bytes, in Git's order: a folder sorts as if its name ended with a slash."""
    lines: list[bytes] = [_entry_line(name, entry) for name, entry in entries.items()]
    lines.sort(key=_sort_key)
    return b"".join(lines)


def _entry_line(name: str, entry: TreeEntry) -> bytes:
    raw = name.encode("utf-8", "surrogateescape")
    return b"%s %s\0%s" % (entry.mode.encode(), raw, bytes.fromhex(entry.oid))


def _sort_key(line: bytes) -> bytes:
    """What one entry of a tree is sorted by."""
    mode, _, name = line[:-21].partition(b" ")
    return name + b"/" if mode == FOLDER.encode() else name


def edit_tree(store: ObjectStore, tree: Oid | None, changes: Mapping[str, FileContent]) -> Oid | None:
    """The tree after writing (or, with None, deleting) files by path. Returns None when nothing is left in it.

    Raises UnsafeName for a path that no clone could check out: a name that somebody else chose is a part of many.

    Only the folders on the way to a change are read and written, so the cost does not grow with the repository.
    """
    data = store.get(tree, MAX_TREE_BYTES) if tree else b""
    touched = _entries_named(data, {path.partition("/")[0] for path in changes}) if len(data) >= _LARGE else None
    entries = read_tree(data if touched is None else b"".join(touched))
    below: dict[str, dict[str, FileContent]] = {}
    for path, content in changes.items():
        head, slash, rest = path.partition("/")
        if content is not None and not is_tree_name(head):
            raise UnsafeName(head)
        if slash:
            below.setdefault(head, {})[rest] = content
        elif content is None:
            if head in entries and entries[head].mode != FOLDER:
                del entries[head]
        elif isinstance(content, TreeEntry):
            entries[head] = content
        else:
            kept = entries.get(head)
            mode = kept.mode if kept and kept.mode in (FILE, EXECUTABLE) else FILE
            entries[head] = TreeEntry(mode, store.put("blob", content))
    for folder, inner in below.items():
        _edit_folder(store, entries, folder, inner)
    made = print_tree(entries) if touched is None else _splice_entries(data, set(touched), entries)
    return store.put("tree", made) if made else None


def _edit_folder(
    store: ObjectStore, entries: dict[str, TreeEntry], folder: str, inner: Mapping[str, FileContent]
) -> None:
    old = entries.get(folder)
    here = old.oid if old and old.mode == FOLDER and _is_tree(store, old.oid) else None
    new = edit_tree(store, here, inner)
    if new is not None:
        entries[folder] = TreeEntry(FOLDER, new)
    elif here is not None:
        del entries[folder]


def _is_tree(store: ObjectStore, oid: Oid) -> bool:
    """Whether what is called a folder is one. What is none is written anew: it must not stop who writes beside it."""
    return _RUN.fullmatch(store.get(oid, MAX_TREE_BYTES)) is not None


def _entries_named(data: bytes, names: Collection[str]) -> list[bytes]:
    """Those entries of a large tree that have one of these names."""
    wanted = {name.encode("utf-8", "surrogateescape") for name in names}
    if not any(b" %s\0" % name in data for name in wanted):
        return []
    return [line for line in _lines(data) if line[:-21].partition(b" ")[2] in wanted]


def _splice_entries(data: bytes, gone: Collection[bytes], entries: Mapping[str, TreeEntry]) -> bytes:
    """A tree without some of its entries, and with others in their places."""
    _require_tree(data)
    data = b"".join(line for line in _lines(data) if line not in gone) if gone else data
    for name, entry in entries.items():
        line = _entry_line(name, entry)
        at = _insertion_offset(data, _sort_key(line))
        data = data[:at] + line + data[at:]
    return data


def _insertion_offset(data: bytes, key: bytes) -> int:
    """Where an entry with this key belongs: found by halving, then checked from the first byte on."""
    low, high = 0, len(data)
    while high - low > _NEAR:
        middle = (low + high) // 2
        found = _HEAD.search(data, middle, high)
        if found is not None and _sort_key(data[found.start() : found.end() + 20]) < key:
            low = found.start()
        else:
            high = middle
    if not _RUN.fullmatch(data, 0, low):
        low = 0  # it only looked like an entry
    for found in _LINE.finditer(data, low):
        if _sort_key(found[0]) >= key:
            return found.start()
    return len(data)


def _lines(data: bytes) -> list[bytes]:
    _require_tree(data)
    lines: list[bytes] = _LINE.findall(data)
    return lines


def find(store: ObjectStore, tree: Oid, path: str) -> TreeEntry | None:
    """What stands at `path` in a tree; None when nothing does."""
    entry = TreeEntry(FOLDER, tree)
    for part in path.split("/") if path else []:
        if entry.mode != FOLDER:
            return None
        found = _entry_named(store.get(entry.oid, MAX_TREE_BYTES), part)
        if found is None:
            return None
        entry = found
    return entry


def _entry_named(data: bytes, name: str) -> TreeEntry | None:
    """One entry of a tree. The others are not read: they may be a month's archive."""
    end = b" %s\0" % name.encode("utf-8", "surrogateescape")
    if end not in data:
        return None
    for line in reversed(_lines(data)):  # of two with one name the last one counts, as for whoever reads all
        if line.endswith(end, 0, -20) and line.index(b" ") == len(line) - 20 - len(end):
            return TreeEntry(line[: line.index(b" ")].decode(), line[-20:].hex())
    return None


def entry_lines(store: ObjectStore, folder: Oid) -> frozenset[bytes]:
    """A folder's entries as they stand in it, to be compared with those of another version: a quarter of reading them.

    Raises ObjectMissing, ObjectTooLarge, and ValueError for what is no tree.
    """
    return frozenset(_lines(store.get(folder, MAX_TREE_BYTES)))


def line_name(line: bytes) -> str:
    """The name in one of these."""
    return line[:-21].partition(b" ")[2].decode("utf-8", "surrogateescape")


MAX_CACHED_COMMIT_BYTES, MAX_COMMIT_BYTES = 4096, 1024 * 1024
"""Bytes of a commit up to which it is kept, and up to which it is read."""
NEAR_COMMITS = 16
"""Commits that are read before git is asked for a descent: to begin a process takes as long as to read a hundred."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit as it was read. `payload` is what the signature covers."""

    tree: Oid
    parents: tuple[Oid, ...]
    author: str
    committed: int
    message: str
    signature: str | None
    payload: bytes


class NoCommit(KeyError):
    """An object is of another kind, or damaged."""

    def __str__(self) -> str:
        return "it is no commit"


def load_commit(store: ObjectStore, oid: Oid) -> Commit:
    """A commit. Raises ObjectMissing, ObjectTooLarge, and NoCommit."""
    return read_commit(store.get(oid, MAX_COMMIT_BYTES))


def read_commit(data: bytes) -> Commit:
    """Reads a commit object. The signature header is taken out of the payload exactly as git does."""
    return _read_small_commit(data) if len(data) <= MAX_CACHED_COMMIT_BYTES else _read_commit(data)


@lru_cache(maxsize=1024)
def _read_small_commit(data: bytes) -> Commit:
    """The same few commits are asked about once for each mission."""
    return _read_commit(data)


def _read_commit(data: bytes) -> Commit:
    head, _, message = data.partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    payload: list[bytes] = []
    for key, value, raw in _headers(head):
        fields.setdefault(key, []).append(value)
        if key != "gpgsig":
            payload.append(raw)
    if "tree" not in fields:
        raise NoCommit
    author = fields.get("author", [""])[0]
    when = re.search(r"> (\d{1,15}) [+-]\d{4}$", fields.get("committer", [""])[0])
    return Commit(
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", [])),
        author=author.partition(" <")[0],
        committed=min(int(when[1]), LAST_SECOND) if when else 0,  # a server without fsck takes in anything
        message=message.decode("utf-8", "replace"),
        signature=fields["gpgsig"][0] if "gpgsig" in fields else None,
        payload=b"\n".join(payload) + b"\n\n" + message,
    )


def is_near_ancestor(store: ObjectStore, old: Oid, new: Oid) -> bool:
    """Whether `old` is a parent of one of the NEAR_COMMITS commits of `new` that are read first. If not it may be one
    further back, or none: what cannot be read has no parents here."""
    waiting, seen = deque([new]), set[Oid]()
    while waiting and len(seen) < NEAR_COMMITS:
        oid = waiting.popleft()
        if oid in seen:
            continue
        seen.add(oid)
        with suppress(ObjectMissing, NoCommit):
            parents = load_commit(store, oid).parents
            if old in parents:
                return True
            waiting += parents
    return False


def _headers(head: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Header lines with their continuation lines (which start with a space) joined."""
    lines: list[bytes] = []
    for line in [*head.split(b"\n"), b"end"]:
        if line.startswith(b" ") and lines:
            lines.append(line)
            continue
        if lines:
            key, _, first = lines[0].partition(b" ")
            value = b"\n".join([first, *(more[1:] for more in lines[1:])])
            yield key.decode("utf-8", "replace"), value.decode("utf-8", "replace"), b"\n".join(lines)
        lines = [line]


def write_commit(
    store: ObjectStore,
    *,
    tree: Oid,
    parents: tuple[Oid, ...],
    name: str,
    email: str,
    when: int,
    message: str,
    sign: Signer | None,
) -> Oid:
    """Stores a commit, signed if a signer is given, and returns its name. `when` is UTC seconds since 1970."""
    person = f"{name} <{email}> {when} +0000"
    head = [f"tree {tree}", *(f"parent {oid}" for oid in parents), f"author {person}", f"committer {person}"]
    body = message if message.endswith("\n") else message + "\n"
    payload = ("\n".join(head) + "\n\n" + body).encode()
    if sign is not None:
        head.append("gpgsig " + sign(payload).strip().replace("\n", "\n "))
    return store.put("commit", ("\n".join(head) + "\n\n" + body).encode())
