"""Conversations, tool calls, tokens, devices, their operations, and what waits to be sent."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IN_FORCE = sa.text("revoked IS NULL")


def upgrade() -> None:
    """The step."""
    _conversations()
    _admission()
    _exchange()


def _name(column: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(100), nullable=nullable)


def _words(column: str) -> sa.Column[str]:
    return sa.Column(column, sa.Text(), nullable=False)


def _moment(column: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(32), nullable=nullable)


def _number(column: str) -> sa.Column[int]:
    return sa.Column(column, sa.Integer(), nullable=False)


def _of_conversation() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE")


def _conversations() -> None:
    op.create_table(
        "conversations",
        _name("id"),
        _name("project"),
        _name("device"),
        _words("title"),
        _moment("created"),
        _moment("updated"),
        _number("turns"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversations_device", "conversations", ["device"])
    op.create_index("ix_conversations_project", "conversations", ["project"])
    op.create_index("ix_conversations_updated", "conversations", ["updated", "id"])
    op.create_table(
        "messages",
        sa.Column("id", BIG, nullable=False),
        _name("conversation_id"),
        _number("seq"),
        _name("role"),
        _words("content"),
        _name("device"),
        _words("usage"),
        _words("trace"),
        _name("idempotency_key", nullable=True),
        _moment("created"),
        _of_conversation(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "seq"),
        sa.UniqueConstraint("conversation_id", "idempotency_key"),
    )
    op.create_table(
        "tool_calls",
        sa.Column("id", BIG, nullable=False),
        _name("conversation_id"),
        _name("name"),
        _words("arguments"),
        _name("state"),
        _words("result"),
        sa.Column("seconds", sa.Double(), nullable=False),
        _moment("begun"),
        _of_conversation(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tool_calls_conversation_id", "tool_calls", ["conversation_id"])


def _admission() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", BIG, nullable=False),
        _name("name"),
        _name("digest"),
        _words("scopes"),
        _moment("created"),
        _moment("expires", nullable=True),
        _moment("used", nullable=True),
        _moment("revoked", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(
        "tokens_name_in_force", "tokens", ["name"], unique=True, sqlite_where=IN_FORCE, postgresql_where=IN_FORCE
    )
    op.create_table(
        "registrations",
        _name("device"),
        _name("name"),
        _name("kind"),
        _words("public_key"),
        _words("scopes"),
        _words("details"),
        _moment("created"),
        _moment("seen", nullable=True),
        _moment("revoked", nullable=True),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "device_state",
        sa.Column("id", BIG, nullable=False),
        _name("device"),
        _number("seq"),
        _words("state"),
        _moment("when"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device", "seq"),
    )


def _exchange() -> None:
    facts = op.create_table("store_facts", _name("name"), _words("value"), sa.PrimaryKeyConstraint("name"))
    op.bulk_insert(facts, [{"name": "generation", "value": secrets.token_hex(8)}])
    op.create_table(
        "sync_ops",
        sa.Column("seq", BIG, nullable=False),
        _name("op_id"),
        _name("device"),
        _name("hlc"),
        _name("kind"),
        _words("body"),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("op_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        _name("key"),
        _name("kind"),
        _words("body"),
        _moment("due", nullable=True),
        _moment("sent", nullable=True),
        _number("tries"),
        _words("error"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_outbox_due", "outbox", ["due"])
