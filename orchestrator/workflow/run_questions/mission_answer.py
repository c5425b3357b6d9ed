"""What becomes of what a person says to a mission? One that rests with its agent's question goes on with the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from missions.lease import QUESTION_REASON
from missions.mission import Status
from orchestrator.core.errors import OrchestratorError
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.steering import MessageReceipt


def say_to_mission(
    fleet: Fleet,
    name: str,
    text: str,
    *,
    message_id: str = "",
    nudge: Callable[[], None] = lambda: None,
    by: str = "",
) -> MessageReceipt:
    """Says `text` to a mission (its slug), and has it go on if it waits for just that. Raises as `SteeringDesk.say`
    does; what was said stays said where it cannot go on, and then the receipt says why."""
    receipt = fleet.steering().say(name, text, message_id=message_id, nudge=nudge, by=by)
    if receipt.answered or receipt.node or not _rests_with_question(fleet, name):
        return receipt  # somebody works on it, or nobody ever will again
    try:
        fleet.resume(name, by=by)
    except OrchestratorError as error:
        return replace(receipt, says=f"{receipt.says}; it still rests: {error}")
    nudge()
    return replace(receipt, says="it rested with a question: it goes on, and is told this first")


def _rests_with_question(fleet: Fleet, name: str) -> bool:
    filed = fleet.ledger().open.get(name)
    if filed is None or filed.mission.status is not Status.PARKED:
        return False
    return (filed.mission.reason or "").startswith(QUESTION_REASON)
