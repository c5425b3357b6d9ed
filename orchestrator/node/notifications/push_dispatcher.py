"""How is what happens pushed to the devices that subscribed at this node: once each, by kind, outside quiet hours?

Each notice is a parcel of the outbox of its own kind; its body notes which devices it has reached, at once after each.
What a push says is little: what kind of thing it is, a short title, and which screen it opens. A push that was not
delivered yet is replaced by a newer one about the same mission (`Topic`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from handoff.secrets.redact import redact
from orchestrator.core.events import Tell
from orchestrator.core.ports.notifier import NotDelivered, PushGone, PushLater
from orchestrator.core.ports.outbox import OutboxItem, Outgoing
from orchestrator.core.ports.push import PushCarrier, PushMessage, PushSubscription, PushSubscriptions
from orchestrator.ledger.config import notification, quiet_hours
from orchestrator.ledger.config.notification import Notification, NotificationKind
from orchestrator.node.notifications.dispatcher import HOLD_SECONDS, MAX_BATCH_ITEMS, REACHED_FIELD, RETRY_DELAYS

PUSH_KIND = "push"
"""What a parcel with a push is called in the store."""
MAX_TITLE_CHARS = 120
WAITING_TTL, TTL = 86_400, 4 * 3600
"""Seconds for which a push about what waits for a person, and any other one, is worth delivering."""
BODIES = {
    NotificationKind.REVIEW: "It waits for your word.",
    NotificationKind.BUDGET: "It waits for you: its budget is reached.",
    NotificationKind.PARKED: "It waits for you.",
    NotificationKind.DEAD: "It waits for you: all attempts are spent.",
    NotificationKind.UNSERVED: "No node can do it.",
    NotificationKind.FAILED: "It is tried again.",
    NotificationKind.LOST: "A node went silent.",
    NotificationKind.FINDING: "The heartbeat found something.",
    NotificationKind.LOG_REVIEW: "The review of the log needs a look.",
    NotificationKind.DONE: "It is done.",
}


@dataclass(kw_only=True)
class PushDispatcher:
    """One node's. `message` makes the bytes of a push from its words (what the page's service worker reads)."""

    outgoing: Outgoing
    subscriptions: PushSubscriptions
    carrier: PushCarrier
    tell: Tell
    now: Callable[[], datetime]
    topic: Callable[[str], str]
    may_ring: Callable[[str, datetime | None], bool] = lambda _device, _since: True
    """Whether a device that subscribed then is still let in."""

    def put(self, found: Notification) -> bool:
        """Takes a notice in, once for each key ever, where any device is there to be rung."""
        if not self.subscriptions.every():
            return False
        key = notification.key_of(PUSH_KIND, found.key)
        return self.outgoing.put(OutboxItem(key=key, kind=PUSH_KIND, body=found.json()), self.now())

    def deliver(self) -> int:
        """Delivers what is due; returns how many pushes went out. Raises StoreFailed."""
        now = self.now()
        due = self.outgoing.take(now, hold_seconds=HOLD_SECONDS, limit=MAX_BATCH_ITEMS, kind=PUSH_KIND)
        return sum(self._deliver(parcel) for parcel in due)

    def _deliver(self, parcel: OutboxItem) -> int:
        """One notice, to each device that it has not reached."""
        found = notification.read(parcel.key, parcel.body)
        reached, later, errors, sent = list(parcel.body.get(REACHED_FIELD, ())), list[datetime](), list[str](), 0
        for device in self.subscriptions.every():
            if device.device in reached or (device.kinds and found.kind.value not in device.kinds):
                continue
            if not self.may_ring(device.device, device.created):
                self.subscriptions.remove(device.device)
                continue
            if (due := self._due(device, found.kind)) > self.now():
                later.append(due)
                continue
            try:
                self.carrier.send(device, self.message(found))
                sent += 1
            except PushGone as error:
                self.subscriptions.remove(device.device, device.endpoint)
                self.tell("push", f"{error}; it is rung again when it subscribes anew")
            except PushLater as error:
                later.append(self.now() + timedelta(seconds=error.seconds))
                continue
            except NotDelivered as error:
                errors.append(str(error))
                continue
            reached.append(device.device)
            self.outgoing.amend(parcel.key, dict(parcel.body) | {REACHED_FIELD: reached})
        self._settle(parcel, later, errors)
        return sent

    def _due(self, device: PushSubscription, kind: NotificationKind) -> datetime:
        """When a device may be rung: now, or at the end of its quiet hours."""
        try:
            hours = quiet_hours.read(device.quiet, device.timezone)
        except ValueError:
            hours = None  # a zone that this machine does not know
        return hours.until(self.now()) if hours else self.now()

    def message(self, found: Notification) -> PushMessage:
        """What is pushed of a notice: no words of an agent but the mission's title, redacted and short."""
        title = redact(found.title).text[:MAX_TITLE_CHARS]
        opens = found.path
        if found.kind is NotificationKind.REVIEW and opens.startswith("/missions/"):
            opens = opens.replace("/missions/", "/review/", 1)
        words = {
            "title": title,
            "body": BODIES[found.kind],
            "tag": found.path or found.kind.value,
            "open": opens or "/",
        }
        return PushMessage(
            payload=json.dumps(words, ensure_ascii=False).encode("utf-8", "replace"),
            ttl_seconds=WAITING_TTL if found.kind.waits else TTL,
            topic=self.topic(words["tag"]),
            urgent=found.kind.waits,
        )

    def _settle(self, parcel: OutboxItem, later: list[datetime], errors: list[str]) -> None:
        if not later and not errors:
            self.outgoing.sent(parcel.key, self.now())
            return
        tries = min(parcel.tries, len(RETRY_DELAYS)) - 1
        if errors and parcel.tries <= len(RETRY_DELAYS):
            later.append(self.now() + RETRY_DELAYS[tries])
        if not later:
            self.tell("push", f"given up: {parcel.body.get('title', parcel.key)} ({'; '.join(errors)})")
        self.outgoing.failed(parcel.key, "; ".join(errors), min(later, default=None))
