"""Of several attempts at one thing, which are there, and which result has been accepted already?

A group's attempts are found by their names, which say the group, and count only if their own text says it, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from missions.mission import Mission, Status
from missions.side_by_side.split import attempt_names
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile


def group_attempts(ledger: LedgerSnapshot, group: str) -> Mapping[str, MissionFile]:
    """The group's attempts by name, open and finished ones."""
    found = {name: ledger.open.get(name) or ledger.archived(name) for name in attempt_names(group)}
    return {name: filed for name, filed in found.items() if filed is not None and filed.mission.group == group}


def accepted_attempt(ledger: LedgerSnapshot, mission: Mission) -> str:
    """Another attempt of a mission's group whose result is accepted; empty if none is, or it is in no group.

    Of two that are marked done in one commit the first by name counts.
    """
    if mission.group is None:
        return ""
    done = [
        name
        for name, filed in group_attempts(ledger, mission.group).items()
        if filed.mission.status is Status.DONE and name != mission.name
    ]
    return next((name for name in done if name not in ledger.open or name < mission.name), "")
