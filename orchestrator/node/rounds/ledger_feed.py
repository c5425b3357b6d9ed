"""What does this node's loop see of the ledger? Its feed: one fetch a round, checked, and taken in by all who watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.events import Tell
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from sync.latency import LatencyMeter
from sync.remote import Refs


@dataclass(kw_only=True)
class LedgerFeed:
    """One node's. `clock` is monotonic seconds that go on while the machine sleeps."""

    bus: Transport
    reader: SnapshotReader
    witness: RewriteDetector
    liveness: Liveness
    clock: Callable[[], float]
    tell: Tell
    looks: LatencyMeter = field(default_factory=LatencyMeter)
    """How long the remote takes for a fetch."""
    sightings: LastSeenStore | None = None
    """When nodes were seen to move, for this machine's other processes; None: nobody else asks."""
    refs: Refs = field(default_factory=dict)
    """What the last fetch showed."""

    def look(self) -> LedgerSnapshot:
        """The ledger as it is now. Raises SyncError, BrokenLedger, and HistoryRewritten when it was tampered with."""
        with self.looks.timed():
            refs = self.bus.remote.fetch()
        return self.reader.read(refs)

    def fetch(self) -> LedgerSnapshot:
        """The same for a round of the loop: checked against what was seen before, and taken in."""
        ledger = self.look()
        self.witness.check(ledger)
        self.refs = ledger.refs
        self.liveness.observe(ledger, self.clock())
        self._note_sightings(ledger)
        return ledger

    def _note_sightings(self, ledger: LedgerSnapshot) -> None:
        if self.sightings is None:
            return
        try:
            self.sightings.update(ledger.beats, self.bus.now())
        except OSError as error:  # a full disk must not keep this node from handing its results back
            self.tell("disk", f"when nodes were seen to move cannot be noted: {error}", once=True)
