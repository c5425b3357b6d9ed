"""How does a server answer that speaks the OpenAI protocol: llama.cpp, vLLM, a hosted service, another node?

httpx and not the `openai` SDK: ollama's client brings httpx already, the protocol is one POST and lines of `data:`,
and the fields that servers add (how much was cached, how large the context is) would get lost in the SDK's types.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from missions.plain_data import read_json
from orchestrator.adapters.models import http, server_probe
from orchestrator.adapters.models.answer import StreamedAnswer, TokenEstimator, mapping, server_error, whole_number
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Embedder, Generation, PrefixCache, Prompt, Stop, Usage
from orchestrator.core.ports.model_backend import HOPS_HEADER, ListedModel

if TYPE_CHECKING:
    import httpx  # loaded where a server is called, as in `http`

CONTEXT_FIELDS = ("context_length", "max_model_len", "context_window", "max_context_length")
"""What servers call a model's context in their list (OpenRouter and Shiftbook, vLLM, Groq, LM Studio)."""
STREAM_END: Mapping[str, Any] = {"choices": [{"finish_reason": "stop"}]}
"""What `[DONE]` says where no choice did."""
REMEDY = "start it, or set SHIFTBOOK_OPENAI_URL to another server"


@dataclass(frozen=True, kw_only=True)
class OpenAIServer:
    """Where it is and how to be let in. `key` is never shown; `context_tokens` holds where the server names none."""

    url: str
    backend: str = "openai"
    key: str = field(default="", repr=False)
    context_tokens: int = 8192
    chosen: str = ""
    """The model to answer with; "" is the first that it lists."""
    peer: bool = False

    @property
    def shown(self) -> str:
        """The URL as it may be shown."""
        return server_probe.shown_url(self.url)

    def client(self, *, silence: float) -> httpx.AsyncClient:
        """A client for one call. A redirect is not followed: the key is for this server only."""
        import httpx

        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        headers |= {HOPS_HEADER: "1"} if self.peer else {}
        base = self.url.rstrip("/") + "/"
        return httpx.AsyncClient(base_url=base, headers=headers, **http.client_options(self.url, silence=silence))

    def probe(self) -> str | None:
        """Why it cannot be used, with the next step; None when it can. Takes at most a few seconds."""
        try:
            self.models()
        except ModelUnavailable as error:
            return str(error)
        return None

    def models(self) -> tuple[ListedModel, ...]:
        """What it offers. Raises ModelUnavailable."""
        server_probe.probe_url(self.url, REMEDY)
        found = self.get("models").get("data")
        listed = (
            [each for each in found if isinstance(each, dict) and each.get("id")] if isinstance(found, list) else []
        )
        return tuple(sorted((self._listed(each) for each in listed), key=lambda each: each.name != self.chosen))

    def open(self, name: str) -> OpenAICompatible:
        """A model of it; "" is the chosen one."""
        return OpenAICompatible(self, name or self.chosen)

    def get(self, path: str) -> dict[str, Any]:
        """A small JSON document. Raises ModelUnavailable."""
        import httpx

        try:
            headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            options = http.client_options(self.url, silence=server_probe.QUICK_TIMEOUT_SECONDS)
            answer = httpx.get(f"{self.url.rstrip('/')}/{path}", headers=headers, **options)
            if answer.status_code == 200:
                found = read_json(answer.content)
                return found if isinstance(found, dict) else {}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self.unreachable(error) from error
        refused = server_error(answer.status_code, _body(answer.text), asked=0, roof=0)
        raise ModelUnavailable(f"{self.shown}: {refused}")

    def unreachable(self, error: Exception) -> ModelUnavailable:
        """The error for a server that is not there."""
        why = str(error) or type(error).__name__
        return ModelUnavailable(f"{self.shown} does not answer ({why}): {REMEDY}")

    def _listed(self, entry: Mapping[str, Any]) -> ListedModel:
        known = mapping(entry.get("meta"))  # llama.cpp's own word on its file
        said = [whole_number(entry.get(each)) for each in CONTEXT_FIELDS]
        parameters = whole_number(known.get("n_params"))
        return ListedModel(
            name=str(entry["id"]),
            backend=self.backend,
            context_tokens=next(filter(None, [*said, whole_number(known.get("n_ctx"))]), self.context_tokens),
            size=whole_number(known.get("size")),
            quantisation=str(known.get("ftype") or ""),
            parameters=f"{parameters / 1e9:.2g}B" if parameters else "",
        )


class OpenAICompatible:
    """One model of such a server. The server counts tokens; before it has, and when a call was stopped, an estimate."""

    keeper: PrefixCache | None = None

    def __init__(self, server: OpenAIServer, name: str = "") -> None:
        self._server, self._name, self._context = server, name, 0
        self._rate = TokenEstimator()
        self.backend = server.backend
        self.embedder: Embedder | None = self

    @property
    def name(self) -> str:
        """What was asked for; else what the server lists first, looked up once, in a few seconds at most."""
        if not self._name:
            with suppress(ModelUnavailable):
                self._look()
        return self._name or self._server.shown

    @property
    def context_tokens(self) -> int:
        """What the server's list says; else what is set. Looked up once, in a few seconds at most."""
        with suppress(ModelUnavailable):
            self._look()
        return self._context or self._server.context_tokens

    def missing(self) -> str | None:
        """Why it cannot answer; asks the server for its list."""
        return self._server.probe()

    def count(self, text: str) -> int:
        """An estimate: the protocol has no way to count."""
        return self._rate.count(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers; a stop hangs up at once. Raises ContextTooLong, ModelUnavailable, WrongPrompt."""
        asked = sum(self.count(each.content) for each in prompt.messages)
        answer = StreamedAnswer(usage=Usage(model=self._name, backend=self.backend, tokens_in=asked), on_text=on_text)

        async def work() -> None:
            self._look()
            answer.usage = _usage_of_model(answer.usage, self._name)
            async with self._server.client(silence=http.READ_TIMEOUT_SECONDS) as client:
                asking = {
                    "model": self._name,
                    "stream_options": {"include_usage": True},
                    **http.chat_completion_body(prompt),
                }
                request = client.stream("POST", "chat/completions", json=asking)
                async with request as response:
                    if response.status_code != 200:
                        text = (await response.aread()).decode(errors="replace")
                        raise server_error(response.status_code, _body(text), asked=asked, roof=self.context_tokens)
                    async for event in _events(response):
                        self._take(event, answer, asked)
                    if not answer.whole:
                        raise ModelUnavailable(f"{self._server.shown} broke off in the middle of an answer")

        import httpx

        try:
            ended = http.run_until_stopped(work, stop)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._server.unreachable(error) from error
        if ended:
            self._rate.learn(prompt, answer.usage.tokens_in)
        return answer.end(cancelled=not ended)

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Vectors, in the order of `texts`. Raises ContextTooLong, ModelUnavailable."""
        if not texts:
            return ()
        import httpx

        self._look()
        asked = max((self.count(each) for each in texts), default=0)
        body = {"model": self._name, "input": list(texts), "encoding_format": "float"}
        headers = {"Authorization": f"Bearer {self._server.key}"} if self._server.key else {}
        try:
            url = f"{self._server.url.rstrip('/')}/embeddings"
            answer = httpx.post(url, json=body, headers=headers, **http.client_options(self._server.url))
        except httpx.HTTPError as error:
            raise self._server.unreachable(error) from error
        if answer.status_code != 200:
            raise server_error(answer.status_code, _body(answer.text), asked=asked, roof=self.context_tokens)
        return _vectors(answer.text, len(texts))

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _look(self) -> None:
        """Finds out, once, which model is meant and how much it holds. Raises ModelUnavailable."""
        if self._context:
            return
        listed = self._server.models()
        found = next((each for each in listed if not self._name or each.name == self._name), None)
        if not found and not self._name and not self._server.peer:
            raise ModelUnavailable(f"{self._server.shown} lists no model: set SHIFTBOOK_MODEL to one that it has")
        self._name = self._name or (found.name if found else "")
        self._context = found.context_tokens if found else self._server.context_tokens

    def _take(self, event: Mapping[str, Any], answer: StreamedAnswer, asked: int) -> None:
        """Takes in one event of the stream; what is none of the protocol in it is passed over."""
        if event.get("error"):
            raise server_error(int(_status_of_error(event["error"])), event, asked=asked, roof=self.context_tokens)
        if usage := mapping(event.get("usage")):
            cached = whole_number(mapping(usage.get("prompt_tokens_details")).get("cached_tokens"))
            answer.counts(
                tokens_in=whole_number(usage.get("prompt_tokens")) or asked,
                tokens_out=whole_number(usage.get("completion_tokens")) or len(answer.parts),
                tokens_cached=cached or whole_number(mapping(event.get("timings")).get("cache_n")),
            )
        choices = event.get("choices")
        for choice in map(mapping, choices if isinstance(choices, list) else ()):
            answer.finish = "length" if choice.get("finish_reason") == "length" else answer.finish
            answer.whole = answer.whole or bool(choice.get("finish_reason"))
            if text := mapping(choice.get("delta")).get("content"):
                answer.say(str(text))
                answer.counts(tokens_out=len(answer.parts))


def _usage_of_model(usage: Usage, name: str) -> Usage:
    return Usage(model=name, backend=usage.backend, tokens_in=usage.tokens_in)


def _status_of_error(error: Any) -> int:
    code = mapping(error).get("code")
    return code if isinstance(code, int) else 400


async def _events(response: httpx.Response) -> AsyncIterator[Mapping[str, Any]]:
    """The JSON of each `data:` line until `[DONE]`; comments and other fields are passed over."""
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        if name == "error":  # llama.cpp's word for an error inside a stream
            yield {"error": _body(value)}
        if name != "data":
            continue
        if value.strip() == "[DONE]":
            yield STREAM_END
            return
        found = _body(value)
        if isinstance(found, Mapping):
            yield found


def _body(text: str) -> Mapping[str, Any] | str:
    try:
        found = read_json(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text


def _vectors(text: str, count: int) -> tuple[tuple[float, ...], ...]:
    try:
        rows = sorted(read_json(text)["data"], key=lambda each: int(each["index"]))
        vectors = tuple(tuple(float(number) for number in each["embedding"]) for each in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"the server's vectors cannot be read: {error}") from error
    if len(vectors) != count:
        raise ModelUnavailable(f"the server sent {len(vectors)} vectors for {count} texts")
    return vectors
