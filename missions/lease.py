"""Who holds the lease on a mission, and when may somebody else take it?

A claim is a small text in a commit. Its fencing epoch only grows over the mission's life, its nonce makes two claims
of one moment two objects (trap A), and it names the mission's blob that was claimed. No function here reads a clock:
`now` is the caller's own monotonic time in seconds, and no two machines' clocks are ever compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from missions.errors import BadClaim, BadName
from missions.mission import Mission, slug
from missions.plain_data import read_json


class ClaimState(StrEnum):
    """What a claim says of its mission."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "released"
    PARKED = "parked"


PAUSED_REASON = "paused by a person"
QUESTION_REASON = "it asks: "
"""How the reason of a mission begins that rests because its agent asked a person something."""
"""The reason of a claim that ended because a person paused its mission: the file says whether it is still paused."""

OBJECT_NAME = re.compile(r"[0-9a-f]{40}")
"""A Git object's name, and nothing else that git would take for one."""

MAX_COUNT = 10**9
"""Most epochs and attempts: a number that a hostile node wrote must fit into a file's name."""

CLOSED = frozenset({ClaimState.DONE, ClaimState.FAILED, ClaimState.CANCELLED, ClaimState.RELEASED, ClaimState.PARKED})


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One state of one claim. `log` is the commit on the node's log ref that carries what a closed claim brought."""

    mission: str
    blob: str
    node: str
    boot: str
    epoch: int
    attempt: int
    nonce: str
    state: ClaimState = ClaimState.RUNNING
    log: str | None = None
    reason: str = ""

    @property
    def closed(self) -> bool:
        """Nobody works on it any more; it waits to be folded into the branch."""
        return self.state in CLOSED

    def print(self) -> bytes:
        """The text that the claim's commit carries: sorted JSON, one line."""
        return json.dumps(vars(self), sort_keys=True, ensure_ascii=False).encode() + b"\n"


def read_claim(data: bytes) -> Claim:
    """Reads what Claim.print wrote. Raises BadClaim."""
    try:
        fields = read_json(data)
        claim = Claim(**{**fields, "state": ClaimState(fields["state"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BadClaim(str(error)) from error
    counts = (claim.epoch, claim.attempt)
    if not all(type(count) is int and 0 < count <= MAX_COUNT for count in counts):
        raise BadClaim(f"epoch and attempt must be whole numbers above zero, {MAX_COUNT:,} at most")
    texts = (
        claim.mission,
        claim.blob,
        claim.node,
        claim.boot,
        claim.nonce,
        claim.reason,
        "" if claim.log is None else claim.log,
    )
    if not all(isinstance(text, str) for text in texts):
        raise BadClaim("all but epoch and attempt must be text")
    if not all(OBJECT_NAME.fullmatch(oid) for oid in (claim.blob, claim.log) if oid is not None):
        raise BadClaim("blob and log must be names of objects")
    if not _is_name(claim.mission):
        raise BadClaim("mission must be the name of one")  # it becomes a part of paths
    return claim


def _is_name(text: str) -> bool:
    try:
        return slug(text) == text
    except BadName:
        return False


def grant(mission: Mission, *, blob: str, node: str, boot: str, nonce: str, after: int = 0) -> Claim:
    """A first claim on an open mission: the next epoch after the last one that the branch has folded.

    `after`: the last epoch of the missions that had this name before it, which a person took away.
    """
    return Claim(
        mission=mission.name,
        blob=blob,
        node=node,
        boot=boot,
        epoch=max(mission.epoch, after) + 1,
        attempt=mission.attempt + 1,
        nonce=nonce,
    )


def take_over(old: Claim, *, blob: str, node: str, boot: str, nonce: str) -> Claim:
    """The next holder's claim after a lease ran out: a new epoch fences the old holder, and the attempt counts.

    `old` may be closed, by a node whose word does not count: what it brought is not taken along.
    """
    mine = replace(old, blob=blob, node=node, boot=boot, nonce=nonce, state=ClaimState.RUNNING, log=None, reason="")
    return replace(mine, epoch=old.epoch + 1, attempt=old.attempt + 1)


def close(held: Claim, *, state: ClaimState, nonce: str, log: str | None, reason: str = "") -> Claim:
    """The same claim, ended. Its text changes, so its ref must move, which only the newest holder can do (trap B)."""
    return replace(held, state=state, nonce=nonce, log=log, reason=reason)


def is_valid_replacement(old: Claim, new: Claim, *, folded_epoch: int | None) -> bool:
    """Whether a claim that does not descend from `old` may stand in its place (trap C).

    Only if the branch has folded the old claim, so that it was deleted by the rule. Anything else is a stale holder's
    forced push or a rewritten ref. The new claim's epoch does not matter here: one that is not above `folded_epoch`
    was won from an old view, is withdrawn by its holder, and can neither be started (trap D) nor folded.

    `folded_epoch` is None where the branch cannot tell, because a person deleted the mission's file or broke it. Then
    a later epoch is believed: whoever claimed it had seen the earlier one folded, which no stale holder has.
    """
    return new.epoch > old.epoch if folded_epoch is None else folded_epoch >= old.epoch


@dataclass(kw_only=True)
class LeaseWatch:
    """Times, for one observer, how long each holder has been silent.

    Feed it every *successful* fetch. A pause between two fetches longer than `roof` seconds proves nothing about
    the others (the observer itself was cut off or asleep), so every running count starts again after one.
    """

    lease: float
    roof: float
    longer: Mapping[str, float] = field(default_factory=dict)
    """The lease of each mission whose holder has announced a longer one."""
    _since: dict[str, tuple[object, float]] = field(default_factory=dict)
    _last: float | None = None

    def observe(self, signs: Mapping[str, object], now: float) -> None:
        """Takes in one fetch. `signs` maps each running claim's mission to what moves while its holder lives."""
        gap = self._last is not None and now - self._last > self.roof
        self._last = now
        before = {} if gap else self._since
        self._since = {
            name: before[name] if name in before and before[name][0] == sign else (sign, now)
            for name, sign in signs.items()
        }

    def silent_for(self, mission: str) -> float:
        """Seconds for which that mission's holder has shown no sign, as of the last fetch that was fed."""
        known = self._since.get(mission)
        return 0.0 if known is None or self._last is None else self._last - known[1]

    def expired(self, missions: Iterable[str]) -> list[str]:
        """Those of `missions` whose lease has run out."""
        return [name for name in missions if self.silent_for(name) >= max(self.lease, self.longer.get(name, 0.0))]


def fenced(last_accepted_beat: float | None, *, lease: float, margin: float, now: float) -> bool:
    """Whether a holder must stop its own work: its last accepted beat is too old for it to be sure of its lease.

    The margin covers the time between the moment the server took the beat and the moment the answer came back.
    """
    return last_accepted_beat is not None and now - last_accepted_beat > lease - margin
