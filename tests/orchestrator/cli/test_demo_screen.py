"""Facts about how the demo is watched: lanes where there is room, lines elsewhere, and always what is waited for."""

from __future__ import annotations

import io

import pytest
from rich.live import Live

from missions.mission import Status
from orchestrator.cli.console import SafeConsole
from orchestrator.cli.demo.screen import LanesScreen, PlainScreen
from orchestrator.node.rounds.fold_duty import FOLDED_WORDS

FOLDED = {
    "event": "folded",
    "text": f"fix-the-limit {FOLDED_WORDS[Status.REVIEW].format(name='fix-the-limit')}",
    "mission": "fix-the-limit",
    "status": Status.REVIEW.value,
}
"""As a node tells it."""


def page(columns: int, rows: int) -> tuple[SafeConsole, io.StringIO]:
    """A terminal of a size."""
    out = io.StringIO()
    return SafeConsole(file=out, width=columns, height=rows, force_terminal=True, color_system=None, markup=False), out


def test_a_line_says_now_and_then_what_is_waited_for() -> None:
    """A short wait says nothing; a long one what is waited for and what can be seen of it, every five seconds."""
    console, out = page(80, 24)
    screen = PlainScreen(out=console)
    for tenths in range(0, 121, 2):
        screen.waiting("vps to take over", tenths / 10, "its lease ends in 3 s")
    screen.tell("vps", FOLDED)
    told = out.getvalue().splitlines()
    assert [line.strip() for line in told[:2]] == [
        f"│ waiting for vps to take over, {seconds} s · its lease ends in 3 s" for seconds in (5, 10)
    ]
    assert told[2].endswith("vps     review fix-the-limit waits for you")
    screen.tell("vps", FOLDED | {"mission": "a-note", "status": "done"})
    assert out.getvalue().splitlines()[3].endswith("vps     written a-note is done")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 30), (200, 60)])
def test_three_lanes_fit(columns: int, rows: int) -> None:
    """However much was told, lanes and wait fit the terminal, the newest events stand in them, and nothing jumps."""
    console, _ = page(columns, rows)
    with Live(console=console, auto_refresh=False) as live:
        screen = LanesScreen(live=live)
        heights = set()
        for number in range(30):
            screen.tell("vps", {"event": "started", "text": f"number {number} of the things that take a line or two"})
            screen.waiting("the fix to come back", number, f"step {number}")
            drawn = console.render_lines(live.get_renderable(), pad=False)
            heights.add(len(drawn))
    text = "\n".join("".join(piece.text for piece in line) for line in drawn)
    assert heights == {len(drawn)}
    assert len(drawn) < rows
    for word in ("you", "the desktop", "the VPS", "number 29", "waiting for the fix to come back, 29 s", "step 29"):
        assert word in text
    assert "number 1 " not in text


def test_what_others_wrote_moves_no_cursor() -> None:
    """A control character in a mission's title is spelled out in a lane as anywhere."""
    console, out = page(80, 24)
    with Live(console=console, auto_refresh=False) as live:
        LanesScreen(live=live).tell("vps", {"event": "started", "text": "title\x1b[2Jgone"})
    assert "title\x1b" not in out.getvalue()
    assert "gone" in out.getvalue()
