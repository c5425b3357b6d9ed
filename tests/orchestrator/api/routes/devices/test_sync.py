"""Do devices hand over what they did offline and get what others did, and does nobody speak for another?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from mobile_bridge.intents import Intent, read_intent
from mobile_bridge.operations import encode, read_operations

from missions.mission import Status
from orchestrator.api.app import create_app
from orchestrator.api.auth.order_scopes import scopes_in_force
from orchestrator.api.auth.tokens import CallerKind
from orchestrator.api.factory import _catch_up
from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.intents import order_mark
from orchestrator.workflow.intents.ledger_orders import LedgerOrders
from orchestrator.workflow.intents.order_inbox import OrderBringer
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.devices.test_pairing import LAN, Desk

BODY_BYTES = 64 * 1024


@pytest.fixture
def site(build: Build) -> Site:
    """A headquarters with a real store."""
    made = build(body_bytes=BODY_BYTES)
    made.app = create_app(replace(made.house, stores=made.stores))
    return made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """A program of this machine's own user."""
    return site.client


def stamp(site: Site, number: int, device: str) -> str:
    """A stamp about now, later for a later number."""
    return f"{int(site.clock().timestamp() * 1000) - 1000 + number:015d}-00000-{device}"


def op(site: Site, number: int, device: str = "phone~1", **more: Any) -> dict[str, Any]:
    """An operation of a device."""
    words = {"kind": "append", "entity": "note/n", "field": "text", "value": f"{device} {number}"}
    return {"device": device, "seq": number, "hlc": stamp(site, number, device), **words, **more}


def push(client: FlaskClient, *ops: dict[str, Any], token: str = "", **more: Any) -> Any:
    """Hands over operations; the answer."""
    headers = bearer(token) if token else {}
    return client.post("/sync/push", json={"ops": list(ops), **more}, headers=headers)


def pulled(client: FlaskClient, **query: Any) -> list[str]:
    """The keys of a page."""
    found = client.get("/sync/pull", query_string=query).get_json()["ops"]
    return [f"{each['device']}/{each['seq']}" for each in found]


def test_a_device_syncs_by_handshake_push_and_pull(site: Site, client: FlaskClient) -> None:
    """It is told the time, how far it is held, and gets everything once by cursor."""
    ops = [op(site, n) for n in (1, 2, 3)]
    first = client.get("/sync/handshake?device=phone~1,other").get_json()
    assert first["held"] == {"phone~1": 0, "other": 0}
    assert (first["node"], first["time"]) == ("desk", int(site.clock().timestamp() * 1000))
    told = push(client, *ops[:2]).get_json()
    assert (told["accepted"], told["duplicates"], told["held"]) == (2, 0, {"phone~1": 2})
    again = push(client, *ops).get_json()  # the answer was lost
    assert (again["accepted"], again["duplicates"]) == (1, 2)
    page = client.get("/sync/pull?limit=2").get_json()
    assert page["ops"] == [{"base": "", "resolves": [], **each} for each in ops[:2]]
    assert page["more"] is True
    assert pulled(client, after=page["cursor"]) == ["phone~1/3"]
    assert client.get("/sync/handshake?device=phone~1").get_json()["held"] == {"phone~1": 3}


def test_a_refusal_says_how_to_mend_it(site: Site, client: FlaskClient) -> None:
    """A gap, a fork, a clock that is ahead: 409 with the number held, or this node's time; nothing is stored."""
    push(client, op(site, 1), op(site, 2))
    now = int(site.clock().timestamp() * 1000)
    ahead = f"{now + 300_001:015d}-00000-phone~1"
    for bad, kind, held in (
        (op(site, 5), "gap", 2),
        (op(site, 2, value="else"), "forked", 2),
        (op(site, 3, hlc=ahead), "ahead", None),
        (op(site, 3, hlc=stamp(site, 1, "phone~1")), "order", None),
    ):
        answer = push(client, bad)
        assert answer.status_code == 409
        assert answer.content_type == "application/problem+json"
        told = answer.get_json()["sync"]
        assert (told["kind"], told.get("held"), told["time"]) == (kind, held, now)
    assert len(pulled(client)) == 2


def test_what_is_written_wrong_is_told_by_its_place(site: Site, client: FlaskClient) -> None:
    """Without a word of what was sent."""
    answer = push(client, op(site, 1, value={"share": 0.5}))
    assert answer.status_code == 422
    assert answer.get_json()["where"] == ["ops.0.value"]
    assert "share" not in answer.text
    assert client.post("/sync/push", data=b"{}", content_type="text/plain").status_code == 415
    assert pulled(client) == []


def test_a_body_may_be_packed(site: Site, client: FlaskClient) -> None:
    """And a page is, for whoever takes that."""
    ops = [op(site, n, value="x" * 400) for n in range(1, 101)]
    body = gzip.compress(json.dumps({"ops": ops}).encode())
    headers = {"Content-Encoding": "gzip"}
    answer = client.post("/sync/push", data=body, headers=headers, content_type="application/json")
    assert answer.get_json()["accepted"] == 100
    page = client.get("/sync/pull?limit=1000", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(page.data))["ops"]) == 100
    assert "Content-Encoding" not in client.get("/sync/pull?limit=1000").headers


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (gzip.compress(b" " * (BODY_BYTES + 1), mtime=0), 413),
        (gzip.compress(b" " * 50_000_000, mtime=0), 413),
        (gzip.compress(b'{"ops": []}', mtime=0)[:-5], 400),
        (gzip.compress(b'{"ops": []}', mtime=0) + b"more", 400),
        (b"no gzip at all", 400),
        (gzip.compress(b'{"ops": []}', mtime=0), 200),
    ],
)
def test_a_packed_body_is_held_to_its_limit(client: FlaskClient, data: bytes, status: int) -> None:
    """A bomb is given up at the limit; what is broken off or goes on is not taken."""
    headers = {"Content-Encoding": "gzip"}
    assert client.post("/sync/push", data=data, headers=headers, content_type="application/json").status_code == status


def test_what_a_push_may_have_is_told_and_taken(site: Site, client: FlaskClient) -> None:
    """As many orders and bytes as the handshake says; one more is refused, so the limits are no smaller than needed."""
    told = client.get("/sync/handshake?device=phone~1").get_json()
    assert (told["page"], told["orders"]) == (1000, 20)
    assert BODY_BYTES // 2 <= told["bytes"] < BODY_BYTES
    orders = [op(site, n, entity=f"intent/i{n}", field="intent", value={}) for n in range(1, told["orders"] + 1)]
    room = told["bytes"] - sum(len(encode(read_operations([json.dumps(each)])[0])) + 1 for each in orders)
    (draft,) = read_operations([json.dumps(op(site, len(orders) + 1, value=""))])
    full = op(site, len(orders) + 1, value="x" * (room - len(encode(draft)) - 1))
    assert push(client, *orders, full).get_json()["accepted"] == len(orders) + 1


def test_nobody_speaks_for_another(site: Site, client: FlaskClient) -> None:
    """Another device, another store's owner, a node, what became of an order; nor does a device pass on anything."""
    mine = site.token("sync", name="phone", device="phone")
    assert push(client, op(site, 1), token=mine).status_code == 200
    assert push(client, op(site, 1, "phone"), token=mine).status_code == 200
    for other in ("desk~1", "phon", "phone2~1", "any", "PHONE~1"):
        assert push(client, op(site, 1, other), token=mine).status_code == 403
    assert push(client, op(site, 2), op(site, 1, "desk~1"), token=mine).status_code == 403
    assert push(client, op(site, 1, "@desk~1"), token=mine).get_json()["sync"]["kind"] == "foreign"
    outcome = op(site, 2, entity="intent/x", field="outcome", value={"state": "done"})
    assert push(client, outcome, token=mine).get_json()["sync"]["kind"] == "relayed"
    assert push(client, op(site, 1, "desk~1"), token=mine, node="vps").status_code == 403
    assert [each for each in pulled_with(client, mine) if not each.startswith("phone")] == []
    node = site.token("sync", name="vps", device="any")
    assert push(client, op(site, 1, "@vps~1"), op(site, 1, "desk~1"), token=node, node="vps").status_code == 200
    assert push(client, op(site, 1, "@other~1"), token=node).status_code == 403  # says itself what only nodes say
    for scope in ("chat", "missions", "ops", "approvals"):
        other_token = site.token(scope, name=f"t-{scope}")
        assert client.get("/sync/pull", headers=bearer(other_token)).status_code == 403


def pulled_with(client: FlaskClient, token: str) -> list[str]:
    """The keys that a token is given."""
    found = client.get("/sync/pull", headers=bearer(token)).get_json()["ops"]
    return [f"{each['device']}/{each['seq']}" for each in found]


def test_a_device_that_floods_is_held_to_its_share(build: Build) -> None:
    """429 with when to come again, 413 where it is full, each with what to do; others, and nodes, go on."""
    made = build(body_bytes=2 * 1024**2, device_operations=3, device_megabytes=1)
    made.app = create_app(replace(made.house, stores=made.stores))
    mine, other = (made.token("sync", name=name, device=name) for name in ("phone", "desk"))
    assert push(made.client, *(op(made, n) for n in (1, 2, 3)), token=mine).status_code == 200
    for store in ("phone~1", "phone~2", "phone"):
        answer = push(made.client, op(made, 4 if store == "phone~1" else 1, store), token=mine)
        assert (answer.status_code, answer.get_json()["sync"]["kind"]) == (429, "quota")
        assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600
        assert "SHIFTBOOK_DEVICE_OPERATIONS" in answer.get_json()["detail"]
    assert push(made.client, op(made, 1, "desk~1"), token=other).status_code == 200
    node = made.token("sync", name="vps", device="any")
    passed_on = [op(made, n, "tablet~1") for n in range(1, 6)]
    assert push(made.client, *passed_on, token=node, node="vps").status_code == 200
    made.clock.move(days=1)
    assert push(made.client, op(made, 4), token=mine).status_code == 200
    large = push(made.client, op(made, 5, value=["x" * 500_000] * 2), op(made, 6, value="x" * 99_000), token=mine)
    assert (large.status_code, large.get_json()["sync"]["kind"]) == (413, "full")
    assert "SHIFTBOOK_DEVICE_MEGABYTES" in large.get_json()["detail"]
    assert push(made.client, op(made, 5), token=mine).status_code == 200


def test_a_revoked_device_is_out(site: Site, client: FlaskClient) -> None:
    """With the next request."""
    mine = site.token("sync", name="phone", device="phone")
    push(client, op(site, 1), token=mine)
    site.stores.tokens.revoke("phone")
    other = site.token("sync", name="desk", device="any")
    assert push(client, op(site, 2), token=mine).status_code == 401
    assert pulled_with(client, other) == ["phone~1/1"]


def test_a_paired_device_speaks_for_itself_alone(build: Build) -> None:
    """Under its own name; not as another device, not as a node, and it passes on nothing for anybody."""
    made = build(Role.HEADQUARTERS, **LAN)
    made.app = create_app(replace(made.house, stores=made.stores))
    phone = Desk(made).paired(["sync"])

    def said(device: str, **more: Any) -> int:
        words = {"kind": "append", "entity": "note/n", "field": "text", "value": "x"}
        given = {"device": device, "seq": 1, "hlc": f"{1:015d}-00000-{device}", **words}
        return phone.call("POST", "/sync/push", json={"ops": [given], **more}).status

    assert said(f"{phone.id}~1") == 200
    assert [said("desk~1"), said("@desk~1"), said("any"), said(f"{phone.id}x~1")] == [403] * 4
    assert [said("desk~1", node="vps"), said("@vps~1", node="vps"), said(f"{phone.id}~2", node="vps")] == [403] * 3
    kept = phone.call("GET", "/sync/pull").json["ops"]
    assert [op["device"] for op in kept] == [f"{phone.id}~1"]


# -- orders --------------------------------------------------------------------------------------------------------


@dataclass
class Ordering:
    """A phone with a node whose person is Ada, an author, and a ledger with one mission."""

    site: Site
    reader: Peer
    client: FlaskClient
    number: int = 0

    def order(self, action: str, *, token: str, ident: str = "", minutes: float = 10, **more: Any) -> dict[str, Any]:
        """Gives an order and reads what became of it."""
        self.number += 1
        expires = int((self.site.clock().timestamp() + 60 * minutes) * 1000)
        value = {"action": action, "expires": expires, **more}
        entity = f"intent/{ident or f'i{self.number}'}"
        given = op(self.site, self.number, entity=entity, field="intent", value=value)
        assert push(self.client, given, token=token).status_code == 200
        return self.outcomes(entity)[-1]

    def outcomes(self, entity: str) -> list[dict[str, Any]]:
        """What was told of an order."""
        return [each.value for each in self.site.stores.sync_ops.of(entity) if each.field == "outcome"]


@pytest.fixture
def ordering(build: Build, tmp_path: Path) -> Iterator[Ordering]:
    """As Ordering says."""
    keys = Keys(folder=tmp_path / "keys")
    rules = {"allowed_signers": keys.signers(ada=["author"]), "fleet.toml": FLEET.format(trust="remote")}
    town = Town({"missions/m.md": "Do it.\n", **rules})
    ada = town.peer("ada", key=keys["ada"])
    made = build()
    door: Callable[[], Fleet] = lambda: Fleet(  # noqa: E731  # one expression
        bus=replace(ada.bus, key=keys["ada"].public),
        reader=ada.reader,
        trust=ada.trust,
        sightings=LastSeenStore(tmp_path / "seen.json"),
        now=town.clock,
    )
    made.app = create_app(replace(made.house, stores=made.stores, fleet=door))
    yield Ordering(made, town.peer("reader"), made.app.test_client())
    town.close()


def test_an_order_from_offline_is_carried_out_once(ordering: Ordering) -> None:
    """As over HTTP, in the name of the device; the same push again does nothing; what became of it is told once."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    told = ordering.order("cancel", mission="m", token=token)
    assert (told["state"], told["mission"], told["says"]) == ("done", "m", "it is cancelled now")
    given = ordering.site.stores.sync_ops.of("intent/i1")[0]
    again = json.loads(json.dumps({name: getattr(given, name) for name in ("device", "seq", "hlc", "kind")}))
    again |= {"entity": given.entity, "field": given.field, "value": given.value}
    assert push(ordering.client, again, token=token).get_json()["duplicates"] == 1
    assert len(ordering.outcomes("intent/i1")) == 1
    assert ordering.reader.ledger().open == {} or ordering.reader.ledger().open["m"].mission.status is Status.CANCELLED


def test_a_mission_is_filed_once_however_often_the_order_is_carried_out(ordering: Ordering) -> None:
    """Also where the node died between filing it and telling so."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    told = ordering.order("file", body={"text": "Add a test for the port."}, token=token)
    assert told["state"] == "done"
    assert told["mission"] in ordering.reader.ledger().open
    names = set(ordering.reader.ledger().open)
    other = ordering.order("file", body={"text": "Add a test for the port."}, token=token)
    assert other["mission"] != told["mission"]  # another order, another mission
    assert len(ordering.reader.ledger().open) == len(names) + 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"action": "approve", "mission": "m", "digest": "x"}, "takes the scope"),
        ({"action": "approve", "mission": "m"}, "what was looked at"),
        ({"action": "cancel", "mission": "m", "minutes": -1}, "too late"),
        ({"action": "format", "mission": "m"}, "this node knows"),
        ({"action": "cancel", "mission": "nosuch"}, "no mission 'nosuch'"),
        ({"action": "file", "body": {"text": "x", "project": "nosuch"}}, "unknown project"),
        ({"action": "file", "body": {}}, "say what is to be done"),
        ({"action": "cancel", "mission": ["m"]}, "an order says"),
    ],
)
def test_what_may_not_be_done_is_refused_with_its_reason(ordering: Ordering, words: dict[str, Any], says: str) -> None:
    """Scope, digest, expiry, no such thing: the outcome says so and nothing changes."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    before = ordering.reader.ledger().tip
    told = ordering.order(**words, token=token)
    assert told["state"] == "refused"
    assert says in told["says"]
    assert ordering.reader.ledger().tip == before


def test_a_decision_counts_for_what_was_looked_at(ordering: Ordering) -> None:
    """A mission that has no such result (any more) is not approved."""
    token = ordering.site.token("sync", "approvals", name="phone", device="phone")
    assert ordering.order("approve", mission="m", digest="0" * 40, token=token)["state"] == "refused"
    assert (
        ordering.order("reject", mission="m", digest="0" * 40, body={"comment": "no"}, token=token)["state"]
        == "refused"
    )


def test_an_order_is_given_once_under_its_name(ordering: Ordering) -> None:
    """Another device, or the same, that says another order under the same name is refused."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    ordering.order("pause", mission="m", ident="x", token=token)
    assert "another order" in ordering.order("cancel", mission="m", ident="x", token=token)["says"]
    assert ordering.reader.ledger().open["m"].mission.status is Status.PARKED


def test_an_order_that_was_passed_on_is_not_carried_out(ordering: Ordering) -> None:
    """Only the node to which the device itself brought it does that."""
    token = ordering.site.token("sync", "missions", name="vps", device="any")
    expires = int(ordering.site.clock().timestamp() * 1000) + 60_000
    value = {"action": "cancel", "mission": "m", "expires": expires}
    given = op(ordering.site, 1, entity="intent/x", field="intent", value=value)
    assert push(ordering.client, given, token=token, node="vps").status_code == 200
    assert ordering.outcomes("intent/x") == []
    assert ordering.reader.ledger().open["m"].mission.status is Status.QUEUED


class Killed(BaseException):
    """The end of a process, at this very place."""


def break_off(ordering: Ordering, token: str, *, broken: BaseException, action: str = "cancel") -> None:
    """Gives an order to a node that ends, or breaks, while it carries it out."""

    def fleet() -> Fleet:
        raise broken

    site = ordering.site
    services = replace(site.house, stores=site.stores, fleet=fleet)
    value = {"action": action, "mission": "m", "expires": int(site.clock().timestamp() * 1000) + 60_000}
    given = op(site, 1, entity="intent/x", field="intent", value=value)
    headers = bearer(token)
    create_app(services).test_client().post("/sync/push", json={"ops": [given]}, headers=headers)


def catch_up(ordering: Ordering) -> None:
    """What a serving process does at its start."""
    _catch_up(ordering.client.application.extensions[SERVICES_KEY])


def test_an_order_outlives_a_restart(ordering: Ordering) -> None:
    """It is held and nothing is told of it: the device never sends it again, so the node carries it out, once."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    with pytest.raises(Killed):
        break_off(ordering, token, broken=Killed())
    assert ordering.outcomes("intent/x") == []
    catch_up(ordering)
    (told,) = ordering.outcomes("intent/x")
    assert (told["state"], told["says"]) == ("done", "it is cancelled now")
    catch_up(ordering)
    assert len(ordering.outcomes("intent/x")) == 1
    assert ordering.site.stores.marks.starting("order-") == {}


def test_what_a_lost_phone_ordered_counts_no_more_after_a_restart(ordering: Ordering) -> None:
    """Whoever was revoked meanwhile orders nothing; the mission stays as it is."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    with pytest.raises(Killed):
        break_off(ordering, token, broken=Killed())
    ordering.site.stores.tokens.revoke("phone")
    catch_up(ordering)
    (told,) = ordering.outcomes("intent/x")
    assert told["state"] == "refused"
    assert "takes the scope" in told["says"]
    assert ordering.reader.ledger().open["m"].mission.status is Status.QUEUED


def test_an_order_that_breaks_the_program_is_told_and_those_behind_it_go_on(ordering: Ordering) -> None:
    """One odd order must not stand in the way of all others, at each start anew."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    break_off(ordering, token, broken=ValueError("odd"))
    (told,) = ordering.outcomes("intent/x")
    assert told["state"] == "failed"
    assert ordering.site.stores.marks.starting("order-") == {}


@pytest.mark.parametrize(
    ("kind", "digest", "device", "scopes"),
    [
        (CallerKind.TOKEN, "t", "", {"missions"}),
        (CallerKind.TOKEN, "gone", "", set()),
        (CallerKind.OPS, "t", "", {"missions"}),
        (CallerKind.OPS, "gone", "", set()),
        (CallerKind.DEVICE, "device d", "d", set()),
        (CallerKind.LOCAL, "", "", {"missions", "ops"}),
    ],
)
def test_what_was_ordered_counts_by_what_its_bringer_may_do_now(
    site: Site, kind: CallerKind, digest: str, device: str, scopes: set[str]
) -> None:
    """A token, an ops token of one, a device that is not paired any more, this machine's own program."""
    site.stores.tokens.add("t", "t", ["missions", "chat"] if kind is CallerKind.OPS else ["missions"])
    bringer = OrderBringer(
        name="x", kind=kind.value, scopes=frozenset({"missions", "ops"}), digest=digest, device=device
    )
    assert scopes_in_force(site.stores, bringer) == scopes


# -- once, whichever way it comes -------------------------------------------------------------------------------------

KEY = "7d0cc1f0-0c7b-4b9a-9d0e-000000000001"


def over_http(ordering: Ordering, method: str, path: str, token: str, key: str = KEY, body: Any = None) -> Any:
    """An order over HTTP whose answer the device never heard."""
    headers = bearer(token) | {"Idempotency-Key": key}
    answer = ordering.client.open(f"/api/v1/missions{path}", method=method, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return answer.get_json()


def at_another_node(ordering: Ordering, build: Build) -> Ordering:
    """The same ledger at a node with a database of its own."""
    made, fleet = build(), ordering.client.application.extensions[SERVICES_KEY].fleet
    made.app = create_app(replace(made.house, stores=made.stores, fleet=fleet))
    return Ordering(made, ordering.reader, made.app.test_client())


TEXT = {"text": "Add a test for the port."}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_mission_whose_answer_was_lost_is_one_mission(ordering: Ordering, build: Build, elsewhere: bool) -> None:
    """It was filed over HTTP, and comes again by sync under the same key, to this node or another one."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    filed = over_http(ordering, "POST", "", token, body=TEXT)["name"]
    names = set(ordering.reader.ledger().open)
    where = at_another_node(ordering, build) if elsewhere else ordering
    here = where.site.token("sync", "missions", name="mine", device="phone") if elsewhere else token
    told = where.order("file", ident=KEY, body=TEXT, token=here)
    assert (told["state"], told["mission"]) == ("done", filed)
    assert set(ordering.reader.ledger().open) == names


def test_a_mission_that_came_by_sync_is_one_mission_over_http_and_elsewhere(ordering: Ordering, build: Build) -> None:
    """The other way round, and at a second node that has not synced with the first."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    told = ordering.order("file", ident=KEY, body=TEXT, token=token)
    assert over_http(ordering, "POST", "", token, body=TEXT)["name"] == told["mission"]
    other = at_another_node(ordering, build)
    there = other.order("file", ident=KEY, body=TEXT, token=other.site.token("sync", "missions", device="phone"))
    assert (there["state"], there["mission"]) == ("done", told["mission"])
    assert len(ordering.reader.ledger().open) == 2


def test_a_name_that_only_this_order_gives_is_this_order(ordering: Ordering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the commit is too far back to be found, the name tells."""
    monkeypatch.setattr(order_mark, "MAX_COMMITS", 0)
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    told = ordering.order("file", ident=KEY, body=TEXT, token=token)
    for mark in ordering.site.stores.marks.starting("filed-"):
        ordering.site.stores.marks.drop([mark])
    stores = ordering.site.stores
    bringer = OrderBringer(name="x", kind="local", scopes=frozenset({"missions"}))
    fleet = ordering.client.application.extensions[SERVICES_KEY].fleet()
    intent = Intent(action="file", mission="", digest="", expires=0, body=TEXT)
    assert LedgerOrders(fleet=fleet, marks=stores.marks).do(intent, KEY, bringer)[0] == told["mission"]


def test_an_order_that_was_done_over_http_is_not_done_again(ordering: Ordering) -> None:
    """A pause that a person took back since stays taken back; a cancelled mission is no refusal."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    over_http(ordering, "PUT", "/m/pause", token)
    over_http(ordering, "DELETE", "/m/pause", token, key=KEY[:-1] + "2")
    told = ordering.order("pause", mission="m", ident=KEY, token=token)
    assert (told["state"], told["says"]) == ("done", "this pause was done before")
    assert ordering.reader.ledger().open["m"].mission.status is Status.QUEUED
    over_http(ordering, "PUT", "/m/cancellation", token, key=KEY[:-1] + "3")
    assert ordering.order("cancel", mission="m", ident=KEY[:-1] + "3", token=token)["state"] == "done"


def test_a_short_key_is_not_taken_for_another_callers(ordering: Ordering) -> None:
    """Two programs may both say `1`."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    over_http(ordering, "POST", "", ordering.site.token("missions", name="other"), key="1", body=TEXT)
    assert ordering.order("file", ident="1", body=TEXT, token=token)["state"] == "done"
    assert len(ordering.reader.ledger().open) == 3


def test_an_order_whose_outcome_could_not_be_kept_is_not_done_twice(ordering: Ordering) -> None:
    """The node died between doing it and telling so, and a person took it back before it served again."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    ordering.order("pause", mission="m", ident=KEY, token=token)
    stores = ordering.site.stores
    (order,) = (each for each in stores.sync_ops.of(f"intent/{KEY}") if each.field == "intent")
    over_http(ordering, "DELETE", "/m/pause", token, key=KEY[:-1] + "2")
    fleet = ordering.client.application.extensions[SERVICES_KEY].fleet()
    found = LedgerOrders(fleet=fleet, marks=stores.marks)
    intent = read_intent(order, now=int(ordering.site.clock().timestamp() * 1000))
    bringer = OrderBringer(name="x", kind="local", scopes=frozenset({"missions"}))
    assert found.do(intent, KEY, bringer) == ("m", "this pause was done before")
    assert ordering.reader.ledger().open["m"].mission.status is Status.QUEUED


def test_an_order_that_a_renamed_store_says_again_has_the_same_outcome(ordering: Ordering) -> None:
    """It is the same order: not refused because its name was used, by itself."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    expires = int(ordering.site.clock().timestamp() * 1000) + 60_000
    value = {"action": "pause", "mission": "m", "expires": expires}
    for device in ("phone~1", "phone~2"):
        given = op(ordering.site, 1, device, entity="intent/x", field="intent", value=value)
        assert push(ordering.client, given, token=token).status_code == 200
    first, again = ordering.outcomes("intent/x")
    assert first | {"intent": "phone~2/1"} == again
    assert again["state"] == "done"


def test_an_order_from_offline_brings_no_files(ordering: Ordering) -> None:
    """They would be lost: it says so."""
    token = ordering.site.token("sync", "missions", name="phone", device="phone")
    told = ordering.order("file", body=TEXT | {"attachments": [{"name": "a.txt", "content": "eA=="}]}, token=token)
    assert told["state"] == "refused"
    assert "no files" in told["says"]


def test_a_push_has_few_orders(site: Site, client: FlaskClient) -> None:
    """Each may take seconds."""
    ops = [op(site, n, entity=f"intent/i{n}", field="intent", value={}) for n in range(1, 22)]
    assert push(client, *ops).status_code == 422
    assert pulled(client) == []


# -- conflicts -----------------------------------------------------------------------------------------------------


def test_a_conflict_is_listed_and_settled_once(site: Site, client: FlaskClient) -> None:
    """By taking one of the values, or saying another; a second word is 409."""
    for device, value in (("phone~1", "mine"), ("desk~1", "yours")):
        push(client, op(site, 1, device, kind="set", entity="draft/d", value=value))
    (one,) = client.get("/sync/conflicts").get_json()["items"]
    assert [each["value"] for each in one["members"]] == ["yours", "mine"]
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"id": one["id"]}, 422),
        ({"id": one["id"], "take": "phone~1/1", "value": "x"}, 422),
        ({"id": one["id"], "take": "phone~1/9"}, 422),
        ({"id": one["id"], "value": 0.5}, 422),
        ({"id": "draft/e#text@", "take": "phone~1/1"}, 404),
    ]
    for body, status in wrong:
        assert client.put("/sync/conflicts", json=body).status_code == status
    settled = client.put("/sync/conflicts", json={"id": one["id"], "take": "desk~1/1"}).get_json()
    assert settled["open"] is False
    assert client.get("/sync/conflicts").get_json()["items"] == []
    assert client.get("/sync/conflicts?all=1").get_json()["items"] == [settled]
    assert client.put("/sync/conflicts", json={"id": one["id"], "value": "x"}).status_code == 409
    last = client.get("/sync/pull").get_json()["ops"][-1]
    assert (last["value"], sorted(last["resolves"])) == ("yours", ["desk~1/1", "phone~1/1"])
