"""An attempt whose agent asked a person rests, or goes on where the answer came after all."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from missions.mission import Mission
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.message_box import MessageBox
from orchestrator.execution.programs.port import ParsedOutput
from orchestrator.execution.turn import RoundResult, question_reason
from orchestrator.execution.workspace.attempt_dir import AttemptDir
from orchestrator.execution.workspace.clone import Workspaces

ASKS = RoundResult(told=ParsedOutput(ended=True, session="s"), parked=question_reason("Which?"), asks="Which?")
DONE = RoundResult(told=ParsedOutput(ended=True, session="s", answer="Done."))


@dataclass(kw_only=True)
class Asking:
    """A worker that asks, round after round, as long as nobody has answered. `answers` is who does so in between."""

    box: MessageBox
    answers: bool
    prompts: list[str] = field(default_factory=list)
    name: str = "claude"
    repeats: bool = True

    def version(self) -> str:
        return ""

    def begin(self, job: AgentJob) -> str:
        return "Begin."

    def work(self, prompt: str, site: AttemptDir, bounds: AttemptLimits) -> RoundResult:
        self.prompts.append(prompt)
        if "8080" in prompt:
            return DONE
        if self.answers:
            self.box.deliver("01", author="anna", text="8080")
        return ASKS


def attempted(tmp: Path, *, answers: bool) -> tuple[Outcome, Asking]:
    """What comes of one attempt."""
    box = MessageBox()
    worker = Asking(box=box, answers=answers)
    mission = Mission(name="fix", title="Fix", body="x", agent="claude")
    folder = tmp / "job"
    folder.mkdir()
    job = AgentJob(
        mission=mission, attempt=1, project=None, context="", folder=folder, say=lambda _line: None, steering=box
    )
    runner = AttemptRunner(sandbox=NoSandbox(), workspaces=Workspaces(cache=tmp / "cache"), node="desk")
    return runner.carry_out(job, threading.Event(), worker), worker


def test_a_question_that_nobody_answers_parks(tmp_path: Path) -> None:
    """With its reason and the session, and no second round: that would cost money."""
    outcome, worker = attempted(tmp_path, answers=False)
    assert (outcome.ok, outcome.parked, outcome.session) == (False, "it asks: Which?", "s")
    assert worker.prompts == ["Begin."]


def test_an_answer_that_came_late_is_told_in_a_round_of_its_own(tmp_path: Path) -> None:
    """The same session goes on with it; it is no repair."""
    outcome, worker = attempted(tmp_path, answers=True)
    assert (outcome.ok, outcome.parked, outcome.rounds, outcome.answer) == (True, "", 0, "Done.")
    assert len(worker.prompts) == 2
    assert "> anna says: 8080" in worker.prompts[1]
