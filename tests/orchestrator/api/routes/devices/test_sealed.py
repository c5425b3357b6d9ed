"""The sealed door: a device reaches what its scopes open, as long as it is paired, and nothing in another way."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.announced_addresses import sign_addresses
from mobile_bridge.key_exchange import key_fingerprint

from orchestrator.api.auth.device_sessions import DEVICE_SESSIONS, MAX_SESSIONS
from orchestrator.api.routes.devices.sealed import CARRIED_BYTES
from orchestrator.api.web import auth_gate
from orchestrator.api.web.auth_gate import REVOCATION_KEY, SEALED_DEVICE_KEY, caller, needs
from orchestrator.api.web.body_limit import MISSION_BODY_BYTES
from orchestrator.api.web.revocation import RevocationWatch
from orchestrator.api.web.stream_slots import stream_response
from orchestrator.core.roles import Role
from tests.ledgers import Keys
from tests.orchestrator.api.conftest import Build, ServedFleet, bearer
from tests.orchestrator.api.routes.devices.phone import Phone
from tests.orchestrator.api.routes.devices.test_pairing import ALL, LAN, Desk
from tests.waiting import PATIENCE

SCOPES = ("look", "chat", "missions", "approvals", "sync", "ops", "git")


def noun() -> APIBlueprint:
    """Routes of the test's own: one for each scope, one that echoes, one that streams."""
    routes = APIBlueprint("test", __name__, url_prefix="/test")
    for scope in SCOPES:

        @routes.get(f"/{scope}", endpoint=scope)
        @needs(scope)  # type: ignore[arg-type]
        def who() -> Response:
            return jsonify(name=caller().name, kind=caller().kind, device=caller().device)

        del who.view  # flask-openapi keeps one view a function

    @routes.post("/echo")
    @needs("look")
    def echo() -> Response:
        headers = {name: request.headers.get(name, "") for name in ("Idempotency-Key", "Authorization", "X-Odd")}
        return jsonify(body=request.get_data(as_text=True), query=request.args.to_dict(), headers=headers)

    @routes.get("/stream")
    @needs("look")
    def stream() -> Response:
        def words() -> Iterator[str]:
            number = 0
            while number < 1000:
                yield f"data: {number}\n\n"
                number += 1

        return stream_response(words())

    return routes


@pytest.fixture
def desk(build: Build) -> Desk:
    return Desk(build(Role.HEADQUARTERS, noun(), **LAN))


@pytest.mark.parametrize("held", sorted(set(ALL) | {"ops"}))
def test_a_scope_opens_its_own_routes_only(desk: Desk, held: str) -> None:
    """Route by route, a device with one scope."""
    phone = desk.paired([held])
    for scope in SCOPES:
        answer = phone.call("GET", f"/test/{scope}")
        assert answer.status == (200 if scope == held else 403)
    told = phone.call("GET", f"/test/{held}").json
    assert told == {"name": "Phone", "kind": "device", "device": phone.id}


def test_a_request_inside_is_an_ordinary_one(desk: Desk) -> None:
    """Body, query and the headers that matter arrive; who comes is said by the seal, never by a header."""
    phone, owner = desk.paired(), desk.owner["Authorization"]
    odd = {"Idempotency_Key": "k", "Authorization": owner, "X_Odd": "1"}
    answer = phone.call("POST", "/test/echo?a=%C3%B8&b=2", json={"x": 1}, **odd)
    assert answer.json == {
        "body": '{"x": 1}',
        "query": {"a": "ø", "b": "2"},
        "headers": {"Idempotency-Key": "k", "Authorization": "", "X-Odd": ""},
    }
    assert answer.headers["content-type"] == "application/json"
    assert phone.call("GET", "/nowhere").status == 404
    assert phone.call("GET", "/test/ops", Authorization=owner).status == 403


def test_a_header_makes_nobody_a_device(desk: Desk) -> None:
    """The mark of a sealed request cannot be sent."""
    phone = desk.paired()
    for name in (SEALED_DEVICE_KEY, "Shiftbook-Sealed-Device", "shiftbook.sealed-device"):
        assert desk.site.client.get("/test/look", headers={name: phone.id}).status_code == 401


def test_a_seal_holds_no_seal(desk: Desk) -> None:
    """However its path is written."""
    phone = desk.paired()
    for path in ("/sealed", "/%73ealed", "/sealed?x=1"):
        assert phone.call("POST", path).status == 403


def test_a_replay_over_http_is_refused(desk: Desk) -> None:
    """The same bytes twice: done once."""
    phone = desk.paired()
    message = phone.seal("GET", "/test/look")
    assert phone.post("/sealed", data=message).status_code == 200
    again = phone.post("/sealed", data=message)
    assert again.status_code == 403
    assert "came before" in again.json["detail"]


def test_what_is_sealed_for_another_node_opens_nothing_here(build: Build) -> None:
    """Two nodes that know the same phone do not take one another's requests."""
    one, two = Desk(build(Role.HEADQUARTERS, noun(), **LAN)), Desk(build(Role.HEADQUARTERS, noun(), **LAN))
    phone = one.paired()
    ticket = two.begin(scopes=ALL)
    same = Phone(two.site.client, key=phone.key)
    same.claim(ticket)
    same.reveal(ticket)
    two.confirm(ticket, same.code)
    assert same.call("GET", "/test/look").status == 200
    assert same.post("/sealed", data=phone.seal("GET", "/test/look")).status_code == 401


def test_scopes_that_are_taken_away_are_gone_at_once(desk: Desk) -> None:
    """An open channel has what the row says now."""
    phone = desk.paired(["look", "approvals"])
    assert phone.call("GET", "/test/approvals").status == 200
    path = f"/api/v1/devices/{phone.id}"
    changed = desk.site.client.patch(path, json={"scopes": ["look"], "name": "Old"}, headers=desk.owner)
    assert changed.json["may"] == ["read"]
    assert phone.call("GET", "/test/approvals").status == 403
    assert phone.call("GET", "/test/look").json["name"] == "Old"


def test_a_revoked_device_is_out_at_once(desk: Desk) -> None:
    """Its open channel, a new one, and its session."""
    phone = desk.paired()
    session = bearer(phone.call("POST", "/api/v1/sessions").json["token"])
    assert desk.site.client.get("/test/look", headers=session).json["kind"] == "device"
    assert desk.site.stores.paired.revoke(phone.id)
    assert phone.post("/sealed", data=phone.seal("GET", "/test/look")).status_code == 401
    assert desk.site.client.get("/test/look", headers=session).status_code == 401
    phone.keys = None
    assert phone.post("/sealed", data=phone.seal("GET", "/test/look")).status_code == 401
    listed = desk.site.client.get("/api/v1/devices", headers=desk.owner).json["items"]
    assert [(each["state"], each["revoked"] is not None) for each in listed] == [("revoked", True)]


def test_a_stream_to_a_revoked_device_ends(desk: Desk) -> None:
    """What streams when the device is shut out sends not a word more, and its caller sees that it was cut."""
    phone = desk.paired()
    message = phone.seal("GET", "/test/stream")
    answer = phone.post("/sealed", data=message, buffered=False)
    pieces = phone.opened(message, answer)
    assert b"text/event-stream" in next(pieces)
    assert next(pieces) == b"data: 0\n\n"
    gone = desk.site.client.delete(f"/api/v1/devices/{phone.id}", headers=desk.owner)
    assert gone.status_code == 204
    left = b"".join(pieces)
    assert left.count(b"data:") <= 1
    answer.close()


def test_the_watch_finds_what_another_process_revoked() -> None:
    """The row is looked at while a request runs: its connection is shut, whatever its maker waits for."""
    out: set[str] = set()
    watch = RevocationWatch(lambda device: device not in out, seconds=0.01)
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(10)
        running = watch.begin("phone", here)
        other = watch.begin("desk", None)
        out.add("phone")
        assert running.cut.wait(timeout=PATIENCE)
        assert there.recv(1) == b""
        assert not other.cut.is_set()
        watch.end(running)
        watch.end(other)


def test_a_session_lasts_minutes_and_is_for_private_lines(desk: Desk) -> None:
    """It ends by itself; one that came in clear over a network is over, because others may have read it."""
    phone = desk.paired()
    token = phone.call("POST", "/api/v1/sessions").json["token"]
    clear = {"REMOTE_ADDR": "192.168.7.9"}
    tls = {**clear, "wsgi.url_scheme": "https"}
    assert desk.site.client.get("/test/look", headers=bearer(token), environ_overrides=tls).status_code == 200
    assert desk.site.client.get("/test/look", headers=bearer(token), environ_overrides=clear).status_code == 403
    assert desk.site.client.get("/test/look", headers=bearer(token), environ_overrides=tls).status_code == 401
    later = phone.call("POST", "/api/v1/sessions").json["token"]
    desk.site.clock.move(minutes=16)
    assert desk.site.client.get("/test/look", headers=bearer(later)).status_code == 401


def test_a_session_is_given_to_a_seal_alone(desk: Desk) -> None:
    """Neither a token nor a session gets one, so a stolen session cannot be made longer."""
    phone = desk.paired()
    session = bearer(phone.call("POST", "/api/v1/sessions").json["token"])
    for header in (session, desk.owner):
        assert desk.site.client.post("/api/v1/sessions", headers=header).status_code == 403


def test_a_device_speaks_for_itself(desk: Desk) -> None:
    """It reports and syncs under its own id only."""
    phone = desk.paired(["sync"])
    who, door = desk.site.house.devices.sessions.caller(phone.id), desk.site.house.door  # type: ignore[union-attr]
    assert who is not None
    told = [door.speaks_for(who, device, writes=True) for device in (phone.id, "other", "any", "")]
    assert told == [True, False, False, False]


def test_a_device_asks_where_its_node_is_now(desk: Desk) -> None:
    """The addresses come with the fingerprint of the key that the device has pinned."""
    phone = desk.paired(["chat"])
    (own,) = phone.call("GET", "/api/v1/candidates").json["items"]
    assert (own["node"], own["fingerprint"]) == ("desk", key_fingerprint(phone.node_key))
    assert all(url.startswith("http://") and url.endswith(":8823") for url in own["urls"])


def test_a_device_asks_where_the_other_nodes_are(serve: Callable[..., ServedFleet], tmp_path: Path) -> None:
    """What they have signed on their pages; a page that somebody else has written says nothing."""
    keys = Keys(folder=tmp_path / "others")
    said = {
        name: sign_addresses(name, "f" * 43, ["http://192.168.7.5:8823"], keys[by].sign)
        for name, by in (("vps", "vps"), ("pi", "vps"))
    }
    pages = {f"heartbeats/{name}.md": f"---\nreached: {one.line if one else ''}\n---\n" for name, one in said.items()}
    signers = Keys(folder=tmp_path / "keys-0").signers(ada=["author"]) + keys.signers(vps=["node"], pi=["node"])
    fleet = serve(pages | {"allowed_signers": signers}, **LAN)
    phone = Desk(fleet.site).paired(["look"])
    own, *others = phone.call("GET", "/api/v1/candidates").json["items"]
    assert own["node"] == "desk"
    assert others == [{"node": "vps", "fingerprint": "f" * 43, "urls": ["http://192.168.7.5:8823"]}]


def test_a_device_may_shut_itself_out(desk: Desk) -> None:
    """Whatever its scopes: signing off needs nobody's leave."""
    phone = desk.paired(["chat"])
    message = phone.seal("DELETE", f"/api/v1/devices/{phone.id}")
    assert phone.post("/sealed", data=message).status_code == 200
    assert desk.site.stores.paired.find(phone.id) is None


def test_a_large_body_is_refused_before_it_is_opened(build: Build) -> None:
    """One that no route takes; what one takes is carried, and each route holds it to its own roof."""
    desk = Desk(build(Role.HEADQUARTERS, noun(), body_bytes=4096, **LAN))
    phone = desk.paired()
    assert phone.call("POST", "/test/echo", json="x" * (MISSION_BODY_BYTES - 2)).status == 413
    assert phone.post("/sealed", data=b"x" * (CARRIED_BYTES + 1)).status_code == 413


def test_nonsense_is_a_plain_error(desk: Desk) -> None:
    """Bytes that are no message: 400, without a stack, for every origin to read."""
    for data in (b"", b"\x01", b"\x02", b"\x03" * 500, b"\x01" + b"\x04" * 81):
        answer = Phone(desk.site.client).post("/sealed", data=data)
        assert answer.status_code == 400
        assert answer.content_type == "application/problem+json"


def test_the_seal_is_served_where_devices_are(build: Build) -> None:
    """A worker serves it with SHIFTBOOK_DEVICE_SYNC, and not without."""
    for device_sync, status in ((True, 400), (False, 404)):
        site = build(Role.LOCAL_WORKER, device_sync=device_sync, **LAN)
        assert site.client.post("/sealed", data=b"").status_code == status


def test_the_watch_rests_when_nothing_runs(desk: Desk) -> None:
    """No request of a device is held on to after its answer."""
    phone = desk.paired()
    phone.call("GET", "/test/look")
    watch: RevocationWatch = desk.site.app.extensions[REVOCATION_KEY]
    assert not watch._running


def test_a_devices_sessions_push_out_its_own_alone(desk: Desk) -> None:
    """However many it takes, another device's session goes on."""
    phone, tablet = desk.paired(), desk.paired(name="Tablet")
    kept = phone.call("POST", "/api/v1/sessions").json["token"]
    sessions = desk.site.house.devices.sessions  # type: ignore[union-attr]
    taken = [sessions.begin(tablet.id)[0] for _ in range(MAX_SESSIONS + 1)]
    assert desk.site.client.get("/test/look", headers=bearer(kept)).status_code == 200
    assert [sessions.read(each) is not None for each in taken[-DEVICE_SESSIONS - 1 :]] == [False] + [
        True
    ] * DEVICE_SESSIONS


def test_a_stream_ends_when_a_scope_is_taken_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What streams to a device that may look no more ends with the next event; asked anew it is refused."""
    monkeypatch.setattr(auth_gate, "WELCOME_SECONDS", 0.0)
    phone = desk.paired(["look", "chat"])
    message = phone.seal("GET", "/api/v1/events")
    answer = phone.post("/sealed", data=message, buffered=False)
    pieces = phone.opened(message, answer)
    assert b"text/event-stream" in next(pieces)
    next(pieces)
    assert desk.site.stores.paired.change(phone.id, scopes=["chat"])
    desk.site.house.events.publish("output", {"text": "secret"})
    assert b"secret" not in b"".join(pieces)
    answer.close()
    assert phone.call("GET", "/api/v1/events").status == 403
