"""How does an ended attempt reach the ledger, whatever breaks on the way?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from missions.lease import Hold
from orchestrator import claim as claims
from orchestrator import journal
from orchestrator.bus import Bus
from orchestrator.intake import Taken, Tell
from orchestrator.ledger import Held
from orchestrator.outbox import Letter, Outbox
from orchestrator.ports import Outcome
from sync.errors import RemoteUnreachable, SyncError


@dataclass(kw_only=True)
class Delivery:
    """Hands ended attempts back. `post` may be called from any thread, `hand_back` from the node's loop only."""

    bus: Bus
    outbox: Outbox
    tell: Tell
    _ready: list[Letter] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def waiting(self) -> bool:
        """Whether something is ready that the remote has not taken yet."""
        with self._lock:
            return bool(self._ready)

    @property
    def missions(self) -> set[str]:
        """Those whose attempts wait to be handed back."""
        with self._lock:
            return {letter.held.claim.mission for letter in self._ready}

    def reload(self) -> None:
        """Takes up what an earlier run of this node left in its outbox."""
        for path in self.outbox.unreadable():
            self.tell("disk", f"{path} cannot be read as a result that waits to be handed back; it stays there")
        with self._lock:
            self._ready.extend(self.outbox)

    def post(self, held: Held, attempt: journal.Attempt, reason: str) -> None:
        """Takes an ended attempt. It is on disk when this returns, or, if the disk is full, at least in memory."""
        letter = Letter(held=held, state=attempt.state, record=journal.record(attempt), reason=reason)
        try:
            self.outbox.put(letter)
        except OSError as error:
            self.tell("disk", f"{letter.record.mission}: the result is kept in memory only: {error}")
        with self._lock:
            self._ready.append(letter)

    def end(self, taken: Taken) -> None:
        """Ends a claim without working on it: its attempts are spent, or its file is gone."""
        now = self.bus.now()
        outcome = Outcome(ok=False, summary=f"{taken.end[0].upper()}{taken.end[1:]}.", error=taken.end)
        attempt = journal.Attempt(
            mission=taken.mission,
            claim=taken.held.claim,
            outcome=outcome,
            state=Hold.CANCELLED if taken.deleted else Hold.FAILED,
            started=now,
            finished=now,
            final=True,
        )
        self.post(taken.held, attempt, taken.end)

    def hand_back(self) -> list[Letter]:
        """Pushes what is ready. Returns what is settled: accepted, or kept as late work.

        What could not be pushed stays ready. One letter that the remote refuses holds up none of the others. Raises
        SyncError or OSError when nothing at all was settled because of it.
        """
        with self._lock:
            ready, self._ready = self._ready, []
        done: list[Letter] = []
        trouble: SyncError | OSError | None = None
        for letter in ready:
            if isinstance(trouble, RemoteUnreachable):  # the next one would only wait for the same time-out
                break
            try:
                ended = claims.complete(self.bus, letter.held, letter.record, state=letter.state, reason=letter.reason)
            except (SyncError, OSError) as error:
                trouble = error
                continue
            done.append(letter)
            self._told(letter, ended)
            self._forget(letter)
        with self._lock:
            self._ready = [letter for letter in ready if letter not in done] + self._ready
        if trouble is not None and not done:
            raise trouble
        return done

    def _forget(self, letter: Letter) -> None:
        try:
            self.outbox.remove(letter)
        except OSError as error:  # the next start hands it back once more, which changes nothing
            self.tell("disk", f"{letter.record.mission} is handed back, but its file cannot be removed: {error}")

    def _told(self, letter: Letter, ended: claims.Ended) -> None:
        claim = letter.held.claim
        if ended.accepted:
            self.tell(letter.state.value, f"{claim.mission}, attempt {claim.attempt}", mission=claim.mission)
        else:
            kept = f"{claim.mission}: another node has it; this work is kept at {ended.late}"
            self.tell("late", kept, mission=claim.mission)
