"""shiftbook watch"""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.app import node_process
from orchestrator.cli.node import event_printer
from orchestrator.core import settings


@click.command("watch")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--pull", is_flag=True, help="Let clean files follow what others push; also SHIFTBOOK_WATCH_PULL.")
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON, one object a line.")
def command(path: Path, pull: bool, as_json: bool) -> None:
    """Commits and pushes what you edit in PATH, a clone of the ledger, once it has been quiet.

    Missions, projects, knowledge and the documents at the top; in your name, signed as you sign. What you have staged
    stays staged, half-written files wait, and nothing else is touched.
    """
    given = {"watch_pull": True} if pull else {}
    node_process.watch(settings.load(**given), path.absolute(), event_printer(as_json))
