"""shiftbook handoff agents-file"""

from __future__ import annotations

from pathlib import Path

import click

from handoff.agents_file import insert_handoff
from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.mission.base import warn
from orchestrator.core import settings
from orchestrator.core.errors import WrongSetting
from orchestrator.execution.workspace import agents_md
from orchestrator.workflow.journal.context import estimate_tokens

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("agents-file")
@click.option("--project", default="", help="A project from fleet.toml.")
@click.option("--budget", default=4000, show_default=True, type=click.IntRange(100), help="Tokens at most.")
@click.option("--write", "folder", type=FOLDER, metavar="DIR", help="Write into this folder's files instead.")
@click.option("--remove", is_flag=True, help="With --write: take the handoff out of them again.")
@click.option("--json", "as_json", is_flag=True, help="Print the text, or what was written, as JSON.")
def command(project: str, budget: int, folder: Path | None, remove: bool, as_json: bool) -> None:
    """Prints the handoff as an AGENTS.md, for agents that are not run by the fleet.

    With --write it goes between markers into DIR/AGENTS.md, and a line that points there into DIR/CLAUDE.md; what
    stands outside the markers is not touched. Do it again whenever the handoff has changed.
    """
    if remove:
        if folder is None:
            raise WrongSetting("--remove", "say where, with --write DIR")
        _print_paths(agents_md.remove_from_folder(folder), as_json)
        return
    fleet = wiring.fleet(settings.load())
    made = fleet.handoff(project, "", budget=budget, count=estimate_tokens)
    warn(fleet)
    handoff = made.head + made.log  # without the date and the task, so that it only changes when the handoff does
    if folder is not None:
        _print_paths([one.path for one in agents_md.write_handoff(folder, handoff) if one.changed], as_json)
    elif as_json:
        terminal.print_json({"text": insert_handoff("", handoff), "tokens": made.tokens})
    else:
        click.echo(insert_handoff("", handoff), nl=False)


def _print_paths(paths: list[Path], as_json: bool) -> None:
    if as_json:
        terminal.print_json({"written": [str(path) for path in paths]})
        return
    for path in paths:
        click.echo(f"wrote {path}")
    if not paths:
        click.echo("nothing to change")
