"""shiftbook project discover: which repositories lie under a folder, and which of them become projects?"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.project.enrolment import describe_runs, open_enrolment, print_added
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.projects.discovery import DiscoveredRepository


@click.command("discover")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--depth", type=click.IntRange(0, 12), help="How many folders deep to look.")
@click.option("--yes", is_flag=True, help="Add all that are found, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what is found as JSON; with --yes, what was added.")
def find(folder: Path, depth: int | None, yes: bool, as_json: bool) -> None:
    """Finds Git repositories under FOLDER and adds those that you say yes to, in one commit."""
    from orchestrator.workflow.projects.discovery import MAX_DEPTH, discover

    fleet = wiring.fleet(load_settings())
    from sync import files

    found, wrong = discover(files.expand_home(folder), depth=MAX_DEPTH if depth is None else depth)
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
    print_added(open_enrolment(fleet).add(chosen) if chosen else [], as_json)


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
            why = f"{one.name} is left out: {one.url} {describe_runs(one)}"
            terminal.say(f"shiftbook: {why}; look at it, then `shiftbook project add {one.here or one.url}`", err=True)
    return [one for one in found if not one.runs]


def _ask_which(found: Sequence[DiscoveredRepository]) -> list[DiscoveredRepository]:
    if not sys.stdin.isatty():
        names = ", ".join(one.name for one in found)
        raise WrongSetting("--yes", f"found {names}; say --yes to add them, or ask for them with --json first")
    chosen = []
    for one in found:
        click.echo(f"{one.name}: {one.url} · {one.branch} · {one.test or 'no test command found'}")
        if one.runs:
            click.echo(f"it {describe_runs(one)}")
        if click.confirm("add it?", default=not one.runs):
            chosen.append(one)
    return chosen
