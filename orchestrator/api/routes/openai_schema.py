"""Which bodies do OpenAI's clients send? Each a Pydantic schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class OpenAIMessage(BaseModel):
    """A message as OpenAI's clients write it."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str = ""
    name: str | None = None


class OpenAIFunction(BaseModel):
    """A function that may be called."""

    model_config = ConfigDict(extra="ignore")
    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})


class OpenAITool(BaseModel):
    """A tool of the one kind that there is."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function"] = "function"
    function: OpenAIFunction


class StreamOptions(BaseModel):
    """What a stream brings besides text."""

    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class CompletionRequest(BaseModel):
    """A request of `/v1/chat/completions`. Sampling parameters that are not listed here are ignored."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)
    messages: list[OpenAIMessage] = Field(min_length=1, max_length=2000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[OpenAITool] | None = Field(None, max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    prompt_cache_key: str | None = Field(None, max_length=100)

    @property
    def roof(self) -> int | None:
        """Tokens of the answer at most."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which it ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class EmbeddingRequest(BaseModel):
    """A request of `/v1/embeddings`."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)
    input: str | list[str] = Field(description="A text or up to 256 of them")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """All texts."""
        return [self.input] if isinstance(self.input, str) else self.input
