"""Who acts first where any node might? One precedence for taking missions, folding, upkeep and telling people.

The order is `policy/turn_order`'s, among the nodes that live; how long a turn is follows from how fast the remote
answers. Each node counts its turn from when it saw itself that something can be done, on its own clock. Nothing is safe
because of it: what several do at once is done once all the same, and only costs pushes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import PAGES_FOLDER, STALE_AFTER, Presence, announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.turn_order import Pace, acting_places, leaders_of, pace_of, place_of
from sync.latency import LatencyMeter
from sync.objects import find
from sync.remote import Oid

HQ_LOOK_SECONDS = 15.0
"""Headquarters looks so often at least, while others work: results wait for it, and a look costs no push."""

QUEUED_PUSHES = 12
"""For so many pushes before its own headquarters may have to wait, where a host limits them: whoever does its work then
only makes the queue longer."""


@dataclass
class Precedence:
    """One node's place among those that live. For the node's loop alone."""

    me: str
    role: Role
    liveness: Liveness
    pushes: LatencyMeter = field(default_factory=LatencyMeter)
    looks: LatencyMeter = field(default_factory=LatencyMeter)
    """How long the remote takes for a push, and for a fetch: in that time nobody sees what this node does."""
    nudged: bool = True
    """Whether this node is told at once when the ledger moves, as others are then; else they look when they look."""
    at_once: bool = False
    """Waits for nobody: a node that ends when nothing is left which it can do now."""
    members: frozenset[str] | None = None
    """Whose beats count: the nodes that an admin has let in; None where keys are not asked for."""
    stretches: Mapping[str, int] = field(default_factory=dict)
    """By how much each node's beats say that they are stretched."""
    _living: tuple[LedgerSnapshot | None, frozenset[str]] = (None, frozenset())
    _idle: tuple[LedgerSnapshot | None, frozenset[str]] = (None, frozenset())
    _offers: tuple[Oid | None, Mapping[str, NodeCapabilities]] = (None, MappingProxyType({}))

    def pace(self, ledger: LedgerSnapshot) -> Pace:
        """How long a turn is just now."""
        pushed, looked = self.pushes.latency.bound, self.looks.latency.bound
        known = None if pushed is None and looked is None else (pushed or 0.0) + (looked or 0.0)
        allowed = ledger.charter.bus.pushes_a_minute
        known = max(known or 0.0, 60 / allowed) if allowed else known
        return pace_of(known, 0.0 if self.nudged else ledger.charter.bus.poll_seconds[0])

    def place(self, subject: str, able: frozenset[str]) -> int:
        """This node's place among those that could do a thing. 0: nobody is before it."""
        return 0 if self.at_once else place_of(self.me, subject, self._with_me(able))

    def wait(self, ledger: LedgerSnapshot, subject: str) -> float:
        """Seconds after which this node does for all what nobody before it has done; headquarters is the first."""
        if self.at_once:
            return 0.0
        nodes, leaders = self._with_me(self.living(ledger)), self._leaders(ledger)
        order = acting_places(subject, nodes, leaders)
        if order[self.me] == 0:
            return 0.0
        head = (next(iter(order)), Role.HEADQUARTERS.value) in leaders
        patience = hq_patience(ledger.charter.bus) if head else 0.0
        return patience + Pace(step=self.pace(ledger).step).wait(order[self.me])

    def _with_me(self, nodes: frozenset[str]) -> frozenset[str]:
        """The very same set where this node is in it: so its order is worked out once, however many are asked for."""
        return nodes if self.me in nodes else nodes | {self.me}

    def living(self, ledger: LedgerSnapshot) -> frozenset[str]:
        """The nodes that have a beat which is not known to stand still."""
        if self._living[0] is ledger:
            return self._living[1]
        lease, stale = ledger.charter.bus.lease, STALE_AFTER.total_seconds()
        beats = ledger.beats.keys() if self.members is None else ledger.beats.keys() & self.members
        found = frozenset(
            node for node in beats if self.liveness.silent_for(node) < max(stale, lease * self.stretches.get(node, 1))
        )
        self._living = (ledger, found)
        return found

    def able(self, ledger: LedgerSnapshot, fits: Callable[[NodeCapabilities], bool]) -> frozenset[str]:
        """Those that live, have a free slot and whose page does not say that they cannot do it."""
        free = self._free(ledger)
        unfit = [node for node, offer in self.offers(ledger).items() if node in free and not fits(offer)]
        return free.difference(unfit) if unfit else free

    def _free(self, ledger: LedgerSnapshot) -> frozenset[str]:
        """Those that live and work on fewer missions than they could; without a page that is one."""
        if self._idle[0] is not ledger:
            offers = self.offers(ledger)
            held = Counter(held.claim.node for held in ledger.claims.values() if not held.claim.closed)
            full = {node for node, offer in offers.items() if held[node] >= offer.slots}
            full |= held.keys() - offers.keys()
            self._idle = (ledger, self.living(ledger) - full)
        return self._idle[1]

    def offers(self, ledger: LedgerSnapshot) -> Mapping[str, NodeCapabilities]:
        """What each node's page says that it can do. Pages seldom change: they are read once."""
        folder = find(ledger.store, ledger.tree, PAGES_FOLDER)
        oid = folder.oid if folder else None
        if oid != self._offers[0]:
            self._offers = (oid, {name: _offer(page) for name, page in announced_nodes(ledger).items()})
        return self._offers[1]

    def _leaders(self, ledger: LedgerSnapshot) -> frozenset[tuple[str, str]]:
        living, roles = self.living(ledger), {node: offer.role for node, offer in self.offers(ledger).items()}
        return leaders_of(
            (node, role)
            for node, role in (roles | {self.me: self.role.value}).items()
            if node in living or node == self.me
        )


def hq_look(bus: BusPart) -> float:
    """The longest pause in seconds between two looks of headquarters while other nodes work."""
    return min(bus.poll_seconds[0], HQ_LOOK_SECONDS)


def hq_patience(bus: BusPart) -> float:
    """Seconds for which others leave to headquarters, while it lives, what it does for all."""
    return 2 * hq_look(bus) + (QUEUED_PUSHES * 60 / bus.pushes_a_minute if bus.pushes_a_minute else 0.0)


def _offer(page: Presence) -> NodeCapabilities:
    return NodeCapabilities(
        node=page.name,
        role=page.role,
        capabilities=frozenset(page.capabilities),
        agents=frozenset(page.agents),
        weak=frozenset(page.weak),
        slots=0 if page.disk_full else page.slots,
    )
