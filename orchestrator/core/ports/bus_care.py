"""What does whoever looks after a bus of missions see, and do with what nobody could deliver?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class BusCondition:
    """How a bus is at one moment. `trouble` says why it cannot be used, and is empty where it can; then the rest holds.

    `waiting` missions have no worker yet, `pending` ones are held by one; `unfiled` and `unrecorded` wait for
    headquarters. `fsync` is empty where this user may not ask for it. `rights` are what this user may do there beyond
    what the bus needs.
    """

    place: str
    trouble: str = ""
    version: str = ""
    waiting: int = 0
    pending: int = 0
    oldest_seconds: float | None = None
    """Age of the oldest mission that no worker has finished; None where there is none."""
    unfiled: int = 0
    unrecorded: int = 0
    dead_letters: int = 0
    append_only: bool = False
    fsync: str = ""
    not_saved: str = ""
    """Why its disk does not take what it is told, empty where it does."""
    eviction: str = ""
    memory_bytes: int = 0
    memory_limit: int = 0
    """0: no limit."""
    clock_ahead_seconds: float = 0.0
    """How far its clock is before this machine's."""
    plain_line: bool = False
    """What it carries can be read on the way to another machine."""
    rights: Sequence[str] = ()


class LetterKind(StrEnum):
    """What a dead letter was."""

    MISSION = "mission"
    RESULT = "result"
    NOTHING = "unreadable"


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """What nobody could deliver, or the ledger did not take. `envelope` is empty in a listing."""

    id: str
    when: datetime
    kind: LetterKind
    job_id: str
    reason: str
    size: int
    envelope: str = ""


class PutBack(StrEnum):
    """What became of a letter that was to be put back."""

    QUEUED = "queued"
    GONE = "gone"
    """There is no such letter any more."""
    LIVES = "lives"
    """Its mission is queued, worked on or done on the bus: nothing was changed."""


class BusWatch(Protocol):
    """How is it?"""

    def condition(self) -> BusCondition:
        """As it is now, within seconds. A bus that cannot be reached is an answer, and no error."""


class DeadLetterBox(Protocol):
    """What is to become of dead letters is people's word. Each method raises BusUnavailable."""

    def letters(self, count: int) -> list[DeadLetter]:
        """The newest, without their envelopes."""

    def letter(self, letter_id: str) -> DeadLetter | None:
        """One whole; None where there is none."""

    def put_back(self, letter: DeadLetter) -> PutBack:
        """Queues a dead mission again, with all its attempts, so that it is filed anew if the ledger does not have it;
        the letter is gone then, and so is the result that said that it failed. Raises ValueError for a letter that is
        no mission."""

    def drop(self, letter_id: str) -> bool:
        """Takes a letter away for good. False: it was gone."""
