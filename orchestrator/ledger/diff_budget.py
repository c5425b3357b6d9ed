"""How is a diff kept within a budget of characters so that every file of it is still seen?

Each file keeps its header. The room for their lines is shared: small files keep all of theirs, and what they leave is
divided among the large ones. What is cut stands first, and again in its place, with the numbers of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

CUT = re.compile(r"\[… cut here: (?P<added>[\d,]+) lines added and (?P<removed>[\d,]+) removed are not kept\]")
MAX_LINE_CHARS = 2000
"""Of one line; minified code has lines of megabytes."""
_FILE = re.compile(r"^diff --git ", re.MULTILINE)


def fit_diff(diff: str, budget: int) -> str:
    """The diff in about `budget` characters, or as it is where it has no more. The same input gives the same bytes."""
    if len(diff) <= budget:
        return diff
    starts = [found.start() for found in _FILE.finditer(diff)]
    if not starts:
        return f"{diff[:budget]}\n[… {len(diff) - budget:,} more characters are not kept here]\n"
    parts = [diff[start:end] for start, end in zip(starts, [*starts[1:], len(diff)], strict=True)]
    heads, bodies = zip(*map(_split_head, parts), strict=True)
    rooms = _share([len(body) for body in bodies], budget - sum(map(len, heads)))
    kept = [_cut(body, room) for body, room in zip(bodies, rooms, strict=True)]
    cut = sum(was != now for was, now in zip(bodies, kept, strict=True))
    first = f"[… of {len(parts):,} files {cut:,} are not kept whole: the branch has them]\n"
    return first + "".join(head + body for head, body in zip(heads, kept, strict=True))


def _split_head(part: str) -> tuple[str, str]:
    """A file's header, and its lines or its bytes."""
    found = re.search(r"^(@@ |GIT binary patch)", part, re.MULTILINE)
    at = found.start() if found else len(part)
    if found and found[1] != "@@ ":
        at = part.index("\n", at) + 1
    return part[:at], part[at:]


def _share(sizes: Sequence[int], room: int) -> list[int]:
    """How much each may keep: as much as it has, or an equal share of what the smaller ones leave."""
    shares = [0] * len(sizes)
    left = max(0, room)
    for done, at in enumerate(sorted(range(len(sizes)), key=lambda at: sizes[at])):
        shares[at] = min(sizes[at], left // (len(sizes) - done))
        left -= shares[at]
    return shares


def _cut(body: str, room: int) -> str:
    if len(body) <= room:
        return body
    kept: list[str] = []
    lines = body.splitlines(keepends=True)
    for line in lines:
        short = line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}…\n"
        if len(short) > room:
            break
        room -= len(short)
        kept.append(short)
    rest = lines[len(kept) :]
    added, removed = (sum(line.startswith(sign) for line in rest) for sign in "+-")
    return f"{''.join(kept)}[… cut here: {added:,} lines added and {removed:,} removed are not kept]\n"
