"""What each node told headquarters last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The step."""
    op.create_table(
        "node_registrations",
        sa.Column("node", NameColumn(), primary_key=True),
        sa.Column("number", BIG_INTEGER, nullable=False),
        sa.Column("report", TextColumn(), nullable=False),
        sa.Column("first", UtcColumn(), nullable=False),
        sa.Column("received", UtcColumn(), nullable=False),
    )
