"""Which missions are selected for a node, and which first? Why does one have to wait?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from missions.divisions import DEFAULT_DIVISIONS, Division, address_of
from missions.mission import CODING_TASK, OPEN, TASKS, UPDATE_TASK, Mission, Status


@dataclass(frozen=True, kw_only=True)
class NodeCapabilities:
    """What a node can do: its name, role, capabilities, agents and task types."""

    node: str
    role: str
    capabilities: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset(TASKS)
    answering: frozenset[str] = frozenset()
    """Those of its agents that change no files, because there is no sandbox for it."""
    slots: int = 1
    """On how many missions it works at a time."""
    weak: frozenset[str] = frozenset()
    """Those of its agents that are given no work on code unless a person names them: their model is not up to it."""
    divisions: tuple[Division, ...] = DEFAULT_DIVISIONS
    """To whom here a mission may be addressed, and which kinds of work each takes."""


MIN_BACKOFF = timedelta(seconds=2)
MAX_BACKOFF = timedelta(minutes=10)


def backoff(attempt: int) -> timedelta:
    """How long a mission rests after its n-th failed attempt: 2 s, doubled each time, 10 minutes at most."""
    # sync.backoff does this in seconds; missions stand on no other package, and this pause is part of what they say
    doublings: int = 2 ** min(max(attempt, 1) - 1, 20)
    return min(MIN_BACKOFF * doublings, MAX_BACKOFF)


def blocked_reason(mission: Mission, finished: Collection[str], known: Collection[str], now: datetime) -> str | None:
    """Why nobody may start this mission yet, in words; None when anybody may.

    `finished` and `known` are mission names: those done, and all that are open or archived. `now` is UTC. A rest
    after a failure is bounded by its own length, so a node whose clock is a day ahead cannot park a mission.
    """
    if mission.status not in OPEN:
        return f"it is {mission.status}"
    for name in mission.depends_on:
        if name not in finished:
            return f"waits for {name}" if name in known else f"waits for {name}, which does not exist yet"
    if mission.not_before is not None and now < mission.not_before:
        return f"not before {mission.not_before:%Y-%m-%d %H:%M} UTC"
    if mission.retry_at is not None and timedelta(0) < mission.retry_at - now <= backoff(mission.attempt):
        return f"rests until {mission.retry_at:%H:%M:%S} UTC after a failed attempt"
    return None


def ineligible_reason(mission: Mission, offer: NodeCapabilities) -> str | None:
    """Why this node cannot take this mission, in words; None when it can."""
    if mission.agent not in offer.agents:
        return f"{offer.node} has no agent {mission.agent}"
    if mission.task not in offer.tasks:
        return f"{offer.node} takes no {mission.task}"
    if mission.task == "coding_task" and mission.agent in offer.answering:
        return f"{offer.node} has no sandbox in which {mission.agent} could change files"
    lacks = sorted(set(mission.capabilities) - offer.capabilities)
    if lacks:
        return f"{offer.node} has no {', '.join(lacks)}"
    return next(filter(None, (_address_reason(word, mission, offer) for word in mission.to)), None)


def _address_reason(word: str, mission: Mission, offer: NodeCapabilities) -> str:
    """Why a word of `to` does not mean this node, in words; empty if it does. An update is for a node by its name."""
    if mission.task == UPDATE_TASK:
        return "" if word == offer.node else f"meant for {word}"
    if word in {offer.node, offer.role} or word in offer.capabilities:
        return ""
    division = address_of(word, offer.node)
    if not division:
        return f"meant for {', '.join(mission.to)}"
    takes = next((each.tasks for each in offer.divisions if each.division == division), frozenset[str]())
    return "" if mission.task in takes else f"the {division} of {offer.node} takes no {mission.task}"


def changes_project(mission: Mission) -> bool:
    """Whether a mission is work on a project's files, and no mere question."""
    return mission.task == CODING_TASK or bool(mission.scope or mission.patch)


def choose(
    missions: Sequence[Mission],
    offer: NodeCapabilities,
    *,
    slots: int,
    finished: Collection[str],
    known: Collection[str],
    now: datetime,
) -> list[Mission]:
    """The missions that this node should claim now: highest priority first, then by name, at most `slots`."""
    fit = [
        m for m in missions if blocked_reason(m, finished, known, now) is None and ineligible_reason(m, offer) is None
    ]
    return sorted(fit, key=lambda m: (-m.priority, m.name))[: max(0, slots)]


def dependency_cycles(missions: Mapping[str, Mission]) -> dict[str, tuple[str, ...]]:
    """Missions that wait for themselves, each with the way round: {a: (a, b, a)}. A finished one breaks a cycle."""
    found: dict[str, tuple[str, ...]] = {}
    for start, mission in missions.items():
        way = _cycle_through(start, missions) if mission.depends_on else None
        if way:
            found[start] = way
    return found


def _cycle_through(start: str, missions: Mapping[str, Mission]) -> tuple[str, ...] | None:
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while paths:
        path = paths.pop()
        node = missions.get(path[-1])
        for name in node.depends_on if node and node.status is not Status.DONE else ():
            if name == start:
                return (*path, start)
            if name not in seen:
                seen.add(name)
                paths.append((*path, name))
    return None
