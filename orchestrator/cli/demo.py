"""shiftbook demo"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.syntax import Syntax
from rich.text import Text

from orchestrator.app import demo
from orchestrator.app.demo_fleet import DemoFailed, DemoFleet, running_demo_fleet
from orchestrator.cli import terminal
from orchestrator.cli.mission.base import mission_row
from orchestrator.workflow.mission_view import MissionView
from sync.errors import SyncError


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
@click.option("--keep", is_flag=True, help="Leave the folder, and say where it is.")
def command(as_json: bool, keep: bool) -> None:
    """A fleet of two real processes does the main job in a throw-away folder.

    Four missions are pushed with plain git: one changes files, one is a question, one has a typo, and one loses its
    worker to SIGKILL half-way. Exit code 0 only if all of them end as they must.
    """
    folder, began = Path(tempfile.mkdtemp(prefix="shiftbook-demo-")), time.monotonic()
    try:
        with running_demo_fleet(folder, _ignore_event if as_json else _event_printer()) as made:
            steps = demo.run_demo(made)
            ok, seconds = all(step.ok for step in steps), round(time.monotonic() - began, 1)
            if as_json:
                terminal.print_json({"ok": ok, "seconds": seconds, "steps": [asdict(step) for step in steps]})
            else:
                _results(made, steps, seconds)
    except (DemoFailed, SyncError) as error:
        ok = False
        if as_json:
            failed = {"name": "demo", "ok": False, "detail": str(error)}
            terminal.print_json({"ok": False, "seconds": round(time.monotonic() - began, 1), "steps": [failed]})
        else:
            click.echo(f"shiftbook: {error}", err=True)
        keep = True
    if keep:
        click.echo(f"the folder is {folder}", err=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if ok else 1)


def _ignore_event(who: str, event: dict[str, Any]) -> None:
    """Programs read the steps only."""


def _event_printer() -> Callable[[str, dict[str, Any]], None]:
    out = terminal.console()

    def tell(who: str, event: dict[str, Any]) -> None:
        line = Text(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
        line.append("│ ", style=terminal.RULE_COLOUR)
        line.append(f"{who:<7}", style="bold")
        line.append(f"{event['event']} ", style=terminal.STATUS_COLOURS.get(event["event"], ""))
        line.append(event["text"], style="dim")
        out.print(line, soft_wrap=True)

    return tell


def _results(stage: DemoFleet, steps: list[demo.DemoStep], seconds: float) -> None:
    """What a person would look at the next morning."""
    out = terminal.console()
    fields = MissionView.__dataclass_fields__
    views = [MissionView(**{k: _typed(k, v) for k, v in m.items() if k in fields}) for m in stage.missions().values()]
    out.rule("The missions", style="dim")
    out.print(terminal.shift_lines(mission_row(view) for view in views))
    shown = stage.show("count-the-files")
    out.rule("A diff that was handed back", style="dim")
    out.print(Syntax(shown["diff"].rstrip(), "diff", theme="ansi_dark", background_color="default"))
    answered = stage.show("what-is-this")
    out.rule(f"A memo · {answered['memo_path']}", style="dim")
    out.print(answered["memo"].rstrip())
    out.rule("The journal's newest entry", style="dim")
    log = stage.git("show", f"main:projects/{stage.project}/SESSION_LOG.md", folder=stage.bare)
    out.print("## " + log.rsplit("\n## ", 1)[-1].rstrip())
    out.rule("What was shown", style="dim")
    words = {True: "done", False: "failed"}
    out.print(terminal.shift_lines(("", step.name, step.detail, words[step.ok]) for step in steps))
    out.print(f"\n{seconds:.0f} seconds. Run `shiftbook demo --keep` to look around in the folder.")


def _typed(key: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if key in {"started", "finished"} and value else value
