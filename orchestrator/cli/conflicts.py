"""shiftbook conflicts list, show, resolve: what could merges not keep, and which value stands?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.ledger.conflicts import UnresolvedConflict
    from orchestrator.workflow.conflict_resolution import ConflictResolution
    from orchestrator.workflow.fleet import Fleet


@click.command("list")
@click.option("--mission", default="", help="Only this mission's.")
@click.option("--json", "as_json", is_flag=True, help="Print the conflicts as JSON.")
def list_(mission: str, as_json: bool) -> None:
    """Lists values that two people, or a person and a node, changed at once, and of which one was kept."""
    fleet = _fleet()
    found = fleet.resolution.every(fleet.full_name(mission) if mission else "")
    if as_json:
        terminal.print_json([asdict(one) for one in found])
    elif not found:
        click.echo("Nothing to decide: every merge kept both edits.")
    else:
        terminal.print_rows(("", one.ident, one.says, "review") for one in found)


@click.command("show")
@click.argument("ident", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print the conflict as JSON.")
def show(ident: str, as_json: bool) -> None:
    """Shows one conflict: both values, whose each is, in which commit."""
    one = _resolution().find(ident)
    if as_json:
        terminal.print_json(asdict(one))
        return
    click.echo(f"{one.mission}: {one.part}\n")
    click.echo(f"kept{_author_text(one.kept_by, one.kept_in)}:\n{_indented(one.kept)}\n")
    click.echo(f"not kept{_author_text(one.lost_by, one.lost_in)}:\n{_indented(one.lost)}\n")
    terminal.say(f"`shiftbook conflicts resolve {one.ident}` with --kept, --lost or --text VALUE")


@click.command("resolve")
@click.argument("ident", metavar="NAME")
@click.option("--kept", is_flag=True, help="What was kept stays.")
@click.option("--lost", is_flag=True, help="What was not kept takes its place.")
@click.option("--text", help="This takes its place.")
@click.option("--json", "as_json", is_flag=True, help="Print the conflict as JSON.")
def resolve(ident: str, kept: bool, lost: bool, text: str | None, as_json: bool) -> None:
    """Decides a conflict, signed by you: the mission is changed if you say so, and the conflict goes away."""
    if sum((kept, lost, text is not None)) != 1:
        raise WrongSetting("resolve", "say one of --kept, --lost and --text VALUE")
    door = _resolution()
    one = door.keep(ident) if kept else door.put(ident, lambda dispute: dispute.lost if lost else text)
    if as_json:
        terminal.print_json(asdict(one))
    else:
        click.echo(f"{one.ident} is decided: {_chosen(one, kept, lost)}")


def _chosen(one: UnresolvedConflict, kept: bool, lost: bool) -> str:
    if kept:
        return "what was kept stays"
    whose = f"as {one.lost_by or 'the other side'} had it" if lost else "as you said"
    return f"“{one.part}” is {whose}"


def _resolution() -> ConflictResolution:
    return _fleet().resolution


def _fleet() -> Fleet:
    fleet = wiring.fleet(load_settings())
    fleet.ledger()
    terminal.warn(fleet)
    return fleet


def _author_text(name: str, commit: str) -> str:
    return f"{f' by {name}' if name else ''}{f' in {commit[:10]}' if commit else ''}"


def _indented(text: str | None) -> str:
    from orchestrator.ledger.conflicts import TAKEN_OUT

    return "\n".join(f"    {line}" for line in (TAKEN_OUT if text is None else text).splitlines() or [""])
