"""Which pieces of one part of the prompt fit into its room, and which are left out?

Each part stands between delimiters of ours that no text inside it can write. Nothing is left out without a `Cut`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from handoff.entry import Entry, ParsedLog, render_entry
from handoff.marks.pointers import with_pointers
from handoff.tiers import Tier, cut_order, joined, split

CountTokens = Callable[[str], int]

TOO_LONG = "over the part's budget, oldest first"
TOO_OLD = "older than the newest entries that fit"
REPEATED = "already in the log above"
LEFT_OUT = "(Older items are left out here.)"

TIER_NAMES: Mapping[Tier, str] = {
    Tier.PORTFOLIO: "portfolio",
    Tier.PROJECT: "project",
    Tier.BRIEFING: "briefing",
    Tier.LOG: "log",
}
# A delimiter of ours inside somebody's text, also one that is only disguised by spaces or invisible characters.
_FORGED = re.compile(r"<(?=[\s/\u200b-\u200f\u2060\ufeff]*shiftbook[\s\u200b-\u200f\u2060\ufeff]*:)", re.IGNORECASE)
_LOG_ORDER = ("For Next Instance", "Blockers", "Decisions", "Test Status", "Work Accomplished")


@dataclass(frozen=True, kw_only=True)
class PromptPart:
    """What became of one part: its tokens, and how many of its items were kept and cut."""

    name: str
    tier: Tier | None
    tokens: int
    kept: int
    cut: int


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What was left out and why. Old entries of a log share one `Cut`; their tokens are not counted (None)."""

    name: str
    tier: Tier | None
    title: str
    tokens: int | None
    why: str
    items: int = 1


@dataclass(frozen=True, kw_only=True)
class FittedText:
    """The text of one part or more, with what became of their items."""

    text: str
    parts: tuple[PromptPart, ...] = ()
    cut: tuple[Cut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PromptDocument:
    """A tier, or a document of the project, which has a `label`; `share` is what it may claim of the whole budget."""

    name: str
    tier: Tier | None
    text: str
    share: float
    label: str = ""


def fit_document(document: PromptDocument, room: int, count: CountTokens) -> FittedText:
    """The document as a block of at most `room` tokens, if its standing rules leave it that choice."""
    items = split(document.text)
    order = cut_order(items)

    def cut_down(cuts: int) -> str:
        text = joined(items, frozenset(order[:cuts]))
        note = f"{text.rstrip()}\n\n{LEFT_OUT}\n" if cuts else text
        return block(document.name, note, document.label) if text.strip() else ""

    def fits(cuts: int) -> bool:
        return count(cut_down(cuts)) <= room

    # The first cut adds the note that something is left out: it may be longer than what was cut.
    cuts = 0 if fits(0) else bisect_left(range(len(order)), True, lo=min(1, len(order)), key=fits)
    text, name = cut_down(cuts), document.label or document.name
    kept = sum(not item.level for item in items) - cuts
    part = PromptPart(name=name, tier=document.tier, tokens=count(text), kept=kept, cut=cuts)
    cut = [
        Cut(name=name, tier=document.tier, title=items[at].title, tokens=count(items[at].text), why=TOO_LONG)
        for at in order[:cuts]
    ]
    return FittedText(text=text, parts=(part,), cut=tuple(cut))


def fit_log(log: ParsedLog, room: int, count: CountTokens) -> FittedText:
    """The newest entries that fit, oldest first; only those and one more are looked at."""
    entries = log.chronological
    first, used = len(entries), count(block("log", "\n"))
    while first and (used := used + count(_entry_text(entries[first - 1]) + "\n\n")) <= room:
        first -= 1
    first = _align_first(first, len(entries))
    while first < len(entries) and count(_log_block(entries[first:])) > room:
        first += 1
    if entries and first == len(entries):
        return _newest_in_parts(entries, room, count)
    text = _log_block(entries[first:])
    part = PromptPart(name="log", tier=Tier.LOG, tokens=count(text), kept=len(entries) - first, cut=first)
    return FittedText(text=text, parts=(part,) if entries else (), cut=_cut_older(entries[:first]))


def _align_first(first: int, total: int) -> int:
    """The first entry to show, moved on to a multiple of a quarter of what fits, rounded down to a power of two.

    So the log keeps its beginning, and the server its cache, while a few entries are appended.
    """
    step = 1 << max(0, ((total - first) // 4).bit_length() - 1)
    return min(total, -(-first // step) * step)


def _newest_in_parts(entries: tuple[Entry, ...], room: int, count: CountTokens) -> FittedText:
    """The newest entry, too long as a whole, with those of its sections that fit, what the next one needs first."""
    newest, kept = entries[-1], set[int]()
    places = sorted(range(len(newest.sections)), key=lambda place: _section_rank(newest.sections[place][0]))

    def cut_down(chosen: set[int]) -> str:
        sections = tuple(section for place, section in enumerate(newest.sections) if place in chosen)
        given = with_pointers(render_entry(replace(newest, sections=sections)), newest.entry_id)
        return block("log", f"{given}\n{LEFT_OUT}\n")

    for place in places:
        kept |= {place} if count(cut_down(kept | {place})) <= room else set()
    text = cut_down(kept) if kept else ""
    left_out = [section for place, section in enumerate(newest.sections) if place not in kept]
    cut = [
        Cut(name="log", tier=Tier.LOG, title=f"{newest.entry_id}: {name}", tokens=count(body), why=TOO_LONG)
        for name, body in left_out
    ]
    part = PromptPart(
        name="log", tier=Tier.LOG, tokens=count(text), kept=1 if kept else 0, cut=len(entries) - bool(kept)
    )
    return FittedText(text=text, parts=(part,), cut=(*_cut_older(entries[:-1]), *cut))


def _section_rank(heading: str) -> int:
    return _LOG_ORDER.index(heading) if heading in _LOG_ORDER else len(_LOG_ORDER)


def _cut_older(entries: Sequence[Entry]) -> tuple[Cut, ...]:
    if not entries:
        return ()
    title = f"{len(entries)} entries up to {entries[-1].when or entries[-1].entry_id}"
    return (Cut(name="log", tier=Tier.LOG, title=title, tokens=None, why=TOO_OLD, items=len(entries)),)


def _log_block(entries: Sequence[Entry]) -> str:
    return block("log", "\n\n".join(map(_entry_text, entries))) if entries else ""


def _entry_text(entry: Entry) -> str:
    return with_pointers(entry.raw.replace("\r\n", "\n").strip() or render_entry(entry).strip(), entry.entry_id)


def fit_recalled(lines: Sequence[str], above: str, room: int, count: CountTokens) -> FittedText:
    """The recalled lines that fit, best first as they were given, without what the log already shows."""
    kept: list[str] = []
    cut: list[Cut] = []
    for line in map(with_pointers, lines):
        why = REPEATED if _escape_delimiters(line.strip()) in above else TOO_LONG
        if why == TOO_LONG and count(block("recalled", "\n\n".join([*kept, line.strip()]))) <= room:
            kept.append(line.strip())
        else:
            title = " ".join(line.split())[:60]
            cut.append(Cut(name="recalled", tier=None, title=title, tokens=count(line), why=why))
    text = block("recalled", "\n\n".join(kept)) if kept else ""
    part = PromptPart(name="recalled", tier=None, tokens=count(text), kept=len(kept), cut=len(cut))
    return FittedText(text=text, parts=(part,) if lines else (), cut=tuple(cut))


def block(name: str, text: str, label: str = "") -> str:
    """The text between our delimiters, which it cannot end."""
    attribute = f' name="{_escape_attribute(label)}"' if label else ""
    return f"<shiftbook:{name}{attribute}>\n{_escape_delimiters(text).strip()}\n</shiftbook:{name}>\n\n"


def _escape_delimiters(text: str) -> str:
    return _FORGED.sub("&lt;", text)


def _escape_attribute(label: str) -> str:
    return (
        " ".join(label.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
