"""When are the fleet's feeds polled here? As each comes due, in a thread beside the loop, one after the other.

One node of the fleet does it, the first of those that live: each keeps to itself which entries it has seen, so that two
would take in every entry twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.events import Tell
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.feeds.feed_poller import PolledFeed

CLOSE_SECONDS = 5.0
DUTY = "feeds"
"""What it is of which one node is the first."""


class Polls(Protocol):
    """What knows which feed is due, and polls one."""

    def due(self, suppliers: Mapping[str, SupplierPart]) -> list[str]:
        """Those that are due now. Raises StoreFailed."""

    def poll(self, supplier: str, part: SupplierPart) -> PolledFeed:
        """Polls one. Raises what filing a mission raises."""


@dataclass(kw_only=True)
class FeedPolls:
    """One node's. `nudge` has the loop look at the ledger."""

    poller: Polls
    precedence: Precedence
    tell: Tell
    nudge: Callable[[], None]
    _thread: threading.Thread | None = None
    _ended: bool = False

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the loop. Takes no time where there is no feed; raises nothing."""
        feeds = {name: part for name, part in ledger.charter.suppliers.items() if part.feed}
        if not feeds or self._ended or (self._thread is not None and self._thread.is_alive()):
            return
        if self.precedence.wait(ledger, DUTY) > 0:
            return
        self._thread = threading.Thread(target=self._run, args=(feeds,), name="feeds", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Begins no other feed; one that is asked just now ends by itself."""
        self._ended = True
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _run(self, feeds: Mapping[str, SupplierPart]) -> None:
        try:
            for name in self.poller.due(feeds):
                if self._ended:
                    return
                self._told(self.poller.poll(name, feeds[name]))
        except Exception as error:  # of a database, the ledger's server, or ours: what was not taken in comes again
            self.tell("feed", f"feeds are not taken in now: {type(error).__name__}: {error}", once=True)

    def _told(self, polled: PolledFeed) -> None:
        if polled.why:
            self.tell("feed", f"{polled.supplier}: {polled.why}", once=True)
        filed = [name for each in polled.results for name in each.missions]
        for name in filed:
            self.tell("filed", f"{name}: an entry of the feed {polled.supplier}", mission=name)
        if filed:
            self.nudge()
