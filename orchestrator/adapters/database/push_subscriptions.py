"""Which devices want to be rung? Their push subscriptions in a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.push import PushSubscription

MAX_SUBSCRIPTIONS = 100
"""Devices that one node rings."""


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


@dataclass(frozen=True, kw_only=True)
class SqlPushSubscriptions:
    """ports.PushSubscriptions in a database."""

    database: Database

    def put(self, subscription: PushSubscription, when: datetime) -> None:
        """Adds or replaces one. Raises WrongSetting."""
        mine = PushSubscriptionRow.device == subscription.device
        with self.database.writing() as session:
            self.database.hold(session, "push subscriptions")
            session.execute(delete(PushSubscriptionRow).where(mine))
            if (session.scalar(select(func.count()).select_from(PushSubscriptionRow)) or 0) >= MAX_SUBSCRIPTIONS:
                raise WrongSetting("device", f"this node rings {MAX_SUBSCRIPTIONS} devices: take one out first")
            row = PushSubscriptionRow(**{**vars(subscription), "kinds": " ".join(subscription.kinds), "created": when})
            session.add(row)

    def remove(self, device: str, endpoint: str = "") -> bool:
        """Takes one out."""
        gone = delete(PushSubscriptionRow).where(PushSubscriptionRow.device == device)
        if endpoint:
            gone = gone.where(PushSubscriptionRow.endpoint == endpoint)
        with self.database.writing() as session:
            return session.scalar(gone.returning(PushSubscriptionRow.id)) is not None

    def every(self) -> tuple[PushSubscription, ...]:
        """All of them."""
        with self.database.reading() as session:
            rows = session.scalars(select(PushSubscriptionRow).order_by(PushSubscriptionRow.device))
            return tuple(_subscription(row) for row in rows)


def _subscription(row: PushSubscriptionRow) -> PushSubscription:
    return PushSubscription(
        device=row.device,
        endpoint=row.endpoint,
        p256dh=row.p256dh,
        auth=row.auth,
        server_key=row.server_key,
        kinds=tuple(row.kinds.split()),
        quiet=row.quiet,
        timezone=row.timezone,
        created=row.created,
    )
