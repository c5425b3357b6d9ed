"""shiftbook demo: what does a person see of a fleet that does the main job in a throw-away folder?"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import terminal
from orchestrator.cli.mission.listing import mission_row
from sync.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.app.demo import DemoStep
    from orchestrator.app.demo_fleet import DemoFleet


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
@click.option("--keep", is_flag=True, help="Leave the folder, and say where it is.")
def demo(as_json: bool, keep: bool) -> None:
    """Shows a fleet of two real processes doing the main job in a throw-away folder.

    Four missions are pushed with plain git: one changes files, one is a question, one has a typo, and one loses its
    worker to SIGKILL half-way. Exit code 0 only if all of them end as they must.
    """
    from orchestrator.app.demo import run_demo
    from orchestrator.app.demo_fleet import DemoFailed, running_demo_fleet

    folder, began = Path(tempfile.mkdtemp(prefix="shiftbook-demo-")), time.monotonic()
    try:
        with running_demo_fleet(folder, _ignore_event if as_json else _event_printer()) as made:
            steps = run_demo(made)
            ok, seconds = all(step.ok for step in steps), round(time.monotonic() - began, 1)
            if as_json:
                terminal.print_json({"ok": ok, "seconds": seconds, "steps": [asdict(step) for step in steps]})
            else:
                _print_results(made, steps, seconds)
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
    from rich.text import Text

    from orchestrator.cli.console import RULE_COLOUR, STATUS_COLOURS, console

    out = console()

    def tell(who: str, event: dict[str, Any]) -> None:
        line = Text(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
        line.append("│ ", style=RULE_COLOUR)
        line.append(f"{who:<7}", style="bold")
        line.append(f"{event['event']} ", style=STATUS_COLOURS.get(event["event"], ""))
        line.append(event["text"], style="dim")
        out.print(line, soft_wrap=True)

    return tell


def _print_results(stage: DemoFleet, steps: list[DemoStep], seconds: float) -> None:
    """What a person would look at the next morning."""
    from orchestrator.cli.console import console
    from orchestrator.cli.mission import diff_page
    from orchestrator.workflow.mission_view import MissionView

    out = console()
    fields = MissionView.__dataclass_fields__
    views = [MissionView(**{k: _typed(k, v) for k, v in m.items() if k in fields}) for m in stage.missions().values()]
    out.rule("The missions", style="dim")
    terminal.print_rows(mission_row(view) for view in views)
    shown = stage.show("count-the-files")
    out.rule("A diff that was handed back", style="dim")
    diff_page.print_lines(diff_page.diff_lines(shown["diff"]))
    answered = stage.show("what-is-this")
    out.rule(f"A memo · {answered['memo_path']}", style="dim")
    out.print(answered["memo"].rstrip())
    out.rule("The journal's newest entry", style="dim")
    log = stage.git("show", f"main:projects/{stage.project}/SESSION_LOG.md", folder=stage.bare)
    out.print("## " + log.rsplit("\n## ", 1)[-1].rstrip())
    out.rule("What was shown", style="dim")
    words = {True: "done", False: "failed"}
    terminal.print_rows(("", step.name, step.detail, words[step.ok]) for step in steps)
    out.print(f"\n{seconds:.0f} seconds. Run `shiftbook demo --keep` to look around in the folder.")


def _typed(key: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if key in {"started", "finished"} and value else value
