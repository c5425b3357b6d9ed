"""How does a result that waits look in a chat: what was asked, what was done, what the buttons are about to do?"""

from __future__ import annotations

from dataclasses import replace

from handoff.secrets.excerpts import redacted_excerpt
from missions.mission import Status
from missions.result_section import attempt_sections
from orchestrator.core.ports.chat_network import OutgoingText
from orchestrator.node.notifications.chat_text import card
from orchestrator.telegram.button_data import decision_buttons
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_detail import MissionDetail

MAX_RESULT_CHARS = 1200


def mission_card(fleet: Fleet, name: str) -> OutgoingText:
    """A mission, with buttons where it waits for a word. Raises NotFound."""
    ledger = fleet.ledger()
    fleet = replace(fleet, held=ledger)  # of one moment
    detail = fleet.mission(name)
    view = detail.view
    filed = ledger.open.get(view.name)
    waits = view.status is Status.REVIEW and filed is not None and view.name not in ledger.claims
    facts = [f"{view.title}", f"{view.name}: {view.status}" + (f", {view.reason}" if view.reason else "")]
    facts += [f"done by {view.answered_by or view.worker} on {view.node}"] if view.node else []
    facts += [f"cost ${view.cost_usd:.2f}"] if view.cost_usd else []
    facts += _changes(detail)
    told = redacted_excerpt(next(iter(attempt_sections(detail.text)), ""), MAX_RESULT_CHARS)
    own = f"Approve: {fleet.approval.plan(view.name)}." if waits else view.hint and f"Next: {view.hint}"
    buttons = decision_buttons(view.name, filed.blob) if waits and filed is not None else ()
    return card("\n".join([*facts, "", told]), detail.diff, own or "", buttons)


def _changes(detail: MissionDetail) -> list[str]:
    lines = detail.diff.splitlines()
    files = [line for line in lines if line.startswith("diff --git ")]
    if not files:
        return []
    added = sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("--- ") for line in lines)
    return [f"{len(files)} files changed, {added} lines added, {removed} removed"]
