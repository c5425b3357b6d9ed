"""Takes away the table of registrations, into which nothing was ever written."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The step."""
    op.drop_table("registrations")
