"""shiftbook restore"""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.app import backup
from orchestrator.cli import terminal
from orchestrator.cli.backup import progress
from orchestrator.core import settings


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Also where something is already; that is kept beside, never deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print what was put back as JSON.")
def command(file: Path, force: bool, as_json: bool) -> None:
    """Makes this machine's home folder (SHIFTBOOK_HOME) and its database what the backup FILE holds.

    Stop the node first. Everything is read and checked before anything is changed.
    """
    with progress("restoring") as say:
        done = backup.restore(settings.load(), file, say, force=force)
    if as_json:
        told = {"home": str(done.home), "database": done.database, "rows": done.rows}
        terminal.print_json(told | {"aside": [str(path) for path in done.aside], **done.manifest.model_dump()})
        return
    made = f"{done.manifest.node}'s backup of {done.manifest.made}"
    click.echo(f"{done.home} is as in {made}, with {done.rows:,} rows in {done.database}")
    for path in done.aside:
        click.echo(f"what was there before is kept in {path}")
