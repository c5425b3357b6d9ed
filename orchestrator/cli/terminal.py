"""How does a command print to the terminal: rows for people, JSON for programs, warnings on standard error?

What draws is loaded when it draws: a command's help, and JSON, need none of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orchestrator.workflow.fleet import Fleet

DEVICE_ID = "terminal"
"""What a chat in a terminal calls the device that it comes from."""
Row = tuple[str, str, str, str]
"""An entry of the log book: time, title, detail, status."""


def print_rows(rows: Iterable[Row]) -> None:
    """Entries beside the margin rule."""
    from orchestrator.cli.console import console, shift_lines

    console().print(shift_lines(rows))


def print_status(words: str, status: str) -> None:
    """A sentence in the colour of a status."""
    from orchestrator.cli.console import STATUS_COLOURS, console

    console().print(words, style=STATUS_COLOURS[status])


def print_json(data: Any) -> None:
    """Data for programs, on standard output."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def warn(fleet: Fleet) -> None:
    """Says what is wrong with what is shown: it is old, or something on the branch is not followed."""
    if fleet.offline:
        click.echo(f"shiftbook: {fleet.offline}; showing what was last seen", err=True)
    for alarm in fleet.alarms:
        click.echo(f"shiftbook: {alarm}", err=True)


def clock_time(when: datetime | None) -> str:
    """A time in the gutter: local, hours and minutes; the day for what is older."""
    if when is None:
        return ""
    local = when.astimezone()
    today = datetime.now().astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%d %b}"
