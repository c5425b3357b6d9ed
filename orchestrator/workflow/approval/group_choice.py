"""What follows for a group's other attempts when one is accepted, and which one does a rule choose?"""

from __future__ import annotations

from collections.abc import Sequence

from missions.mission import Mission, Status
from orchestrator.core.errors import AlreadyDone, Refused
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.decision_evidence import FindSigner
from orchestrator.policy.one_of_group import acceptance, group_attempts
from orchestrator.workflow.approval.comparison import ComparedAttempt


def require_first_of_group(ledger: LedgerSnapshot, mission: Mission, signer: FindSigner | None) -> None:
    """Returns if no other attempt of the mission's group has been accepted. Raises AlreadyDone."""
    for name, filed in group_attempts(ledger, mission.group).items() if mission.group else ():
        if name != mission.name and acceptance(ledger, filed, signer) is not None:
            raise AlreadyDone(f"{name} was accepted, and {mission.group} has one result: {mission.name} is not needed")


def best_attempt(group: str, attempts: Sequence[ComparedAttempt]) -> ComparedAttempt:
    """The one that the rule chooses: of those that wait and whose tests did not fail, first those whose tests passed,
    then the cheapest (one whose cost nobody knows last), then the one that changes fewest lines. One that changes
    nothing is none. Raises Refused where none can be chosen, or where some
    still work.
    """
    working = [each.name for each in attempts if each.works]
    if working:
        raise Refused("{} still work: wait for them, or choose with --attempt", ", ".join(working))
    fit = [each for each in attempts if each.status == Status.REVIEW and each.tested is not False and each.files]
    if not fit:
        raise Refused("no attempt of {} waits with tests that did not fail: choose with --attempt, or reject", group)
    return min(
        fit,
        key=lambda each: (
            each.tested is not True,
            each.cost_usd is None,
            each.cost_usd or 0.0,
            each.lines,
            each.number,
        ),
    )
