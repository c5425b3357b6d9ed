"""How does the model of this node do a mission by itself?"""

from __future__ import annotations

from dataclasses import dataclass

from missions.mission import Mission
from orchestrator.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.ports import Generation, Job, Message, Model, Outcome, Prompt, Stop

ANSWER_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class BuiltinAgent:
    """Answers general tasks with the node's model. It has no tools yet, so it refuses to change code."""

    model: Model
    answer_tokens: int = ANSWER_TOKENS
    name: str = "builtin"

    def missing(self) -> str | None:
        """What its model lacks."""
        return self.model.missing()

    def run(self, job: Job, stop: Stop) -> Outcome:
        """One answer. Its lines are told as they come."""
        if job.mission.task == "coding_task":
            why = "the built-in agent cannot change code yet: name another agent in the mission (`agent: command`)"
            return Outcome(ok=False, summary="Not started.", error=why)
        if stop.is_set():
            return Outcome(ok=False, summary="Stopped.", error="stopped before it began", cancelled=True)
        lines = _Lines(job)
        try:
            asked = Prompt(messages=messages(job), max_tokens=self.answer_tokens)
            made = self.model.generate(asked, on_text=lines.take, stop=stop)
        except (ModelUnavailable, ContextTooLong, WrongPrompt) as error:
            return Outcome(ok=False, summary="The model gave no answer.", error=str(error))
        lines.close()
        return outcome_of(made)


def messages(job: Job) -> tuple[Message, ...]:
    """What the model is given: what stays the same from mission to mission first, so that its prompt cache holds."""
    return Message(role="system", content=job.context), Message(role="user", content=_task(job.mission))


def _task(mission: Mission) -> str:
    title, body = mission.title.strip(), mission.body.strip()
    return body if not title or body.startswith(title) else f"{title}\n\n{body}".strip()


def outcome_of(made: Generation) -> Outcome:
    """What an answer is worth: nothing said is nothing done."""
    text = made.text.strip()
    cancelled = made.finish == "cancelled"
    error = "stopped before it ended" if cancelled else "" if text else "the model answered nothing"
    return Outcome(
        ok=not error,
        summary=_first_sentence(text) or "No answer.",
        answer=text,
        error=error,
        cancelled=cancelled,
        notes=(
            *made.notes,
            *(("the answer ends where its token limit was reached",) if made.finish == "length" else ()),
        ),
        usage=made.usage,
    )


def _first_sentence(text: str) -> str:
    line = text.partition("\n")[0].strip()
    sentence = line.partition(". ")[0]
    shown = line if sentence == line else sentence + "."
    return shown if len(shown) <= 200 else shown[:199] + "…"


class _Lines:
    """Gathers pieces of text into the lines that people are told."""

    def __init__(self, job: Job) -> None:
        self._say, self._rest = job.say, ""

    def take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(line)

    def close(self) -> None:
        if self._rest:
            self._say(self._rest)
