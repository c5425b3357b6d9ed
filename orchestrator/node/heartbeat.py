"""How does a node keep proving that it lives while it is busy, and notice when it no longer can?

A thread of its own, so that a model call of an hour cannot stop it. When its beats have not been accepted for almost a
lease, others may already have taken its missions: it tells the node to stop working (self-fencing).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from missions.lease import fenced
from sync.errors import SyncError
from sync.heartbeat import Beat

LEASE_MARGIN_SHARE = 0.2
"""The part of a lease that a holder keeps back for the way of a beat to the server and of its answer."""


class Heartbeat:
    """Beats until it is stopped. `interval` and `lease` are seconds and may be changed while it runs."""

    def __init__(self, beat: Beat, *, clock: Callable[[], float]) -> None:
        self.beat, self.clock = beat, clock
        self.interval, self.lease = 60.0, 180.0
        self.on_fence: Callable[[], None] = lambda: None
        """Called when this node must stop working."""
        self.heartbeat_gaps = 0
        """How often the beats were interrupted for so long that a lease may have run out. What was claimed before the
        last break may be somebody else's by now, also where that node's push is still on its way."""
        self.duplicate_node = False
        """Somebody else beats under this node's name."""
        self.trouble = ""
        self._accepted: float | None = None
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="pulse", daemon=True),
            threading.Thread(target=self._guard, name="fence", daemon=True),
        ]

    def start(self) -> None:
        """Beats once, so that the node is seen before it claims anything, then keeps beating. Raises SyncError."""
        self.beat.start()
        self._once()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the beating."""
        self._done.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    @property
    def fenced(self) -> bool:
        """Whether this node must not trust its leases any more."""
        return self._late(self.clock())

    def _late(self, now: float) -> bool:
        return fenced(self._accepted, lease=self.lease, margin=self.lease * LEASE_MARGIN_SHARE, now=now)

    def _record_gap(self) -> None:
        self.heartbeat_gaps += 1
        self.on_fence()

    def _run(self) -> None:
        while not self._done.wait(self.interval):
            try:
                self._once()
                self.trouble = ""
            except (SyncError, OSError) as error:  # a full disk, or no process to be had, as well
                self.trouble = str(error)  # the node's loop tells people; here it only must not end the beating
            if self.fenced or self.duplicate_node:
                self._record_gap()

    def _guard(self) -> None:
        """Looks at the lease on its own: a beat that hangs in the network must not keep the fence from closing."""
        while not self._done.wait(self._left()):
            if self.fenced:
                self._record_gap()

    def _left(self) -> float:
        """Seconds until the fence closes; until the next look where it is closed already."""
        sure = self.lease * (1 - LEASE_MARGIN_SHARE)
        left = sure - (self.clock() - (self._accepted or 0.0))
        return left + 0.01 if left > 0 else self.interval

    def _once(self) -> None:
        before = self.clock()  # the beat counts from when it was sent: the answer may have taken its time
        if self.beat.move():
            if self._accepted is not None and self._late(before):
                self._record_gap()  # this process stood still for a lease, and beats again before anybody else looked
            self._accepted = before
        else:
            self.duplicate_node = True
