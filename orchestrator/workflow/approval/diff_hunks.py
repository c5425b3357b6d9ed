"""A diff's hunks: which lines does each file lose and gain, as plain data that is bounded whatever somebody wrote?

Nothing of the text is trusted: it may be cut in the middle of a hunk, and its numbers may lie. So a line is what its
first character says, lines are counted here, and what is more than a person can look at is left out and said.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.ledger.diff_budget import CUT
from orchestrator.workflow.approval.diff_view import FileChange, parse_header

MAX_FILES = 500
"""Files that are listed."""
MAX_LINES, MAX_FILE_LINES = 12_000, 4_000
"""Lines that are shown, of all files and of one."""
MAX_SHOWN_CHARS, MAX_LINE_CHARS = 1_500_000, 2_000
"""Characters that are shown in all, and of one line."""
MAX_HEADER_CHARS = 20_000
"""Characters of a file's header that are looked at."""
_FILE = re.compile(r"^diff --git ", re.MULTILINE)
_BODY = re.compile(r"^@@ ", re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@ ?(.*)")
_STATUS = (("new", "added"), ("deleted", "deleted"), ("renamed", "renamed"))


@dataclass(kw_only=True)
class _Room:
    """What may still be shown."""

    lines: int = MAX_LINES
    chars: int = MAX_SHOWN_CHARS


def diff_digest(diff: str, commit: str) -> str:
    """Names what a person looked at: the diff, and the commit that an approval would merge."""
    return hashlib.sha256(f"{commit}\0{diff}".encode("utf-8", "surrogatepass")).hexdigest()


def diff_json(diff: str, commit: str) -> dict[str, Any]:
    """The files with their hunks; `truncated` where not all lines are there."""
    room, files, truncated = _Room(), [], False
    for number, part in enumerate(_parts(diff)):
        if number == MAX_FILES:
            truncated = True
            break
        file, whole = _file(part, room)
        truncated = truncated or not whole
        files.append(file)
    size = len(diff.encode("utf-8", "surrogatepass"))
    return {"files": files, "digest": diff_digest(diff, commit), "truncated": truncated, "bytes": size}


def _parts(diff: str) -> Iterator[str]:
    """The text of each file, one at a time."""
    found = _FILE.search(diff)
    while found is not None:
        following = _FILE.search(diff, found.end())
        yield diff[found.start() : following.start() if following else len(diff)]
        found = following


def _file(part: str, room: _Room) -> tuple[dict[str, Any], bool]:
    """One file as plain data, and whether all of its lines are there."""
    begun = _BODY.search(part)
    head = part[: begun.start() if begun else len(part)]
    change = parse_header(head[:MAX_HEADER_CHARS].split("\n"))
    body = part[begun.start() :] if begun else ""
    change, cut = _counted(change, body)
    hunks, whole = _hunks(body, room)
    old = next((note.removeprefix("renamed from ") for note in change.notes if note.startswith("renamed ")), "")
    status = next((word for note in change.notes for begin, word in _STATUS if note.startswith(begin)), "modified")
    return {
        "path": change.path,
        "old_path": old or (change.path if status != "added" else ""),
        "status": status,
        "added": change.added,
        "removed": change.removed,
        "binary": "binary" in change.notes,
        "notes": list(change.notes),
        "hunks": hunks,
    }, whole and not cut


def _counted(change: FileChange, body: str) -> tuple[FileChange, bool]:
    """The change with its lines counted, those too that were not kept; and whether any were not."""
    added, removed = (body.count(f"\n{sign}") for sign in "+-")
    cut = CUT.search(body, max(0, len(body) - 400)) if body else None
    if cut is not None:
        added, removed = (had + int(cut[key].replace(",", "")) for had, key in ((added, "added"), (removed, "removed")))
    return replace(change, added=added, removed=removed), cut is not None


def _hunks(body: str, room: _Room) -> tuple[list[dict[str, Any]], bool]:
    """The hunks as far as there is room, and whether that is all of them."""
    hunks: list[dict[str, Any]] = []
    old, new, whole = 0, 0, True
    for number, line in enumerate(_lines(body)):
        if number >= MAX_FILE_LINES or room.lines <= 0 or room.chars <= 0:
            return hunks, False
        head = _HUNK.fullmatch(line[:MAX_LINE_CHARS]) if line.startswith("@@ ") else None
        if head is not None:
            old, new = int(head[1]), int(head[2])
            hunks.append({"old_start": old, "new_start": new, "heading": head[3], "lines": []})
            continue
        kind = line[:1]
        if not hunks or kind not in ("+", "-", " ", "\\"):
            continue
        text = line[1:] if len(line) <= MAX_LINE_CHARS else f"{line[1:MAX_LINE_CHARS]}…"
        whole = whole and len(line) <= MAX_LINE_CHARS
        if kind == "\\":
            hunks[-1]["lines"].append({"kind": kind, "old": None, "new": None, "text": text.strip()})
            continue
        places = {"old": old if kind != "+" else None, "new": new if kind != "-" else None}
        hunks[-1]["lines"].append({"kind": kind, **places, "text": text})
        old, new = old + (kind != "+"), new + (kind != "-")
        room.lines -= 1
        room.chars -= len(text)
    return hunks, whole


def _lines(body: str) -> Iterator[str]:
    """Lines one at a time, so that a body of megabytes is never a list."""
    start = 0
    while start < len(body):
        end = body.find("\n", start)
        yield body[start : end if end >= 0 else len(body)]
        start = end + 1 if end >= 0 else len(body)
