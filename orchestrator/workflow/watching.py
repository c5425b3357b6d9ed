"""How does a person see a running attempt live, wherever it runs? A watch, on this machine or through the ledger.

What runs here is read from its folder. What runs elsewhere is asked for by a ref of the shared repository, as long as
somebody looks; its node then shows it there (`ledger.steering.live_refs`). Each look says from where it is and how old.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from missions.live_view import DiffSoFar, LiveView
from orchestrator.execution.live_diff import diff_so_far
from orchestrator.execution.live_figures import read_figures
from orchestrator.execution.live_output import PROGRESS_FILE, read_output
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, read_label
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.ledger.steering.live_refs import RENEW_SECONDS, read_view, watch_commit
from orchestrator.ledger.transport import LIVE, WATCH, Transport
from orchestrator.policy.authorization import Trust
from sync.errors import SyncError
from sync.publish import push_and_resolve
from sync.remote import Oid, RefUpdate

HERE, THROUGH_GIT, NOWHERE = "this machine", "the Git server", ""


@dataclass(frozen=True, kw_only=True)
class LiveLook:
    """One look at a mission. `text` is what was said since `cursor`'s last value; give `cursor` to the next look.

    `source` is from where it comes, "" where nothing runs; `age_seconds` how old it is at least, and None where that is
    not known. `missed` are bytes of the output between the last look and this one that are not shown.
    """

    mission: str
    status: str
    says: str
    source: str = NOWHERE
    age_seconds: float | None = None
    node: str = ""
    agent: str = ""
    epoch: int = 0
    attempt: int = 0
    seconds: float | None = None
    text: str = ""
    missed: int = 0
    cursor: str = ""
    cost_usd: float | None = None
    diff: DiffSoFar | None = None

    def json(self) -> dict[str, object]:
        """As programs read it."""
        return asdict(self)


@dataclass(kw_only=True)
class WatchSightings:
    """What this process has asked for and seen move, by its own clock. Any thread may use it."""

    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, tuple[Oid, float]] = field(default_factory=dict)

    def must_ask(self, mission: str) -> bool:
        """Whether the request is due, which then counts as made. Not more often, however many look."""
        with self.lock:
            now = self.clock()
            if now - self._asked.get(mission, float("-inf")) < RENEW_SECONDS:
                return False
            self._asked[mission] = now
            return True

    def asked_in_vain(self, mission: str) -> None:
        """The request did not get there."""
        with self.lock:
            self._asked.pop(mission, None)

    def age(self, mission: str, oid: Oid) -> float | None:
        """Seconds since a view was first seen here; None for the first one, which may be of any age."""
        with self.lock:
            before = self._seen.get(mission)
            if before is None:
                self._seen[mission] = (oid, float("-inf"))
                return None
            if before[0] != oid:
                self._seen[mission] = before = (oid, self.clock())
            return None if before[1] == float("-inf") else self.clock() - before[1]


@dataclass(frozen=True, kw_only=True)
class MissionWatch:
    """One person's. `node` is this machine's, `folders` its attempts; `now` is seconds since 1970."""

    bus: Transport
    trust: Trust
    node: str
    folders: AttemptDirs
    sightings: WatchSightings = field(default_factory=WatchSightings)
    now: Callable[[], float] = time.time
    judging: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while a signature is judged, which is for one thread at a time; not while git or a server is waited for."""

    def look(self, ledger: LedgerSnapshot, name: str, status: str, cursor: str = "") -> LiveLook:
        """How a mission looks now. Asks its node to show it, where that is another machine. Raises OSError."""
        held = ledger.claims.get(name)
        if held is None or held.claim.closed:
            return LiveLook(mission=name, status=status, says="nothing runs", cursor=cursor)
        folder = self.folders.of(name, held.claim.epoch)
        label = read_label(folder)
        if held.claim.node == self.node and label is not None and label.epoch == held.claim.epoch:
            return self._here(held, status, folder, cursor)
        return self._elsewhere(ledger, held, status, cursor)

    def _here(self, held: HeldClaim, status: str, folder: Path, cursor: str) -> LiveLook:
        figures, mark = read_figures(folder), f"h{held.claim.epoch}."
        page = read_output(folder / PROGRESS_FILE, _after(cursor, mark))
        return LiveLook(
            mission=held.claim.mission,
            status=status,
            says="from this machine, as it is now",
            source=HERE,
            age_seconds=0.0,
            node=held.claim.node,
            agent=figures.agent,
            epoch=held.claim.epoch,
            attempt=held.claim.attempt,
            seconds=max(0.0, self.now() - figures.began) if figures.began else None,
            text=page.text,
            cursor=f"{mark}{page.next}",
            cost_usd=figures.cost_usd,
            diff=diff_so_far(folder),
        )

    def _elsewhere(self, ledger: LedgerSnapshot, held: HeldClaim, status: str, cursor: str) -> LiveLook:
        why = self._ask(ledger, held.claim.mission)
        view = read_view(ledger.store, ledger.refs, held.claim.mission)
        if view is not None and self._is_genuine(ledger, held, view):
            age = self.sightings.age(held.claim.mission, ledger.refs[LIVE + held.claim.mission])
            return _through_git(held, view, status, age, cursor)
        says = why or f"{held.claim.node} is asked, through the Git server, to show what it does"
        return LiveLook(
            mission=held.claim.mission,
            status=status,
            says=says,
            source=THROUGH_GIT,
            node=held.claim.node,
            epoch=held.claim.epoch,
            attempt=held.claim.attempt,
            cursor=cursor,
        )

    def _ask(self, ledger: LedgerSnapshot, name: str) -> str:
        """Has the node know that somebody watches; returns why it could not be asked."""
        if not self.sightings.must_ask(name):
            return ""
        ref = WATCH + name
        move = RefUpdate(ref=ref, expect=ledger.refs.get(ref), new=watch_commit(self.bus, name))
        try:
            push_and_resolve(self.bus.remote, [move])  # stale: somebody else asks, too
        except SyncError as error:
            self.sightings.asked_in_vain(name)
            return f"its node could not be asked to show it: {error}"
        return ""

    def _is_genuine(self, ledger: LedgerSnapshot, held: HeldClaim, view: LiveView) -> bool:
        """Whether the node that holds the mission shows this very attempt: anybody who may push can write it."""
        if (view.epoch, view.node) != (held.claim.epoch, held.claim.node):
            return False
        if ledger.charter.trust.missions == "remote":
            return True
        with self.judging:
            return self.trust.is_signed_by_holder(ledger, held, ledger.refs[LIVE + held.claim.mission])


def _through_git(held: HeldClaim, view: LiveView, status: str, age: float | None, cursor: str) -> LiveLook:
    mark = f"g{view.epoch}."
    after = _after(cursor, mark)
    data = view.text.encode("utf-8", "replace")
    known = after if 0 <= after <= view.end else view.offset
    fresh = data[max(0, known - view.offset) :].decode("utf-8", "ignore")
    when = f"{age:.0f} s old" if age is not None else "of unknown age until it moves"
    return LiveLook(
        mission=view.mission,
        status=status,
        says=f"from {view.node}, through the Git server, {when}",
        source=THROUGH_GIT,
        age_seconds=age,
        node=view.node,
        agent=view.agent,
        epoch=view.epoch,
        attempt=held.claim.attempt,
        seconds=view.seconds,
        text=fresh,
        missed=max(0, view.offset - known),
        cursor=f"{mark}{view.end}",
        cost_usd=view.cost_usd,
        diff=view.diff,
    )


def _after(cursor: str, mark: str) -> int:
    """How far the output was shown; -1 for a cursor of another attempt or from elsewhere: its end is shown."""
    number = cursor.removeprefix(mark)
    known = cursor.startswith(mark) and number.isascii() and number.isdigit() and len(number) <= 12
    return int(number) if known else -1
