"""Which processes has a process begun? Its tree: whatever descends from it, and whatever is in its session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def process_tree(leader: int) -> Iterator[int]:
    """The living processes that `leader` began, itself included, and those of its session."""
    waiting = [leader]
    seen = set(waiting)
    while waiting:
        process = waiting.pop()
        yield process
        fresh = [each for each in _children(process) if each not in seen]
        seen.update(fresh)
        waiting += fresh
    yield from (each for each in session_members(leader) if each not in seen)


def session_members(leader: int) -> Iterator[int]:
    """Those of the session that `leader` began, also when it has ended: its number is nobody else's until they have."""
    for each in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        if _session(each) == leader:
            yield each


def _children(process: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (thread / "children").read_bytes().split())
    except OSError:
        return found  # it has ended
    return found


def _session(process: int) -> int:
    try:
        return os.getsid(process)
    except OSError:
        return 0
