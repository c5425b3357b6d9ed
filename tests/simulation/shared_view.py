"""What does the repository mean for all nodes at this moment? Worked out once, and not by each of a thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from missions.mission import OPEN, Status
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.policy.push_allowance import beat_stretch
from orchestrator.workflow.fold import has_work
from tests.simulation.host import Server
from tests.simulation.nodes import Overdue, SharedReader

ROLL_SECONDS = 10.0
"""Virtual seconds for which it stays as it is which nodes live."""


@dataclass(frozen=True)
class Facts:
    """What one view means, by the functions that each node would ask; found when somebody asks."""

    ledger: LedgerSnapshot

    @cached_property
    def ready(self) -> bool:
        """Some mission may be claimed."""
        return any(filed.mission.status in OPEN for filed in self.ledger.unclaimed)

    @cached_property
    def duty(self) -> bool:
        """Something waits to be folded."""
        return has_work(self.ledger)

    @cached_property
    def running(self) -> Mapping[str, Sequence[HeldClaim]]:
        """The running claims of each holder."""
        found: dict[str, list[HeldClaim]] = {}
        for held in self.ledger.claims.values():
            if not held.claim.closed:
                found.setdefault(held.claim.node, []).append(held)
        return found


@dataclass(kw_only=True)
class Outlook:
    """The newest view of the repository. `lease` is seconds."""

    server: Server
    reader: SharedReader
    clock: Callable[[], float]
    lease: float
    _roll: tuple[float, frozenset[str]] = (0.0, frozenset())
    _known: tuple[int, Facts] | None = None
    _idle: tuple[tuple[LedgerSnapshot, frozenset[str]], frozenset[str]] | None = None

    def ledger(self) -> LedgerSnapshot:
        """What the repository says now."""
        return self.facts().ledger

    def facts(self) -> Facts:
        """What that means."""
        if self._known is None or self._known[0] != self.server.version:
            self._known = (self.server.version, Facts(self.reader.read(self.server.view())))
        return self._known[1]

    def overdue(self) -> Overdue:
        """The running claims whose holders have not moved for a lease."""
        found: dict[str, tuple[HeldClaim, float]] = {}
        now = self.clock()
        for node, beat in self.server.beats.items():
            if now - beat < self.lease:
                break
            for held in self.facts().running.get(node, ()):
                found[held.claim.mission] = (held, max(beat, self.server.since[held.claim.mission]))
        return found

    @property
    def bus(self) -> BusPart:
        """The fleet's times."""
        return self.ledger().charter.bus

    def stretch(self) -> int:
        """By how much a node stretches its beats now."""
        return beat_stretch(self.bus, len(self.living()))

    def living(self) -> frozenset[str]:
        """The nodes whose beat moved less than a lease ago, as of a few seconds ago."""
        now = self.clock()
        if now >= self._roll[0]:
            longer = self.server.stretches
            beats = self.server.beats.items()
            silent = set[str]()
            for node, beat in beats:
                if now - beat < self.lease:
                    break  # whoever follows has moved later
                if now - beat >= self.lease * longer.get(node, 1):
                    silent.add(node)
            living = frozenset(self.server.beats.keys() - silent)
            self._roll = (now + ROLL_SECONDS, self._roll[1] if living == self._roll[1] else living)
        return self._roll[1]

    def idle(self, ledger: LedgerSnapshot, find: Callable[[LedgerSnapshot], frozenset[str]]) -> frozenset[str]:
        """Those of the living that have a free slot, found as a node finds it, once for all that look at a ledger."""
        key = (ledger, self.living())
        if self._idle is None or self._idle[0][0] is not key[0] or self._idle[0][1] is not key[1]:
            self._idle = (key, find(ledger))
        return self._idle[1]

    def nothing_open(self) -> bool:
        """Whether all missions that were filed have ended."""
        ledger = self.ledger()
        return not ledger.claims and all(f.mission.status is Status.DEAD for f in ledger.open.values())
