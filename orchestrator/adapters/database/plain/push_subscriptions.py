"""Which devices want to be rung? Their push subscriptions; the table is `PushSubscriptionRow`.

A node looks for them whenever there is something to tell, on most nodes in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.adapters.database.plain.column_values import (
    moment_value,
    name_value,
    read_moment,
    read_text,
    text_value,
)
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.push import PushSubscription

MAX_SUBSCRIPTIONS = 100
"""Devices that one node rings."""

NAMES = ("device", "p256dh", "auth", "server_key", "quiet", "timezone")
"""The columns of bounded names; the others are texts, and `created`."""
EVERY = """
SELECT device, endpoint, p256dh, auth, server_key, kinds, quiet, timezone, created FROM push_subscriptions
ORDER BY device"""
ADD = """
INSERT INTO push_subscriptions (device, endpoint, p256dh, auth, server_key, kinds, quiet, timezone, created)
VALUES (:device, :endpoint, :p256dh, :auth, :server_key, :kinds, :quiet, :timezone, :created)"""
COUNT = "SELECT count(*) FROM push_subscriptions"
REMOVE = "DELETE FROM push_subscriptions WHERE device = :device RETURNING id"
REMOVE_ONE = "DELETE FROM push_subscriptions WHERE device = :device AND endpoint = :endpoint RETURNING id"


@dataclass(frozen=True, kw_only=True)
class SqlPushSubscriptions:
    """ports.PushSubscriptions in a database."""

    database: Transactions

    def put(self, subscription: PushSubscription, when: datetime) -> None:
        """Adds or replaces one. Raises WrongSetting."""
        with self.database.writing() as sql:
            sql.hold("push subscriptions")
            sql(REMOVE, device=name_value(subscription.device))
            if sql(COUNT)[0][0] >= MAX_SUBSCRIPTIONS:
                raise WrongSetting("device", f"this node rings {MAX_SUBSCRIPTIONS} devices: take one out first")
            names = {name: name_value(getattr(subscription, name)) for name in NAMES}
            texts = {"endpoint": text_value(subscription.endpoint), "kinds": text_value(" ".join(subscription.kinds))}
            sql(ADD, **names, **texts, created=moment_value(when))

    def remove(self, device: str, endpoint: str = "") -> bool:
        """Takes one out."""
        with self.database.writing() as sql:
            if endpoint:
                return bool(sql(REMOVE_ONE, device=name_value(device), endpoint=text_value(endpoint)))
            return bool(sql(REMOVE, device=name_value(device)))

    def every(self) -> tuple[PushSubscription, ...]:
        """All of them."""
        with self.database.reading() as sql:
            return tuple(_subscription(*row) for row in sql(EVERY))


def _subscription(device: str, endpoint: str, *words: str) -> PushSubscription:
    p256dh, auth, server_key, kinds, quiet, timezone, created = words
    return PushSubscription(
        device=device,
        endpoint=read_text(endpoint),
        p256dh=p256dh,
        auth=auth,
        server_key=server_key,
        kinds=tuple(read_text(kinds).split()),
        quiet=quiet,
        timezone=timezone,
        created=read_moment(created),
    )
