"""How is one of a device's orders done in the ledger, once, whichever node it is brought to and however often?"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from mobile_bridge.intents import Intent

from missions.mission import new_name, slug
from orchestrator.core.errors import AlreadyDone, Refused, WrongSetting
from orchestrator.core.ports.stores import Cursors
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.intents.order_inbox import OrderBringer
from orchestrator.workflow.intents.order_mark import asked_with_key, find_carried_out
from orchestrator.workflow.mission_filing import MissionFiling, MissionRequest
from orchestrator.workflow.mission_text import NAME_WORDS, first_words
from orchestrator.workflow.side_by_side.mission_split import filed_as

DIFF_DIGEST_CHARACTERS = 64
FILE_FIELDS = ("project", "task", "agent", "to", "approve")
"""What an order to file a mission may set besides its text, its name and its title."""


@dataclass(frozen=True, kw_only=True)
class LedgerOrders:
    """Does orders in one fleet. `marks` remembers which missions were filed under which key, over HTTP too."""

    fleet: Fleet
    marks: Cursors

    def do(self, intent: Intent, key: str, bringer: OrderBringer) -> tuple[str, str]:
        """The mission's name, and what was done; the same again for an order that was done under this key.

        Raises NotFound, Refused, AlreadyDone, WrongSetting, MissionError and what the remote raises.
        """
        if intent.action == "file" and not intent.word("text").strip():
            raise WrongSetting("text", "say what is to be done")
        if intent.body.get("attachments"):
            raise WrongSetting("attachments", "an order from offline brings no files: file it where a node answers")
        before = self._done_before(intent, key)
        if before:
            return before, self._says(intent, before)
        by = asked_with_key(f"{bringer.name} by sync", key)
        try:
            return self._file(intent, key, by, bringer) if intent.action == "file" else self._steer(intent, by)
        except (AlreadyDone, Refused, WrongSetting):
            before = self._done_before(intent, key)  # over HTTP, while this was tried
            if not before:
                raise
            return before, self._says(intent, before)

    def _filed_as(self, own: str) -> str:
        """As what another node has filed it, also one whose release drops letters such as ß; "" where none has."""
        ledger = self.fleet.ledger()
        return next(filter(None, (filed_as(ledger, name) for name in (new_name(own), slug(own)))), "")

    def _done_before(self, intent: Intent, key: str) -> str:
        mission = slug(intent.mission) if intent.mission and intent.action != "file" else ""
        return find_carried_out(self.fleet.ledger(), intent.action, mission, key)

    def _says(self, intent: Intent, name: str) -> str:
        return f"{name} is filed" if intent.action == "file" else f"this {intent.action} was done before"

    def _file(self, intent: Intent, key: str, by: str, bringer: OrderBringer) -> tuple[str, str]:
        own = "" if intent.mission else _own_name(intent, key)
        if own and (there := self._filed_as(own)):
            return there, self._says(intent, there)
        request = MissionRequest(
            text=intent.word("text"),
            name=intent.mission,
            title=intent.word("title"),
            fields={name: intent.word(name) for name in FILE_FIELDS if intent.word(name)},
            own_name=own,
            by=by,
            key=key,
            caller=bringer.key,
        )
        name = MissionFiling(fleet=lambda: self.fleet, marks=self.marks).file(request)
        return name, self._says(intent, name)

    def _steer(self, intent: Intent, by: str) -> tuple[str, str]:
        name, fleet = slug(intent.mission), self.fleet
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


def _own_name(intent: Intent, key: str) -> str:
    """A name that this order alone gives: at two nodes at once it is one mission."""
    text = intent.word("text")
    words = (intent.word("title") or (first_words(text) if text.startswith("---") else text)).split()[:NAME_WORDS]
    return f"{' '.join(words)} {sha256(key.encode()).hexdigest()[:6]}"
