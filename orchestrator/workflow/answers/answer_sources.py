"""On what may the answer to a question rest, by the ledger as it is now?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime

from handoff.answers.admission import AnswerSources
from handoff.answers.citable import CitableLine, spoken_line
from handoff.answers.extraction import asked_sentence
from handoff.answers.grounding import Unsupported
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.answers.handoff_lines import handoff_lines
from orchestrator.workflow.answers.ledger_answer import LedgerRecords
from orchestrator.workflow.journal import context


@dataclass(kw_only=True)
class SourceFinder:
    """Finds them for one machine. `now` is UTC; `sightings` tell when this machine saw each node move."""

    now: Callable[[], datetime]
    sightings: LastSeenStore | None = None
    recall: context.Recall = context.no_recall
    _records: LedgerRecords = field(init=False)

    def __post_init__(self) -> None:
        self._records = LedgerRecords(now=self.now, sightings=self.sightings)

    def __call__(self, ledger: LedgerSnapshot, project: str, question: str) -> AnswerSources:
        """The handoff's lines, what earlier sessions said of it, and the ledger's own answer if it has one."""
        known, recorded = handoff_lines(ledger, project), self._records.answer(ledger, asked_sentence(question))
        return AnswerSources(
            lines=(*known.lines, *self._recalled(ledger, project, question, known.toys)),
            lead=known.lead,
            recorded=recorded.text if recorded else "",
            recorded_lines=recorded.lines if recorded else (),
            unsupported=Unsupported(ledger.charter.answers.grounded),
        )

    def _recalled(self, ledger: LedgerSnapshot, project: str, question: str, toys: Set[str]) -> Iterator[CitableLine]:
        for entry_id, text in self.recall(ledger, project, question):
            if entry_id not in toys:
                yield from spoken_line(text, f"entry {entry_id}")
