"""How are this node's attempts shown to people on other machines? Its live publisher writes while somebody watches.

The loop tells it which missions are watched; a thread of its own looks at the attempts' folders and pushes. A slow
server, or one that limits pushes, is asked less often. Nobody watches: there is no thread, and nothing is written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from missions.live_view import LiveView
from orchestrator.core.events import Tell
from orchestrator.execution.live_diff import diff_so_far
from orchestrator.execution.live_figures import read_figures
from orchestrator.execution.live_output import PROGRESS_FILE, ProgressTail
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.steering.live_refs import REQUEST_SECONDS, idle_refs, live_commit, watched_missions
from orchestrator.ledger.transport import LIVE, WATCH, Transport
from orchestrator.node.jobs import RunningJob
from sync.errors import SyncError
from sync.publish import push_and_resolve
from sync.remote import Oid, Refs, RefUpdate

FIRST_SECONDS, LONGEST_SECONDS = 2.0, 60.0
"""Seconds between two views: at first, and where the server is slow or refuses."""
PUSH_SHARE = 0.2
"""The part of the time that pushing views may take."""
UNCHANGED_SECONDS = 15.0
"""Seconds after which a view is written although nothing has changed: who watches sees that the node lives."""
MAX_TIDIED = 50
"""Refs that others left which one round takes down."""


@dataclass(kw_only=True)
class LiveShowing:
    """One attempt that is watched until `until` (on the publisher's clock)."""

    job: RunningJob
    folder: Path
    until: float
    tail: ProgressTail
    number: int = 0
    shown: tuple[object, ...] = ()
    """What the last view said, and when it was written."""
    at: float = float("-inf")


@dataclass(kw_only=True)
class LivePublisher:
    """One node's. `folder` tells where an attempt works; `clock` is monotonic seconds. `step` is the loop's alone."""

    bus: Transport
    folder: Callable[[str, int], Path]
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    pause: float = FIRST_SECONDS
    """Seconds until the next views."""
    _requests: dict[str, tuple[Oid, float]] = field(default_factory=dict)
    """Where each request stood last, and when it was seen to move there."""
    _left: dict[str, tuple[Oid, float]] = field(default_factory=dict)
    """The same of requests and views to missions on which nobody works."""
    _showings: dict[str, LiveShowing] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _closed: bool = False

    def step(self, ledger: LedgerSnapshot, jobs: Mapping[str, RunningJob]) -> None:
        """Takes in who watches what, and takes down what others have left."""
        now = self.clock()
        self._requests = _seen_since(self._requests, watched_missions(ledger.refs), now)
        with self._lock:
            for name, showing in self._showings.items():
                if jobs.get(name) is not showing.job:
                    showing.until = now
            for name, (_, moved) in self._requests.items():
                if name in jobs and moved + REQUEST_SECONDS > now:
                    self._showings.setdefault(name, self._begin(jobs[name])).until = moved + REQUEST_SECONDS
            if self._showings and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        self._tidy(ledger, now)

    def _tidy(self, ledger: LedgerSnapshot, now: float) -> None:
        """What stands for a while where nobody works: its node was killed, or the attempt ended while it was asked."""
        self._left = _seen_since(self._left, idle_refs(ledger.refs, ledger.claims), now)
        old = [(ref, oid) for ref, (oid, seen) in self._left.items() if seen + REQUEST_SECONDS <= now]
        moves = [RefUpdate(ref=ref, expect=oid, new=None) for ref, oid in old[:MAX_TIDIED]]
        if not moves:
            return
        try:
            push_and_resolve(self.bus.remote, moves)  # stale: another node was quicker, or somebody asks again
        except SyncError as error:
            self._left = {}  # tried again after as long
            self.tell("live", f"what others have left could not be taken down: {error}", once=True)

    def close(self, seconds: float = 10.0) -> None:
        """Takes down what is shown; waits at most so long for it."""
        with self._lock:
            self._closed, thread = True, self._thread
        self._wake.set()
        if thread is not None:
            thread.join(timeout=seconds)

    def _begin(self, job: RunningJob) -> LiveShowing:
        folder = self.folder(job.held.claim.mission, job.held.claim.epoch)
        return LiveShowing(job=job, folder=folder, until=0.0, tail=ProgressTail(path=folder / PROGRESS_FILE))

    def _run(self) -> None:
        """Writes views until nobody watches any more; then there is no thread."""
        while True:
            began = self.clock()
            with self._lock:
                showings = dict(self._showings)
                over = {name for name, one in showings.items() if self._closed or one.until <= began}
                self._showings = {name: one for name, one in showings.items() if name not in over}
                if not showings:
                    self._thread = None
                    return
            taken = [self._end(name) if name in over else self._show(name, one) for name, one in showings.items()]
            slower = max(FIRST_SECONDS, (self.clock() - began) / PUSH_SHARE) if all(taken) else self.pause * 2
            self.pause = min(LONGEST_SECONDS, slower)
            if not over:
                self._wake.wait(self.pause)

    def _show(self, name: str, showing: LiveShowing) -> bool:
        """Writes a view if there is something new; whether the server took what it was given."""
        now = self.clock()
        try:
            view = self._view(showing, now)
            shown = (view.end, view.cost_usd, view.diff)
            if shown == showing.shown and now - showing.at < UNCHANGED_SECONDS:
                return True
            self._put(LIVE + name, live_commit(self.bus, view))
        except (SyncError, OSError) as error:
            self.tell("live", f"what runs here cannot be shown to who watches: {error}", once=True)
            return False
        showing.shown, showing.at = shown, now
        return True

    def _end(self, name: str) -> bool:
        """Takes down what was shown, and the request: it is not an order for the next attempt."""
        try:
            for ref in (LIVE + name, WATCH + name):
                self._put(ref, None)
        except (SyncError, OSError) as error:
            self.tell("live", f"what was shown of {name} could not be taken down: {error}", once=True)
            return False
        return True

    def _put(self, ref: str, new: Oid | None) -> None:
        """Moves a ref from wherever it is. Raises SyncError."""
        here = self.bus.remote.heads(ref).get(ref)
        if here != new:
            push_and_resolve(self.bus.remote, [RefUpdate(ref=ref, expect=here, new=new)])

    def _view(self, showing: LiveShowing, now: float) -> LiveView:
        """What there is to see, redacted. Raises OSError."""
        claim, tail = showing.job.held.claim, showing.tail
        tail.read()
        showing.number += 1
        figures = read_figures(showing.folder)
        return LiveView(
            mission=claim.mission,
            epoch=claim.epoch,
            attempt=claim.attempt,
            node=claim.node,
            agent=figures.agent,
            number=showing.number,
            seconds=max(0.0, now - showing.job.began),
            offset=tail.offset,
            end=tail.end,
            text=tail.text,
            cost_usd=figures.cost_usd,
            diff=diff_so_far(showing.folder),
        )


def _seen_since(before: Mapping[str, tuple[Oid, float]], stand: Refs, now: float) -> dict[str, tuple[Oid, float]]:
    """Where each thing stands, and since when it was seen to stand there."""
    return {
        name: before[name] if name in before and before[name][0] == oid else (oid, now) for name, oid in stand.items()
    }
