"""Does a mission count the attempts that ended by no doing of whoever worked?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.ports.agent import Outcome
from orchestrator.ledger.result_report import EndedAttempt, build_record

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "attempt", "state", "spared", "counted"),
    [
        ((0, 0), 1, ClaimState.FAILED, False, None),
        ((0, 0), 1, ClaimState.FAILED, True, 1),
        ((2, 1), 3, ClaimState.FAILED, True, 2),
        ((2, 1), 3, ClaimState.DONE, False, 1),
        ((0, 0), 3, ClaimState.DONE, False, 2),  # two nodes died at it, and were taken over
        ((0, 0), 2, ClaimState.FAILED, True, 2),
        ((0, 0), 1, ClaimState.PARKED, True, None),
    ],
)
def test_they_are_counted_with_each_result(
    before: tuple[int, int], attempt: int, state: ClaimState, counted: int | None, *, spared: bool
) -> None:
    """`before` is what the file says of attempts, and of those that were spared."""
    ended = EndedAttempt(
        mission=Mission(name="m", title="M", body="Do it.", attempt=before[0], spared=before[1]),
        claim=Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=attempt, attempt=attempt, nonce="x"),
        outcome=Outcome(ok=state is ClaimState.DONE, summary="Done.", spared=spared),
        state=state,
        started=NOW,
        finished=NOW,
        final=False,
    )
    assert build_record(ended).fields.get("spared") == counted
