"""shiftbook mission split, compare: how do several attempts at one thing begin, and how do they look side by side?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.name import LAST, SAFE, last_name, mission_argument, named_mission
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from orchestrator.workflow.approval.comparison import ComparedAttempt
    from orchestrator.workflow.fleet import Fleet


def group_of(fleet: Fleet, word: str) -> str:
    """The group that a person means by its name, by one of its attempts, or by what these begin with.

    Raises NotFound and WrongSetting.
    """
    from missions.mission import MAX_ATTEMPTS_BESIDE
    from orchestrator.workflow.mission_name import names_meant

    plain = (last_name(load_settings()) if word in LAST else word.strip()).removesuffix(".md")
    if not SAFE.fullmatch(plain):
        raise WrongSetting("NAME", "{!r} is no name of several attempts: it is one word, such as fix-the-login", word)
    ledger = fleet.ledger()
    groups: set[str] = set()
    for name in names_meant(ledger, plain)[: 2 * MAX_ATTEMPTS_BESIDE]:
        filed = ledger.open.get(name) or ledger.archived(name)
        groups.add(filed.mission.group or name if filed else name)
    if len(groups) > 1 and plain not in groups:
        raise WrongSetting("NAME", "{!r} begins {}: type more of the one you mean", word, ", ".join(sorted(groups)))
    return plain if plain in groups or not groups else groups.pop()


def compared(fleet: Fleet, word: str) -> tuple[str, Sequence[ComparedAttempt]]:
    """A group with its attempts. Raises NotFound and WrongSetting."""
    from orchestrator.workflow.approval.comparison import compare_attempts

    group = group_of(fleet, word)
    return group, compare_attempts(fleet.last_seen(), fleet.trust, group)


@click.command("split")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print the names as JSON.")
def split(name: str, as_json: bool) -> None:
    """Makes a mission of each attempt that a pushed file asks for (`attempts: 3`, `agents: [...]`), signed by you."""
    fleet, name = named_mission(name)
    made = fleet.split(name)
    if as_json:
        terminal.print_json({"missions": made})
        return
    terminal.say(f"filed {', '.join(made)}; `shiftbook mission compare {name}` shows them side by side")


@click.command("compare")
@mission_argument
@click.option("--diff", "diffs", is_flag=True, help="With the whole diff of each, one after the other.")
@click.option("--json", "as_json", is_flag=True, help="Print the attempts with their diffs as JSON.")
def compare(name: str, diffs: bool, as_json: bool) -> None:
    """Shows several attempts at one thing beside each other: state, tests, cost, time, what each changed."""
    fleet = wiring.fleet(load_settings())
    group, attempts = compared(fleet, name)
    terminal.warn(fleet)
    if as_json:
        terminal.print_json({"group": group, "attempts": [each.json() for each in attempts]})
        return
    from orchestrator.cli.console import console

    console().print(_table(group, attempts))
    if diffs:
        _print_diffs(attempts)
    if any(each.status == "review" for each in attempts):
        terminal.say(
            f"`shiftbook mission approve {group} --attempt N` accepts one and calls the others off; --best chooses"
        )


def _table(group: str, attempts: Sequence[ComparedAttempt]) -> Table:
    """A column for each attempt."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", *(f"attempt {each.number}" for each in attempts), title=Text(group), title_justify="left")
    for what, values in _rows(attempts):
        table.add_row(what, *(Text(value) for value in values))
    return table


def _rows(attempts: Sequence[ComparedAttempt]) -> list[tuple[str, list[str]]]:
    from orchestrator.core.time_text import format_duration

    tests = {True: "passed", False: "failed", None: "-"}
    return [
        ("agent", [each.agent for each in attempts]),
        ("node", [each.node or "-" for each in attempts]),
        ("state", [each.status for each in attempts]),
        ("tests", [tests[each.tested] for each in attempts]),
        ("cost", ["-" if each.cost_usd is None else f"${each.cost_usd:.2f}" for each in attempts]),
        ("time", ["-" if each.seconds is None else format_duration(each.seconds) for each in attempts]),
        ("lines", [f"+{each.added} -{each.removed}" if each.files else "-" for each in attempts]),
        ("files", ["\n".join(each.files) or "-" for each in attempts]),
    ]


def _print_diffs(attempts: Sequence[ComparedAttempt]) -> None:
    from rich.text import Text

    from orchestrator.cli.mission import diff_page

    for each in attempts:
        if each.diff:
            lines = [Text(f"{each.name} ({each.agent})", style="bold"), *diff_page.diff_lines(each.diff), Text("")]
            diff_page.print_lines(lines, paged=False)
