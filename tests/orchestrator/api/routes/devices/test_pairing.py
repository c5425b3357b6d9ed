"""Pairing over HTTP, and everything that somebody could try instead of being let in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mobile_bridge.key_exchange import ExchangeKey
from mobile_bridge.pairing import PairingTicket, read_ticket
from mobile_bridge.wire_encoding import encode_base64

from orchestrator.app.devices.device_pairing import MAX_TRIES
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.devices.phone import APP_ORIGIN, Phone

LAN = {"http": "0.0.0.0:8823"}
ALL = ["look", "chat", "missions", "approvals", "sync"]


class Desk:
    """A node and the person at it."""

    def __init__(self, site: Site) -> None:
        self.site, self.owner = site, bearer(site.token("ops", name="owner"))

    def begin(self, **wanted: object) -> PairingTicket:
        made = self.site.client.post("/api/v1/pairings", json=wanted, headers=self.owner)
        assert made.status_code == 201, made.text
        return read_ticket(made.json["link"].partition("#")[2])

    def look(self, ticket: PairingTicket) -> dict[str, object]:
        found = self.site.client.get(f"/api/v1/pairings/{ticket.pairing}", headers=self.owner)
        assert found.status_code == 200, found.text
        return dict(found.json)

    def confirm(self, ticket: PairingTicket, code: str) -> int:
        path = f"/api/v1/pairings/{ticket.pairing}/confirmation"
        return self.site.client.put(path, json={"code": code}, headers=self.owner).status_code

    def paired(self, scopes: list[str] = ALL, name: str = "Phone") -> Phone:
        phone, ticket = Phone(self.site.client, name), self.begin(scopes=scopes)
        assert phone.claim(ticket).status_code == 201
        assert phone.reveal(ticket).status_code == 200
        assert self.confirm(ticket, phone.code) == 200
        return phone


@pytest.fixture
def desk(build: Build) -> Desk:
    return Desk(build(**LAN))


def test_a_phone_is_paired_by_comparing_a_code(desk: Desk) -> None:
    """Both sides show the same digits; after the person's word the phone may do what was said, and is listed."""
    ticket, phone = desk.begin(scopes=["look", "chat"], name=""), Phone(desk.site.client, "Søren's phone")
    assert phone.claim(ticket).status_code == 201
    assert phone.reveal(ticket).json == {"state": "waiting", "why": ""}
    seen = desk.look(ticket)
    assert (seen["code"], seen["name"], seen["state"], seen["rivals"]) == (phone.code, "Søren's phone", "waiting", 0)
    assert desk.confirm(ticket, phone.code) == 200
    assert desk.site.client.get(f"/api/v1/pairings/{ticket.pairing}/progress").json["state"] == "confirmed"
    mine = phone.call("GET", "/api/v1/devices").json["items"]
    assert [(each["id"], each["name"], each["scopes"]) for each in mine] == [
        (phone.id, "Søren's phone", ["look", "chat"])
    ]


def test_the_least_is_reading(desk: Desk) -> None:
    """A device for which nothing was said may look, and nothing else."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    phone.reveal(ticket)
    desk.confirm(ticket, phone.code)
    assert phone.call("GET", "/api/v1/devices").status == 200
    for method, path in (("PUT", "/api/v1/missions/x/approval"), ("POST", "/api/v1/chat"), ("GET", "/sync/pull")):
        assert phone.call(method, path, json={}).status in (403, 404, 405)
    assert phone.call("PUT", "/api/v1/missions/x/approval", json={}).status == 403


@pytest.mark.parametrize("stage", ["nothing", "claimed", "waiting", "refused", "expired"])
def test_until_a_person_has_confirmed_a_device_may_do_nothing(desk: Desk, stage: str) -> None:
    """Whatever stage its pairing is at, every route answers its seal as a stranger's: approvals, looks, sessions."""
    ticket, phone = desk.begin(scopes=ALL), Phone(desk.site.client)
    phone.node_key = desk.site.house.devices.channels.key.public  # type: ignore[union-attr]
    if stage != "nothing":
        phone.claim(ticket)
    if stage in ("waiting", "refused", "expired"):
        phone.reveal(ticket)
    if stage == "refused":
        path = f"/api/v1/pairings/{ticket.pairing}/confirmation"
        assert desk.site.client.delete(path, headers=desk.owner).status_code == 204
    if stage == "expired":
        desk.site.clock.move(minutes=5)
        assert desk.confirm(ticket, phone.code) == 403
    for method, path in (
        ("PUT", "/api/v1/missions/x/approval"),
        ("GET", "/api/v1/devices"),
        ("POST", "/api/v1/sessions"),
        ("PUT", f"/api/v1/pairings/{ticket.pairing}/confirmation"),
    ):
        message = phone.seal(method, path, b"{}", content_type="application/json")
        assert phone.post("/sealed", data=message).status_code == 401
        assert desk.site.client.open(path, method=method, json={}).status_code == 401
    assert desk.site.client.get("/api/v1/devices", headers=desk.owner).json == {"items": []}


def test_a_code_counts_once(desk: Desk) -> None:
    """A second phone that scanned the same code is refused, and the person is told of it while they compare."""
    ticket, first, second = desk.begin(scopes=ALL), Phone(desk.site.client), Phone(desk.site.client, "Other")
    assert first.claim(ticket).status_code == 201
    late = second.claim(ticket)
    assert late.status_code == 409
    assert "another device" in late.json["detail"]
    assert desk.look(ticket)["rivals"] == 1
    first.reveal(ticket)
    assert second.reveal(ticket).status_code == 409
    assert desk.look(ticket)["code"] == first.code
    assert desk.confirm(ticket, first.code) == 200
    assert second.claim(ticket).status_code == 409
    assert desk.confirm(ticket, first.code) == 409


def test_a_replayed_claim_is_refused(desk: Desk) -> None:
    """The same bytes again change nothing: not while it is under way, not after it was confirmed."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    assert Phone(desk.site.client, key=phone.key).claim(ticket).status_code == 409
    phone.reveal(ticket)
    assert phone.reveal(ticket).status_code == 409
    desk.confirm(ticket, phone.code)
    assert phone.claim(ticket).status_code == 409
    assert len(desk.site.stores.paired.listing()) == 1


def test_a_code_of_another_fleet_is_told_apart(desk: Desk) -> None:
    """A claim that names another fleet is refused in words, and the pairing goes on for the right one."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    answer = phone.claim(replace(ticket, fleet="f" * 16))
    assert answer.status_code == 403
    assert "another fleet" in answer.json["detail"]
    unknown = phone.claim(replace(ticket, pairing=encode_base64(b"12345678")))
    assert unknown.status_code == 404
    assert phone.claim(ticket).status_code == 201


def test_a_code_is_over_after_five_minutes(desk: Desk) -> None:
    """At any step."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    desk.site.clock.move(minutes=5)
    answer = phone.claim(ticket)
    assert answer.status_code == 403
    assert "five minutes" in answer.json["detail"]
    assert desk.look(ticket)["state"] == "refused"


def test_secrets_and_codes_cannot_be_guessed(desk: Desk) -> None:
    """After a few wrong proofs, or codes, a pairing is over, for the right ones too."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    for _ in range(MAX_TRIES):
        assert phone.claim(replace(ticket, secret=b"g" * 16)).status_code == 403
    assert phone.claim(ticket).status_code == 403
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    phone.reveal(ticket)
    wrong = f"{(int(phone.code) + 1) % 10**6:06d}"
    for _ in range(MAX_TRIES):
        assert desk.confirm(ticket, wrong) == 403
    assert desk.confirm(ticket, phone.code) == 403
    assert desk.site.stores.paired.listing() == ()


def test_a_nonce_that_was_not_committed_to_ends_the_pairing(desk: Desk) -> None:
    """Whoever stands between cannot choose its nonce after it has seen the node's."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    assert phone.reveal(ticket, b"x" * 16).status_code == 403
    assert phone.reveal(ticket).status_code == 403
    assert "tampered" in str(desk.look(ticket)["why"])


def test_somebody_between_is_seen_in_the_code(desk: Desk) -> None:
    """Who has the code and claims in the phone's stead gets other digits than the phone would show."""
    ticket, phone, thief = desk.begin(), Phone(desk.site.client), Phone(desk.site.client)
    assert thief.claim(ticket).status_code == 201
    thief.reveal(ticket)
    own = phone.claim_of(ticket).code(
        b"k" * 32, node_key=thief.node_key, node_nonce=bytes(16), device_nonce=phone.nonce
    )
    assert phone.claim(ticket).status_code == 409
    assert desk.look(ticket)["code"] != own
    assert desk.look(ticket)["rivals"] == 1


@pytest.mark.parametrize("key", ["", "AAAA", encode_base64(b"\x04" + bytes(64)), "no base64!", "A" * 200])
def test_what_is_no_key_is_refused(desk: Desk, key: str) -> None:
    """A public key that lies on no curve is told in a line, and takes nothing from the pairing."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    assert phone.claim(ticket, public_key=key).status_code == 422
    assert phone.claim(ticket).status_code == 201


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "gnp\u202eexe", "x" * 41])
def test_a_name_that_could_deceive_is_refused(desk: Desk, name: str) -> None:
    """By the claim, by the person's own word, and by a new name later."""
    ticket, phone = desk.begin(), Phone(desk.site.client, name)
    assert phone.claim(ticket).status_code == 422
    phone = desk.paired()
    path = f"/api/v1/devices/{phone.id}"
    assert desk.site.client.patch(path, json={"name": name}, headers=desk.owner).status_code == 422


def test_markup_in_a_name_is_text(desk: Desk) -> None:
    """It is kept as it is, and told as JSON."""
    phone = desk.paired(name="<img src=x onerror=alert(1)>")
    answer = desk.site.client.get(f"/api/v1/devices/{phone.id}", headers=desk.owner)
    assert answer.json["name"] == "<img src=x onerror=alert(1)>"
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_only_who_may_steer_decides(desk: Desk) -> None:
    """A paired phone without ops begins no pairing, confirms none, changes and revokes no other device."""
    phone, other = desk.paired(ALL), desk.paired(ALL, "Other")
    ticket, newcomer = desk.begin(scopes=ALL), Phone(desk.site.client, "Accomplice")
    newcomer.claim(ticket)
    newcomer.reveal(ticket)
    path = f"/api/v1/pairings/{ticket.pairing}"
    assert phone.call("POST", "/api/v1/pairings", json={"scopes": ["ops"]}).status == 403
    assert phone.call("GET", path).status == 403
    assert phone.call("PUT", f"{path}/confirmation", json={"code": newcomer.code}).status == 403
    assert phone.call("PATCH", f"/api/v1/devices/{phone.id}", json={"scopes": ["ops"]}).status == 403
    assert phone.call("DELETE", f"/api/v1/devices/{other.id}").status == 403
    assert phone.call("GET", f"/api/v1/devices/{other.id}").status == 404
    assert phone.call("POST", "/api/v1/ops-tokens").status == 403
    assert desk.look(ticket)["state"] == "waiting"


def test_a_device_gives_no_other_more_than_it_has(desk: Desk) -> None:
    """A desk's browser with ops pairs phones; it cannot let one approve if it may not do so itself."""
    browser = desk.paired(["look", "ops"], "Desk")
    assert browser.call("POST", "/api/v1/pairings", json={"scopes": ["look", "approvals"]}).status == 403
    begun = browser.call("POST", "/api/v1/pairings", json={"scopes": ["look"]})
    assert begun.status == 201
    strong = desk.begin(scopes=["approvals"])
    phone = Phone(desk.site.client, "Mine")
    phone.claim(strong)
    phone.reveal(strong)
    code = {"code": phone.code}
    assert browser.call("PUT", f"/api/v1/pairings/{strong.pairing}/confirmation", json=code).status == 403


def test_a_revoked_key_never_comes_back(desk: Desk) -> None:
    """A device that was shut out needs a new key: a person's word for the old one is not taken."""
    phone = desk.paired()
    assert desk.site.client.delete(f"/api/v1/devices/{phone.id}", headers=desk.owner).status_code == 204
    ticket = desk.begin()
    again = Phone(desk.site.client, key=phone.key)
    again.claim(ticket)
    again.reveal(ticket)
    assert desk.confirm(ticket, again.code) == 409
    assert again.post("/sealed", data=again.seal("GET", "/api/v1/devices")).status_code == 401


def test_pages_of_other_origins_may_pair_and_nothing_else(desk: Desk) -> None:
    """What takes no secret of the browser's is open to every origin; what a person decides is not."""
    ticket = desk.begin()
    origin = {"Origin": APP_ORIGIN}
    early = desk.site.client.options(f"/api/v1/pairings/{ticket.pairing}/claim", headers=origin)
    assert early.headers["Access-Control-Allow-Origin"] == APP_ORIGIN
    assert "Access-Control-Allow-Credentials" not in early.headers
    path = f"/api/v1/pairings/{ticket.pairing}/confirmation"
    refused = desk.site.client.put(path, json={"code": "000000"}, headers=origin | desk.owner)
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_claims_secret_is_in_no_answer_and_no_row(desk: Desk) -> None:
    """What the node keeps of a secret proves it, and is forgotten when the pairing ends."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    phone.reveal(ticket)
    row = desk.site.stores.pairings.find(ticket.pairing)
    assert row is not None
    assert encode_base64(ticket.secret) not in str(row)
    assert encode_base64(ticket.secret) not in str(desk.look(ticket))
    desk.confirm(ticket, phone.code)
    ended = desk.site.stores.pairings.find(ticket.pairing)
    assert ended is not None
    assert ended.key == ""


def test_another_key_than_the_pinned_one_is_noticed_by_the_phone(desk: Desk) -> None:
    """A node that lost its key answers, and the phone sees that it is not the one it was paired with."""
    phone = desk.paired()
    phone.node_key, phone.keys = ExchangeKey.create().public, None
    with pytest.raises(AssertionError, match="not the node"):
        phone.call("GET", "/api/v1/devices")


def test_a_code_in_other_figures_is_a_wrong_code(desk: Desk) -> None:
    """Figures of another script, a word, half of a character: a try like any other, and no error of the node's."""
    ticket, phone = desk.begin(), Phone(desk.site.client)
    phone.claim(ticket)
    phone.reveal(ticket)
    for code in ("\uff11\uff12\uff13\uff14\uff15\uff16", "s\u00e5", "\ud800"):
        assert desk.confirm(ticket, code) in (403, 422)
    assert desk.confirm(ticket, phone.code) == 200


def test_a_devices_scope_makes_no_token(desk: Desk) -> None:
    """What a device may do ends with it: no route gives it a secret that goes on without it, or a dead one."""
    browser = desk.paired(["look", "ops"], "Desk")
    refused = browser.call("POST", "/api/v1/ops-tokens")
    assert (refused.status, "its own session" in refused.json["detail"]) == (403, True)


def test_one_host_has_one_allowance(build: Build) -> None:
    """On IPv6 a host has a network of addresses: who changes among them is told to wait all the same."""
    site = build(rate=3, **LAN)

    def status(address: str) -> int:
        given = {"REMOTE_ADDR": address}
        return site.client.get("/api/v1/pairings/x/progress", environ_overrides=given).status_code

    assert [status(f"2001:db8:1:2::{number}") for number in range(1, 5)] == [404, 404, 404, 429]
    assert status("2001:db8:1:3::1") == 404
    assert [status(f"203.0.113.{number}") for number in range(1, 5)] == [404] * 4
