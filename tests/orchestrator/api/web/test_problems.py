"""Errors over HTTP: always problem+json, never the caller's words, never a stack."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict
from werkzeug.exceptions import ServiceUnavailable

from missions.errors import BadName
from orchestrator.api.web.auth_gate import needs
from orchestrator.core.errors import (
    AlreadyDone,
    ContextTooLong,
    ModelUnavailable,
    NotFound,
    QueueFull,
    Refused,
    StoreFailed,
    WrongPrompt,
    WrongSetting,
)
from orchestrator.core.roles import Role
from sync.errors import RemoteUnreachable
from tests.orchestrator.api.conftest import Build, bearer

SECRET = "hunter2-is-my-password"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int


class Named(BaseModel):
    name: str


class Path(BaseModel):
    kind: str
    name: str


ERRORS: dict[str, tuple[Callable[[], Exception], int]] = {
    "setting": (lambda: WrongSetting("number", f"not {SECRET!r}"), 422),
    "prompt": (lambda: WrongPrompt(SECRET), 422),
    "missing": (lambda: NotFound(f"no mission {SECRET!r}"), 404),
    "refused": (lambda: Refused(f"{SECRET} may not"), 403),
    "done": (lambda: AlreadyDone(f"{SECRET} is done"), 409),
    "model": (lambda: ModelUnavailable("no model is there"), 503),
    "queue": (lambda: QueueFull(9, 7), 503),
    "store": (lambda: StoreFailed(SECRET, SECRET), 503),
    "long": (lambda: ContextTooLong(9000, 8192), 400),
    "mission": (lambda: BadName(SECRET), 422),
    "ledger": (lambda: RemoteUnreachable("https://me:pw@git.example", SECRET), 503),
    "seats": (lambda: ServiceUnavailable("all taken", retry_after=2), 503),
    "bug": (lambda: RuntimeError(SECRET), 500),
    "key": (lambda: KeyError(SECRET), 500),
}


def noun() -> APIBlueprint:
    routes = APIBlueprint("test", __name__, url_prefix="/test")

    @routes.post("/body")
    @needs("open")
    def body(body: Body) -> dict[str, int]:
        return {"number": body.number}

    @routes.get("/raise/<kind>/<name>")
    @needs("open")
    def fail(path: Path) -> str:
        raise ERRORS[path.kind][0]()

    return routes


@pytest.mark.parametrize("kind", ERRORS)
def test_each_error_has_its_status_and_none_of_its_callers_words(build: Build, kind: str) -> None:
    """Whatever our errors quote, the answer does not; what it does say is problem+json."""
    answer = build(Role.HEADQUARTERS, noun()).client.get(f"/test/raise/{kind}/{SECRET}")
    assert (answer.status_code, answer.content_type) == (ERRORS[kind][1], "application/problem+json")
    told = json.loads(answer.data)
    assert told["status"] == answer.status_code
    assert told["title"]
    text = answer.get_data(as_text=True)
    assert SECRET not in text
    assert "Traceback" not in text
    assert ("pw@" in text) is False


def test_who_must_wait_is_told_how_long(build: Build) -> None:
    """A full queue, a full house, a model and a database that are away name a Retry-After."""
    client = build(Role.HEADQUARTERS, noun()).client
    waits = {
        kind: client.get(f"/test/raise/{kind}/x").headers.get("Retry-After")
        for kind in ("queue", "seats", "store", "model")
    }
    assert waits == {"queue": "7", "seats": "2", "store": "5", "model": "5"}


def test_a_prompt_over_the_context_names_the_counts(build: Build) -> None:
    """400 with both numbers, for a program to read."""
    told = build(Role.HEADQUARTERS, noun()).client.get("/test/raise/long/x").json
    assert (told["tokens"], told["roof"]) == (9000, 8192)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (json.dumps({"number": SECRET}), ["number"]),
        (json.dumps({"number": 1, SECRET: 2}), [""]),
        (json.dumps({SECRET: {SECRET: SECRET}}), None),
        (json.dumps(SECRET), None),
        (json.dumps([SECRET]), None),
        (SECRET, None),
        ('{"number": ' + SECRET, None),
        ("", None),
        ("[" * 100_000, None),
        ('{"number": ' + "9" * 5000 + "}", None),
        ("\ud800".encode("utf-8", "surrogatepass"), None),
        (f'{{"number": 1, "{SECRET}\\ud83d": 1}}', None),
        (f'{{"number": ["{SECRET}\\udc00"]}}', None),
        ('{"number": NaN}', None),
        ('{"number": 1e999}', None),
    ],
)
def test_a_body_that_is_wrong_is_not_repeated(build: Build, data: str | bytes, where: list[str] | None) -> None:
    """422, saying where it is wrong and not what was there; also where JSON itself is broken or too deep."""
    client = build(Role.HEADQUARTERS, noun()).client
    answer = client.post("/test/body", data=data, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert SECRET not in answer.get_data(as_text=True)
    if where is not None:
        assert answer.json["where"] == where


NO_JSON = [
    ('{"number": }', "this is no JSON: expecting value (line 1, column 12)"),
    ('{"number": 1,\n "x"', "this is no JSON: it ends too early (line 2, column 5)"),
    ("", "this is no JSON: it ends too early (line 1, column 1)"),
    ('{"number": "é"}'.encode("latin-1"), "this is no JSON: it is not UTF-8 (byte 13)"),
    ("[1]", "a JSON object belongs here, not a list"),
    ('"\\udc00"', "half of a pair"),
    ("null", "a JSON object belongs here, not null"),
    ('{"number": {}}', "number: Input should be a valid integer"),
]


def test_what_is_no_json_is_told_with_its_place(build: Build) -> None:
    """Line and column, or what belongs there instead."""
    client = build(Role.HEADQUARTERS, noun()).client
    for data, says in NO_JSON:
        told = client.post("/test/body", data=data, content_type="application/json").get_json()
        assert says in told["detail"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
     {"Content-Type": "application/json", "Content-Encoding": "gzip"}],
)  # fmt: skip
def test_a_body_of_another_kind_is_415(build: Build, headers: dict[str, str]) -> None:
    """With the header to send, or to leave out."""
    answer = build(Role.HEADQUARTERS, noun()).client.post("/test/body", data=b'{"number": 1}', headers=headers)
    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")
    assert "Content-Type: application/json" in answer.get_json()["detail"] or "Content-Encoding" in str(answer.data)


def test_fixed_words_stay_and_what_is_quoted_goes(build: Build) -> None:
    """An error keeps its reason, whatever the caller sent; what it quotes of theirs is left out, the rest is told."""
    routes = APIBlueprint("quoting", __name__, url_prefix="/quoting")

    @routes.get("/<name>")
    @needs("open")
    def fail(path: Named) -> str:
        raise NotFound("no setting {!r} is made of text: number {} of {}", path.name, 7, "shop, desk")

    client = build(Role.HEADQUARTERS, routes).client
    for word in ("number", "setting", "text", "no", "made of ordinary words", SECRET, "…"):
        told = client.get(f"/quoting/{word}").get_json()["detail"]
        assert told == "no setting … is made of text: number 7 of shop, desk"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", f"/{SECRET}", 404), ("DELETE", "/health", 405), ("TRACE", "/health", 405),
     ("GET", "/health/", 404), ("GET", "/../health", 404), ("GET", "/health\0", 404)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_too(build: Build, method: str, path: str, status: int) -> None:
    """404 and 405 as every other error, with Allow where the method is wrong, and nothing redirects."""
    answer = build().client.open("/", method=method, environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert ("Allow" in answer.headers) is (status == 405)
    assert SECRET not in answer.get_data(as_text=True)


def test_no_rule_redirects(build: Build) -> None:
    """Werkzeug redirects for rules that end in a slash and have no twin without one; it would leave before the gate."""
    rules = {rule.rule for rule in build().app.url_map.iter_rules()}
    assert [rule for rule in rules if rule.endswith("/") and rule != "/" and rule.rstrip("/") not in rules] == []


def test_a_token_is_never_repeated(build: Build) -> None:
    """Neither in an answer nor in what challenges the caller."""
    answer = build().client.get("/metrics", headers=bearer(SECRET))
    assert answer.status_code == 401
    assert SECRET not in str(answer.headers) + answer.get_data(as_text=True)
