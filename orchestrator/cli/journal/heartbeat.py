"""shiftbook heartbeat list, check, run: what does HEARTBEAT.md ask the nodes to look at, and what did they find?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import NotFound

if TYPE_CHECKING:
    from orchestrator.ledger.snapshot import LedgerSnapshot
    from orchestrator.workflow.fleet import Fleet


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print lines, findings and problems as JSON.")
def list_(as_json: bool) -> None:
    """Lists what is looked at, how often and by whom, when next, and what was found and still stands."""
    from orchestrator.workflow.heartbeat.overview import heartbeat_overview

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    shown = heartbeat_overview(ledger, lambda commit: fleet.trust.signer(ledger, commit), fleet.now())
    if as_json:
        terminal.print_json(shown)
        return
    terminal.warn(fleet)
    for line in shown["lines"]:
        when = f"next {line['next'][:16].replace('T', ' ')} UTC" if line["next"] else "never due"
        detail = f"{line['cadence']} · {line['who']} · {when}"
        terminal.print_rows([(str(line["line"]), line["text"], detail, "")])
    for found in shown["findings"]:
        terminal.print_status(
            f"{found['says']} (since {found['since'][:16].replace('T', ' ')} UTC, {found['by']})", "failed"
        )
    for problem in shown["problems"]:
        terminal.print_status(problem, "quarantined")
    if not shown["lines"] and not shown["problems"]:
        terminal.say(
            "Nothing is looked at: HEARTBEAT.md has no lines. `- disk below 5 GB` below `## Every beat` is one."
        )


@click.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print lines and problems as JSON.")
def check(file: Path | None, as_json: bool) -> None:
    """Says how each line is understood, and which are not: of a FILE before it is pushed, or of the ledger's."""
    from orchestrator.ledger.heartbeat.checklist import PATH, read_checklist
    from orchestrator.workflow.heartbeat.overview import checked_line
    from orchestrator.workflow.heartbeat.turn import problem_lines

    ledger, doubt = _ledger() if file is None or load_settings().ledger else (None, "")
    if file is not None and not file.is_file():
        raise NotFound(f"there is no file {file}")
    data = file.read_bytes() if file is not None else ledger.read(PATH) if ledger else None
    read = read_checklist(data)
    found = [f"{PATH}, line {each.number}: {each.says}" for each in read.problems] if ledger is None else []
    problems = found or list(problem_lines(read, ledger)) if ledger is not None else found
    problems = [*([doubt] if doubt and file is None else []), *problems]
    if as_json:
        terminal.print_json({"lines": [checked_line(each) for each in read.lines], "problems": problems})
    else:
        for each in read.lines:
            shown = checked_line(each)
            what = f"{shown['probe']}{', then a mission' if each.prompt else ''}"
            terminal.print_rows([(str(each.number), each.text, f"{each.cadence.words} · {each.who} · {what}", "")])
        for words in problems:
            terminal.print_status(words, "quarantined")
        if not read.lines and not problems:
            click.echo("It has no lines: nothing is looked at.")
    if problems:
        sys.exit(1)


def _ledger() -> tuple[LedgerSnapshot, str]:
    from orchestrator.policy.heartbeat_missions import followed_checklist

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    return ledger, followed_checklist(ledger, lambda commit: fleet.trust.signer(ledger, commit)).why


@click.command("run")
@click.option("--dry-run", is_flag=True, help="Look, and say what would follow; write nothing.")
@click.option("--now", is_flag=True, help="Look at every line, whether or not it is due.")
@click.option("--json", "as_json", is_flag=True, help="Print looks, findings, missions and problems as JSON.")
def run(dry_run: bool, now: bool, as_json: bool) -> None:
    """Takes a turn in the name of this machine's node: looks at what is due, and lands what follows.

    Where there is nothing it says nothing.
    """
    from orchestrator.app.factories.heartbeat_factory import open_turn

    settings = load_settings()
    turn = open_turn(settings)
    try:
        silent = _silent(wiring.fleet(settings))
        reports = {
            name: turn.run(shared=name == "fleet", silent=silent, dry=dry_run, now=now) for name in ("own", "fleet")
        }
    finally:
        turn.bus.remote.close()
    if as_json:
        terminal.print_json({name: each.json() for name, each in reports.items()})
        return
    for report in reports.values():
        for words in report.told:
            terminal.print_status(words, "failed")
        for name in report.missions:
            click.echo(f"{'would file' if dry_run else 'filed'} {name}")
        for words in report.held:
            terminal.print_status(words, "parked")
    for words in dict.fromkeys(words for each in reports.values() for words in each.problems):
        terminal.print_status(words, "quarantined")
    looks = sum(len(each.looks) for each in reports.values())
    if dry_run:
        click.echo(f"{looks} line{'s' * (looks != 1)} looked at; nothing was written (--dry-run)")


def _silent(fleet: Fleet) -> dict[str, float]:
    """For how long this machine has seen each node's beat stand still."""
    shown: list[Any] = fleet.nodes()
    return {each.name: each.silent_seconds for each in shown if each.silent_seconds is not None}
