"""How does a person's message reach the attempt that runs here, and its answer the person? The delivery of messages.

The node's loop looks at each fetch. What a message's author may say is asked of its signature. Where a mission is over,
what was said to it and not answered is answered too late, and what was answered is taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from handoff.secrets.excerpts import redacted_line
from missions.message import MessageAnswer, MessageState
from missions.mission import UPDATE_AGENT, Mission
from orchestrator.core.events import Tell
from orchestrator.execution.message_box import MessageBox
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.ledger.steering.messages import FiledMessage, MessageReader, addressed_missions, answer_commit
from orchestrator.ledger.transport import Transport
from orchestrator.node.jobs import RunningJob
from orchestrator.policy.authorization import Trust
from orchestrator.policy.message_rules import believed_answer, counted_messages
from sync.publish import push_and_resolve
from sync.remote import RefUpdate

DEAF_AGENTS = frozenset({"command", "review", UPDATE_AGENT})
"""Agents that read nothing once they have begun."""
MAX_TOLD_CHARS = 120
"""Characters of a message that the node's shift tells."""
MAX_TIDIED = 50
"""Refs of missions that are over which one round takes care of."""


@dataclass(kw_only=True)
class MessageDelivery:
    """One node's. Used by its loop alone."""

    bus: Transport
    trust: Trust
    tell: Tell
    _reader: MessageReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = MessageReader(self.bus.store)

    def box(self, ledger: LedgerSnapshot, held: HeldClaim, mission: Mission) -> MessageBox:
        """The box of an attempt that begins, with what was said to its mission before: it is told that first."""
        box, claim = MessageBox(deaf=mission.agent in DEAF_AGENTS), held.claim
        for filed, author in self._counted(ledger, claim.mission, claim.epoch):
            answer = believed_answer(self.trust, ledger, filed)
            if answer is None or answer.state is not MessageState.TOO_LATE:
                box.deliver(filed.message.message_id, author=author, text=filed.message.text)
        return box

    def step(self, ledger: LedgerSnapshot, jobs: Mapping[str, RunningJob]) -> bool:
        """Brings what is new to the attempts that run here, and answers; whether anything was. Raises SyncError."""
        addressed = addressed_missions(ledger.refs)
        if not addressed:
            return False
        moves = [move for name, job in list(jobs.items()) if name in addressed for move in self._deliver(ledger, job)]
        moves += self._tidy(ledger, addressed - jobs.keys())
        if moves:
            push_and_resolve(self.bus.remote, moves)
        return bool(moves)

    def _deliver(self, ledger: LedgerSnapshot, job: RunningJob) -> Iterator[RefUpdate]:
        claim = job.held.claim
        for filed, author in self._counted(ledger, claim.mission, claim.epoch):
            if believed_answer(self.trust, ledger, filed) is not None:
                continue
            message = filed.message
            state = job.box.deliver(message.message_id, author=author, text=message.text)
            words = redacted_line(message.text, MAX_TOLD_CHARS)
            self.tell("message", f"{message.mission}: {author} said ({state}): {words}", mission=message.mission)
            yield self._answered(filed, state, claim.epoch)

    def _answered(self, filed: FiledMessage, state: MessageState, epoch: int) -> RefUpdate:
        answer = MessageAnswer(state=state, epoch=epoch, node=self.bus.name)
        return RefUpdate(ref=filed.ref, expect=filed.oid, new=answer_commit(self.bus, filed, answer))

    def _counted(self, ledger: LedgerSnapshot, mission: str, epoch: int) -> list[tuple[FiledMessage, str]]:
        found = self._reader.read(ledger.refs, {mission}).get(mission, [])
        return counted_messages(self.trust, ledger, found, epoch=epoch)

    def _tidy(self, ledger: LedgerSnapshot, elsewhere: Collection[str]) -> list[RefUpdate]:
        """What becomes of messages to missions that are over. Those of missions that rest or wait stay."""
        broken = {bad.name for bad in ledger.quarantined}
        over = {name for name in elsewhere if name not in ledger.open and name not in ledger.claims}
        found = self._reader.read(ledger.refs, over - broken)
        return [
            self._answered(filed, MessageState.TOO_LATE, filed.message.epoch)
            if filed.answer is None
            else RefUpdate(ref=filed.ref, expect=filed.oid, new=None)
            for every in found.values()
            for filed in every
        ][:MAX_TIDIED]
