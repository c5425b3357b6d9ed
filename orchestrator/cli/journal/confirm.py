"""shiftbook log confirm: what did models propose that nobody has confirmed, and what does a person say to it?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.journal.confirming import ProposedItem


@click.command("confirm")
@click.argument("ident", required=False, metavar="[ID]")
@click.option("--withdraw", is_flag=True, help="Take a confirmation back, whoever gave it.")
@click.option("--project", default="", help="Only this project's briefing.")
@click.option(
    "--as-of", default="", metavar="DIGEST", help="Only while its digest is this one, as the list with --json has it."
)
@click.option("--yes", is_flag=True, help="Sign it without being shown it and asked, as in a pipe or with --json.")
@click.option("--json", "as_json", is_flag=True, help="Print the items as JSON.")
def confirm(ident: str | None, withdraw: bool, project: str, as_of: str, yes: bool, as_json: bool) -> None:
    """Confirms an item of a briefing that a model proposed, signed by you. Without ID: lists what waits for that.

    Until then a fresh instance is given a pointer to it and not its words. With --withdraw it is a pointer again, and
    only a person can confirm it anew. A terminal shows the words first and asks; what was shown is what you sign.
    """
    if not ident and (withdraw or as_of):
        raise WrongSetting("ID", "say which item is meant, for example: shiftbook log confirm f1a2b3 --withdraw")
    fleet = wiring.fleet(load_settings())
    if not ident:
        _print_waiting([one for one in fleet.model_proposals.every(project) if one.state != "confirmed"], as_json)
        return
    shown = fleet.model_proposals.find(ident, project, digest=as_of)
    if sys.stdin.isatty() and not (yes or as_of or as_json):
        _show(shown)
        question = "take it back" if withdraw else "confirm this as your own word"
        terminal.confirm(f"{question}?", default=False, abort=True)
    item, commit = fleet.model_proposals.decide(shown, keep=not withdraw)
    if as_json:
        terminal.print_json(_facts(item) | {"commit": commit})
        return
    click.echo(terminal.printable(f"{item.project}: {item.text} {item.mark}"))
    click.echo(f"landed as commit {commit[:10]}" if commit else "nothing to change")


def _show(one: ProposedItem) -> None:
    """All of it, and what it is said instead of; whatever they hold is indented, and passes for none of our words."""
    place = " · ".join(part for part in (one.project, one.section, ", ".join(one.cites)) if part)
    instead = ["in the place of", _indented(one.replaces)] if one.replaces else []
    click.echo(terminal.printable("\n".join([place, _indented(one.text), *instead])))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _facts(one: ProposedItem) -> dict[str, Any]:
    return asdict(one) | {"digest": one.digest}


def _print_waiting(found: list[ProposedItem], as_json: bool) -> None:
    if as_json:
        terminal.print_json([_facts(one) for one in found])
    elif found:
        terminal.print_rows((_row(one) for one in found), lines=(_line(one) for one in found))
    else:
        click.echo("Nothing waits: every item that a model proposed is confirmed.")


def _row(one: ProposedItem) -> terminal.Row:
    taken_back = "withdrawn" if one.state == "withdrawn" else ""
    instead = f"instead of: {one.replaces}" if one.replaces else ""
    facts = (one.item_id, one.project, one.section, ", ".join(one.cites), taken_back, instead)
    return "", one.text, " · ".join(fact for fact in facts if fact), ""


def _line(one: ProposedItem) -> tuple[str, ...]:
    return one.item_id, one.project, one.section, one.state, one.text, ", ".join(one.cites), one.digest
