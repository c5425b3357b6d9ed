"""How does an ended attempt reach the ledger? Its handback, whatever breaks on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from missions.lease import PAUSED_REASON, ClaimState
from missions.result_section import failure_line
from orchestrator.core.events import Tell
from orchestrator.core.ports.agent import Outcome
from orchestrator.ledger import claims as claims
from orchestrator.ledger import result_report
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.transport import Transport
from orchestrator.node.outbox import Outbox, PendingResult
from orchestrator.node.scheduler import Assignment
from orchestrator.policy.push_allowance import is_rate_limited
from sync.backoff import Backoff
from sync.errors import BranchMissing, HistoryRewritten, RemoteUnreachable, SyncError
from sync.remote import Oid

RETRY = Backoff(first=30.0, limit=3600.0)
"""Seconds for which a letter rests that the remote refused: twice as long each time, up to the longest."""


@dataclass(kw_only=True)
class Handback:
    """Hands ended attempts back. `post` may be called from any thread, `hand_back` from the node's loop only."""

    bus: Transport
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]
    """Monotonic seconds."""
    limited: Callable[[], None] = lambda: None
    """Is told that the host takes no more pushes for now where that is not raised, as something got through before."""
    branch: claims.ResultsBranch = field(init=False)
    """Moves along with each result, where `fleet.toml` wants that."""
    _ready: list[PendingResult] = field(default_factory=list)
    _rests: dict[Oid, tuple[float, float]] = field(default_factory=dict)
    """By the claim of a letter that was refused: until when it rests, and for how many seconds."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.branch = claims.ResultsBranch(bus=self.bus, tell=self.tell)

    @property
    def waiting(self) -> bool:
        """Whether something is ready that the remote has not taken yet, and that it did not refuse a while ago."""
        with self._lock:
            return any(self._due(letter) for letter in self._ready)

    @property
    def refused(self) -> list[PendingResult]:
        """What the remote has refused and this node keeps."""
        with self._lock:
            return [letter for letter in self._ready if letter.held.oid in self._rests]

    @property
    def missions(self) -> set[str]:
        """Those whose attempts wait to be handed back."""
        with self._lock:
            return {letter.held.claim.mission for letter in self._ready}

    def pending(self, held: Mapping[str, HeldClaim]) -> set[str]:
        """Those of the missions that are held whose very claim waits here to be ended: nobody need work on them."""
        with self._lock:
            mine = {letter.held.oid for letter in self._ready}
        return {name for name, now in held.items() if now.oid in mine}

    def reload(self) -> None:
        """Takes up what an earlier run of this node left in its outbox."""
        for path in self.outbox.unreadable():
            self.tell("disk", f"{path} cannot be read as a result that waits to be handed back; it stays there")
        with self._lock:
            self._ready.extend(self.outbox)

    def post(self, held: HeldClaim, attempt: result_report.EndedAttempt, reason: str) -> None:
        """Takes an ended attempt. It is on disk when this returns, or, if the disk is full, at least in memory."""
        letter = PendingResult(
            held=held, state=attempt.state, record=result_report.build_record(attempt), reason=reason
        )
        try:
            self.outbox.put(letter)
        except OSError as error:
            self.tell("disk", f"{letter.record.mission}: the result is kept in memory only: {error}")
        with self._lock:
            self._ready.append(letter)

    def end(self, taken: Assignment) -> None:
        """Ends a claim without working on it: its attempts are spent, its file is gone, or a person said so."""
        now, paused = self.bus.now(), taken.state is ClaimState.PARKED
        summary = f"{taken.end[0].upper()}{taken.end[1:]}."
        outcome = Outcome(ok=False, summary=summary, error=taken.end, cancelled=paused)
        attempt = result_report.EndedAttempt(
            mission=taken.mission,
            claim=taken.held.claim,
            outcome=outcome,
            state=taken.state,
            started=now,
            finished=now,
            final=not paused,
        )
        self.post(taken.held, attempt, PAUSED_REASON if paused else taken.end)

    def hand_back(self, folded: Callable[[str], int] = lambda _mission: 0) -> list[PendingResult]:
        """Pushes what is ready. Returns what is settled: accepted, or kept as late work.

        `folded` says up to which epoch the branch tells a mission's ends. What could not be pushed stays ready. One
        letter that the remote refuses rests, and holds up nothing else.
        Raises RemoteUnreachable, BranchMissing, HistoryRewritten or OSError when nothing was settled because of it, and
        PushRefused when the host takes no more pushes for now; `limited` is told so where something was settled before.
        """
        with self._lock:
            ready = [letter for letter in self._ready if self._due(letter)]
        done: list[PendingResult] = []
        trouble: SyncError | OSError | None = None
        for letter in ready:
            if isinstance(trouble, RemoteUnreachable):  # the next one would only wait for the same time-out
                break
            try:
                past = folded(letter.held.claim.mission) >= letter.held.claim.epoch
                ended = claims.complete(
                    self.bus,
                    letter.held,
                    letter.record,
                    state=letter.state,
                    reason=letter.reason,
                    past=past,
                    branch=self.branch,
                )
            except (RemoteUnreachable, BranchMissing, HistoryRewritten, OSError) as error:
                trouble = error
                continue
            except SyncError as error:
                if is_rate_limited(error):  # nothing is wrong with this letter: it waits for its turn
                    trouble = error
                    break
                self._back_off(letter, error)  # a hook, a limit on sizes: it will be the same in the next round
                continue
            done.append(letter)
            self._settle(letter, ended)
        if trouble is not None and not done:
            raise trouble
        if trouble is not None and is_rate_limited(trouble):
            self.limited()
        return done

    def _due(self, letter: PendingResult) -> bool:
        until, _ = self._rests.get(letter.held.oid, (self.clock(), 0.0))
        return self.clock() >= until

    def _back_off(self, letter: PendingResult, why: SyncError) -> None:
        claim = letter.held.claim
        with self._lock:
            _, before = self._rests.get(letter.held.oid, (0.0, 0.0))
            rest = RETRY.next(before)
            self._rests[letter.held.oid] = (self.clock() + rest, rest)
        told = f"{claim.mission}, attempt {claim.attempt}: {why}; the result stays in this node's outbox"
        self.tell("refused", told, once=True, mission=claim.mission)

    def _settle(self, letter: PendingResult, ended: claims.CompletionResult) -> None:
        with self._lock:
            self._ready = [other for other in self._ready if other is not letter]
            self._rests.pop(letter.held.oid, None)
        self._told(letter, ended)
        self._forget(letter)

    def _forget(self, letter: PendingResult) -> None:
        try:
            self.outbox.remove(letter)
        except OSError as error:  # the next start hands it back once more, which changes nothing
            self.tell("disk", f"{letter.record.mission} is handed back, but its file cannot be removed: {error}")

    def _told(self, letter: PendingResult, ended: claims.CompletionResult) -> None:
        claim = letter.held.claim
        if ended.accepted:
            failed = letter.state is ClaimState.FAILED
            why = failure_line(letter.record.section) if failed else ""
            words = f"{claim.mission}, attempt {claim.attempt}" + (f": {why}" if why else "")
            self.tell(letter.state.value, words, mission=claim.mission)
        else:
            kept = f"{claim.mission}: another node has it; this work is kept at {ended.late}"
            self.tell("late", kept, mission=claim.mission)
