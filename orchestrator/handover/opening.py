"""With which words does a chat begin that takes a mission over?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from missions import frontmatter
from missions.document import RESULT_MARK, body_of
from missions.frontmatter import Malformed
from orchestrator.core.ports.storage import Turn
from orchestrator.workflow.fleet import Detail

ASKED, CAME = 3000, 2500
"""Characters of the mission's text, and of what came of it, the last ones."""


def turns(detail: Detail, *, begins: str) -> tuple[Turn, Turn]:
    """The first two: the mission with its result and comments, and what is ready. They are marked as nobody's words."""
    view = detail.view
    trace: Mapping[str, Any] = {"mission": view.name, "epoch": view.epoch}
    asked = Turn(role="user", content=_told(detail), trace=trace)
    ready = f"Mission {view.name} is taken over ({view.status}). {begins} What shall be done?"
    return asked, Turn(role="assistant", content=ready, trace=trace)


def _told(detail: Detail) -> str:
    view, (fields, asked, result) = detail.view, _parts(detail.text)
    facts = {"title": view.title, "status": view.status, "agent": view.agent, "branch": view.branch}
    facts |= {"reason": view.reason, "comment": fields.get("comment"), "decided by": fields.get("decided_by")}
    head = "\n".join(f"{key}: {value}" for key, value in facts.items() if value)
    parts = [
        f"I take over the mission {view.name}.\n\n{head}",
        f"What it asks for:\n\n{_cut(asked, ASKED)}" if asked else "",
        f"What came of it:\n\n{_cut(result, CAME, end=True)}" if result else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _parts(text: str) -> tuple[Mapping[str, Any], str, str]:
    try:
        block = frontmatter.split(text)
        fields, body = block.fields, block.body
    except Malformed:
        fields, body = {}, text
    return fields, body_of(body), body.partition(RESULT_MARK)[2].strip()


def _cut(text: str, most: int, *, end: bool = False) -> str:
    if len(text) <= most:
        return text
    return f"[…]\n{text[-most:]}" if end else f"{text[:most]}\n[…]"
