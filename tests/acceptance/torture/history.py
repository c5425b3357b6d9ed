"""What happened? The history of one run as plain values, whoever recorded it: a hook, or the remote in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from missions.lease import Claim
from sync.remote import Oid

CLAIM, LOG, LATE = "refs/shiftbook/claim/", "refs/shiftbook/log/", "refs/shiftbook/late/"


@dataclass(frozen=True, kw_only=True)
class Move:
    """One ref went from `old` (None: it was not there) to `new` (None: it is gone)."""

    ref: str
    old: Oid | None
    new: Oid | None


@dataclass(frozen=True, kw_only=True)
class Push:
    """What the server took in at once. `at` is the server's seconds; an attack is the nemesis' own, not a node's."""

    at: float
    moves: tuple[Move, ...]
    attack: bool = False

    def move(self, ref: str) -> Move | None:
        """What this push did to one ref."""
        return next((move for move in self.moves if move.ref == ref), None)


@dataclass(frozen=True, kw_only=True)
class ClaimCommit:
    """A commit on a claim's ref. `claim` is None for one that cannot be read."""

    claim: Claim | None
    parents: tuple[Oid, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogCommit:
    """A commit on a node's log: one attempt's record."""

    mission: str
    epoch: int
    parents: tuple[Oid, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt as a mission's file tells it."""

    number: int
    state: str
    node: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """A mission's file on the branch. `essence` is the person's part of it, None when it cannot be read."""

    path: str
    status: str
    epoch: int = 0
    attempts: tuple[Attempt, ...] = ()
    essence: str | None = ""

    @property
    def archived(self) -> bool:
        """Whether it left the list of open missions."""
        return self.path.startswith("missions/archive/")


@dataclass(frozen=True, kw_only=True)
class BranchCommit:
    """A commit on the branch: who made it, the missions by name, the journal's text, every other file's blob.

    `older` is what stands in the journal's files of older months, `twins` the files that are a mission of `pages` by
    another spelling.
    """

    parents: tuple[Oid, ...]
    by_node: bool
    pages: Mapping[str, Page]
    journal: str = ""
    older: str = ""
    others: Mapping[str, Oid] = field(default_factory=dict)
    twins: Mapping[str, tuple[Page, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Work:
    """Somebody worked on a mission from `start` to `end` (None: until it was killed, or still does), server's seconds.

    `excused` says why the guards cannot have stopped it in time: its whole process stood still.
    """

    mission: str
    epoch: int
    node: str
    start: float
    end: float | None
    excused: str = ""


@dataclass(frozen=True, kw_only=True)
class Hang:
    """A node's loop stood still, while its heartbeat's thread went on."""

    node: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class History:
    """One whole run, in the order in which the server saw it."""

    pushes: Sequence[Push]
    claims: Mapping[Oid, ClaimCommit]
    logs: Mapping[Oid, LogCommit]
    commits: Mapping[Oid, BranchCommit]
    works: Sequence[Work] = ()
    settled: bool = True
    """Whether the run was given the time to finish everything."""
    main: str = "refs/heads/main"
    hung: Sequence[Hang] = ()
    nodes: Sequence[str] = ()
    """Who could have taken over from a node that hung, if their own loops moved."""

    def moves(self, prefix: str) -> Iterator[tuple[Push, Move]]:
        """Every move of the refs that start so."""
        return ((push, move) for push in self.pushes for move in push.moves if move.ref.startswith(prefix))

    def between(self, old: Oid | None, new: Oid) -> list[Oid] | None:
        """The branch's commits after `old` up to `new`, oldest first; None when `new` does not descend from `old`."""
        found: list[Oid] = []
        here: Oid | None = new
        while here is not None and here != old:
            found.append(here)
            here = next(iter(self.commits[here].parents), None)
        return found[::-1] if here == old else None

    def final(self) -> BranchCommit | None:
        """What the branch says at the end."""
        tips = [move.new for _, move in self.moves(self.main) if move.new]
        return self.commits[tips[-1]] if tips else None

    def left_over(self, prefix: str) -> dict[str, Oid]:
        """The refs below a prefix that are there at the end."""
        refs: dict[str, Oid] = {}
        for _, move in self.moves(prefix):
            if move.new is None:
                refs.pop(move.ref, None)
            else:
                refs[move.ref] = move.new
        return refs
