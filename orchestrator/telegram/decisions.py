"""Decisions by buttons: what becomes of a press, and of a rejection's words? Each counts once, for what was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from missions.mission import Quarantined
from missions.plain_data import read_json
from orchestrator.core.errors import AlreadyDone, NotFound
from orchestrator.core.ports.stores import Cursors
from orchestrator.ledger.snapshot import MissionFile
from orchestrator.telegram.button_data import APPROVE, ButtonWord, mission_digest, read_button
from orchestrator.workflow.fleet import Fleet

ASKED = "telegram asked "
"""What a mark begins with that says for which result the words are which answer a message of ours."""
KEPT = timedelta(days=7)
MAX_ASKED = 200
NOT_OURS = "this button is none of this fleet's"


@dataclass(frozen=True, kw_only=True)
class AskedReason:
    """A rejection that waits for its words."""

    mission: str
    blob: str


@dataclass(frozen=True, kw_only=True)
class ChatDecisions:
    """Decides in the name of this machine's person; who pressed stands beside."""

    fleet: Callable[[], Fleet]
    marks: Cursors
    now: Callable[[], datetime]

    def approve(self, pressed: ButtonWord, by: str) -> str:
        """Accepts what was shown; returns a sentence. Raises NotFound, AlreadyDone, Refused and WrongSetting."""
        fleet = replace(self.fleet(), cache=None)  # a project's server is left to the nodes, as over HTTP
        try:
            name = self._named(fleet, pressed)
            said = fleet.approval.approve(name, blob=pressed.blob, by=by)
            return f"{name} is approved by {said.by}"
        finally:
            fleet.bus.remote.close()

    def wanted_reason(self, pressed: ButtonWord) -> AskedReason:
        """The result that is to be rejected, if it is still what was shown. Raises NotFound and AlreadyDone."""
        fleet = self.fleet()
        try:
            name = self._named(fleet, pressed)
            fleet.approval.require_waiting(name, blob=pressed.blob)
            return AskedReason(mission=name, blob=pressed.blob)
        finally:
            fleet.bus.remote.close()

    def remember(self, chat: int, message: int, asked: AskedReason) -> None:
        """An answer to this message is the reason. What nobody answered for a week is forgotten, and the oldest of too
        many.
        """
        now = self.now()
        when = {
            name: datetime.fromisoformat(read_json(each)["when"]) for name, each in self.marks.starting(ASKED).items()
        }
        newest = sorted(when, key=lambda name: when[name], reverse=True)[: MAX_ASKED - 1]
        self.marks.drop([name for name in when if name not in newest or when[name] < now - KEPT])
        told = {"mission": asked.mission, "blob": asked.blob, "when": now.isoformat()}
        self.marks.put(_mark(chat, message), json.dumps(told))

    def asked(self, chat: int, message: int) -> AskedReason | None:
        """For which result an answer to this message is the reason; None where it is no such message."""
        found = self.marks.get(_mark(chat, message)) if message else ""
        told = read_json(found) if found else {}
        return AskedReason(mission=told["mission"], blob=told["blob"]) if told else None

    def reject(self, asked: AskedReason, reason: str, by: str) -> str:
        """Sends a result back; returns a sentence. Raises as `approve` does."""
        fleet = replace(self.fleet(), cache=None)
        try:
            said = fleet.approval.reject(asked.mission, reason, blob=asked.blob, by=by)
            return f"{asked.mission} is rejected by {said.by}; {said.note}"
        finally:
            fleet.bus.remote.close()

    def answered(self, chat: int, message: int) -> None:
        """The reason was given."""
        self.marks.drop([_mark(chat, message)])

    def _named(self, fleet: Fleet, pressed: ButtonWord) -> str:
        ledger = fleet.ledger()
        found = [name for name in ledger.open if mission_digest(name) == pressed.mission]
        if found:
            return found[0]
        every = ledger.every_archived(limit=MAX_ASKED)
        done = next((each for each in every if mission_digest(_name(each)) == pressed.mission), None)
        if done is not None:
            raise AlreadyDone("{} is decided already, or over", _name(done))
        raise NotFound("the mission of this button is not open any more")


def is_approval(data: str) -> tuple[ButtonWord, bool]:
    """What a button says, and whether that is an approval. Raises NotFound for one that is none of ours."""
    found = read_button(data)
    if found is None:
        raise NotFound(NOT_OURS)
    return found, found.word == APPROVE


def _name(found: MissionFile | Quarantined) -> str:
    return found.mission.name if isinstance(found, MissionFile) else found.name


def _mark(chat: int, message: int) -> str:
    return f"{ASKED}{chat} {message}"
