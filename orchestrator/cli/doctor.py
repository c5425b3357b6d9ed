"""shiftbook doctor: what is missing on this machine, as a person reads it?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.app.doctor.check_result import CheckResult

STATUS_BY_HEALTH = {"good": "done", "not here": "queued", "poor": "review", "broken": "failed"}
"""In whose colour each is shown."""
STATE_COLUMNS = max(map(len, STATUS_BY_HEALTH))


@click.command("doctor")
@click.option("-v", "--verbose", is_flag=True, help="Sizes and places, too.")
@click.option("--migrate", is_flag=True, help="Put an older ledger's archive into folders by day, in one commit.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(verbose: bool, migrate: bool, as_json: bool) -> None:
    """Says what is missing on this machine and how to mend it. Exit code 1 if something is broken."""
    if migrate:
        _migrate(as_json=as_json)
        return
    from orchestrator.app.doctor.check_result import CheckStatus
    from orchestrator.app.doctor.checklist import run_checks

    findings = list(run_checks(load_settings()))
    if as_json:
        terminal.print_json([asdict(finding) for finding in findings])
    else:
        _print(findings, verbose=verbose)
    sys.exit(1 if any(finding.health is CheckStatus.BROKEN for finding in findings) else 0)


def _migrate(*, as_json: bool) -> None:
    moved = wiring.fleet(load_settings()).migrate_archive()
    if as_json:
        terminal.print_json({"moved": moved})
    elif moved:
        terminal.say(f"{moved:,} files moved into folders by day, in one commit; `git revert` takes it back.")
    else:
        click.echo("Nothing to move: the archive lies by days.")


def _print(findings: list[CheckResult], *, verbose: bool) -> None:
    if terminal.for_people():
        _print_page(findings, verbose=verbose)
    else:
        for one in findings:
            detail = one.detail if verbose else ""
            terminal.print_line((one.what, one.health, one.says, f"→ {one.remedy}" if one.remedy else "", detail))
    terminal.say(things_to_do(findings))


def _print_page(findings: list[CheckResult], *, verbose: bool) -> None:
    from orchestrator.app.doctor.check_result import CheckStatus
    from orchestrator.cli.console import console

    gutter = max((len(one.what) for one in findings), default=0)
    out = console()
    for one in findings:
        before = " → " if one.health is CheckStatus.ABSENT else "\n→ "
        words = one.says + (before + one.remedy if one.remedy else "")
        words += f"\n{one.detail}" if verbose and one.detail else ""
        out.print(_entry(one, gutter, words, out.width), crop=False, soft_wrap=True)


def _entry(one: CheckResult, gutter: int, words: str, width: int) -> Text:
    """One thing beside the margin rule: what it is, how it stands, and the words in lines that break no command."""
    from rich.cells import cell_len
    from rich.text import Text

    from orchestrator.cli.console import RULE_COLOUR, STATUS_COLOURS, shifted, unbroken_lines
    from orchestrator.workflow.approval.diff_view import printable_diff

    column = gutter + len(" ") + len(" │ ") + STATE_COLUMNS + len("  ")
    state = f"bold {STATUS_COLOURS[STATUS_BY_HEALTH[one.health.value]]}"
    entry = Text.assemble((f" {one.what:>{gutter}}", "dim"))
    room = max(1, width - column)
    lines = list(unbroken_lines(printable_diff(words), room))
    if cell_len(lines[0]) > room:
        lines.insert(0, "")
    for number, line in enumerate(lines):
        if cell_len(line) > room:
            entry.append(f"\n{shifted(line, column, width)}")
            continue
        if number:
            entry.append("\n" + " " * (gutter + 1))
        entry.append(" │ ", style=RULE_COLOUR)
        entry.append(f"{'' if number else one.health.value:<{STATE_COLUMNS}}  ", style=state)
        entry.append(line)
    return entry


def things_to_do(findings: list[CheckResult]) -> str:
    """The last line: how much there is to do, and the first of it. What is merely not here is nothing to do."""
    from orchestrator.app.doctor.check_result import CheckStatus

    worst_first = [one for state in (CheckStatus.BROKEN, CheckStatus.POOR) for one in findings if one.health is state]
    if not worst_first:
        return "Nothing to do."
    first = worst_first[0]
    things = f"{len(worst_first)} thing{'s' * (len(worst_first) > 1)} to do"
    return f"{things}{', first' * (len(worst_first) > 1)}: {first.what}: {first.remedy or first.says}"
