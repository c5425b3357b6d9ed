"""What has come of an answer so far, and what did a backend mean by an error?"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from handoff.secrets.excerpts import redacted_excerpt
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.model import Generation, Prompt, Usage

CHARACTERS_PER_TOKEN = 4
"""What is taken where a backend does not count: the usual mean for English text and code."""
TOO_LONG_PATTERN = re.compile(
    r"context (?:length|size|window)|context_length|exceed_context|too large to process", re.IGNORECASE
)
CONTEXT_LIMIT_PATTERN = re.compile(r"(?:context (?:length|size|window)|batch size)\D{0,20}(\d+)", re.IGNORECASE)
NUMBER_PATTERN = re.compile(r"\b\d{2,}\b")


@dataclass(kw_only=True)
class StreamedAnswer:
    """Pieces of text, passed on as they come, and their counts. Seconds are counted from `started`, monotonic."""

    usage: Usage
    on_text: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    finish: str = "stop"
    whole: bool = False
    """The backend said that this is the end: a connection that was cut looks like an end, too."""
    parts: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Takes one piece; an empty one is none."""
        if not text:
            return
        if self.usage.first_token_seconds is None:
            self.usage = replace(self.usage, first_token_seconds=time.monotonic() - self.started)
        self.parts.append(text)
        self.on_text(text)

    def counts(self, **known: int) -> None:
        """Notes what the backend counted."""
        self.usage = replace(self.usage, **known)  # type: ignore[arg-type]  # only counts are passed

    def end(self, *, cancelled: bool = False) -> Generation:
        """The answer as a value."""
        usage = replace(self.usage, seconds=time.monotonic() - self.started)
        return Generation(text="".join(self.parts), finish="cancelled" if cancelled else self.finish, usage=usage)


@dataclass(kw_only=True)
class TokenEstimator:
    """Counts tokens where a backend does not: by its own counts of earlier prompts, rather too many than too few."""

    per_character: float = 1 / CHARACTERS_PER_TOKEN

    def count(self, text: str) -> int:
        """About how many tokens a text is."""
        return round(len(text) * self.per_character) if text else 0

    def learn(self, prompt: Prompt, tokens: int) -> None:
        """Takes in what a prompt came to. A backend that counts only what was not cached teaches nothing wrong."""
        if characters := prompt_characters(prompt):
            self.per_character = max(self.per_character, min(1.0, tokens / characters))


def prompt_characters(prompt: Prompt) -> int:
    """A prompt's characters."""
    return sum(len(each.content) for each in prompt.messages)


def server_error(status: int, body: Mapping[str, Any] | str, *, asked: int, roof: int) -> OrchestratorError:
    """What an error of a model server means.

    Servers say "too long" in many ways: llama.cpp with two fields, others in a sentence with two numbers, Ollama in one
    without any. Where they are missing, `asked` and `roof` (tokens, as counted here) stand for them. Other complaints
    about the request are WrongPrompt; everything else is ModelUnavailable.
    """
    error = body.get("error", body) if isinstance(body, Mapping) else body
    fields = mapping(error)
    words = str(fields.get("message") or fields.get("detail") or fields.get("title") or error).strip()
    if status in (400, 413, 422, 500) and TOO_LONG_PATTERN.search(f"{fields.get('type')} {fields.get('code')} {words}"):
        return _too_long(fields, words, asked=asked, roof=roof)
    if status in (400, 413, 422):
        return WrongPrompt("the model cannot be asked like this: {}", redacted_excerpt(words, 300))
    if status in (401, 403):
        return ModelUnavailable("the server refuses the key ({}): check the key that is set for it", status)
    return ModelUnavailable("the server answers {}: {}", status, redacted_excerpt(words, 300))


def whole_number(value: Any, otherwise: int = 0) -> int:
    """A count that a server sent; `otherwise` where it is none. Servers send strings, booleans and infinities, too."""
    counts = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return int(value) if counts else otherwise


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object that a server sent; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def _too_long(fields: Mapping[str, Any], words: str, *, asked: int, roof: int) -> ContextTooLong:
    for tokens, holds in (("n_prompt_tokens", "n_ctx"), ("tokens", "roof")):  # llama.cpp; another node of a fleet
        if (counted := whole_number(fields.get(tokens))) and (held := whole_number(fields.get(holds))):
            return ContextTooLong(counted, held)
    named = CONTEXT_LIMIT_PATTERN.search(words)
    roof = int(named[1]) if named else roof
    most = max([int(each) for each in NUMBER_PATTERN.findall(words)], default=0)
    return ContextTooLong(most if most > roof else max(asked, roof + 1), roof)
