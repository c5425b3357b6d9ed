"""Which lines of the journal say that something is over, and which earlier warnings do they take back?

"Resolved: …" and "Withdrawn: …" settle what they name; a session's work that mends something settles what it says in
the same words. A blocker may be settled by its own entry, a lesson only by a later one that says so outright.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from handoff.entry import Entry
from handoff.evidence_check import coverage, stems
from handoff.marks.model_mark import split_mark
from handoff.statements import (
    DONE,
    SETTLING_STEMS,
    Statement,
    is_result,
    own_words,
    points,
    statements,
    withdrawal_of,
)
from handoff.warnings.action_warnings import SubjectKind, WarningSubject, subjects_of

MIN_OVERLAP = 0.6
"""The share of a warning's words that a line has to have that settles it without naming the very command or error."""
_FAILED_TRY = re.compile(r"(?i)\b(?:not|never|cannot|\w+n't|try|tried|trying|failed|fails|unable|to)\b")
_EXACT = frozenset({SubjectKind.COMMAND, SubjectKind.ERROR})


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """A line that says that something is over. `outright` is whether it says so in so many words."""

    text: str
    entry_id: str
    when: str
    outright: bool
    subjects: tuple[WarningSubject, ...]

    def settles(self, text: str, section: str, when: str, subject: WarningSubject) -> bool:
        """Whether it takes that warning back, which is about a subject of its own."""
        blocker = section == "Blockers"
        if self.when < when or (not blocker and (not self.outright or self.when == when)):
            return False
        named = blocker and self.outright and subject.kind in _EXACT
        return named or coverage(stems(text), self.stems) >= MIN_OVERLAP

    @cached_property
    def stems(self) -> frozenset[str]:
        """The words of its text that carry meaning."""
        return stems(self.text)


def settlements_of(entry: Entry) -> Iterator[Settlement]:
    """The entry's lines that say so, of something that a warning could be about."""
    if entry.from_outside:
        return
    for text, outright in dict(_lines(entry)).items():
        if subjects := tuple(dict.fromkeys(subjects_of(text))):
            yield Settlement(text=text, entry_id=entry.entry_id, when=entry.when, outright=outright, subjects=subjects)


def _lines(entry: Entry) -> Iterator[tuple[str, bool]]:
    for one in statements(entry):
        if one.kind == DONE and _mends(one) and (entry.by_model or not one.proposed):
            yield one.text, False
    for heading in ("Blockers", "Lessons", "Decisions", "Work Accomplished"):
        for marked in points(own_words(entry.section(heading))):
            line, mark = split_mark(marked)
            if mark is not None and not mark.confirmed:
                continue  # what a model only proposed takes no warning back
            if is_result(line) or withdrawal_of(line):
                yield line, True


def _mends(one: Statement) -> bool:
    """Whether it says that it mended something, and not that it tried, or could not."""
    words = one.text.split()
    place = next((at for at, word in enumerate(words) if stems(word) & SETTLING_STEMS), -1)
    return place >= 0 and not _FAILED_TRY.search(" ".join(words[:place]))
