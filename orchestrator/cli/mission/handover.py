"""The handover between chat and mission: shiftbook mission from-chat, shiftbook mission chat."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.name import full_name, mission_argument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.chat.handover.exchange import HandoverService


@contextmanager
def _exchange() -> Iterator[HandoverService]:
    """This machine's chats and the fleet, as the person here reaches them."""
    from orchestrator.app.factories.chat_factory import open_handover

    chosen = load_settings()
    stores = wiring.stores(chosen)
    try:
        yield open_handover(chosen, stores, wiring.fleet(chosen))
    finally:
        stores.close()


@click.command("from-chat")
@click.argument("conversation")
@click.option("--name", default="", help="The mission's name; made from the last request if missing.")
@click.option("--title")
@click.option("--task", help="general_task or coding_task; a chat that changed files is a coding_task.")
@click.option("--agent", help="Who works on it; of a coding_task whoever fits best, if missing.")
@click.option("--run", help="The command line, for a mission that is one.")
@click.option("--project", help="A project from fleet.toml; the chat's, if missing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was filed as JSON.")
def from_chat(conversation: str, name: str, as_json: bool, **fields: str | None) -> None:
    """Makes a mission of a chat on this machine: what it asks for, and what its workspace has changed already."""
    with _exchange() as here:
        filed = here.file(conversation, fields, name=name)
    if as_json:
        terminal.print_json(asdict(filed))
        return
    terminal.say(f"filed missions/{filed.name}.md; follow it with `shiftbook mission watch {filed.name}`")
    if filed.files:
        click.echo(f"it starts from what the chat changed: {', '.join(filed.files[:10])}")


@click.command("chat")
@mission_argument
@click.option("--json", "as_json", is_flag=True, help="Print the conversation as JSON, and begin no talk.")
def take_over(name: str, as_json: bool) -> None:
    """Takes a mission over as a chat on this machine, with its words, its result and its work. It is paused first."""
    with _exchange() as here:
        made = here.take_over(full_name(load_settings(), here.fleet, name), device=terminal.DEVICE_ID)
    if as_json:
        terminal.print_json(asdict(made))
        return
    click.echo(f"{'going on with' if made.resumed else 'took over'} {made.mission}. {made.begins}")
    click.echo(f"shiftbook chat --tools --conversation {made.conversation}")
    if sys.stdin.isatty():
        words = (sys.executable, "-P", "-m", "orchestrator", "chat", "--tools", "--conversation", made.conversation)
        sys.exit(subprocess.call(words))
