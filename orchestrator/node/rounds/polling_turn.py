"""Whose turn is it to take what people write to the fleet's bot? One node's alone, at any moment.

Of the nodes whose page says that they can, the first in the fleet's order of precedence; the next one when all before
it have been silent for their whole leases. Nobody is asked, and no clocks are compared: a node that is cut off stops by
itself when its own leases may have run out, which is sooner; and one that comes back waits as long before it polls as
whoever took its place may need to see it, or to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import announced_nodes, own_lease
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.notifications.elected_node import fleet_nodes
from orchestrator.policy.turn_order import ROLE_RANKS, acting_order
from sync.remote import Oid

POLLING = "poll the bot"
"""The thing for which the nodes have an order."""
SIGHT_SHARE = 0.8
"""The part of a lease for which a look at the ledger counts."""
LEAVE_SECONDS = 60.0
"""Seconds that the end of a node waits for the answer that is under way."""


def polling_order(ledger: LedgerSnapshot, me: str, role: Role) -> tuple[str, ...]:
    """The nodes that can poll, the one whose turn it is first. No worker is among them, whatever its page says."""
    pages = announced_nodes(ledger)
    able = {name for name in fleet_nodes(ledger, pages) if pages[name].polls}
    roles = {name: pages[name].role for name in able} | {me: role.value}
    return acting_order(POLLING, {name: word for name, word in roles.items() if word in ROLE_RANKS})


@dataclass(kw_only=True)
class PollingTurn:
    """One node's. `observe` is its loop's; any thread may ask whether it `may_poll`."""

    me: str
    role: Role
    liveness: Liveness
    """Fed by the node's loop before it observes."""
    fenced: Callable[[], bool]
    """Whether this node's leases may have run out. Any thread may ask."""
    gaps: Callable[[], int]
    """How often they may have, so far. Any thread may ask."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    _first_since: float | None = None
    """Since when nobody that lives is before this node."""
    _allowed: bool = False
    _observed: float = float("-inf")
    _gaps: int = 0
    _sight: float = 0.0
    """When the ledger was seen last, and for how many seconds that counts: one that cannot see who came back stops."""
    _ended: bool = False
    _order: tuple[Oid, tuple[str, ...]] = ("", ())
    _answering: threading.Lock = field(default_factory=threading.Lock)

    @property
    def may_poll(self) -> bool:
        """Whether it is this node's turn right now."""
        return self._allowed and not self._ended and not self._was_away()

    def _was_away(self) -> bool:
        """Whether another node may have begun to poll since the last look: this one was not seen, or saw nothing."""
        return self.fenced() or self.gaps() != self._gaps or self.clock() - self._observed >= self._sight

    def observe(self, ledger: LedgerSnapshot) -> None:
        """Takes in one fetch."""
        if self._order[0] != ledger.tip:
            self._order = (ledger.tip, polling_order(ledger, self.me, self.role))
        order, now = self._order[1], self.clock()
        if self._was_away():  # said before it is noted that this node sees again
            self._allowed, self._first_since = False, None
        self._gaps, self._observed, self._sight = self.gaps(), now, SIGHT_SHARE * ledger.charter.bus.lease
        if self.me not in order or any(self._lives(ledger, node) for node in order[: order.index(self.me)]):
            self._allowed, self._first_since = False, None
            return
        self._first_since = now if self._first_since is None else self._first_since
        behind = order[order.index(self.me) + 1 :]
        others = [own_lease(ledger, node).total_seconds() for node in behind if node in ledger.beats]
        self._allowed = now - self._first_since >= max(others, default=0.0)

    def _lives(self, ledger: LedgerSnapshot, node: str) -> bool:
        """Whether a node may be at work: it has a beat that has not stood still for its whole lease."""
        lease = own_lease(ledger, node).total_seconds()
        return node in ledger.beats and self.liveness.silent_for(node) < lease

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While something is done that another node would do again if this one left in the middle."""
        with self._answering:
            yield

    def end(self) -> None:
        """Nothing new is taken from now on."""
        self._ended = True

    def leave(self) -> None:
        """Waits for what is under way, before others see that this node has left."""
        self.end()
        if self._answering.acquire(timeout=LEAVE_SECONDS):
            self._answering.release()
