"""Which device a token belongs to; without one it belongs to the device that first uses it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The step."""
    op.add_column("tokens", sa.Column("device", sa.String(100), nullable=True))
