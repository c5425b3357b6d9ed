"""Does a device subscribe for itself alone, and only where it can be rung without harm?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.core.roles import Role
from orchestrator.node.notifications.rung_devices import RungDevices
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.devices.test_pairing import LAN, Desk
from tests.push_service import Browser, PushService, push_service

KEY, MINE = "/api/v1/push/key", "/api/v1/push/subscriptions"


@pytest.fixture
def service() -> Iterator[PushService]:
    """A push service with a browser."""
    with push_service() as running:
        yield running


def wishes(site: Site, endpoint: str, **more: object) -> dict[str, Any]:
    """What a browser says."""
    key = site.client.get(KEY, headers=bearer(site.token("look", name=f"look-{len(more)}-{endpoint[-8:]}"))).get_json()
    return {"endpoint": endpoint, "keys": Browser().keys(), "key": key["key"], **more}


def with_stores(site: Site) -> Site:
    """The same node with its database."""
    site.house = replace(site.house, stores=site.stores)
    site.app.extensions[SERVICES_KEY] = site.house
    return site


def test_a_device_subscribes_changes_and_leaves(build: Build, service: PushService) -> None:
    """One subscription a device; another device's is its own; nobody without a scope comes near."""
    site = with_stores(build(push_private=True))
    phone, tablet = bearer(site.token("look", name="phone")), bearer(site.token("look", name="tablet"))
    found = site.client.get(MINE, headers=phone).get_json()
    assert found["subscribed"] is False, found
    said = wishes(site, f"{service.url}/1", kinds=["review", "done"], quiet="22:00-07:00", timezone="Europe/Berlin")
    first = site.client.put(MINE, json=said, headers=phone).get_json()
    assert (first["subscribed"], first["kinds"], first["current"]) == (True, ["review", "done"], True)
    assert site.client.get(MINE, headers=tablet).get_json()["subscribed"] is False
    site.client.put(MINE, json={**said, "kinds": []}, headers=phone)
    assert len(site.stores.push.every()) == 1
    site.client.delete(MINE, headers=tablet)
    assert len(site.stores.push.every()) == 1
    assert site.client.delete(MINE, headers=phone).get_json()["subscribed"] is False
    assert site.client.get(KEY).status_code == 401


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"endpoint": "http://push.example.net/x"}, 400),
        ({"endpoint": "https://127.0.0.1/x"}, 400),
        ({"endpoint": "https://[::1]/x"}, 400),
        ({"endpoint": "https://localhost/x"}, 400),
        ({"endpoint": "javascript:alert(1)"}, 400),
        ({"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, 400),
        ({"kinds": ["everything"]}, 400),
        ({"quiet": "always"}, 400),
        ({"timezone": "../../etc/passwd"}, 400),
        ({"endpoint": "https://" + "a" * 1000}, 422),
        ({"kinds": ["review"] * 99}, 422),
        ({"more": 1}, 422),
        ({"keys": None}, 422),
    ],
)
def test_what_cannot_be_rung_is_refused_with_the_field(build: Build, more: dict[str, object], status: int) -> None:
    """In one line, and nothing is stored."""
    site = with_stores(build())
    said = {**wishes(site, "https://push.example.invalid/x"), **more}
    answer = site.client.put(MINE, json=said, headers=bearer(site.token("look")))
    assert answer.status_code in (status, 422 if status == 400 else status), answer.get_json()
    assert site.stores.push.every() == ()


def test_tokens_for_all_devices_share_no_subscription(build: Build, service: PushService) -> None:
    """Each is its own: one that is revoked is not rung because another one of that kind is in force."""
    site = with_stores(build(push_private=True))
    one, other = (bearer(site.token("look", "sync", name=name, device="any")) for name in ("vps", "desktop"))
    assert site.client.put(MINE, json=wishes(site, f"{service.url}/1"), headers=one).status_code == 200
    assert site.client.get(MINE, headers=other).get_json()["subscribed"] is False
    site.stores.tokens.revoke("vps")
    (kept,) = site.stores.push.every()
    rung = RungDevices(paired=site.stores.paired, tokens=site.stores.tokens, now=site.clock)
    assert not rung.may_ring(kept.device, kept.created)


def test_a_token_made_anew_begins_without_a_subscription(build: Build, service: PushService) -> None:
    """Whoever had the old token of this name is not the one who asks now."""
    site = with_stores(build(push_private=True))
    old = bearer(site.token("look", name="phone"))
    site.clock.time = datetime.now(UTC)
    assert site.client.put(MINE, json=wishes(site, f"{service.url}/1"), headers=old).get_json()["subscribed"] is True
    assert site.client.get(MINE, headers=old).get_json()["subscribed"] is True
    site.stores.tokens.revoke("phone")
    new = bearer(site.token("look", name="phone"))
    assert site.client.get(MINE, headers=new).get_json()["subscribed"] is False


def test_who_may_not_read_of_missions_is_told_of_none(build: Build, service: PushService) -> None:
    """A push tells a mission's title: a device that only syncs gets none, nor one that lost what let it read."""
    desk = Desk(with_stores(build(Role.HEADQUARTERS, push_private=True, **LAN)))
    phone, said = desk.paired(["look", "sync"]), wishes(desk.site, f"{service.url}/1")
    assert phone.call("PUT", MINE, json=said).status == 200
    rung = RungDevices(paired=desk.site.stores.paired, tokens=desk.site.stores.tokens, now=desk.site.clock)
    assert rung.may_ring(phone.id)
    desk.site.stores.paired.change(phone.id, scopes=["sync"])
    assert not rung.may_ring(phone.id)
    assert phone.call("PUT", MINE, json=said).status == 403
