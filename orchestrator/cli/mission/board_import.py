"""shiftbook mission import: how do the open tasks of vibe-kanban, Backlog.md or beads become missions?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import Refused

if TYPE_CHECKING:
    from orchestrator.workflow.boards.board_import import BoardPlan, TaskDraft

BOARDS = ("vibe-kanban", "backlog-md", "beads")
MAX_PASSED_SHOWN = 10


@click.command("import")
@click.argument("board", type=click.Choice(BOARDS))
@click.argument("place", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--project", default="", help="The project of all of them; without it, the one in whose clone you stand.")
@click.option("--dry-run", is_flag=True, help="Show the missions, and file none.")
@click.option("--yes", is_flag=True, help="File them without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print the missions as JSON.")
def import_(board: str, place: Path, project: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Files the open tasks of another program's board as missions, signed by you, in one commit.

    Title, text, priority and what a task waits for are taken over; labels and state stand in the text. Again it files
    only what is new. A node that may take them begins at once: look with --dry-run first.
    """
    from orchestrator.app.factories.board_factory import task_board
    from orchestrator.cli.mission.project import project_here
    from orchestrator.workflow.boards.board_import import BoardImport
    from orchestrator.workflow.journal.known_project import require_project

    fleet = wiring.fleet(load_settings())
    project = project or project_here(fleet.ledger)
    require_project(fleet.ledger(), project)
    reading = task_board(board).read(place)
    importing = BoardImport(bus=fleet.bus, reader=fleet.reader, ledger=fleet.ledger)
    plan, commit = importing.plan(board, reading, project=project), None
    if plan.drafts and not dry_run:
        _require_consent(plan, yes=yes, quiet=as_json)
        plan, commit = importing.write(board, reading, project=project)
    terminal.warn(fleet)
    if as_json:
        terminal.print_json(_json(plan) | {"dry_run": dry_run, "commit": commit})
        return
    _print(plan, dry_run=dry_run, commit=commit, shown=dry_run or yes)


def _require_consent(plan: BoardPlan, *, yes: bool, quiet: bool) -> None:
    """Shows them and asks; off a terminal, or for a program, it raises Refused with the word that says yes."""
    if yes:
        return
    count = f"{len(plan.drafts)} mission{'s' * (len(plan.drafts) != 1)}"
    if quiet or not sys.stdin.isatty():
        raise Refused(f"{count} would be filed, and nodes begin with them: --dry-run shows them, --yes files them")
    _print_drafts(plan)
    terminal.confirm(f"file {count}? Nodes that may take them begin at once", default=False, abort=True)


def _json(plan: BoardPlan) -> dict[str, Any]:
    told = {"missions": [asdict(one) for one in plan.drafts], "passed": [asdict(one) for one in plan.passed]}
    return {"board": plan.board, "known": plan.known, "closed": plan.closed} | told


def _print(plan: BoardPlan, *, dry_run: bool, commit: str | None, shown: bool) -> None:
    if shown:
        _print_drafts(plan)
    for one in plan.passed[:MAX_PASSED_SHOWN]:
        terminal.say(f"shiftbook: passed over: {terminal.printable(f'{one.place} {one.why}')}", err=True)
    if len(plan.passed) > MAX_PASSED_SHOWN:
        terminal.say(f"shiftbook: and {len(plan.passed) - MAX_PASSED_SHOWN:,} more: --json lists them", err=True)
    if not terminal.for_people():
        return
    counts = {"new": len(plan.drafts), "filed before": plan.known, "closed there": plan.closed}
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "no tasks"
    terminal.say(f"\n{plan.board}: {parts}")
    if dry_run:
        terminal.say("Nothing was filed: leave --dry-run out.")
    elif commit:
        undo = f"`git pull && git revert {commit[:12]} && git push` in your clone of the ledger"
        terminal.say(f"Filed in {commit[:12]}. To undo it: {undo}, or `shiftbook mission cancel NAME` for one.")


def _print_drafts(plan: BoardPlan) -> None:
    terminal.print_rows(map(_row, plan.drafts), lines=map(_line, plan.drafts))


def _row(one: TaskDraft) -> terminal.Row:
    facts = [one.name, *([f"after {', '.join(one.depends_on)}"] if one.depends_on else [])]
    priority = "" if one.priority is None else f"priority {one.priority}"
    return "", terminal.printable(one.title), " · ".join(facts), priority


def _line(one: TaskDraft) -> tuple[str, ...]:
    return one.name, str(one.priority or ""), ",".join(one.depends_on), one.title
