"""Which changes of a briefing are a model's proposals, and what confirms one: a person, or two outcomes that agree?

A change is a model's if its words are, or if every entry that states it was written by a model. It is confirmed by

1. an entry that no model wrote and that states the same;
2. two outcomes: entries of two different missions, each of which states the same and records, as the node that ran it
   wrote it down, that its attempt ended without an error and passed the tests or the command that it was given. What a
   result says that was not accepted counts for nothing. Attempts of one mission, also side by side, are one: they were
   given the same words, and are wrong in the same way.

Another value for a line that is in force stands beside it until it is confirmed (`proposed_values`).

A person's confirmation, and its withdrawal, are the person's alone: no outcome changes either. Other words for what was
withdrawn await a person, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from handoff.briefing import Add, BriefingItem, Delta, Resolve, Update
from handoff.entry import Entry
from handoff.evidence_check import overlap, stems
from handoff.marks.model_mark import MIN_OUTCOMES, PROPOSED, ModelMark
from handoff.mined.proposed_values import proposal_id, with_replacements
from handoff.statements import Statement, statements
from missions.side_by_side.split import independent_of

Accepted = Callable[[str], bool]
"""Whether a mission of this name ended with a result that counts."""

_MARKUP = str.maketrans("", "", "`*_\"'")
_PASSED = re.compile(r"The project's tests passed\.|`[^\n]*` ended with exit code 0\.")
_RETRIED = re.compile(r"Went back to its agent \d+ times? because it was not right yet\.")


def has_passed(entry: Entry) -> bool:
    """Whether a node records of an attempt that it ended well and that what was to be checked was, and held."""
    lines = [line.strip() for line in entry.section("Test Status").splitlines() if line.strip()]
    checks = [line for line in lines if not _RETRIED.fullmatch(line)]
    if not checks or not entry.is_attempt or entry.from_outside or entry.section("Blockers").strip():
        return False
    return all(_PASSED.fullmatch(line) for line in checks)


@dataclass(frozen=True, kw_only=True)
class Confirmations:
    """What the journal says for proposals: the entries by id, and which missions' results were accepted."""

    entries: Mapping[str, Entry]
    accepted: Accepted = lambda mission: True

    def marked(self, deltas: Iterable[Delta], items: Sequence[BriefingItem]) -> Iterator[Delta]:
        """The changes, each that is a model's with its mark; and items that were confirmed meanwhile."""
        return with_replacements(self._each_marked(deltas, items), items)

    def _each_marked(self, deltas: Iterable[Delta], items: Sequence[BriefingItem]) -> Iterator[Delta]:
        before = {item.item_id: item for item in items if item.item_id}
        changed: set[str] = set()
        for delta in deltas:
            changed |= {delta.item_id, proposal_id(delta.item_id)}
            yield delta if isinstance(delta, Resolve) or delta.mark else self._marked(delta, before)
        for item in before.values():
            if item.item_id not in changed and (mark := self._confirming(item, ())):
                yield Update(item_id=item.item_id, was=item.text, text=item.text, cites=item.cites, mark=str(mark))

    def _marked(self, delta: Add | Update, before: Mapping[str, BriefingItem]) -> Delta:
        item = before.get(delta.item_id)
        if isinstance(delta, Update) and item is not None and delta.text.split() == item.text.split():
            mark = self._confirming(item, delta.cites)
            return replace(delta, mark=str(mark)) if mark else delta
        if self._own_words(delta.text, delta.cites) or not any(cite in self.entries for cite in delta.cites):
            return delta
        if isinstance(delta, Update) and item is not None and _is_withdrawn(item):
            same = _plain_words(delta.text) == _plain_words(item.text)
            return replace(delta, text=item.text) if same else replace(delta, mark=str(PROPOSED))
        if isinstance(delta, Update) and item is not None and not item.awaits:
            return self._marked(_beside(delta, item, before), before)
        return replace(delta, mark=str(self._by_outcomes(delta.cites) or PROPOSED))

    def _confirming(self, item: BriefingItem, cites: Iterable[str]) -> ModelMark | None:
        """What confirms an item that awaits it, now that these entries state it; nothing where a person withdrew that.

        An entry that it rests on already confirms nothing by itself: a model may have put its words otherwise.
        """
        if not item.awaits or _is_withdrawn(item):
            return None
        own = self._own_words(item.text, [cite for cite in cites if cite not in item.cites])
        return ModelMark(confirmed_in=own[:1]) if own else self._by_outcomes([*item.cites, *cites])

    def _own_words(self, text: str, cites: Iterable[str]) -> tuple[str, ...]:
        """The entries that state it and are no model's proposal."""
        return tuple(cite for cite in dict.fromkeys(cites) if cite in self.entries and not self._proposes(cite, text))

    def _proposes(self, cite: str, text: str) -> bool:
        said = _nearest(text, statements(self.entries[cite]))
        return said.proposed if said is not None else self.entries[cite].by_model

    def _by_outcomes(self, cites: Iterable[str]) -> ModelMark | None:
        """The first such entry of each mission, if they are enough (case 2)."""
        found: dict[str, str] = {}
        for cite in dict.fromkeys(cites):
            entry = self.entries.get(cite)
            if entry is not None and has_passed(entry) and self.accepted(entry.mission):
                found.setdefault(independent_of(entry.mission), cite)
        return ModelMark(confirmed_in=tuple(found.values())) if len(found) >= MIN_OUTCOMES else None


def _beside(delta: Update, line: BriefingItem, before: Mapping[str, BriefingItem]) -> Add | Update:
    """The change of a line in force as one of what is proposed beside it."""
    ident = proposal_id(line.item_id)
    if ident in before:
        return replace(delta, item_id=ident, was=before[ident].text, instead=line.text)
    return Add(item_id=ident, section=line.section, text=delta.text, cites=delta.cites, instead=line.text)


def _is_withdrawn(item: BriefingItem) -> bool:
    return item.mark is not None and bool(item.mark.withdrawn_by)


def _plain_words(text: str) -> list[str]:
    """The words without what Markdown or the end of a sentence adds to them."""
    return text.translate(_MARKUP).casefold().rstrip(". ").split()


def _nearest(text: str, said: Iterable[Statement]) -> Statement | None:
    """The statement that shares most words with the text."""
    words = stems(text)
    return max(said, key=lambda one: overlap(words, stems(one.text)), default=None)
