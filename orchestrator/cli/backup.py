"""shiftbook backup"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.filesize import decimal
from rich.progress import Progress

from orchestrator.app import backup
from orchestrator.app.backup_archive import OnBytesDone
from orchestrator.cli import terminal
from orchestrator.core import settings


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print where it is and what it holds as JSON.")
def command(target: Path, as_json: bool) -> None:
    """Saves what of this node cannot be made again into one file, TARGET, or a new file in the folder TARGET.

    The node may go on running. The file holds private keys: keep it where you would keep those.
    """
    with progress("saving") as say:
        saved = backup.save(settings.load(), target, say)
    parts = saved.manifest.parts
    if as_json:
        told = {"file": str(saved.path), "bytes": saved.path.stat().st_size, "rows": saved.rows}
        terminal.print_json(told | {"skipped": saved.skipped, **saved.manifest.model_dump()})
        return
    for name in saved.skipped:
        click.echo(f"shiftbook: {name} is no file and was left out", err=True)
    click.echo(
        f"{saved.path}: {len(parts)} files, {saved.rows:,} rows, {decimal(saved.manifest.size)}, read back whole"
    )


@contextmanager
def progress(what: str) -> Iterator[OnBytesDone]:
    """A bar on a terminal; nothing elsewhere."""
    out = terminal.console(stderr=True)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
