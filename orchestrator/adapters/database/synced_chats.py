"""How do chats that are synced come into this node's conversations, each turn once?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select

from orchestrator.adapters.database.conversations import ConversationRow, MessageRow, message_row
from orchestrator.adapters.database.engine import Database
from orchestrator.core.ports.conversations import Conversation, ConversationTurn


@dataclass(frozen=True, kw_only=True)
class SqlSyncedChats:
    """stores.SyncedChats in a database."""

    database: Database
    now: Callable[[], datetime]

    def take_in(self, conversation: Conversation, turns: Sequence[ConversationTurn]) -> int:
        """Appends the turns that are new."""
        with self.database.writing() as session:
            begun = {"created": conversation.created, "updated": conversation.created, "turns": 0}
            words = {name: getattr(conversation, name) for name in ("id", "project", "device", "title")}
            self.database.insert_new(session, ConversationRow, **words, **begun)
            row = session.get_one(ConversationRow, conversation.id, with_for_update=True)
            row.title = conversation.title or row.title
            here = select(MessageRow.operation).where(MessageRow.conversation_id == conversation.id)
            known = {*session.scalars(here)}
            new = [turn for turn in turns if turn.operation not in known]
            for turn in new:
                row.turns += 1
                row.updated = self.now()
                session.add(message_row(conversation.id, replace(turn, seq=row.turns)))
            return len(new)

    def has(self, conversation_id: str) -> bool:
        """Whether it is here."""
        with self.database.reading() as session:
            return session.get(ConversationRow, conversation_id) is not None

    def drop(self, conversation_id: str) -> None:
        """Takes it out here."""
        with self.database.writing() as session:
            session.execute(delete(ConversationRow).where(ConversationRow.id == conversation_id))
