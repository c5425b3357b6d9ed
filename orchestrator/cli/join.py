"""shiftbook join"""

from __future__ import annotations

import re
from pathlib import Path

import click

from orchestrator.app import setup
from orchestrator.cli.init import report
from orchestrator.core import settings


@click.command("join")
@click.argument("url")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(url: str, folder: Path | None, as_json: bool) -> None:
    """Clones the ledger at URL into FOLDER, set up so that a plain `git commit` and `git push` just work."""
    name = re.sub(r"\.git$", "", url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]) or "ledger"
    report(setup.join(url, folder or Path(name), settings.load()), as_json)
