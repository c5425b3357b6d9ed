"""Tokens that a run wrote into a prompt cache, which have a price of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The step."""
    op.add_column("usage", sa.Column("tokens_written", sa.Integer(), nullable=False, server_default="0"))
