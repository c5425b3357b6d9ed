"""What does a diff do, file by file, and what of it does not show in its lines?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.ledger.diff_budget import CUT

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([abfnrtv\"\\]|[0-7]{3})")
_ESCAPED = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
MODE_NOTES = {"100644": "", "100755": "executable", "120000": "symbolic link", "160000": "submodule"}


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """What happened to one file. `notes` are what its lines do not say: binary, renamed, a mode."""

    path: str
    added: int = 0
    removed: int = 0
    notes: tuple[str, ...] = ()


def parse_diff(diff: str) -> list[FileChange]:
    """The files of a diff as git writes it, in its order. Lines that are none of a diff are passed over."""
    found: list[FileChange] = []
    for part in split_files(diff):
        found.append(_parse_file(part))
    return found


def split_files(diff: str) -> Iterator[list[str]]:
    """The lines of each file's part."""
    part: list[str] = []
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            if part:
                yield part
            part = [line]
        elif part:
            part.append(line)
    if part:
        yield part


def parse_header(lines: Sequence[str]) -> FileChange:
    """What the lines before a file's first hunk say of it."""
    change = FileChange(path=_path(lines[0].removeprefix("diff --git "), lines[1:]))
    for line in lines[1:]:
        change = _with_header_line(change, line)
    return change


def _parse_file(part: list[str]) -> FileChange:
    body = next((n for n, line in enumerate(part) if line.startswith("@@ ")), len(part))
    change, lines = parse_header(part[:body]), part[body:]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    for cut in filter(None, map(CUT.fullmatch, part[1:])):
        added, removed = (had + int(cut[key].replace(",", "")) for had, key in ((added, "added"), (removed, "removed")))
        change = replace(change, notes=(*change.notes, "not shown whole"))
    return replace(change, added=added, removed=removed)


def _path(names: str, header: Sequence[str]) -> str:
    """The file's path now. Only where both names are the same does git's first line say where one of them ends."""
    for line in header:
        if line.startswith("rename to "):
            return _unquote(line.removeprefix("rename to "))
    if names.startswith('"'):
        return _unquote(f'"{_QUOTED.findall(names)[-1]}"').removeprefix("b/") if _QUOTED.search(names) else names
    half = names[(len(names) + 1) // 2 :]
    return half.removeprefix("b/") if names == f"a/{half[2:]} {half}" else names.rpartition(" b/")[2]


def _unquote(name: str) -> str:
    """A path that git has quoted, as it is (git-config(1), core.quotePath)."""
    if not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        return name

    def char(found: re.Match[bytes]) -> bytes:
        said = found[1]
        return bytes([int(said, 8) if len(said) == 3 else _ESCAPED.get(said[0], said[0])])

    return _ESCAPE.sub(char, name[1:-1].encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def _with_header_line(change: FileChange, line: str) -> FileChange:
    """The change with what one line of its header says."""
    word, _, rest = line.partition(" ")
    note = ""
    if line.startswith(("new file mode ", "deleted file mode ")):
        kind = MODE_NOTES.get(line.rpartition(" ")[2], line.rpartition(" ")[2])
        note = f"{'new' if word == 'new' else 'deleted'}{f', {kind}' if kind else ''}"
    elif line.startswith("new mode "):
        kind = MODE_NOTES.get(line.rpartition(" ")[2], line.rpartition(" ")[2])
        note = f"mode: {kind or 'not executable'}"
    elif line.startswith("rename from "):
        note = f"renamed from {_unquote(rest.removeprefix('from '))}"
    elif line.startswith(("GIT binary patch", "Binary files ")):
        note = "binary"
    elif line.startswith("index ") and line.endswith((" 120000", " 160000")):
        note = MODE_NOTES[line[-6:]]
    return replace(change, notes=(*change.notes, note)) if note else change


def printable_diff(text: str) -> str:
    """A diff's text, safe for a terminal: what moves the cursor, or turns the reading direction, is spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else _escape_char(char) for char in text)


def printable_name(name: str) -> str:
    """A file's name in a table of files, on one line: an end of a line in it would begin a row that nobody changed."""
    return "".join(char if char.isprintable() else _escape_char(char) for char in name)


def _escape_char(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
