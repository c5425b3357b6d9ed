"""The real programs ask their fleet while they work, by the server of tools that they start inside the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from missions.lease import QUESTION_REASON
from missions.message import MessageState
from orchestrator.core.ports.agent import ProjectToolServer
from orchestrator.execution.bridge.bridge_socket import INSTRUCTIONS
from orchestrator.execution.bridge.person_question import NOBODY_YET
from orchestrator.execution.bridge.run_bridge import FRAME
from orchestrator.execution.message_box import MessageBox
from tests.agents.acp_hands import ACP_HANDS
from tests.agents.hands import HANDS
from tests.agents.standin import Asked, Turn
from tests.agents.test_programs import Desk, Speaker, desk
from tests.agents.test_warnings import given
from tests.orchestrator.conftest import bubblewrap, server
from tests.run_desks import ScriptedDesk

__all__ = ["bubblewrap", "desk", "server"]


def _codex(tool: str, arguments: dict[str, Any]) -> Turn:
    called = f"await tools.mcp__shiftbook__{tool}({json.dumps(arguments)})"
    return Turn(tool="exec", free=True, arguments={"input": f"text(JSON.stringify({called}));"})


CALLS: dict[str, Callable[[str, dict[str, Any]], Turn]] = {
    "claude": lambda tool, arguments: Turn(tool=f"mcp__shiftbook__{tool}", arguments=arguments),
    "codex": _codex,
    "qwen": lambda tool, arguments: Turn(tool=f"mcp__shiftbook__{tool}", arguments=arguments),
    "opencode": lambda tool, arguments: Turn(tool=f"shiftbook_{tool}", arguments=arguments),
}
"""How each program's model calls a tool of a server."""


def instructed(asked: Asked) -> bool:
    """Whether the model was given what the server says of itself."""
    return INSTRUCTIONS in json.dumps(asked.body, ensure_ascii=False)


NIGHTLY = ("opencode", "qwen")


@pytest.mark.parametrize(
    "name", ["claude", "codex", *(pytest.param(name, marks=pytest.mark.nightly) for name in NIGHTLY)]
)
def test_a_program_asks_its_fleet(desk: Desk, name: str) -> None:
    """What failed before comes back from the node, without network and without a denial; a mission that it proposes
    comes with the result; a question that nobody answers rests the mission, with the session kept."""
    call, journal = CALLS[name], ScriptedDesk()
    turns = [
        call("failed_here", {"action": "make all"}),
        call("file_mission", {"title": "Mend the build", "text": "It is killed."}),
        call("ask", {"question": "Which port?"}),
        Turn(text="I rest."),
    ]
    outcome = desk.run((HANDS | ACP_HANDS)[name], *turns, desk=journal)
    assert (outcome.parked, outcome.denials) == (f"{QUESTION_REASON}Which port?", ()), desk.output()
    assert journal.asked[0] == ("failed_here", "make all")
    assert instructed(desk.api.asked[0]) is (name != "qwen"), desk.output()  # which tells nothing until it is asked
    assert [FRAME in given(desk.api.asked, place) for place in range(2)] == [False, True], desk.output()
    assert NOBODY_YET in given(desk.api.asked, 3), desk.output()
    assert [one.name for one in outcome.proposals] == ["mend-the-build"]
    assert outcome.session


class Answered(list[str]):
    """What people who watch are told; one of them answers as soon as the agent was told to rest."""

    def __init__(self, box: MessageBox) -> None:
        super().__init__()
        self.box = box

    def append(self, line: str) -> None:
        super().append(line)
        if "[nobody has answered" in line:
            assert self.box.deliver("01", author="anna", text="Spell it THOROUGHLY.") is MessageState.QUEUED


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("late", [False, True])
def test_a_person_answers(desk: Desk, name: str, late: bool) -> None:
    """At once: the answer is that of the call. Later: the same conversation goes on with it, and nothing was parked."""
    box, hands = MessageBox(), HANDS[name]
    desk.said = Answered(box)
    is_asked = lambda: any("[asks a person" in line for line in desk.said)  # noqa: E731
    speaker = None if late else Speaker(box, is_asked, said=lambda: None)
    turns = [CALLS[name]("ask", {"question": "How?"}), *[Turn(text="I rest.")] * late]
    done = [hands.write("new.txt", "x\n"), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, *done, desk=ScriptedDesk(answer_seconds=0 if late else 90), steering=box)
    assert (outcome.ok, outcome.parked, outcome.files) == (True, "", ("new.txt",)), desk.output()
    told = ["anna says: Spell it THOROUGHLY." in given(desk.api.asked, place) for place in range(late + 2)]
    assert told == [False] * (late + 1) + [True], desk.output()
    assert speaker is None or speaker.state is MessageState.INJECTED


SERVER = """\
import json, sys
ME = {"name": "docs", "version": "1"}
for line in sys.stdin:
    said = json.loads(line)
    result = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": ME},
        "tools/list": {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in ("look_up", "drop")]},
        "tools/call": {"content": [{"type": "text", "text": "SERVED " + said.get("params", {}).get("name", "")}]},
    }.get(said["method"])
    if "id" in said:
        rest = {"error": {"code": -32601, "message": "no"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": said["id"], **rest}), flush=True)
"""


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_projects_own_server(desk: Desk, name: str) -> None:
    """It runs in the sandbox, from the project itself, beside ours; a model gets those of its tools that are named."""
    desk.server.push({"docs.py": SERVER})
    docs = ProjectToolServer(name="docs", command=("python3", "docs.py"), tools=("look_up",))
    first, second = (
        replace(turn, **{key: json.loads(json.dumps(value).replace("shiftbook", "docs"))})
        for tool in ("look_up", "drop")
        for turn in [CALLS[name](tool, {})]
        for key, value in [("tool", turn.tool) if name == "claude" else ("arguments", turn.arguments)]
    )
    desk.run(HANDS[name], first, second, Turn(text="Done."), servers=(docs,), desk=ScriptedDesk())
    assert "SERVED look_up" in given(desk.api.asked, 1), desk.output()
    assert "SERVED drop" not in given(desk.api.asked, 2), desk.output()
