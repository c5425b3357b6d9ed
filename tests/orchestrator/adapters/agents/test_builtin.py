"""Facts about missions that the node's own model does."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.adapters.agents.builtin import BuiltinAgent, messages, outcome_of
from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.model import Generation, Usage
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.workspace.clone import Workspaces


@pytest.fixture
def job(tmp_path: Path) -> AgentJob:
    """A small question."""
    mission = Mission(name="ask", title="Say where the hammer is", body="Where is the hammer? One sentence.")
    context = "The hammer is in drawer 3."
    return AgentJob(mission=mission, attempt=1, project=None, context=context, folder=tmp_path, say=lambda line: None)


@pytest.mark.model
def test_answers(embedded: XLlamaCpp, job: AgentJob) -> None:
    """The answer, its first sentence and what it took come back, and lines are told on the way."""
    said: list[str] = []
    outcome = BuiltinAgent(model=embedded, answer_tokens=40).run(replace(job, say=said.append), threading.Event())
    assert outcome.ok
    assert outcome.answer
    assert outcome.answer.startswith(outcome.summary.rstrip(".…"))
    assert "\n".join(said).strip() == outcome.answer
    assert outcome.usage.tokens_out > 0
    assert outcome.usage.backend == "xllamacpp"


def test_messages(job: AgentJob) -> None:
    """The handoff stands in the system message, before what changes from mission to mission."""
    system, user = messages(job)
    assert (system.role, user.role) == ("system", "user")
    assert system.content.endswith("The hammer is in drawer 3.")
    assert user.content == "Say where the hammer is\n\nWhere is the hammer? One sentence."
    same = replace(job, mission=replace(job.mission, title="Where?", body="Where? Now."))
    assert messages(same)[1].content == "Where? Now."
    again = messages(replace(same, comment="Be brief."))[1].content
    assert again.startswith("Where? Now.\n\n# Why the last attempt was rejected\n\n> Be brief.")


def test_no_coding(job: AgentJob, tmp_path: Path) -> None:
    """A coding mission is refused where there is no sandbox, with the reason, and without loading the model."""
    model = XLlamaCpp(EmbeddedModel())
    workspaces = Workspaces(cache=tmp_path / "cache")
    attempts = AttemptRunner(sandbox=Bubblewrap(program="no-such-bwrap"), workspaces=workspaces, node="desk")
    coding = replace(job, mission=replace(job.mission, task="coding_task"))
    outcome = BuiltinAgent(model=model, attempts=attempts).run(coding, threading.Event())
    assert not outcome.ok
    assert "bubblewrap is not installed" in outcome.error
    assert "only answers" in BuiltinAgent(model=model).run(coding, threading.Event()).error
    assert model._engine is None


def test_stopped(job: AgentJob) -> None:
    """A mission that was cancelled says so."""
    stop = threading.Event()
    stop.set()
    outcome = BuiltinAgent(model=XLlamaCpp(EmbeddedModel())).run(job, stop)
    assert outcome.cancelled
    assert not outcome.ok


@pytest.mark.model
def test_stopped_on_the_way(embedded: XLlamaCpp, job: AgentJob) -> None:
    """A stop while the model works is a cancelled attempt, not a done one."""
    stop = threading.Event()
    long = replace(job.mission, body="Tell me a very long story. Use many lines and many words.")
    timer = threading.Timer(0.15, stop.set)
    timer.start()
    outcome = BuiltinAgent(model=embedded).run(replace(job, mission=long), stop)
    timer.join()
    assert outcome.cancelled
    assert not outcome.ok


def test_says_nothing() -> None:
    """A model that answers nothing has not done the mission; one that was cut off has, and a note says so."""
    nothing = outcome_of(Generation(text=" \n", finish="stop", usage=Usage()))
    assert (nothing.ok, nothing.error) == (False, "the model answered nothing")
    cut = outcome_of(Generation(text="It is in drawer 3. Then", finish="length", usage=Usage()))
    assert (cut.ok, cut.summary) == (True, "It is in drawer 3.")
    assert "token limit" in cut.notes[0]


@pytest.mark.model
def test_too_long(embedded: XLlamaCpp, job: AgentJob) -> None:
    """A handoff that does not fit is a failed attempt that names both numbers."""
    outcome = BuiltinAgent(model=embedded).run(replace(job, context="word " * 3000), threading.Event())
    assert not outcome.ok
    assert "the model holds 2048" in outcome.error


def test_no_model(job: AgentJob, tmp_path: Path) -> None:
    """A model that cannot be loaded is a failed attempt that says why."""

    gone = XLlamaCpp(ModelFile(path=tmp_path / "gone.gguf"))
    outcome = BuiltinAgent(model=gone).run(job, threading.Event())
    assert not outcome.ok
    assert "gone.gguf cannot be loaded" in outcome.error
    assert "gone.gguf" in (BuiltinAgent(model=gone).missing() or "")
