"""Whose turn is it to ask first, where any node might? The order of turns, which all work out alike without talking.

Each node has a weight for each thing to be done, a hash of both names, and the heaviest goes first (rendezvous hashing,
Thaler and Ravishankar 1998). So the turns are spread over all nodes, and one that leaves moves only those behind it.
Nothing is safe because of it: whoever asks out of turn loses a race of compare-and-swap, and a push.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType

from orchestrator.core.roles import Role

ROLE_RANKS = {Role.HEADQUARTERS.value: 0, Role.STANDALONE_NODE.value: 1}
LAST_RANK = 2
MAX_TURNS = 20
"""Turns that a node waits at most: so many who say that they live and never ask can delay a mission by no more."""
MANY_GONE = 4
"""So many times as many nodes as there are may be remembered with their weights."""
RACE_SHARE = 0.05
"""The chance of a race that is taken, so that nodes which seldom look need not wait for as many turns as there are
nodes."""
MIN_STEP_SECONDS, MAX_STEP_SECONDS, UNKNOWN_STEP_SECONDS = 0.05, 60.0, 1.0
"""How long a turn is: at least, at most, and before the remote has answered anything."""


def weight(subject: str, node: str) -> bytes:
    """How much a node weighs for a thing: the same on every machine, and no two weigh alike."""
    return _weight(_key(subject), node)


def _weight(key: bytes, node: str) -> bytes:
    name = node.encode("utf-8", "surrogatepass")
    return blake2b(name, digest_size=8, key=key).digest() + name


@lru_cache(maxsize=4096)
def _key(subject: str) -> bytes:
    return blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=32).digest()


class _Weights(dict[str, bytes]):
    """What nodes weigh for one thing, each worked out once: who is free changes with every claim, a weight never."""

    def __init__(self, subject: str) -> None:
        super().__init__()
        self._subject = _key(subject)
        self._order: list[str] = []

    def heaviest_first(self, nodes: frozenset[str]) -> list[str]:
        """These nodes in their order."""
        self._weigh(nodes)
        return [node for node in self._order if node in nodes]

    def place(self, node: str, nodes: frozenset[str]) -> int:
        """How many of these nodes come before one of them."""
        self._weigh(nodes)
        return sum(map(nodes.__contains__, self._order[: self._order.index(node)]))

    def _weigh(self, nodes: frozenset[str]) -> None:
        if not nodes <= self.keys():
            if len(self) > MANY_GONE * len(nodes):
                self.clear()
            begun = blake2b(digest_size=8, key=self._subject)  # `_weight`, with what is common to all of them done once
            for node in nodes - self.keys():
                mine, name = begun.copy(), node.encode("utf-8", "surrogatepass")
                mine.update(name)
                self[node] = mine.digest() + name
            self._order = sorted(self, key=self.__getitem__, reverse=True)


@lru_cache(maxsize=64)
def _weights(subject: str) -> _Weights:
    return _Weights(subject)


@lru_cache(maxsize=1024)
def place_of(node: str, subject: str, nodes: frozenset[str]) -> int:
    """The place of one of these nodes for a thing: 0 is the first."""
    return _weights(subject).place(node, nodes)


@lru_cache(maxsize=64)
def places(subject: str, nodes: frozenset[str]) -> Mapping[str, int]:
    """The place of each node for a thing: 0 is the first."""
    order = _weights(subject).heaviest_first(nodes)
    return MappingProxyType({node: place for place, node in enumerate(order)})


def acting_order(subject: str, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The nodes in the order in which they do what one of them does for all, from the role of each."""
    return tuple(acting_places(subject, frozenset(roles), leaders_of(roles.items())))


def leaders_of(roles: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Of nodes and their roles those whose role says that they go before others."""
    return frozenset((node, role) for node, role in roles if role in ROLE_RANKS)


@lru_cache(maxsize=16)
def acting_places(subject: str, nodes: frozenset[str], leaders: frozenset[tuple[str, str]]) -> Mapping[str, int]:
    """The place of each node for what one of them does for all; the first is the first that is named.

    Headquarters, then standalone nodes, then all others; among equals by weight.
    """
    place, ranks = places(subject, nodes), {node: ROLE_RANKS[role] for node, role in leaders}
    order = sorted(nodes, key=lambda node: (ranks.get(node, LAST_RANK), place[node]))
    return MappingProxyType({node: at for at, node in enumerate(order)})


def mission_subject(mission: str, epoch: int) -> str:
    """The thing for which nodes race that want a mission: another in each epoch, so that no node is last for good."""
    return f"{mission} {epoch}"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a place is waited. `step` is the length of a turn in seconds, `crowd` how many nodes share one."""

    step: float = UNKNOWN_STEP_SECONDS
    crowd: int = 1

    def wait(self, place: int) -> float:
        """Seconds from the moment at which a node sees that a thing may be done until its turn."""
        return min(place // self.crowd, MAX_TURNS) * self.step


def pace_of(answer: float | None, pause: float) -> Pace:
    """The pace for a remote whose answers are there within `answer` seconds (None: nothing is known).

    `pause` is the shortest time in seconds between two looks of an idle node; 0 where all are told at once. Who looks
    within one answer of another races with it: that many nodes share a turn that it happens to few.
    """
    step = UNKNOWN_STEP_SECONDS if answer is None else min(max(answer, MIN_STEP_SECONDS), MAX_STEP_SECONDS)
    return Pace(step=step, crowd=max(1, int(RACE_SHARE * pause / step)))
