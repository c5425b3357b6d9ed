"""The picture of the rooms, drawn from the imports as they are: `make house` writes docs/images/house.svg.

One row a room, from the doors down; a cell tells how many imports go from the room of its row into the room of its
column. Every number stands right of the diagonal: that is what "an arrow goes down only" looks like.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "handoff", "mobile_bridge", "missions", "sync")
BELOW = ("handoff", "mobile_bridge", "missions", "sync")
PICTURE = ROOT / "docs" / "images" / "house.svg"
ROW, CELL, LEFT, TOP, TEXT = 26, 38, 150, 104, 8
STYLE = """
text{font:13px ui-sans-serif,system-ui,sans-serif;fill:#26241f}.q{fill:#6b675d}.n{text-anchor:middle;font-size:11.5px}
.z{fill:#b9b4a6}.r{fill:#f4f1e8}.d{fill:#d9674e}.c{fill:#4f78cf}
@media (prefers-color-scheme:dark){text{fill:#eceae3}.q{fill:#a29e92}.z{fill:#5b584f}.r{fill:#26241f}}
"""


def floors() -> list[list[str]]:
    """The rooms floor by floor, as the import contract has them, and below them the other packages."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (rooms,) = (each["layers"] for each in contracts if each.get("containers") == ["orchestrator"])
    named = [layer.split(" | ") for layer in rooms if layer != "__main__"]
    return [*named, ["handoff", "mobile_bridge"], ["missions", "sync"]]


def room_of(module: str) -> str:
    """The room, or the package, that a module is in; empty for the two files that start the program."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return package if package in BELOW else "" if room in ("", "__main__") else room


def arrows() -> Counter[tuple[str, str]]:
    """How many imports there are from room to room."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = room_of(module), room_of(other)
            if all(pair) and pair[0] != pair[1]:
                found[pair] += 1
    return found


def question(room: str) -> str:
    """The question with which a room's docstring opens."""
    if room not in BELOW:
        room = f"orchestrator/{room}"
    folder = ROOT / room.replace("mobile_bridge", "mobile-bridge/mobile_bridge")
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    first, mark, _ = (ast.get_docstring(ast.parse(text)) or "").partition("?")
    return first + mark


def picture() -> str:
    """The SVG. Raises KeyError if a room is on no floor."""
    counts = arrows()
    rows = [(floor, room) for floor, named in enumerate(floors()) for room in named]
    place = {room: at for at, (_, room) in enumerate(rows)}
    for pair in counts:
        _ = place[pair[0]], place[pair[1]]
    table = LEFT + CELL * len(rows)
    width, height = table + 560, TOP + ROW * len(rows) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>The rooms, floor by floor, with the number of imports between them</title>",
        f"<style>{STYLE}</style>",
    ]
    for at, (floor, room) in enumerate(rows):
        y, x = TOP + ROW * at, LEFT + CELL * at
        if floor % 2 == 0:
            out.append(f'<rect class="r" x="0" y="{y}" width="{width}" height="{ROW}"/>')
        out.append(f'<text x="{TEXT}" y="{y + 17}" font-weight="600">{room}</text>')
        out.append(f'<text class="q" x="{table + 16}" y="{y + 17}">{escape(question(room))}</text>')
        out.append(f'<text transform="translate({x + 24},{TOP - 8}) rotate(-60)">{room}</text>')
    for at, (_, room) in enumerate(rows):
        for to, (_, other) in enumerate(rows):
            x, y = LEFT + CELL * to + CELL // 2, TOP + ROW * at + 17
            if at == to:
                out.append(f'<rect class="d" x="{x - 4}" y="{y - 8}" width="8" height="8" rx="1"/>')
            elif number := counts[room, other]:
                out.append(f'<text class="n" x="{x}" y="{y}">{number}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    if "--check" in sys.argv and PICTURE.read_text(encoding="utf-8") != picture():
        sys.exit("docs/images/house.svg is not what the imports say: run `make house`")
    PICTURE.write_text(picture(), encoding="utf-8")
