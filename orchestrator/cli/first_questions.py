"""Which three things does a person say once, after their first ledger was made: agent, repository, where to be told?

Each has an answer that Enter takes, and each can be said later: the answer that is given names no new concept, only the
command or the setting that it stands for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.secret_text import SecretText
from sync.errors import SyncError

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings

NONE = "none"


def ask(ledger: Path) -> None:
    """Asks on the terminal, and does at once what is answered. What goes wrong is said; the ledger stays."""
    click.echo("\nThree questions; Enter takes what stands in brackets.")
    settings = load_settings()
    for question in (_agent, _repository, _notify):
        try:
            question(settings, ledger)
        except (OrchestratorError, SyncError, click.ClickException) as error:
            terminal.say(f"shiftbook: {error}", err=True)
    terminal.say('\nNext: `shiftbook mission new "…"`; then `shiftbook node run` works on it.')


def _agent(settings: Settings, ledger: Path) -> None:
    """Which of the programs that are here may be used."""
    from orchestrator.app import wiring
    from orchestrator.app.machine_settings import write_setting

    lacks = {program.name: program.missing() for program in wiring.programs()}
    here = [name for name, why in lacks.items() if why is None]
    if not here:
        near = "".join(f"\n   {why}" for why in lacks.values() if why and "is not installed" not in why)
        how = document_place("docs/agents.md")
        terminal.say(f"1. Which coding agent works here? None of {', '.join(lacks)} yet; how: {how}.{near}")
        return
    word = click.prompt("1. Which coding agent works here?", type=click.Choice(["all", *here]), default="all")
    if word != "all":
        write_setting(settings, "SHIFTBOOK_AGENTS", word)


def _repository(settings: Settings, ledger: Path) -> None:
    """The first project."""
    from orchestrator.cli.commands import project

    where = click.prompt("2. Which repository shall it work on, a folder or a URL?", default=_offered(ledger))
    if where != NONE:
        project.main(["add", where], prog_name="shiftbook project", standalone_mode=False)


def _offered(ledger: Path) -> str:
    """The repository in which the person stands, unless that is the ledger."""
    here = Path.cwd()
    top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    return str(top) if top and top != ledger else NONE


def _notify(settings: Settings, ledger: Path) -> None:
    """An address that is told what waits; it is looked at before it is kept."""
    from orchestrator.app.factories import notifier_factory
    from orchestrator.app.machine_settings import write_setting

    address = click.prompt("3. Where to tell you what waits for you (ntfy://…, mailto://…)?", default=NONE)
    if address == NONE:
        return
    try:
        notifier_factory.notifier(settings.model_copy(update={"notify": SecretText(address)}))
    except WrongSetting as error:
        raise WrongSetting(error.name, f"{error.why}; nothing is kept: set it in {settings.home / '.env'}") from error
    write_setting(settings, "SHIFTBOOK_NOTIFY", address)
    click.echo("Try it: `shiftbook notify test`")
