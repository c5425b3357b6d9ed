"""shiftbook update --fleet: how does an admin have the nodes of the fleet go to a release, and call that off?"""

from __future__ import annotations

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, WrongSetting


def file_roll(release: str, nodes: tuple[str, ...], *, as_json: bool) -> None:
    """Files a mission for each node. Raises WrongSetting, NotFound, and Refused for who is no admin."""
    from orchestrator.app import wiring
    from orchestrator.core.release_tag import TAG
    from orchestrator.workflow.update_roll import plan_roll

    if not TAG.fullmatch(release):
        raise WrongSetting("--to", f"name the release, such as v1.2.0{f', not {release!r}' if release else ''}")
    fleet = wiring.fleet(load_settings())
    plan = plan_roll(fleet.ledger(), fleet.nodes(), release, nodes)
    roll = fleet.rolls.file(plan)
    if as_json:
        terminal.print_json(roll.json() | {"left_out": plan.left_out})
        return
    for number, step in enumerate(roll.steps, 1):
        click.echo(f"{number}. {step.node}: {step.mission}")
    for node, why in plan.left_out.items():
        click.echo(f"left out: {node}, {why}")
    terminal.say("Each waits for the one before; `shiftbook fleet` shows where it stands, --call-off ends it.")


def call_off_roll(*, as_json: bool) -> None:
    """Cancels every part that is not done. Raises NotFound where nothing goes on."""
    from orchestrator.app import wiring

    fleet = wiring.fleet(load_settings())
    names = fleet.rolls.open_steps()
    if not names:
        raise NotFound("no update of the fleet goes on")
    for name in reversed(names):  # the one that runs last, so that no other begins meanwhile
        fleet.cancel(name)
    terminal.print_json({"cancelled": names}) if as_json else click.echo(f"Called off: {', '.join(names)}.")
