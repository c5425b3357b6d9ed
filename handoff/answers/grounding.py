"""Grounding: which sentences of an answer do the given lines bear out, and what becomes of the others?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handoff.answers.citable import CitableLine
from handoff.evidence_check import coverage, disagreement, overlap, stems

UNSUPPORTED_MARK = "[not in the handoff]"
NEAREST_LINES = 4
"""Lines that are looked at for a sentence, those that share most words with it."""
WORDS_PER_OTHER = 5
"""One word in so many may be another than the line's; in a short sentence none may."""
CLOSE_COVERAGE, CLOSE_ORDER = 0.85, 0.75
"""For a writer that is not trusted to put things in other words: how much of a sentence one line must have, and how
much of it in the same order. "A took over from B" has all the words of "B took over from A"."""
_SENTENCE = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z0-9`*“\"(])")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_LEAD = re.compile(r"\s*(?:[-*+>#]+|\d{1,9}[.)])?\s*")
_WORD = re.compile(r"[A-Za-z]{2,}|\d+")


class Unsupported(StrEnum):
    """What becomes of a sentence that nothing bears out."""

    MARK = "mark"
    DROP = "drop"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class CheckedSentence:
    """A sentence as it was written, on its line, with the places that bear it out; none: nothing does."""

    text: str
    line: int
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GroundedText:
    """An answer with what was found for each of its sentences. Code blocks are left as they are and not counted."""

    lines: tuple[str, ...]
    sentences: tuple[CheckedSentence, ...]

    @property
    def supported(self) -> tuple[CheckedSentence, ...]:
        """The sentences that something bears out."""
        return tuple(one for one in self.sentences if one.cites)

    @property
    def unsupported(self) -> tuple[CheckedSentence, ...]:
        """The others."""
        return tuple(one for one in self.sentences if not one.cites)

    def text(self, what: Unsupported) -> str:
        """The answer as it may be kept: with citations, and without or with marks on what nothing bears out."""
        if what is Unsupported.OFF:
            return "\n".join(self.lines)
        if what is Unsupported.DROP:
            return "\n".join(_line(one) for one in self.supported)
        return "\n".join(self._marked())

    def _marked(self) -> Iterator[str]:
        for number, line in enumerate(self.lines):
            said = [one for one in self.sentences if one.line == number]
            lead = _LEAD.match(line)
            yield (lead[0] if lead else "") + " ".join(map(_line, said)) if said else line


def _line(one: CheckedSentence) -> str:
    return f"{one.text} [{', '.join(one.cites)}]" if one.cites else f"{one.text} {UNSUPPORTED_MARK}"


def ground(text: str, lines: Sequence[CitableLine], *, close: bool = False) -> GroundedText:
    """Checks an answer sentence by sentence. `close`: its writer may repeat lines, and not put them in other words."""
    given = [(line, stems(line.text)) for line in lines]
    found: list[CheckedSentence] = []
    fenced = False
    written = tuple(text.strip().splitlines())
    for number, line in enumerate(written):
        fenced = fenced != bool(_FENCE.match(line))
        if fenced or _FENCE.match(line):
            continue
        for sentence in _SENTENCE.split(line[len((_LEAD.match(line) or [""])[0]) :]):
            if said := sentence.strip():
                found.append(CheckedSentence(text=said, line=number, cites=_cites(said, given, close=close)))
    return GroundedText(lines=written, sentences=tuple(found))


def _cites(sentence: str, given: Sequence[tuple[CitableLine, frozenset[str]]], *, close: bool) -> tuple[str, ...]:
    """The places that bear a sentence out: one line, or two together."""
    words = stems(sentence)
    if not words:
        return ()
    ranked = sorted(
        (each for each in given if words & each[1]), key=lambda each: _nearness(words, each[1]), reverse=True
    )
    near = [line for line, _ in ranked[:NEAREST_LINES]]
    for line in near:
        if _bears_out(sentence, (line,), close=close):
            return (line.cite,)
    pair = tuple(near[:2])
    if not close and len(pair) == 2 and _bears_out(sentence, pair, close=False):
        return tuple(dict.fromkeys(line.cite for line in pair))
    return ()


def _nearness(words: frozenset[str], other: frozenset[str]) -> tuple[float, float]:
    return coverage(words, other), overlap(words, other)


def _bears_out(sentence: str, lines: Sequence[CitableLine], *, close: bool) -> bool:
    said = [f"{line.about}\n{line.text}" for line in lines]
    words = stems(sentence)
    missing = len(words - stems("\n".join(said)))
    if missing > len(words) // WORDS_PER_OTHER or disagreement(sentence, said):
        return False
    if not close:
        return True
    source = lines[0].text
    enough = len(stems(sentence)) > 1 and coverage(stems(sentence), stems(source)) >= CLOSE_COVERAGE
    return enough and _in_order(_ordered(sentence), _ordered(source)) >= CLOSE_ORDER


def _ordered(text: str) -> list[str]:
    return [stem for word in _WORD.findall(text) for stem in stems(word)]


def _in_order(part: Sequence[str], whole: Sequence[str]) -> float:
    """The longest common subsequence, as a share of the part."""
    row = [0] * (len(whole) + 1)
    for word in part:
        diagonal = 0
        for at, other in enumerate(whole, 1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    return row[-1] / len(part) if part else 0.0
