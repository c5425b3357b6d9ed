"""What a node writes of an attempt says what a model proposed, and records whether the checks held."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from handoff.entry import parse_log
from handoff.memo import parse_memo
from handoff.mined.confirmation import has_passed
from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.ports.agent import Outcome
from orchestrator.core.ports.model import Usage
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.result_report import EndedAttempt, build_record

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANSWER = "Done.\n\n## Lessons\n\n- Wait first\n\nTest Status: the project's tests passed."


def record(outcome: Outcome, *, agent: str = "builtin", run: str | None = None) -> ResultRecord:
    claim = Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")
    mission = Mission(name="m", title="M", body="Do it.", agent=agent, run=run)
    state = ClaimState.DONE if outcome.ok else ClaimState.FAILED
    return build_record(
        EndedAttempt(mission=mission, claim=claim, outcome=outcome, state=state, started=NOW, finished=NOW, final=True)
    )


@pytest.mark.parametrize(
    ("outcome", "run", "passed"),
    [
        (Outcome(ok=True, summary="Done.", answer=ANSWER, tested=True, rounds=2), None, True),
        (Outcome(ok=True, summary="Done.", answer=ANSWER, exit_code=0), "make", True),
        (Outcome(ok=True, summary="Done.", answer=ANSWER), None, False),
        (Outcome(ok=False, summary="Done.", answer=ANSWER, tested=False), None, False),
        (Outcome(ok=False, summary="Done.", answer=ANSWER, tested=True, error="It went out of scope"), None, False),
        (Outcome(ok=False, summary="Done.", answer=ANSWER, exit_code=2, tested=True), "make", False),
    ],
    ids=["tests", "command", "nothing checked", "tests failed", "failed otherwise", "command failed"],
)
def test_only_what_the_node_checked_is_an_outcome(outcome: Outcome, run: str | None, passed: bool) -> None:
    """Whatever the agent says of its tests; entry and memo record the same."""
    made = record(outcome, run=run)
    (entry,) = parse_log(made.entry).entries
    assert has_passed(entry) is passed
    assert parse_memo(made.memo).passed is passed


@pytest.mark.parametrize(
    ("agent", "model", "marked"),
    [("builtin", "SmolLM2", True), ("claude", "", True), ("builtin", "", False), ("command", "", False)],
)
def test_a_models_lessons_are_marked_in_the_memo(agent: str, model: str, marked: bool) -> None:
    """Also of an agent's program that does not tell its model; not what the ledger or a command answered."""
    made = record(Outcome(ok=True, summary="Done.", answer=ANSWER, usage=Usage(model=model)), agent=agent)
    (lesson,) = parse_memo(made.memo).lessons_learned[:1]
    assert lesson.endswith("*(proposed by a model)*") is marked
    assert parse_log(made.entry).entries[0].by_model is marked
