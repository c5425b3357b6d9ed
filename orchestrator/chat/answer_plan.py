"""How is a message answered: from the ledger, by lines of the handoff, in a model's words, and which are shown?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from handoff.answers import admission
from handoff.answers.admission import AnswerSources, OwnAnswer
from handoff.answers.citable import CitableLine, spoken_line
from handoff.answers.destructive import GuardedStream, with_guards
from handoff.answers.extraction import SILENT
from handoff.answers.grounding import Unsupported
from orchestrator.core.model_competence import Competence, unchosen
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.ledger.snapshot import LedgerSnapshot

FindSources = Callable[[LedgerSnapshot, str, str], AnswerSources]
"""Takes ledger, project and message."""
MAX_UNSUPPORTED_SHOWN = 5
"""Sentences without support that an answer's metadata names."""
_STATEMENT = re.compile(r"\b(?:is|are|was|were|has|have|called|named)\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"^\W*(?:what|which|who|whose|how|why|when|where|is|are|was|were|do|does|did|can|could|would|should|will|tell|say|"
    r"show|list|give|explain|describe|write|make|please)\b|\?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class AnswerPlan:
    """The way to one answer. `sources` is None where there is no ledger: then nothing can be checked."""

    question: str = ""
    competence: Competence = field(default_factory=Competence)
    sources: AnswerSources | None = None
    tools: bool = False
    """Whether the model may use tools: then it is asked to do something, and lines alone are no answer."""

    @property
    def held_back(self) -> bool:
        """Whether the model's words are shown only as far as a line bears them out."""
        what = self.sources.unsupported if self.sources else Unsupported.OFF
        return what is Unsupported.DROP or (self.competence.is_toy and what is not Unsupported.OFF)

    @property
    def own(self) -> OwnAnswer | None:
        """What is answered without the model; None where the model answers."""
        if self.sources is None or not self.competence.is_toy:
            return None
        if not self.sources.recorded and (self.tools or not self.held_back):
            return None
        own = admission.own_answer(self.question, self.sources)
        if own.found or not self.competence.better_here:
            return own
        return replace(own, text=f"{own.text} {unchosen(self.competence.better_here)}")

    @property
    def advice(self) -> str:
        """What a person should know of the model before they believe it."""
        unchecked = "" if self.sources else "; there is no ledger to check it against"
        return self.competence.says() + unchecked if self.competence.is_toy else ""

    @property
    def facts(self) -> str:
        """What the ledger answers, for the prompt of a model that can read it."""
        return self.sources.recorded if self.sources else ""

    def for_documents(self, text: str) -> str:
        """The answer as it may be written down."""
        if self.sources is None:
            return "" if self.competence.is_toy else text
        return admission.admitted(text, self.sources, toy=self.competence.is_toy)

    def grounding(self, text: str, told: Sequence[CitableLine]) -> dict[str, Any]:
        """What was found of an answer's sentences, for whoever shows it."""
        if self.sources is None or self.sources.unsupported is Unsupported.OFF or not text.strip():
            return {}
        if self.own is not None:
            shown = [line.cite for line in self.sources.every_line if f"[{line.cite}]" in text]
            lines = text.count("[") if shown else 0
            return {"sentences": lines, "supported": lines, "citations": list(dict.fromkeys(shown)), "unsupported": []}
        found = admission.check(text, self.sources.and_lines(told), toy=self.competence.is_toy)
        cites = dict.fromkeys(cite for one in found.supported for cite in one.cites)
        return {
            "sentences": len(found.sentences),
            "supported": len(found.supported),
            "citations": list(cites),
            "unsupported": [one.text for one in found.unsupported[:MAX_UNSUPPORTED_SHOWN]],
        }


@dataclass(kw_only=True)
class AnswerStream:
    """What of a model's text is shown, as it comes: with guards before commands that destroy, or held back whole."""

    plan: Callable[[], AnswerPlan] = AnswerPlan
    """The plan for whoever answers now: another model may have to, and may be a toy."""
    opened: str = ""
    """What was shown before the model was asked."""
    told: list[CitableLine] = field(default_factory=list)
    """What tools have told meanwhile."""
    began: bool = False
    """Whether there was any text."""
    _guard: GuardedStream = field(default_factory=GuardedStream)
    _held: str = ""

    def hear(self, tool: str, result: str) -> None:
        """Takes in what a tool gave back: an answer may rest on it."""
        self.told += spoken_line(result, f"tool {tool}")

    def take(self, piece: str) -> str:
        """What can be shown of a piece now."""
        self.began = self.began or bool(piece)
        if not self.plan().held_back:
            return self._guard.take(piece)
        self._held += piece
        return ""

    def close(self) -> str:
        """What is shown at the end."""
        held, self._held = self._held, ""
        plan = self.plan()
        if not plan.held_back:
            return self._guard.close()
        return self._admitted(plan, held) if held.strip() else ""

    def _admitted(self, plan: AnswerPlan, held: str) -> str:
        assert plan.sources
        sources, own = plan.sources.and_lines(self.told), plan.own
        if own is not None:
            added = "" if own.whole else admission.added_words(own.text, held, sources, plan.competence.model)
            return "\n\n".join(["" if self.opened else own.text, *([added] if added else [])])
        what = admission.check(held, sources, toy=plan.competence.is_toy).text(Unsupported.DROP)
        return with_guards(what) or SILENT


def said_lines(turns: Sequence[ConversationTurn]) -> Iterator[CitableLine]:
    """What the person stated earlier in the conversation; a question is no statement."""
    for turn in turns:
        if turn.role == "user":
            for line in spoken_line(turn.content, f"your message {turn.seq}"):
                if _STATEMENT.search(line.text) and not _REQUEST.search(line.text):
                    yield line
