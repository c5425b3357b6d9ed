"""Facts about missions that the node's own model does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from handoff.answers.admission import AnswerSources
from handoff.answers.extraction import SILENT
from handoff.answers.grounding import Unsupported
from missions.mission import Mission
from orchestrator.adapters.agents.builtin import BuiltinAgent, messages, outcome_of
from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import AgentJob
from orchestrator.core.ports.model import Generation, Prompt, Stop, Usage
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.workspace.clone import Workspaces
from tests.orchestrator.chat.conftest import ScriptedModel


@pytest.fixture
def job(tmp_path: Path) -> AgentJob:
    """A small question."""
    mission = Mission(name="ask", title="Say where the hammer is", body="Where is the hammer? One sentence.")
    context = "The hammer is in drawer 3."
    return AgentJob(mission=mission, attempt=1, project=None, context=context, folder=tmp_path, say=lambda line: None)


@pytest.mark.model
def test_answers(embedded: XLlamaCpp, job: AgentJob) -> None:
    """The line that answers comes first, with its place; what the toy adds only as far as a line bears it out."""
    said: list[str] = []
    outcome = BuiltinAgent(model=embedded, answer_tokens=40).run(replace(job, say=said.append), threading.Event())
    assert outcome.ok
    assert outcome.answer.startswith("- The hammer is in drawer 3. [handoff:1]")
    assert "\n".join(said).strip() == outcome.answer
    assert outcome.usage.tokens_out > 0
    assert outcome.usage.backend == "xllamacpp"
    assert "is a toy" in outcome.notes[-1]


def test_a_toy_says_nothing_that_no_line_says(job: AgentJob) -> None:
    """What the handoff does not say is said to be so, without asking the toy, which is not even loaded."""
    model = XLlamaCpp(EmbeddedModel())
    asks = replace(job, mission=replace(job.mission, title="Who is it?", body="Who founded the ship's crew?"))
    outcome = BuiltinAgent(model=model).run(asks, threading.Event())
    assert (outcome.ok, outcome.answer, outcome.summary) == (True, SILENT, SILENT)
    assert model._engine is None
    assert outcome.usage.tokens_out == 0


def test_the_ledger_answers_before_any_model(job: AgentJob) -> None:
    """Where the ledger has an answer of its own, that is the answer."""
    sources = AnswerSources(recorded="No mission is review.")
    outcome = BuiltinAgent(model=XLlamaCpp(EmbeddedModel())).run(replace(job, sources=sources), threading.Event())
    assert outcome.answer == "No mission is review."


@dataclass
class Invents(ScriptedModel):
    """Says one thing that the handoff says, and one that it does not."""

    says: str = "The hammer is in drawer 3. It was forged on the planet NuTar in 2028."


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (
            "mark",
            "The hammer is in drawer 3. [handoff:1] It was forged on the planet NuTar in 2028. [not in the handoff]",
        ),
        ("drop", "The hammer is in drawer 3. [handoff:1]"),
        ("off", "The hammer is in drawer 3. It was forged on the planet NuTar in 2028."),
    ],
)
def test_what_no_line_bears_out_is_marked_or_dropped(job: AgentJob, wanted: str, kept: str) -> None:
    """As `answers.grounded` says; of a toy only what a line says is kept, whatever it says."""
    sources = replace(job.answer_sources, unsupported=Unsupported(wanted))
    outcome = BuiltinAgent(model=Invents(name="large-70b")).run(replace(job, sources=sources), threading.Event())
    assert outcome.answer == kept
    toy = BuiltinAgent(model=Invents(name="tiny-135m")).run(replace(job, sources=sources), threading.Event())
    assert "NuTar" not in f"{toy.answer} {toy.summary} {toy.output}"
    assert toy.answer.startswith("- The hammer is in drawer 3.")


@dataclass
class Replaced(Invents):
    """A large model in whose place a toy answers: its usage says so."""

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """As a router does it."""
        made = super().generate(prompt, on_text=on_text, stop=stop)
        return replace(made, usage=replace(made.usage, model="tiny-135m"))


def test_a_toy_that_stood_in_is_held_to_the_lines(job: AgentJob) -> None:
    """Who answered counts, not who was asked."""
    outcome = BuiltinAgent(model=Replaced(name="large-70b")).run(job, threading.Event())
    assert outcome.answer.startswith("- The hammer is in drawer 3. [handoff:1]")
    assert "NuTar" not in f"{outcome.answer} {outcome.summary}"


def test_messages(job: AgentJob) -> None:
    """The handoff stands in the system message, before what changes from mission to mission."""
    system, user = messages(job)
    assert (system.role, user.role) == ("system", "user")
    assert system.content.endswith("The hammer is in drawer 3.")
    assert user.content == "Say where the hammer is\n\nWhere is the hammer? One sentence."
    same = replace(job, mission=replace(job.mission, title="Where?", body="Where? Now."))
    assert messages(same)[1].content == "Where? Now."
    told = messages(replace(same, sources=AnswerSources(recorded="No mission is review.")))[1].content
    assert told.index("No mission is review.") < told.index("Where? Now.")
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
    long = replace(job.mission, body="Where is the hammer? Tell a very long story, too. Use many lines, many words.")
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
    outcome = BuiltinAgent(model=embedded).run(replace(job, context=job.context + "word " * 3000), threading.Event())
    assert not outcome.ok
    assert "the model holds 2048" in outcome.error


def test_no_model(job: AgentJob, tmp_path: Path) -> None:
    """A model that cannot be loaded is a failed attempt that says why."""

    gone = XLlamaCpp(ModelFile(path=tmp_path / "gone.gguf"))
    outcome = BuiltinAgent(model=gone).run(job, threading.Event())
    assert not outcome.ok
    assert "gone.gguf cannot be loaded" in outcome.error
    assert "gone.gguf" in (BuiltinAgent(model=gone).missing() or "")
