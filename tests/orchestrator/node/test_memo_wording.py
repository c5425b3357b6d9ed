"""Facts about a model that words a memo: it may say it better, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from handoff.memo import parse_memo
from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.app.wiring import now
from orchestrator.core.ports.agent import Outcome
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger import result_report
from orchestrator.ledger.config import fleet_toml
from orchestrator.node.executor import Executor

PLAIN = "3 of 3 tests passed, 2 files changed."


def _summary(tmp_path: Path, said: str, *, asked: str = 'memo_words = "model"') -> str:
    """The memo's summary when the model says `said` about PLAIN."""
    rules = fleet_toml.read(f"[handoff]\n{asked}\n".encode())
    workshop = Executor(agents={}, folders=AttemptDirs(tmp_path), now=now, words=lambda told: said)
    outcome = Outcome(ok=True, summary=PLAIN)
    claim = Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")
    attempt = result_report.EndedAttempt(
        mission=Mission(name="m", title="M", body="Do it."),
        claim=claim,
        outcome=outcome,
        state=ClaimState.DONE,
        started=now(),
        finished=now(),
        final=True,
        words=workshop.words_of(rules, outcome),
    )
    return parse_memo(result_report.build_record(attempt).memo).summary


def test_words_that_agree_with_what_was_done_are_taken(tmp_path: Path) -> None:
    """Numbers, names and negations are the same: the model's sentence is the summary."""
    said = "All 3 of 3 tests passed and 2 files changed."
    assert _summary(tmp_path, said) == said


@pytest.mark.parametrize("said", ["7 of 7 tests passed.", "3 of 3 tests did not pass, 2 files changed.", ""])
def test_words_that_say_something_else_are_dropped(tmp_path: Path, said: str) -> None:
    """Another number, a negation, or nothing at all: the plain summary stands."""
    assert _summary(tmp_path, said) == PLAIN


def test_nobody_asks_the_model_unless_the_fleet_wants_it(tmp_path: Path) -> None:
    """The default is plain."""
    assert _summary(tmp_path, "All 3 of 3 tests passed and 2 files changed.", asked="") == PLAIN
