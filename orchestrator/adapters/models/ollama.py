"""How does an Ollama server answer?

Through its native API, with the official client: only that can set the context. `num_ctx` is the same in every call,
because a change makes Ollama load the model anew.

Ollama cuts a prompt that is too long, in silence, and answers from the rest. Two guards. Each request carries
`truncate: false` and `shift: false`: servers since 0.12 then refuse it with status 400. Older ones ignore that; there,
what the server says it read is compared with the least that the prompt can have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from handoff.secrets.excerpts import redacted_line
from orchestrator.adapters.models import server_probe
from orchestrator.adapters.models.answer import StreamedAnswer, TokenEstimator, prompt_characters, server_error
from orchestrator.core.errors import ContextTooLong, ModelUnavailable
from orchestrator.core.ports.model import Embedder, Generation, PrefixCache, Prompt, Stop, Usage
from orchestrator.core.ports.model_backend import ListedModel

if TYPE_CHECKING:
    import ollama

    from orchestrator.adapters.models.ollama_client import OllamaChatPart

DEFAULT_URL = "http://127.0.0.1:11434"
DEFAULT_PORT = 11434
REMEDY = "start it with `ollama serve`, or set OLLAMA_HOST"
KEEP_ALIVE = "30m"
"""How long Ollama keeps the model, and what it has read, after a call."""
MAX_TOKEN_CHARACTERS = 6
"""Characters: no common text has longer tokens on average, so a prompt has at least length / 6 tokens."""
EMBED_TIMEOUT_SECONDS = 120.0
EMBEDDING_FAMILIES = ("bert", "nomic-bert")
"""Families that cannot answer."""


@dataclass(frozen=True, kw_only=True)
class OllamaServer:
    """Where it is, and the context that every model is given."""

    host: str = DEFAULT_URL
    context_tokens: int = 8192
    chosen: str = ""
    """The tag to answer with; "" is the first that the server lists and that can answer."""
    backend: str = "ollama"

    @property
    def url(self) -> str:
        """The host as a URL. As for Ollama itself, `host:port` is enough; where it listens is where it is called."""
        host = self.host.strip().rstrip("/") or DEFAULT_URL
        full = host if "://" in host else f"http://{host}"
        for everywhere, here in (("//0.0.0.0", "//127.0.0.1"), ("//[::]", "//[::1]")):
            full = full.replace(everywhere, here)
        try:
            parts = urlsplit(full)
            named = bool(parts.port) or parts.scheme == "https"
        except ValueError:
            named = True  # whoever knocks there says what is wrong
        return full if named else f"{full}:{DEFAULT_PORT}"

    @contextmanager
    def client(self, *, silence: float = server_probe.QUICK_TIMEOUT_SECONDS) -> Iterator[ollama.Client]:
        """A client for questions that block. Whatever it raises that the caller does not take is ModelUnavailable."""
        server_probe.probe_url(self.url, REMEDY)
        import httpx
        import ollama

        from orchestrator.adapters.models import http
        from orchestrator.adapters.models.ollama_client import UNREADABLE

        try:
            with ollama.Client(self.url, **http.client_options(self.url, silence=silence)) as client:
                yield client
        except ollama.ResponseError as error:
            refused = server_error(max(error.status_code, 0) or 500, {"error": error.error}, asked=0, roof=0)
            raise ModelUnavailable(f"{server_probe.shown_url(self.url)}: {refused}; is it an Ollama?") from error
        except UNREADABLE as error:
            raise self.misread(error) from error
        except (ConnectionError, httpx.HTTPError) as error:
            raise ModelUnavailable(f"{server_probe.shown_url(self.url)} does not answer ({error}): {REMEDY}") from error

    def misread(self, error: BaseException) -> ModelUnavailable:
        """The error for an answer that is none of Ollama's."""
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        where = server_probe.shown_url(self.url)
        return ModelUnavailable(f"{where} answers as no Ollama does ({redacted_line(why, 200)}): check OLLAMA_HOST")

    def models(self) -> tuple[ListedModel, ...]:
        """The tags that are there and can answer, the one to use first. Raises ModelUnavailable."""
        with self.client() as client:
            found = [each for each in client.list().models if each.model]
        able = [each for each in found if not each.details or each.details.family not in EMBEDDING_FAMILIES]
        if not able:
            raise ModelUnavailable(
                f"Ollama at {server_probe.shown_url(self.url)} has no model: shiftbook models pull llama3.2"
            )
        listed = [self._listed(each) for each in able]
        return tuple(sorted(listed, key=lambda each: each.name != tag(self.chosen)))

    def open(self, name: str) -> Ollama:
        """A model of it by tag; "" is the chosen one."""
        return Ollama(self, name or self.chosen)

    def _listed(self, each: ollama.ListResponse.Model) -> ListedModel:
        details = each.details
        return ListedModel(
            name=str(each.model),
            backend=self.backend,
            context_tokens=self.context_tokens,
            size=int(each.size or 0),
            quantisation=(details.quantization_level or "") if details else "",
            parameters=(details.parameter_size or "") if details else "",
        )


def tag(name: str) -> str:
    """A model's name with its tag, as Ollama lists it."""
    return f"{name}:latest" if name and ":" not in name.rpartition("/")[2] else name


class Ollama:
    """One of its models."""

    keeper: PrefixCache | None = None  # it keeps what it read by itself, as long as the model is loaded

    def __init__(self, server: OllamaServer, name: str = "") -> None:
        self._server, self._name, self._rate = server, tag(name), TokenEstimator()
        self.backend, self.context_tokens = server.backend, server.context_tokens
        self.embedder: Embedder | None = self

    @property
    def name(self) -> str:
        """Its tag. Which one is the first is looked up once, in a few seconds at most."""
        try:
            return self._tag()
        except ModelUnavailable:
            return self.backend

    def missing(self) -> str | None:
        """Why it cannot answer; asks the server for its list."""
        try:
            listed = self._server.models()
        except ModelUnavailable as error:
            return str(error)
        there = not self._name or self._name in {each.name for each in listed}
        return None if there else self._missing_text()

    def count(self, text: str) -> int:
        """An estimate: Ollama has no way to count."""
        return self._rate.count(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers; a stop hangs up at once. Raises ContextTooLong, ModelUnavailable, WrongPrompt."""
        name = self._tag()
        asked = sum(self.count(each.content) for each in prompt.messages)
        answer = StreamedAnswer(usage=Usage(model=name, backend=self.backend, tokens_in=asked), on_text=on_text)

        server_probe.probe_url(self._server.url, REMEDY)
        import httpx
        import ollama

        from orchestrator.adapters.models import http
        from orchestrator.adapters.models.ollama_client import OllamaChatClient, UnreadableAnswer

        async def work() -> None:
            async with OllamaChatClient(self._server.url, **http.client_options(self._server.url)) as client:
                async for part in await client.stream_chat(self._request(name, prompt)):
                    self._take(part, answer, prompt)

        try:
            ended = http.run_until_stopped(work, stop)
        except httpx.HTTPError as error:
            where = server_probe.shown_url(self._server.url)
            raise ModelUnavailable(f"{where} does not answer ({error or type(error).__name__}): {REMEDY}") from error
        except ollama.ResponseError as error:
            raise self._refused(error, asked) from error
        except UnreadableAnswer as error:
            raise self._server.misread(error) from error
        if ended:
            self._rate.learn(prompt, answer.usage.tokens_in)
        return answer.end(cancelled=not ended)

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Vectors, refused rather than cut. Raises ContextTooLong, ModelUnavailable."""
        if not texts:
            return ()
        asked, name = max((self.count(each) for each in texts), default=0), self._tag()
        with self._server.client(silence=EMBED_TIMEOUT_SECONDS) as client:
            import ollama

            try:
                made = client.embed(name, list(texts), truncate=False, keep_alive=KEEP_ALIVE, options=self._options())
            except ollama.ResponseError as error:
                raise self._refused(error, asked) from error
        return tuple(tuple(each) for each in made.embeddings)

    def close(self) -> None:
        """Nothing is held between two calls; the server unloads the model when its time is up."""

    def _tag(self) -> str:
        """Which model is meant. Raises ModelUnavailable."""
        if not self._name:
            self._name = self._server.models()[0].name
        return self._name

    def _missing_text(self) -> str:
        return f"Ollama has no {self._name}: shiftbook models pull {self._name}"

    def _options(self) -> dict[str, Any]:
        return {"num_ctx": self.context_tokens}

    def _request(self, name: str, prompt: Prompt) -> dict[str, Any]:
        options = self._options() | {"num_predict": prompt.max_tokens}
        if prompt.temperature is not None:
            options["temperature"] = prompt.temperature
        if prompt.seed is not None:
            options["seed"] = prompt.seed
        if prompt.stop:
            options["stop"] = list(prompt.stop)
        body: dict[str, Any] = {
            "model": name,
            "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
            "options": options,
            "keep_alive": KEEP_ALIVE,
        }
        return body | ({"format": dict(prompt.schema)} if prompt.schema is not None else {})

    def _take(self, part: OllamaChatPart, answer: StreamedAnswer, prompt: Prompt) -> None:
        if part.message.content:
            answer.say(part.message.content)
            answer.counts(tokens_out=len(answer.parts))
        if not part.done:
            return
        answer.finish = "length" if part.done_reason == "length" else "stop"
        least = prompt_characters(prompt) // MAX_TOKEN_CHARACTERS
        if part.prompt_eval_count and least > self.context_tokens > part.prompt_eval_count:
            raise ContextTooLong(least, self.context_tokens)
        cached = part.prompt_eval_cached_count or 0
        answer.counts(
            tokens_in=part.prompt_eval_count or answer.usage.tokens_in,
            tokens_out=part.eval_count or len(answer.parts),
            tokens_cached=cached,
        )

    def _refused(self, error: ollama.ResponseError, asked: int) -> Exception:
        if error.status_code == 404:
            return ModelUnavailable(self._missing_text())
        status = error.status_code if error.status_code > 0 else 500  # an error inside the stream has no status
        return server_error(status, {"error": error.error}, asked=asked, roof=self.context_tokens)
