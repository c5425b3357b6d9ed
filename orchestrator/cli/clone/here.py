"""With which settings does a command work that is typed here? With those of the fleet in whose clone one stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.core import environment

if TYPE_CHECKING:
    from orchestrator.app.standing import Standing
    from orchestrator.core.settings import Settings

CONTEXT_KEY = "orchestrator.cli.clone.here"


def load_settings(**overrides: Any) -> Settings:
    """The settings in force; says on standard error when they are not those of this machine's node.

    When the command is over and has moved the ledger's branch, the clone follows. Raises WrongSetting.
    """
    settings = environment.load_settings(**overrides)
    if not _perhaps_in_clone(Path.cwd()):
        return settings
    from orchestrator.app import standing

    here = standing.stand(settings, Path.cwd())
    if here is None:
        return settings
    root = click.get_current_context().find_root()
    if root.meta.setdefault(CONTEXT_KEY, here.clone) is not here.clone:
        return here.settings  # asked for a second time by one command
    root.call_on_close(lambda: _follow(here))
    if not here.own:
        works = f"; this machine's node works for {settings.ledger}" if settings.ledger else ""
        click.echo(f"in the fleet of {here.settings.ledger}, in whose clone you stand{works}", err=True)
    return here.settings


def node_settings(what: str) -> Settings:
    """This machine's node's settings, for `what` goes by its fleet wherever one stands; says so in another's clone."""
    settings = environment.load_settings()
    if _perhaps_in_clone(Path.cwd()):
        from orchestrator.app import standing

        here = standing.stand(settings, Path.cwd())
        if here is not None and not here.own:
            click.echo(f"{what} is with this machine's node, of {settings.ledger or 'no fleet'}", err=True)
    return settings


def _perhaps_in_clone(folder: Path) -> bool:
    """Without git, which most commands outside of a clone would start for nothing."""
    clone = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    return clone is not None and (clone / "fleet.toml").is_file()


def _follow(here: Standing) -> None:
    from orchestrator.app import standing

    words = standing.follow(here) if here.moved else ""
    if words:
        click.echo(words, err=True)
