"""Do devices hand over their state and their operations, once each, and get them back by cursor?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from orchestrator.api.app import create_app
from orchestrator.api.auth.tokens import device_of
from orchestrator.api.routes.devices.state import MAX_STATE_BYTES
from tests.orchestrator.api.conftest import Build, bearer


@pytest.fixture
def client(build: Build) -> FlaskClient:
    """A headquarters with a real store."""
    site = build()
    return create_app(replace(site.house, stores=site.stores)).test_client()


def op(device: str = "phone", number: int = 1) -> dict[str, object]:
    """An operation."""
    words = {"kind": "append", "entity": "note/n", "field": "text", "value": number}
    return {"device": device, "seq": number, "hlc": f"{number:015d}-00000-{device}", **words}


def test_a_device_reports_and_its_history_is_read_backwards(client: FlaskClient) -> None:
    """Newest first, in pages."""
    for level in (90, 80, 70):
        made = client.post("/device/state", json={"device_id": "phone", "state": {"battery": level}})
        assert made.status_code == 201
    assert made.get_json()["seq"] == 3
    page = client.get("/device/phone/history?limit=2").get_json()
    assert [each["state"]["battery"] for each in page["states"]] == [70, 80]
    rest = client.get(f"/device/phone/history?limit=2&before={page['next']}").get_json()
    assert [each["state"]["battery"] for each in rest["states"]] == [90]
    assert rest["next"] is None
    assert client.get("/device/nosuch/history").get_json()["states"] == []


@pytest.mark.parametrize("depth", [60, 65, 250, 500, 900])
def test_what_is_nested_too_deeply_is_not_taken(client: FlaskClient, depth: int) -> None:
    """Neither kept nor an accident, so that what was kept before can still be read."""
    nested = f'{{"device_id": "phone", "state": {{"x": {"[" * depth}{"]" * depth}}}}}'
    told = client.post("/device/state", data=nested, content_type="application/json").status_code
    assert told == (201 if depth == 60 else 422)
    assert client.get("/device/phone/history").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sync/push", {"ops": [{"device": "phone"}]}),
        ("/sync/push", {"ops": [op(number=n) for n in range(1, 1002)]}),
        ("/sync/push", {"ops": {}}),
        ("/sync/push", {}),
        ("/device/state", {"device_id": "phone", "state": [1]}),
        ("/device/state", {"device_id": "a/b", "state": {}}),
    ],
)
def test_wrong_bodies_are_refused(client: FlaskClient, path: str, body: object) -> None:
    """422, and nothing is kept."""
    assert client.post(path, json=body).status_code == 422
    assert client.get("/sync/pull").get_json()["ops"] == []


def test_a_wrong_cursor_is_refused(client: FlaskClient) -> None:
    """It is told, not taken for the beginning."""
    assert client.get("/sync/pull?after=nonsense").status_code == 422


def test_a_token_is_one_devices(build: Build) -> None:
    """One that was made for a device writes and reads for it alone; one that was made for any, for all."""
    site = build()
    client = create_app(replace(site.house, stores=site.stores)).test_client()
    mine, any_ = site.token("sync", name="a", device="phone-a"), site.token("sync", "chat", name="b", device="any")

    def statuses(token: str, device: str) -> list[int]:
        headers = bearer(token)
        state = client.post("/device/state", json={"device_id": device, "state": {}}, headers=headers)
        push = client.post("/sync/push", json={"ops": [op(device)]}, headers=headers)
        read = client.get(f"/device/{device}/history", headers=headers)
        told = (state, push, read)
        assert all("another device" in each.get_json()["detail"] for each in told if each.status_code == 403)
        return [each.status_code for each in told]

    assert statuses(mine, "phone-b") == statuses(mine, "any") == statuses(mine, "PHONE-A") == [403] * 3
    assert statuses(mine, "phone-a") == [201, 200, 200]
    assert statuses(any_, "phone-a") == statuses(any_, "phone-b") == [201, 200, 200]


@pytest.mark.parametrize("scope", ["sync", "chat"])
def test_a_token_of_no_device_becomes_that_of_the_first(build: Build, scope: str) -> None:
    """A token of before, and one for chats: from the first word that it writes for a device on."""
    site = build()
    client = create_app(replace(site.house, stores=site.stores)).test_client()
    headers = bearer(site.token(scope))

    def report(device: str) -> int:
        return client.post("/device/state", json={"device_id": device, "state": {}}, headers=headers).status_code

    assert client.get("/device/phone-b/history", headers=headers).status_code == 200
    assert [report("phone-a"), report("phone-b"), report("phone-a")] == [201, 403, 201]
    assert client.get("/device/phone-b/history", headers=headers).status_code == 403


def test_a_token_of_no_device_does_not_become_one_for_all(build: Build) -> None:
    """By calling its device `any`, or being called so itself."""
    site = build()
    client = create_app(replace(site.house, stores=site.stores)).test_client()
    headers = bearer(site.token("sync", name="my phone"))
    told = [
        client.post("/device/state", json={"device_id": each, "state": {}}, headers=headers).status_code
        for each in ("any", "phone-a", "phone-b")
    ]
    assert told == [403, 201, 403]
    assert device_of("any", ["sync"]) is None


def test_a_report_is_small(client: FlaskClient) -> None:
    """A thousand reports of a device are kept: a large one is refused, and none of it is stored."""
    large = client.post("/device/state", json={"device_id": "phone", "state": {"x": "y" * MAX_STATE_BYTES}})
    assert large.status_code == 413
    assert client.get("/device/phone/history").get_json()["states"] == []
