"""shiftbook review"""

from __future__ import annotations

import click


@click.group("review")
def command() -> None:
    """(being written)"""
