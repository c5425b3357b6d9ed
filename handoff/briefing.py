"""What is happening now, item by item, and how does an item change without disturbing the others?

Rewriting a memory as a whole is how facts get lost, so a briefing is only ever changed by deltas: add an item, update
one, resolve (remove) one, each citing the log entries that support it. Id and citations stand in a comment at the end
of an item's first line, where a person can see them in the source and a renderer hides them:

    - The API listens on 9090. <!-- item: f-api-port; log: 01JD4X, 01JD9K -->

Before it stands the mark of what a model proposed (`marks.model_mark`), if a model did. An item that a person wrote has
no comment; its id is derived from its section and its words. `apply` holds that

1. all other items keep their words, ids, order, sections and standing: a change that would disturb one is not made;
2. standing rules never change: no item is added under them, none is updated or resolved (that is for people and HQ);
3. an item that somebody edited since the delta was proposed (`was` no longer agrees) is left alone;
4. only the last delta for an item counts, and applying the same deltas again changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from handoff.entry import IDENTIFIER
from handoff.markdown import quoted
from handoff.marks.model_mark import ModelMark, read_mark, split_mark
from handoff.tiers import DocumentItem as Piece
from handoff.tiers import split

_ID = IDENTIFIER.pattern
_COMMENT = re.compile(
    rf"(?<![ \t])[ \t]*+<!-- item: (?P<id>{_ID})(?:; log: (?P<log>{_ID}(?:, {_ID})*))? -->(?=[ \t\r]*\Z)"
)
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FIELD_LINE = re.compile(r"\*\*[^*\n]{1,60}(?::\*\*|\*\*:)[ \t]*\S")


@dataclass(frozen=True, kw_only=True)
class BriefingItem:
    """A heading (`item_id` is "") or an item; `text` has neither list marker, mark nor comment, `raw` is its source."""

    item_id: str
    text: str
    section: str
    standing: bool
    raw: str
    cites: tuple[str, ...] = ()
    mark: ModelMark | None = None

    @property
    def awaits(self) -> bool:
        """Whether a model proposed it, and nobody has confirmed it."""
        return self.mark is not None and not self.mark.confirmed


@dataclass(frozen=True, kw_only=True)
class Add:
    """A new item at the end of the section, which is opened if there is none; nothing if the id is there already.

    `mark` is the text of a mark, "" for none; `instead` is the line whose place it takes once it is confirmed.
    """

    item_id: str
    section: str
    text: str
    cites: tuple[str, ...]
    mark: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Update:
    """Other words, more citations, or another mark, for an item that still says `was`. Without a `mark` the same words
    keep the one that they have, and others have none. `instead` as for `Add`."""

    item_id: str
    was: str
    text: str
    cites: tuple[str, ...]
    mark: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Resolve:
    """The item is settled or withdrawn and leaves the briefing, if it still says `was`; Git keeps what it said."""

    item_id: str
    was: str
    cites: tuple[str, ...]


Delta = Add | Update | Resolve


def parse(text: str) -> tuple[BriefingItem, ...]:
    """Headings and items of any Markdown text, in order; no text is refused, none is lost."""
    items: list[BriefingItem] = []
    section = ""
    for piece in split(text):
        if title := _title(piece):
            section = title
            items.append(BriefingItem(item_id="", text=title, section=title, standing=piece.standing, raw=piece.text))
        else:
            items += [_item(raw, section, standing=piece.standing) for raw in _lines_of_fields(piece.text)]
    return tuple(items)


def print_briefing(items: Iterable[BriefingItem]) -> str:
    """The text that the items were read from, byte for byte."""
    return "".join(item.raw for item in items)


def apply(text: str, deltas: Iterable[Delta]) -> str:
    """The briefing with the deltas in it, as far as the four promises above allow."""
    last = list({delta.item_id: delta for delta in deltas}.values())
    while (after := _all_at_once(text, last) or _one_by_one(text, last)) != text:
        text = after  # a change can make room for one that was refused before; each is made once at most
    return text


def _all_at_once(text: str, deltas: Sequence[Delta]) -> str:
    """The text with the deltas carried out, "" if anything in it would read differently from what they mean."""
    meant: Sequence[BriefingItem] = parse(text)
    for delta in deltas:
        meant = tuple(_apply_delta(meant, delta, "\r\n" if "\r\n" in text else "\n"))
    after = print_briefing(meant)
    return after if [_identity(item) for item in parse(after)] == [_identity(item) for item in meant] else ""


def _one_by_one(text: str, deltas: Iterable[Delta]) -> str:
    for delta in deltas:
        text = _all_at_once(text, [delta]) or text
    return text


def is_standing(section: str) -> bool:
    """Whether a section of this name holds standing rules."""
    return any(piece.standing for piece in split(f"## {_one_line(section)}\n\n- x\n"))


def derived_id(prefix: str, *words: str) -> str:
    """A short id that the same words always get."""
    return prefix + hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _title(piece: Piece) -> str:
    """The title of a heading, also of one that nothing stands under (which `split` takes for a paragraph)."""
    if piece.level or piece.text.lstrip()[:1] not in {"#", "*"}:
        return piece.title if piece.level else ""
    first = split(f"{piece.text.strip()}\n\nx\n")[0]
    return first.title if first.level else ""


def _lines_of_fields(text: str) -> list[str]:
    """`**Version:** 1.2` and `**Status:** stable` on lines of their own are two items although one paragraph."""
    lines = _LINE.findall(text)
    if not all(_FIELD_LINE.match(line) for line in lines if line.strip()):
        return [text]
    pieces: list[str] = []
    for line in lines:
        if line.strip() or not pieces:
            pieces.append(line)
        else:
            pieces[-1] += line
    return pieces


def _item(raw: str, section: str, *, standing: bool) -> BriefingItem:
    words = raw.strip()
    first, line_break, rest = words.partition("\n")
    marked = _COMMENT.search(first)
    if marked:
        first = first[: marked.start()]
    first, mark = split_mark(first)
    if marked or mark:
        words = first + line_break + rest
    if marker := _MARKER.match(words):
        words = words[marker.end() :]
    return BriefingItem(
        item_id=marked["id"] if marked else derived_id("h", section, words.strip()),
        text=words.strip(),
        section=section,
        standing=standing,
        raw=raw,
        cites=tuple(marked["log"].split(", ")) if marked and marked["log"] else (),
        mark=mark,
    )


def _apply_delta(items: Sequence[BriefingItem], delta: Delta, line_break: str) -> Iterator[BriefingItem]:
    """The items with the delta carried out, whatever that would do to the others."""
    if isinstance(delta, Add):
        return _add_item(items, delta, line_break)
    if isinstance(delta, Update):
        return (_update_item(item, delta) if _is_target(item, delta) else item for item in items)
    return _remove_item(items, delta)


def _is_target(item: BriefingItem, delta: Update | Resolve) -> bool:
    return item.item_id == delta.item_id and item.text == delta.was.strip() and not item.standing


def _update_item(item: BriefingItem, delta: Update) -> BriefingItem:
    text = _one_line(delta.text)
    words = item.raw.strip()
    lead, tail = item.raw[: item.raw.find(words)], item.raw[item.raw.find(words) + len(words) :]
    mark = read_mark(delta.mark)
    if text == _one_line(item.text):
        cites, mark = tuple(dict.fromkeys([*item.cites, *delta.cites])), mark or item.mark
        return item if (cites, mark) == (item.cites, item.mark) else _same_words(item, cites, mark, lead, tail)
    marker = _MARKER.match(words)
    line = _item_line(marker[0] if marker else "", item.item_id, text, delta.cites, mark)
    if _item(line, item.section, standing=False).text != text or (not marker and quoted(text) != text):
        line = _item_line("- ", item.item_id, text, delta.cites, mark)
    return replace(item, text=text, cites=delta.cites, mark=mark, raw=lead + line + tail)


def _same_words(
    item: BriefingItem, cites: tuple[str, ...], mark: ModelMark | None, lead: str, tail: str
) -> BriefingItem:
    """The same words with more citations, or another mark."""
    first, line_break, rest = item.raw.strip().partition("\n")
    line_end = first[len(first.rstrip()) :]
    first = _item_line("", item.item_id, split_mark(_COMMENT.sub("", first).rstrip())[0].rstrip(), cites, mark)
    return replace(item, cites=cites, mark=mark, raw=lead + first + line_end + line_break + rest + tail)


def _item_line(marker: str, item_id: str, text: str, cites: tuple[str, ...], mark: ModelMark | None) -> str:
    log = f"; log: {', '.join(cites)}" if cites else ""
    return f"{marker}{text}{f' {mark}' if mark else ''} <!-- item: {item_id}{log} -->"


def _add_item(items: Sequence[BriefingItem], delta: Add, line_break: str) -> Iterator[BriefingItem]:
    if any(item.item_id == delta.item_id for item in items) or is_standing(delta.section):
        return iter(items)
    section, text = _one_line(delta.section), _one_line(delta.text)
    places = [place for place, item in enumerate(items) if _is_in_section(item, section)]
    before = list(items[: places[-1] + 1] if places else items)
    after, gap = items[len(before) :], line_break
    if before:
        body = before[-1].raw.rstrip()
        follows_point = bool(places) and bool(before[-1].item_id) and bool(_MARKER.match(body.lstrip()))
        gap = before[-1].raw[len(body) :] if "\n" in before[-1].raw[len(body) :] else line_break
        before[-1] = replace(before[-1], raw=body + line_break * (1 if follows_point else 2))
    if not places:
        heading = f"## {section}{line_break * 2}"
        before.append(BriefingItem(item_id="", text=section, section=section, standing=False, raw=heading))
    named = before[-1].section
    mark = read_mark(delta.mark)
    line = _item_line("- ", delta.item_id, text, delta.cites, mark) + gap
    added = BriefingItem(
        item_id=delta.item_id, text=text, section=named, standing=False, raw=line, cites=delta.cites, mark=mark
    )
    return iter([*before, added, *after])


def _is_in_section(item: BriefingItem, section: str) -> bool:
    return item.section.casefold() == section.casefold() and not item.standing


def _remove_item(items: Sequence[BriefingItem], delta: Resolve) -> Iterator[BriefingItem]:
    """The blank lines after a removed item stay, so that what stood around it does not grow together."""
    kept: list[BriefingItem] = []
    for item in items:
        if not _is_target(item, delta):
            kept.append(item)
        elif kept:
            body = kept[-1].raw.rstrip()
            gaps = (kept[-1].raw[len(body) :], item.raw[len(item.raw.rstrip()) :])
            kept[-1] = replace(kept[-1], raw=body + max(gaps, key=len))
    return iter(kept)


def _identity(item: BriefingItem) -> tuple[str, str, str, bool, tuple[str, ...], ModelMark | None]:
    return item.item_id, item.text, item.section, item.standing, item.cites, item.mark


def _one_line(text: str) -> str:
    """The words with single spaces, and without anything that could end or open a comment."""
    return " ".join(text.split()).replace("<!--", "&lt;!--").replace("-->", "--&gt;")
