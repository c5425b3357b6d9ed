"""What becomes of a batch that the remote refuses whole? It is pushed in parts, until what it refuses stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from orchestrator.policy.push_allowance import is_rate_limited
from sync.errors import PushRefused

Item = TypeVar("Item")
MAX_REFUSALS = 20
"""So many refusals in a round, then the rest waits for the next: enough to find one among a thousand."""


def push_in_parts(
    items: Sequence[Item], push: Callable[[Sequence[Item]], bool]
) -> tuple[list[tuple[Item, str]], list[Item]]:
    """Pushes all, in ever smaller parts where the remote refuses. `push` says whether it pushed anything.

    Returns what is refused for itself, each with the remote's words, and what was not tried. A remote that refuses
    everything (a permission that is gone, a server that is being looked after) says nothing about any one: then
    PushRefused is raised, as it is where the host wants fewer pushes. Raises what `push` raises besides.
    """
    parts, alone, moved, refusals = [list(items)] if items else [], list[Item](), False, 0
    last: PushRefused | None = None
    while parts and refusals < MAX_REFUSALS:
        part = parts.pop()
        try:
            moved = push(part) or moved
        except PushRefused as error:
            if is_rate_limited(error):
                raise
            last, refusals = error, refusals + 1
            middle = len(part) // 2
            if middle:
                parts += [part[middle:], part[:middle]]
            else:
                alone.append(part[0])
    if last is not None and not moved:
        raise last
    return _refused_again(alone, push), [item for part in parts for item in part]


def _refused_again(alone: Sequence[Item], push: Callable[[Sequence[Item]], bool]) -> list[tuple[Item, str]]:
    """A refusal counts when it comes twice, and others went through meanwhile."""
    refused: list[tuple[Item, str]] = []
    for item in alone:
        try:
            push([item])
        except PushRefused as error:
            refused.append((item, str(error)))
    return refused
