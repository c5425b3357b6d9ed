"""Admission: what of a model's words may be shown, kept and told on, given the lines that they can rest on?

The one door between a model and everything that is read later: a conversation, a mission's result, the log, a memo. A
model that is called a toy here may only repeat what lines say; where they say nothing, so does it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from handoff.answers.citable import CitableLine
from handoff.answers.destructive import with_guards
from handoff.answers.extraction import SILENT, answer_lines, shown_lines
from handoff.answers.grounding import GroundedText, Unsupported, ground


@dataclass(frozen=True, kw_only=True)
class AnswerSources:
    """What an answer may rest on: the handoff's lines, and what the ledger itself answers to the question."""

    lines: tuple[CitableLine, ...] = ()
    lead: CitableLine | None = None
    """The line that says what the project is."""
    recorded: str = ""
    """The ledger's own answer, with its lines; empty where it has none."""
    recorded_lines: tuple[CitableLine, ...] = ()
    unsupported: Unsupported = Unsupported.MARK
    """What the fleet wants done with a sentence that nothing bears out."""

    def and_lines(self, more: Iterable[CitableLine]) -> AnswerSources:
        """With lines that were said or read meanwhile."""
        return replace(self, lines=(*self.lines, *more))

    @property
    def every_line(self) -> tuple[CitableLine, ...]:
        """All lines, the ledger's own first."""
        return (*self.recorded_lines, *self.lines)


@dataclass(frozen=True, kw_only=True)
class OwnAnswer:
    """What can be answered without any model. `whole`: there is nothing to add."""

    text: str
    whole: bool
    found: bool = True


def own_answer(question: str, sources: AnswerSources) -> OwnAnswer:
    """The ledger's answer, or the lines that answer, or that there are none."""
    if sources.recorded:
        return OwnAnswer(text=sources.recorded, whole=True)
    found = answer_lines(question, sources.lines, sources.lead)
    return OwnAnswer(text=shown_lines(found) or SILENT, whole=not found, found=bool(found))


def check(text: str, sources: AnswerSources, *, toy: bool) -> GroundedText:
    """Which of a text's sentences the lines bear out."""
    return ground(text, sources.every_line, close=toy)


def admitted(text: str, sources: AnswerSources, *, toy: bool) -> str:
    """A model's text as it may enter documents and later prompts; of a toy only what a line bears out."""
    what = Unsupported.DROP if toy else sources.unsupported
    return with_guards(check(text, sources, toy=toy).text(what))


def added_words(shown: str, words: str, sources: AnswerSources, name: str) -> str:
    """What a toy adds to the lines that were shown, by its name; empty where it says nothing that holds and is new."""
    kept = [one for one in check(words, sources, toy=True).supported if one.text.rstrip(".") not in shown]
    said = " ".join(f"{one.text} [{', '.join(one.cites)}]" for one in {each.text: each for each in kept}.values())
    return with_guards(f"In the words of {name}: {said}") if said else ""
