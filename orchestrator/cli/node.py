"""shiftbook node"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from orchestrator import settings, wiring
from orchestrator.cli import paper
from orchestrator.errors import Refused
from orchestrator.filelock import locked
from orchestrator.node import Node
from orchestrator.work import Reason
from sync.watch import watch_refs


@click.group("node")
def command() -> None:
    """Run this machine's node."""


@command.command("run")
@click.option("--once", is_flag=True, help="Do what can be done now, then exit.")
@click.option("--json", "as_json", is_flag=True, help="Say what happens as JSON, one object a line.")
def run(once: bool, as_json: bool) -> None:
    """Claims missions and works on them until it is told to stop.

    The first SIGTERM (or Ctrl-C) lets the running work end, the second cancels it. Killing it loses nothing: the
    work is taken over, by this node when it starts again or by another when the lease has run out.
    """
    now = settings.load()
    tell = teller(as_json)
    with locked(now.home / "node.lock", give_up=lambda: True) as mine:
        if not mine:
            raise Refused(f"a node runs in {now.home} already: one process for each home folder (SHIFTBOOK_HOME)")
        node = wiring.node(now, tell)
        _obey_signals(node, tell)
        unwatch = _watch(now.ledger, node.wake.set)
        agents = ", ".join(sorted(node.intake.offer.agents)) or "no agent"
        tell("ready", f"{now.node} ({now.role.label}) works for {now.ledger} with {agents}", node=now.node)
        try:
            node.run(once=once)
        finally:
            unwatch()
            node.close()
        tell("stopped", f"{now.node} is gone; nothing is left undone", node=now.node)


def _watch(ledger: str, nudge: Callable[[], None]) -> Callable[[], None]:
    """Watches a ledger that lies on this disk; any other is polled."""
    path = Path(ledger.removeprefix("file://"))
    bare = path / ".git" if (path / ".git").is_dir() else path
    return watch_refs(bare, nudge) if (bare / "refs").is_dir() else lambda: None


def _obey_signals(node: Node, tell: Callable[..., None]) -> None:
    def obey(number: int, frame: object) -> None:
        if node.draining:
            tell("cancelling", "ending the running work now; it goes back into the queue")
            node.stop_jobs(Reason.STOPPING)
        else:
            tell("draining", "taking nothing new; once more to cancel what runs")
            node.drain()

    signal.signal(signal.SIGTERM, obey)
    signal.signal(signal.SIGINT, obey)


def teller(as_json: bool) -> Callable[..., None]:
    """What a node says while it works: one shift line an event on standard error, or JSON on standard output."""
    said: set[tuple[str, str]] = set()
    out = paper.console(stderr=True)

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
        line.append("│ ", style=paper.RULE)
        line.append(f"{event} ", style=f"bold {paper.INK.get(event, '')}".strip())
        line.append(sentence)
        out.print(line, soft_wrap=True)

    return tell
