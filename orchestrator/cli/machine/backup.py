"""shiftbook backup, restore: how is what this node keeps saved into one file, and brought back?"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.app.backups.archive import OnBytesDone


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(1, 10_000), help="Then delete all but so many of this node's backups there."
)
@click.option(
    "--to",
    "readers",
    multiple=True,
    metavar="RECIPIENT",
    help="Encrypt it to this public key (age1… or an ssh key's line); may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where it is and what it holds as JSON.")
def backup(target: Path, keep: int | None, readers: tuple[str, ...], as_json: bool) -> None:
    """Saves what of this node cannot be made again into one file, TARGET, or a new file in the folder TARGET.

    The node may go on running. Private keys and other secrets are saved only with --to (or SHIFTBOOK_BACKUP_TO): then
    the file is encrypted, and nobody but who holds the key of a recipient reads it.
    """
    from rich.filesize import decimal

    from orchestrator.app.backups.backup import save
    from orchestrator.app.backups.retention import drop_older

    with _progress("saving") as say:
        settings = load_settings()
        saved = save(settings, target, say, to=readers or settings.backup_to)
    gone = drop_older(saved.path, saved.manifest.node, keep) if keep else ()
    if as_json:
        told = {"file": str(saved.path), "bytes": saved.path.stat().st_size, "rows": saved.rows}
        told |= {"deleted": [str(path) for path in gone], "secrets_left_out": saved.secrets_left_out}
        terminal.print_json(told | {"skipped": saved.skipped, **saved.manifest.model_dump()})
        return
    for name in saved.skipped:
        click.echo(f"shiftbook: {name} is no file and was left out", err=True)
    if saved.secrets_left_out:
        click.echo(
            f"shiftbook: {saved.secrets_left_out} secrets (private keys, lines of .env) were left out: "
            "--to RECIPIENT saves them too, encrypted",
            err=True,
        )
    size = decimal(saved.manifest.size)
    sealed = ", encrypted" if saved.manifest.secrets else ""
    click.echo(f"{saved.path}: {len(saved.manifest.parts)} files, {saved.rows:,} rows, {size}, read back whole{sealed}")
    for path in gone:
        click.echo(f"deleted {path}")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Also where something is already; that is kept beside, never deleted.")
@click.option(
    "--identity", type=click.Path(path_type=Path), help="The private key (age's or ssh's) that opens an encrypted one."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was put back as JSON.")
def restore(file: Path, force: bool, identity: Path | None, as_json: bool) -> None:
    """Makes this machine's home folder (SHIFTBOOK_HOME) and its database what the backup FILE holds.

    Stop the node first. Everything is read and checked before anything is changed.
    """
    from orchestrator.app.backups import backup

    settings = load_settings()
    with _progress("restoring") as say:
        done = backup.restore(settings, file, say, force=force, identity=identity)
    if as_json:
        told = {"home": str(done.home), "database": done.database, "rows": done.rows}
        told |= {"aside": [str(path) for path in done.aside], "kept_out": list(done.kept_out)}
        told |= {"revocations_known": done.revocations_known, "carried": done.carried}
        terminal.print_json(told | done.manifest.model_dump())
        return
    made = f"{done.manifest.node}'s backup of {done.manifest.made}"
    click.echo(f"{done.home} is as in {made}, with {done.rows:,} rows in {done.database}")
    if not done.manifest.secrets:
        terminal.say(
            f"it holds no secrets; {done.carried} of this machine's own were taken over. Where keys lack now, "
            "`shiftbook doctor` says which and what to do"
        )
    if not done.manifest.secrets and done.manifest.node != settings.node:
        click.echo(
            f"{settings.node} was this machine's node: its keys are not {done.manifest.node}'s and were not taken"
        )
    for path in done.aside:
        click.echo(f"what was there before is kept in {path}")
    for words in done.kept_out:
        click.echo(words)
    if not done.revocations_known:
        terminal.say(
            f"who was revoked after {done.manifest.made} is let in again: look at `shiftbook device list` and "
            "`shiftbook token list`, and revoke them anew"
        )


@contextmanager
def _progress(what: str) -> Iterator[OnBytesDone]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.progress import Progress

    from orchestrator.cli.console import console

    out = console(stderr=True)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
