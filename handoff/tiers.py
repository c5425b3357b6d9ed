"""Which documents make up the handoff, how much room has each, and what is the smallest piece that may be left out?

The tiers are ordered by how rarely they change, so that a model server keeps the longest possible part of the prompt.
A document is only ever cut between items: a list point with all that belongs to it, a paragraph, a fenced block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from handoff.markdown import fences
from handoff.marks.pointers import POINTERS_TITLE
from missions.one_line import shorten


class Tier(Enum):
    """The four tiers, in the order in which an instance reads them."""

    PORTFOLIO = 1
    PROJECT = 2
    BRIEFING = 3
    LOG = 4


# What each tier may take of the whole budget. The rest is for the project's own documents, recalled lines and the task.
SHARES: Mapping[Tier, float] = {Tier.PORTFOLIO: 0.10, Tier.PROJECT: 0.20, Tier.BRIEFING: 0.20, Tier.LOG: 0.25}
DOCUMENTS_SHARE = 0.10
TASK_SHARE = 0.15

_FILES: Mapping[Tier, str] = {
    Tier.PROJECT: "PROJECT_CONTEXT.md",
    Tier.BRIEFING: "SESSION_BRIEFING.md",
    Tier.LOG: "SESSION_LOG.md",
}
_MAX_TITLE_CHARS = 60
_PARAGRAPH = 0
_BOLD_HEADING = 7  # a line in bold that stands alone heads what follows it, below every real heading
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_BOLD_LINE = re.compile(r"\*\*([^*]+)\*\*:?")
_UNDERLINE = re.compile(r"(?:=+|-{2,})[ \t]*\r?\n?")
_POINT = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\r?\n|\Z)")
_STANDING = re.compile(r"\W*(?:\d+[.)]?\s+\W*)?(?:standing rules|rules|constraints)\W*(?:\(.*\)\W*)?", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class DocumentItem:
    """A piece of a document; `level` is 0 unless it is a heading. `day` is the newest date in it, or in its heading.

    `standing` marks a standing rule, which is never cut; `lead` the first words of the document, which are cut last.
    """

    text: str
    title: str
    level: int = _PARAGRAPH
    day: str = ""
    standing: bool = False
    lead: bool = False


def path_of(tier: Tier, project: str = "") -> str:
    """Where the ledger keeps the tier's document; only the log has one for no project."""
    if tier is Tier.PORTFOLIO:
        return "PORTFOLIO_CONTEXT.md"
    if not project:
        return _FILES[Tier.LOG] if tier is Tier.LOG else ""
    return f"projects/{project}/{_FILES[tier]}"


def budgets(total: int) -> dict[Tier, int]:
    """How many of `total` tokens each tier may take before room that others leave is shared out."""
    return {tier: int(total * share) for tier, share in SHARES.items()}


@lru_cache(maxsize=64)
def split(text: str) -> tuple[DocumentItem, ...]:
    """The document's items, whose texts joined are the document again."""
    pieces = [_item(piece) for piece in _pieces(text)]
    items: list[DocumentItem] = []
    above: list[DocumentItem] = []  # the headings that the current item stands under
    led = False
    for place, item in enumerate(pieces):
        if item.level:
            above = [head for head in above if head.level < item.level]
            item = replace(item, standing=bool(_STANDING.fullmatch(item.title)))
            if _is_childless(item, pieces[place + 1 : place + 2]) and not item.standing:
                item = replace(item, level=_PARAGRAPH)
        standing = item.standing or any(head.standing for head in above)
        day = item.day or next((head.day for head in reversed(above) if head.day), "")
        pointers = any(head.title == POINTERS_TITLE for head in above)
        item = replace(item, standing=standing, day=day, lead=not (item.level or led or standing or pointers))
        led = led or item.lead
        above += [item] if item.level else []
        items.append(item)
    return tuple(items)


def cut_order(items: tuple[DocumentItem, ...]) -> list[int]:
    """Which items may be cut, by their places, first the one to go first: oldest day, then nearest to the top."""
    cuttable = [place for place, item in enumerate(items) if not item.level and not item.standing]
    return sorted(cuttable, key=lambda place: (items[place].lead, items[place].day, place))


def joined(items: tuple[DocumentItem, ...], without: Set[int]) -> str:
    """The document without the items at those places, and without headings that nothing is left under."""
    kept: list[str] = []
    wanted = 0  # a heading of a lower level than this has something left under it
    for place in range(len(items) - 1, -1, -1):
        item = items[place]
        if item.level:
            keep, below = item.level < wanted or item.standing, item.level
        else:
            keep, below = place not in without, _BOLD_HEADING + 1
        if keep:
            kept.append(item.text)
            wanted = below
    return "".join(reversed(kept))


def _pieces(text: str) -> Iterator[str]:
    """The text in headings, list points, paragraphs and fenced blocks, each with the blank lines after it."""
    fenced = fences(text)[::-1]
    piece, offset, after_blank = "", 0, True
    for line in _LINE.findall(text):
        while fenced and fenced[-1][1] <= offset:
            fenced.pop()
        inside = bool(fenced) and fenced[-1][0] < offset
        if not inside and line.strip() and piece.strip() and _begins_piece(line, piece, after_blank):
            yield piece
            piece = ""
        piece += line
        offset += len(line)
        after_blank = not line.strip()
    if piece:
        yield piece


def _begins_piece(line: str, piece: str, after_blank: bool) -> bool:
    """Whether a line outside fences begins a new piece."""
    if _UNDERLINE.fullmatch(line) and not after_blank and _may_be_underlined(piece):
        return False
    if _heading_of(line) or _heading_of(piece) or _POINT.match(line):
        return True
    return after_blank and not line[0].isspace()


def _may_be_underlined(piece: str) -> bool:
    """Only one line of plain words becomes a heading by the line of = or - below it."""
    first = piece.strip()
    return "\n" not in first and not (_heading_of(first) or _POINT.match(first) or _UNDERLINE.fullmatch(first))


def _heading_of(piece: str) -> tuple[int, str] | None:
    """Level and title, if the piece is a heading."""
    first, _, second = piece.strip().partition("\n")
    if second:
        underlined = _UNDERLINE.fullmatch(second.strip()) and _may_be_underlined(first)
        return (1 if second.startswith("=") else 2, first.strip()) if underlined else None
    if marked := _HEADING.fullmatch(first.rstrip()):
        return len(marked[1]), marked[2].strip()
    bold = _BOLD_LINE.fullmatch(first.strip())
    return (_BOLD_HEADING, bold[1].strip()) if bold else None


def _item(piece: str) -> DocumentItem:
    level, title = _heading_of(piece) or (
        _PARAGRAPH,
        piece.strip().partition("\n")[0].replace("**", "").strip(" \t\r#>_`*-"),
    )
    return DocumentItem(
        text=piece, title=shorten(title, _MAX_TITLE_CHARS), level=level, day=max(_DAY.findall(piece), default="")
    )


def _is_childless(item: DocumentItem, following: list[DocumentItem]) -> bool:
    return not following or 0 < following[0].level <= item.level
