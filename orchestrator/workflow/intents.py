"""How are intents, a device's orders from while it was offline, carried out once, as if they had come over HTTP?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from mobile_bridge.intents import (
    ACTIONS,
    INTENT,
    Intent,
    OutcomeState,
    UnusableIntent,
    outcome_draft,
    read_intent,
    settled_intents,
)
from mobile_bridge.operations import Draft, Operation

from handoff.secrets.redact import redact
from missions.errors import MissionError
from missions.mission import slug
from missions.one_line import one_line
from orchestrator.core.errors import AlreadyDone, NotFound, OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.sync_ops import SyncOps
from orchestrator.workflow.fleet import NAME_WORDS, Fleet
from orchestrator.workflow.mission_text import first_words
from sync.errors import SyncError

MAX_SAID_CHARACTERS = 400
DIFF_DIGEST_CHARACTERS = 64
FILE_FIELDS = ("title", "project", "task", "agent", "to", "approve")
"""What an order to file a mission may set besides its text and its name."""


@dataclass(kw_only=True)
class IntentDesk:
    """Takes orders, one at a time. `now` is in milliseconds since 1970 (UTC).

    An order that was broken off is carried out again when the device brings it again; every order is such that doing it
    twice does nothing the second time: a decision stands once, a mission has its name once.
    """

    fleet: Callable[[], Fleet]
    ops: SyncOps
    now: Callable[[], int]
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def carry_out(self, orders: Iterable[Operation], *, scopes: Collection[str], by: str) -> bool:
        """Carries out those of which nothing was told yet, tells what became of each; true if one changed anything."""
        changed = False
        for order in orders:
            with self._turn:
                known = self.ops.of(order.entity)
                if order.key in settled_intents(known):
                    continue
                first = next(op for op in known if op.field == INTENT)
                told = self._outcome(order, first, scopes, by)
                self.ops.write([told], now=self.now())
                changed = changed or told.value["state"] == "done"
        return changed

    def _outcome(self, order: Operation, first: Operation, scopes: Collection[str], by: str) -> Draft:
        if first.key != order.key:
            return outcome_draft(order, "refused", "another order has this name: it counts once")
        try:
            intent = read_intent(order, now=self.now())
        except UnusableIntent as error:
            return outcome_draft(order, "refused", str(error))
        if not ACTIONS[intent.action] & set(scopes):
            needed = " or ".join(sorted(ACTIONS[intent.action]))
            why = f"this device may not {intent.action}: it takes the scope {needed}"
            return outcome_draft(order, "refused", why, intent.mission[:100])
        if intent.action == "file" and not intent.mission:
            intent = replace(intent, mission=_own_name(intent, order))
        return outcome_draft(order, *self._result(intent, f"{by} by sync"))

    def _result(self, intent: Intent, by: str) -> tuple[OutcomeState, str, str]:
        """What became of it: the state, a sentence, the mission."""
        fleet = replace(self.fleet(), cache=None)  # a project's server is left to the nodes, as over HTTP
        name = intent.mission[:100]
        try:
            name, says = _order(fleet, intent, by)
        except (NotFound, Refused, AlreadyDone, WrongSetting, MissionError) as error:
            return "refused", _said(error), name
        except SyncError:
            return "failed", "the ledger cannot be reached from this node now: say it again", name
        except OrchestratorError as error:
            return "failed", _said(error), name
        finally:
            fleet.bus.remote.close()
        return "done", says, name


def _order(fleet: Fleet, intent: Intent, by: str) -> tuple[str, str]:
    """Does what is ordered; the mission's name and what was done."""
    if intent.action == "file":
        if not intent.word("text").strip():
            raise WrongSetting("text", "say what is to be done")
        fields = {name: intent.word(name) for name in FILE_FIELDS if intent.word(name)}
        name = fleet.new(intent.word("text"), fields, name=intent.mission, by=by)
        return name, f"{name} is filed"
    name = slug(intent.mission)
    looked_at = _looked_at(intent.digest)
    if intent.action == "approve":
        how, comment = intent.word("on_approval"), intent.word("comment")
        said = fleet.approval.approve(name, how=how, comment=comment, by=by, **looked_at)
        return name, f"approved by {said.by}"
    if intent.action == "reject":
        said = fleet.approval.reject(name, intent.word("comment"), by=by, **looked_at)
        return name, f"rejected by {said.by}"
    if intent.action == "cancel":
        view = fleet.cancel(name, by=by)
    elif intent.action == "pause":
        view = fleet.pause(name, by=by)
    else:
        view = fleet.resume(name, by=by)
    return name, f"it is {view.status} now"


def _looked_at(digest: str) -> dict[str, str]:
    """What a word on a result is bound to: the digest of its diff has 64 figures, another one is that of a commit."""
    return {"digest" if len(digest) == DIFF_DIGEST_CHARACTERS else "commit": digest}


def _own_name(intent: Intent, order: Operation) -> str:
    """A name that this order alone gives, so that carrying it out twice files one mission."""
    text = intent.word("text")
    words = (intent.word("title") or (first_words(text) if text.startswith("---") else text)).split()[:NAME_WORDS]
    return f"{' '.join(words)} {sha256(order.key.encode()).hexdigest()[:6]}"


def _said(error: Exception) -> str:
    return one_line(redact(str(error)).text, MAX_SAID_CHARACTERS)
