"""How is what waits in the outbox dispatched: in one message where many wait, again after a rest where it failed?

A parcel is one notice; its body notes which addresses it has reached, at once after each, so that a process that is
killed repeats at most the one message that was just under way. That message is then made of the same notices and bears
the same key, so that a receiver that looks at `Idempotency-Key` takes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from handoff.secrets.redact import redact
from orchestrator.core.events import Tell
from orchestrator.core.ports.notifier import NOTIFICATION_KIND, Channel, NotDelivered, Notifier
from orchestrator.core.ports.outbox import OutboxItem, Outgoing
from orchestrator.ledger.config import notification
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.config.notification import Notification
from orchestrator.node.notifications.message import batch_key, compose_message

RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 60, 120, 240, 480))
"""After so many failures the rest is so long; after one more it is given up, some sixteen hours in all."""
HOLD_SECONDS = 600.0
"""Seconds for which a parcel that was taken is nobody else's: longer than every address may take."""
MAX_BATCH_ITEMS = 200
"""Parcels that are taken at a time."""
REACHED_FIELD, BATCH_FIELD = "reached", "batch"


@dataclass(kw_only=True)
class NotificationDispatcher:
    """Delivers what is due. One at a time for each store."""

    outgoing: Outgoing
    courier: Notifier
    tell: Tell
    now: Callable[[], datetime]
    charter: FleetConfig = field(default_factory=lambda: FleetConfig())
    """The newest that is known."""

    def put(self, found: Notification) -> bool:
        """Takes a notice in, once for each key ever; returns whether it is new."""
        part = self.charter.notify
        now = self.now()
        due = part.due(found.kind, _window_end(now, part.batch_seconds))
        return self.outgoing.put(OutboxItem(key=found.key, kind=NOTIFICATION_KIND, body=found.json()), due)

    def deliver(self, ahead: float = 0.0) -> int:
        """Delivers what is due within `ahead` seconds; returns how many notices reached everybody."""
        now = self.now()
        until = now + timedelta(seconds=ahead)
        taken = self.outgoing.take(until, hold_seconds=HOLD_SECONDS, limit=MAX_BATCH_ITEMS, kind=NOTIFICATION_KIND)
        due = [parcel for parcel in taken if not self._put_off(parcel, now)]
        return sum(self._send(batch) for batch in self._batches(due))

    def _put_off(self, parcel: OutboxItem, now: datetime) -> bool:
        """Whether it must wait for the end of quiet hours after all: fleet.toml may have changed since it was put."""
        due = self.charter.notify.due(notification.read(parcel.key, parcel.body).kind, now)
        if due > now:
            self.outgoing.failed(parcel.key, parcel.error, due)
        return due > now

    def _batches(self, parcels: Iterable[OutboxItem]) -> list[list[OutboxItem]]:
        """The parcels by message. What was under way when a process died stays one message."""
        under_way: dict[str, list[OutboxItem]] = {}
        fresh: list[OutboxItem] = []
        for parcel in parcels:
            batch = parcel.body.get(BATCH_FIELD)
            under_way.setdefault(str(batch), []).append(parcel) if batch else fresh.append(parcel)
        key = batch_key([parcel.key for parcel in fresh]) if fresh else ""
        marked = [self._amended(parcel, **{BATCH_FIELD: key}) for parcel in fresh]
        return [*under_way.values(), *([marked] if marked else [])]

    def _send(self, batch: list[OutboxItem]) -> int:
        """Sends one message to each address that some of its notices have not reached."""
        errors: list[str] = []
        for channel in self.courier.channels:
            missing = [parcel for parcel in batch if channel.id not in parcel.body.get(REACHED_FIELD, ())]
            error = self._carry(channel, missing) if missing else ""
            if error:
                errors.append(error)
            else:
                here = {parcel.key: self._reached(parcel, channel) for parcel in missing}
                batch = [here.get(parcel.key, parcel) for parcel in batch]
        for parcel in batch:
            self._rest(parcel, "; ".join(errors)) if errors else self.outgoing.sent(parcel.key, self.now())
        return 0 if errors else len(batch)

    def _carry(self, channel: Channel, parcels: list[OutboxItem]) -> str:
        """Hands a message about these over; returns why not."""
        key = str(parcels[0].body[BATCH_FIELD])
        part = self.charter.notify
        notices = [notification.read(parcel.key, parcel.body) for parcel in parcels]
        try:
            message = compose_message(notices, key=key, fleet=self.charter.fleet.name, link=part.link)
            clean = replace(message, title=redact(message.title).text, body=redact(message.body).text)
            self.courier.send(channel, clean)
        except NotDelivered as error:
            self.tell("notify", f"{error}; it is tried again", once=True)
            return str(error)
        return ""

    def _reached(self, parcel: OutboxItem, channel: Channel) -> OutboxItem:
        return self._amended(parcel, **{REACHED_FIELD: [*parcel.body.get(REACHED_FIELD, ()), channel.id]})

    def _rest(self, parcel: OutboxItem, error: str) -> None:
        """Has it wait before the next try, alone or with what is due by then; or gives it up, which stays shown."""
        self._amended(parcel, **{BATCH_FIELD: ""})
        again = None if parcel.tries > len(RETRY_DELAYS) else self.now() + RETRY_DELAYS[parcel.tries - 1]
        due = self.charter.notify.due(notification.read(parcel.key, parcel.body).kind, again) if again else None
        self.outgoing.failed(parcel.key, error, due)
        if due is None:
            self.tell("notify", f"given up: {parcel.body.get('title', parcel.key)} ({error})")

    def _amended(self, parcel: OutboxItem, **words: object) -> OutboxItem:
        body = dict(parcel.body) | words
        self.outgoing.amend(parcel.key, body)
        return replace(parcel, body=body)


def _window_end(now: datetime, seconds: float) -> datetime:
    """The end of the window that `now` lies in: whatever comes within one goes out in one message."""
    if seconds <= 0:
        return now
    return datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, tz=now.tzinfo)
