"""What does a diff do, file by file, and what of it does not show in its lines?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

HEAD = re.compile(r"diff --git (?:\"?a/.*\"?) \"?b/(?P<new>.*?)\"?\Z")
MODES = {"100644": "", "100755": "executable", "120000": "symbolic link", "160000": "submodule"}


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """What happened to one file. `notes` are what its lines do not say: binary, renamed, a mode."""

    path: str
    added: int = 0
    removed: int = 0
    notes: tuple[str, ...] = ()


def files(diff: str) -> list[FileChange]:
    """The files of a diff as git writes it, in its order. Lines that are none of a diff are passed over."""
    found: list[FileChange] = []
    for part in _parts(diff):
        found.append(_read(part))
    return found


def _parts(diff: str) -> Iterator[list[str]]:
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


def _read(part: list[str]) -> FileChange:
    named = HEAD.match(part[0])
    change = FileChange(path=named["new"] if named else part[0].removeprefix("diff --git "))
    body = next((n for n, line in enumerate(part) if line.startswith("@@ ")), len(part))
    for line in part[1:body]:
        change = _headed(change, line)
    lines = part[body:]
    return replace(
        change,
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
    )


def _headed(change: FileChange, line: str) -> FileChange:
    """The change with what one line of its header says."""
    word, _, rest = line.partition(" ")
    note = ""
    if line.startswith(("new file mode ", "deleted file mode ")):
        kind = MODES.get(line.rpartition(" ")[2], line.rpartition(" ")[2])
        note = f"{'new' if word == 'new' else 'deleted'}{f', {kind}' if kind else ''}"
    elif line.startswith("new mode "):
        kind = MODES.get(line.rpartition(" ")[2], line.rpartition(" ")[2])
        note = f"mode: {kind or 'not executable'}"
    elif line.startswith("rename from "):
        note = f"renamed from {rest.removeprefix('from ')}"
    elif line.startswith(("GIT binary patch", "Binary files ")):
        note = "binary"
    elif line.startswith("index ") and line.endswith((" 120000", " 160000")):
        note = MODES[line[-6:]]
    return replace(change, notes=(*change.notes, note)) if note else change


def shown(text: str) -> str:
    """A diff's text, safe for a terminal: what moves the cursor, or turns the reading direction, is spelled out."""
    return "".join(char if char.isprintable() or char in "\n\t" else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
