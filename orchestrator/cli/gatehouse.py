"""shiftbook gatehouse: what the served repository's pre-receive hook runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from orchestrator import gatehouse
from orchestrator.core import settings


@click.command("gatehouse", hidden=True)
def command() -> None:
    """Judges the push that git describes on standard input. Exits 4, with one line for the pusher, if it is refused."""
    why = gatehouse.judge(settings.load(), Path.cwd(), sys.stdin, os.environ)
    if why:
        click.echo(f"shiftbook: {why}", err=True)
        sys.exit(4)
