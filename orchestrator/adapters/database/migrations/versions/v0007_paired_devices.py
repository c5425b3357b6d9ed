"""Devices that are paired with this node, and pairings that are under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The step."""
    op.create_table(
        "paired_devices",
        *(_name(each) for each in ("id", "name", "public_key")),
        sa.Column("scopes", sa.Text(), nullable=False),
        _moment("created"),
        _moment("seen", nullable=True),
        _moment("revoked", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_key"),
    )
    op.create_table(
        "pairings",
        *(_name(each) for each in ("id", "fleet", "key")),
        sa.Column("scopes", sa.Text(), nullable=False),
        _moment("created"),
        _moment("expires"),
        *(_name(each) for each in ("state", "name", "claimed_name", "public_key")),
        *(_name(each) for each in ("commitment", "node_nonce", "code")),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("rivals", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _name(column: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(100), nullable=False)


def _moment(column: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(32), nullable=nullable)
