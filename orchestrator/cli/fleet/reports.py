"""shiftbook fleet can, registered: what can this machine's node do, and which nodes have reported to headquarters?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import Refused

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings


@click.command("can")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def can(as_json: bool) -> None:
    """Says what this machine's node can do, and what not and why: its role, its settings, what it found here."""
    from orchestrator.workflow.reading.own_report import own_report

    settings = load_settings()
    report = own_report(settings, wiring.fleet(settings).ledger() if settings.ledger else None)
    if as_json:
        terminal.print_json(report)
        return
    click.echo(f"{report['node']}, {report['role']}")
    for row in report["may"]:
        click.echo(f"  yes  {row['what']}" if row["allowed"] else f"  no   {row['what']}: {row['why']}")
    for what in ("capabilities", "agents", "tasks"):
        click.echo(f"{what}: {', '.join(report[what]) or 'none'}")
    click.echo(f"divisions: {', '.join(_division(each) for each in report['divisions'])}")
    if not report["announced"]:
        terminal.say("it has not announced itself: `shiftbook node run` finds its agents", err=True)


def _division(one: dict[str, Any]) -> str:
    return f"{one['name']} ({one['division']})" if one["name"] else str(one["division"])


@click.command("registered")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def registered(as_json: bool) -> None:
    """Lists the nodes that reported to headquarters over HTTP, and how each was.

    A worker shows what headquarters told it last, and when.
    """
    from orchestrator.core.time_text import format_duration
    from orchestrator.workflow.delegation.registry import registration_row

    settings = load_settings()
    if not settings.policy.publishes:
        _told_by_headquarters(settings, as_json=as_json)
        return
    stores, now = wiring.stores(settings), datetime.now(UTC)
    try:
        rows = [registration_row(each, now) for each in stores.registrations.every()]
    finally:
        stores.close()
    if as_json:
        terminal.print_json(rows)
        return
    for row in rows:
        facts = [
            f"reported {format_duration(row['silent_seconds'])} ago",
            f"load {row['load']:.1f} on {row['cores']} cores" if "load" in row else "",
            f"${row['today_usd']:.2f} today" if "today_usd" in row else "",
            str(row.get("version", "")),
        ]
        terminal.print_rows([("", str(row["node"]), " · ".join(filter(None, facts)), str(row["state"]))])
    if not rows:
        click.echo("No node has registered. A worker does with SHIFTBOOK_HQ_URL and SHIFTBOOK_HQ_TOKEN.")


def _told_by_headquarters(settings: Settings, *, as_json: bool) -> None:
    """What a worker knows of it. Raises Refused where it knows nothing."""
    from orchestrator.core.time_text import format_duration
    from orchestrator.node.headquarters.state_cache import StateCache

    kept = StateCache(home=settings.home).load()
    if kept is None:
        raise Refused(
            "headquarters keeps who is registered, and has told this machine nothing yet: run this there "
            "(FACTORY_ROLE=HEADQUARTERS), or start this node with SHIFTBOOK_HQ_URL and SHIFTBOOK_HQ_TOKEN"
        )
    seconds = max(0.0, (datetime.now(UTC) - kept.read_at).total_seconds())
    if as_json:
        terminal.print_json([each.model_dump() | {"read_seconds_ago": round(seconds)} for each in kept.state.nodes])
        return
    click.echo(f"as headquarters ({kept.state.hq}) said {format_duration(seconds)} ago:")
    for each in kept.state.nodes:
        working = f"works on {each.works_on}" if each.works_on else "free"
        terminal.print_rows([("", each.node, f"{working} · {each.version}", each.state)])
