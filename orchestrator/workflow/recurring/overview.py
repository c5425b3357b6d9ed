"""How do templates stand, as an overview: when is each due next, how did its last ones go, why is one not followed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from missions.mission import Status
from missions.recurring.template import Template, mission_name
from orchestrator.core import cron
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.templates import local_time, unknown_project
from orchestrator.policy.due_missions import Signer
from orchestrator.policy.template_missions import due_back
from orchestrator.workflow.recurring.by_hand import SIGN_IT
from orchestrator.workflow.recurring.filing import TemplateSchedule

SHOWN_TIMES = 10
NOT_FILED = "missed"
MARKS = {
    Status.DONE: "✓",
    Status.CANCELLED: "–",
    Status.DEAD: "✗",
    Status.FAILED: "✗",
    Status.RUNNING: "▸",
    Status.REVIEW: "?",
    Status.PARKED: "?",
    NOT_FILED: "·",
}
"""How the last missions went, one sign each; anything else is still to come."""
TO_COME = "○"


@dataclass(frozen=True, kw_only=True)
class TemplateView:
    """One template. `last` are its last times with the state of their missions, the oldest first."""

    template: Template
    who: str
    next: datetime | None
    last: tuple[tuple[datetime, str], ...]

    @property
    def picture(self) -> str:
        """How its last missions went, in signs."""
        return "".join(MARKS.get(status, TO_COME) for _, status in self.last)

    @property
    def hint(self) -> str:
        """What a person can do that it is followed; empty where it is."""
        if self.who:
            return ""
        return f"not followed, as nobody who may file missions signed it: {SIGN_IT}"

    @property
    def path(self) -> str:
        """Where it stands."""
        return self.template.path

    def json(self) -> dict[str, Any]:
        """The same for programs."""
        one = self.template
        return {
            "name": one.name,
            "path": one.path,
            "every": one.every,
            "timezone": one.timezone,
            "catch_up": one.catch_up.value,
            "overlap": one.overlap.value,
            "parameters": dict(one.parameters),
            "signed_by": self.who,
            "next": format_utc(self.next.astimezone(UTC)) if self.next else None,
            "last": [
                {"due": format_utc(slot), "mission": mission_name(one.name, slot), "status": status}
                for slot, status in self.last
            ],
        }


@dataclass(frozen=True, kw_only=True)
class TemplatesOverview:
    """All of a ledger's; `problems` are the files that are no templates, each with why."""

    views: tuple[TemplateView, ...]
    problems: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"templates": [view.json() for view in self.views], "problems": list(self.problems)}


def templates_overview(ledger: LedgerSnapshot, signer: Signer, now: datetime) -> TemplatesOverview:
    """How they stand `now`: those with times first, the next one due first."""
    schedule = TemplateSchedule(ledger.store)
    templates = schedule.templates(ledger)
    views = [_view(schedule, ledger, each, signer, now) for each in templates.known.values()]
    views.sort(key=lambda view: (view.next is None, view.next or now, view.template.name))
    problems = [f"{bad.path}{f', line {bad.line}' if bad.line else ''}: {bad.reason}" for bad in templates.quarantined]
    problems += filter(None, (unknown_project(each, ledger.charter.projects) for each in templates.known.values()))
    return TemplatesOverview(views=tuple(views), problems=tuple(problems))


def _view(
    schedule: TemplateSchedule, ledger: LedgerSnapshot, template: Template, signer: Signer, now: datetime
) -> TemplateView:
    who, since = schedule.signed(ledger, template, signer)
    if not template.every:
        return TemplateView(template=template, who=who, next=None, last=())
    upcoming = cron.next_due(template.every, template.timezone, now)
    slots = list(islice(due_back(template, since, now), SHOWN_TIMES)) if who else []
    return TemplateView(
        template=template,
        who=who,
        next=local_time(template, upcoming) if upcoming else None,
        last=tuple(reversed(list(_states(ledger, template, slots)))),
    )


def _states(ledger: LedgerSnapshot, template: Template, slots: list[datetime]) -> Iterator[tuple[datetime, str]]:
    for slot in slots:
        name = mission_name(template.name, slot)
        filed = ledger.open.get(name) or ledger.archived(name)
        running = name in ledger.claims and not ledger.claims[name].claim.closed
        status = Status.RUNNING if running else filed.mission.status if filed else None
        yield slot, status.value if status else NOT_FILED
