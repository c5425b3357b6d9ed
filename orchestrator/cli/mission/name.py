"""How does a person name a mission on the command line: in full, by its beginning, or as the last one?"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli.clone.here import load_settings
from orchestrator.core import environment
from orchestrator.core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.settings import Settings
    from orchestrator.workflow.fleet import Fleet

SAFE = re.compile(r"[\w.-]+")
"""What a shell may be given to put into a person's line: a file that cannot be read has whatever name it was given."""
LAST = ("-", "@")
"""What stands for the mission that was named last on this machine."""


def complete_name(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """For the shell: missions that begin so, as they were last seen. Nothing is asked of the remote."""
    from orchestrator.workflow.mission_name import open_mission_names

    with suppress(Exception):  # a shell that completes says nothing, whatever is wrong
        fleet = wiring.fleet(environment.load_settings())
        ledger = fleet.reader.read(fleet.bus.remote.seen())
        return sorted(name for name in open_mission_names(ledger) if name.startswith(begun) and SAFE.fullmatch(name))
    return []


def mission_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command's NAME, which the shell completes."""
    return click.argument("name", shell_complete=complete_name)(command)


def full_name(settings: Settings, fleet: Fleet, word: str) -> str:
    """The mission that is meant; from now on it is the last one. The word itself, which is not remembered, where there
    is none. Raises NotFound, WrongSetting."""
    if word in LAST:
        word = last_name(settings)
    name = fleet.find_name(word)
    if name is None:
        return word
    remember(settings, name)
    return name


def remember(settings: Settings, name: str) -> None:
    """Makes a mission the last one that was named."""
    with suppress(OSError):  # a home that cannot be written to keeps nobody from looking
        _last_file(settings).write_text(f"{name}\n", encoding="utf-8")


def named_mission(word: str) -> tuple[Fleet, str]:
    """The fleet as the person here reaches it, and the mission's whole name."""
    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    return fleet, full_name(chosen, fleet, word)


def last_name(settings: Settings) -> str:
    """The mission that was named last on this machine. Raises NotFound."""
    try:
        return _last_file(settings).read_text(encoding="utf-8").strip()
    except OSError:
        raise NotFound("no mission was named here yet: `shiftbook mission list` shows their names") from None


def _last_file(settings: Settings) -> Path:
    return settings.home / "last-mission"
