"""The lifecycle of a mission: what happens to it when an attempt ends? The one table of its states."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from missions.errors import BadTransition
from missions.lease import Claim, ClaimState
from missions.mission import Mission, Status
from missions.selection import backoff

TRANSITIONS: dict[tuple[Status, str], Status] = {
    (Status.QUEUED, "claimed"): Status.RUNNING,
    (Status.FAILED, "claimed"): Status.RUNNING,
    (Status.RUNNING, "taken over"): Status.RUNNING,
    (Status.RUNNING, "released"): Status.QUEUED,
    (Status.RUNNING, "failed"): Status.FAILED,
    (Status.RUNNING, "failed for good"): Status.DEAD,
    (Status.RUNNING, "done"): Status.DONE,
    (Status.RUNNING, "held for review"): Status.REVIEW,
    (Status.RUNNING, "parked"): Status.PARKED,
    (Status.RUNNING, "cancelled"): Status.CANCELLED,
    (Status.QUEUED, "paused"): Status.PARKED,
    (Status.FAILED, "paused"): Status.PARKED,
    (Status.PARKED, "resumed"): Status.QUEUED,
    (Status.PARKED, "cancelled"): Status.CANCELLED,
    (Status.QUEUED, "cancelled"): Status.CANCELLED,
    (Status.FAILED, "cancelled"): Status.CANCELLED,
    (Status.REVIEW, "approved"): Status.DONE,
    (Status.REVIEW, "rejected"): Status.QUEUED,
    (Status.DONE, "not merged"): Status.REVIEW,
    (Status.DONE, "sent back"): Status.QUEUED,
    (Status.DONE, "closed"): Status.CANCELLED,
    (Status.REVIEW, "cancelled"): Status.CANCELLED,
    (Status.DEAD, "retried"): Status.QUEUED,
    (Status.DEAD, "cancelled"): Status.CANCELLED,
}


def next_status(status: Status, event: str) -> Status:
    """The state after an event. Raises BadTransition for a step that the table does not have."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise BadTransition(status, event) from None


def event_of(mission: Mission, claim: Claim, *, held: bool | None = None) -> str:
    """What a closed claim means for its mission: retries spent make a failure final, `approve: always` holds it.

    `held` is what the policy says of the result; None where nobody was asked.
    """
    if mission.status is Status.REVIEW and claim.state is not ClaimState.FAILED:
        return "held for review"  # a person wrote that into the file while it ran: only people take it out again
    match claim.state:
        case ClaimState.DONE:
            waits = mission.always_waits if held is None else held
            return "held for review" if waits else "done"
        case ClaimState.FAILED:
            return "failed for good" if claim.attempt >= mission.attempts_allowed else "failed"
        case ClaimState.CANCELLED:
            return "cancelled"
        case ClaimState.RELEASED:
            return "released"
        case ClaimState.PARKED:
            return "parked"
    raise BadTransition(Status.RUNNING, claim.state)


def apply_closed_claim(mission: Mission, claim: Claim, *, finished: datetime, held: bool | None = None) -> Mission:
    """The mission as the branch must show it once this closed claim is folded.

    An attempt that was put back or parked does not count. `held` is as for `event_of`.
    """
    event = event_of(mission, claim, held=held)
    status = next_status(Status.RUNNING, event)
    attempt = claim.attempt - 1 if event in {"released", "parked"} else claim.attempt
    return replace(
        mission,
        status=status,
        node=claim.node,
        attempt=attempt,
        epoch=claim.epoch,
        finished=finished,
        retry_at=finished + backoff(attempt) if status is Status.FAILED else None,
    )
