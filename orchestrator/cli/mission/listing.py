"""shiftbook mission list: in which order are missions listed, and how is one shown as an entry?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.workflow.reading.status_order import STATUS_ORDER, list_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.mission_view import MissionView


@click.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(STATUS_ORDER),
    metavar="STATE",
    help="Only these states, for example queued, running, dead, quarantined; repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Archived missions, too.")
@click.option("--limit", type=click.IntRange(0), default=500, help="Finished missions at most, the newest; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Print the missions as JSON.")
def list_(status: tuple[str, ...], everything: bool, limit: int, as_json: bool) -> None:
    """Lists missions: what waits for somebody first, then what runs, then what is queued."""
    fleet = wiring.fleet(load_settings())
    archived = everything or bool({"done", "cancelled"} & set(status))
    found = fleet.missions(archived=archived, statuses=status, limit=limit)
    views = [view for view in found if not status or view.status in status]
    views.sort(key=list_order)
    terminal.warn(fleet)
    if archived and limit and sum(view.path.startswith("missions/archive/") for view in views) >= limit:
        click.echo(f"shiftbook: of the finished missions only the newest {limit}; --limit 0 lists all", err=True)
    if as_json:
        terminal.print_json([view.json() for view in views])
    elif not views:
        terminal.say("Nothing to show. File a mission with `shiftbook mission new`, or look at all with --all.")
    else:
        terminal.print_rows((mission_row(view) for view in views), lines=(mission_line(view) for view in views))
        if terminal.for_people() and not status:
            _print_templates(fleet)


def _print_templates(fleet: Fleet) -> None:
    """What comes again and again, below what is there; nothing is loaded for it where there is no template."""
    from missions.template_fields import TEMPLATES_FOLDER
    from sync.objects import find

    ledger = fleet.ledger()
    if find(ledger.store, ledger.tree, TEMPLATES_FOLDER) is None:
        return
    from orchestrator.cli.mission.templates import overview, template_row

    terminal.print_rows(template_row(view) for view in overview(fleet).views if view.template.every)


def mission_row(view: MissionView) -> terminal.Row:
    """A mission as an entry: the sentence a colleague would write."""
    detail = " · ".join((view.name, *_facts(view))) + (f"\n→ {view.hint}" if view.hint else "")
    return terminal.clock_time(view.finished or view.started), view.title, detail, view.status


def mission_line(view: MissionView) -> tuple[str, ...]:
    """A mission in a pipe: name, state, time (UTC), title, and what else there is to say."""
    when = view.finished or view.started
    facts = (*_facts(view), *([f"→ {view.hint}"] if view.hint else []))
    return view.name, view.status, when.isoformat() if when else "", view.title, " · ".join(facts)


def _facts(view: MissionView) -> Iterator[str]:
    if view.line:
        yield f"line {view.line}: {view.reason}"
        return
    who = f"{view.agent} on {view.node}" if view.node else view.agent
    cost = f"${view.cost_usd:.2f}" if view.cost_usd else ""
    attempt = f"attempt {view.attempt}" if view.attempt else ""
    reason = view.reason if view.status in {"quarantined", "untrusted"} else ""
    facts = (reason,) if reason else (view.project, who, attempt, _duration_text(view), cost, view.reason)
    yield from (fact for fact in facts if fact)


def _duration_text(view: MissionView) -> str:
    from orchestrator.core.time_text import format_duration

    seconds = (view.finished - view.started).total_seconds() if view.started and view.finished else 0.0
    return format_duration(seconds) if seconds >= 1 else ""  # the file keeps whole seconds
