"""The events that suppliers sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The step."""
    op.create_table(
        "signals",
        sa.Column("id", BIG_INTEGER, primary_key=True),
        sa.Column("key", NameColumn(), nullable=False, unique=True),
        sa.Column("event_key", NameColumn(), nullable=False, index=True),
        sa.Column("supplier", NameColumn(), nullable=False, index=True),
        *(sa.Column(name, TextColumn(), nullable=False) for name in ("event_id", "source", "type")),
        sa.Column("received", UtcColumn(), nullable=False),
        sa.Column("verdict", NameColumn(), nullable=False),
        *(sa.Column(name, TextColumn(), nullable=False) for name in ("why", "missions")),
        sa.Column("filed", sa.Integer(), nullable=False),
    )
