"""Where are the files of a mission's attempts, its diffs and outputs, and what does the newest of a kind say?"""

from __future__ import annotations

from missions.mission import Mission
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.snapshot import LedgerSnapshot


def newest_file(ledger: LedgerSnapshot, mission: Mission, ending: str) -> str:
    """The text of the newest attempt's file with this ending; empty where no attempt left one."""
    month = f"{mission.finished:%Y-%m}" if mission.finished else ""
    stems = (f"{ARCHIVE_FOLDER}/{month}/{mission.name}.{number}" for number in range(mission.attempt, 0, -1))
    return next((text for stem in stems if (text := ledger.text(f"{stem}.{ending}"))), "")


def newest_diff(ledger: LedgerSnapshot, mission: Mission) -> str:
    """What the last attempt that changed files changed; empty where none did."""
    return newest_file(ledger, mission, "diff")
