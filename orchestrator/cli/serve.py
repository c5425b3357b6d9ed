"""shiftbook serve (hidden): what `shiftbook node run` starts beside itself, and what serves without a node"""

from __future__ import annotations

import click

from orchestrator.api import process
from orchestrator.core import settings


@click.command("serve", hidden=True)
@click.option("--parent", type=int, metavar="FD", help="End when this file descriptor is closed.")
def command(parent: int | None) -> None:
    """Serves the HTTP API without a node, at SHIFTBOOK_HTTP, until SIGTERM; running answers are told to their end."""
    process.run(settings.load(), parent=parent)
