"""Are devices rung once each, for what they want, outside their quiet hours, and is nobody else reached by it?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mobile_bridge.web_push import push_topic

from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.notifiers.push_key import push_key, rotate_push_key
from orchestrator.adapters.notifiers.web_push import WebPushCarrier
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import NotDelivered
from orchestrator.core.ports.push import PushMessage, PushSubscription
from orchestrator.core.ports.stores import Stores
from orchestrator.ledger.config.notification import Notification, NotificationKind
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.notifications.publisher import open_publisher
from orchestrator.node.notifications.push_dispatcher import PushDispatcher
from orchestrator.node.notifications.rung_devices import RungDevices
from tests.ledgers import FLEET, Town
from tests.push_service import Browser, PushService, push_service
from tests.waiting import until

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WAITS = ("review", "parked")
PUSH_SECONDS = 2.0
MESSAGE = PushMessage(payload=b"{}", ttl_seconds=60, topic="t", urgent=True)


@dataclass(kw_only=True)
class Desk:
    """A node that rings."""

    stores: Stores
    carrier: WebPushCarrier
    at: datetime = NOON
    told: list[str] = field(default_factory=list)
    strict: bool = False
    """Whether it is asked who is let in."""

    @property
    def dispatcher(self) -> PushDispatcher:
        return PushDispatcher(
            outgoing=self.stores.outgoing,
            subscriptions=self.stores.push,
            carrier=self.carrier,
            tell=lambda _event, words, **_facts: self.told.append(words),
            now=lambda: self.at,
            topic=push_topic,
            may_ring=RungDevices(paired=self.stores.paired, tokens=self.stores.tokens, now=lambda: self.at).may_ring
            if self.strict
            else lambda _device, _since: True,
        )

    def subscribe(self, service: PushService, device: str = "phone", **wishes: object) -> None:
        made = PushSubscription(
            device=device,
            endpoint=f"{service.url}/{device}",
            server_key=self.carrier.public_key,
            **service.browser.keys(),
            **wishes,  # type: ignore[arg-type]
        )
        self.carrier.check(made)
        self.stores.push.put(made, self.at)

    def happens(self, name: str = "fix", kind: NotificationKind = NotificationKind.REVIEW) -> bool:
        found = Notification(
            key=f"{name}-1-{kind}", kind=kind, title=f"{name} waits", body="long", path=f"/missions/{name}"
        )
        return self.dispatcher.put(found)


@pytest.fixture
def service() -> Iterator[PushService]:
    """A push service with a browser."""
    with push_service() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A node with a database, which may ring private addresses."""
    stores = open_stores(f"sqlite:///{tmp_path}/a.db", now=lambda: NOON, new_id=lambda: "x")
    key = push_key(tmp_path)
    carrier = WebPushCarrier(key=key, contact="mailto:a@example.org", now=lambda: datetime.now(UTC), private=True)
    yield Desk(stores=stores, carrier=carrier)
    stores.close()


def test_a_device_is_rung_once_with_little(desk: Desk, service: PushService) -> None:
    """What is decrypted is a title, a sentence of ours and a screen; it is signed by this node; again sends nothing."""
    desk.subscribe(service)
    assert desk.happens()
    assert not desk.happens()
    assert desk.dispatcher.deliver() == 1
    assert desk.dispatcher.deliver() == 0
    assert service.said == [
        {"title": "fix waits", "body": "It waits for your word.", "tag": "/missions/fix", "open": "/review/fix"}
    ]
    head = service.headers[0]
    assert (head["TTL"], head["Urgency"], head["Content-Encoding"]) == ("86400", "high", "aes128gcm")
    assert head["Topic"] == push_topic("/missions/fix")
    assert service.signer()["k"] == desk.carrier.public_key


def test_a_device_is_rung_for_what_it_wants(desk: Desk, service: PushService) -> None:
    """Kinds are each device's own; what nobody wants is settled all the same; nobody subscribed: nothing is kept."""
    assert not desk.happens()
    desk.subscribe(service, "phone", kinds=("review",))
    desk.subscribe(service, "tablet", kinds=("done",))
    desk.happens("one", NotificationKind.DONE)
    desk.happens("two", NotificationKind.FAILED)
    assert desk.dispatcher.deliver() == 1
    assert [head["Urgency"] for head in service.headers] == ["normal"]
    assert desk.stores.outgoing.listing() == ()


def test_quiet_hours_are_the_devices_own(desk: Desk, service: PushService) -> None:
    """At noon UTC it is night in Auckland: that device is rung at seven there, the other at once, and none twice."""
    desk.subscribe(service, "here", quiet="22:00-07:00", timezone="Europe/Berlin")
    desk.subscribe(service, "far", quiet="22:00-07:00", timezone="Pacific/Auckland")
    desk.happens()
    assert desk.dispatcher.deliver() == 1
    desk.at += timedelta(hours=5, minutes=59)
    assert desk.dispatcher.deliver() == 0
    desk.at += timedelta(minutes=2)
    assert desk.dispatcher.deliver() == 1
    assert desk.stores.outgoing.listing() == ()


@pytest.mark.parametrize("status", [404, 410])
def test_a_dead_subscription_is_dropped(desk: Desk, service: PushService, status: int) -> None:
    """The others still ring."""
    desk.subscribe(service, "a-dead")
    desk.subscribe(service, "b-live")
    service.answers.append((status, {}))
    desk.happens()
    assert desk.dispatcher.deliver() == 1
    assert [one.device for one in desk.stores.push.every()] == ["b-live"]
    assert "rung again when it subscribes anew" in desk.told[0]


@pytest.mark.parametrize(("wait", "seconds"), [("120", 120), ("1", 5), ("junk", 60), ("999999999", 86_400)])
def test_a_service_that_is_busy_is_asked_later(desk: Desk, service: PushService, wait: str, seconds: int) -> None:
    """`Retry-After` is honoured, within reason."""
    desk.subscribe(service)
    service.answers.append((429, {"Retry-After": wait}))
    desk.happens()
    assert desk.dispatcher.deliver() == 0
    desk.at += timedelta(seconds=seconds - 1)
    assert desk.dispatcher.deliver() == 0
    assert len(service.bodies) == 1
    desk.at += timedelta(seconds=2)
    assert desk.dispatcher.deliver() == 1


def test_a_failure_is_tried_again_and_given_up_in_the_end(desk: Desk, service: PushService) -> None:
    """Whoever was reached is not rung again for it."""
    desk.subscribe(service, "a")
    desk.subscribe(service, "b")
    service.answers += [(201, {}), *[(500, {})] * 20]
    desk.happens()
    for _ in range(12):
        desk.dispatcher.deliver()
        desk.at += timedelta(hours=9)
    assert len(service.bodies) == 10
    assert "given up" in desk.told[-1]


def test_a_redirect_is_not_followed(desk: Desk, service: PushService) -> None:
    """Whatever the service says."""
    desk.subscribe(service)
    service.answers.append((307, {"Location": f"{service.url}/other"}))
    desk.happens()
    assert desk.dispatcher.deliver() == 0
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"),
        *("::127.0.0.1", "::a00:1", "fec0::1", "64:ff9b:1::7f00:1", "::ffff:0:7f00:1"),
    ],
)
def test_no_private_address_is_asked(desk: Desk, address: str) -> None:
    """By its number, by a name that leads there, or by one of several; neither at first nor when it is rung."""
    key = desk.carrier.key
    for found in ([address], ["93.184.215.14", address]):
        careful = WebPushCarrier(
            key=key, contact="mailto:a@example.org", now=desk.carrier.now, resolve=lambda _host, _port, said=found: said
        )
        one = PushSubscription(
            device="x", endpoint="https://push.example.net/x", server_key=careful.public_key, **Browser().keys()
        )
        with pytest.raises(WrongSetting, match="private address"):
            careful.check(one)
        with pytest.raises(NotDelivered, match="private address"):
            careful.send(one, MESSAGE)
        with pytest.raises(WrongSetting, match="https"):
            careful.check(replace(one, endpoint="http://push.example.net/x"))


def test_the_name_is_looked_up_once(desk: Desk, service: PushService) -> None:
    """A name that leads elsewhere when it is asked again gets nothing by that: the address that was checked is used."""
    asked = iter([["127.0.0.1"], ["203.0.113.7"]])
    port = int(service.url.rpartition(":")[2])
    carrier = replace(desk.carrier, resolve=lambda _host, _port: next(asked))
    one = PushSubscription(
        device="x",
        endpoint=f"http://push.example.net:{port}/x",
        server_key=carrier.public_key,
        **service.browser.keys(),
    )
    carrier.send(one, MESSAGE)
    assert service.headers[0]["Host"] == f"push.example.net:{port}"


def test_who_was_shut_out_hears_nothing_more(desk: Desk, service: PushService) -> None:
    """A token that was revoked or has ended, a device that never was: each is dropped; the one in force rings."""
    desk.strict = True
    for name in ("good", "gone", "ended"):
        expires = NOON - timedelta(days=1) if name == "ended" else None
        desk.stores.tokens.add(name, name * 16, ["look"], expires)
        desk.subscribe(service, f"token {name}")
    desk.subscribe(service, "stranger")
    desk.stores.tokens.revoke("gone")
    desk.happens()
    assert desk.dispatcher.deliver() == 1
    assert [one.device for one in desk.stores.push.every()] == ["token good"]


def test_a_new_token_of_the_same_name_rings_no_old_device(desk: Desk, service: PushService) -> None:
    """A token that leaked is revoked and made anew: whoever subscribed with the old one hears nothing, whoever
    subscribes with the new one does."""
    desk.strict = True
    desk.stores.tokens.add("phone", "old", ["look"])
    desk.at = NOON - timedelta(hours=1)  # tokens are made at noon here
    desk.subscribe(service, "token phone")
    desk.stores.tokens.revoke("phone")
    desk.stores.tokens.add("phone", "new", ["look"])
    desk.happens()
    assert desk.dispatcher.deliver() == 0
    assert desk.stores.push.every() == ()
    desk.at = NOON
    desk.subscribe(service, "token phone")
    desk.happens("other")
    assert desk.dispatcher.deliver() == 1


def test_another_key_reaches_nobody(desk: Desk, service: PushService, tmp_path: Path) -> None:
    """After a rotation the old subscriptions are dropped instead of tried; the key's file is its owner's alone."""
    desk.subscribe(service)
    assert (tmp_path / "keys" / "push.pem").stat().st_mode & 0o777 == 0o600
    assert push_key(tmp_path).private_numbers() == desk.carrier.key.private_numbers()
    rotate_push_key(tmp_path)
    desk.carrier = replace(desk.carrier, key=push_key(tmp_path))
    desk.happens()
    assert desk.dispatcher.deliver() == 0
    assert (service.bodies, desk.stores.push.every()) == ([], ())
    (tmp_path / "keys" / "push.pem").write_text("junk")
    with pytest.raises(WrongSetting, match="take it away"):
        push_key(tmp_path)


class Pauses(threading.Event):
    """What a thread waits for, and for how many seconds it did so in vain."""

    seconds = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        """Waits."""
        came = super().wait(timeout)
        self.seconds += 0.0 if came else timeout or 0.0
        return came


def test_from_parked_to_the_push_in_two_seconds(desk: Desk, service: PushService) -> None:
    """From the moment when the node has seen that a mission waits, for review or parked, to the push at the service: in
    pauses that it takes, and in its own work."""
    town = Town({"fleet.toml": FLEET.format(trust="remote"), **{f"missions/{each}.md": "Do it.\n" for each in WAITS}})
    node, liveness = town.peer("desk"), Liveness()
    desk.at = town.clock()
    desk.subscribe(service)
    publisher = open_publisher(
        "desk",
        "ledger",
        None,
        desk.stores,
        desk.dispatcher,
        liveness=liveness,
        tell=lambda *_words, **_facts: None,
        now=town.clock,
        clock=time.monotonic,
        trust=node.trust,
    )
    assert publisher is not None
    publisher.wake = wake = Pauses()
    publisher._ended = ended = Pauses()
    publisher.post(node.ledger())
    until(lambda: bool(desk.stores.marks.get("notices")), "it has looked once")
    for number, status in enumerate(WAITS):
        fields = f"status: {status}\nepoch: 1\nattempt: 1\nnode: desk"
        node.push({f"missions/{status}.md": f"---\n{fields}\n---\nDo it.\n"})
        ledger = node.ledger()
        began = wake.seconds + ended.seconds + time.process_time()
        publisher.post(ledger)
        service.wait(number + 1)
        seconds = wake.seconds + ended.seconds + time.process_time() - began
        print(f"from {status} to the push leaving: {seconds:.2f} s")
        assert seconds <= PUSH_SECONDS
    publisher.close()
    assert [each["open"] for each in service.said] == ["/review/review", "/missions/parked"]
    town.close()
