"""shiftbook fleet --watch: how does a person watch the nodes as they come, work and fall silent?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import terminal

if TYPE_CHECKING:
    from orchestrator.ledger.node_pages import Presence
    from orchestrator.workflow.fleet import Fleet

LOOK_SECONDS = 2.0
"""Seconds between two looks. One is a fetch: a machine that does nothing else watches from its own clone."""
RESTLESS = frozenset({"moved", "silent_seconds", "load", "disk"})
"""What of a node changes all the time, and is no news."""
MakeRow = Callable[["Presence"], terminal.Row]


def watch_nodes(fleet: Fleet, row: MakeRow, *, as_json: bool) -> None:
    """Shows the nodes until Ctrl-C: a table that follows them, or with --json and in a pipe a line for each change."""
    looks = _looks(fleet)
    if as_json or not terminal.for_people():
        _print_changes(looks, as_json=as_json)
    else:
        _show(looks, row)


def _looks(fleet: Fleet) -> Iterator[tuple[Sequence[Presence], list[dict[str, Any]], str]]:
    """Look after look: the nodes, the same as plain data, and why the Git server could not be asked."""
    from orchestrator.workflow.reading.fleet_rows import node_rows

    while True:
        nodes = fleet.nodes()
        yield nodes, node_rows(fleet.last_seen(), nodes), fleet.offline
        time.sleep(LOOK_SECONDS)


def _print_changes(looks: Iterator[tuple[Sequence[Presence], list[dict[str, Any]], str]], *, as_json: bool) -> None:
    before: dict[str, dict[str, Any]] = {}
    unreachable = ""
    for _, rows, offline in looks:
        if offline != unreachable:
            unreachable = offline
            click.echo(f"shiftbook: {offline or 'the Git server answers again'}", err=True)
        for each in rows:
            steady = {key: value for key, value in each.items() if key not in RESTLESS}
            if before.get(each["name"]) == steady:
                continue
            before[each["name"]] = steady
            now = datetime.now(UTC).isoformat(timespec="seconds")
            if as_json:
                click.echo(json.dumps({"time": now, **each}, ensure_ascii=False, default=str))
            else:
                terminal.print_line((now, each["name"], each["state"], ", ".join(each["works_on"]) or "idle"))


def _show(looks: Iterator[tuple[Sequence[Presence], list[dict[str, Any]], str]], row: MakeRow) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from orchestrator.cli.console import console, shift_lines

    with Live(console=console(), auto_refresh=False) as live:
        for nodes, rows, offline in looks:
            queued = max((each["queue"] for each in rows), default=0)
            said = offline or f"{sum(node.state == 'live' for node in nodes)} of {len(nodes)} live · {queued} wait"
            head = Text(f"{datetime.now():%H:%M:%S}  {said} · Ctrl-C ends it", style="dim")
            live.update(Group(head, shift_lines([row(node) for node in nodes])), refresh=True)
