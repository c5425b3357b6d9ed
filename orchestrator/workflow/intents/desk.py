"""The desk for intents: how are a device's orders from offline carried out once, as if they had come over HTTP?"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace

from mobile_bridge.intents import (
    ACTIONS,
    ENTITY_PREFIX,
    INTENT,
    OUTCOME,
    Intent,
    OutcomeState,
    UnusableIntent,
    outcome_draft,
    read_intent,
    settled_intents,
)
from mobile_bridge.operations import Draft, Operation

from handoff.secrets.excerpts import redacted_line
from missions.errors import MissionError
from orchestrator.core.errors import AlreadyDone, NotFound, OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.sync_ops import SyncOps
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.intents.ledger_orders import LedgerOrders
from orchestrator.workflow.intents.order_inbox import OrderBringer, OrderInbox
from sync.errors import SyncError

LOG = logging.getLogger(__name__)
MAX_SAID_CHARACTERS = 400


@dataclass(kw_only=True)
class IntentDesk:
    """Takes orders, one at a time. `now` is in milliseconds since 1970 (UTC).

    An order that was broken off waits in the inbox, and is carried out again, unless a commit tells that it was done by
    this node, by another one, or over HTTP under the same key.
    """

    fleet: Callable[[], Fleet]
    ops: SyncOps
    inbox: OrderInbox
    now: Callable[[], int]
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def carry_out(self, orders: Iterable[Operation], bringer: OrderBringer) -> bool:
        """Carries out those of which nothing was told yet, tells what became of each; true if one changed anything."""
        told = [self._settle(order, bringer) for order in orders]
        return "done" in told

    def catch_up(self, scopes: Callable[[OrderBringer], frozenset[str]]) -> int:
        """Carries out what was brought here and broken off, as far as its bringer may still order it; returns how many.

        `scopes` tells what a bringer may do now.
        """
        found = 0
        for each in self.inbox.waiting():
            order = next((op for op in self.ops.of(each.entity) if op.key == each.key), None)
            if order is not None:
                self._settle(order, replace(each.bringer, scopes=scopes(each.bringer)))
                found += 1
            self.inbox.settled(each.key)
        return found

    def _settle(self, order: Operation, bringer: OrderBringer) -> str:
        """Carries out one order, unless it was; the state that was told, empty where it was told before."""
        with self._turn:
            known, state = self.ops.of(order.entity), ""
            if order.key not in settled_intents(known):
                first = next(op for op in known if op.field == INTENT)
                told = self._outcome(order, first, bringer)
                self.ops.write([told], now=self.now())
                state = str(told.value["state"])
            self.inbox.settled(order.key)
            return state

    def _outcome(self, order: Operation, first: Operation, bringer: OrderBringer) -> Draft:
        if first.key != order.key:
            if first.value != order.value:
                return outcome_draft(order, "refused", "another order has this name: it counts once")
            if told := _outcome_of(first, self.ops.of(first.entity)):  # of a store that goes on under another name
                return outcome_draft(order, *told)
        try:
            intent = read_intent(order, now=self.now())
        except UnusableIntent as error:
            return outcome_draft(order, "refused", str(error))
        if not ACTIONS[intent.action] & bringer.scopes:
            needed = " or ".join(sorted(ACTIONS[intent.action]))
            why = f"this device may not {intent.action}: it takes the scope {needed}"
            return outcome_draft(order, "refused", why, intent.mission[:100])
        return outcome_draft(order, *self._result(intent, order.entity.removeprefix(ENTITY_PREFIX), bringer))

    def _result(self, intent: Intent, key: str, bringer: OrderBringer) -> tuple[OutcomeState, str, str]:
        """What became of it: the state, a sentence, the mission."""
        name = intent.mission[:100]
        try:
            fleet = replace(self.fleet(), cache=None)  # a project's server is left to the nodes, as over HTTP
            with closing(fleet.bus.remote):
                name, says = LedgerOrders(fleet=fleet, marks=self.inbox.marks).do(intent, key, bringer)
        except (NotFound, Refused, AlreadyDone, WrongSetting, MissionError) as error:
            return "refused", _said(error), name
        except SyncError:
            return "failed", "the ledger cannot be reached from this node now: say it again", name
        except OrchestratorError as error:
            return "failed", _said(error), name
        except Exception:  # one order that breaks this program must not keep those behind it waiting for ever
            LOG.exception("an order from offline broke off: %s", intent.action)
            return "failed", "this node broke off at it, and its log says where: say it again elsewhere", name
        return "done", says, name


def _outcome_of(first: Operation, known: Iterable[Operation]) -> tuple[OutcomeState, str, str] | None:
    """What was told of an order: the state, a sentence, the mission."""
    told = (op.value for op in known if op.field == OUTCOME and isinstance(op.value, dict))
    for value in told:
        if value.get("intent") == first.key:
            state: OutcomeState = "done" if value.get("state") == "done" else "refused"
            return state, str(value.get("says")), str(value.get("mission"))
    return None


def _said(error: Exception) -> str:
    return redacted_line(str(error), MAX_SAID_CHARACTERS)
