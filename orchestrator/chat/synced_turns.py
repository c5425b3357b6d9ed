"""How do turns that were said on devices and other nodes come into this node's chats?

What came in is read in the order of its arrival, from a mark on; a conversation that something came for is taken in
whole, so that a turn counts once however often this is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Operation, read_operations
from mobile_bridge.turns import CHAT, HIDDEN, PROJECT, TITLE, TURN, conversation_of, read_turn

from handoff.secrets.redact import redact
from orchestrator.chat.values import clean_turn
from orchestrator.core.ports.conversations import Conversation, ConversationTurn, SyncedChats
from orchestrator.core.ports.stores import Cursors
from orchestrator.core.ports.sync_ops import SyncOps

MARK = "sync chats"
PAGE = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SyncedTurns:
    """Brings what came in into the chats. One thread at a time uses it."""

    ops: SyncOps
    chats: SyncedChats
    marks: Cursors

    def take_in(self) -> int:
        """Takes in all that came since the last time; returns how many turns were new here."""
        taken, more = 0, True
        while more:
            standing = self.ops.standing()
            page = self.ops.pull(f"{standing.epoch}.{self.marks.get(MARK) or 0}", PAGE)
            touched = {op.entity: None for op in read_operations(page.texts) if self._matters(op, standing.own)}
            taken += sum(self._refresh(entity) for entity in touched)
            self.marks.put(MARK, page.cursor.rpartition(".")[2])
            more = page.more
        return taken

    def _matters(self, op: Operation, own: str) -> bool:
        return op.device != own and op.entity.startswith(CHAT)

    def _refresh(self, entity: str) -> int:
        merged, name = MergedOperations.of(self.ops.of(entity)), conversation_of(entity)
        hidden = merged.register(entity, HIDDEN)
        if hidden is not None and hidden.value is True:
            self.chats.drop(name)
            return 0
        turns = [*_turns(merged.items(entity, TURN))]
        if not turns:
            return 0
        began = turns[0].created or EPOCH
        begun = Conversation(
            id=name,
            project=_word(merged.register(entity, PROJECT)),
            device=turns[0].device,
            title=_word(merged.register(entity, TITLE)) or " ".join(turns[0].content.split())[:80],
            created=began,
            updated=began,
        )
        return self.chats.take_in(begun, turns)


def _turns(ops: Iterable[Operation]) -> Iterable[ConversationTurn]:
    for op in ops:
        told = read_turn(op)
        if told is None:
            continue
        yield clean_turn(
            ConversationTurn(
                role=told.role,
                content=told.text,
                device=told.device or op.device,
                usage={"model": told.model} if told.model else {},
                operation=op.key,
                created=EPOCH + timedelta(milliseconds=min(op.stamp.wall, 10**13)),
            )
        )


def _word(op: Operation | None) -> str:
    return redact(op.value).text if op is not None and isinstance(op.value, str) else ""
