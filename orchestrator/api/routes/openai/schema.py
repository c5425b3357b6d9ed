"""Which bodies do OpenAI's clients send? Each a Pydantic schema, which also takes what their relatives write."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from orchestrator.api.web.json_body import NullsAreUnset

Json = dict[str, Any]


class OpenAIPart(NullsAreUnset):
    """A part of a message. Of the kinds there are only those with text can be read."""

    model_config = ConfigDict(extra="ignore")
    type: str = Field("text", max_length=100)
    text: str = ""
    refusal: str = ""


class OpenAICall(NullsAreUnset):
    """What is called in a message: arguments as JSON in a string, or as an object."""

    model_config = ConfigDict(extra="ignore")
    name: str = ""
    arguments: Any = ""


class OpenAIToolCall(NullsAreUnset):
    """A call in a message, which its result names by `id`."""

    model_config = ConfigDict(extra="ignore")
    id: str | int = ""
    function: OpenAICall = Field(default_factory=OpenAICall)


class OpenAIMessage(NullsAreUnset):
    """A message as OpenAI's clients write it."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[OpenAIPart] = ""
    tool_calls: list[OpenAIToolCall] = Field(default_factory=list)
    function_call: OpenAICall | None = None
    tool_call_id: str | int = ""
    name: str = ""

    @field_validator("content", mode="before")
    @classmethod
    def _parts(cls, given: Any) -> Any:
        """One part may stand alone, and a text may stand for a part."""
        parts = [given] if isinstance(given, dict) else given
        if not isinstance(parts, list):
            if not isinstance(given, str):
                raise ValueError("a text belongs here, or a list of parts")  # noqa: TRY004  # Pydantic takes no other
            return given
        return [{"text": part} if isinstance(part, str) else part for part in parts]


class OpenAIFunction(NullsAreUnset):
    """A function that may be called."""

    model_config = ConfigDict(extra="ignore")
    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    parameters: Json = Field(default_factory=lambda: {"type": "object", "properties": {}})


class OpenAITool(NullsAreUnset):
    """A tool of the one kind that there is. The function may stand in the tool itself."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["function"] = "function"
    function: OpenAIFunction

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        flat = isinstance(given, dict) and "function" not in given and "name" in given
        return {"type": given.get("type"), "function": given} if flat else given


class StreamOptions(NullsAreUnset):
    """What a stream brings besides text."""

    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class CompletionRequest(NullsAreUnset):
    """A request of `/v1/chat/completions`. Sampling parameters that are not listed here are ignored."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)
    messages: list[OpenAIMessage] = Field(min_length=1, max_length=5000)
    stream: bool = False
    stream_options: StreamOptions = Field(default_factory=StreamOptions)
    tools: list[OpenAITool] = Field(default_factory=list, max_length=512)
    tool_choice: str | Json = "auto"
    functions: list[OpenAIFunction] = Field(
        default_factory=list, max_length=512, description="The older way to say `tools`"
    )
    function_call: str | Json = Field("auto", description="The older way to say `tool_choice`")
    response_format: Json | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int = Field(0, ge=-1, description="-1 and 0: no roof")
    max_completion_tokens: int = Field(0, ge=-1, description="The same; counts where both are given")
    stop: str | list[str] = Field(default_factory=list)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int = Field(1, ge=1)
    logprobs: bool = False
    prompt_cache_key: str = Field("", max_length=100)

    @field_validator("stop", mode="before")
    @classmethod
    def _stops(cls, given: Any) -> Any:
        return [each for each in given if each] if isinstance(given, list) else given

    @property
    def older(self) -> bool:
        """Whether functions are offered in the older way, and so answered in it."""
        return bool(self.functions and not self.tools)

    @property
    def offered(self) -> list[OpenAIFunction]:
        """All functions."""
        return self.functions if self.older else [each.function for each in self.tools]

    @property
    def roof(self) -> int | None:
        """Tokens of the answer at most."""
        return next((roof for roof in (self.max_completion_tokens, self.max_tokens) if roof > 0), None)

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which it ends."""
        return tuple(filter(None, [self.stop] if isinstance(self.stop, str) else self.stop))


class EmbeddingRequest(NullsAreUnset):
    """A request of `/v1/embeddings`."""

    model_config = ConfigDict(extra="ignore")
    model: str = Field("", max_length=200)
    input: str | list[str] = Field(description="A text or up to 256 of them")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        if isinstance(given, str) or (isinstance(given, list) and all(isinstance(each, str) for each in given)):
            return given
        raise ValueError("a text belongs here, or a list of texts; numbers of tokens are not read")

    @property
    def texts(self) -> list[str]:
        """All texts."""
        return [self.input] if isinstance(self.input, str) else self.input
