"""How does a journal that everyone appends to, on machines that cannot see each other, keep every entry?

A log is a set of entries, each known by its id; nothing here ever takes one away. `union` is what the ledger merges
logs with. Its cases, for one entry id:

1. in any of the three: it is in the result, also if a side dropped it (a truncated journal must not win);
2. the same words on both sides, or changed on one side only: those words, at the place the base has them;
3. new on a side: after all that the base has, in the order of (time, id);
4. different words on both sides: the greater text keeps the id, the other one follows under `<id>~<digest>`.

Text between entries is merged three ways; if both sides changed it, one follows the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from handoff.entry import Entry, parse_log, render_entry
from handoff.errors import BadMonth
from handoff.markdown import open_fence

PREAMBLE = """# Session log

Append-only: every session adds an entry at the end, nobody changes or removes one.

"""


def append(text: str, entry: Entry) -> str:
    """The log with the entry at its end; unchanged if it holds that id already. Raises what `render_entry` raises."""
    return append_many(text, (entry,))


def append_many(text: str, entries: Iterable[Entry]) -> str:
    """The log with those of the entries whose ids it does not hold yet, in the order given."""
    fresh = {entry.entry_id: _entry_source(entry) for entry in reversed(tuple(entries))}
    if not all(_surely_new(entry_id, source, text) for entry_id, source in fresh.items()):
        known = {entry.entry_id for entry in parse_log(text).entries}
        fresh = {entry_id: source for entry_id, source in fresh.items() if entry_id not in known}
    return _append_sources(text, reversed(fresh.values())) if fresh else text


def _surely_new(entry_id: str, source: str, text: str) -> bool:
    """Whether the log cannot hold an entry with this written id, told without reading it: it may have thousands."""
    mark = f"<!-- entry: {entry_id} -->"
    return mark in source and mark not in text


def union(base: str, ours: str, theirs: str) -> str:
    """The one log that both sides lead to, whichever is called ours; see the cases above."""
    if ours == theirs:
        return ours
    old, *sides = (_LogVersion.of(text) for text in (base, ours, theirs))
    merged = _LogBuilder(line_break=_line_break(ours + theirs))
    merged.add(_merge_gap(old.preamble, *(side.preamble for side in sides)))
    added: dict[str, Entry] = {}
    for entry_id, entry in old.entries.items():
        winner, losers = _resolve_entry(entry, [side.entries.get(entry_id, entry) for side in sides])
        gap = old.gaps[entry_id]
        merged.add_entry(winner.raw, _merge_gap(gap, *(side.gaps.get(entry_id, gap) for side in sides)))
        added |= {loser.entry_id: loser for loser in losers}
    for entry_id in {*sides[0].entries, *sides[1].entries} - {*old.entries}:
        winner, losers = _resolve_entry(None, [side.entries[entry_id] for side in sides if entry_id in side.entries])
        added |= {entry.entry_id: entry for entry in (winner, *losers)}
    for entry in sorted(added.values(), key=lambda one: (one.when, one.entry_id)):
        if entry.entry_id not in old.entries:
            gaps = [side.gaps.get(entry.entry_id, "") for side in sides]
            merged.add_entry(entry.raw, _merge_gap("", *gaps))
    return merged.finished()


def altered_entries(old: str, new: str) -> list[str]:
    """The ids of entries whose words were changed or that are gone: empty if the log was only appended to."""
    kept = {entry.entry_id: _with_plain_breaks(entry.raw) for entry in parse_log(new).entries}
    return [
        entry.entry_id for entry in parse_log(old).entries if kept.get(entry.entry_id) != _with_plain_breaks(entry.raw)
    ]


def rotate(text: str, keep_month: str) -> tuple[str, dict[str, str]]:
    """The log without the entries of months before `keep_month` ("2026-11"), and those, a log for each month.

    Undated entries and text between entries stay. Put a month into an existing file with
    `append_many(file, parse_log(month).entries)`. Raises BadMonth.
    """
    if not re.fullmatch(r"\d{4}-\d\d", keep_month):
        raise BadMonth(month=keep_month)
    return _split(text, lambda _, entry: entry.when[:7] if entry.when[:7] < keep_month else "")


def rotate_days(text: str, keep: int) -> tuple[str, dict[str, str]]:
    """The log without the entries before the last `keep`, and those, a log for each day; else as `rotate`."""
    before = len(parse_log(text).entries) - keep
    return _split(text, lambda place, entry: entry.when[:10] if place < before else "")


def _split(text: str, file_of: Callable[[int, Entry], str]) -> tuple[str, dict[str, str]]:
    """The log without the dated entries for which `file_of`, given their place, names another file; and those files."""
    log = parse_log(text)
    kept, files = _LogBuilder(line_break=_line_break(text)), dict[str, list[str]]()
    kept.add(log.preamble)
    for place, (entry, gap) in enumerate(zip(log.entries, log.gaps, strict=True)):
        file = file_of(place, entry) if entry.when else ""
        if file:
            files.setdefault(file, []).append(entry.raw)
            kept.add(gap if _has_content(gap) else "")
        else:
            kept.add_entry(entry.raw, gap)
    if not files:
        return text, {}
    return kept.finished(), {file: _append_sources("", sources) for file, sources in sorted(files.items())}


class _LogBuilder:
    """A text under construction, in which each entry begins after a blank line."""

    def __init__(self, *, line_break: str) -> None:
        self._pieces: list[str] = []
        self._line_break = line_break

    def add(self, piece: str) -> None:
        self._pieces += [piece] if piece else []

    def add_entry(self, raw: str, gap: str) -> None:
        self.add(_missing_breaks("".join(self._pieces[-2:]), self._line_break))
        self.add(raw)
        self.add(gap)

    def finished(self) -> str:
        text = "".join(self._pieces)
        return text if text.endswith("\n") or not text else text + self._line_break


@dataclass(frozen=True, kw_only=True)
class _LogVersion:
    """One version of a log: its entries and the gaps behind them by id, in their order."""

    preamble: str
    entries: Mapping[str, Entry]
    gaps: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> _LogVersion:
        """Two entries of one id in one file: the second is dropped if it says the same, else renamed as in case 4."""
        log = parse_log(text)
        entries: dict[str, Entry] = {}
        gaps: dict[str, str] = {}
        for read, gap in zip(log.entries, log.gaps, strict=True):
            first = entries.get(read.entry_id)
            if first and _with_plain_breaks(first.raw) == _with_plain_breaks(read.raw):
                gaps[read.entry_id] += gap if _has_content(gap) else ""
                continue
            entry = _with_digest_id(read) if first else read
            entries[entry.entry_id], gaps[entry.entry_id] = entry, gap
        return cls(preamble=log.preamble, entries=entries, gaps=gaps)


def _resolve_entry(base: Entry | None, versions: list[Entry]) -> tuple[Entry, list[Entry]]:
    """Case 2 and 4: which words keep the id, and the others under ids of their own."""
    by_words = {_with_plain_breaks(entry.raw): entry for entry in sorted(versions, key=lambda one: one.raw)}
    if base is not None:
        by_words.pop(_with_plain_breaks(base.raw), None)
    if not by_words:
        return base or versions[0], []
    winner, *others = sorted(by_words.values(), key=lambda one: _with_plain_breaks(one.raw), reverse=True)
    return winner, [_with_digest_id(entry) for entry in others]


def _with_digest_id(entry: Entry) -> Entry:
    """The entry under an id made of its own and a digest of its words, the same on every machine."""
    digest = hashlib.sha256(_with_plain_breaks(entry.raw).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    new_id = f"{entry.entry_id[:119]}~{digest}"
    marker = f"<!-- entry: {entry.entry_id} -->"
    if marker not in entry.raw:  # a foreign entry, whose derived id somebody else has used
        return parse_log(render_entry(replace(entry, entry_id=new_id))).entries[0]
    return parse_log(entry.raw.replace(marker, f"<!-- entry: {new_id} -->", 1)).entries[0]


def _entry_source(entry: Entry) -> str:
    """The text to append: as it was read if that still says the same, else rendered (a redacted copy, for one)."""
    read = parse_log(entry.raw).entries if entry.raw else ()
    return entry.raw if len(read) == 1 and read[0] == entry else render_entry(entry)


def _append_sources(text: str, sources: Iterable[str]) -> str:
    """The text and the sources after it, a blank line before each, in the line breaks that the text has."""
    line_break = _line_break(text)
    text = text or PREAMBLE
    pieces = [_with_plain_breaks(source).rstrip("\n").replace("\n", line_break) + line_break for source in sources]
    return text + _missing_breaks(text, line_break) + line_break.join(pieces)


def _missing_breaks(text: str, line_break: str) -> str:
    """What the text lacks to end in a blank line."""
    if not text or text.endswith(("\n\n", "\n\r\n")):
        return ""
    return line_break if text.endswith("\n") else line_break * 2


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _merge_gap(base: str, ours: str, theirs: str) -> str:
    """The text between entries: the side that changed it; both sides if both did, a forgotten fence closed."""
    changed = sorted({ours, theirs} - {base}, key=lambda one: (len(one), one), reverse=True)
    if not changed:
        return base
    kept = changed[0]
    if len(changed) > 1 and changed[1].strip() not in kept:
        kept = _close_fence(kept)
        kept += _missing_breaks(kept, _line_break(kept)) + changed[1]
    return _close_fence(kept)


def _close_fence(text: str) -> str:
    fence = open_fence(text)
    return f"{text.rstrip()}\n{fence}\n" if fence else text


def _with_plain_breaks(raw: str) -> str:
    return raw.replace("\r\n", "\n")


def _has_content(gap: str) -> bool:
    return bool(gap.strip(" \t\r\n-*_"))
