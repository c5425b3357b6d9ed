"""Who comes in by HTTP, tried route by route and from every side door."""

from __future__ import annotations

import pytest
from flask import jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from orchestrator.api.web import auth_gate
from orchestrator.api.web.auth_gate import caller, need_of, needs
from orchestrator.core.roles import Role
from tests.orchestrator.api.conftest import Build, bearer
from tests.orchestrator.api.role_table import calls

SCOPES = ("look", "chat", "sync", "ops", "missions", "approvals")
LAN = {"http": "0.0.0.0:8823"}
"""A node that others can reach."""


class Words(BaseModel):
    words: str


def noun() -> APIBlueprint:
    """Routes of the test's own: one for each scope, and one that forgot to say what it needs."""
    routes = APIBlueprint("test", __name__, url_prefix="/test")

    for scope in SCOPES:

        @routes.get(f"/{scope}", endpoint=scope)
        @needs(scope)  # type: ignore[arg-type]
        def who() -> object:
            return jsonify(name=caller().name, kind=caller().kind, scopes=sorted(caller().scopes))

        del who.view  # flask-openapi keeps one view a function

    @routes.post("/body")
    @needs("chat")
    def body(body: Words) -> object:
        return jsonify(words=len(body.words))

    @routes.get("/forgotten")
    def forgotten() -> str:
        return "never"

    return routes


def test_every_route_says_what_it_needs(build: Build) -> None:
    """No rule of the app lacks its marker."""
    site = build()
    assert [rule.rule for rule in site.app.url_map.iter_rules() if need_of(site.app, rule.endpoint) is None] == []


def test_a_route_that_does_not_say_is_served_to_nobody(build: Build) -> None:
    """A forgotten marker closes a route; it does not open it."""
    site = build(Role.HEADQUARTERS, noun())
    assert site.client.get("/test/forgotten").status_code == 500


def test_a_worker_serves_health_alone(build: Build) -> None:
    """The names, spelled out: what /health-only means does not follow from a marker alone."""
    site = build(Role.LOCAL_WORKER)
    open_paths = {path for method, path, _ in calls(site) if site.client.open(path, method=method).status_code != 404}
    assert open_paths == {"/health"}


def test_without_a_token_nothing_but_the_open_routes(build: Build) -> None:
    """On an address that others reach, each route with a scope answers 401 to a stranger, before it looks at a body."""
    site = build(Role.HEADQUARTERS, noun(), **LAN)
    for method, path, endpoint in calls(site):
        need = need_of(site.app, endpoint)
        if need is not None and need.scope != "open":
            answer = site.client.open(path, method=method, data=b"{")
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
            assert answer.headers["WWW-Authenticate"].lower().startswith(("bearer", "basic"))


@pytest.mark.parametrize("held", SCOPES)
def test_a_scope_opens_its_own_routes_only(build: Build, held: str) -> None:
    """Route by route, a token of one scope is refused where another is asked for."""
    site = build(Role.HEADQUARTERS, noun(), rate=0, **LAN)
    header = bearer(site.token(held))
    for method, path, endpoint in calls(site):
        need = need_of(site.app, endpoint)
        if need is not None and need.scope != "open" and held not in {need.scope, *need.more}:
            answer = site.client.open(path, method=method, headers=header)
            assert answer.status_code == 403, f"{held} at {method} {path}: {answer.status_code}"
    assert site.client.get(f"/test/{held}", headers=header).json == {"name": "phone", "kind": "token", "scopes": [held]}


OWNERS_PATHS = ("/api/v1/pairings", "/api/v1/devices", "/api/v1/push", "/api/v1/sessions", "/api/v1/device-model")
"""What is told to the owner of devices, or to the one device, and not to whoever may read the fleet; and the model, for
whoever may chat."""


def test_look_reads_and_does_nothing_else(build: Build) -> None:
    """The least scope opens no route that changes anything; and whatever reads the fleet, it opens."""
    site = build()
    for method, path, endpoint in calls(site):
        need = need_of(site.app, endpoint)
        assert need is not None
        looks = "look" in {need.scope, *need.more}
        if method != "GET":
            assert not looks or path.startswith(OWNERS_PATHS), f"{method} {path}"  # its own notices, and no more
        elif path.startswith("/api/v1/") and not path.startswith(OWNERS_PATHS):
            assert looks, path
            assert {"missions", "approvals", "ops"} <= {need.scope, *need.more}, path


def test_on_loopback_a_program_is_local_until_a_token_was_made(build: Build) -> None:
    """The first token shuts the door for everybody without one; a wrong token is wrong even before."""
    site = build(Role.HEADQUARTERS, noun())
    assert site.client.get("/test/ops").json["kind"] == "local"
    assert site.client.get("/test/ops", headers=bearer("sbk_guess")).status_code == 401
    site.token("chat", days=1)
    assert site.client.get("/test/ops").status_code == 401
    site.clock.move(days=2)
    assert site.client.get("/test/ops").status_code == 401, "an expired token must not open the door again"


@pytest.mark.parametrize(
    "header", [*auth_gate.PROXY_HEADERS, "X-Forwarded-Proto", "X-FORWARDED-SERVER", "Cf-Connecting-Ip"]
)
def test_a_proxys_request_is_not_local(build: Build, header: str) -> None:
    """What came through a proxy came from elsewhere, though it comes from this machine."""
    site = build(Role.HEADQUARTERS, noun())
    assert site.client.get("/test/ops", headers={header: "10.0.0.9"}).status_code == 401
    assert site.client.get("/metrics", headers={header: "10.0.0.9"}).status_code == 401


def test_nginx_as_it_comes_is_not_local(build: Build) -> None:
    """A plain `proxy_pass` adds no header and names this machine in Host; HTTP/1.0 gives it away."""
    site = build(Role.HEADQUARTERS, noun())
    old = {"SERVER_PROTOCOL": "HTTP/1.0"}
    assert site.client.get("/test/ops").status_code == 200
    assert site.client.get("/test/ops", environ_overrides=old).status_code == 401
    assert site.client.get("/metrics", environ_overrides=old).status_code == 401
    header = bearer(site.token("ops"))
    assert site.client.get("/test/ops", headers=header, environ_overrides=old).status_code == 200


def test_a_proxys_name_is_not_local(build: Build) -> None:
    """A host that SHIFTBOOK_HOSTS lists is answered, but with a token only."""
    site = build(Role.HEADQUARTERS, noun(), hosts="hq.example")
    assert site.client.get("/test/ops", headers={"Host": "hq.example"}).status_code == 401
    assert site.client.get("/test/ops", headers={"Host": "hq.example", **bearer(site.token("ops"))}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8823", "127.0.0.1.evil.example", "localhost.evil", "["])
def test_another_name_for_this_machine_is_refused(build: Build, host: str) -> None:
    """DNS rebinding: a page whose own name points at 127.0.0.1 gets nothing, not even /health."""
    assert build().client.get("/health", headers={"Host": host}).status_code in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8823", "127.0.0.1:8823", "[::1]:8823", "localhost."])
def test_this_machines_own_names_are_answered(build: Build, host: str) -> None:
    """With a port and without."""
    assert build().client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"])
def test_a_page_of_another_site_is_refused(build: Build, origin: str) -> None:
    """A browser sends simple requests for any page; they are not obeyed, on open routes neither."""
    site = build(Role.HEADQUARTERS, noun(), cors="https://app.example")
    for path in ("/test/ops", "/health"):
        answer = site.client.get(path, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_a_page_elsewhere_embeds_is_refused(build: Build) -> None:
    """An image comes without an origin, but browsers say that it is cross-site. A link that is clicked is answered."""
    client = build(Role.HEADQUARTERS, noun()).client
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert client.get("/test/ops", headers=embedded).status_code == 403
    followed = {**embedded, "Sec-Fetch-Mode": "navigate"}
    assert client.get("/openapi.json", headers=followed).status_code == 200
    assert client.post("/test/body", json={"words": "x"}, headers=followed).status_code == 403, "a form of another page"
    assert client.get("/test/ops", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_the_allowed_origin_and_the_same_origin_are_answered(build: Build) -> None:
    """With the headers that a browser asks for, on errors as well, and a preflight needs no token."""
    site = build(Role.HEADQUARTERS, noun(), cors="https://app.example, https://two.example", **LAN)
    origin = {"Origin": "https://app.example"}
    refused = site.client.get("/test/ops", headers=origin)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://app.example")
    assert "Origin" in refused.headers["Vary"]
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = site.client.options("/test/body", headers=asked)
    assert (preflight.status_code, "POST" in preflight.headers["Access-Control-Allow-Methods"]) == (204, True)
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert site.client.get("/health", headers={"Origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "", "Bearer", "Bearer ", "Bearer sbk_", "Bearer null", "bearer x y", "Basic c2JrXzox", "Digest x",
        "Bearer " + "a" * 5000, "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.", "Bearer sbk_\u00e9",
    ],
)  # fmt: skip
def test_what_is_no_token_lets_nobody_in(build: Build, shown: str) -> None:
    """Also where a program without any header would be local: whoever shows something is judged by it."""
    site = build(Role.HEADQUARTERS, noun())
    assert site.client.get("/test/ops", headers={"Authorization": shown.encode().decode("latin1")}).status_code == 401


def test_a_token_ends(build: Build) -> None:
    """By its date, and by being revoked, at the next request."""
    site = build(Role.HEADQUARTERS, noun(), **LAN)
    dated, other = site.token("chat", name="dated", days=1), site.token("chat", name="other")
    assert [site.client.get("/test/chat", headers=bearer(each)).status_code for each in (dated, other)] == [200, 200]
    site.stores.tokens.revoke("other")
    site.clock.move(days=1, seconds=1)
    assert [site.client.get("/test/chat", headers=bearer(each)).status_code for each in (dated, other)] == [401, 401]


def test_the_store_holds_no_token(build: Build) -> None:
    """Only its digest is written, and that it was used."""
    site = build(Role.HEADQUARTERS, noun(), **LAN)
    token = site.token("chat")
    site.client.get("/test/chat", headers=bearer(token))
    (row,) = site.stores.tokens.listing()
    assert row.used is not None
    assert token not in repr(row)
    held = b"".join(path.read_bytes() for path in site.house.settings.home.rglob("*") if path.is_file())
    assert row.digest.encode() in held
    assert token.encode() not in held
    assert token.removeprefix("sbk_").encode() not in held


def test_a_token_has_its_own_allowance(build: Build) -> None:
    """Past it: 429 with Retry-After, for this token and no other."""
    site = build(Role.HEADQUARTERS, noun(), rate=3, **LAN)
    busy, calm = site.token("chat", name="busy"), site.token("chat", name="calm")
    answers = [site.client.get("/test/chat", headers=bearer(busy)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert site.client.get("/test/chat", headers=bearer(calm)).status_code == 200


def test_a_body_has_a_roof(build: Build) -> None:
    """With its length told, and without: 413 and no more is read."""
    site = build(Role.HEADQUARTERS, noun(), body_bytes=1024)
    big = b'{"words": "' + b"x" * 2000 + b'"}'
    kind = {"Content-Type": "application/json"}
    assert site.client.post("/test/body", data=big, headers=kind).status_code == 413
    unmeasured = {
        "environ_overrides": {"wsgi.input_terminated": True},
        "headers": {**kind, "Transfer-Encoding": "chunked"},
    }
    assert site.client.post("/test/body", data=big, **unmeasured).status_code == 413
    assert site.client.post("/test/body", data=big.ljust(1024), **unmeasured).status_code == 413
    fits = (b'{"words": "' + b"x" * 900 + b'"}').ljust(1024)
    assert site.client.post("/test/body", data=fits, **unmeasured).json == {"words": 900}
    assert site.client.post("/test/body", json={"words": "x" * 900}).json == {"words": 900}


def test_numbers_are_for_this_machine_and_for_ops(build: Build) -> None:
    """/metrics needs no token on loopback, though some were made; elsewhere it takes the scope ops."""
    near, far = build(), build(Role.HEADQUARTERS, **LAN)
    near.token("chat")
    assert near.client.get("/metrics").status_code == 200
    assert far.client.get("/metrics").status_code == 401
    assert far.client.get("/metrics", headers=bearer(far.token("chat", name="a"))).status_code == 403
    assert far.client.get("/metrics", headers=bearer(far.token("ops", name="b"))).status_code == 200
