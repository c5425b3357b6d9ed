"""What is said to xllamacpp's server, and what does it mean by its answers?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.core.errors import ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.agent import Prompt
from orchestrator.models import wire
from orchestrator.models.answer import Answer, refusal

SAMPLING = {"temperature": 0.3, "repeat_penalty": 1.1}


def body_of(prompt: Prompt) -> dict[str, Any]:
    """A question, as the server takes it. Without `return_progress` nothing is heard, and nothing can be stopped,
    while a prompt is read."""
    return {**SAMPLING, **wire.question(prompt), "return_progress": True, "timings_per_token": True}


def take(chunk: Mapping[str, Any], answer: Answer, roof: int) -> None:
    """Takes in one chunk. Its counts come with every one, so that a cancelled answer has them too."""
    if error := chunk.get("error"):
        raise refusal(int(error.get("code") or 500), chunk, asked=0, roof=roof)
    if timings := chunk.get("timings"):
        known = {"tokens_cached": timings["cache_n"], "tokens_out": timings["predicted_n"]}
        answer.counts(tokens_in=timings["cache_n"] + timings["prompt_n"], **known)
    if progress := chunk.get("prompt_progress"):
        answer.counts(tokens_in=progress["total"], tokens_cached=progress.get("cache") or 0)
    choice: Mapping[str, Any] = next(iter(chunk.get("choices") or ()), {})
    answer.finish = choice.get("finish_reason") or answer.finish
    answer.say(str((choice.get("delta") or {}).get("content") or ""))


def held(chunk: Mapping[str, Any]) -> int:
    """How many tokens the slot holds after this chunk."""
    if timings := chunk.get("timings"):
        return int(timings["cache_n"] + timings["prompt_n"] + timings["predicted_n"])
    return int((chunk.get("prompt_progress") or {}).get("processed") or 0)


def wrong(error: ValueError, prompt: Prompt) -> OrchestratorError:
    """What it means that a question was not taken."""
    if prompt.schema is not None:
        return WrongPrompt(f"the model cannot follow this schema: {str(error)[-300:]}")
    return ModelUnavailable(f"the model cannot be asked: {str(error)[-300:]}")
