"""What must a bus promise that brings missions to workers and their results back?

Three ports. `MissionBus` is the workers' and the producers' side: a mission is there once for each idempotency key, a
worker holds it under a fencing epoch that only grows and a token that only its claim has, and nothing that is stale is
taken. `RecordFeed` is headquarters' side: what came in to be filed, and the results to be recorded. `BusUpkeep` keeps
it in order. The bus is fast and may forget; the ledger decides what counts.

Every method raises BusUnavailable when the bus cannot be reached, is full or is not ready; whether it did what was
asked is not known then, and asking again is safe.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

DEFAULT_ATTEMPTS = 3
"""Attempts in all of a mission whose envelope does not say `max_retries`."""
LEDGER = "*"
"""As whose result the bus has what the ledger itself said: no node can be called so."""
MAX_ENVELOPE_BYTES = 512 * 1024
"""A longer message is no mission."""


class PriorityClass(StrEnum):
    """Missions of one class come in their order; those of a higher one go first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def priority_class(priority: int) -> PriorityClass:
    """The class of a mission's priority, 0 to 9."""
    if priority >= 7:
        return PriorityClass.HIGH
    return PriorityClass.NORMAL if priority >= 1 else PriorityClass.LOW


class GivenUp(StrEnum):
    """What a worker says of a mission that it does not bring a result for."""

    RETRY = "retry"
    """It failed; as long as attempts are left, somebody tries again."""
    FINAL = "final"
    """No attempt of anybody will do it."""
    RELEASE = "release"
    """It was not tried: it goes back, and no attempt counts."""
    LEDGER = "ledger"
    """The ledger carries it from here on, and says what becomes of it."""


class Requeued(StrEnum):
    """What became of it."""

    QUEUED = "queued"
    DEAD = "dead"
    CARRIED = "carried"
    STALE = "stale"
    """Somebody else has it, or had: this worker's word does not count."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A mission that one worker holds. `entry` and `place` say where it lies, `token` that it is this very claim."""

    place: PriorityClass
    entry: str
    job: str
    """The digest of its idempotency key."""
    key: str
    epoch: int
    attempt: int
    token: str
    worker: str
    envelope: str


@dataclass(frozen=True, kw_only=True)
class FilingRequest:
    """A mission that somebody put on the bus, for the ledger."""

    place: PriorityClass
    entry: str
    job: str
    envelope: str


@dataclass(frozen=True, kw_only=True)
class ReceivedResult:
    """A result as somebody put it on the bus. `key` is its mission's idempotency key as the bus knows it, `worker` who
    held it; both are empty, and `epoch` is 0, where a foreign worker put it there."""

    entry: str
    body: str
    key: str = ""
    worker: str = ""
    epoch: int = 0


class MissionBus(Protocol):
    """The producers' and the workers' side."""

    def publish(self, envelope: str, priority: int, *, filed: bool = False) -> bool:
        """Puts a mission on the bus. False: its idempotency key is known, and nothing was added. `filed` says that the
        ledger has it already, so that it is no request.

        Raises ValueError for what is no envelope.
        """

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """Missions that nobody had yet, of the highest class first. What is no mission goes to the dead letters."""

    def take_over(self, worker: str, idle_seconds: float, count: int) -> list[Delivery]:
        """Missions whose holders have not renewed for so long, under their next epoch. What has no attempt left goes to
        the dead letters, with a failed result."""

    def renew(self, held: Delivery) -> bool:
        """Says that its holder lives. False: it is no longer its."""

    def finish(self, held: Delivery, body: str) -> bool:
        """Hands a result in and lets the mission go, both or neither. False: stale, nothing was changed."""

    def give_up(self, held: Delivery, ending: GivenUp, reason: str) -> Requeued:
        """Lets a mission go without a result: it is queued again, or dead, with a failed result, or the ledger's."""


class RecordFeed(Protocol):
    """The ledger's side: one reader at a time."""

    def requests(self, count: int) -> list[FilingRequest]:
        """Missions that the ledger has not been told of; the same again until `filed` is told. There may be fewer than
        wait, where they are long; none only where none waits."""

    def filed(self, request: FilingRequest, refused: str = "") -> None:
        """The ledger has it, or refuses it for this reason: dead letters then, unless it has a result."""

    def results(self, count: int) -> list[ReceivedResult]:
        """Results that are not settled; the same again until `settle` is told. One that is too long is empty."""

    def settle(self, settled: Sequence[tuple[ReceivedResult, str]], reopened: Collection[str] = ()) -> None:
        """The ledger's word on these has been said; each with its mission's idempotency key, so that it is done. What
        is `reopened` (keys of these) is not: the ledger took no result and still wants one, so that it may be published
        again; whoever works on it now goes on. A result that was taken back meanwhile settles nothing."""

    def set_aside(self, received: ReceivedResult, why: str) -> None:
        """Keeps a result that the ledger cannot take among the dead letters, for people; it is still to be settled."""

    def answer(self, key: str, body: str) -> bool:
        """Tells whoever waits how a mission ended that the ledger carried; once, however often it is said."""


class BusUpkeep(Protocol):
    """What whoever keeps a bus in order asks of it."""

    def trim(self) -> int:
        """Drops what everybody has read and nobody holds; returns how many."""

    def generation(self) -> str:
        """Another word after each restart, failover and loss of groups: then what it should hold is to be looked at."""
