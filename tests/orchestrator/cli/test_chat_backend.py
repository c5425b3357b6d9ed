"""What a terminal hears of a node that answers oddly or not at all, and of a conversation of more than one page.

TEST ONLY: in the node's place stands a transport of httpx's.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from orchestrator.chat.values import ChatRequest
from orchestrator.cli.chat.backend import LastConversation, RemoteChat
from orchestrator.core.errors import NotFound, OrchestratorError

Answer = Callable[[httpx.Request], httpx.Response]


def remote(answer: Answer) -> RemoteChat:
    """A chat with what answers so."""
    return RemoteChat(client=httpx.Client(base_url="http://node", transport=httpx.MockTransport(answer)), where="node")


def silent(request: httpx.Request) -> httpx.Response:
    """A node that ended a moment ago."""
    raise httpx.ConnectError("", request=request)


def says(status: int, body: bytes) -> Answer:
    """One answer to everything."""
    return lambda _: httpx.Response(status, content=body)


ANSWERS = {
    "silent": silent,
    "a proxy": says(502, b"<html>Bad Gateway</html>"),
    "a list of problems": says(500, b"[1]"),
    "an odd problem": says(500, b'{"title": null}'),
    "a page": says(200, b"<html>"),
    "a list": says(200, b"[]"),
    "nothing": says(200, b"{}"),
    "numbers": says(200, b'{"conversations": 7, "messages": 7, "data": 7}'),
    "depth": says(200, b"[" * 100_000),
}
ASKED: dict[str, Callable[[RemoteChat], object]] = {
    "last": lambda chat: chat.last("terminal"),
    "turns": lambda chat: list(chat.turns("c")),
    "models": lambda chat: chat.models(),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("asked", ASKED)
def test_every_question_ends_in_an_error_of_ours(asked: str, answer: str) -> None:
    """Whatever is there in the node's place: one line, no traceback."""
    with pytest.raises(OrchestratorError, match="the node"):
        ASKED[asked](remote(ANSWERS[answer]))


@pytest.mark.parametrize("answer", ["silent", "a proxy", "a list of problems", "a page", "depth"])
def test_so_does_every_word(answer: str) -> None:
    """A decision, and a message whose stream is none."""
    with pytest.raises(OrchestratorError, match="the node"):
        remote(ANSWERS[answer]).decide("q", allow=True)
    with pytest.raises(OrchestratorError, match="the node"):
        list(remote(says(200, b"data: <html>\n")).ask(ChatRequest(message="hello", device="terminal")))


def test_what_is_not_there_is_not_found() -> None:
    """With the node's own words."""
    with pytest.raises(NotFound, match="Not found: no such conversation"):
        list(remote(says(404, b'{"title": "Not found", "detail": "no such conversation"}')).turns("c"))


def test_a_long_conversation_is_read_to_its_end() -> None:
    """Page after page, each turn once."""
    asked: list[str] = []

    def node(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        asked.append(request.url.path)
        page = [
            {"seq": seq, "role": "user", "content": str(seq)} for seq in range(after + 1, min(after + 200, 450) + 1)
        ]
        return httpx.Response(200, content=json.dumps({"id": "c", "messages": page}))

    turns = list(remote(node).turns("c"))
    assert turns == [("user", str(seq)) for seq in range(1, 451)]
    assert set(asked) == {"/chat/conversations/c"}


def test_what_was_used_last() -> None:
    """Its id, its title and how many turns it has, without reading them."""
    listed = {"conversations": [{"id": "c", "title": "Ports", "turns": 450}]}
    assert remote(lambda _: httpx.Response(200, json=listed)).last("terminal") == LastConversation(
        id="c", title="Ports", turns=450
    )
    assert remote(lambda _: httpx.Response(200, json={"conversations": []})).last("terminal") is None
