"""shiftbook ledger: how does a server get back what it has lost?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from orchestrator.app.ledger_recovery import RecoveryStep


@click.command("recover")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what is lacking, and with --yes what was done, as JSON.")
def recover(yes: bool, as_json: bool) -> None:
    """Gives the server back what this machine's clone of the ledger has and the server lacks.

    For a server that was restored from an older backup, or that has lost objects. Says first what it will do. Every ref
    only moves forward, from where it stands now; run it on each machine, in any order, as often as you like.
    """
    from orchestrator.app import ledger_recovery, wiring

    link = wiring.remote(load_settings())
    try:
        steps = ledger_recovery.plan_recovery(link)
        if not as_json:
            _tell_plan(steps, link.url)
        if steps and (yes or (not as_json and _agreed())):
            steps = _done(list(ledger_recovery.recover(link, steps)), as_json)
    finally:
        link.close()
    if as_json:
        terminal.print_json([asdict(step) for step in steps])
    sys.exit(1 if any(step.failed for step in steps) else 0)


def _tell_plan(steps: list[RecoveryStep], url: str) -> None:
    for step in steps:
        click.echo(f"{step.ref}: {step.says}")
    if not steps:
        click.echo(f"nothing to do: {url} has all that this machine has")


def _agreed() -> bool:
    """Whether the person says so; where nobody can be asked nothing is done."""
    if sys.stdin.isatty():
        return click.confirm("Push this to the server?")
    terminal.say("nothing was changed: `shiftbook ledger recover --yes` does it")
    return False


def _done(steps: list[RecoveryStep], as_json: bool) -> list[RecoveryStep]:
    for step in steps if not as_json else ():
        click.echo(f"{step.ref}: not done: {step.failed}" if step.failed else f"{step.ref}: done")
    if not as_json and any(step.ref.startswith("refs/heads/recovered-") for step in steps):
        terminal.say("Merge that branch in your clone (`git fetch && git merge origin/recovered-…`), push, delete it.")
    return steps
