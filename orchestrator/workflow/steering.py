"""How does a person say something to a mission that is worked on, and learn what became of it? Steering, from outside.

A message is an order: it is signed, and only whoever may file missions may give it. It travels by a ref of the shared
repository; the node that works on the mission answers there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from handoff.secrets.redact import redact
from missions.lease import ClaimState
from missions.message import MAX_MESSAGE_CHARS, MAX_MESSAGES, MessageState, MissionMessage
from missions.mission import Status
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.steering.messages import FiledMessage, MessageReader, message_commit, message_ref
from orchestrator.ledger.transport import SAY, Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.policy.message_rules import believed_answer
from orchestrator.workflow.mission_name import missing_mission
from sync.publish import push_and_resolve
from sync.remote import RefUpdate

ANSWER_SECONDS = 15.0
"""Seconds for which an answer is waited for: a node that works looks every second."""
LOOK_SECONDS = 0.3
"""Seconds between two looks for the answer."""
NEXT_ATTEMPT = {
    Status.REVIEW: "its result waits for a decision: if it is rejected, the next attempt is told this",
    Status.PARKED: "it rests: whoever goes on with it is told this first",
    Status.DEAD: "nobody works on it: after `shiftbook mission retry` the next attempt is told this",
}
"""What becomes of a message to a mission in such a state; in all others the next attempt is told it anyway."""


@dataclass(frozen=True, kw_only=True)
class MessageReceipt:
    """What became of a message. `answered`: the node that works has said so, and it is not only to be expected."""

    mission: str
    message_id: str
    state: MessageState
    says: str
    node: str = ""
    answered: bool = False

    def json(self) -> dict[str, object]:
        """As programs read it."""
        return {**vars(self), "state": self.state.value}


@dataclass(frozen=True, kw_only=True)
class SteeringDesk:
    """One person's. `clock` is monotonic seconds.

    Raises NotFound, Refused, WrongSetting, and what the remote raises.
    """

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def say(
        self, name: str, text: str, *, message_id: str = "", nudge: Callable[[], None] = lambda: None, by: str = ""
    ) -> MessageReceipt:
        """Says `text` to a mission (its slug). The same id again says nothing twice, and is answered the same.

        `nudge` has a node of this machine look; `by` is who asked for it on the person's behalf.
        """
        words, hidden = _checked(text, by)
        ledger = self.reader.read(self.bus.remote.fetch())
        if name not in ledger.open:
            return self._ended(ledger, name)
        Membership(bus=self.bus, reader=self.reader, trust=self.trust).require_member(ledger, "author", "admin")
        made = MissionMessage(
            mission=name, epoch=_epoch(ledger, name), message_id=message_id or _new_id(self.bus.nonce()), text=words
        )
        ref = message_ref(name, made.message_id)
        if ref not in ledger.refs:
            self._file(ledger, made)
            nudge()
        return self._receipt(made, ref, hidden)

    def _file(self, ledger: LedgerSnapshot, made: MissionMessage) -> None:
        said = sum(ref.startswith(f"{SAY}{made.mission}.") for ref in ledger.refs)
        if said >= MAX_MESSAGES:
            raise Refused(
                "{} was told {} things already, and no more are heard: write it into its text with"
                " `shiftbook mission edit {}`",
                made.mission,
                said,
                made.mission,
            )
        commit = message_commit(self.bus, made)
        ref = message_ref(made.mission, made.message_id)
        push_and_resolve(self.bus.remote, [RefUpdate(ref=ref, expect=None, new=commit)])

    def _receipt(self, made: MissionMessage, ref: str, hidden: bool) -> MessageReceipt:
        """Waits for the answer of the node that works; where none works, says who will be told."""
        messages, over = MessageReader(self.bus.store), self.clock() + ANSWER_SECONDS
        while True:
            ledger = self.reader.read(self.bus.remote.fetch())
            filed = messages.read(ledger.refs, {made.mission}).get(made.mission, [])
            found = next((one for one in filed if one.ref == ref), None)
            _require_same(made, found, is_there=ref in ledger.refs)
            receipt = self._as_it_is(ledger, made, found)
            if receipt.answered or not _is_worked_on(ledger, made.mission) or self.clock() >= over:
                taken_out = "; what looked like a secret was taken out of it" if hidden else ""
                return MessageReceipt(**{**vars(receipt), "says": receipt.says + taken_out})
            self.sleep(LOOK_SECONDS)

    def _as_it_is(self, ledger: LedgerSnapshot, made: MissionMessage, found: FiledMessage | None) -> MessageReceipt:
        if found is None and made.mission not in ledger.open:
            return self._ended(ledger, made.mission, made.message_id)
        held = ledger.claims.get(made.mission)
        node = held.claim.node if held is not None and not held.claim.closed else ""
        answer = believed_answer(self.trust, ledger, found) if found is not None else None
        if answer is not None:
            says = _says(answer.state, answer.node, made.mission)
            return _receipt_of(made, answer.state, says, node=answer.node, answered=True)
        if node:
            says = f"{node} works on it and has not answered yet: it is told as soon as it looks"
            return _receipt_of(made, MessageState.QUEUED, says, node=node)
        status = ledger.open[made.mission].mission.status if made.mission in ledger.open else Status.QUEUED
        says = NEXT_ATTEMPT.get(status, "nobody works on it now: the next attempt is told this first")
        return _receipt_of(made, MessageState.QUEUED, says)

    def _ended(self, ledger: LedgerSnapshot, name: str, message_id: str = "") -> MessageReceipt:
        if ledger.archived(name) is None:
            raise missing_mission(ledger, name)
        says = f"{name} is over: `shiftbook mission show {name}` has its result"
        return MessageReceipt(
            mission=name, message_id=message_id, state=MessageState.TOO_LATE, says=says, answered=True
        )


def _receipt_of(
    made: MissionMessage, state: MessageState, says: str, *, node: str = "", answered: bool = False
) -> MessageReceipt:
    return MessageReceipt(
        mission=made.mission, message_id=made.message_id, state=state, says=says, node=node, answered=answered
    )


def _says(state: MessageState, node: str, name: str) -> str:
    return {
        MessageState.INJECTED: f"the agent on {node} has it, in the middle of its work",
        MessageState.QUEUED: f"{node} has it: the agent is told with its next round, or the next attempt",
        MessageState.TOO_LATE: f"the agent on {node} reads nothing any more; `shiftbook mission watch {name}`"
        " shows what comes of it",
    }[state]


def _checked(text: str, by: str) -> tuple[str, bool]:
    """The text as it leaves this machine, and whether a secret was taken out. Raises WrongSetting.

    What nobody would read for its length is refused here, with who asked for it and with what stands for secrets.
    """
    if not text.strip():
        raise WrongSetting("TEXT", "it is empty: say what the agent should know or do")
    clean = redact(f"{text.strip()}\n(asked by {by})" if by else text.strip())
    if len(clean.text) > MAX_MESSAGE_CHARS:
        why = "{:,} characters are more than {:,}: put it into a file of the project, and name that here"
        raise WrongSetting("TEXT", why, len(clean.text), MAX_MESSAGE_CHARS)
    return clean.text, bool(clean.found)


def _require_same(made: MissionMessage, found: FiledMessage | None, *, is_there: bool) -> None:
    """That these very words stand under their id: other ones were not said. Raises WrongSetting."""
    if is_there and (found is None or found.message.text != made.text):
        raise WrongSetting("id", "this id was used for another message, and this one was not said: take a new id")


def _epoch(ledger: LedgerSnapshot, name: str) -> int:
    held = ledger.claims.get(name)
    return held.claim.epoch if held is not None else ledger.folded_epoch(name)


def _is_worked_on(ledger: LedgerSnapshot, name: str) -> bool:
    held = ledger.claims.get(name)
    return held is not None and held.claim.state is ClaimState.RUNNING


def _new_id(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()[:16]


def idempotent_id(key: str, who: str) -> str:
    """The id of a message that a caller may send twice under one key of theirs."""
    return hashlib.sha256(f"{who}\n{key}".encode()).hexdigest()[:16]
