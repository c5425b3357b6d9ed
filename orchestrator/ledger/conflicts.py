"""Where is what a merge could not keep, until a person has looked at it?

One document for each value, below `conflicts/<yyyy>/<mm>/<dd>/`: readable by people, and by `shiftbook conflicts`. Its
name is made of what it says, so that two machines that come to the same merge write the same file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_excerpt, redacted_line
from handoff.secrets.redact import redact
from missions import frontmatter
from missions.archive_path import PLACE, dated_path
from missions.errors import BadName
from missions.frontmatter import Malformed
from missions.merging.file_diff import FILE, Conflict
from missions.mission import slug
from sync.objects import EXECUTABLE, FOLDER, TreeEntry, find, folder_entries
from sync.objects import FILE as PLAIN
from sync.remote import ObjectStore, Oid

CONFLICTS_FOLDER = "conflicts"
MAX_VALUE_CHARS = 1024 * 1024
"""Characters of a value that are written down; Git's history has the rest."""
MAX_SECRET_CHARS = 16 * 1024
"""What is read beyond the end that is kept: a secret that the end cuts must still be seen whole."""
MAX_DOCUMENT_BYTES = 10 * MAX_VALUE_CHARS
"""Bytes of a document that is read: two values of four bytes a character, and what stands around them."""
TAKEN_OUT = "(taken out)"
MAX_DEPTH = 6
"""Folders in folders: year, month, day and three more."""

_DATED = re.compile(rf"{CONFLICTS_FOLDER}/{PLACE}/[^/]+")
_FENCE = re.compile(r"(`{3,})text")


@dataclass(frozen=True, kw_only=True)
class UnresolvedConflict:
    """One value that was not kept. `kept_in` and `lost_in` are commits, empty where none is known."""

    ident: str
    mission: str
    part: str
    kept: str | None
    lost: str | None
    kept_by: str = ""
    kept_in: str = ""
    lost_by: str = ""
    lost_in: str = ""
    path: str = ""
    """Where this document is."""

    @property
    def says(self) -> str:
        """What happened, in words."""
        what = "two versions of the file" if self.part == FILE else f"two versions of “{self.part}”"
        who = " and ".join(name for name in (self.kept_by, self.lost_by) if name)
        return (
            f"{what}{f', by {who}' if who else ''}: {_quote_short(self.kept)} is kept, {_quote_short(self.lost)} is not"
        )


def mission_of(path: str) -> str:
    """The mission that a file's path stands for; a name of its own where it stands for none."""
    stem = path.rsplit("/", 1)[-1]
    try:
        return slug(stem[:-3] if stem.lower().endswith(".md") else stem)
    except BadName:
        return "unnamed"


def unresolved_conflict(
    mission: str, found: Conflict, *, day: str, kept_in: str = "", lost_in: str = ""
) -> UnresolvedConflict:
    """A merge's conflict as it goes into the ledger: without secrets, under a name made of what it says."""
    kept, lost = _redacted_value(found.kept), _redacted_value(found.lost)
    said = "\0".join([mission, found.part, *(f"={text}" if text is not None else "" for text in (kept, lost))])
    ident = f"{mission}-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return UnresolvedConflict(
        ident=ident,
        mission=mission,
        part=found.part,
        kept=kept,
        lost=lost,
        kept_by=found.kept_by[2],
        kept_in=kept_in,
        lost_by=found.lost_by[2],
        lost_in=lost_in,
        path=dated_path(CONFLICTS_FOLDER, day, mission, f"{ident}.md"),
    )


def render(one: UnresolvedConflict) -> bytes:
    """The document."""
    facts = {
        "mission": one.mission,
        "part": one.part,
        "kept_by": one.kept_by,
        "kept_in": one.kept_in,
        "lost_by": one.lost_by,
        "lost_in": one.lost_in,
        "kept_nothing": one.kept is None or None,
        "lost_nothing": one.lost is None or None,
    }
    head = frontmatter.write("", {key: value for key, value in facts.items() if value})
    resolve = f"shiftbook conflicts resolve {one.ident}"
    words = [
        f"# {one.mission}: two versions of “{one.part}”",
        f"Kept{_attribution(one.kept_by, one.kept_in)}:",
        _fence_value(one.kept),
        f"Not kept{_attribution(one.lost_by, one.lost_in)}:",
        _fence_value(one.lost),
        f"`{resolve} --kept` leaves it so, `{resolve} --lost` puts the other one in.",
    ]
    return redact(head + "\n\n".join(words) + "\n").text.encode("utf-8", "replace")


def read(path: str, data: bytes) -> UnresolvedConflict | None:
    """Reads what `render` wrote; None for what is no such document."""
    if len(data) > MAX_DOCUMENT_BYTES:
        return None
    text = data.decode("utf-8", "replace")
    try:
        block = frontmatter.split(text)
        mission = slug(str(block.fields.get("mission", "")))
    except (Malformed, BadName):
        return None
    values = list(_fenced_values(block.body))
    if len(values) != 2:
        return None
    facts = {key: str(block.fields.get(key, "")) for key in ("part", "kept_by", "kept_in", "lost_by", "lost_in")}
    gone = [bool(block.fields.get(f"{side}_nothing")) for side in ("kept", "lost")]
    kept, lost = (None if none else value for none, value in zip(gone, values, strict=True))
    ident = path.rsplit("/", 1)[-1].removesuffix(".md")
    return UnresolvedConflict(ident=ident, mission=mission, kept=kept, lost=lost, path=path, **facts)


def list_conflicts(store: ObjectStore, tree: Oid) -> list[UnresolvedConflict]:
    """Everything in a tree that waits for a person, the newest day first; each once."""
    found: dict[str, UnresolvedConflict] = {}
    for path, oid in _files(store, tree):
        one = read(path, store.get(oid, MAX_DOCUMENT_BYTES)) if store.size(oid) <= MAX_DOCUMENT_BYTES else None
        if one is not None:
            found.setdefault(one.ident, one)
    return list(found.values())


def conflict_paths(store: ObjectStore, tree: Oid) -> list[str]:
    """The documents of all conflicts in a tree."""
    return [path for path, _ in _files(store, tree)]


def _files(store: ObjectStore, tree: Oid) -> Iterator[tuple[str, Oid]]:
    """By days, and in older ledgers by months."""
    found = [pair for pair in _documents(store, find(store, tree, CONFLICTS_FOLDER)) if _DATED.fullmatch(pair[0])]
    yield from sorted(found, key=lambda pair: (pair[0].rpartition("/")[0].replace("-", "/"), pair[0]), reverse=True)


def _documents(store: ObjectStore, folder: TreeEntry | None, path: str = CONFLICTS_FOLDER) -> Iterator[tuple[str, Oid]]:
    for name, entry in folder_entries(store, folder).items():
        if entry.mode == FOLDER and path.count("/") < MAX_DEPTH:
            yield from _documents(store, entry, f"{path}/{name}")
        elif name.endswith(".md") and entry.mode in (PLAIN, EXECUTABLE):
            yield f"{path}/{name}", entry.oid


def _redacted_value(text: str | None) -> str | None:
    if text is None:
        return None
    over = (
        f"\n[… {len(text) - MAX_VALUE_CHARS:,} more characters are in Git's history]"
        if len(text) > MAX_VALUE_CHARS
        else ""
    )
    return (redacted_excerpt(text, MAX_VALUE_CHARS) + over).replace("\r\n", "\n").rstrip("\n")


def _fence_value(text: str | None) -> str:
    shown = TAKEN_OUT if text is None else text
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}"


def _fenced_values(body: str) -> Iterator[str]:
    """What stands between the fences that `_fenced` wrote, in one pass: anybody may have written this file."""
    fence, lines = "", list[str]()
    for line in body.split("\n"):
        if fence and line == fence:
            yield "\n".join(lines)
            fence = ""
        elif fence:
            lines.append(line)
        elif opening := _FENCE.fullmatch(line):
            fence, lines = opening[1], []


def _attribution(name: str, commit: str) -> str:
    return f"{f', by {name}' if name else ''}{f', in commit {commit[:10]}' if commit else ''}"


def _quote_short(text: str | None) -> str:
    return "leaving it out" if text is None else f"“{redacted_line(text, 60)}”"
