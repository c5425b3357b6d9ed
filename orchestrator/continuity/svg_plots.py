"""How does a study look, drawn? Two plain plots as SVG: shares of arms, and differences with their intervals.

Text is text, so that it can be read aloud, searched and copied; colours are the page's (`currentColor`, two classes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL_WIDTH, ROW, TOP, EDGE = 760, 300, 30, 34, 20
"""Pixels of the page, which the browser scales."""


@dataclass(frozen=True, kw_only=True)
class PlottedShare:
    """A bar: a share from 0 to 1, None where there is none."""

    label: str
    share: float | None


@dataclass(frozen=True, kw_only=True)
class PlottedDifference:
    """A difference of two shares (-1 to 1) with its interval; `sure` is whether it is called a result."""

    label: str
    low: float
    estimate: float
    high: float
    sure: bool = False


def share_plot(title: str, shares: Sequence[PlottedShare]) -> str:
    """Bars from 0 to 100 %."""
    return _framed(title, len(shares), _scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), len(shares)), _bars(shares))


def difference_plot(title: str, differences: Sequence[PlottedDifference]) -> str:
    """Points with intervals between -100 and +100 points, with a line at 0."""
    ticks = (-1.0, -0.5, 0.0, 0.5, 1.0)
    count = len(differences)
    return _framed(title, count, _scale(-1.0, 1.0, ticks, count, signed=True), _intervals(differences))


def _framed(title: str, rows: int, *parts: Iterator[str]) -> str:
    height = TOP + rows * ROW + EDGE
    inside = "\n".join(line for part in parts for line in part)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">\n<title>{escape(title)}</title>\n{inside}\n</svg>'
    )


def _place(value: float, low: float, high: float) -> float:
    kept = min(max(value, low), high)
    return round(LABEL_WIDTH + (kept - low) / (high - low) * (WIDTH - LABEL_WIDTH - 3 * EDGE), 1)


def _scale(low: float, high: float, ticks: Sequence[float], rows: int, *, signed: bool = False) -> Iterator[str]:
    for tick in ticks:
        at = _place(tick, low, high)
        name = "zero" if signed and not tick else "grid"
        yield f'<line class="{name}" x1="{at}" x2="{at}" y1="{TOP - 8}" y2="{TOP + rows * ROW}"/>'
        words = f"{tick:+.0%}" if signed and tick else f"{tick:.0%}"
        yield f'<text class="tick" x="{at}" y="{TOP - 14}">{words}</text>'


def _bars(shares: Sequence[PlottedShare]) -> Iterator[str]:
    start = _place(0.0, 0.0, 1.0)
    for row, one in enumerate(shares):
        top = TOP + row * ROW
        yield _label(one.label, top)
        if one.share is None:
            yield f'<text x="{start + 6}" y="{top + 19}">–</text>'
            continue
        end = _place(one.share, 0.0, 1.0)
        yield f'<rect class="bar" x="{start}" y="{top + 6}" width="{round(end - start, 1)}" height="{ROW - 12}"/>'
        yield f'<text x="{end + 6}" y="{top + 19}">{one.share:.0%}</text>'


def _intervals(differences: Sequence[PlottedDifference]) -> Iterator[str]:
    for row, one in enumerate(differences):
        top, name = TOP + row * ROW, "sure" if one.sure else "unsure"
        low, middle, high = (_place(value, -1.0, 1.0) for value in (one.low, one.estimate, one.high))
        yield _label(one.label, top)
        yield f'<line class="{name}" x1="{low}" x2="{high}" y1="{top + 15}" y2="{top + 15}"/>'
        yield f'<circle class="{name}" cx="{middle}" cy="{top + 15}" r="5"/>'
        yield f'<text x="{min(high + 8, WIDTH - 2 * EDGE - 8)}" y="{top + 19}">{one.estimate:+.0%}</text>'


def _label(words: str, top: int) -> str:
    return f'<text class="label" x="{LABEL_WIDTH - 10}" y="{top + 19}">{escape(words)}</text>'
