#!/usr/bin/env python3
"""A stand-in for a program that speaks the Agent Client Protocol, and does what its script says.

As a program it is `scripted-agent SCRIPT`, on its standard input and output; tests also speak with it in this process.
It needs the standard library alone, because it runs in the sandbox.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

Message = dict[str, Any]
Script = Generator[Message, Any, str]
"""Says messages; is sent the answer to those that ask; returns why the turn ended."""
OPTIONS = [
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "once", "name": "Once", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]
MODES = {
    "currentModeId": "auto",
    "availableModes": [{"id": "auto", "name": "A model approves"}, {"id": "ask", "name": "Asks"}],
}
MODEL_OPTION = {
    "id": "model",
    "name": "Model",
    "category": "model",
    "type": "select",
    "currentValue": "expensive",
    "options": [{"value": "expensive", "name": "E"}, {"value": "right", "name": "R"}],
}


class ScriptedAgent:
    """One process of it. `heard` are the messages that it got."""

    def __init__(self, script: str = "works", **changes: Any) -> None:
        self.script, self.changes = script, changes
        self.heard: list[Message] = []
        self.turn: Script | None = None
        self.prompt_id: Any = None
        self.waits_for = self.number = 0

    def take(self, line: str) -> list[str]:
        """What it says to one line."""
        message = json.loads(line)
        self.heard.append(message)
        return [said if isinstance(said, str) else json.dumps(said) for said in self._answer(message)]

    def _answer(self, message: Message) -> list[Any]:
        method, number = message.get("method"), message.get("id")
        if method is None:
            return self._go_on(message) if number == self.waits_for else []
        if method == "session/cancel":
            self.turn = None
            return [] if self.script == "deaf" else [self._result(self.prompt_id, {"stopReason": "cancelled"})]
        if method == "session/prompt" and self.turn is None:
            self.turn, self.prompt_id = SCRIPTS[self.script](self), number
            return self._go_on(None)
        if method == "_session/steering":
            return [self._result(number, {"outcome": self.changes.get("steered", "injected")})]
        return [self._result(number, self._opened(method))]

    def _opened(self, method: str) -> Message:
        if method == "initialize":
            offered = {"loadSession": self.changes.get("loads", True)}
            meta = {"steering": {"supported": self.changes.get("steers", False)}}
            return {"protocolVersion": self.changes.get("version", 1), "agentCapabilities": offered, "_meta": meta}
        if method in {"session/new", "session/load"}:
            modes = self.changes.get("modes", MODES)
            name = self.changes.get("session", "s1")
            return {"sessionId": name, "modes": modes, "configOptions": self.changes.get("options", [MODEL_OPTION])}
        return dict(self.changes.get("set", {}))

    def _go_on(self, reply: Message | None) -> list[Any]:
        """What the script says until it waits for an answer, or is over."""
        said: list[Any] = []
        assert self.turn is not None
        try:
            message = self.turn.send(reply) if reply is not None else next(self.turn)
            while True:
                said.append(message)
                if isinstance(message, dict) and "id" in message:
                    self.waits_for = message["id"]
                    return said
                message = next(self.turn)
        except StopIteration as over:
            self.turn = None
            return [*said, self._result(self.prompt_id, {"stopReason": over.value})] if over.value else said

    def _result(self, number: Any, result: Message) -> Message:
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def says(self, update: str, **fields: Any) -> Message:
        """An update of the session."""
        params = {"sessionId": "s1", "update": {"sessionUpdate": update, **fields}}
        return {"jsonrpc": "2.0", "method": "session/update", "params": params}

    def text(self, text: str) -> Message:
        """A piece of its answer."""
        return self.says("agent_message_chunk", content={"type": "text", "text": text})

    def asks(self, method: str, **params: Any) -> Message:
        """A question to the client."""
        self.number += 1
        return {"jsonrpc": "2.0", "id": 1000 + self.number, "method": method, "params": params}

    def permission(self, kind: str, title: str = "a call", options: list[Message] | None = None) -> Message:
        """May it do something? Without a kind, its call has told of that."""
        call = {"toolCallId": f"call{self.number}", "title": title, **({"kind": kind} if kind else {})}
        asked = OPTIONS if options is None else options
        return self.asks("session/request_permission", sessionId="s1", toolCall=call, options=asked)


def _ask_model(model: str = "right", *, tools: bool = True) -> int:
    """Calls its model, as the line has it; 0 where there is no line."""
    where = os.environ.get("OPENAI_BASE_URL")
    if not where:
        return 0
    offered = {"tools": [{"type": "x"}]} if tools else {}
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "model": model, **offered})
    call = urllib.request.Request(f"{where}/chat/completions", body.encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call, timeout=20) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def works(agent: ScriptedAgent) -> Script:
    """Asks its model, asks whether it may write, writes, and says so."""
    _ask_model()
    yield agent.text("I look at it.\n")
    yield agent.says("tool_call", toolCallId="call1", title="Write new.txt", kind="edit")
    answer = yield agent.permission("edit", "Write new.txt")
    if answer.get("result", {}).get("outcome", {}).get("optionId") == "once":
        Path("new.txt").write_text("right\n", encoding="utf-8")
    yield agent.text("It is ")
    yield agent.text("written.")
    return "end_turn"


def talks(agent: ScriptedAgent) -> Script:
    """Asks its model, whatever that answers, and says something."""
    _ask_model()
    yield agent.text("It is so.")
    return "end_turn"


def asks_beside(agent: ScriptedAgent) -> Script:
    """Asks its model, and then for a title."""
    _ask_model()
    yield agent.text("It is so.")
    _ask_model("small", tools=False)
    return "end_turn"


def calls_and_waits(agent: ScriptedAgent) -> Script:
    """Asks its model, and works without end."""
    _ask_model()
    yield agent.text("I begin.\n")
    return ""


def tells_kind_before(agent: ScriptedAgent) -> Script:
    """Says what kind its call is when it begins, and not when it asks."""
    yield agent.says("tool_call", toolCallId="call0", title="Look it up", kind="fetch")
    yield agent.permission("", "Look it up")
    return "end_turn"


def huge_ids(agent: ScriptedAgent) -> Script:
    """Has ways to be answered that are too long to be sent back."""
    options = [{"optionId": "x" * 1000, "name": "Once", "kind": "allow_once"}]
    yield agent.permission("edit", "Write", options)
    return "end_turn"


def asks_nobody(agent: ScriptedAgent) -> Script:
    """Says something without its model."""
    yield agent.text("It is so.")
    return "end_turn"


def fetches(agent: ScriptedAgent) -> Script:
    """Wants something from the network, and ends well all the same."""
    yield agent.permission("fetch", "Fetch example.org")
    return "end_turn"


def breaks_off(agent: ScriptedAgent) -> Script:
    """Is refused, and breaks its turn off."""
    yield agent.permission("fetch", "Fetch example.org")
    return "cancelled"


def only_always(agent: ScriptedAgent) -> Script:
    """Can be allowed for good, or not at all."""
    yield agent.permission("edit", "Write", [each for each in OPTIONS if each["optionId"] == "always"])
    return "end_turn"


def malformed(agent: ScriptedAgent) -> Script:
    """Writes what is no message, between those that are some."""
    broken: list[Any] = [
        "",
        "no JSON",
        '{"jsonrpc": "2.0", "id":',
        "[1]",
        "{}",
        '{"id": true, "result": 1}',
        "\x00\xff",
    ]
    broken += ['{"id": 99, "result": {}}', '{"method": 7}', '{"method": "session/update", "params": 3}']
    broken += ['{"method": "session/update", "params": {"sessionId": "s1", "update": []}}', "[" * 100_000]
    yield from broken
    yield from talks(agent)
    return "end_turn"


def giant(agent: ScriptedAgent) -> Script:
    """Writes a line that is longer than any may be."""
    yield '{"method": "' + "x" * 20_000_000 + '"}'  # type: ignore[misc]
    yield from talks(agent)
    return "end_turn"


def reads(agent: ScriptedAgent) -> Script:
    """Wants the client's files and terminal, which it was not offered."""
    for method in ("fs/read_text_file", "fs/write_text_file", "terminal/create", "elicitation/create", "own/thing"):
        answer = yield agent.asks(method, sessionId="s1", path="/etc/passwd", content="x", command="sh")
        yield agent.text(f"{method}: {answer.get('error', {}).get('code')}\n")
    return "end_turn"


def leaves_mode(agent: ScriptedAgent) -> Script:
    """Goes to a mode in which a model approves."""
    yield agent.says("current_mode_update", currentModeId="auto")
    yield agent.text("It is so.")
    return "end_turn"


def asks_without_end(agent: ScriptedAgent) -> Script:
    """Floods the client with questions."""
    while True:
        yield agent.asks("own/thing")


def dies(agent: ScriptedAgent) -> Script:
    """Dies in the middle of its turn."""
    yield agent.text("I begin.\n")
    print("Segmentation of the stand-in", file=sys.stderr, flush=True)
    os._exit(3)


def waits(agent: ScriptedAgent) -> Script:
    """Works without end, until it is told to stop."""
    yield agent.text("I begin.\n")
    return ""


def refuses(agent: ScriptedAgent) -> Script:
    """Its model refuses."""
    yield agent.text("No.")
    return "refusal"


ALL = (
    works,
    talks,
    asks_nobody,
    fetches,
    breaks_off,
    only_always,
    malformed,
    giant,
    reads,
    leaves_mode,
    asks_beside,
    calls_and_waits,
    tells_kind_before,
    huge_ids,
    dies,
    waits,
    refuses,
)
SCRIPTS: dict[str, Callable[[ScriptedAgent], Script]] = {each.__name__: each for each in (*ALL, asks_without_end)}
SCRIPTS["deaf"] = waits


def main() -> None:
    """Speaks on standard input and output."""
    script = sys.argv[1]
    if script == "--version":
        print("scripted-agent 1.2.3")
        return
    if script == "silent":
        time.sleep(600)
    agent = ScriptedAgent(script)
    for line in sys.stdin:
        for said in agent.take(line):
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
