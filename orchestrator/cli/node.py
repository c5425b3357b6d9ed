"""shiftbook node"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from orchestrator.app import node_process
from orchestrator.cli import terminal
from orchestrator.core import settings


@click.group("node")
def command() -> None:
    """Run this machine's node."""


@command.command("run")
@click.option("--once", is_flag=True, help="Do what can be done now, then exit.")
@click.option(
    "--watch",
    type=click.Path(path_type=Path),
    help="A clone of the ledger whose edits are committed and pushed; also SHIFTBOOK_WATCH.",
)
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON, one object a line.")
def run(once: bool, watch: Path | None, as_json: bool) -> None:
    """Claims missions and works on them until it is told to stop.

    The first SIGTERM (or Ctrl-C) lets the running work end, the second cancels it. Killing it loses nothing: the
    work is taken over, by this node when it starts again or by another when the lease has run out.
    """
    given = {"watch": watch} if watch else {}
    node_process.run_node(settings.load(**given), event_printer(as_json), once=once)


def event_printer(as_json: bool) -> Callable[..., None]:
    """What a node says while it works: one shift line an event on standard error, or JSON on standard output."""
    said: set[tuple[str, str]] = set()
    out = terminal.console(stderr=True)

    def tell(event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        if once and (event, sentence) in said:
            return
        said.add((event, sentence))
        if as_json:
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
            sys.stdout.write(json.dumps({"time": now, "event": event, "text": sentence, **facts}, default=str) + "\n")
            sys.stdout.flush()
            return
        line = Text(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
        line.append("│ ", style=terminal.RULE_COLOUR)
        line.append(f"{event} ", style=f"bold {terminal.STATUS_COLOURS.get(event, '')}".strip())
        line.append(sentence)
        out.print(line, soft_wrap=True)

    return tell
