"""What is a model asked, and what does it answer?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Stop(Protocol):
    """A flag that a running job looks at: set means end now (cancelled, fenced, or the node is stopping)."""

    def is_set(self) -> bool:
        """Whether the job must end."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits at most `timeout` seconds for the flag; returns whether it is set."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a run took. Tokens are the model's own count, money USD, times seconds.

    `tokens_in` is all that was read; `tokens_cached` of it came from a cache, `tokens_written` of it went into one.
    """

    model: str = ""
    backend: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_written: int = 0
    first_token_seconds: float | None = None
    seconds: float = 0.0
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class PromptMessage:
    """One turn given to a model. `role` is system, user, assistant or tool."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model is asked. What stays the same from call to call stands first: only an equal beginning is cached.

    `schema` is a JSON schema that the answer must satisfy. `temperature` and `seed` are the backend's own where they
    are None. `stop` are texts at which an answer ends (they are not part of it). `conversation` is a key: calls with
    the same one find what they read last time still in memory, where the backend keeps such places.
    """

    messages: tuple[PromptMessage, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    conversation: str = ""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A model's answer. `finish` is stop, length or cancelled; `notes` say when another model than usual gave it."""

    text: str
    finish: str
    usage: Usage
    notes: tuple[str, ...] = ()


class Embedder(Protocol):
    """Turns texts into vectors whose directions are near where meanings are."""

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """One vector for each text, all of one dimension. Raises ContextTooLong, ModelUnavailable."""


class PrefixCache(Protocol):
    """Keeps what a model has read of a prompt, so that the next call need not read it again."""

    def warm(self, messages: Sequence[PromptMessage], conversation: str = "") -> Usage:
        """Reads `messages` ahead for the next call that begins with them. Raises ContextTooLong, ModelUnavailable."""

    def save(self, path: Path, conversation: str = "") -> bool:
        """Writes what is in memory for a conversation to a file; False when there is nothing.

        Raises ModelUnavailable, OSError.
        """

    def load(self, path: Path, conversation: str = "") -> bool:
        """Takes up such a file for a conversation; False when it is not there, or of another model.

        Raises ModelUnavailable, OSError.
        """


class TextGenerator(Protocol):
    """What continues a conversation: a model, or several of which one does."""

    @property
    def context_tokens(self) -> int:
        """The longest prompt and answer together that it holds."""

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers, passing each piece of text on as it comes. Raises ContextTooLong, ModelUnavailable."""


class Model(TextGenerator, Protocol):
    """A backend's model. Several threads may call it at once."""

    @property
    def name(self) -> str:
        """The model's name, as people know it."""

    @property
    def backend(self) -> str:
        """What runs it."""

    @property
    def embedder(self) -> Embedder | None:
        """What makes vectors with this model; None where it has none."""

    @property
    def keeper(self) -> PrefixCache | None:
        """What keeps prompts that were read; None where the backend does that by itself or not at all."""

    def missing(self) -> str | None:
        """Why it cannot answer here, in words with the next step; None when it can. Loads nothing."""

    def count(self, text: str) -> int:
        """How many tokens `text` is for this model; an estimate where the backend offers no count."""

    def close(self) -> None:
        """Lets go of memory and processes. Closing twice is no error."""
