"""Which lessons are promoted, because they have been learned often enough, and which contradict each other?

A lesson is what memos say under "Lessons learned". Two that share most of their words are one, unless a number, a
negation or a word with an opposite tells them apart: then they contradict each other, and neither becomes known until a
person has decided. A lesson that is known is contested as soon as a later memo contradicts it. What a person rejected
or overruled stays so, in whatever words it comes again. No clock decides: a lesson becomes known only while nothing
contradicts it, so whatever does afterwards came later.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from handoff.evidence_check import disagreement, is_negated, overlap, stems
from handoff.knowledge import Knowledge, LessonMention, LessonState, slug_of

MIN_LESSON_OVERLAP = 0.6
"""Share of common words above which two lessons are about the same thing."""

_NUMBER = re.compile(r"\d")
_NEGATION_STEMS = stems("not never none nothing neither nor without cannot don doesn didn isn won shouldn no longer")


class LessonStanding(StrEnum):
    """How a lesson stands. The words are what people read."""

    DUE = "due"
    KNOWN = "known"
    CONTESTED = "contested"
    CANDIDATE = "seen once"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Mentions that say the same, oldest first, in the words of the first; `against` are lessons that contradict it."""

    slug: str
    text: str
    mentions: tuple[LessonMention, ...]
    standing: LessonStanding = LessonStanding.CANDIDATE
    against: tuple[str, ...] = ()

    @property
    def missions(self) -> tuple[str, ...]:
        """The missions that taught it."""
        return tuple(dict.fromkeys(one.mission for one in self.mentions))

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects in which it was learned."""
        return tuple(dict.fromkeys(one.project for one in self.mentions if one.project))


def lessons(
    mentions: Iterable[LessonMention], known: Sequence[Knowledge], *, missions: int, projects: int
) -> list[Lesson]:
    """Every lesson with its standing, the most often seen first. A bar of 0 is one that nothing reaches."""
    grouped = _group_mentions(mentions, known)
    found = [_with_standing(one, grouped, known, missions, projects) for one in grouped]
    return sorted(found, key=lambda one: (-len(one.missions), one.slug))


def update_knowledge(found: Sequence[Lesson], known: Sequence[Knowledge], *, now: str) -> list[Knowledge]:
    """The knowledge as it must be written: what is due becomes known, what is contradicted contested, and what is
    contradicted no more known again. Only what changes is in the list."""
    changes = [_knowledge_of(one, LessonState.KNOWN, now, by="") for one in found if one.standing is LessonStanding.DUE]
    by_slug = {one.slug: one for one in found}
    for old in known:
        lesson = by_slug.get(old.slug)
        mentions = lesson.mentions if lesson else old.mentions
        state, words = old.state, old.against
        if lesson and state is not LessonState.REJECTED and lesson.standing is not LessonStanding.REJECTED:
            state = LessonState.CONTESTED if lesson.against else LessonState.KNOWN
            words = tuple(by_slug[slug].text for slug in lesson.against if slug in by_slug)
        new = replace(old, state=state, mentions=_merge_mentions(old.mentions, mentions), against=words)
        changes += [new] if new != old else []
    return changes


def apply_decision(
    lesson: Lesson, found: Sequence[Lesson], known: Sequence[Knowledge], *, by: str, now: str, keep: bool, why: str = ""
) -> list[Knowledge]:
    """A person's word: the lesson is known, or rejected, from now on; what is known against it is contested."""
    old = next((one for one in known if one.slug == lesson.slug), None)
    mine = _knowledge_of(lesson, LessonState.KNOWN if keep else LessonState.REJECTED, now, by=by)
    prose, text = (old.prose, old.lesson) if old else ("", mine.lesson)
    over = tuple(one.text for one in found if keep and contradict(one.text, lesson.text))
    changes = [replace(mine, prose=prose, lesson=text, why=why, over=over)]
    for other in known if keep else ():
        if other.state is LessonState.KNOWN and contradict(other.lesson, lesson.text):
            left = tuple(words for words in other.over if not is_same_lesson(words, lesson.text))
            changes.append(replace(other, state=LessonState.CONTESTED, against=(lesson.text,), over=left))
    return changes


def is_same_lesson(one: str, other: str) -> bool:
    """Whether two lessons say the same."""
    return overlap(stems(one), stems(other)) >= MIN_LESSON_OVERLAP and not contradict(one, other)


def contradict(one: str, other: str) -> bool:
    """Whether two lessons are about the same thing and cannot both be true."""
    reasons = [disagreement(one, [other]), disagreement(other, [one])]
    opposites = {word for reason in reasons if reason.startswith("opposite") for word in _words_named(reason)}
    numbers = any(reason.startswith("number") for reason in reasons) and all(
        _NUMBER.search(text) for text in (one, other)
    )
    if not (opposites or numbers or is_negated(one) != is_negated(other)):
        return False
    apart = opposites | _NEGATION_STEMS
    mine, theirs = (frozenset(w for w in stems(text) - apart if not _NUMBER.match(w)) for text in (one, other))
    return overlap(mine, theirs) >= MIN_LESSON_OVERLAP


def _words_named(reason: str) -> list[str]:
    return reason.partition(": ")[2].split(", ")


def _group_mentions(mentions: Iterable[LessonMention], known: Sequence[Knowledge]) -> list[Lesson]:
    """Alike ones together, known lessons first, so that what is known keeps its words and its name."""
    groups = [Lesson(slug=one.slug, text=one.lesson, mentions=()) for one in known]
    words = [stems(one.text) for one in groups]
    places: dict[str, list[int]] = {}
    for place, stem_set in enumerate(words):
        for word in stem_set:
            places.setdefault(word, []).append(place)
    for mention in sorted(mentions, key=lambda one: (one.when, one.memo_id, one.text)):
        mine = stems(mention.text)
        near = Counter(place for word in mine for place in places.get(word, ()))
        likest = [place for place, _ in near.most_common(8) if is_same_lesson(groups[place].text, mention.text)]
        if likest:
            group = groups[likest[0]]
            groups[likest[0]] = replace(group, mentions=(*group.mentions, mention))
            continue
        slug = slug_of(mention.text, {one.slug for one in groups})
        for word in mine:
            places.setdefault(word, []).append(len(groups))
        groups.append(Lesson(slug=slug, text=mention.text, mentions=(mention,)))
    old = {one.slug: one.mentions for one in known}
    merged = (replace(one, mentions=_merge_mentions(old.get(one.slug, ()), one.mentions)) for one in groups)
    return [one for one in merged if one.mentions]


def _merge_mentions(old: Sequence[LessonMention], new: Sequence[LessonMention]) -> tuple[LessonMention, ...]:
    """Mentions by memo; one whose memo is gone is still evidence."""
    return tuple({(one.memo_id, one.text): one for one in (*old, *new)}.values())


def _with_standing(
    lesson: Lesson, every: Sequence[Lesson], known: Sequence[Knowledge], missions: int, projects: int
) -> Lesson:
    mine = next((one for one in known if one.slug == lesson.slug), None)
    overruled = any(
        is_same_lesson(lesson.text, words) for one in known if one.state is LessonState.KNOWN for words in one.over
    )
    if overruled or (mine is not None and mine.state is LessonState.REJECTED):
        return replace(lesson, standing=LessonStanding.REJECTED)
    against = tuple(_contradicting_slugs(lesson, mine, every, known))
    if against:
        return replace(lesson, standing=LessonStanding.CONTESTED, against=against)
    if mine is not None:
        return replace(lesson, standing=LessonStanding.KNOWN)
    often = 0 < missions <= len(lesson.missions) or 0 < projects <= len(lesson.projects)
    due = often or any(one.marked for one in lesson.mentions)
    return replace(lesson, standing=LessonStanding.DUE if due else LessonStanding.CANDIDATE)


def _contradicting_slugs(
    lesson: Lesson, mine: Knowledge | None, every: Sequence[Lesson], known: Sequence[Knowledge]
) -> Iterator[str]:
    """The lessons that contradict this one; rejected ones don't count, nor what a person overruled for this one."""
    rejected = {one.slug for one in known if one.state is LessonState.REJECTED}
    over = mine.over if mine is not None else ()
    for other in every:
        if other.slug == lesson.slug or other.slug in rejected or not contradict(lesson.text, other.text):
            continue
        if not any(is_same_lesson(other.text, words) for words in over):
            yield other.slug


def _knowledge_of(lesson: Lesson, state: LessonState, now: str, *, by: str) -> Knowledge:
    return Knowledge(slug=lesson.slug, lesson=lesson.text, state=state, since=now, by=by, mentions=lesson.mentions)
