"""On which screen is the demo watched: three lanes on a terminal, or a line for each event?

Texts come from nodes and missions, so everything is drawn on the console that spells control characters out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.app.demo_fleet import HQ, DemoScreen
from orchestrator.cli.console import RULE_COLOUR, STATUS_COLOURS, console

LANES = {"you": "you", "desktop": "the desktop", HQ: "the VPS"}
"""Who is shown, each in a lane."""
MIN_LANES_COLUMNS = 80
LANE_ROWS = 18
"""Rows of a lane at most; its newest events are shown."""
SAY_AGAIN_SECONDS = 5.0
"""How often a plain page says what is waited for."""
COLOURS = {**STATUS_COLOURS, "killed": STATUS_COLOURS["failed"], "approved": STATUS_COLOURS["done"]}


class SilentScreen:
    """Programs read the steps only."""

    def tell(self, who: str, event: dict[str, Any]) -> None:
        """Shows nothing."""

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Shows nothing."""


@dataclass(kw_only=True)
class PlainScreen:
    """A line for each event, and one now and then for what is waited for."""

    out: Console
    _said: tuple[str, float] = ("", 0.0)

    def tell(self, who: str, event: dict[str, Any]) -> None:
        """Prints the event."""
        word, text = _words(event)
        line = Text(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
        line.append("│ ", style=RULE_COLOUR)
        line.append(f"{who:<8}", style="bold")
        line.append(f"{word} ", style=COLOURS.get(word, ""))
        line.append(text, style="dim")
        self.out.print(line, soft_wrap=True)

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Prints what is waited for: once it takes longer than a moment, and again every few seconds."""
        said = self._said[1] if self._said[0] == what else 0.0
        if seconds >= said + SAY_AGAIN_SECONDS:
            self._said = (what, seconds)
            self.out.print(
                Text(f"         │ waiting for {what}, {seconds:.0f} s {_beside(now)}", style="dim"), soft_wrap=True
            )


@dataclass(kw_only=True)
class LanesScreen:
    """Who does what side by side, and below what is waited for."""

    live: Live
    _lanes: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {who: [] for who in LANES})
    _waiting: list[str] = field(default_factory=list)
    _dead: frozenset[str] = frozenset()
    _began: float = field(default_factory=time.monotonic)

    def tell(self, who: str, event: dict[str, Any]) -> None:
        """Adds the event to its lane."""
        self._lanes[who].append(_words(event))
        self._dead |= {who} if event["event"] == "killed" else frozenset()
        self._waiting = []
        self._draw()

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Shows what is waited for below the lanes."""
        self._waiting = [f"waiting for {what}, {seconds:.0f} s", now]
        self._draw()

    def _draw(self) -> None:
        out = self.live.console
        page = Table(box=None, expand=True, show_header=True, padding=(0, 1, 0, 0), show_edge=False)
        for who, title in LANES.items():
            colour = STATUS_COLOURS["failed"] if who in self._dead else STATUS_COLOURS["running"]
            page.add_column(Text(title, style=f"bold {colour}"), ratio=1)
        columns, rows = out.width // len(LANES) - 2, min(LANE_ROWS, out.height - 5)
        page.add_row(*(_lane(out, events, columns, rows) for events in self._lanes.values()))
        below = [
            Text.assemble((f"{when:>5} ", "dim"), ("│ ", RULE_COLOUR), text)
            for when, text in zip(
                (f"{time.monotonic() - self._began:.0f} s", ""), [*self._waiting, "", ""], strict=False
            )
        ]
        for line in below:
            line.truncate(out.width, overflow="ellipsis")
        self.live.update(Group(page, Text(), *below), refresh=True)


def _lane(out: Console, events: list[tuple[str, str]], columns: int, rows: int) -> Text:
    """The newest events that fit, always as high as the lane may be: what stands below does not jump."""
    lines: list[Text] = []
    for word, text in reversed(events):
        one = Text.assemble((f"{word} ", f"bold {COLOURS.get(word, '')}".strip()), (text, "dim" if lines else ""))
        wrapped = list(one.wrap(out, columns))
        if len(lines) + len(wrapped) > rows:
            break
        lines = [*wrapped, *lines]
    return Text("\n").join([*lines, *[Text()] * (rows - len(lines))])


def _words(event: dict[str, Any]) -> tuple[str, str]:
    """An event in words for somebody who sees a fleet for the first time."""
    word, text = str(event["event"]), str(event["text"])
    if word != "folded":
        return word, text
    name, status = event["mission"], event["status"]
    return ("review", f"{name} waits for you") if status == "review" else ("written", f"{name} is {status}")


def _beside(now: str) -> str:
    return f"· {now}" if now else ""


@contextmanager
def open_screen(*, silent: bool) -> Iterator[DemoScreen]:
    """The screen that fits where it is shown; what its lanes showed last stays."""
    out = console()
    if silent:
        yield SilentScreen()
    elif out.is_terminal and out.width >= MIN_LANES_COLUMNS:
        with Live(console=out, auto_refresh=False, vertical_overflow="crop") as live:
            yield LanesScreen(live=live)
    else:
        yield PlainScreen(out=out)
