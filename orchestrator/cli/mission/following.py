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
from orchestrator.cli.mission.name import full_name, mission_argument

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.workflow.mission_view import MissionView

ENDED_STATES = {"done", "cancelled", "dead", "review", "parked", "quarantined", "untrusted"}

BESIDE_THE_RULE = " " * 10


@click.command("watch")
@mission_argument
@click.option("--timeout", type=float, default=0.0, help="Give up after so many seconds; 0: never.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as JSON, one object a line.")
def watch(name: str, timeout: float, as_json: bool) -> None:
    """Follows one mission until it ends. Exit code 0 if it is done, 1 if not."""
    from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over
    from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
    from orchestrator.workflow.approval.diff_view import printable_diff

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    name = full_name(chosen, fleet, name)
    deadline = time.monotonic() + timeout if timeout else float("inf")
    before, printed, view = "", 0, fleet.mission(name).view
    sign = SignOfLife(out=sys.stdout, shown=can_write_over(sys.stdout) and not as_json, before=BESIDE_THE_RULE)
    try:
        while True:
            state = f"{view.status} {view.node} {view.attempt} {view.reason}"
            if state != before:
                sign.end()
                _print_change(view, as_json)
                before, since = state, time.monotonic()
                sign.begin(_under_way(view), since)
            if view.status in ENDED_STATES or time.monotonic() > deadline:
                break
            said = AttemptDirs(chosen.home / "work").of(view.name, view.epoch) / "progress.txt"
            if not as_json and (words := _new_words(said, printed)):
                sign.end()
                click.echo(printable_diff(words), nl=False)
                printed += len(words)
                sign.begin(_under_way(view), since)
            time.sleep(1.0)
            view = fleet.mission(name).view
    finally:
        sign.end()
    sys.exit(0 if view.status in {"done", "review"} else 1)


def _under_way(view: MissionView) -> str:
    """What is waited for."""
    who = f"{view.agent} on {view.node}" if view.node else "no node has taken it yet"
    return f"{view.status} · {who}"


def _print_change(view: MissionView, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(view.json(), ensure_ascii=False))
    else:
        terminal.print_rows([mission_row(view)])


def _new_words(path: Path, printed: int) -> str:
    """What the running attempt has said since, if it runs on this machine."""
    return path.read_text(encoding="utf-8", errors="replace")[printed:] if path.exists() else ""
