"""shiftbook memo"""

from __future__ import annotations

import click


@click.group("memo")
def command() -> None:
    """(being written)"""
