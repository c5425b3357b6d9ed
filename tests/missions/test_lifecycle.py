"""Does every end of an attempt lead to the one state that the table gives it?"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.errors import BadTransition
from missions.lease import Claim, ClaimState
from missions.lifecycle import TRANSITIONS, apply_closed_claim, event_of, next_status
from missions.mission import FINISHED, OPEN, Mission, Status

FINISH = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENTS = sorted({event for _, event in TRANSITIONS})


def mission(**changes: object) -> Mission:
    """A mission that allows three attempts."""
    return Mission(name="m", title="m", body="x", **changes)  # type: ignore[arg-type]


def ended(state: ClaimState, *, attempt: int = 1, epoch: int = 1) -> Claim:
    """A claim at its end."""
    return Claim(mission="m", blob="a" * 40, node="n1", boot="b", epoch=epoch, attempt=attempt, nonce="x", state=state)


@pytest.mark.parametrize(("status", "event"), list(itertools.product(sorted(Status), EVENTS)))
def test_the_table_is_the_only_way(status: Status, event: str) -> None:
    """A step leads where the table says; one that it does not have raises and names both."""
    if (status, event) in TRANSITIONS:
        assert next_status(status, event) is TRANSITIONS[status, event]
    else:
        with pytest.raises(BadTransition) as raised:
            next_status(status, event)
        assert (raised.value.status, raised.value.event) == (status, event)


def test_nothing_leads_out_of_the_archive() -> None:
    """Done and cancelled are ends; every other state of the file can be left, and every state can be reached."""
    lead_out = {status for status, _ in TRANSITIONS}
    assert not lead_out & (FINISHED - {Status.DONE})
    out = {event for status, event in TRANSITIONS if status is Status.DONE}  # before its branch has gone anywhere
    assert out == {"not merged", "sent back", "closed"}
    in_file = set(Status) - {Status.QUARANTINED, Status.UNTRUSTED}
    assert lead_out | FINISHED == in_file
    assert set(TRANSITIONS.values()) == in_file


def test_only_open_missions_are_claimed() -> None:
    """The table and the set that the selection uses say the same."""
    assert {status for status, event in TRANSITIONS if event == "claimed"} == OPEN


@pytest.mark.parametrize(
    ("changes", "claim", "status", "attempt"),
    [
        ({}, ended(ClaimState.DONE), Status.DONE, 1),
        ({"approve": "always"}, ended(ClaimState.DONE), Status.REVIEW, 1),
        ({"approve": "auto"}, ended(ClaimState.DONE), Status.DONE, 1),
        ({}, ended(ClaimState.FAILED), Status.FAILED, 1),
        ({}, ended(ClaimState.FAILED, attempt=3), Status.DEAD, 3),
        ({"max_retries": 0}, ended(ClaimState.FAILED), Status.DEAD, 1),
        ({"approve": "always"}, ended(ClaimState.FAILED, attempt=3), Status.DEAD, 3),
        ({}, ended(ClaimState.CANCELLED), Status.CANCELLED, 1),
        ({}, ended(ClaimState.RELEASED, attempt=2), Status.QUEUED, 1),
        ({}, ended(ClaimState.RELEASED, attempt=3), Status.QUEUED, 2),
    ],
)
def test_what_an_end_makes_of_a_mission(changes: dict[str, object], claim: Claim, status: Status, attempt: int) -> None:
    """Retries spent make a failure final, `approve: always` waits for a person, a released attempt does not count."""
    found = apply_closed_claim(mission(**changes), claim, finished=FINISH)
    assert (found.status, found.attempt, found.epoch, found.node) == (status, attempt, claim.epoch, "n1")
    assert found.finished == FINISH


def test_a_running_claim_is_no_end() -> None:
    """Folding one would be a mistake."""
    with pytest.raises(BadTransition):
        event_of(mission(), ended(ClaimState.RUNNING))


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.sampled_from([h for h in ClaimState if h is not ClaimState.RUNNING]))
def test_only_a_failed_mission_rests(attempt: int, retries: int, state: ClaimState) -> None:
    """With a time after its end and a rest of at most ten minutes; the person's words are as they were."""
    before = mission(max_retries=retries, priority=7)
    found = apply_closed_claim(before, ended(state, attempt=attempt), finished=FINISH)
    assert (found.retry_at is not None) == (found.status is Status.FAILED)
    if found.retry_at is not None:
        assert timedelta(0) < found.retry_at - FINISH <= timedelta(minutes=10)
        assert attempt < before.attempts_allowed
    assert (found.title, found.body, found.priority, found.max_retries) == ("m", "x", 7, retries)
