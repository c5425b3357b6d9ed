"""shiftbook fleet --watch: how does a person watch the nodes as they come, work and fall silent?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import terminal

if TYPE_CHECKING:
    from orchestrator.core.ports.bus_care import BusCondition, BusWatch
    from orchestrator.ledger.node_pages import Presence
    from orchestrator.workflow.fleet import Fleet

LOOK_SECONDS = 2.0
"""Seconds between two looks. One is a fetch: a machine that does nothing else watches from its own clone."""
RESTLESS = frozenset({"moved", "silent_seconds", "load", "disk"})
"""What of a node changes all the time, and is no news."""
MakeRow = Callable[["Presence"], terminal.Row]


def node_work(works_on: Sequence[str], state: str) -> str:
    """What a node works on; only one that is up is idle."""
    return ", ".join(works_on) or ("idle" if state == "live" else "")


def watch_nodes(fleet: Fleet, row: MakeRow, bus: BusWatch | None, *, as_json: bool) -> None:
    """Shows the nodes until Ctrl-C: a table that follows them, or with --json and in a pipe a line for each change.
    So it does with the bus beside the ledger, where there is one."""
    looks = _looks(fleet, bus)
    if as_json or not terminal.for_people():
        _print_changes(looks, as_json=as_json)
    else:
        _show(looks, row)


@dataclass(frozen=True, kw_only=True)
class FleetLook:
    """The nodes, the same as plain data, why the Git server could not be asked, and how the bus beside it is."""

    nodes: Sequence[Presence]
    rows: list[dict[str, Any]]
    offline: str
    bus: BusCondition | None


def _looks(fleet: Fleet, bus: BusWatch | None) -> Iterator[FleetLook]:
    from orchestrator.workflow.reading.fleet_rows import node_rows

    while True:
        nodes = fleet.nodes()
        rows = node_rows(fleet.last_seen(), nodes, fleet.now())
        condition = bus.condition() if bus is not None else None
        yield FleetLook(nodes=nodes, rows=rows, offline=fleet.offline, bus=condition)
        time.sleep(LOOK_SECONDS)


def _print_changes(looks: Iterator[FleetLook], *, as_json: bool) -> None:
    before: dict[str, dict[str, Any]] = {}
    unreachable, bus_before = "", set[str]()
    for look in looks:
        if look.offline != unreachable:
            unreachable = look.offline
            click.echo(f"shiftbook: {look.offline or 'the Git server answers again'}", err=True)
        bus_before = _print_bus_change(look.bus, bus_before)
        for each in look.rows:
            steady = {key: value for key, value in each.items() if key not in RESTLESS}
            if before.get(each["name"]) == steady:
                continue
            before[each["name"]] = steady
            now = datetime.now(UTC).isoformat(timespec="seconds")
            if as_json:
                terminal.print_json_line({"time": now, **each})
            else:
                terminal.print_line((now, each["name"], each["state"], node_work(each["works_on"], each["state"])))


def _print_bus_change(bus: BusCondition | None, before: set[str]) -> set[str]:
    """Tells on standard error what of the bus is to be mended since the last look, and what no longer is."""
    if bus is None:
        return before
    from orchestrator.workflow.delegation.bus_report import findings

    now = {each.kind: each.says for each in findings(bus)}
    for kind in now.keys() - before:
        click.echo(f"shiftbook: redis: {now[kind]}", err=True)
    if before and not now:
        click.echo("shiftbook: redis: all is well again", err=True)
    return set(now)


def _show(looks: Iterator[FleetLook], row: MakeRow) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from orchestrator.cli.console import console, shift_lines
    from orchestrator.workflow.delegation.bus_report import summary

    with Live(console=console(), auto_refresh=False) as live:
        for look in looks:
            nodes, queued = look.nodes, max((each["queue"] for each in look.rows), default=0)
            said = look.offline or f"{sum(node.state == 'live' for node in nodes)} of {len(nodes)} live · {queued} wait"
            head = Text(f"{datetime.now():%H:%M:%S}  {said} · Ctrl-C ends it", style="dim")
            below = [Text(f"Redis at {summary(look.bus)}", style="dim")] if look.bus is not None else []
            live.update(Group(head, shift_lines([row(node) for node in nodes]), *below), refresh=True)
