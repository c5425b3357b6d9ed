"""How is a diff kept within a budget of characters so that every file of it is still seen?

Each file keeps its header, up to `HEADS` budgets of them; of the files behind those stands how many they are. The room
for their lines is shared: small files keep all of theirs, and what they leave is divided among the large ones. What is
cut stands first, and again in its place, with the numbers of the lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain

CUT = re.compile(r"\[… cut here: (?P<added>[\d,]+) lines added and (?P<removed>[\d,]+) removed are not kept\]")
MAX_LINE_CHARS = 2000
"""Of one line; minified code has lines of megabytes."""
HEADS = 2
"""Budgets that the headers may take, so that a change of a hundred thousand files is still one that can be read."""
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
    named = bisect_right(list(accumulate(map(len, heads))), HEADS * budget)
    rooms = _share([len(body) for body in bodies[:named]], budget - sum(map(len, heads[:named])))
    kept = [_cut(body, room) for body, room in zip(bodies, rooms, strict=False)]
    cut = len(parts) - named + sum(was != now for was, now in zip(bodies, kept, strict=False))
    first = f"[… of {len(parts):,} files {cut:,} are not kept whole: the branch has them]\n"
    return first + "".join(head + body for head, body in zip(heads, kept, strict=False)) + _unnamed(bodies[named:])


def _unnamed(bodies: Sequence[str]) -> str:
    """The files that are not named, as one, so that whoever reads the diff counts them."""
    name = f"({len(bodies):,} more files)"
    return (
        f"diff --git a/{name} b/{name}\n{_cut_mark(chain.from_iterable(map(str.splitlines, bodies)))}" if bodies else ""
    )


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
    return f"{''.join(kept)}{_cut_mark(lines[len(kept) :])}"


def _cut_mark(left_out: Iterable[str]) -> str:
    signs = Counter(line[:1] for line in left_out)
    return f"[… cut here: {signs['+']:,} lines added and {signs['-']:,} removed are not kept]\n"
