"""How does the heartbeat stand: an overview of what is looked at, when next, and what was found, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.ledger.heartbeat.checklist import ChecklistLine
from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN, TurnRecord
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import TURN
from orchestrator.policy.due_missions import Signer
from orchestrator.policy.heartbeat_missions import (
    followed_checklist,
    followed_record,
    is_heartbeat_mission,
    mission_line,
)
from orchestrator.workflow.heartbeat.turn import problem_lines


def checked_line(line: ChecklistLine) -> dict[str, Any]:
    """How a line is understood."""
    return {
        "line": line.number,
        "id": line.ident,
        "text": line.text,
        "cadence": line.cadence.words,
        "cron": line.cadence.line,
        "who": line.who,
        "probe": line.request.probe,
        "numbers": dict(line.request.numbers),
        "mission": line.prompt or None,
        "project": line.project or None,
        "budget_usd": line.budget_usd,
    }


def heartbeat_overview(ledger: LedgerSnapshot, signer: Signer, now: datetime) -> dict[str, Any]:
    """Lines with their times, findings that stand, missions of it that wait, what is not followed, and the budgets."""
    part, followed = ledger.charter.heartbeat, followed_checklist(ledger, signer)
    fleet, why = followed_record(ledger, signer)
    lines = []
    for line in followed.checklist.lines:
        due = line.cadence.next_due(part.timezone, part.every_minutes, now) if part.every_minutes else None
        looked = fleet.lines.get(line.ident)
        times = {"next": due.isoformat() if due else None, "looked": looked.isoformat() if looked else None}
        lines.append(checked_line(line) | times)
    return {
        "signed_by": followed.who or None,
        "active": part.is_active(now),
        "lines": lines,
        "findings": list(_findings(ledger, signer)),
        "problems": [*filter(None, [followed.why, why]), *problem_lines(followed.checklist, ledger)],
        "waiting": list(_waiting(ledger)),
        "every_minutes": part.every_minutes,
        "today": _spent_today(fleet, now.astimezone(ZoneInfo(part.timezone)).date()),
        "budget": {
            "notices": part.notices_per_day,
            "missions": part.missions_per_day,
            "usd": part.usd_per_day,
            "mission_usd": part.mission_usd,
        },
    }


def _spent_today(fleet: TurnRecord, day: date) -> dict[str, Any]:
    """What the fleet's record says of this day; one of an earlier day says nothing of it."""
    today = fleet.on(day)
    return {"notices": today.notices, "missions": today.missions, "usd": today.usd}


def _waiting(ledger: LedgerSnapshot) -> Iterator[dict[str, Any]]:
    """The missions that followed from a line and are not over: while one waits, its line files no other."""
    for name, filed in sorted(ledger.open.items()):
        if is_heartbeat_mission(name):
            mission = filed.mission
            yield {"mission": name, "title": mission.title, "status": mission.status.value, "line": mission_line(name)}


def _findings(ledger: LedgerSnapshot, signer: Signer) -> Iterator[dict[str, Any]]:
    for ref in sorted(ref for ref in ledger.refs if ref.startswith(TURN)):
        record, _ = followed_record(ledger, signer, "" if ref == FLEET_TURN else ref.removeprefix(f"{TURN}node/"))
        for found in record.standing().values():
            shown = {"says": found.says, "subject": found.subject, "by": found.by, "since": found.since.isoformat()}
            yield shown | {"told": found.told, "line": found.line}
