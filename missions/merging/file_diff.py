"""In what do two versions of a mission file differ, by field and by text?"""

from __future__ import annotations

from dataclasses import dataclass

from missions.frontmatter import Malformed
from missions.merging.merge_state import NOBODY, Stamp
from missions.merging.parsed_file import Anatomy, Chunk, dissect

TEXT, RESULT, HEAD, FILE = "text", "result", "front matter", "file"
"""What a conflict is about when it is not about a field."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A value that was not kept, beside the one that was. None: that side took it out."""

    part: str
    kept: str | None
    lost: str | None
    kept_by: Stamp = NOBODY
    lost_by: Stamp = NOBODY


def dissected(data: bytes) -> Anatomy | None:
    """A file in pieces; None if it cannot be taken apart."""
    try:
        return dissect(data)
    except Malformed:
        return None


def _says(chunk: Chunk | None) -> str | None:
    return chunk.says if chunk else None


def shown(chunk: Chunk | None) -> str | None:
    """A field's value as people see it in the file."""
    return chunk.value if chunk else None


def overwritten(base: bytes, theirs: bytes, result: bytes) -> tuple[Conflict, ...]:
    """What `theirs` had changed since `base` and is not in `result`: for who writes fields over a newer file."""
    before, there, now = dissected(base), dissected(theirs), dissected(result)
    if before is None or there is None or now is None:
        return ()
    found = []
    for key in sorted({*before.chunks, *there.chunks}):
        old, other, new = (anatomy.chunks.get(key) for anatomy in (before, there, now))
        if _says(other) not in (_says(old), _says(new)):
            found.append(Conflict(part=key, kept=shown(new), lost=shown(other)))
    if there.text not in (before.text, now.text):
        found.append(Conflict(part=TEXT, kept=now.text, lost=there.text))
    return tuple(found)


def stands(data: bytes, part: str, value: str | None) -> bool:
    """Whether a file has this value, as a conflict names it, in this part."""
    if part == FILE:
        return data.decode("utf-8", "backslashreplace") == value
    anatomy = dissected(data)
    if anatomy is None:
        return False
    places = {TEXT: anatomy.text, RESULT: anatomy.nodes, HEAD: "".join(anatomy.skeleton)}
    if part in places:
        return value is not None and value in places[part]
    chunk = anatomy.chunks.get(part)
    return value == shown(chunk) or (chunk is not None and value == chunk.raw.rstrip("\r\n"))


def changed(base: bytes, data: bytes) -> frozenset[str]:
    """The parts in which a file differs from an earlier one; all of it if one of them cannot be read."""
    before, now = dissected(base), dissected(data)
    if before is None or now is None:
        return frozenset({FILE})
    keys = {*before.chunks, *now.chunks}
    parts = {key for key in keys if before.chunks.get(key) != now.chunks.get(key)}
    whole = {TEXT: before.text != now.text, RESULT: before.nodes != now.nodes}
    return frozenset(parts | {part for part, differs in whole.items() if differs})
