"""Which items of a briefing hurt, by what the missions did that were given them? Harmful items, by evidence alone.

An item is told as harmful where

1. at the start: at least `MIN_MISSIONS` missions were given it and failed in the very way that it is about, and that is
   more than chance would have it beside the missions that were not given it (Fisher's exact test, one-sided, corrected
   for all items by Bonferroni); or
2. at the action: what it rests on was said as a warning, and hurt more missions than it helped, two at least.

Neither proves a cause: an item about a failure is written because something fails, and may only have helped too little.
So nothing is removed; a person is shown it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

from handoff.briefing import BriefingItem
from handoff.evidence_check import coverage, stems
from handoff.warnings.action_warnings import ActionWords, SubjectKind, WarningSubject, action_words, subjects_of
from handoff.warnings.heard_warnings import MIN_HURT, HeardWarning, WarningVerdict

MIN_MISSIONS = 3
"""Missions that have to have failed so; fewer prove nothing about anything."""
LEVEL = 0.05
"""The chance at which one item of a briefing is told without reason."""
MIN_SAME_WORDS = 0.6
"""The share of a warning's words that an item has which rests on the same entry and says the same."""
_EXACT = frozenset({SubjectKind.COMMAND, SubjectKind.ERROR, SubjectKind.PATH})


@dataclass(frozen=True, kw_only=True)
class HarmfulItem:
    """An item that hurts, the entries that it rests on, and the evidence in words; a person decides about it."""

    item_id: str
    text: str
    cites: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class GivenAttempt:
    """One attempt: the texts of the items that its instance was given, what it failed with (nothing: it did not), and
    what it heard at its actions."""

    mission: str
    given: Collection[str]
    failures: tuple[str, ...] = ()
    heard: tuple[HeardWarning, ...] = ()


@dataclass(kw_only=True)
class _Fates:
    """The missions with and without an item: all, and those that failed in its way."""

    given: set[str] = field(default_factory=set)
    given_failed: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)
    without_failed: set[str] = field(default_factory=set)

    def chance(self) -> float:
        """How likely so many failures of those that were given it are, if it made no difference."""
        others, others_failed = self.without - self.given, self.without_failed - self.given
        return upper_tail(len(self.given_failed), len(self.given), len(others_failed), len(others))


def harmful_items(items: Sequence[BriefingItem], attempts: Sequence[GivenAttempt]) -> list[HarmfulItem]:
    """Those of a briefing's items that hurt; a standing rule is a person's and never told."""
    asked = [item for item in items if item.item_id and not item.standing]
    about = {item.item_id: subjects for item in asked if (subjects := _exact_subjects(item.text))}
    acted = [(one, tuple(map(action_words, one.failures))) for one in attempts]
    found = []
    for item in asked:
        level = LEVEL / max(1, len(about))
        why = [*_at_start(item, about.get(item.item_id, ()), acted, level), *_at_action(item, attempts)]
        if why:
            found.append(HarmfulItem(item_id=item.item_id, text=item.text, cites=item.cites, why="; ".join(why)))
    return found


def upper_tail(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least `hits` among `of`, the margins being as they are; 1 where
    there is nothing to compare with."""
    if not of or not other_of:
        return 1.0
    every = hits + other_hits
    ways = sum(comb(of, k) * comb(other_of, every - k) for k in range(hits, min(of, every) + 1))
    return ways / comb(of + other_of, every)


def item_words(text: str) -> str:
    """By what an item is known again in another version of the briefing: its words."""
    return " ".join(text.split())


def _at_start(
    item: BriefingItem,
    subjects: tuple[WarningSubject, ...],
    acted: Iterable[tuple[GivenAttempt, tuple[ActionWords, ...]]],
    level: float,
) -> Iterator[str]:
    fates = _Fates()
    for attempt, failures in acted if subjects else ():
        failed = any(one.concerns(failure) for failure in failures for one in subjects)
        given = item_words(item.text) in attempt.given
        (fates.given if given else fates.without).add(attempt.mission)
        if failed:
            (fates.given_failed if given else fates.without_failed).add(attempt.mission)
    chance = fates.chance()
    if len(fates.given_failed) >= MIN_MISSIONS and chance <= level:
        others, others_failed = fates.without - fates.given, fates.without_failed - fates.given
        yield (
            f"{len(fates.given_failed)} of {len(fates.given)} missions that were given it failed in this very way,"
            f" {len(others_failed)} of {len(others)} others (p = {chance:.2g})"
        )


def _at_action(item: BriefingItem, attempts: Iterable[GivenAttempt]) -> Iterator[str]:
    words = stems(item.text)
    missions: Mapping[WarningVerdict, set[str]] = {verdict: set() for verdict in WarningVerdict}
    for attempt in attempts:
        for one in attempt.heard:
            if one.entry_id in item.cites and coverage(stems(one.text), words) >= MIN_SAME_WORDS:
                missions[one.verdict].add(attempt.mission)
    helped, hurt = (len(missions[each]) for each in (WarningVerdict.HELPED, WarningVerdict.HURT))
    if hurt >= MIN_HURT and hurt > helped:
        yield f"said at the action it hurt {hurt} missions and helped {helped}"


def _exact_subjects(text: str) -> tuple[WarningSubject, ...]:
    return tuple(one for one in dict.fromkeys(subjects_of(text)) if one.kind in _EXACT)
