"""shiftbook check: would the fleet take these files as they are?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from orchestrator.cli import terminal


@click.command("check")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
@click.option("--pushed", metavar="BRANCH", default="", help="Look at what a push brings to it (for the hook).")
@click.option("--json", "as_json", is_flag=True, help="Print what is wrong as JSON.")
def check(folder: Path, pushed: str, as_json: bool) -> None:
    """Checks fleet.toml, allowed_signers and the missions of a clone (default: here) before you push them.

    Says everything that is wrong at once, with file, line and an example, and exits with 1 then.
    """
    from orchestrator.app import clone_check

    folder = folder.absolute()
    lines = list(sys.stdin) if pushed else []
    if pushed and clone_check.is_behind(folder, pushed, lines):
        terminal.say("others have pushed since (nodes write there, too): `git pull`, then `git push` again", err=True)
    found = clone_check.check_push(folder, pushed, lines) if pushed else clone_check.check_clone(folder)
    if as_json:
        terminal.print_json([asdict(one) for one in found])
    for one in () if as_json else found:
        click.echo(f"{one.place}: {one.says}", err=bool(pushed))
        if one.example:
            click.echo(f"    for example: {one.example}", err=bool(pushed))
    if not found and not as_json and not pushed:
        click.echo("nothing is wrong: fleet.toml, allowed_signers and all missions can be used")
    if found and pushed:
        terminal.say("mend that, commit and push again; `git push --no-verify` pushes it as it is", err=True)
    sys.exit(1 if found else 0)
