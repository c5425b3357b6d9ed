"""Of which pieces is a mission file made, so that two people's edits of it can be told apart?

Putting the pieces together again gives the file, byte for byte. Comments and the order of the fields are the skeleton;
each field's lines are a chunk of their own; a person's text ends where the nodes' part begins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from missions import frontmatter
from missions.document import RESULT_MARK, canonical, decode
from missions.field_types import list_items
from missions.frontmatter import FrontMatter, Malformed, Scalar
from missions.merging.line_merge import lines_of

FIELD_MARK = "\0"
"""Begins the line in a skeleton that stands for a field. No mission file has this character."""

LIST_FIELDS = ("to", "capabilities", "depends_on", "scope")
"""Fields that are lists even where a single word stands."""


@dataclass(frozen=True, kw_only=True)
class ParsedField:
    """One field as it is written. `says` is its value in a canonical text, `items` its words if it is a list.

    `source` is the value's own text with what stands `before` and `after` it, if all that is one line.
    """

    raw: str
    says: str
    items: tuple[Scalar, ...] | None
    before: str = ""
    source: str = ""
    after: str = ""

    @property
    def is_single_line(self) -> bool:
        """Whether it is one line that can be taken apart."""
        return bool(self.before)

    @property
    def value(self) -> str:
        """The value as people see it in the file."""
        return self.source if self.is_single_line else self.raw.rstrip("\r\n")


@dataclass(frozen=True, kw_only=True)
class ParsedFile:
    """A file in pieces."""

    mark: str = ""
    opening: str = ""
    skeleton: tuple[str, ...] = ()
    chunks: Mapping[str, ParsedField]
    closing: str = ""
    text: str = ""
    """What the person asks for, without the line breaks at its end, which are `space`."""
    space: str = ""
    nodes: str = ""
    """From the nodes' mark on."""

    def print(self) -> str:
        """The file."""
        lines = (self.chunks[line[1:]].raw if line.startswith(FIELD_MARK) else line for line in self.skeleton)
        return "".join([self.mark, self.opening, *lines, self.closing, self.text, self.space, self.nodes])

    @property
    def line_break(self) -> str:
        """The line ending that this file uses."""
        return frontmatter.newline_of(self.opening or self.text + self.space)


def parse_file(data: bytes) -> ParsedFile:
    """Takes a file apart. Raises Malformed for one whose front matter cannot be read line by line."""
    whole = decode(data)
    rest = whole.removeprefix(frontmatter.BYTE_ORDER_MARK)
    block = frontmatter.split(rest)
    skeleton, chunks = _parse_head(block)
    person, mark, below = rest[block.body_start :].partition(RESULT_MARK)
    text = person.rstrip("\r\n")
    return ParsedFile(
        mark=whole[: len(whole) - len(rest)],
        opening=rest[: block.start],
        skeleton=skeleton,
        chunks=chunks,
        closing=rest[block.start + len(block.head) : block.body_start],
        text=text,
        space=person[len(text) :],
        nodes=mark + below,
    )


def _parse_head(block: FrontMatter) -> tuple[tuple[str, ...], dict[str, ParsedField]]:
    names = sorted(block.spans, key=lambda name: block.spans[name][0])
    starts = [block.spans[name][2] for name in names]
    values = {str(key): value for key, value in block.fields.items()}
    if set(values) != set(names) or len(set(starts)) != len(starts):
        raise Malformed("the front matter is not written as one field after the other", None)
    skeleton = list(lines_of(block.head[: starts[0]] if starts else block.head))
    chunks: dict[str, ParsedField] = {}
    for name, (start, end) in zip(names, pairwise([*starts, len(block.head)]), strict=True):
        own, between = _split_comments(lines_of(block.head[start:end]))
        skeleton += [FIELD_MARK + name, *between]
        chunks[name] = _parse_field(block, name, values[name], start, own)
    return tuple(skeleton), chunks


def _split_comments(lines: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A field's own lines, and the comments and blank lines behind them, which belong to nobody."""
    own = next((n for n in range(len(lines), 1, -1) if lines[n - 1].strip() and not lines[n - 1].startswith("#")), 1)
    return lines[:own], lines[own:]


def _parse_field(block: FrontMatter, name: str, value: object, line: int, own: tuple[str, ...]) -> ParsedField:
    raw = "".join(own)
    start, end = (place - line for place in block.spans[name][:2])
    try:
        says = json.dumps(canonical(value), sort_keys=True)
    except ValueError as error:  # a number with more digits than Python prints
        raise Malformed(str(error), block.lines[name]) from error
    parts = (raw[:start], raw[start:end], raw[end:]) if len(own) == 1 and end <= len(raw) else ("", "", "")
    return ParsedField(
        raw=raw, says=says, items=_list_items(name, value), before=parts[0], source=parts[1], after=parts[2]
    )


def _list_items(name: str, value: object) -> tuple[Scalar, ...] | None:
    if name in LIST_FIELDS:
        value = list_items(value)
    if not isinstance(value, list) or not all(isinstance(item, str | int | float | bool) for item in value):
        return None
    return tuple(value)


def with_value(data: bytes, key: str, value: str | None) -> bytes:
    """The file with one field as a conflict names it: a value's own text, or its lines; None takes it out.

    Raises Malformed for a file, or a value, that cannot be read.
    """
    made = parse_file(data)
    old, end = made.chunks.get(key), made.line_break
    chunks, skeleton = dict(made.chunks), list(made.skeleton)
    if value is None:
        chunks.pop(key, None)
        skeleton = [line for line in skeleton if line != FIELD_MARK + key]
    else:
        lines = value.replace("\n", end) + end
        whole = value.lstrip(" ").startswith((f"{key}:", f"{key} :", f'"{key}"'))
        space = "" if old is None or old.before.endswith((" ", "\t")) else " "
        raw = (
            lines
            if whole
            else f"{old.before}{space}{value}{old.after}"
            if old and old.is_single_line
            else f"{key}: {lines}"
        )
        chunks[key] = ParsedField(raw=raw, says="", items=None)
        skeleton += [] if old else [FIELD_MARK + key]
    fences = (made.opening or f"---{end}", made.closing or f"---{end}") if skeleton else (made.opening, made.closing)
    new = replace(made, chunks=chunks, skeleton=tuple(skeleton), opening=fences[0], closing=fences[1]).print().encode()
    read = parse_file(new)
    others = {name: chunk.says for name, chunk in read.chunks.items() if name != key}
    if others != {name: chunk.says for name, chunk in made.chunks.items() if name != key} or read.text != made.text:
        raise Malformed(f"this is no value for “{key}”", None)
    return new


def with_text(data: bytes, old: str | None, new: str | None) -> bytes:
    """The file with `new` in the person's text where `old` stands; without `old`, at its end.

    Raises Malformed where `old` does not stand exactly once, and for a file that cannot be read.
    """
    made = parse_file(data)
    end = made.line_break
    old, new = ((text or "").replace("\n", end) for text in (old, new))
    if old and made.text.count(old) != 1:
        raise Malformed("the text that was kept does not stand there any more", None)
    text = made.text.replace(old, new) if old else (made.text + end + new if made.text else new)
    return replace(made, text=text).print().encode()
