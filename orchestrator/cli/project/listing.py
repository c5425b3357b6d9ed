"""shiftbook project list, show: which projects are there, and what does the fleet know of one?"""

from __future__ import annotations

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.project.enrolment import project_lines


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the projects as JSON.")
def list_(as_json: bool) -> None:
    """Lists the projects of the fleet: address, branch, test command, other names."""
    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    projects = ledger.charter.projects
    terminal.warn(fleet)
    if as_json:
        from orchestrator.workflow.reading.fleet_rows import project_rows

        terminal.print_json(project_rows(ledger))
        return
    rows = [
        (name, part.branch, part.url, f"test: {part.test}" if part.test else "no test command", ", ".join(part.aliases))
        for name, part in sorted(projects.items())
    ]
    if rows:
        terminal.print_columns(rows)
    else:
        terminal.say(
            "No project yet. Add one with `shiftbook project add URL`, or look for some with `project discover`."
        )


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the project as JSON.")
def show(name: str, as_json: bool) -> None:
    """Shows one project: where it is, its set-up and tests, what an approval does."""
    from orchestrator.workflow.projects.enrol import require_project

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    part = require_project(ledger, name)
    terminal.warn(fleet)
    waiting = sorted(mission for mission, filed in ledger.open.items() if filed.mission.about == name)
    if as_json:
        terminal.print_json({"name": name} | part.model_dump() | {"missions": waiting})
        return
    for line in project_lines(name, part):
        click.echo(line)
    if waiting:
        click.echo(f"  missions      {', '.join(waiting[:10])}{' and more' * (len(waiting) > 10)}")
