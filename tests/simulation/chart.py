"""How are waiting times drawn, with nothing but text?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.simulation.report import waits
from tests.simulation.run import Simulation
from tests.simulation.scenario import DAY

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 360, 60, 34, 46
DECADES = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0)
CLAIMED, FOLDED = "#b4541a", "#2f6f73"


def svg(run: Simulation) -> str:
    """Which part of the missions had waited no longer than so many seconds (logarithmic)."""
    claimed, folded = waits(run)
    plan = run.plan
    title = f"{plan.nodes:,} nodes, {len(run.filed):,} missions in {_days(run)}"
    legend = [
        _text(LEFT, 20, title, weight="bold"),
        _text(WIDTH - 330, 20, "pushed → claimed", fill=CLAIMED),
        _text(WIDTH - 190, 20, "result → on the branch", fill=FOLDED),
        _text(WIDTH / 2, HEIGHT - 8, "seconds"),
    ]
    body = "\n".join([_grid(), _line(claimed, CLAIMED), _line(folded, FOLDED), *legend])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return f'{head}\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#fffdf8"/>\n{body}\n</svg>\n'


def _days(run: Simulation) -> str:
    """In which time they were filed; of a run that is not over, how much of that has gone by."""
    days, plural = run.plan.seconds / DAY, "s" * (run.plan.seconds != DAY)
    gone = "" if len(run.filed) == run.plan.missions else f"{run.now / DAY:.2f} of "
    return f"{gone}{days:g} day{plural}"


def _x(seconds: float) -> float:
    first, last = math.log10(DECADES[0]), math.log10(DECADES[-1])
    place = math.log10(min(max(seconds, DECADES[0]), DECADES[-1]))
    return LEFT + (place - first) / (last - first) * (WIDTH - LEFT - 20)


def _y(part: float) -> float:
    return TOP + (1 - part) * (HEIGHT - TOP - BOTTOM)


def _grid() -> str:
    marks = []
    for seconds in DECADES:
        x = _x(seconds)
        marks.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        marks.append(_text(x - 10, HEIGHT - BOTTOM + 18, f"{seconds:,g}"))
    for part in (0.0, 0.5, 0.95, 1.0):
        marks.append(f'<path d="M{LEFT} {_y(part):.1f}H{WIDTH - 20}" stroke="#ddd"/>')
        marks.append(_text(8, _y(part) + 4, f"{part:.0%}"))
    return "\n".join(marks)


def _line(seconds: Sequence[float], color: str) -> str:
    steps = [seconds[int(i / 200 * (len(seconds) - 1))] for i in range(201)] if seconds else []
    points = " ".join(f"{_x(wait):.1f},{_y(i / 200):.1f}" for i, wait in enumerate(steps))
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>'


def _text(x: float, y: float, words: str, *, fill: str = "#333", weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="12" fill="{fill}" font-weight="{weight}">{words}</text>'
