"""The real programs that speak the Agent Client Protocol, in the real sandbox, against a stand-in for model APIs.

What is shown of which; `-`: gemini says "No previous sessions found for this project", as the attempt does then.


| case                                      | qwen | copilot | gemini | opencode | claude-agent-acp |
|-------------------------------------------|------|---------|--------|----------|------------------|
| a mission, end to end                     | yes  | yes     | yes    | yes      | yes              |
| its second round loads the session        | yes  | yes     | -      | yes      | yes              |
| hostile settings and hooks do not run     | yes  | yes     | yes    | yes      | yes              |
| tokens are the line's                     | yes  | yes     | yes    | yes      | yes              |
| log-in refused (401) parks                | yes  | yes     | yes    | yes      | yes              |
| what policy refuses is no success         | yes  | yes     | yes    | yes      | yes              |
| a stop breaks the turn off                | yes  | yes     | yes    | yes      | yes              |
"""

from __future__ import annotations

import threading

import pytest

from tests.agents.acp_hands import ACP_HANDS
from tests.agents.hostile import sprung, traps
from tests.agents.standin import Turn
from tests.agents.test_programs import NODE_KEY, Desk, Told, desk
from tests.llama_server import eventually
from tests.orchestrator.conftest import gone
from tests.waiting import PATIENCE

__all__ = ["desk"]
pytestmark = pytest.mark.nightly
"""A program takes a minute for its two rounds. The short form: tests/orchestrator/adapters/agents/acp, with a scripted
one in the real sandbox."""
LONG = 1200
"""Seconds for two rounds of a program that takes half a minute to start on a busy machine."""
FORGETFUL = frozenset({"acp-gemini"})
"""Those that do not find their session in a new process."""


def place(desk: Desk, name: str) -> str:
    """A file of the tree, as a model has to name it."""
    return str(desk.folder / "tree" / name)


@pytest.mark.parametrize("name", list(ACP_HANDS))
def test_a_mission(desk: Desk, name: str) -> None:
    """In a hostile repository: what the project's test refuses goes back to the same session, in a new process that
    loads it; the commit has both rounds' work, the line counted each call, no trap worked, no key was seen."""
    hands, told = ACP_HANDS[name], Told()
    desk.server.push(traps())
    desk.seconds = LONG
    rounds = 0 if name in FORGETFUL else 1
    wrong, right = hands.write(place(desk, "new.txt"), "x\n"), hands.write(place(desk, "right.txt"), "right\n")
    turns = [
        wrong,
        *[Turn(text="Done.")] * (1 + hands.besides),
        right,
        Turn(text="All is well now.", tokens_cached=100),
    ]
    turns = turns if rounds else turns[-2:]
    outcome = desk.run(hands, *turns, test="test -e right.txt", rounds=rounds, meter=told)
    assert (outcome.ok, outcome.error, outcome.parked) == (True, "", ""), desk.output()
    assert (outcome.rounds, outcome.tested, outcome.denials) == (rounds, True, ())
    assert set(outcome.files) == ({"new.txt", "right.txt"} if rounds else {"right.txt"})
    assert "All is well now." in outcome.answer
    assert outcome.session
    assert outcome.program.startswith(f"{name} ")
    calls = len(desk.api.asked)
    assert calls >= len(turns)
    assert outcome.usage.tokens_in >= calls * 1000
    assert outcome.usage.tokens_in == told.usage.tokens_in
    assert sprung(desk.tmp) == []
    assert gone(str(desk.folder))
    assert NODE_KEY not in outcome.diff + desk.output()


@pytest.mark.parametrize("name", list(ACP_HANDS))
def test_log_in(desk: Desk, name: str) -> None:
    """A key that is refused parks the mission, also where the program calls its turn finished."""
    outcome = desk.run(ACP_HANDS[name], Turn(status=401, error="authentication_error"), all_count=True)
    assert not outcome.ok
    assert outcome.parked.startswith("log-in: the model's API answered 401"), desk.output()


@pytest.mark.parametrize("name", list(ACP_HANDS))
def test_policy(desk: Desk, name: str) -> None:
    """A change that policy does not allow is refused, and the attempt is no success."""
    hands = ACP_HANDS[name]
    turns = [hands.write(place(desk, "new.txt"), "x\n"), Turn(text="Done.")]
    outcome = desk.run(hands, *turns, tools=("read", "search"))
    assert not outcome.ok
    assert outcome.denials, desk.output()
    assert not (desk.folder / "tree" / "new.txt").exists()


@pytest.mark.parametrize("name", list(ACP_HANDS))
def test_stopped(desk: Desk, name: str) -> None:
    """A stop ends a turn whose model hangs, and nothing is left."""
    stop = threading.Event()

    def watch() -> None:
        eventually(lambda: desk.api.asked)
        stop.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    outcome = desk.run(ACP_HANDS[name], Turn(hang=True), stop=stop)
    watcher.join(timeout=PATIENCE)
    assert (outcome.ok, outcome.cancelled) == (False, True), desk.output()
    assert '"stopReason":"cancelled"' in desk.output().replace(" ", "")
    assert gone(str(desk.folder))
