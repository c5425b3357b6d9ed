"""How do turns that were said on devices and other nodes come into this node's chats?

What came in is read in the order of its arrival, from a mark on; a conversation that something came for is taken in
whole, so that a turn counts once however often this is done. A conversation that cannot be taken in is told and left
out: what one device says never keeps what others say from coming in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Operation, read_operations
from mobile_bridge.turns import HIDDEN, PROJECT, TITLE, TURN, conversation_of, read_turn

from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from orchestrator.chat.values import clean_turn
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.conversations import Conversation, ConversationTurn, SyncedChats
from orchestrator.core.ports.stores import Cursors
from orchestrator.core.ports.sync_ops import SyncOps

LOG = logging.getLogger(__name__)
MARK = "sync chats"
PAGE = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_NAME_CHARACTERS = 100
"""Of a project or a device: nothing that is called so has a longer name."""
MAX_TITLE_CHARACTERS = 200
MAX_OPENING_CHARACTERS = 80
"""Of what was said first, as the title of a conversation that nobody named."""


@dataclass(frozen=True, kw_only=True)
class SyncedTurns:
    """Brings what came in into the chats. One thread at a time uses it."""

    ops: SyncOps
    chats: SyncedChats
    marks: Cursors

    def take_in(self) -> int:
        """Takes in all that came since the last time; returns how many turns were new here. Raises StoreFailed."""
        taken, more = 0, True
        while more:
            standing = self.ops.standing()
            page = self.ops.pull(f"{standing.epoch}.{self.marks.get(MARK) or 0}", PAGE)
            touched = {op.entity: None for op in read_operations(page.texts) if self._matters(op, standing.own)}
            taken += sum(self._take(entity) for entity in touched)
            self.marks.put(MARK, page.cursor.rpartition(".")[2])
            more = page.more
        return taken

    def _matters(self, op: Operation, own: str) -> bool:
        return op.device != own and bool(conversation_of(op.entity))

    def _take(self, entity: str) -> int:
        """How many turns of a conversation were new; 0 for one that cannot be taken in."""
        try:
            return self._refresh(entity)
        except StoreFailed:
            raise  # it is no word of a device: all of it comes again
        except Exception as error:  # whatever it is, the others must be heard
            LOG.warning(
                "the synced %s is left out: %s: %s", entity, type(error).__name__, redacted_line(str(error), 200)
            )
            return 0

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
        title = redacted_line(_word(merged.register(entity, TITLE)), MAX_TITLE_CHARACTERS)
        begun = Conversation(
            id=name,
            project=_name(_word(merged.register(entity, PROJECT))),
            device=turns[0].device,
            title=title or redacted_line(turns[0].content, MAX_OPENING_CHARACTERS),
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
                device=_name(told.device) or op.device,
                usage={"model": told.model} if told.model else {},
                operation=op.key,
                created=EPOCH + timedelta(milliseconds=min(op.stamp.wall, 10**13)),
            )
        )


def _name(word: str) -> str:
    """A name that a device gave; empty for what is none."""
    return word if len(word) <= MAX_NAME_CHARACTERS and word.isprintable() else ""


def _word(op: Operation | None) -> str:
    return redact(op.value).text if op is not None and isinstance(op.value, str) else ""
