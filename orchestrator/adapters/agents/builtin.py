"""How does the built-in agent do a mission with this node's own model?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from handoff.answers import admission
from handoff.answers.admission import OwnAnswer
from handoff.answers.citable import spoken_line
from handoff.answers.extraction import SILENT
from handoff.budget_fit import block
from handoff.evidence_check import stems
from orchestrator.adapters.agents.tool_worker import SMALL_CONTEXT_TOKENS, UNATTENDED_POLICY, ToolWorker
from orchestrator.chat.tools.tool import ToolPolicy
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.core.model_competence import Competence, is_toy_name
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Generation, Model, Prompt, PromptMessage, Stop
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.execution import prompts
from orchestrator.execution.attempt import AttemptRunner
from orchestrator.execution.outcome import first_sentence

MAX_ANSWER_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class BuiltinAgent:
    """Answers with the node's model; changes files with it and our tools, in a sandbox.

    `attempts` is how work in a workspace is carried out; None: this agent only answers.
    """

    model: Model
    answer_tokens: int = MAX_ANSWER_TOKENS
    attempts: AttemptRunner | None = None
    policy: ToolPolicy = UNATTENDED_POLICY
    name: str = "builtin"

    def missing(self) -> str | None:
        """What its model lacks."""
        return self.model.missing()

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """One attempt: an answer, whose lines are told as they come, or work with tools."""
        if stop.is_set():
            return Outcome(ok=False, summary="Stopped.", error="stopped before it began", cancelled=True)
        if self._needs_tools(job):
            return self._work(job, stop)
        return self._answer(job, stop)

    def _needs_tools(self, job: AgentJob) -> bool:
        """A coding task does; a question about a project where the model holds enough to look around in it."""
        able = self.attempts is not None and not self.attempts.sandbox.missing()
        asks = job.project is not None and able and self.model.context_tokens >= SMALL_CONTEXT_TOKENS
        return job.mission.task == "coding_task" or asks

    def _work(self, job: AgentJob, stop: Stop) -> Outcome:
        if self.attempts is None or (why := self.attempts.sandbox.missing()):
            why = "it only answers here" if self.attempts is None else why
            error = f"the built-in agent changes files in a sandbox only: {why}"
            return Outcome(ok=False, summary="Not started.", error=error)
        chosen = job.mission.chosen_agent == self.name
        if chosen and (weak := competence_of(self.model).no_coding_reason()):  # another model than when it was chosen
            return Outcome(ok=False, summary="Not started.", error=weak, parked=weak)
        worker = ToolWorker(
            model=self.model, sandbox=self.attempts.sandbox, node=self.attempts.node, policy=self.policy
        )
        outcome, judged = self.attempts.carry_out(job, stop, worker), competence_of(self.model)
        remarks = [judged.says() if judged.is_toy else "", _unrelated(job, outcome)]
        return replace(outcome, notes=(*outcome.notes, *filter(None, remarks)))

    def _answer(self, job: AgentJob, stop: Stop) -> Outcome:
        """An answer whose sentences hold: a toy's only after the lines themselves, anybody else's with citations."""
        competence = competence_of(self.model)
        own = _own_answer(job) if competence.is_toy else None
        if own and own.whole:
            job.say(own.text)
            notes = (f"no model was asked: {competence.says()}",)
            return Outcome(ok=True, summary=first_sentence(own.text), answer=own.text, notes=notes)
        return self._kept(job, self._generated(job, stop, quiet=own is not None), competence, own)

    def _kept(self, job: AgentJob, outcome: Outcome, competence: Competence, own: OwnAnswer | None) -> Outcome:
        """What of an answer may be written down."""
        if not outcome.answer:
            return outcome
        sources = job.answer_sources.and_lines(spoken_line(job.mission.body, "the mission"))
        if own is None and is_toy_name(outcome.usage.model):  # another model had to answer
            own = _own_answer(job)
        if own is None:
            text = admission.admitted(outcome.answer, sources, toy=False)
            return replace(outcome, answer=text, summary=first_sentence(text) or SILENT)
        toy = outcome.usage.model or competence.model
        added = "" if own.whole else admission.added_words(own.text, outcome.answer, sources, toy)
        text = "\n\n".join(filter(None, (own.text, added)))
        job.say(text)
        said = first_sentence(own.text.removeprefix("- "))
        return replace(outcome, answer=text, summary=said, notes=(*outcome.notes, competence.says()))

    def _generated(self, job: AgentJob, stop: Stop, *, quiet: bool) -> Outcome:
        lines = _LineBuffer(job, quiet=quiet)
        try:
            asked = Prompt(messages=messages(job), max_tokens=self.answer_tokens)
            made = self.model.generate(asked, on_text=lines.take, stop=stop)
        except (ModelUnavailable, ContextTooLong, WrongPrompt) as error:
            unanswered = isinstance(error, ModelUnavailable)
            return Outcome(ok=False, summary="The model gave no answer.", error=str(error), spared=unanswered)
        lines.close()
        return outcome_of(made)


def _unrelated(job: AgentJob, outcome: Outcome) -> str:
    """A word where a diff has none of the task's words, in its lines or its files' names."""
    changed = " ".join(line for line in outcome.diff.splitlines() if line.startswith(("+", "-")))
    if not changed or stems(job.mission.request) & stems(changed):
        return ""
    return "nothing in the diff has a word of the task: look whether it is what was asked for"


def _own_answer(job: AgentJob) -> OwnAnswer:
    """What the ledger and the handoff answer to a mission, by its text or else its title."""
    mission = job.mission
    asked = [text for text in (mission.body.strip(), mission.title.strip()) if text]
    found = (admission.own_answer(text, job.answer_sources) for text in asked)
    silent = OwnAnswer(text=SILENT, whole=True, found=False)
    return next((one for one in found if one.found), silent)


def messages(job: AgentJob) -> tuple[PromptMessage, ...]:
    """What the model is given: what stays the same from mission to mission first, so that its prompt cache holds."""
    recorded = job.sources.recorded if job.sources else ""
    facts = block("ledger", recorded).strip() if recorded else ""
    asked = "\n\n".join(part for part in (facts, job.mission.request, prompts.quoted_comment(job)) if part)
    return PromptMessage(role="system", content=job.context), PromptMessage(role="user", content=asked)


def outcome_of(made: Generation) -> Outcome:
    """What an answer is worth: nothing said is nothing done."""
    text = made.text.strip()
    cancelled = made.finish == "cancelled"
    error = "stopped before it ended" if cancelled else "" if text else "the model answered nothing"
    return Outcome(
        ok=not error,
        summary=first_sentence(text) or "No answer.",
        answer=text,
        error=error,
        cancelled=cancelled,
        notes=(
            *made.notes,
            *(("the answer ends where its token limit was reached",) if made.finish == "length" else ()),
        ),
        usage=made.usage,
    )


class _LineBuffer:
    """Gathers pieces of text into the lines that people are told."""

    def __init__(self, job: AgentJob, *, quiet: bool) -> None:
        self._say: Callable[[str], None] = (lambda line: None) if quiet else job.say
        self._rest = ""

    def take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(line)

    def close(self) -> None:
        if self._rest:
            self._say(self._rest)
