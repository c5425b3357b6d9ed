"""Whatever a process in the sandbox sends, it is answered in one line, or not at all, and nothing is done for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.execution.bridge.mcp_answers import MAX_MESSAGES, VERSIONS, McpAnswers, ToolAnswer

TOOL = {"name": "recall", "inputSchema": {"type": "object"}}


def answers(asked: list[tuple[str, object]] | None = None) -> McpAnswers:
    """A server with one tool."""
    heard = asked if asked is not None else []

    def call(name: str, given: object) -> ToolAnswer:
        heard.append((name, given))
        return ToolAnswer(text="one\ntwo")

    return McpAnswers(name="shiftbook", version="1", instructions="Ask.", tools=[TOOL], call=call)


def told(server: McpAnswers, **said: object) -> dict[str, Any]:
    """The answer to a request; it is one line."""
    line = server.answer(json.dumps({"jsonrpc": "2.0", **said}).encode())
    assert line.count(b"\n") == 1
    return json.loads(line)  # type: ignore[no-any-return]


def test_a_session() -> None:
    """Its four methods, with ids as they came."""
    asked: list[tuple[str, object]] = []
    server = answers(asked)
    begun = told(server, id=0, method="initialize", params={"protocolVersion": VERSIONS[-1]})["result"]
    assert (begun["protocolVersion"], begun["capabilities"], begun["instructions"]) == (
        VERSIONS[-1],
        {"tools": {}},
        "Ask.",
    )
    assert told(server, id="a", method="ping") == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert told(server, id=1, method="tools/list")["result"] == {"tools": [TOOL]}
    said = told(server, id=2, method="tools/call", params={"name": "recall", "arguments": {"query": "x"}})
    assert said["result"] == {"content": [{"type": "text", "text": "one\ntwo"}], "isError": False}
    assert asked == [("recall", {"query": "x"})]


def test_a_version_that_is_not_known_is_answered_by_the_newest() -> None:
    """As the protocol has it: the client decides whether it can do with that."""
    for wanted in ("2099-01-01", 5, None, ["x"]):
        assert (
            told(answers(), id=0, method="initialize", params={"protocolVersion": wanted})["result"]["protocolVersion"]
            == (VERSIONS[0])
        )


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no json",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe{",
        b'{"id": 1}',
        b'{"id": 1, "method": 5}',
        b'{"id": [1], "method": "ping"}',
        b'{"id": true, "method": "ping"}',
        b'{"id": null, "method": "ping"}',
        b'{"id": "%s", "method": "ping"}' % (b"x" * 1000),
        b'{"id": 1, "method": "resources/read", "params": {"uri": "file:///x"}}',
        b'{"id": 1, "method": "tools/call"}',
        b'{"id": 1, "method": "tools/call", "params": {"name": "approve"}}',
        b'{"id": 1, "method": "tools/call", "params": {"name": ["recall"]}}',
    ],
)
def test_what_is_no_request_of_ours_is_an_error(said: bytes) -> None:
    """And no tool is called."""
    asked: list[tuple[str, object]] = []
    assert "error" in json.loads(answers(asked).answer(said))
    assert asked == []


def test_what_wants_no_answer_has_none_and_does_nothing() -> None:
    """A call without an id is no call."""
    asked: list[tuple[str, object]] = []
    said = {"method": "tools/call", "params": {"name": "recall", "arguments": {"query": "x"}}}
    assert answers(asked).answer(json.dumps(said).encode()) == b""
    assert asked == []


def test_a_run_is_read_so_often_and_no_more() -> None:
    """What comes after that costs the node nothing."""
    asked: list[tuple[str, object]] = []
    server = answers(asked)
    for _ in range(MAX_MESSAGES):
        server.answer(b"{}")
    assert "error" in told(server, id=1, method="tools/call", params={"name": "recall", "arguments": {}})
    assert asked == []
