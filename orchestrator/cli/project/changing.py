"""shiftbook project edit, remove: how is a project changed in fleet.toml, and how does it leave the fleet?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.project.enrolment import DELIVERY_WORDS, FORGE_KINDS, open_enrolment, project_lines, read_pairs
from orchestrator.core.errors import Refused, WrongSetting

if TYPE_CHECKING:
    from orchestrator.workflow.projects.project_lines import Value


@click.command("edit")
@click.argument("name")
@click.option("--url", help="Where it is now.")
@click.option("--branch", help="Its default branch.")
@click.option("--alias", "aliases", multiple=True, help="Its other names; may be given several times.")
@click.option("--setup", help="What prepares a clone, with the network, once per state of its lock files.")
@click.option("--test", help="Its test command.")
@click.option("--tool", "tools", multiple=True, help="A path that its runs may read, such as ~/.pyenv; several times.")
@click.option(
    "--test-file", "pairs", multiple=True, metavar="PATH=FILE", help="A node's FILE that only tests see, as PATH."
)
@click.option("--evidence", multiple=True, metavar="GLOB", help="Files its tests leave with a result; several times.")
@click.option("--on-approval", type=click.Choice(list(DELIVERY_WORDS)), help="What an approval does with a branch.")
@click.option("--merge-queue/--no-merge-queue", default=None, help="Whether results are tested together, then merged.")
@click.option("--merge-queue-batch", type=int, help="How many of its results are tested at once, 1 to 20.")
@click.option("--forge", type=click.Choice([*FORGE_KINDS, ""]), help="The forge it is on; empty: none.")
@click.option("--forge-by", type=click.Choice(["api", "git"]), help="By its API, or by pushes without a token.")
@click.option("--forge-url", help="Its page there, where its address does not tell.")
@click.option("--forge-person", "forge_people", multiple=True, help="Whose words there come back; several times.")
@click.option("--forge-rounds", type=int, help="How often something may come back from a pull request.")
@click.option("--issue-label", help="Issues with it become missions, if a named person opened them.")
@click.option("--issue-assignee", help="The same for issues that are assigned to this account.")
@click.option("--trust-hooks/--no-trust-hooks", default=None, help="Whether its own hooks may run unconfined here.")
@click.option("--json", "as_json", is_flag=True, help="Print the project as JSON.")
def edit(name: str, pairs: tuple[str, ...], as_json: bool, **given: str | tuple[str, ...] | bool | int | None) -> None:
    """Changes what fleet.toml says of a project, signed by you as an admin. An empty value takes a line out.

    What may be given several times replaces the list that is there. Services, policy and servers of tools are written
    into fleet.toml by hand.
    """
    values: dict[str, Value] = {key: value for key, value in given.items() if value is not None and value != ()}
    values = {key: () if value == ("",) else value for key, value in values.items()}
    if pairs:
        values["test_files"] = {} if pairs == ("",) else read_pairs(pairs)
    if not values:
        raise WrongSetting("NAME", f"say what to change, for example: shiftbook project edit {name} --test 'make test'")
    if values.get("url") == "":
        raise WrongSetting("--url", "a project must be somewhere; `shiftbook project remove` takes it out of the fleet")
    fleet = wiring.fleet(load_settings())
    changed = open_enrolment(fleet).edit(name, values)
    part = fleet.ledger().charter.projects[name]
    if as_json:
        terminal.print_json({"name": name} | part.model_dump())
        return
    if not changed:
        click.echo("nothing to do: fleet.toml says so already")
    for line in project_lines(name, part):
        click.echo(line)


@click.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Without asking, and though open missions name it.")
@click.option("--json", "as_json", is_flag=True, help="Print the project that was removed as JSON.")
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Takes a project out of fleet.toml. Its repository, its pages and its journal stay as they are."""
    from orchestrator.workflow.projects.enrol import require_project

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    part = require_project(ledger, name)
    named = sorted(mission for mission, filed in ledger.open.items() if filed.mission.about == name)
    if named and not yes:
        more = f"{len(named)} open mission{'s' * (len(named) > 1)} ({', '.join(named[:5])})"
        raise Refused(f"{more} would fail without {name}: end them first, or say --yes")
    if not yes and sys.stdin.isatty() and not as_json:
        click.confirm(f"take {name} ({part.url}) out of the fleet?", abort=True)
    open_enrolment(fleet).remove(name)
    if as_json:
        terminal.print_json({"name": name} | part.model_dump())
    else:
        click.echo(f"{name} is no project any more; {part.url}, its pages and its journal are untouched")
