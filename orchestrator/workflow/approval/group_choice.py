"""What follows for a group's other attempts when one is accepted, and which one does a rule choose?"""

from __future__ import annotations

from collections.abc import Sequence

from missions import document
from missions.mission import FINISHED, Mission, Status
from orchestrator.core.errors import AlreadyDone, Refused
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.result_record import decode_text, encode_text
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.one_of_group import group_attempts
from orchestrator.workflow.approval.comparison import ComparedAttempt


def require_first_of_group(ledger: LedgerSnapshot, mission: Mission) -> None:
    """Returns if no other attempt of the mission's group has been accepted. Raises AlreadyDone."""
    for name, filed in group_attempts(ledger, mission.group).items() if mission.group else ():
        if name != mission.name and filed.mission.status is Status.DONE:
            raise AlreadyDone(f"{name} was accepted, and {mission.group} has one result: {mission.name} is not needed")


def others_called_off(ledger: LedgerSnapshot, mission: Mission) -> dict[str, bytes | None]:
    """The files of the group's other attempts, called off; nothing for a mission in no group."""
    return {
        filed.path: encode_text(document.with_fields(_text(ledger, filed), {"status": Status.CANCELLED.value}))
        for name, filed in (group_attempts(ledger, mission.group).items() if mission.group else ())
        if name != mission.name
        and filed.mission.status not in FINISHED
        and not filed.path.startswith(f"{ARCHIVE_FOLDER}/")
    }


def best_attempt(group: str, attempts: Sequence[ComparedAttempt]) -> ComparedAttempt:
    """The one that the rule chooses: of those that wait and whose tests did not fail, first those whose tests passed,
    then the cheapest, then the one that changes fewest lines. Raises Refused where none can be chosen, or where some
    still work.
    """
    working = [each.name for each in attempts if each.works]
    if working:
        raise Refused("{} still work: wait for them, or choose with --attempt", ", ".join(working))
    fit = [each for each in attempts if each.status == Status.REVIEW and each.tested is not False]
    if not fit:
        raise Refused("no attempt of {} waits with tests that did not fail: choose with --attempt, or reject", group)
    return min(fit, key=lambda each: (each.tested is not True, each.cost_usd or 0.0, each.lines, each.number))


def _text(ledger: LedgerSnapshot, filed: MissionFile) -> str:
    return decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES))
