"""How do several edits of one text become one text that has them all?

Each version is compared with the base by lines; what differs are hunks. Hunks that touch different lines are all taken.
Its cases: 1 equal hunks count once, and an insertion that another one at the same place contains counts not at all ·
2 insertions at one place follow each other, the older first · 3 hunks that overlap: the newest version's is taken, the
other is lost and reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

MAX_LINE_PAIRS = 100_000
"""Pairs of lines beyond which texts are not compared line by line: what differs is one hunk."""

Rank = TypeVar("Rank", bound=tuple[object, ...])


@dataclass(frozen=True, order=True)
class Hunk:
    """`lines` stand where the base has its lines `first` to `last` (exclusive; equal: nothing is replaced)."""

    first: int
    last: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class LostHunk(Generic[Rank]):
    """A hunk that could not be taken beside that of a newer version. Ranks say whose they are."""

    hunk: Hunk
    rank: Rank
    winner: Hunk
    winners_rank: Rank


def lines_of(text: str) -> tuple[str, ...]:
    """A text's lines with their ends, so that joining them gives the text."""
    pieces = text.split("\n")
    return tuple([f"{piece}\n" for piece in pieces[:-1]] + pieces[-1:] * bool(pieces[-1]))


def hunks(base: Sequence[str], new: Sequence[str]) -> tuple[Hunk, ...]:
    """What was done to `base`, in its order."""
    head = next((n for n, (a, b) in enumerate(zip(base, new, strict=False)) if a != b), min(len(base), len(new)))
    rest = min(len(base), len(new)) - head
    pairs = zip(reversed(base), reversed(new), strict=False)
    tail = min(rest, next((n for n, (a, b) in enumerate(pairs) if a != b), rest))
    old, fresh = base[head : len(base) - tail], new[head : len(new) - tail]
    if not old and not fresh:
        return ()
    if len(old) * len(fresh) > MAX_LINE_PAIRS:
        return (Hunk(head, head + len(old), tuple(fresh)),)
    codes = SequenceMatcher(None, old, fresh, autojunk=False).get_opcodes()
    return tuple(Hunk(head + i1, head + i2, tuple(fresh[j1:j2])) for tag, i1, i2, j1, j2 in codes if tag != "equal")


class _AcceptedHunks:
    """The hunks that are taken, by the lines of the base that they touch."""

    def __init__(self) -> None:
        self._replaced: dict[int, Hunk] = {}
        self._inserted: dict[int, Hunk] = {}

    def add(self, hunk: Hunk) -> None:
        self._replaced |= dict.fromkeys(range(hunk.first, hunk.last), hunk)
        if hunk.first == hunk.last:
            self._inserted.setdefault(hunk.first, hunk)

    def rival(self, hunk: Hunk) -> Hunk | None:
        """A taken hunk that touches the same line, or of which one inserts into what the other replaces."""
        if hunk.first == hunk.last:
            before, behind = self._replaced.get(hunk.first - 1), self._replaced.get(hunk.first)
            return before if before is behind else None
        lines, gaps = range(hunk.first, hunk.last), range(hunk.first + 1, hunk.last)
        found = [self._replaced[line] for line in lines if line in self._replaced]
        found += [self._inserted[gap] for gap in gaps if gap in self._inserted]
        return found[0] if found else None


def merge_hunks(
    base: Sequence[str], edits: Iterable[tuple[Rank, Hunk]]
) -> tuple[tuple[str, ...], list[LostHunk[Rank]]]:
    """The base with every hunk that can be taken, the highest rank first, and those that cannot.

    The result depends on the set of edits only, not on their order.
    """
    ranks: dict[Hunk, Rank] = {}
    taken, lost = _AcceptedHunks(), list[LostHunk[Rank]]()
    every = sorted(edits, reverse=True)
    contained = _redundant_insertions({hunk for _, hunk in every if hunk.first == hunk.last})
    for rank, hunk in every:
        if hunk in ranks or hunk in contained:
            continue
        winner = taken.rival(hunk)
        if winner is None:
            ranks[hunk] = rank
            taken.add(hunk)
        else:
            lost.append(LostHunk(hunk, rank, winner, ranks[winner]))
    return _apply_hunks(base, ranks), lost


def _apply_hunks(base: Sequence[str], ranks: Mapping[Hunk, Rank]) -> tuple[str, ...]:
    woven: list[str] = []
    at = 0
    # At one place insertions come before what replaces the lines there.
    for hunk in sorted(ranks, key=lambda h: (h.first, h.last, ranks[h], h.lines)):
        woven += [*base[at : hunk.first], *hunk.lines]
        at = max(at, hunk.last)
    return (*woven, *base[at:])


def _redundant_insertions(insertions: Iterable[Hunk]) -> set[Hunk]:
    """Those that say nothing that a longer one at the same place does not say, in one piece."""
    places: dict[int, list[Hunk]] = {}
    for hunk in insertions:
        places.setdefault(hunk.first, []).append(hunk)
    return {
        one for there in places.values() for one in there for other in there if _contains_lines(other.lines, one.lines)
    }


def _contains_lines(longer: tuple[str, ...], lines: tuple[str, ...]) -> bool:
    size = len(lines)
    return size < len(longer) and any(longer[n : n + size] == lines for n in range(len(longer) - size + 1))
