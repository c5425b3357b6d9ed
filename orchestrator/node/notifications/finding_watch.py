"""The watch on findings: which of those that the heartbeat's turns brought are people told?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.ledger.config.notification import Notification, NotificationKind, key_of
from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN, KeptFinding
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import TURN
from orchestrator.node.notifications.safe_text import MAX_SENTENCE_CHARS, plain_text
from orchestrator.policy.heartbeat_missions import followed_record
from sync.remote import Oid
from sync.signatures import Principal

NEWS_FOR = timedelta(days=7)
"""How long a finding is news: a node that begins to tell people does not begin with what they have lived with."""


@dataclass(kw_only=True)
class FindingWatch:
    """Reads the records as far as they count. `signer` says who signed a commit, if it is somebody listed."""

    signer: Callable[[LedgerSnapshot, Oid], Principal | None]
    _seen: tuple[frozenset[tuple[str, Oid]], str] | None = None

    def notices(self, ledger: LedgerSnapshot, now: datetime) -> Iterator[Notification]:
        """What is worth telling `now` (UTC); nothing while no record moved. A finding has one key for a day."""
        refs = {ref: oid for ref, oid in ledger.refs.items() if ref.startswith(TURN)}
        seen = (frozenset(refs.items()), ledger.signers)
        if seen == self._seen:
            return
        for ref in sorted(refs):
            node = "" if ref == FLEET_TURN else ref.removeprefix(f"{TURN}node/")
            record, _ = followed_record(ledger, lambda commit: self.signer(ledger, commit), node)
            for key, found in record.standing().items():
                if found.told and now - found.since < NEWS_FOR:
                    yield _notification(key, found)
        self._seen = seen


def _notification(key: str, found: KeptFinding) -> Notification:
    says = plain_text(found.says, MAX_SENTENCE_CHARS)
    return Notification(
        key=key_of(NotificationKind.FINDING.value, key, f"{found.since:%Y%m%d}"),
        kind=NotificationKind.FINDING,
        title=plain_text(found.says),
        body=f"{says[:1].upper()}{says[1:]}.",
        path="/fleet",
    )
