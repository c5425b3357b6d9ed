"""shiftbook log"""

from __future__ import annotations

import click


@click.group("log")
def command() -> None:
    """(being written)"""
