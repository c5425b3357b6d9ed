"""Which fleet does a first project go to, on a machine that has none yet?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings

FLEET_FOLDER = "~/fleet"


def settings_with_fleet(*, asks: bool, agreed: bool, quiet: bool) -> Settings:
    """The settings in force; where no fleet is set, the person is asked (or has `agreed`), and one is made.

    It is what `shiftbook init ~/fleet` makes, in a folder of its own and never in the project. Raises WrongSetting
    where nobody said yes, or where that folder holds something.
    """
    settings = load_settings()
    if settings.ledger:
        return settings
    from orchestrator.app import setup
    from sync import files

    folder = files.expand_home(FLEET_FOLDER)
    if _holds_something(folder):
        why = f"no fleet is set, and {folder} holds something: `shiftbook init FOLDER` makes one elsewhere"
        raise WrongSetting("SHIFTBOOK_LEDGER", why)
    if asks:
        terminal.say("this machine has no fleet yet; `shiftbook join URL` joins one that is there")
        question = f"make one in {FLEET_FOLDER}?"
        agreed = click.confirm(question, default=True)
    if not agreed:
        why = f"no fleet is set: --yes makes one in {FLEET_FOLDER}; or `shiftbook init FOLDER`, `shiftbook join URL`"
        raise WrongSetting("SHIFTBOOK_LEDGER", why)
    made = setup.init(folder, settings)
    if not quiet:
        shared = f"{made.folder} is your clone, {made.remote} what machines share; this machine's node works for it"
        terminal.say(f"made a fleet: {shared}")
    return load_settings()


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
