"""Facts about rounds of a program that speaks the Agent Client Protocol: a stand-in for one, in the real sandbox."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.acp import conversation
from orchestrator.adapters.agents.acp.program import AcpProgram, last_words
from orchestrator.adapters.agents.program_agent import ProgramAgent
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.process import runner
from orchestrator.execution.programs.port import Launch, RoundRequest
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.ledger.config.agent_tables import AgentPart
from tests.agents.standin import Turn, model_api
from tests.orchestrator.adapters.agents.acp import scripted_agent
from tests.waiting import PATIENCE

KEY = "the-key-of-the-node"


@dataclass(kw_only=True)
class Desk:
    """A node with a scripted program on its PATH."""

    sandbox: Bubblewrap
    tmp: Path
    said: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """What the program wrote."""
        return (self.tmp / "job" / "output.log").read_text(errors="replace")

    def run(self, script: str, *, stop: threading.Event | None = None, seconds: int = 120) -> Outcome:
        """One attempt at a question."""
        table = AgentPart(command=("scripted-agent", script), apis=("openai",), model="right", mode="ask")
        program = AcpProgram(name="acp-scripted", table=table)
        assert program.missing() is None
        mission = Mission(
            name="ask", title="Is it so?", body="", task="general_task", agent="acp-scripted", timeout_seconds=seconds
        )
        folder = self.tmp / "job"
        folder.mkdir()
        job = AgentJob(mission=mission, attempt=1, project=None, context="", folder=folder, say=self.said.append)
        attempts = AttemptRunner(
            sandbox=self.sandbox, workspaces=Workspaces(cache=self.tmp / "cache"), node="desk", linger=1.0
        )
        return ProgramAgent(program=program, attempts=attempts).run(job, stop or threading.Event())


@pytest.fixture
def desk(bubblewrap: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with nothing on it."""
    places = tmp_path / "bin"
    places.mkdir()
    text = Path(scripted_agent.__file__).read_text(encoding="utf-8")
    program = places / "scripted-agent"
    program.write_text(text.replace("#!/usr/bin/env python3", f"#!{Path(sys.executable).resolve()}"), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{places}:/usr/bin:/bin")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return Desk(sandbox=bubblewrap, tmp=tmp_path)


def test_a_round(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are those that the line counted, the key stays outside, and a line of 20 MB harms nothing."""
    with model_api() as api:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1")
        outcome = desk.run("giant")
        assert (outcome.ok, outcome.error, outcome.answer) == (True, "", "It is so."), desk.output[-2000:]
        assert (outcome.usage.tokens_in, outcome.usage.tokens_out) == (1000, 50)
        assert outcome.usage.backend == "acp-scripted"
        assert (outcome.program, outcome.session) == ("acp-scripted 1.2.3", "s1")
        assert api.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in desk.output


@pytest.mark.parametrize(("status", "parked"), [(500, ""), (401, "log-in")])
def test_an_end_of_turn_after_an_error(desk: Desk, monkeypatch: pytest.MonkeyPatch, status: int, parked: str) -> None:
    """Is no success, whatever the program says: the line saw the last call refused. A log-in waits for a person."""
    with model_api() as api:
        api.play(Turn(status=status))
        monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1")
        outcome = desk.run("talks")
    assert not outcome.ok
    assert f"the model's API answered {status}: It is so." in outcome.error
    assert outcome.parked.partition(":")[0] == parked


def test_a_turn_without_its_model(desk: Desk) -> None:
    """Is no work, however well it ended."""
    assert "acp-scripted has not asked its model" in desk.run("asks_nobody").error


def test_a_program_that_dies(desk: Desk) -> None:
    """Its last words are told, and its exit code."""
    outcome = desk.run("dies")
    assert not outcome.ok
    assert "ended with exit code 3: Segmentation of the stand-in" in outcome.error


def test_a_program_that_says_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mission waits for a person, who has to look at its table."""
    monkeypatch.setattr(conversation, "START_SECONDS", 0.5)
    outcome = desk.run("silent")
    assert outcome.parked.startswith("acp-scripted has begun no session in ")
    assert outcome.parked.endswith("and says nothing: does its command speak the protocol?")


@pytest.mark.parametrize(("status", "ok"), [((500, 200), False), ((200, 500), True)])
def test_a_call_beside_the_work(desk: Desk, monkeypatch: pytest.MonkeyPatch, status: tuple[int, int], ok: bool) -> None:
    """Neither makes good what failed, nor spoils what went well."""
    answers = iter([Turn(status=each, text="A title.") for each in status])
    with model_api() as api:
        api.play(all_count=True)
        api.policy = lambda _asked: next(answers)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1")
        outcome = desk.run("asks_beside")
    assert outcome.ok is ok, outcome.error
    assert ("the model's API answered 500" in outcome.error) is not ok


def test_a_round_whose_time_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not done, although the program says a second later that its turn has ended, broken off."""
    late = [0.0]
    monkeypatch.setattr(runner, "FAREWELL_SECONDS", PATIENCE)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep))
    desk.said = Stopping("I begin.", lambda: late.append(late.pop() + 1000))  # type: ignore[assignment]
    with model_api() as api:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1")
        outcome = desk.run("calls_and_waits")
        assert api.asked
    assert '"stopReason": "cancelled"' in desk.output
    assert not outcome.ok
    assert "hung after its last event" not in "".join(outcome.notes)


def test_a_round_without_a_way_to_its_model(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no success, whatever the program says of it: its key was taken away after it was looked for."""
    begin = AcpProgram.launch

    def launch(self: AcpProgram, brief: RoundRequest) -> Launch:
        monkeypatch.delenv("OPENAI_API_KEY")
        return begin(self, brief)

    monkeypatch.setattr(AcpProgram, "launch", launch)
    outcome = desk.run("asks_nobody")
    assert not outcome.ok
    assert "acp-scripted had no way to its model: the node has no key for it" in outcome.parked


@pytest.mark.parametrize(("script", "cancels"), [("waits", True), ("deaf", False)])
def test_a_stop(desk: Desk, script: str, cancels: bool) -> None:
    """Breaks the turn off, so that its session is whole; a program that does not hear it is ended all the same."""
    stop = threading.Event()
    desk.said = Stopping("I begin.", stop.set)  # type: ignore[assignment]
    outcome = desk.run(script, stop=stop)
    assert (outcome.ok, outcome.cancelled) == (False, True)
    assert ('"stopReason": "cancelled"' in desk.output) is cancels


class Stopping(list[str]):
    """Lines that people see, up to the one at which somebody does something."""

    def __init__(self, line: str, then: Callable[[], None]) -> None:
        super().__init__()
        self._line, self._then = line, then

    def append(self, line: str) -> None:
        super().append(line)
        if self._line in line:
            self._then()


def test_last_words(tmp_path: Path) -> None:
    """Of what a run left, nothing else is read: a link may lead anywhere."""
    (tmp_path / "own").write_text("secret\n")
    (tmp_path / "errors").symlink_to("own")
    assert last_words(tmp_path / "errors") == ""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert (last_words(tmp_path / "folder"), last_words(tmp_path / "pipe")) == ("", "")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    (tmp_path / "log").write_text("first\n\x1b[31mlast\n\n")
    assert "last" in last_words(tmp_path / "log")
    assert last_words(tmp_path / "gone") == ""
