"""shiftbook gatehouse: what the served repository's pre-receive hook runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from orchestrator.core import settings
from orchestrator.git_server import pre_receive


@click.command("gatehouse", hidden=True)
def command() -> None:
    """Judges the push that git describes on standard input. Exits 4, with one line for the pusher, if it is refused."""
    why = pre_receive.check_push(settings.load(), Path.cwd(), sys.stdin, os.environ)
    if why:
        click.echo(f"shiftbook: {why}", err=True)
        sys.exit(4)
