"""Do the routes of chats answer, stream, refuse and forget as they say?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from orchestrator.adapters.models import openai as openai_backend
from orchestrator.adapters.models.router import Router
from orchestrator.api.app import create_app
from orchestrator.api.routes.chat import HOPS_HEADER
from orchestrator.app.factories.chat_factory import ChatRuntime
from orchestrator.chat.prompt_cache import PromptCache
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Model
from orchestrator.core.ports.model_backend import BackendCandidate, ListedModel
from orchestrator.execution.workspace.clone import Workspaces
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.devices.test_pairing import LAN, Desk
from tests.orchestrator.chat.conftest import ScriptedModel, Talk, stores, talk
from tests.waiting import PATIENCE, until

__all__ = ["stores", "talk"]  # fixtures of the domain's tests


@dataclass
class OneModel:
    """A stand-in for a backend: offers one scripted model."""

    model: ScriptedModel
    backend: str = "stand-in"

    def models(self) -> tuple[ListedModel, ...]:
        """That one."""
        return (ListedModel(name=self.model.name, backend=self.backend, context_tokens=self.model.context_tokens),)

    def open(self, name: str) -> Model:
        """It."""
        return self.model


def at_the_site(site: Site, talk: Talk) -> Site:
    """The site with these chats."""
    router = Router([BackendCandidate(backend=OneModel(talk.model), why="it is here", local=True)], clock=lambda: 0.0)
    talk.chat.chooser = router
    folder = site.house.settings.home
    room = ChatRuntime(
        chat=talk.chat,
        router=router,
        queues=talk.chat.queues,
        grounds=ChatWorkspaces(folder=folder / "chats", workspaces=Workspaces(cache=folder / "cache")),
        prompt_cache=PromptCache(folder=folder / "prompts", queues=talk.chat.queues, head=talk.chat.prompts.head),
        stores=talk.stores,
    )
    house = replace(site.house, chats=room, stores=talk.stores)
    return Site(create_app(house), house, site.stores, site.clock)


@pytest.fixture
def site(build: Build, talk: Talk) -> Site:
    """A headquarters with chats."""
    return at_the_site(build(), talk)


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """Its client."""
    return site.client


def ask(client: FlaskClient, message: str = "Hello?", path: str = "/chat", **more: object) -> Any:
    """One message."""
    return client.post(path, json={"message": message, "device_id": "phone", **more})


def events(body: str) -> Iterator[tuple[str, Any]]:
    """The events of a stream."""
    for part in body.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
        if lines:
            yield lines["event"], json.loads(lines["data"])


def test_an_answer_has_everything_that_is_promised(client: FlaskClient) -> None:
    """Text, who, why, tokens, time, tiers with commits, cuts."""
    told = ask(client, "Which port?", project="shop").get_json()
    assert told["text"] == "It is so."
    assert {"model", "backend", "node", "why", "tried", "usage", "tiers", "cut", "conversation_id"} <= told.keys()
    assert {"tokens_in", "tokens_out", "tokens_cached", "first_token_seconds"} <= told["usage"].keys()
    assert all(tier["commit"] and tier["blob"] for tier in told["tiers"])


def test_a_stream_tells_the_same_piece_by_piece(client: FlaskClient) -> None:
    """start, the tokens, usage, done; the pieces make up the text."""
    answer = ask(client, path="/chat/stream")
    assert answer.mimetype == "text/event-stream"
    heard = list(events(answer.get_data(as_text=True)))
    kinds = [kind for kind, _ in heard]
    assert kinds[0] == "start"
    assert kinds[-2:] == ["usage", "done"]
    assert "".join(data["text"] for kind, data in heard if kind == "token") == "It is so."
    assert heard[-1][1]["text"] == "It is so."
    assert heard[0][1]["conversation_id"] == heard[-1][1]["conversation_id"]


def test_an_error_before_the_first_word_is_a_plain_one(client: FlaskClient, talk: Talk) -> None:
    """A stream that cannot begin is no stream: 400 with both counts, 404, 422."""
    long = ask(client, "word " * 5000, path="/chat/stream")
    assert (long.status_code, long.mimetype) == (400, "application/problem+json")
    assert long.get_json()["tokens"] > long.get_json()["roof"] == talk.model.context_tokens
    assert ask(client, path="/chat/stream", conversation_id="nosuch").status_code == 404
    assert ask(client, path="/chat/stream", tools=["rm"]).status_code == 422


def test_an_error_later_is_an_event(client: FlaskClient, talk: Talk) -> None:
    """What was said stands, and the problem follows as an event."""

    def break_down() -> None:
        if talk.stores.conversations.listing() and len(talk.model.prompts) == 1 and talk.model.meanwhile is break_down:
            talk.model.meanwhile = fail

    def fail() -> None:
        raise ModelUnavailable("gone")

    talk.model.meanwhile = break_down
    heard = list(events(ask(client, path="/chat/stream").get_data(as_text=True)))
    assert heard[-1][0] == "error"
    assert heard[-1][1]["status"] == 503
    assert "".join(data["text"] for kind, data in heard if kind == "token") == "It "


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "x"},
        {"message": "", "device_id": "d"},
        {"message": "x", "device_id": "../d"},
        {"message": "x", "device_id": "d", "extra": 1},
        {"message": "x", "device_id": "d", "tools": "all"},
        [],
        "x",
    ],
)
def test_wrong_bodies_are_refused(client: FlaskClient, body: object) -> None:
    """422, without what was sent."""
    assert client.post("/chat", json=body).status_code == 422


def test_a_conversation_is_listed_read_gone_on_with_and_deleted(client: FlaskClient) -> None:
    """From two devices; after the deletion it is gone."""
    one = ask(client, "Which port?").get_json()
    client.post("/chat", json={"message": "Sure?", "device_id": "laptop", "conversation_id": one["conversation_id"]})
    (listed,) = client.get("/chat/conversations").get_json()["conversations"]
    assert (listed["title"], listed["turns"], listed["device"]) == ("Which port?", 4, "phone")
    whole = client.get(f"/chat/conversations/{listed['id']}").get_json()
    assert [turn["content"] for turn in whole["messages"]] == ["Which port?", "It is so.", "Sure?", "It is so."]
    assert [turn["device"] for turn in whole["messages"]] == ["phone", "", "laptop", ""]
    assert whole["messages"][1]["answer"]["model"] == "scripted"
    page = client.get(f"/chat/conversations/{listed['id']}?after=3&limit=1").get_json()
    assert [turn["seq"] for turn in page["messages"]] == [4]
    assert client.delete(f"/chat/conversations/{listed['id']}").status_code == 204
    assert client.delete(f"/chat/conversations/{listed['id']}").status_code == 404
    assert client.get(f"/chat/conversations/{listed['id']}").status_code == 404


def test_the_listing_goes_on(client: FlaskClient) -> None:
    """Pages by cursor hold every conversation once."""
    made = {ask(client, f"Number {n}").get_json()["conversation_id"] for n in range(5)}
    found: list[str] = []
    cursor = ""
    while page := client.get("/chat/conversations", query_string={"limit": 2, "before": cursor}).get_json():
        found += [each["id"] for each in page["conversations"]]
        if not (cursor := page["next"]):
            break
    assert sorted(found) == sorted(made)


def test_the_same_key_gives_the_same_answer(client: FlaskClient) -> None:
    """In the body or in the header."""
    one = ask(client, idempotency_key="k").get_json()
    two = client.post("/chat", json={"message": "Hello?", "device_id": "phone"}, headers={"Idempotency-Key": "k"})
    assert two.get_json()["repeated"] is True
    assert two.get_json()["conversation_id"] == one["conversation_id"]
    assert ask(client, "Another", idempotency_key="k").status_code == 403


def test_a_full_queue_is_503_with_a_time(client: FlaskClient, talk: Talk) -> None:
    """Also for streams, before a word is sent."""
    gate = talk.chat.queues.of("stand-in")
    tickets = [gate.join() for _ in range(3)]
    for path in ("/chat", "/chat/stream", "/v1/chat/completions"):
        theirs = {"messages": [{"role": "user", "content": "x"}]}
        ours = {"message": "x", "device_id": "d"}
        answer = client.post(path, json=theirs if path.startswith("/v1") else ours)
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) >= 1
    for each in tickets:
        each.leave()
    assert ask(client).status_code == 200


def test_an_approval_is_given_from_another_device(client: FlaskClient, site: Site, talk: Talk) -> None:
    """The stream names the question; a word on it goes by a route of its own, once."""
    call = json.dumps({"tool": "shell", "arguments": {"line": "echo hi > greeting"}})
    talk.model.says = [call, '{"answer": "Done."}']
    status: list[int] = []

    def decide() -> None:
        other = site.client
        until(lambda: other.get("/chat/approvals").get_json()["approvals"], "the question")
        (asked,) = other.get("/chat/approvals").get_json()["approvals"]
        status.extend(other.post(f"/chat/approvals/{asked['id']}", json={"allow": True}).status_code for _ in "12")

    thread = threading.Thread(target=decide)
    thread.start()
    heard = list(events(ask(client, path="/chat/stream", tools=["shell"]).get_data(as_text=True)))
    thread.join(PATIENCE)
    assert [kind for kind, _ in heard if kind in ("approval", "tool", "token")][:3] == ["approval", "tool", "tool"]
    assert status == [200, 409]
    assert heard[-1][1]["tools"][0]["ok"] is True
    assert client.post("/chat/approvals/nosuch", json={"allow": True}).status_code == 404


def test_a_token_needs_the_scope(site: Site) -> None:
    """chat for chats and /v1; sync or chat for a device's state, sync for its operations."""
    chat, sync = site.token("chat"), site.token("sync", name="other")
    body = {"message": "Hello?", "device_id": "phone"}
    assert site.client.post("/chat", json=body).status_code == 401
    assert site.client.post("/chat", json=body, headers=bearer(sync)).status_code == 403
    assert site.client.post("/chat", json=body, headers=bearer(chat)).status_code == 200
    assert site.client.get("/v1/models", headers=bearer(sync)).status_code == 403
    assert site.client.get("/sync/pull", headers=bearer(chat)).status_code == 403
    assert site.client.get("/sync/pull", headers=bearer(sync)).status_code == 200


def test_a_node_without_chats_says_so(build: Build) -> None:
    """503, not a crash."""
    assert ask(build().client).status_code == 503


def test_usage_shows_cached_tokens(client: FlaskClient) -> None:
    """By project and by conversation."""
    one = ask(client, "Which port?", project="shop").get_json()
    told = client.get("/api/v1/usage").get_json()
    assert told["projects"]["shop"]["runs"] == 1
    assert "tokens_cached" in told["missions"][one["conversation_id"]]


def test_the_numbers_count_tokens(client: FlaskClient) -> None:
    """/metrics has what was generated, by model and backend."""
    ask(client)
    ask(client, path="/chat/stream").get_data()
    text = client.get("/metrics").get_data(as_text=True)
    line = next(line for line in text.splitlines() if line.startswith("shiftbook_tokens_generated_total{"))
    assert 'model="scripted"' in line
    assert float(line.rsplit(" ", 1)[1]) == 2 * 3


def test_both_sides_name_the_same_header() -> None:
    """What says that another node asks is written in two rooms that may not see each other."""
    assert HOPS_HEADER == openai_backend.HOPS_HEADER


def test_a_paired_device_talks_as_itself(build: Build, talk: Talk) -> None:
    """Whatever it calls itself: what is said is told of the device whose key sealed it."""
    made = at_the_site(build(**LAN), talk)
    phone = Desk(made).paired(["chat"])
    answer = phone.call("POST", "/chat", json={"message": "Hello?", "device_id": "somebody-else"})
    assert answer.status == 200
    listed = phone.call("GET", "/chat/conversations").json["conversations"]
    assert [each["device"] for each in listed] == [phone.id]
