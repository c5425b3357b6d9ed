"""shiftbook fleet"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.fleet_cost import show
from orchestrator.cli.mission.base import warn
from orchestrator.core import settings
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.node_pages import Presence
from orchestrator.ledger.result_report import format_duration
from orchestrator.node.notifications.outbox_status import outbox_status
from orchestrator.workflow import key_rotation
from orchestrator.workflow.journal.review_status import review_problems
from orchestrator.workflow.spending.totals import GROUP_KEYS


@click.group("fleet", invoke_without_command=True)
@click.option("--cost", is_flag=True, help="What the fleet spent, and where that leads.")
@click.option("--since", default="", metavar="DAY", help="With --cost: from this day on (default: this month).")
@click.option(
    "--by", "keys", multiple=True, type=click.Choice(GROUP_KEYS), help="With --cost: only this table; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the nodes, or with --cost the sums, as JSON.")
@click.pass_context
def command(ctx: click.Context, cost: bool, since: str, keys: tuple[str, ...], as_json: bool) -> None:
    """See the nodes; let people and machines in, and out again."""
    if ctx.invoked_subcommand is not None:
        return
    chosen = settings.load()
    fleet = wiring.fleet(chosen)
    if cost:
        show(chosen, fleet, since, keys, as_json=as_json)
        return
    nodes = fleet.nodes()
    warn(fleet)
    if as_json:
        terminal.print_json([asdict(node) for node in nodes])
        return
    out = terminal.console()
    if nodes:
        out.print(terminal.shift_lines(_row(node) for node in nodes))
    else:
        click.echo("No node has announced itself yet. Start one with `shiftbook node run`.")
    waiting = len(fleet.resolution.every())
    if waiting:
        words = f"{waiting} {'value was' if waiting == 1 else 'values were'} not kept: `shiftbook conflicts list`"
        out.print(Text(f"conflicts: {words}", style=terminal.STATUS_COLOURS["review"]))
    for words in review_problems(fleet.ledger(), fleet.now()):
        out.print(Text(f"review: {words}", style=terminal.STATUS_COLOURS["review"]))
    untold = _notification_trouble(chosen)
    if untold:
        out.print(Text(f"notices: {untold}: `shiftbook notify list`", style=terminal.STATUS_COLOURS["review"]))


def _notification_trouble(chosen: Settings) -> str:
    """What this machine could not tell people; a database that does not answer is `doctor`'s to name."""
    try:
        stores = wiring.stores(chosen)
    except (StoreFailed, WrongSetting):
        return ""
    try:
        return outbox_status(stores.outgoing).trouble
    finally:
        stores.close()


def _row(node: Presence) -> tuple[str, str, str, str]:
    role = Role.read(node.role).label if node.role else "unknown role"
    works = f"works on {', '.join(node.works_on)}" if node.works_on else "idle"
    seen = f"moved {format_duration((datetime.now(UTC) - node.moved).total_seconds())} ago" if node.moved else ""
    disk = node.disk.partition(";")[0]
    facts = [works, ", ".join(node.agents), ", ".join(node.capabilities), seen, disk, node.version]
    return "", f"{node.name} · {role}", " · ".join(fact for fact in facts if fact), node.state


@command.command("admit")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="admin, author or node; repeatable.")
@click.option("--key", required=True, metavar="KEY", help="The public key, or the path of a .pub file.")
def admit(name: str, roles: tuple[str, ...], key: str) -> None:
    """Lets a person or a machine in: adds its key to allowed_signers. You must be an admin."""
    path = Path(key).expanduser()
    try:
        text = path.read_text(encoding="utf-8") if path.suffix == ".pub" else key
    except OSError as error:
        raise WrongSetting("--key", f"{path} cannot be read: {error.strerror}") from error
    wiring.fleet(settings.load()).membership.admit(name, frozenset(roles), text)
    click.echo(f"{name} is in: {', '.join(sorted(roles))}")


@command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Takes a person's or a machine's keys out of allowed_signers. You must be an admin."""
    wiring.fleet(settings.load()).membership.revoke(name)
    click.echo(f"{name} is out: nothing that its key signed counts from now on")


@command.command("rotate")
@click.option("--node", is_flag=True, help="The node's key instead of yours.")
def rotate(node: bool) -> None:
    """Replaces this machine's key with a new one, in allowed_signers and here. You must be an admin.

    What only the old key has signed counts no more; the missions that this concerns are listed. A node that runs goes
    on with its old key: start it again.
    """
    chosen = settings.load()
    path = chosen.home / "keys" / ("node" if node else "person")
    done = key_rotation.rotate_key(wiring.fleet(chosen), path, now=wiring.now())
    click.echo(f"{done.name} has a new key; the old one is kept at {done.old}")
    for name in done.orphans:
        click.echo(f"{name} was signed by the old key and is untrusted now: shiftbook mission trust {name}")
    if node:
        click.echo("start this machine's node again: it signs with the old key until then")


@command.command("who")
@click.option("--json", "as_json", is_flag=True, help="Print the principals as JSON.")
def who(as_json: bool) -> None:
    """Who may do what."""
    people = wiring.fleet(settings.load()).principals()
    if as_json:
        terminal.print_json([{"name": p.name, "roles": sorted(p.roles), "key": p.key} for p in people])
        return
    for person in people:
        click.echo(f"{person.name:<20} {', '.join(sorted(person.roles)):<20} {person.key[:60]}…")
