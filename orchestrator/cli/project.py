"""shiftbook project add, discover, list: which repositories does the fleet work on?"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import NotFound, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.projects.discovery import DiscoveredRepository
    from orchestrator.workflow.projects.enrol import Enrolment


@click.command("add")
@click.argument("where", metavar="URL|PATH")
@click.option("--name", default="", help="What missions call it; made from the repository's name if missing.")
@click.option("--alias", "aliases", multiple=True, help="Another name for it; may be given several times.")
@click.option("--branch", default="", help="The default branch; asked of the repository if missing.")
@click.option("--test", default="", help="Its test command; of a folder it is told from its files.")
@click.option("--json", "as_json", is_flag=True, help="Print the project as JSON.")
def add(where: str, name: str, aliases: tuple[str, ...], branch: str, test: str, as_json: bool) -> None:
    """Adds a repository to fleet.toml, signed by you as an admin. A folder's clone is added by its origin."""
    from orchestrator.workflow.projects.discovery import repository_from_folder, repository_from_url

    folder = Path(where).expanduser()
    if folder.is_dir():
        found = repository_from_folder(folder, name=name)
    elif where.startswith(("/", ".", "~")):
        raise NotFound(f"{where} is no folder on this machine")
    else:
        found = repository_from_url(where, name=name, branch=branch)
    found = replace(found, branch=branch or found.branch, test=test or found.test, aliases=aliases)
    added = _enrolment(wiring.fleet(load_settings())).add([found])
    _print_added(added, as_json)
    if not added and not as_json:
        click.echo(f"nothing to do: {found.url} is a project already")


@click.command("discover")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--depth", type=click.IntRange(0, 12), help="How many folders deep to look.")
@click.option("--yes", is_flag=True, help="Add all that are found, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what is found as JSON; with --yes, what was added.")
def find(folder: Path, depth: int | None, yes: bool, as_json: bool) -> None:
    """Finds Git repositories under FOLDER and adds those that you say yes to, in one commit."""
    from orchestrator.workflow.projects.discovery import MAX_DEPTH, discover

    fleet = wiring.fleet(load_settings())
    found, wrong = discover(folder.expanduser(), depth=MAX_DEPTH if depth is None else depth)
    for line in wrong:
        click.echo(f"shiftbook: {line}", err=True)
    new = _new_repositories(found, fleet)
    if as_json and not yes:
        terminal.print_json([asdict(one) for one in new])
        return
    if not new:
        terminal.print_json([]) if as_json else click.echo(
            f"no repository under {folder} that is not a project already"
        )
        return
    chosen = without_programs(new) if yes else _ask_which(new)
    _print_added(_enrolment(fleet).add(chosen) if chosen else [], as_json)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the projects as JSON.")
def list_(as_json: bool) -> None:
    """Lists the projects of the fleet: address, branch, test command, other names."""
    fleet = wiring.fleet(load_settings())
    projects = fleet.ledger().charter.projects
    terminal.warn(fleet)
    if as_json:
        terminal.print_json([{"name": name} | part.model_dump() for name, part in sorted(projects.items())])
        return
    for name, part in sorted(projects.items()):
        facts = [part.url, part.branch, f"test: {part.test}" if part.test else "no test command", *part.aliases]
        click.echo(f"{name:<20} {' · '.join(facts)}")
    if not projects:
        click.echo(
            "No project yet. Add one with `shiftbook project add URL`, or look for some with `project discover`."
        )


def _enrolment(fleet: Fleet) -> Enrolment:
    from orchestrator.workflow.projects.enrol import Enrolment

    return Enrolment(bus=fleet.bus, reader=fleet.reader, membership=fleet.membership)


def _new_repositories(found: Sequence[DiscoveredRepository], fleet: Fleet) -> list[DiscoveredRepository]:
    """What is new, under names that no other project has."""
    from orchestrator.workflow.projects.enrol import is_known

    ledger = fleet.ledger()
    taken = set(ledger.charter.projects)
    new = []
    for one in found:
        if is_known(ledger, one):
            continue
        names = (one.name, *(f"{one.name}-{number}" for number in range(2, 1000)))
        free = next(name for name in names if name not in taken)
        taken.add(free)
        new.append(replace(one, name=free))
    return new


def without_programs(found: Sequence[DiscoveredRepository]) -> list[DiscoveredRepository]:
    """Those that bring nothing along that would run here; says which are left out."""
    for one in found:
        if one.runs:
            why = f"{one.name} is left out: {one.url} {_describe_runs(one)}"
            click.echo(f"shiftbook: {why}; look at it, then `shiftbook project add {one.here or one.url}`", err=True)
    return [one for one in found if not one.runs]


def _describe_runs(one: DiscoveredRepository) -> str:
    return f"brings along what runs when it is pushed to ({', '.join(one.runs)})"


def _ask_which(found: Sequence[DiscoveredRepository]) -> list[DiscoveredRepository]:
    if not sys.stdin.isatty():
        names = ", ".join(one.name for one in found)
        raise WrongSetting("--yes", f"found {names}; say --yes to add them, or ask for them with --json first")
    chosen = []
    for one in found:
        click.echo(f"{one.name}: {one.url} · {one.branch} · {one.test or 'no test command found'}")
        if one.runs:
            click.echo(f"it {_describe_runs(one)}")
        if click.confirm("add it?", default=not one.runs):
            chosen.append(one)
    return chosen


def _print_added(added: Sequence[DiscoveredRepository], as_json: bool) -> None:
    if as_json:
        terminal.print_json([asdict(one) for one in added])
        return
    for one in added:
        test = f", tested with `{one.test}`" if one.test else ""
        click.echo(f"{one.name} is a project: {one.url}, branch {one.branch}{test}")
        if one.local:
            click.echo("its address is a path, so only nodes on this machine can work on it (`to:` one of them)")
        if one.runs:
            click.echo(
                f"it {_describe_runs(one)}: in the sandbox only; `trust_hooks = true` below [projects.{one.name}] in"
                " fleet.toml lets it run as you"
            )
