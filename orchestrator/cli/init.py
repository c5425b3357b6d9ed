"""shiftbook init"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from orchestrator.app import setup
from orchestrator.cli import terminal
from orchestrator.core import settings


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--remote", default="", metavar="URL", help="Share it through this repository instead of one beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(folder: Path, remote: str, as_json: bool) -> None:
    """Makes a ledger in FOLDER (default: here), or completes the one that is there.

    A ledger is an ordinary Git repository. FOLDER may be a project's own repository. Running it twice changes nothing.
    """
    report(setup.init(folder, settings.load(), remote=remote), as_json)


def report(made: setup.LedgerSetup, as_json: bool) -> None:
    """Says what was done and what comes next; init and join end alike."""
    if as_json:
        terminal.print_json(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(made).items()}
        )
        return
    for line in made.done:
        click.echo(line)
    if not made.done:
        click.echo(f"nothing to do: {made.folder} is a ledger, shared through {made.remote}")
    if not made.known:
        click.echo("\nYour key is not in allowed_signers yet, so missions that you push wait until an admin adds it:")
        key = made.line.partition('"git" ')[2]
        click.echo(f"  shiftbook fleet admit {made.person} --role author --key '{key}'")
    else:
        click.echo(f"\nNext: write {made.folder / 'missions' / 'hello.md'}, commit, push; then `shiftbook node run`.")
