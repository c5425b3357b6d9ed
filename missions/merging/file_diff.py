"""In what do two versions of a mission file differ, by field and by text?"""

from __future__ import annotations

from dataclasses import dataclass

from missions.frontmatter import Malformed
from missions.merging.merge_state import NO_STAMP, Stamp
from missions.merging.parsed_file import ParsedField, ParsedFile, parse_file

TEXT, RESULT, HEAD, FILE = "text", "result", "front matter", "file"
"""What a conflict is about when it is not about a field."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A value that was not kept, beside the one that was. None: that side took it out."""

    part: str
    kept: str | None
    lost: str | None
    kept_by: Stamp = NO_STAMP
    lost_by: Stamp = NO_STAMP


def try_parse_file(data: bytes) -> ParsedFile | None:
    """A file in pieces; None if it cannot be taken apart."""
    try:
        return parse_file(data)
    except Malformed:
        return None


def _canonical_value(chunk: ParsedField | None) -> str | None:
    return chunk.says if chunk else None


def display_value(chunk: ParsedField | None) -> str | None:
    """A field's value as people see it in the file."""
    return chunk.value if chunk else None


def overwritten_values(base: bytes, theirs: bytes, result: bytes) -> tuple[Conflict, ...]:
    """What `theirs` had changed since `base` and is not in `result`: for who writes fields over a newer file."""
    before, there, now = try_parse_file(base), try_parse_file(theirs), try_parse_file(result)
    if before is None or there is None or now is None:
        return ()
    found = []
    for key in sorted({*before.chunks, *there.chunks}):
        old, other, new = (anatomy.chunks.get(key) for anatomy in (before, there, now))
        if _canonical_value(other) not in (_canonical_value(old), _canonical_value(new)):
            found.append(Conflict(part=key, kept=display_value(new), lost=display_value(other)))
    if there.text not in (before.text, now.text):
        found.append(Conflict(part=TEXT, kept=now.text, lost=there.text))
    return tuple(found)


def has_value(data: bytes, part: str, value: str | None) -> bool:
    """Whether a file has this value, as a conflict names it, in this part."""
    if part == FILE:
        return data.decode("utf-8", "backslashreplace") == value
    anatomy = try_parse_file(data)
    if anatomy is None:
        return False
    places = {TEXT: anatomy.text, RESULT: anatomy.nodes, HEAD: "".join(anatomy.skeleton)}
    if part in places:
        return value is not None and value in places[part]
    chunk = anatomy.chunks.get(part)
    return value == display_value(chunk) or (chunk is not None and value == chunk.raw.rstrip("\r\n"))


def changed_parts(base: bytes, data: bytes) -> frozenset[str]:
    """The parts in which a file differs from an earlier one; all of it if one of them cannot be read."""
    before, now = try_parse_file(base), try_parse_file(data)
    if before is None or now is None:
        return frozenset({FILE})
    keys = {*before.chunks, *now.chunks}
    parts = {key for key in keys if before.chunks.get(key) != now.chunks.get(key)}
    whole = {TEXT: before.text != now.text, RESULT: before.nodes != now.nodes}
    return frozenset(parts | {part for part, differs in whole.items() if differs})
