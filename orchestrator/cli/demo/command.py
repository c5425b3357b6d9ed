"""shiftbook demo: how does the command start it, with or without a model, and how does it end?"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import ModelUnavailable
from sync.errors import SyncError

if TYPE_CHECKING:
    from orchestrator.app.demo import DemoStep
    from orchestrator.app.demo_fleet import DemoFleet
    from orchestrator.core.settings import Settings


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
@click.option("--keep", is_flag=True, help="Go on serving its page until Ctrl-C, and leave the folder.")
@click.option("--yes", is_flag=True, help="Fetch the embedded model (93 MB) where no model is here, without asking.")
def demo(as_json: bool, keep: bool, yes: bool) -> None:
    """Shows a fleet of two real processes doing the main job in a throw-away folder.

    A node fixes a bug and loses its power half-way (SIGKILL); another takes over, you approve its diff, it is merged.
    Beside it a rule lets a change pass, a mission has a typo, and a model, where one is here, answers a question. Exit
    code 0 only if all of that ends as it must.
    """
    from orchestrator.app.demo_fleet import DemoFailed

    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: no node outlives the demo
        signal.signal(number, signal.default_int_handler)
    chosen = load_settings()
    with_model = _find_model(chosen, yes=yes, ask=sys.stdin.isatty() and not as_json)
    folder, began = Path(tempfile.mkdtemp(prefix="shiftbook-demo-")), time.monotonic()
    try:
        steps = _run(folder, chosen, began, with_model=with_model, as_json=as_json, keep=keep)
    except (DemoFailed, SyncError, KeyboardInterrupt) as error:
        from orchestrator.app.demo import DemoStep

        steps, keep = [DemoStep(name="demo", ok=False, detail=str(error) or "stopped by you")], True
        click.echo(f"shiftbook: the demo failed: {steps[0].detail}", err=True)
    ok = all(step.ok for step in steps)
    if as_json:
        seconds = round(time.monotonic() - began, 1)
        terminal.print_json({"ok": ok, "seconds": seconds, "steps": [asdict(step) for step in steps]})
    if keep:
        click.echo(f"the folder is {folder}", err=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if ok else 1)


def _find_model(settings: Settings, *, yes: bool, ask: bool) -> bool:
    """Whether a model is here before anything starts; one is fetched only on the person's word."""
    from orchestrator.app import wiring
    from orchestrator.app.demo import model_missing

    if not model_missing(settings):
        return True
    terminal.say("No model answers on this machine yet; `shiftbook models list` says why.", err=True)
    if yes or (ask and click.confirm("Fetch the embedded one now, SmolLM2-135M, 93 MB?", default=True, err=True)):
        try:
            wiring.model_manager(settings).pull("embedded", tell=lambda *_: None)
        except ModelUnavailable as error:
            click.echo(f"shiftbook: {error}", err=True)
        else:
            return True
    click.echo("The demo runs without a question to a model; everything else is shown.", err=True)
    return False


def _run(
    folder: Path, settings: Settings, began: float, *, with_model: bool, as_json: bool, keep: bool
) -> list[DemoStep]:
    from orchestrator.app import wiring
    from orchestrator.app.demo import run_demo
    from orchestrator.app.demo_fleet import running_demo_fleet
    from orchestrator.cli.demo.ending import print_ending
    from orchestrator.cli.demo.screen import open_screen

    with (
        open_screen(silent=as_json) as screen,
        running_demo_fleet(folder, screen, wiring.embedded_file(settings)) as made,
    ):
        steps = run_demo(made, with_model=with_model)
        seconds = time.monotonic() - began
        if not as_json:
            print_ending(made, steps, seconds, ledger=settings.ledger, page=keep)
        if keep and not as_json:
            _serve(made)
    return steps


def _serve(stage: DemoFleet) -> None:
    """Shows the same fleet on the page until the person has seen enough."""
    address = stage.serve()
    click.echo(f"\n{address}\n\nThe same four missions on the page, for this machine only; Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        stage.nodes[-1].process.wait()
