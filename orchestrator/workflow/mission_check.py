"""A check of a mission's text before it is filed: what is wrong with it, on which line, and what is to be done?"""

from __future__ import annotations

from dataclasses import dataclass

from missions import document
from missions.mission import Mission, Quarantined
from orchestrator.ledger.snapshot import LedgerSnapshot

PLACEHOLDER_PATH = "missions/new-mission.md"
"""Stands for the file of a mission that has no name yet."""
CORRECT = "correct it; nothing was filed"


@dataclass(frozen=True, kw_only=True)
class TextProblem:
    """One thing that is wrong. `line` counts from 1; None where it is about the whole text."""

    line: int | None
    says: str
    step: str


def text_problems(ledger: LedgerSnapshot, text: str, name: str = "") -> list[TextProblem]:
    """Everything for which this text would not be filed as it is; `name` is the slug that it shall have, if any."""
    data = text.encode("utf-8", "surrogatepass")
    read = document.read(f"missions/{name}.md" if name else PLACEHOLDER_PATH, data)
    if isinstance(read, Quarantined):
        found = document.field_problems(data) or [(read.reason, read.line)]
        found.sort(key=lambda one: one[1] or 0)
        return [TextProblem(line=line, says=says, step=CORRECT) for says, line in found]
    return [*_project_problems(ledger, read, text), *_name_problems(ledger, name)]


def _project_problems(ledger: LedgerSnapshot, read: Mission, text: str) -> list[TextProblem]:
    if read.project is None or read.project in ledger.charter.projects:
        return []
    known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
    line = next((n for n, each in enumerate(text.splitlines(), 1) if each.startswith("project:")), None)
    says = f"unknown project “{read.project}”: fleet.toml has {known}"
    return [TextProblem(line=line, says=says, step="write one of those, none, or leave it out")]


def _name_problems(ledger: LedgerSnapshot, name: str) -> list[TextProblem]:
    if not name or not (name in ledger.open or ledger.archived(name) is not None):
        return []
    return [TextProblem(line=None, says=f"there is a mission {name} already", step="choose another name")]
