"""What are intents: orders that a device gives while it is offline, and what is told of what became of them?

An order is bound to what its person looked at (`digest`) and ends by itself (`expires`), so that a phone that comes
back after a week approves nothing that has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mobile_bridge.operations import Draft, Operation

ENTITY_PREFIX = "intent/"
INTENT, OUTCOME = "intent", "outcome"
ACTIONS: Mapping[str, frozenset[str]] = {
    "approve": frozenset({"approvals", "ops"}),
    "reject": frozenset({"approvals", "ops"}),
    "file": frozenset({"missions"}),
    "cancel": frozenset({"missions", "ops"}),
    "pause": frozenset({"missions", "ops"}),
    "resume": frozenset({"missions", "ops"}),
}
"""What may be ordered, and the scopes of which one is needed, as over HTTP."""
BOUND = frozenset({"approve", "reject"})
"""What only counts for the very thing that was looked at."""
MAX_LIFE_MS = 30 * 24 * 3600 * 1000
"""Milliseconds after which no order counts, whatever it says."""

OutcomeState = Literal["done", "refused", "failed"]


class UnusableIntent(ValueError):
    """An order that cannot be carried out; its words say why."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """One order. `expires` is in milliseconds since 1970 (UTC); `body` holds what the action needs."""

    action: str
    mission: str
    digest: str
    expires: int
    body: Mapping[str, Any]

    def word(self, name: str) -> str:
        """A text of the body; empty where there is none."""
        found = self.body.get(name, "")
        return found if isinstance(found, str) else ""


def is_intent_entity(entity: str) -> bool:
    """Whether an entity stands for an order."""
    return entity.startswith(ENTITY_PREFIX)


def read_intent(op: Operation, *, now: int) -> Intent:
    """The order that an operation gives. Raises UnusableIntent for one that is over, bound to nothing, or none."""
    value = op.value if isinstance(op.value, dict) else {}
    action, expires, body = value.get("action"), value.get("expires"), value.get("body") or {}
    mission, digest = value.get("mission") or "", value.get("digest") or ""
    if not isinstance(action, str) or action not in ACTIONS:
        raise UnusableIntent(f"this node knows {', '.join(sorted(ACTIONS))}")
    if type(expires) is not int or not isinstance(body, dict) or not isinstance(mission, str):
        raise UnusableIntent("an order says mission, digest, body, and when it expires, in milliseconds")
    if not isinstance(digest, str) or (action in BOUND and not digest):
        raise UnusableIntent("a decision says what was looked at: its digest")
    if now >= min(expires, op.stamp.wall + MAX_LIFE_MS):
        raise UnusableIntent("it came too late: look again, and say it again if it still holds")
    return Intent(action=action, mission=mission, digest=digest, expires=expires, body=body)


def outcome_draft(intent: Operation, state: OutcomeState, says: str, mission: str = "") -> Draft:
    """What became of an order, to be said by the node that took it."""
    value = {"intent": intent.key, "state": state, "says": says, "mission": mission}
    return Draft(kind="append", entity=intent.entity, field=OUTCOME, value=value)


def settled_intents(ops: tuple[Operation, ...]) -> set[str]:
    """The keys of an entity's orders of which it was told what became of them."""
    told = (op.value for op in ops if op.field == OUTCOME and isinstance(op.value, dict))
    return {str(value.get("intent")) for value in told}
