"""Which blockers, decisions and steps stand open after these entries, and which of them keep coming back?

Two statements are one when they share most of their words, because no two sessions word a blocker alike. Everything
here is a comparison of word sets, so that a review of two hundred entries takes a second, not a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from handoff.briefing import Add, BriefingItem, Delta, Resolve, Update, derived_id
from handoff.evidence_check import coverage, is_negated, overlap, stems
from handoff.statements import BLOCKER, DECISION, DONE, SETTLING_STEMS, STEP, Statement

MIN_STATEMENT_OVERLAP = 0.6  # share of common words above which two statements are one
UNTAKEN_AFTER_ENTRIES = 2  # later entries after which a step that nobody took is reported
RECENT_ENTRIES = 3  # entries whose open steps are worth a line in the briefing

_ROUNDING = 1e-9  # 0.6 * 5 is a little more than 3
_REJECTING = re.compile(r"(?i)\b(?:instead of|rather than|and not|not|over|replac(?:es|ing))\b")
_REVERSING = re.compile(r"(?i)\b(?:revert|revers|undo|drop|abandon|withdraw|no longer|back (?:to|from)|stop|cancel)")
_VERB = re.compile(r"(?i)^(?:we |to )?\w+")


class WordIndex:
    """Sets of words in the order in which they were added; a place is the number of a set in it, from 0.

    Sets that share a certain number of words have one of the rarest in common: of five words of which four must be
    shared, one of any two is. So it is enough to look where the rarest stand, and not every pair is compared.
    """

    def __init__(self) -> None:
        self._sets: list[frozenset[str]] = []
        self._sizes: dict[int, dict[str, list[int]]] = {}  # by number of words: where each word stands

    def add(self, words: frozenset[str]) -> int:
        """Its place."""
        places = self._sizes.setdefault(len(words), {})
        for word in words:
            places.setdefault(word, []).append(len(self._sets))
        self._sets.append(words)
        return len(self._sets) - 1

    def likest(self, words: frozenset[str], least: float) -> int:
        """The first place of the set that has most in common with the words, -1 if none has the least overlap."""
        found = [-1]
        for size, places in self._sizes.items():
            shared = ceil(least / (1 + least) * (size + len(words)) - _ROUNDING)
            found += _sharing(places, words, shared)
        best = max(found, key=lambda place: (overlap(words, self._sets[place]), -place) if place >= 0 else (-1.0, 0))
        return best if best >= 0 and overlap(words, self._sets[best]) >= least else -1

    def covering(self, words: frozenset[str], least: float) -> Iterator[int]:
        """The places of the sets that hold at least this share of the words, the last first."""
        shared = ceil(least * len(words) - _ROUNDING)
        found = {place for places in self._sizes.values() for place in _sharing(places, words, shared)}
        return (place for place in sorted(found, reverse=True) if coverage(words, self._sets[place]) >= least)


def _sharing(places: dict[str, list[int]], words: frozenset[str], shared: int) -> set[int]:
    """Every place that may share so many of the words, and others that share one."""
    if not 0 < shared <= len(words):
        return set()
    rarest = sorted(words, key=lambda word: len(places.get(word, ())))[: len(words) - shared + 1]
    return {place for word in rarest for place in places.get(word, ())}


@dataclass(frozen=True, kw_only=True)
class Recurring:
    """Something that several entries say: the words of the first, and every entry that says it, oldest first."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reversal:
    """A decision and the later one that takes it back, each with the entries it stands in."""

    before: str
    after: str
    before_cites: tuple[str, ...]
    after_cites: tuple[str, ...]


@dataclass
class _StatementGroup:
    """Statements that are one: their common words are those of the first."""

    first: str
    words: frozenset[str]
    cites: list[str] = field(default_factory=list)
    last_at: int = -1
    item: BriefingItem | None = None


def _group_statements(
    items: Sequence[BriefingItem],
    said: Sequence[tuple[int, Statement]],
    *,
    same: float = MIN_STATEMENT_OVERLAP,
    words_of: Callable[[str], frozenset[str]] = stems,
) -> list[_StatementGroup]:
    """The items and statements, alike ones together."""
    groups: list[_StatementGroup] = []
    index = WordIndex()
    for item in items:
        words = words_of(item.text)
        index.add(words)
        groups.append(_StatementGroup(first=item.text, words=words, item=item, cites=[*item.cites]))
    for at, statement in said:
        words = words_of(statement.text)
        likest = index.likest(words, same)
        if likest < 0:
            likest = index.add(words)
            groups.append(_StatementGroup(first=statement.text, words=words))
        groups[likest].cites.append(statement.entry_id)
        groups[likest].last_at = at
    return groups


def of_kind(said: Sequence[tuple[int, Statement]], kind: str) -> list[tuple[int, Statement]]:
    """The statements of one kind, each with the place of its entry in time."""
    return [(at, statement) for at, statement in said if statement.kind == kind]


def blocker_changes(
    said: Sequence[tuple[int, Statement]], items: Sequence[BriefingItem], section: str
) -> tuple[list[Delta], list[Recurring]]:
    """Open blockers as deltas, and those that at least two entries hit."""
    deltas: list[Delta] = []
    repeated = []
    done = [(at, stems(one.text), one) for at, one in of_kind(said, DONE) if stems(one.text) & SETTLING_STEMS]
    for group in _group_statements(items, of_kind(said, BLOCKER)):
        cites = tuple(dict.fromkeys(group.cites))
        if len(cites) > 1 and group.last_at >= 0:
            repeated.append(Recurring(text=group.first, cites=cites))
        settled = [
            one
            for at, words, one in done
            if at >= group.last_at and coverage(group.words, words) >= MIN_STATEMENT_OVERLAP
        ]
        deltas += _group_delta(group, "k", section, cites, settled)
    return deltas, repeated


def step_changes(
    said: Sequence[tuple[int, Statement]], items: Sequence[BriefingItem], section: str, count: int
) -> tuple[list[Delta], list[Recurring]]:
    """Open steps of the newest of `count` entries as deltas, and steps that nobody took for `PATIENCE` entries."""
    deltas: list[Delta] = []
    untaken = []
    done = of_kind(said, DONE)
    index = WordIndex()
    for _, one in done:
        index.add(stems(one.text))
    for group in _group_statements(items, of_kind(said, STEP), same=0.75):
        cites = tuple(dict.fromkeys(group.cites))
        last = next(index.covering(group.words, MIN_STATEMENT_OVERLAP), -1)
        taken = [done[last][1]] if last >= 0 and done[last][0] > group.last_at else []
        if not taken and group.cites and count - 1 - max(group.last_at, -1) >= UNTAKEN_AFTER_ENTRIES:
            untaken.append(Recurring(text=group.first, cites=cites))
        if taken or group.item or group.last_at >= count - RECENT_ENTRIES:
            deltas += _group_delta(group, "s", section, cites, taken)
    return deltas, untaken


def _group_delta(
    group: _StatementGroup, prefix: str, section: str, cites: tuple[str, ...], settled: Sequence[Statement]
) -> Iterator[Delta]:
    if settled and group.item:
        yield Resolve(item_id=group.item.item_id, was=group.item.text, cites=(settled[-1].entry_id,))
    elif group.item and set(cites) - set(group.item.cites):
        yield Update(item_id=group.item.item_id, was=group.item.text, text=group.item.text, cites=cites)
    elif not settled and not group.item:
        yield Add(item_id=derived_id(prefix, group.first), section=section, text=group.first, cites=cites)


def decision_changes(
    said: Sequence[tuple[int, Statement]], items: Sequence[BriefingItem], section: str
) -> tuple[list[Delta], list[Reversal]]:
    """Decisions that stand as deltas, and those that a later one took back."""
    deltas: list[Delta] = []
    reversals = []
    groups = _group_statements(items, of_kind(said, DECISION), same=0.85, words_of=_decision_stems)
    turning = [(place, group) for place, group in enumerate(groups) if _may_reverse(group.first)]
    for place, group in enumerate(groups):
        cites = tuple(dict.fromkeys(group.cites))
        candidates = enumerate(groups) if is_negated(group.first) else turning
        later = (one for at, one in candidates if at > place and one.last_at > group.last_at)
        by = next((one for one in later if _reverses(one.first, group.first)), None)
        if by is not None:
            after_cites = tuple(dict.fromkeys(by.cites))
            reversals.append(Reversal(before=group.first, after=by.first, before_cites=cites, after_cites=after_cites))
            if group.item:
                deltas.append(Resolve(item_id=group.item.item_id, was=group.item.text, cites=after_cites))
            continue
        deltas += _group_delta(group, "d", section, cites, ())
    return deltas, reversals


def _decision_stems(text: str) -> frozenset[str]:
    """The words of a decision, those it rejects marked: "A instead of B" and "B instead of A" are two decisions."""
    chosen, *rejected = _REJECTING.split(text, maxsplit=1)
    return stems(chosen) | {f"not {word}" for word in stems("".join(rejected))}


def _may_reverse(text: str) -> bool:
    """Whether the decision rejects, takes back or denies anything at all."""
    return bool(_REJECTING.search(text) or _REVERSING.search(text)) or is_negated(text)


def _reverses(after: str, before: str) -> bool:
    """Whether the later decision rejects what the earlier one chose, takes it back, or denies it."""
    chosen = stems(_VERB.sub("", _REJECTING.split(before)[0])) or stems(before)
    _, found, rejected = after.partition(match[0]) if (match := _REJECTING.search(after)) else (after, "", "")
    if found and chosen & stems(rejected) and coverage(chosen, stems(after)) >= 0.5:
        return not chosen <= stems(_REJECTING.split(after)[0])
    if _REVERSING.search(after) and not _REVERSING.search(before):
        return coverage(chosen, stems(after)) >= MIN_STATEMENT_OVERLAP
    return is_negated(after) != is_negated(before) and overlap(stems(after), stems(before)) >= MIN_STATEMENT_OVERLAP
