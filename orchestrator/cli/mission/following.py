"""shiftbook mission watch: how does a person follow one mission until it ends, wherever it runs?"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.listing import mission_row
from orchestrator.cli.mission.name import full_name, mission_argument

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.mission_view import MissionView
    from orchestrator.workflow.watching import LiveLook, MissionWatch

ENDED_STATES = {"done", "cancelled", "dead", "review", "parked", "quarantined", "untrusted"}
LOOK_SECONDS, AWAY_SECONDS = 1.0, 2.0
"""Seconds between two looks: at what runs here, and at what its node shows through the Git server."""
OLD_SECONDS = 30.0
"""Seconds after which it is said again how old it is what is shown."""

BESIDE_THE_RULE = " " * 10


@click.command("watch")
@mission_argument
@click.option("--timeout", type=click.FloatRange(min=0), default=0.0, help="Give up after so many seconds; 0: never.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as JSON, one object a line.")
def watch(name: str, timeout: float, as_json: bool) -> None:
    """Follows one mission until it ends, on whichever machine it runs: its output, its cost, its diff so far.

    Exit code 0 if it is done or waits for your review, else 1. With --json a line is the mission where it changed, or
    has kind=output.
    """
    from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over

    chosen = load_settings()
    fleet = wiring.fleet(chosen)
    name = full_name(chosen, fleet, name)
    deadline = time.monotonic() + timeout if timeout else float("inf")
    before, view = "", fleet.mission(name).view
    sign = SignOfLife(out=sys.stdout, shown=can_write_over(sys.stdout) and not as_json, before=BESIDE_THE_RULE)
    shown = _LiveLines(as_json=as_json, sign=sign)
    watching = _watch_of(chosen, fleet)
    try:
        while True:
            state = f"{view.status} {view.node} {view.attempt} {view.reason}"
            if state != before:
                sign.end()
                _print_change(view, as_json)
                before, shown.since = state, time.monotonic()
                sign.begin(_under_way(view), shown.since)
            if view.status in ENDED_STATES or time.monotonic() > deadline:
                break
            look = watching.look(fleet.last_seen(), view.name, view.status, shown.cursor)
            shown.take(look, view)
            time.sleep(AWAY_SECONDS if look.source and look.age_seconds != 0.0 else LOOK_SECONDS)
            view = fleet.mission(name).view
    finally:
        sign.end()
    sys.exit(0 if view.status in {"done", "review"} else 1)


def _watch_of(chosen: Settings, fleet: Fleet) -> MissionWatch:
    from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
    from orchestrator.workflow.watching import MissionWatch

    return MissionWatch(bus=fleet.bus, trust=fleet.trust, node=chosen.node, folders=AttemptDirs(chosen.home / "work"))


class _LiveLines:
    """What was shown of an attempt, and what is new."""

    def __init__(self, *, as_json: bool, sign: object) -> None:
        self.cursor, self.since = "", time.monotonic()
        self._as_json, self._sign = as_json, sign
        self._source, self._figures = "", ""
        self._told = float("-inf")

    def take(self, look: LiveLook, view: MissionView) -> None:
        """Prints what a look brings beyond the one before."""
        self.cursor = look.cursor
        if not look.source:
            return
        figures = _figures(look)
        new = bool(look.text) or figures != self._figures or self._is_news(look)
        if not new:
            return
        if self._as_json:
            terminal.print_json_line({"kind": "output", **look.json()})
        else:
            self._sign.end()  # type: ignore[attr-defined]
            self._print(look, figures)
            self._sign.begin(_under_way(view), self.since)  # type: ignore[attr-defined]
        self._figures = figures

    def _is_news(self, look: LiveLook) -> bool:
        """Whether it comes from elsewhere than before, or is so old that it should be said again."""
        old = look.age_seconds is not None and look.age_seconds >= OLD_SECONDS
        if look.source + look.node == self._source and not (old and time.monotonic() - self._told >= OLD_SECONDS):
            return False
        self._source, self._told = look.source + look.node, time.monotonic()
        return True

    def _print(self, look: LiveLook, figures: str) -> None:
        from orchestrator.workflow.approval.diff_view import printable_diff

        if self._told > time.monotonic() - LOOK_SECONDS / 2:
            click.echo(f"{BESIDE_THE_RULE}{look.says}", err=True)
        if look.missed:
            click.echo(f"[… {look.missed:,} bytes are not shown …]")
        click.echo(printable_diff(look.text), nl=False)
        if figures != self._figures and figures:
            click.echo(f"{BESIDE_THE_RULE}{figures}", err=True)


def _figures(look: LiveLook) -> str:
    """Cost and diff so far, in a line."""
    diff = look.diff
    parts = [
        f"${look.cost_usd:.4f}" if look.cost_usd is not None else "",
        f"{_files(diff.files)} changed, +{diff.added} −{diff.removed}" if diff and diff.files else "",
    ]
    return " · ".join(part for part in parts if part)


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _under_way(view: MissionView) -> str:
    """What is waited for."""
    who = f"{view.agent} on {view.node}" if view.node else "no node has taken it yet"
    return f"{view.status} · {who}"


def _print_change(view: MissionView, as_json: bool) -> None:
    if as_json:
        terminal.print_json_line(view.json())
    else:
        terminal.print_rows([mission_row(view)])
