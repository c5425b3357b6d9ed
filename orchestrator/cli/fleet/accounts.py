"""shiftbook fleet accounts: how far are the windows of the agents' accounts, and when will the queue stand still?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings

if TYPE_CHECKING:
    from orchestrator.workflow.fleet import Fleet


@click.command("accounts")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, with where the queue stands still.")
def accounts(as_json: bool) -> None:
    """Shows the accounts with which agents work: how far their windows are, and which are used up until when.

    Says when the queue will stand still because every account that could do its work is used up.
    """
    from orchestrator.workflow.reading.fleet_rows import account_page

    found = wiring.fleet(load_settings())
    page = account_page(found.ledger(), found.now())
    terminal.warn(found)
    if as_json:
        terminal.print_json(page)
        return
    if page["mode"] == "off":
        terminal.say('Accounts are not followed: fleet.toml says `mode = "off"` under [quotas].')
    elif not page["accounts"]:
        terminal.say("No node has an agent that works with an account: `shiftbook fleet can` says what this one has.")
    print_accounts(found, every=True)


def print_accounts(found: Fleet, *, every: bool = False) -> None:
    """The accounts of which something is known (or `every` one), and where the queue will stand still."""
    from orchestrator.workflow.assignment.account_status import account_statuses
    from orchestrator.workflow.assignment.queue_outlook import queue_outlooks

    ledger, now = found.last_seen(), found.now()
    for each in account_statuses(ledger, now):
        if each.closed is not None:
            terminal.print_status(f"account: {each.says}", "parked")
        elif each.windows or every:
            click.echo(f"Account {each.says}")
    for outlook in queue_outlooks(ledger, now):
        terminal.print_status(f"queue: {outlook.says}", "review")
