"""Which devices want to be rung."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """The step."""
    names = ("p256dh", "auth", "server_key", "quiet", "timezone")
    op.create_table(
        "push_subscriptions",
        sa.Column("id", BIG_INTEGER, primary_key=True),
        sa.Column("device", NameColumn(), nullable=False, unique=True),
        sa.Column("endpoint", TextColumn(), nullable=False),
        *(sa.Column(name, NameColumn(), nullable=False) for name in names),
        sa.Column("kinds", TextColumn(), nullable=False),
        sa.Column("created", UtcColumn(), nullable=False),
    )
