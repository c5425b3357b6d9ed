"""What does a stale holder do that knows no rules? It forces its old claim back, and its result with it (trap C)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from missions.lease import ClaimState
from orchestrator.ledger import claims as claims
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.transport import Transport
from sync.remote import Oid, RefUpdate
from tests.acceptance.torture.history import CLAIM
from tests.acceptance.torture.reading import Archive
from tests.acceptance.torture.virtual import Loop
from tests.acceptance.torture.world import Recorder


@dataclass
class Intruder:
    """Waits for a mission that was taken over, and until everybody has seen that; then strikes once."""

    loop: Loop
    server: Recorder
    views: Callable[[], Mapping[str, int]]
    """How many ledgers each node has looked at."""
    bus: Callable[[str, str], Transport]
    """Speaks as a node (name, boot)."""

    def run(self) -> None:
        """Waits and strikes."""
        seen: dict[Oid, Mapping[str, int]] = {}
        while True:
            self.loop.sleep(0.5)
            views = self.views()
            now = {ref: oid for ref, oid in self.server.refs.items() if ref.startswith(CLAIM) and self._newer(oid)}
            seen = {oid: seen.get(oid, views) for oid in now.values()}
            for ref, oid in now.items():
                if all(views[name] >= before + 2 for name, before in seen[oid].items()):
                    self._strike(ref, oid)
                    return

    def _newer(self, oid: Oid) -> bool:
        commit = Archive(self.server.store, frozenset()).claim(oid)
        return bool(commit.parents) and commit.claim is not None and not commit.claim.closed

    def _strike(self, ref: str, oid: Oid) -> None:
        self.loop.kill("nemesis")  # nobody is killed or cut off from here on: only the alarm counts
        self.server.attacking = True
        archive = Archive(self.server.store, frozenset())
        before = archive.claim(oid).parents[0]
        claim = archive.claim(before).claim
        assert claim is not None
        stale = HeldClaim(claim=claim, oid=before)
        self.server.move([RefUpdate(ref=ref, expect=oid, new=before)], atomic=True)
        claims.complete(self.bus(claim.node, claim.boot), stale, _record(stale), state=ClaimState.DONE)
        self.server.attacking = False


def _record(held: HeldClaim) -> ResultRecord:
    claim = held.claim
    return ResultRecord(
        mission=claim.mission,
        epoch=claim.epoch,
        fields={"finished": "2026-11-21T12:05:00Z"},
        finished="2026-11-21T12:05:00Z",
        section=f"### Attempt {claim.attempt} · done · {claim.node} · 1 s\n\nforced",
        entry="",
        log_path="SESSION_LOG.md",
    )
