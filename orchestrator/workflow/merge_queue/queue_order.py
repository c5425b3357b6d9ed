"""Which approved results wait in a project's merge queue, and in which order?

A function of the ledger's branch alone, so that every node sees the same queue and goes on with it after a crash: the
approved missions whose branch has still to be merged, as the commits with their decisions follow each other there.
"""

from __future__ import annotations

from itertools import islice

from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile
from orchestrator.policy.decision_evidence import find_decision
from orchestrator.policy.verdict import waits_in_queue

MAX_COMMITS = 5000
"""Commits of the ledger that are looked through for decisions; what was decided before them goes first."""


def queued_missions(ledger: LedgerSnapshot, project: str) -> list[MissionFile]:
    """The queue of one project, the next one first. Whether a decision counts is asked when its branch is merged."""
    waiting = [
        filed
        for filed in ledger.open.values()
        if filed.mission.about == project and waits_in_queue(ledger.charter, filed.mission)
    ]
    if len(waiting) < 2:
        return waiting
    decided = {filed.mission.name: find_decision(ledger, filed.path, None) for filed in waiting}
    wanted = {said.commit for said in decided.values() if said}
    ages = dict[str, int]()
    for age, commit in enumerate(islice(ledger.store.history(ledger.tip, MISSIONS), MAX_COMMITS)):
        if commit in wanted:
            ages[commit] = age
        if len(ages) == len(wanted):
            break

    def place(filed: MissionFile) -> tuple[int, str]:
        said = decided[filed.mission.name]
        return -(ages.get(said.commit, MAX_COMMITS) if said else MAX_COMMITS), filed.mission.name

    return sorted(waiting, key=place)


def queues(ledger: LedgerSnapshot) -> tuple[str, ...]:
    """The projects in whose queue something waits. Takes no time."""
    found = (filed.mission for filed in ledger.open.values() if waits_in_queue(ledger.charter, filed.mission))
    return tuple(sorted({str(mission.about) for mission in found}))
