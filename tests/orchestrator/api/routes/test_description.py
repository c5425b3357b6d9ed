"""What the app says of itself: OpenAPI, the numbers, the log."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from orchestrator.api.web import access_log
from orchestrator.api.web.auth_gate import needs
from orchestrator.core.roles import Role
from tests.orchestrator.api.conftest import Build, bearer
from tests.orchestrator.api.web.test_auth_gate import LAN, noun

NAME, OPEN = r"<(?:[^<:]+:)?([^>]+)>", r"{\1}"
"""A rule's `<int:id>`, and how people write it: `{id}`."""
ROOT = Path(__file__).resolve().parents[4]


def test_the_description_is_valid_openapi_3_1(build: Build) -> None:
    """By the specification's own schema, with every reference resolved. A standalone node says the same of the routes
    that it has."""
    said = build(Role.HEADQUARTERS).client.get("/openapi.json").json
    assert said["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(said).iter_errors()) == []
    alone = build(Role.STANDALONE_NODE).client.get("/openapi.json").json
    assert alone["paths"]
    assert alone == said | {"paths": {path: said["paths"][path] for path in alone["paths"]}}


def test_every_operation_says_who_may_and_what_may_be_answered(build: Build) -> None:
    """Its scope, its security, and a problem for every status that the gate may give."""
    site = build(Role.HEADQUARTERS, noun())
    said = site.client.get("/openapi.json").json
    operations = [one for item in said["paths"].values() for one in item.values()]
    assert {"/health", "/ready", "/metrics", "/api/v1/ops-tokens", "/test/chat"} <= said["paths"].keys()
    for one in operations:
        assert {"403", "404", "421", "500"} <= one["responses"].keys()
        assert ("401" in one["responses"]) is (one["x-scope"] != "open") is bool(one["security"])
    body = said["paths"]["/test/body"]["post"]["responses"]
    assert {"413", "422", "429"} <= body.keys()
    assert list(body["422"]["content"]) == ["application/problem+json"]


def test_no_two_bodies_have_one_name() -> None:
    """Bodies become schemas by their class's name: two of one name would be described as the same."""
    sources = (ROOT / "orchestrator" / "api").rglob("*.py")
    found = (re.findall(r"^class (\w+)\(.*BaseModel", path.read_text(), re.MULTILINE) for path in sources)
    names = [name for each in found for name in each]
    assert len(names) > 40
    assert sorted(names) == sorted(set(names))


def test_a_worker_describes_nothing_that_it_does_not_serve(build: Build) -> None:
    """With device sync the description is not served either; there is nothing to leak."""
    site = build(Role.LOCAL_WORKER, noun(), device_sync=True)
    assert site.client.get("/openapi.json").status_code == 404


def test_who_looks_for_a_route_that_is_not_there_is_shown_the_description(build: Build) -> None:
    """There is no page for people: who tries `/docs` is told where the description is."""
    answer = build(Role.HEADQUARTERS).client.get("/docs")
    assert answer.status_code == 404
    assert "/openapi.json" in answer.json["detail"]


def test_every_route_is_in_the_documents(build: Build) -> None:
    """docs/api.md names each route of the app by its method and path."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    site = build()
    routes = [
        f"{method} {re.sub(NAME, OPEN, rule.rule)}"
        for rule in site.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
    ]
    missing = [route for route in routes if f"`{route}`" not in text]
    assert missing == []


def test_numbers_count_routes_and_never_what_was_typed(build: Build) -> None:
    """By rule, method and status; an unknown path and an unknown method are one label each."""
    site = build(Role.HEADQUARTERS, noun())
    site.client.get("/health", buffered=True)
    site.client.get("/secret-path", buffered=True)
    site.client.open("/health", method="SECRET", buffered=True)
    text = site.client.get("/metrics").get_data(as_text=True)
    assert 'shiftbook_http_requests_total{method="GET",route="/health",status="200"} 1.0' in text
    assert 'shiftbook_http_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert 'shiftbook_http_requests_total{method="other",route="none",status="405"} 1.0' in text
    assert "shiftbook_streams 0.0" in text
    assert "shiftbook_queue_length 0.0" in text
    assert "secret" not in text.lower()


class Caught(logging.Handler):
    """Keeps what the log's own format makes of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(access_log.JsonLineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def test_the_log_tells_who_and_what_and_no_words(build: Build) -> None:
    """A line of JSON a request; no body, no query, no path as typed, no token, no message of an error."""
    site = build(Role.HEADQUARTERS, noun(), **LAN)
    token = site.token("chat")
    caught = Caught()
    access_log.LOGGER.addHandler(caught)
    access_log.LOGGER.setLevel(logging.INFO)
    try:
        site.client.post("/test/body?key=SECRET", json={"words": "SECRET"}, headers=bearer(token), buffered=True)
        site.client.get("/SECRET", buffered=True)
        site.client.get("/test/chat", headers=bearer("SECRET"), buffered=True)
        site.client.get("/test/forgotten?SECRET", buffered=True)
    finally:
        access_log.LOGGER.removeHandler(caught)
    told = [json.loads(line) for line in caught.lines]
    assert [(one["route"], one["status"]) for one in told if one["event"] == "request"] == [
        ("/test/body", 200), ("none", 404), ("/test/chat", 401), ("/test/forgotten", 500),
    ]  # fmt: skip
    assert (told[0]["caller"], told[0]["kind"], told[0]["method"]) == ("phone", "token", "POST")
    text = "".join(caught.lines)
    assert "SECRET" not in text
    assert token not in text


def test_an_accident_is_logged_by_its_place(build: Build) -> None:
    """The kind of error and the lines that it passed, without its message."""
    site = build(Role.HEADQUARTERS, noun())
    caught = Caught()
    access_log.LOGGER.addHandler(caught)
    try:
        site.app.view_functions["test.chat"] = _explode
        assert site.client.get("/test/chat").status_code == 500
    finally:
        access_log.LOGGER.removeHandler(caught)
    told = [json.loads(line) for line in caught.lines if "error" in json.loads(line)]
    assert [one["error"] for one in told] == ["ZeroDivisionError"]
    assert any("_explode" in place for place in told[0]["at"])


@needs("open")
def _explode() -> str:
    return str(1 / 0)
