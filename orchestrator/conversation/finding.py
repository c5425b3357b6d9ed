"""Which project is a conversation about that nobody has told? Decided once, with its first message, and told."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.conversation.values import Request
from orchestrator.ledger.snapshot import Ledger
from orchestrator.workflow.assignment.project_profiles import looked_up


@dataclass(frozen=True, kw_only=True)
class Found:
    """`project` is what a new conversation is about; `notes` say why, or what it could be."""

    project: str = ""
    notes: tuple[str, ...] = ()


def found(ledger: Ledger | None, request: Request, project: str = "") -> Found:
    """What a message means whose conversation has no project; nothing is changed for one that has begun already."""
    if ledger is None or not request.match or request.project or project:
        return Found()
    verdict = looked_up(ledger, request.message)
    if request.conversation:
        other = f"this looks like {verdict.looks}; a conversation keeps its project: begin a new one about it"
        return Found(notes=(other,) if verdict.project else ())
    if verdict.project:
        return Found(project=verdict.project, notes=(f"about {verdict.looks}; name another project if it is not",))
    return Found(notes=(f"about no project; {verdict.could_be}",) if verdict.candidates else ())
