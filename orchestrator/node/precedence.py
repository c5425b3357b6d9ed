"""Who acts first where any node might? One precedence for folding, for upkeep and for telling people.

Headquarters, then standalone nodes, then workers, by name. Nothing is safe because of it: what several do at once is
done once all the same, and only costs pushes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import STALE_AFTER, announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot

ROLE_RANKS = {Role.HEADQUARTERS.value: 0, Role.STANDALONE_NODE.value: 1}
LAST_RANK = 2


def acting_order(roles: Mapping[str, str]) -> tuple[str, ...]:
    """The nodes in the order in which they act, from the role of each; an unknown role is a worker's."""
    return tuple(sorted(roles, key=lambda node: (ROLE_RANKS.get(roles[node], LAST_RANK), node)))


def waiting_share(role: Role, place: int) -> float:
    """The share of its patience, from 0 to 1, that a node waits for those before it; `place` 0 is the first.

    Nothing for a role that acts at once. A worker waits at least half of it, as headquarters may have just come up.
    """
    return 0.0 if role.folds_at_once else 1.0 - 0.5 ** (min(place, 50) + 1)


@dataclass(frozen=True, kw_only=True)
class Precedence:
    """One node's place among those that live."""

    me: str
    role: Role
    liveness: Liveness

    def wait(self, ledger: LedgerSnapshot, patience: float) -> float:
        """Seconds, `patience` at most, after which this node does what nobody before it has done."""
        if self.role.folds_at_once:
            return 0.0
        order = acting_order(self._living(ledger) | {self.me: self.role.value})
        return patience * waiting_share(self.role, order.index(self.me))

    def headquarters_lives(self, ledger: LedgerSnapshot) -> bool:
        """Whether some other node is headquarters and not known to be silent."""
        return Role.HEADQUARTERS.value in {role for node, role in self._living(ledger).items() if node != self.me}

    def _living(self, ledger: LedgerSnapshot) -> dict[str, str]:
        """The role of each node that has a beat which is not known to stand still."""
        stale = STALE_AFTER.total_seconds()
        pages = announced_nodes(ledger)
        return {
            node: pages[node].role if node in pages else ""
            for node in ledger.beats
            if self.liveness.silent_for(node) < stale
        }
