"""How does a node keep proving that it lives while it is busy, and notice when it no longer can?

The heartbeat has a thread of its own, so that a model call of an hour cannot stop it. When its beats have not been
accepted for almost a lease, others may already have taken its missions: it tells the node to stop working
(self-fencing). And it beats only while the node's loop moves: a node whose loop hangs can hand nothing back, so it must
let go of what it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from missions.lease import fenced
from orchestrator.core.events import Tell
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.node.rounds.loop_progress import LoopProgress, round_bound
from orchestrator.policy.push_allowance import PushAllowance, is_rate_limited
from sync.errors import SyncError
from sync.heartbeat import Beat

LEASE_MARGIN_SHARE = 0.2
"""The part of a lease that a holder keeps back for the way of a beat to the server and of its answer."""

ESTABLISHED_BEATS = 2
"""Accepted beats, the first one at the start, after which a node is the earlier one of two under its name."""
DOUBLE_REMEDY = "give the other node another SHIFTBOOK_NODE_ID"


class FencedWork(Protocol):
    """What works under this node's leases."""

    def fence(self) -> None:
        """Ends everything that runs, because its leases may be somebody else's by now. Any thread may call; returns
        without waiting for the ends, and never raises."""


class Heartbeat:
    """Beats until it is stopped. `interval` and `lease` are seconds, as `follow` was told them last."""

    def __init__(
        self, beat: Beat, *, clock: Callable[[], float], work: FencedWork, progress: LoopProgress, tell: Tell
    ) -> None:
        self.beat, self.clock, self.work, self.progress, self.tell = beat, clock, work, progress, tell
        self.interval, self.lease = BusPart().beat_seconds, BusPart().lease
        self.stretch = 1
        """By how much the next beat stretches the pause after it, and the leases."""
        self.allowance = PushAllowance()
        self.heartbeat_gaps = 0
        """How often the beats were interrupted for so long that a lease may have run out. What was claimed before the
        last break may be somebody else's by now, also where that node's push is still on its way."""
        self.duplicate_node = False
        """Somebody else beats under this node's name."""
        self.trouble = ""
        self._accepted: tuple[float, int] | None = None
        """When the last beat was sent that the server took, and by how much it stretched the leases."""
        self._unsure: tuple[float, int] | None = None
        """The same of that beat since then of which nobody knows whether it was taken, and whose leases end first."""
        self._beats = 0
        self._stalled = False
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="pulse", daemon=True),
            threading.Thread(target=self._guard, name="fence", daemon=True),
        ]

    def follow(self, bus: BusPart, *, stretch: int = 1) -> None:
        """Takes the fleet's times: how often to beat, how long a lease is, how long a round of the loop may take.

        From the next beat on, `stretch` times as long passes between two, and as much longer last the leases.
        """
        self.interval, self.lease, self.progress.bound = bus.beat_seconds, bus.lease, round_bound(bus)
        self.stretch = stretch

    def start(self) -> None:
        """Beats once, so that the node is seen before it claims anything, then keeps beating. Raises SyncError."""
        self.beat.start()
        self._once()
        self.progress.completed()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the beating."""
        self._done.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def push_refused(self) -> None:
        """The host has refused a push because there were too many: beats rest longer, claims for a while. Any thread
        may call."""
        self.allowance.refused(self.clock())

    @property
    def fenced(self) -> bool:
        """Whether this node must not trust its leases any more."""
        return self._late(self.clock())

    def _late(self, now: float) -> bool:
        """Whether the leases may have run out, whichever of this node's beats others have seen last.

        A longer lease counts from the beat on that announced it and was taken; a shorter one already from a beat that
        may have been.
        """
        return any(fenced(sent, lease=self._lease(n), margin=self._margin(n), now=now) for sent, n in self._seen())

    def _seen(self) -> list[tuple[float, int]]:
        return [beat for beat in (self._accepted, self._unsure) if beat is not None]

    def _lease(self, stretch: int) -> float:
        return self.lease * stretch

    def _margin(self, stretch: int) -> float:
        return self._lease(stretch) * LEASE_MARGIN_SHARE

    def _end(self, beat: tuple[float, int]) -> float:
        return beat[0] + self._lease(beat[1]) - self._margin(beat[1])

    def _record_gap(self) -> None:
        self.heartbeat_gaps += 1
        self.work.fence()

    def _run(self) -> None:
        while not self._done.wait(self._pause()):
            if not self._loop_stalls():
                self._try()
            if self.fenced or self.duplicate_node:
                self._record_gap()

    def _pause(self) -> float:
        """Seconds until the next beat: as the last one that was taken has announced, where that is not over."""
        announced = self.interval * (self._accepted[1] if self._accepted else 1)
        return announced if self._unsure is None else min(announced, self.interval)

    def _try(self) -> None:
        try:
            self._once()
            self.trouble = ""
        except (SyncError, OSError) as error:  # a full disk, or no process to be had, as well
            if is_rate_limited(error):
                self.push_refused()
            self.trouble = str(error)  # the node's loop tells people; here it only must not end the beating
        except Exception as error:  # a mistake of ours: without this thread the node would hold nothing any more
            self.trouble = repr(error)
            self.tell("internal", f"a beat could not be made, a mistake of this node: {error!r}", once=True)

    def _loop_stalls(self) -> bool:
        """Whether the loop has completed no round for too long; said once when it begins, and once when it is over."""
        before, self._stalled = self._stalled, self.progress.stalled
        if self._stalled and not before:
            since = format_duration(self.progress.stands_for)
            self.tell(
                "alarm",
                f"no round of the node's loop was completed for {since}: it stops beating, so that others"
                " take over what it holds; restart it if this does not pass",
            )
        elif before and not self._stalled:
            self.tell("alarm", "the node's loop completes its rounds again: it beats again")
        return self._stalled

    def _guard(self) -> None:
        """Looks at the lease on its own: a beat that hangs in the network must not keep the fence from closing."""
        while not self._done.wait(min(self._left(), self.lease * LEASE_MARGIN_SHARE)):  # leases may become shorter
            if self.fenced:
                self._record_gap()

    def _left(self) -> float:
        """Seconds until the fence closes; until the next look where it is closed already."""
        left = min(map(self._end, self._seen()), default=0.0) - self.clock()
        return left + 0.01 if left > 0 else self.interval

    def _once(self) -> None:
        before = self.clock()  # the beat counts from when it was sent: the answer may have taken its time
        stretch = self.beat.stretch = self.stretch
        late = self._late(before)
        self._unsure = min(self._unsure or (before, stretch), (before, stretch), key=self._end)
        if self.beat.move() or self._retake(before):
            if late:
                self._record_gap()  # this process stood still for a lease, and beats again before anybody else looked
            self._accepted, self._unsure = (before, stretch), None
            self._beats += 1
        elif not self._established(before):
            self.duplicate_node = True

    def _established(self, now: float) -> bool:
        """Whether this node was here before whoever else moves its beat: of two under one name the later one stops."""
        return self._beats >= ESTABLISHED_BEATS and not self._late(now)

    def _retake(self, now: float) -> bool:
        """Beats on from where somebody else has put this node's beat, if this node was here first."""
        if not self._established(now):
            return False
        self.tell("alarm", f"somebody else beats at {self.beat.ref}: {DOUBLE_REMEDY}; this one goes on", once=True)
        self.beat.start()
        return self.beat.move()
