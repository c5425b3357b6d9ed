"""Of several attempts at one thing, which are there, which result has been accepted already, and what of the rest?

A group's attempts are found by their names, which say the group, and count only if their own text says it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from missions import document
from missions.mission import FINISHED, Mission, Status
from missions.side_by_side.split import attempt_names
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.result_record import decode_text, encode_text
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile
from orchestrator.policy.decision_evidence import Decision, FindSigner, find_decision, open_path

MAX_SEARCHED = 1000
"""Commits that are looked through for the older of two decisions."""


def group_attempts(ledger: LedgerSnapshot, group: str) -> Mapping[str, MissionFile]:
    """The group's attempts by name, open and finished ones."""
    found = {name: ledger.open.get(name) or ledger.archived(name) for name in attempt_names(group)}
    return {name: filed for name, filed in found.items() if filed is not None and filed.mission.group == group}


def acceptance(ledger: LedgerSnapshot, filed: MissionFile, signer: FindSigner | None) -> Decision | None:
    """The decision with which an attempt's result was accepted; None for one that only says that it is done: whoever
    may push can write that."""
    mission = filed.mission
    if mission.status is not Status.DONE:
        return None
    path = filed.path
    said = find_decision(
        ledger, open_path(ledger, mission.name, path) if path.startswith(ARCHIVE_FOLDER) else path, signer
    )
    if said is None or said.mission.status is not Status.DONE:  # a fold, or who adopted late work, archived it at once
        said = find_decision(ledger, filed.path, signer)
    return said if said is not None and said.folded and said.mission.status is Status.DONE else None


def accepted_attempt(ledger: LedgerSnapshot, mission: Mission, signer: FindSigner | None) -> str:
    """Another attempt of a mission's group whose result is accepted; empty if none is, or it is in no group.

    Of two that are marked done the one that was first counts, of two in one commit the first by name.
    """
    if mission.group is None:
        return ""
    found = group_attempts(ledger, mission.group)
    done = {name: said for name, filed in found.items() if (said := acceptance(ledger, filed, signer)) is not None}
    mine = done.pop(mission.name, None)
    settled = (name for name in done if name not in ledger.open)
    return next(settled, "") or next(
        (n for n, said in done.items() if _is_before(ledger, (said, n), mine, mission)), ""
    )


def _is_before(ledger: LedgerSnapshot, other: tuple[Decision, str], mine: Decision | None, mission: Mission) -> bool:
    """Whether another attempt was accepted before this one."""
    said, name = other
    if mine is None or said.commit == mine.commit:
        return mine is None or name < mission.name
    both = {said.commit, mine.commit}
    newest = next((c for c in islice(ledger.store.history(ledger.tip, MISSIONS), MAX_SEARCHED) if c in both), "")
    return newest == mine.commit if newest else name < mission.name


def others_called_off(ledger: LedgerSnapshot, mission: Mission) -> dict[str, bytes | None]:
    """The files of the group's other attempts, called off; nothing for a mission in no group."""
    return {
        filed.path: encode_text(document.with_fields(_text(ledger, filed), {"status": Status.CANCELLED.value}))
        for name, filed in (group_attempts(ledger, mission.group).items() if mission.group else ())
        if name != mission.name
        and filed.mission.status not in FINISHED
        and not filed.path.startswith(f"{ARCHIVE_FOLDER}/")
    }


def _text(ledger: LedgerSnapshot, filed: MissionFile) -> str:
    return decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES))
