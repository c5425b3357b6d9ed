"""shiftbook fleet: which nodes are there, what do they do, and what of the fleet waits for a person?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.commands import FLEET
from orchestrator.cli.lazy import LazyGroup
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.workflow.spending.group_keys import GROUP_KEYS

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings
    from orchestrator.ledger.node_pages import Presence
    from orchestrator.workflow.fleet import Fleet


@click.group("fleet", cls=LazyGroup, table=FLEET, invoke_without_command=True)
@click.option("--cost", is_flag=True, help="What the fleet spent, and where that leads.")
@click.option("--since", default="", metavar="DAY", help="With --cost: from this day on (default: this month).")
@click.option(
    "--by", "keys", multiple=True, type=click.Choice(GROUP_KEYS), help="With --cost: only this table; repeatable."
)
@click.option("--watch", is_flag=True, help="Follow the nodes until Ctrl-C; with --json a line for each change.")
@click.option("--json", "as_json", is_flag=True, help="Print the nodes, or with --cost the sums, as JSON.")
@click.pass_context
def fleet(ctx: click.Context, cost: bool, since: str, keys: tuple[str, ...], watch: bool, as_json: bool) -> None:
    """Shows the nodes: what each does and can. Lets people and machines in, and out again."""
    if ctx.invoked_subcommand is not None:
        return
    chosen = load_settings()
    found = wiring.fleet(chosen)
    if cost and watch:
        raise WrongSetting("--watch", "it shows nodes, not costs: leave --cost out")
    if watch:
        from orchestrator.app.factories.bus_factory import open_bus_watch
        from orchestrator.cli.fleet.watching import watch_nodes

        watch_nodes(found, node_row, open_bus_watch(chosen), as_json=as_json)
        return
    if cost:
        from orchestrator.cli.fleet.cost import print_cost

        print_cost(chosen, found, since, keys, as_json=as_json)
        return
    ledger = found.ledger()
    terminal.warn(found)
    found = replace(found, held=ledger)  # one look for all that is shown
    nodes = found.nodes()
    if as_json:
        from orchestrator.workflow.reading.fleet_rows import node_rows

        terminal.print_json(node_rows(ledger, nodes, found.now()))
        return
    if nodes:
        terminal.print_rows(node_row(node) for node in nodes)
    else:
        terminal.say("No node has announced itself yet. Start one with `shiftbook node run`.")
    load = found.beat_load()
    if load is not None:
        click.echo(f"{load.says[0].upper()}{load.says[1:]}.")
    from orchestrator.cli.fleet.accounts import print_accounts

    print_accounts(found)
    _print_waiting(chosen, found)
    _print_bus(chosen)
    _print_rolls(found)


def _print_rolls(found: Fleet) -> None:
    """Where an update of the fleet stands, if one goes on."""
    from missions.mission import UPDATE_TASK

    if not any(filed.mission.task == UPDATE_TASK for filed in found.last_seen().open.values()):
        return
    from orchestrator.workflow.update_roll import current_rolls

    for roll in current_rolls(found.last_seen(), found.trust):
        terminal.print_status(roll.says, "dead" if roll.stopped else "running")


def node_row(node: Presence) -> terminal.Row:
    """A node as an entry: its role, what it works on, what it can do."""
    from orchestrator.cli.fleet.watching import node_work
    from orchestrator.core.roles import Role
    from orchestrator.core.time_text import format_duration

    role = Role.read(node.role).label if node.role else "unknown role"
    works = f"works on {node_work(node.works_on, node.state)}" if node.works_on else node_work((), node.state)
    seen = f"moved {format_duration((datetime.now(UTC) - node.moved).total_seconds())} ago" if node.moved else ""
    if node.silent or node.state == "unknown":
        works, seen = silence_text(node), ""
    disk = node.disk.partition(";")[0]
    facts = [works, ", ".join(node.agents), ", ".join(node.capabilities), seen, disk, node.version]
    return "", f"{node.name} · {role}", " · ".join(fact for fact in facts if fact), node.state


def silence_text(node: Presence) -> str:
    """What is known of a node that was not seen to move: since when, and what became of its work."""
    from orchestrator.core.time_text import format_duration
    from orchestrator.ledger.takeovers import successors_text

    seconds = node.silent_seconds or 0.0
    if node.state == "unknown":
        looked = f" (looked at for {format_duration(seconds)} from here)" if seconds else ""
        works = f"works on {', '.join(node.works_on)}; " if node.works_on else ""
        return f"{works}not seen to move yet{looked}"
    silent = f"silent for {format_duration(seconds)}" if seconds else "silent"
    held = f"it still holds {', '.join(node.works_on)}" if node.works_on else ""
    return "; ".join(filter(None, (silent, successors_text(node.handed_over), held)))


def _print_waiting(chosen: Settings, found: Fleet) -> None:
    """What waits for a person: values that were not kept, late reviews, messages that reached nobody."""
    from orchestrator.workflow.journal.review_status import review_problems

    waiting = len(found.resolution.every()) if found.ledger().has_conflicts else 0
    if waiting:
        words = f"{waiting} {'value was' if waiting == 1 else 'values were'} not kept: `shiftbook conflicts list`"
        terminal.print_status(f"conflicts: {words}", "review")
    for words in review_problems(found.ledger(), found.now()):
        terminal.print_status(f"digest: {words}", "review")
    untold = _notification_trouble(chosen)
    if untold:
        terminal.print_status(f"notices: {untold}: `shiftbook notify list`", "review")


def _print_bus(chosen: Settings) -> None:
    """How the bus beside the ledger is, where this node has one, and what of it is to be mended."""
    if not chosen.redis_url.get_secret_value():
        return
    from orchestrator.app.factories.bus_factory import open_bus_watch
    from orchestrator.workflow.delegation import bus_report

    watch = open_bus_watch(chosen)
    if watch is None:
        return
    found = watch.condition()
    if not found.trouble:
        click.echo(f"Redis at {bus_report.summary(found)}; {bus_report.crash_loss(found)}.")
    for each in bus_report.findings(found):
        terminal.print_status(f"redis: {each.says}: {each.remedy}", "offline" if each.broken else "stale")


def _notification_trouble(chosen: Settings) -> str:
    """What this machine could not tell people; a database that does not answer is `doctor`'s to name."""
    try:
        with wiring.outbox(chosen) as outgoing:
            if outgoing is None:
                return ""
            from orchestrator.node.notifications.outbox_status import outbox_status

            return outbox_status(outgoing).trouble
    except (StoreFailed, WrongSetting):
        return ""
