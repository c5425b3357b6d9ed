"""What is a model good for: work on code, answers, or only to show that it works?

By what it is (parameters, context) and by what it did once in `shiftbook models check`. A check can raise a model of
unknown size, and lower any; it never makes more of a small one than its size does, because a short battery is passed by
luck, too.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ANSWER_PARAMETERS, CODING_PARAMETERS = 1_000_000_000, 7_000_000_000
"""Parameters from which on a model may answer in its own words, and may change a project unasked."""
CODING_CONTEXT_TOKENS = 16_384
"""Tokens of context that work on code takes."""
PASS_SHARE = 0.75
"""Of the tasks of one kind in a check, so many must be right."""
BETTER_MODEL = "`shiftbook models pull …` or Ollama (`ollama pull qwen2.5-coder:7b`)"
CODING_AGENTS = "claude, codex, gemini, opencode, aider, qwen, copilot"
_SIZE = re.compile(r"(?<![a-z0-9.])(?:\d+x)?(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", re.IGNORECASE)


class GoodFor(StrEnum):
    """What a model may be given. In this order each may do less."""

    CODING = "coding"
    ANSWERS = "answers"
    UNKNOWN = "not measured"
    TOY = "toy"


@dataclass(frozen=True, kw_only=True)
class ModelCheck:
    """What a model did in one check: right of asked, for each kind of task."""

    when: datetime
    tools: tuple[int, int]
    answers: tuple[int, int]
    silence: tuple[int, int]
    """How often it said that a text does not say what was asked."""
    seconds: float = 0.0

    @property
    def uses_tools(self) -> bool:
        """Whether it calls tools as it should."""
        return _passed(self.tools)

    @property
    def is_truthful(self) -> bool:
        """Whether it answers from what it is given, and says what it is not given."""
        return _passed(self.answers) and _passed(self.silence)

    def says(self) -> str:
        """The results in one line."""
        kinds = (("tools", self.tools), ("answers", self.answers), ("silence", self.silence))
        return ", ".join(f"{name} {right}/{asked}" for name, (right, asked) in kinds)


def _passed(result: tuple[int, int]) -> bool:
    right, asked = result
    return asked > 0 and right >= PASS_SHARE * asked


@dataclass(frozen=True, kw_only=True)
class Competence:
    """A model with what it is good for. `parameters` is 0 where nobody says."""

    model: str = ""
    parameters: int = 0
    context_tokens: int = 0
    check: ModelCheck | None = None
    better_here: str = ""
    """A better model that is here and is not chosen."""

    @property
    def good_for(self) -> GoodFor:
        """The best that it may be given."""
        if self.parameters and self.parameters < ANSWER_PARAMETERS:
            return GoodFor.TOY
        if self.check is None:
            return self._by_size
        if not self.check.is_truthful:
            return GoodFor.TOY
        large = not self.parameters or self.parameters >= CODING_PARAMETERS
        codes = large and self.check.uses_tools and self.context_tokens >= CODING_CONTEXT_TOKENS
        return GoodFor.CODING if codes else GoodFor.ANSWERS

    @property
    def _by_size(self) -> GoodFor:
        if not self.parameters:
            return GoodFor.UNKNOWN
        large = self.parameters >= CODING_PARAMETERS and self.context_tokens >= CODING_CONTEXT_TOKENS
        return GoodFor.CODING if large else GoodFor.ANSWERS

    @property
    def is_toy(self) -> bool:
        """Whether nothing that it says is kept unless a line bears it out."""
        return self.good_for is GoodFor.TOY

    @property
    def codes(self) -> bool:
        """Whether it may be given work on code unasked."""
        return self.good_for is GoodFor.CODING

    def says(self) -> str:
        """What it is good for, and where a better one comes from, in one line."""
        return f"{self.verdict}; {self.way_to_better}" if self.is_toy else self.verdict

    @property
    def way_to_better(self) -> str:
        """What gives a better model: choosing one that is here, or fetching one."""
        if self.better_here:
            return unchosen(self.better_here)
        return f"better: {BETTER_MODEL}"

    @property
    def verdict(self) -> str:
        """What it is good for, as a sentence."""
        name = self.model or "this model"
        return {
            GoodFor.TOY: f"{name} is a toy: it shows that everything works, and is not for answers",
            GoodFor.ANSWERS: f"{name} is good for answers, not for work on code",
            GoodFor.UNKNOWN: f"nobody knows what {name} is good for: `shiftbook models check` measures it",
            GoodFor.CODING: f"{name} is good for answers and for work on code",
        }[self.good_for]

    def no_coding_reason(self) -> str:
        """Why it is given no work on code unasked, with what mends it; empty where it is."""
        if self.codes:
            return ""
        measure = "; or measure it: `shiftbook models check`" if self.good_for is GoodFor.UNKNOWN else ""
        return f"{self.model or 'the model here'} is not good enough for work on code: {CODING_CURE}{measure}"


CODING_CURE = f"install one of {CODING_AGENTS}, or say `--agent builtin` to let the model here try"
NO_CODING_AGENT = f"no node has a coding agent: {CODING_CURE}"


def unchosen(model: str) -> str:
    """What is said of a model that is here and does not answer, with what has it do so."""
    return f"{model} is here and not chosen: `shiftbook models use {shlex.quote(model)}`"


def parameters_of(text: str) -> int:
    """How many parameters a text such as `135M`, `8.0B` or `smollm2-135m-instruct` speaks of; 0 where it does not."""
    found = _SIZE.findall(text.replace("_", "-"))
    return max((int(float(number) * (1e9 if unit.lower() == "b" else 1e6)) for number, unit in found), default=0)


def is_toy_name(model: str) -> bool:
    """Whether a model's name says that it is a toy: for texts that were written before anybody judged it."""
    return competence_by_name(model).is_toy


def competence_by_name(model: str, context_tokens: int = 0) -> Competence:
    """What a model is good for as far as its name tells."""
    return Competence(model=model, parameters=parameters_of(model), context_tokens=context_tokens)
