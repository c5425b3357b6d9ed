"""Steering from the command line (shiftbook mission say, budget): what is one told who works, what may it cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.name import mission_argument, named_mission

if TYPE_CHECKING:
    from collections.abc import Callable


def _nudge() -> Callable[[], None]:
    from orchestrator.node import wakeups

    home = load_settings().home
    return lambda: wakeups.nudge(home)


@click.command("say")
@mission_argument
@click.argument("text", nargs=-1, required=True)
@click.option("--id", "key", default="", help="The same id again says nothing twice.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
def say(name: str, text: tuple[str, ...], key: str, as_json: bool) -> None:
    """Tells whoever works on a mission something, wherever it runs, and says what became of it.

    injected: the agent has it in the middle of its work; queued: it is told with its next round, or the next attempt;
    too late: nobody is told. Exit code 1 for the last. One that rests because its agent asked something goes on with
    it.
    """
    from missions.message import MessageState
    from orchestrator.workflow.run_questions.mission_answer import say_to_mission
    from orchestrator.workflow.steering import idempotent_id

    fleet, name = named_mission(name)
    message_id = idempotent_id(key, fleet.bus.key) if key else ""
    receipt = say_to_mission(fleet, name, " ".join(text), message_id=message_id, nudge=_nudge())
    words = f"{receipt.mission}: {receipt.state}; {receipt.says}"
    terminal.print_json_line(receipt.json()) if as_json else click.echo(words)
    if receipt.state is MessageState.TOO_LATE:
        raise SystemExit(1)


@click.command("budget")
@mission_argument
@click.argument("usd", type=float)
@click.option("--json", "as_json", is_flag=True, help="Print the mission as JSON.")
def budget(name: str, usd: float, as_json: bool) -> None:
    """Sets what a mission may cost in all, in dollars. One that runs keeps to it from then on, and goes on."""
    fleet, name = named_mission(name)
    view = fleet.set_budget(name, usd)
    _nudge()()
    rests = view.status == "parked"
    more = f"; `shiftbook mission resume {view.name}` has it go on" if rests else ""
    words = f"{view.name} may cost ${usd:.2f} in all{more}"
    terminal.print_json_line(view.json()) if as_json else click.echo(words)
