"""How are conversations stored: what was said, and what a model's tools did meanwhile?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mobile_bridge.operations import Draft
from mobile_bridge.turns import HIDDEN, PROJECT, TITLE, SyncedTurn, setting_draft, turn_draft
from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint, delete, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.adapters.database.column_types import (
    BIG_INTEGER,
    JsonColumn,
    NameColumn,
    TextColumn,
    UtcColumn,
)
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.adapters.database.operations import SqlOperationWriter
from orchestrator.adapters.database.plain.column_values import clamp_integer
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.json_object import Json
from orchestrator.core.ports.conversations import Conversation, ConversationTurn, ToolCall


class ConversationRow(Table):
    """A conversation; `turns` is the seq of its last message, counted under this row's lock."""

    __tablename__ = "conversations"
    __table_args__ = (Index(None, "updated", "id"),)

    id: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    project: Mapped[str] = mapped_column(NameColumn(), index=True)
    device: Mapped[str] = mapped_column(NameColumn(), index=True)
    title: Mapped[str] = mapped_column(TextColumn())
    created: Mapped[datetime] = mapped_column(UtcColumn())
    updated: Mapped[datetime] = mapped_column(UtcColumn())
    turns: Mapped[int]


class MessageRow(Table):
    """One turn."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "idempotency_key"),
    )

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(NameColumn(), ForeignKey("conversations.id", ondelete="CASCADE"))
    seq: Mapped[int]
    role: Mapped[str] = mapped_column(NameColumn())
    content: Mapped[str] = mapped_column(TextColumn())
    device: Mapped[str] = mapped_column(NameColumn())
    usage: Mapped[Json] = mapped_column(JsonColumn())
    trace: Mapped[Json] = mapped_column(JsonColumn())
    idempotency_key: Mapped[str | None] = mapped_column(NameColumn())
    operation: Mapped[str | None] = mapped_column(NameColumn())
    """The key of the operation that tells it; a turn of before there were operations has none."""
    created: Mapped[datetime] = mapped_column(UtcColumn())


class ToolCallRow(Table):
    """One call of a tool."""

    __tablename__ = "tool_calls"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        NameColumn(), ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(NameColumn())
    arguments: Mapped[Json] = mapped_column(JsonColumn())
    state: Mapped[str] = mapped_column(NameColumn())
    result: Mapped[Json] = mapped_column(JsonColumn())
    seconds: Mapped[float] = mapped_column(Double)
    begun: Mapped[datetime] = mapped_column(UtcColumn())


@dataclass(frozen=True, kw_only=True)
class SqlConversations:
    """stores.Conversations in a database. Every turn is told to devices and other nodes, too, or not kept at all."""

    database: Database
    operations: SqlOperationWriter
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    def create(self, project: str, device: str, title: str) -> Conversation:
        """A new, empty conversation."""
        now = self.now()
        row = ConversationRow(
            id=self.new_id(), project=project, device=device, title=title, created=now, updated=now, turns=0
        )
        with self.database.writing() as session:
            session.add(row)
        return _conversation(row)

    def get(self, conversation_id: str) -> Conversation:
        """One conversation. Raises NotFound."""
        with self.database.reading() as session:
            return _conversation(_require_conversation(session.get(ConversationRow, conversation_id), conversation_id))

    def append(self, conversation_id: str, turn: ConversationTurn) -> ConversationTurn:
        """Adds a turn. Raises NotFound, Refused."""
        with self.database.writing() as session:
            row = _require_conversation(
                session.get(ConversationRow, conversation_id, with_for_update=True), conversation_id
            )
            if turn.idempotency_key and (before := _with_key(session, conversation_id, turn.idempotency_key)):
                return _require_same(before, turn)
            row.turns += 1
            row.updated = self.now()
            new = replace(turn, seq=row.turns, created=row.updated, repeated=False)
            said = self.operations.write_in(session, _drafts(row, new), now=int(row.updated.timestamp() * 1000))
            new = replace(new, operation=said[-1].key)
            session.add(message_row(conversation_id, new))
        return new

    def turns(self, conversation_id: str, after_seq: int = 0, limit: int = 500) -> tuple[ConversationTurn, ...]:
        """Turns in order. Raises NotFound."""
        wanted = (
            select(MessageRow)
            .where(MessageRow.conversation_id == conversation_id, MessageRow.seq > clamp_integer(after_seq))
            .order_by(MessageRow.seq)
            .limit(clamp_integer(limit))
        )
        with self.database.reading() as session:
            _require_conversation(session.get(ConversationRow, conversation_id), conversation_id)
            return tuple(_turn(row) for row in session.scalars(wanted))

    def listing(
        self, *, device: str = "", project: str = "", limit: int = 50, before: str = ""
    ) -> tuple[Conversation, ...]:
        """The conversations that were used last."""
        place = tuple_(ConversationRow.updated, ConversationRow.id)
        wanted = (
            select(ConversationRow)
            .order_by(ConversationRow.updated.desc(), ConversationRow.id.desc())
            .limit(clamp_integer(limit))
        )
        if device:
            wanted = wanted.where(ConversationRow.device == device)
        if project:
            wanted = wanted.where(ConversationRow.project == project)
        if before:
            wanted = wanted.where(place < tuple_(*_parse_cursor(before)))
        with self.database.reading() as session:
            return tuple(_conversation(row) for row in session.scalars(wanted))

    def delete(self, conversation_id: str) -> bool:
        """Takes a conversation out with everything that hangs on it."""
        with self.database.writing() as session:
            gone = delete(ConversationRow).where(ConversationRow.id == conversation_id).returning(ConversationRow.turns)
            turns = session.scalar(gone)
            if turns:
                hidden = setting_draft(conversation_id, HIDDEN, True)
                self.operations.write_in(session, [hidden], now=int(self.now().timestamp() * 1000))
            return turns is not None


@dataclass(frozen=True, kw_only=True)
class SqlToolCalls:
    """stores.ToolCalls in a database."""

    database: Database
    now: Callable[[], datetime]

    def begin(self, call: ToolCall) -> ToolCall:
        """Notes a call before it is done. Raises NotFound."""
        row = ToolCallRow(**{name: value for name, value in vars(call).items() if name not in {"id", "begun"}})
        row.begun = self.now()
        try:
            with self.database.writing() as session:
                session.add(row)
        except IntegrityError as error:  # the one constraint that a new row can break is that of its conversation
            raise NotFound("no conversation {!r}", call.conversation_id) from error
        return _call(row)

    def finish(self, call_id: int, *, state: str, result: Json, seconds: float) -> None:
        """Notes what came of it. Raises NotFound."""
        with self.database.writing() as session:
            row = _require_call(session.get(ToolCallRow, clamp_integer(call_id)), call_id)
            row.state, row.result, row.seconds = state, result, seconds

    def get(self, call_id: int) -> ToolCall:
        """One call. Raises NotFound."""
        with self.database.reading() as session:
            return _call(_require_call(session.get(ToolCallRow, clamp_integer(call_id)), call_id))

    def listing(self, conversation_id: str, after_id: int = 0, limit: int = 500) -> tuple[ToolCall, ...]:
        """A conversation's calls in order."""
        wanted = (
            select(ToolCallRow)
            .where(ToolCallRow.conversation_id == conversation_id, ToolCallRow.id > clamp_integer(after_id))
            .order_by(ToolCallRow.id)
            .limit(clamp_integer(limit))
        )
        with self.database.reading() as session:
            return tuple(_call(row) for row in session.scalars(wanted))


def _require_conversation(row: ConversationRow | None, conversation_id: str) -> ConversationRow:
    if row is None:
        raise NotFound("no conversation {!r}", conversation_id)
    return row


def _require_call(row: ToolCallRow | None, call_id: int) -> ToolCallRow:
    if row is None:
        raise NotFound("no tool call {}", call_id)
    return row


def _with_key(session: Session, conversation_id: str, key: str) -> MessageRow | None:
    here = MessageRow.conversation_id == conversation_id
    return session.scalar(select(MessageRow).where(here, MessageRow.idempotency_key == key))


def _require_same(before: MessageRow, turn: ConversationTurn) -> ConversationTurn:
    if (before.role, before.content) != (turn.role, turn.content):
        raise Refused("the idempotency key of turn {} was used for something else: take a new one", before.seq)
    return replace(_turn(before), repeated=True)


def _drafts(row: ConversationRow, turn: ConversationTurn) -> list[Draft]:
    """What others are told of a turn; with the first one what the conversation is about."""
    assert turn.created is not None
    said = turn.created.isoformat(timespec="milliseconds")
    model = str(turn.usage.get("model", ""))
    told = SyncedTurn(role=turn.role, text=turn.content, device=turn.device, said=said, model=model)
    first = [(TITLE, row.title), (PROJECT, row.project)] if turn.seq == 1 else []
    return [*(setting_draft(row.id, name, word) for name, word in first if word), turn_draft(row.id, told)]


def _parse_cursor(text: str) -> tuple[Any, str]:
    moment, _, conversation_id = text.partition("~")
    try:
        when = datetime.fromisoformat(moment)
        return UtcColumn().process_bind_param(when, None), conversation_id  # type: ignore[arg-type]  # every dialect alike
    except ValueError as error:
        raise WrongSetting("before", "the cursor of a conversation from this listing") from error


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(
        id=row.id,
        project=row.project,
        device=row.device,
        title=row.title,
        created=row.created,
        updated=row.updated,
        turns=row.turns,
    )


def message_row(conversation_id: str, turn: ConversationTurn) -> MessageRow:
    """A turn as a row."""
    return MessageRow(
        conversation_id=conversation_id,
        seq=turn.seq,
        role=turn.role,
        content=turn.content,
        device=turn.device,
        usage=turn.usage,
        trace=turn.trace,
        idempotency_key=turn.idempotency_key or None,
        operation=turn.operation or None,
        created=turn.created,
    )


def _turn(row: MessageRow) -> ConversationTurn:
    return ConversationTurn(
        role=row.role,
        content=row.content,
        device=row.device,
        usage=row.usage,
        trace=row.trace,
        idempotency_key=row.idempotency_key or "",
        operation=row.operation or "",
        seq=row.seq,
        created=row.created,
    )


def _call(row: ToolCallRow) -> ToolCall:
    return ToolCall(
        id=row.id,
        conversation_id=row.conversation_id,
        name=row.name,
        arguments=row.arguments,
        state=row.state,
        result=row.result,
        seconds=row.seconds,
        begun=row.begun,
    )
