"""shiftbook mission cancel, pause, resume, retry, trust: what may a person order about a mission?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.name import mission_argument, named_mission

if TYPE_CHECKING:
    from orchestrator.workflow.mission_view import MissionView


def _report(view: MissionView, words: str, as_json: bool) -> None:
    """Says what became of it, and has a node of this machine look at once."""
    from orchestrator.node import wakeups

    wakeups.nudge(load_settings().home)
    terminal.print_json_line(view.json()) if as_json else click.echo(words)


@click.command("cancel")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print the mission as JSON.")
def cancel(name: str, as_json: bool) -> None:
    """Calls a mission off. A node that works on it stops within seconds; what it did is kept."""
    fleet, name = named_mission(name)
    view = fleet.cancel(name)
    _report(view, f"{view.name} is called off", as_json)


@click.command("pause")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print the mission as JSON.")
def pause(name: str, as_json: bool) -> None:
    """Lets a mission rest. What runs is stopped within seconds and keeps its workspace; no attempt is counted."""
    fleet, name = named_mission(name)
    view = fleet.pause(name)
    running = "; its node stops and keeps the workspace" if view.status == "running" else ""
    _report(view, f"{view.name} is paused{running}. `shiftbook mission resume {view.name}` has it go on", as_json)


@click.command("resume")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print the mission as JSON.")
def resume(name: str, as_json: bool) -> None:
    """Puts a parked mission back into the queue; it goes on where it was if the node that ran it takes it."""
    fleet, name = named_mission(name)
    view = fleet.resume(name)
    kept = f"; {view.kept_on} keeps its workspace and is waited for" if view.kept_on else ""
    _report(view, f"{view.name} is {view.status} again{kept}", as_json)


@click.command("retry")
@mission_argument
def retry(name: str) -> None:
    """Puts a dead or failed mission back into the queue, with all its attempts."""
    fleet, name = named_mission(name)
    view = fleet.retry(name)
    _report(view, f"{view.name} is {view.status} again", False)


@click.command("trust")
@mission_argument
@click.option("--yes", is_flag=True, help="Sign it without being shown it and asked, as in a pipe.")
def trust(name: str, yes: bool) -> None:
    """Vouches for an untrusted mission: you are shown its text, sign what you were shown, and it runs."""
    fleet, name = named_mission(name)
    shown = fleet.mission(name).text
    if sys.stdin.isatty() and not yes:
        click.echo(terminal.printable(shown))
        terminal.confirm("sign this as your own word?", default=False, abort=True)
    view = fleet.endorse(name, shown)
    _report(view, f"{view.name} is trusted on your word; it is {view.status}", False)
