"""Facts about a round's talk with a program, against a scripted stand-in for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.adapters.agents.acp import answer_text, conversation, permissions
from orchestrator.adapters.agents.acp.answer_text import AnswerText
from orchestrator.adapters.agents.acp.conversation import AcpConversation, SessionPlan
from orchestrator.adapters.agents.acp.session_settings import SessionSettings
from orchestrator.execution.programs.port import ErrorKind, ParsedOutput, ToolServer
from tests.orchestrator.adapters.agents.acp.scripted_agent import MODEL_OPTION, MODES, ScriptedAgent

SETTINGS = SessionSettings(mode="ask", model="right")


WAYS: dict[str, Any] = {
    "options": [
        MODEL_OPTION,
        {"id": "way", "category": "mode", "currentValue": "ask", "options": [{"value": "auto"}, {"value": "ask"}]},
        {"id": "approval", "currentValue": "ask", "options": [{"value": "auto"}, {"value": "ask"}]},
        {"id": "effort", "category": "thought_level", "currentValue": "low", "options": [{"value": "auto"}]},
    ]
}
"""Options, of which some are what has a key of its own."""


@dataclass(kw_only=True)
class Talk:
    """A conversation with a stand-in, in this process. `shown` is what people see."""

    agent: ScriptedAgent
    conversation: AcpConversation
    shown: list[str] = field(default_factory=list)
    closed: bool = False
    waiting: list[str] = field(default_factory=list)

    def send(self, data: bytes) -> bool:
        """What the agent's standard input is."""
        if not self.closed:
            self.waiting.extend(self.agent.take(data.decode()))
        return not self.closed

    def finish(self) -> None:
        """The end of its input."""
        self.closed = True

    def pump(self) -> None:
        """Hears the agent until it has nothing more to say."""
        while self.waiting:
            self.shown.append(self.conversation.take(self.waiting.pop(0)))

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What the agent was asked or told with a method."""
        return [each.get("params", {}) for each in self.agent.heard if each.get("method") == method]

    def ended(self) -> ParsedOutput:
        """What is known when the program has exited."""
        return self.conversation.told(0)


def talk(script: str = "works", *, begin: bool = True, plan: Mapping[str, Any] | None = None, **changes: Any) -> Talk:
    """A talk up to its end, or to where the agent waits."""
    planned = SessionPlan(
        **{"name": "acp-x", "prompt": "Do it.", "tree": "/tree", "settings": SETTINGS, **(plan or {})}
    )
    made = Talk(agent=ScriptedAgent(script, **changes), conversation=AcpConversation(planned))
    if begin:
        made.conversation.begin(made.send, made.finish)
        made.pump()
    return made


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stand-in writes lands here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_a_turn(tmp_path: Path) -> None:
    """A permission is given once and never for good; the answer is what is said after the last call; the input ends."""
    found = talk()
    told = found.ended()
    assert (told.ended, told.error, told.denials, told.session) == (True, "", (), "s1")
    assert told.answer == "It is written."
    assert [each for each in found.shown if each] == ["I look at it.", "[Write new.txt]", "It is written."]
    assert (tmp_path / "new.txt").exists()
    assert found.closed


def test_nothing_is_offered() -> None:
    """No files of the client and no terminal."""
    offered = talk().asked("initialize")[0]["clientCapabilities"]
    assert not any(offered.get("fs", {}).values())
    assert not offered.get("terminal")


def test_a_session_has_the_servers_of_its_round() -> None:
    """New or loaded; as the protocol has them."""
    server = ToolServer(name="shiftbook", command=("python", "-I", "client.py"), environment={"A": "b"})
    for method, plan in (("session/new", {}), ("session/load", {"session": "s1"})):
        asked = talk(plan={**plan, "servers": (server,)}).asked(method)[0]
        assert asked["mcpServers"] == [
            {
                "name": "shiftbook",
                "command": "python",
                "args": ["-I", "client.py"],
                "env": [{"name": "A", "value": "b"}],
            }
        ]


def test_mode_and_model_are_set_before_the_prompt() -> None:
    """Always, also where the session says that it has them, and also in one that was loaded."""
    for plan in ({}, {"session": "s1"}):
        found = talk(plan=plan, modes={**MODES, "currentModeId": "ask"})
        methods = [each.get("method") for each in found.agent.heard if each.get("method")]
        opens = "session/load" if plan else "session/new"
        assert methods == ["initialize", opens, "session/set_config_option", "session/set_mode", "session/prompt"]
        assert found.asked("session/set_mode")[0]["modeId"] == "ask"
        assert found.asked("session/set_config_option")[0]["value"] == "right"


@pytest.mark.parametrize(
    ("settings", "changes", "says"),
    [
        (SessionSettings(mode="gone", model="right"), {}, "has no mode 'gone': there are auto, ask"),
        (SessionSettings(model="right"), {}, "fleet.toml names none: there are auto, ask"),
        (SessionSettings(mode="ask", model="right"), {"modes": None}, "has no mode 'ask': there are none"),
        (SessionSettings(mode="ask", model="other"), {}, "has no model 'other': there are expensive, right"),
        (SessionSettings(mode="ask", model="right"), {"options": []}, "cannot be told its model"),
        (SessionSettings(mode="ask", model="right", options={"a": "b"}), {}, "has no option 'a'"),
        (SessionSettings(mode="ask", model="right", options={"way": "auto"}), WAYS, "'way' is its mode"),
        (SessionSettings(mode="ask", model="right", options={"model": "expensive"}), {}, "'model' is its model"),
        (SessionSettings(mode="ask", model="right", options={"approval": "auto"}), WAYS, "a model may say"),
        (SETTINGS, {"session": "s" * 201}, "without a name that can be used"),
    ],
)
def test_a_session_that_is_not_as_the_table_says(settings: SessionSettings, changes: dict[str, Any], says: str) -> None:
    """It gets no prompt, and the error says what to mend."""
    found = talk("talks", plan={"settings": settings}, **changes)
    assert not found.asked("session/prompt")
    assert says in found.ended().error
    assert not found.ended().ended
    assert found.closed


def test_a_mode_that_it_leaves_is_set_back() -> None:
    """A model approves there."""
    found = talk("leaves_mode")
    assert [each["modeId"] for each in found.asked("session/set_mode")] == ["ask", "ask"]
    assert "[its mode became auto, and is set back to ask]" in found.shown
    assert found.ended().ended
    assert found.closed


def test_an_option_that_is_no_mode() -> None:
    """May be `auto`: how much a model thinks."""
    found = talk(
        "talks", plan={"settings": SessionSettings(mode="ask", model="right", options={"effort": "auto"})}, **WAYS
    )
    assert "auto" in [each["value"] for each in found.asked("session/set_config_option")]
    assert found.ended().ended


@pytest.mark.parametrize("modes", [MODES, None])
def test_a_mode_that_it_leaves_before_the_prompt(modes: dict[str, Any] | None) -> None:
    """Is set again, whether it says so itself or with what it answers; one that never takes it gets no prompt."""
    found = talk("talks", begin=False, modes=modes, **WAYS)
    found.conversation.begin(found.send, found.finish)
    while not (found.asked("session/set_mode") or len(found.asked("session/set_config_option")) == 2):
        found.shown.append(found.conversation.take(found.waiting.pop(0)))
    found.waiting.insert(0, json.dumps(found.agent.says("current_mode_update", currentModeId="auto")))
    found.pump()
    assert "[its mode became auto, and is set back to ask]" in found.shown
    assert found.ended().ended
    way = {"id": "way", "category": "mode", "currentValue": "auto"}
    never = talk("talks", modes=modes, set={"configOptions": [way]}, **WAYS)
    assert "it does not stay in the mode ask" in never.ended().error
    assert not never.asked("session/prompt")
    assert never.closed


@pytest.mark.parametrize(
    ("script", "tools", "denied"),
    [
        ("fetches", None, ("fetch: Fetch example.org",)),
        ("works", ("read", "search"), ("edit: Write new.txt",)),
        ("works", ("write",), ()),
        ("only_always", None, ("edit: Write",)),
        ("huge_ids", None, ("edit: Write",)),
        ("tells_kind_before", None, ("fetch: Look it up",)),
    ],
)
def test_policy_answers(script: str, tools: tuple[str, ...] | None, denied: tuple[str, ...], tmp_path: Path) -> None:
    """What it does not allow is refused and remembered, although the turn ends well; what can only be allowed for
    good is refused."""
    found = talk(script, plan={"tools": tools})
    assert found.ended().denials == denied
    answers = [each["result"]["outcome"].get("optionId") for each in found.agent.heard if "result" in each]
    assert answers == [None if script in {"only_always", "huge_ids"} else "no" if denied else "once"]
    assert (tmp_path / "new.txt").exists() is (script == "works" and not denied)


def test_a_turn_that_is_broken_off_is_a_denial() -> None:
    """Where nobody of ours broke it off."""
    told = talk("breaks_off").ended()
    assert told.denials[-1] == "the turn was broken off after a refusal"
    assert told.error


def test_what_is_no_message() -> None:
    """Is passed by."""
    told = talk("malformed").ended()
    assert (told.ended, told.answer, told.error) == (True, "It is so.", "")


def test_what_was_not_offered() -> None:
    """Is refused with the protocol's own error, and stops nothing."""
    found = talk("reads")
    assert found.ended().ended
    assert found.ended().answer.count("-32601") == 5
    assert "[it asked for fs/read_text_file, which it is not offered]" in found.shown


def test_another_version_of_the_protocol() -> None:
    """No session is opened."""
    found = talk(version=2)
    assert found.ended().error == "it speaks version 2 of the protocol, and Shiftbook 1"
    assert not found.asked("session/new")
    assert found.closed


def test_a_session_that_cannot_be_loaded() -> None:
    """Says so before anything is done, and then has no name: the next round gets the whole prompt."""
    found = talk(plan={"session": "s1"}, loads=False)
    assert (found.ended().error, found.ended().ended) == ("it cannot go on with a session", False)
    assert talk(loads=False).ended().session == ""


def test_the_past_of_a_loaded_session_is_no_answer() -> None:
    """It is told again before the session is open."""
    found = talk("talks", begin=False, plan={"session": "s1"})
    found.conversation.begin(found.send, found.finish)
    load = found.waiting.pop()  # initialize's answer
    found.conversation.take(load)
    past = json.dumps(found.agent.text("What was said long ago."))
    found.waiting.insert(0, past)
    found.pump()
    assert found.ended().answer == "It is so."


def test_cancel() -> None:
    """The turn is broken off, the input ends, and nothing of it counts as done."""
    found = talk("waits")
    assert not found.closed
    assert found.conversation.cancel()
    found.pump()
    assert found.closed
    told = found.conversation.told(None)
    assert (told.ended, told.denials, told.session, told.answer) == (False, (), "s1", "I begin.")
    assert not found.ended().ended
    assert not talk("talks").conversation.cancel(), "there is no turn to break off"


def test_a_persons_word() -> None:
    """Goes into the turn where the program has a way for it; what it did not take in waits for the next round."""
    assert not talk("waits").conversation.say("Spell it out.")
    found = talk("waits", steers=True)
    assert found.conversation.say("Spell it out.")
    assert found.asked("_session/steering")[0]["prompt"] == [{"type": "text", "text": "Spell it out."}]
    assert found.conversation.unheard == ("Spell it out.",)
    found.pump()
    assert found.conversation.unheard == ()
    late = talk("waits", steers=True, steered="promptRequired")
    assert late.conversation.say("Spell it out.")
    late.pump()
    assert late.conversation.unheard == ("Spell it out.",)
    assert not talk("talks", steers=True).conversation.say("Too late.")


def test_a_program_that_never_begins() -> None:
    """Is given up after its time, with what it said; one that has begun is not."""
    now = [0.0]
    silent = AcpConversation(SessionPlan(name="acp-x", prompt="", tree="/"), clock=lambda: now[0])
    silent.begin(lambda _data: True, lambda: None)
    silent.take("Usage: not an agent")
    assert silent.blocked() == ""
    now[0] = conversation.START_SECONDS
    assert silent.blocked() == "acp-x has begun no session in 300 s: Usage: not an agent"
    assert talk("waits").conversation.blocked() == ""


def test_a_program_that_is_slow_to_begin() -> None:
    """Has its time for as long as it speaks, but not for ever."""
    now = [0.0]
    slow = AcpConversation(SessionPlan(name="acp-x", prompt="", tree="/"), clock=lambda: now[0])
    slow.begin(lambda _data: True, lambda: None)
    while now[0] < conversation.MAX_START_SECONDS - 200:
        now[0] += 200
        slow.take('{"jsonrpc": "2.0", "method": "_own/progress"}')
        assert slow.blocked() == "", now
    now[0] += 200
    slow.take('{"jsonrpc": "2.0", "method": "_own/progress"}')
    assert "has begun no session in 1200 s" in slow.blocked()


@pytest.mark.parametrize("number", [[["x"]], {"a": 1}, True, 1.5, 2**63, "x" * 201])
def test_a_question_under_an_id_that_is_none(number: object) -> None:
    """Would have to come back with the answer, whatever it is: the round has failed instead."""
    found = talk("waits")
    before = len(found.agent.heard)
    found.conversation.take(json.dumps({"jsonrpc": "2.0", "id": number, "method": "own/thing"}))
    assert len(found.agent.heard) == before
    assert "under an id that the protocol does not know" in found.ended().error
    assert found.closed


@pytest.mark.parametrize("number", [7, -1, "own-7", None])
def test_a_question_under_a_plain_id(number: object) -> None:
    """Is answered under the same, also where its method is none."""
    found = talk("waits")
    for method in ("own/thing", [["x"]]):
        found.conversation.take(json.dumps({"jsonrpc": "2.0", "id": number, "method": method}))
        assert (found.agent.heard[-1]["id"], found.agent.heard[-1]["error"]["code"]) == (number, -32601)
    assert not found.closed


def test_a_program_that_reads_nothing() -> None:
    """Gets nothing more once no more can wait for it, and such a round is no success."""
    found = talk("waits")
    found.closed = True  # as a feed is that is full
    found.conversation.take('{"jsonrpc": "2.0", "id": 9, "method": "own/thing"}')
    assert (found.ended().ended, found.ended().error) == (False, "it does not read what it is told")
    assert found.conversation.told(None).error == "it does not read what it is told"


def test_words_that_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty pieces and ids of calls are not kept, and an answer is not put together anew for each line."""
    text = AnswerText()
    for _ in range(100):
        text.take({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""}})
    text.take({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "It is so."}})
    assert text.answer is text.answer == "It is so."
    monkeypatch.setattr(answer_text, "MAX_CALLS", 3)
    for number in range(10):
        assert text.take({"sessionUpdate": "tool_call", "toolCallId": f"{number}" * 1000, "title": "x"})
    assert text.take({"sessionUpdate": "tool_call", "toolCallId": "0" * 1000, "title": "x"}) == ""
    kept = vars(text)["_calls"]
    assert (len(kept), max(map(len, kept))) == (3, answer_text.MAX_ID_CHARS)
    found = talk("waits")
    assert (found.conversation.told(None).answer, found.ended().answer) == ("", "I begin.")


def test_kinds_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones are remembered, none with a name without end; the last word on one counts."""
    monkeypatch.setattr(permissions, "MAX_CALLS", 3)
    kinds = permissions.CallKinds()
    for number in range(5):
        kinds.take({"sessionUpdate": "tool_call", "toolCallId": f"call{number}", "kind": "read"})
    kinds.take({"sessionUpdate": "tool_call_update", "toolCallId": "call3", "kind": "fetch"})
    kinds.take({"sessionUpdate": "tool_call", "toolCallId": "x" * 201, "kind": "read"})
    kinds.take({"sessionUpdate": "plan", "toolCallId": "call4", "kind": "edit"})
    assert [kinds.of(each) for each in ("call1", "call3", "call4", "x" * 201)] == ["", "fetch", "read", ""]


def test_questions_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are answered for a while."""
    monkeypatch.setattr(conversation, "MAX_ASKED", 50)
    found = talk("asks_without_end")
    assert "more than 50 questions" in found.ended().error
    assert found.closed


def test_an_end_that_is_none() -> None:
    """A refusal is no success, and one that asked too often is told as what it is."""
    assert talk("refuses").ended().error == "its model refused to go on"
    found = talk("waits")
    found.conversation.take('{"jsonrpc": "2.0", "id": 5, "result": {"stopReason": "max_turn_requests"}}')
    assert found.ended().trouble is ErrorKind.TURNS


def test_an_error_for_an_answer() -> None:
    """Has its words, and ends the round."""
    found = talk("waits")
    said = {"code": -32603, "message": "Internal error", "data": {"details": "Connection error."}}
    found.conversation.take(json.dumps({"jsonrpc": "2.0", "id": 5, "error": said}))
    assert found.ended().error == "Internal error: Connection error."
    assert found.closed


def test_what_it_said_last() -> None:
    """Stands for a program that died."""
    found = AcpConversation(SessionPlan(name="acp-x", prompt="", tree="/"), last_words=lambda: "Segmentation fault")
    assert (found.told(139).error, found.told(None).error) == ("Segmentation fault", "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["s1", "end_turn", "cancelled"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["sessionId", "update", "outcome", "modes", "message", "data"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
METHODS = st.sampled_from(["session/update", "session/request_permission", "fs/read_text_file", "x"]) | VALUES


@settings(max_examples=20)
@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("id", "result", "error", "params"), VALUES) | {"method": METHODS}
        ),
        max_size=6,
    )
)
def test_anything_at_all(messages: list[dict[str, Any]]) -> None:
    """No message raises, whatever it is, and none makes a success of a turn that was not."""
    found = talk("waits")
    for each in messages:
        found.conversation.take(json.dumps(each))
    ended = found.ended().ended
    assert not ended or any(each.get("id") == 5 for each in messages)
