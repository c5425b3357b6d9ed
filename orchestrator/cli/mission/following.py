"""shiftbook mission watch: how does a person follow one mission until it ends?"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.listing import mission_row

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.workflow.mission_view import MissionView

ENDED_STATES = {"done", "cancelled", "dead", "review", "parked", "quarantined", "untrusted"}


@click.command("watch")
@click.argument("name")
@click.option("--timeout", type=float, default=0.0, help="Give up after so many seconds; 0: never.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as JSON, one object a line.")
def watch(name: str, timeout: float, as_json: bool) -> None:
    """Follows one mission until it ends. Exit code 0 if it is done, 1 if not."""
    from orchestrator.execution.workspace.attempt_dirs import AttemptDirs

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    deadline = time.monotonic() + timeout if timeout else float("inf")
    before, printed, view = "", 0, fleet.mission(name).view
    while True:
        state = f"{view.status} {view.node} {view.attempt} {view.reason}"
        if state != before:
            _print_change(view, as_json)
            before = state
        if view.status in ENDED_STATES or time.monotonic() > deadline:
            break
        said = AttemptDirs(chosen.home / "work").of(view.name, view.epoch) / "progress.txt"
        printed = _print_progress(said, printed, as_json)
        time.sleep(1.0)
        view = fleet.mission(name).view
    sys.exit(0 if view.status in {"done", "review"} else 1)


def _print_change(view: MissionView, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(view.json(), ensure_ascii=False))
    else:
        terminal.print_rows([mission_row(view)])


def _print_progress(path: Path, printed: int, as_json: bool) -> int:
    """What the running attempt says, if it runs on this machine. Returns how many characters were shown so far."""
    from orchestrator.workflow.approval.diff_view import printable_diff

    if as_json or not path.exists():
        return printed
    text = path.read_text(encoding="utf-8", errors="replace")
    click.echo(printable_diff(text[printed:]), nl=False)
    return len(text)
