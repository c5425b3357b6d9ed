"""Where is kept which devices want to be rung? `plain/push_subscriptions` reads and writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Table


class PushSubscriptionRow(Table):
    """One device's subscription."""

    __tablename__ = "push_subscriptions"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    device: Mapped[str] = mapped_column(NameColumn(), unique=True)
    endpoint: Mapped[str] = mapped_column(TextColumn())
    p256dh: Mapped[str] = mapped_column(NameColumn())
    auth: Mapped[str] = mapped_column(NameColumn())
    server_key: Mapped[str] = mapped_column(NameColumn())
    kinds: Mapped[str] = mapped_column(TextColumn())
    quiet: Mapped[str] = mapped_column(NameColumn())
    timezone: Mapped[str] = mapped_column(NameColumn())
    created: Mapped[datetime] = mapped_column(UtcColumn())
