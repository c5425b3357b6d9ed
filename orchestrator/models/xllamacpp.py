"""How does the model answer that runs inside this process, with nothing to install beside it?

xllamacpp is llama.cpp's server in a library. Each call runs in a thread of its own, so that a stop is heeded at once,
also while the model reads a prompt: the caller goes on, and the thread ends at its next sign of progress. One call at a
time; the next one waits for that. The library opens a port on loopback that cannot be switched off: a random key shuts
all of it but `/health`.
"""

from __future__ import annotations

import atexit
import http.client
import importlib.util
import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from orchestrator.errors import ContextTooLong, ModelUnavailable
from orchestrator.ports import Generation, Message, Stop, Usage

LOOKS = 0.05
"""Seconds between two looks at the stop flag."""
BATCH = 128
"""Tokens of a prompt between two signs of progress: what a stopped call still costs. Larger ones are no faster."""
CACHE_MIB = 64
"""For prompts of earlier calls; the library's own default is 8 GiB."""
SAMPLING = {"temperature": 0.3, "repeat_penalty": 1.1}
ENDING_SECONDS = 30.0
QUIET = -1


class Weights(Protocol):
    """A model's file, found or made when it is needed."""

    @property
    def name(self) -> str:
        """What people call the model."""

    def missing(self) -> str | None:
        """Why there is no such file, in words with the next step."""

    def file(self) -> Path:
        """Where it is. Raises ModelUnavailable."""


@dataclass(kw_only=True)
class _Call:
    """One answer on its way from the library's thread to the caller."""

    started: float
    events: queue.SimpleQueue[Mapping[str, Any] | BaseException | None] = field(default_factory=queue.SimpleQueue)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def take(self, chunk: Mapping[str, Any]) -> bool:
        """Called by the library for every chunk; true ends the generation."""
        self.events.put(chunk)
        return self.abandoned.is_set()


class XLlamaCpp:
    """A GGUF file in this process. `threads` defaults to all cores but one: a busy neighbour else halves the speed."""

    backend = "xllamacpp"

    def __init__(self, weights: Weights, *, context_tokens: int = 8192, threads: int | None = None) -> None:
        self.name, self.context_tokens = weights.name, context_tokens
        self._weights = weights
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._key = secrets.token_urlsafe(32)
        self._server: Any = None
        self._loaded = ""
        self._loading = threading.Lock()
        self._turn = threading.Lock()
        self._call: _Call | None = None

    def missing(self) -> str | None:
        """Why it cannot answer here; loads nothing."""
        if not importlib.util.find_spec("xllamacpp"):
            return "xllamacpp is not installed: pip install xllamacpp"
        return self._weights.missing()

    def count(self, text: str) -> int:
        """How many tokens `text` is, by the model's own tokenizer. Raises ModelUnavailable."""
        address = urlsplit(self._load().listening_address)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", "/tokenize", json.dumps({"content": text, "add_special": False}), headers)
            return len(json.loads(connection.getresponse().read())["tokens"])
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise ModelUnavailable(f"{self.name} does not count: {error}") from error
        finally:
            connection.close()

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, on_text: Callable[[str], None], stop: Stop
    ) -> Generation:
        """Answers; returns within 0.2 s of a stop, with what there is. Raises ContextTooLong, ModelUnavailable."""
        started = time.monotonic()
        while not self._turn.acquire(timeout=LOOKS):
            if stop.is_set():
                return Generation(text="", finish="cancelled", usage=Usage(model=self.name, backend=self.backend))
        call = self._call = _Call(started=started)
        body = _body(messages, max_tokens)
        threading.Thread(target=self._answer, args=(call, body), name="xllamacpp", daemon=True).start()
        try:
            return self._collect(call, on_text, stop)
        finally:
            call.abandoned.set()  # also when `on_text` raised

    def close(self) -> None:
        """Ends the call that runs and unloads the model. Without it, an exit during a call would crash the process."""
        if self._call:
            self._call.abandoned.set()
        if not self._turn.acquire(timeout=ENDING_SECONDS):
            return
        with self._loading:
            self._server = None
        self._turn.release()
        atexit.unregister(self.close)

    def _answer(self, call: _Call, body: Mapping[str, Any]) -> None:
        """The library's thread: from loading the model to the last chunk."""
        try:
            if not call.abandoned.is_set():
                self._load().handle_chat_completions(body, call.take)  # no name for it: the last reference unloads
            call.events.put(None)
        except BaseException as error:  # handed to the caller, whatever it is
            call.events.put(error)
        finally:
            self._turn.release()

    def _collect(self, call: _Call, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Gathers chunks until the last one, or until the stop."""
        answer = _Answer(usage=Usage(model=self._loaded or self.name, backend=self.backend))
        while not stop.is_set():
            with suppress(queue.Empty):
                event = call.events.get(timeout=LOOKS)
                if event is None:
                    return answer.end(call.started, model=self._loaded)
                if isinstance(event, ModelUnavailable):
                    raise event
                if isinstance(event, BaseException):
                    raise ModelUnavailable(f"{self.name} failed: {event}") from event
                if text := answer.take(event, time.monotonic() - call.started):
                    on_text(text)
        answer.finish = "cancelled"
        return answer.end(call.started, model=self._loaded)

    def _load(self) -> Any:
        """The library's server; loads the model the first time. Raises ModelUnavailable."""
        with self._loading:
            if self._server is None:
                path = self._weights.file()
                self._server = _start(path, self._key, threads=self._threads, context=self.context_tokens)
                self._loaded = path.stem
                atexit.register(self.close)
            return self._server


def _start(path: Path, key: str, *, threads: int, context: int) -> Any:
    # Threads that spin while they wait make the model a hundred times slower beside a busy neighbour.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(f"xllamacpp cannot be loaded: {error}") from error
    params = xllamacpp.CommonParams()
    params.model.path, params.api_keys = str(path), [key]
    params.n_ctx, params.n_parallel, params.n_batch, params.cache_ram_mib = context, 1, BATCH, CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity, params.warmup, params.ui, params.endpoint_slots = QUIET, False, False, False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"{path} cannot be loaded: {error}") from error


def _body(messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
    return {
        "messages": [{"role": each.role, "content": each.content} for each in messages],
        "max_tokens": max_tokens,
        "stream": True,
        "return_progress": True,  # without it nothing is heard, and nothing can be stopped, while a prompt is read
        "timings_per_token": True,
        **SAMPLING,
    }


@dataclass(kw_only=True)
class _Answer:
    """What has come so far."""

    usage: Usage
    finish: str = "stop"
    parts: list[str] = field(default_factory=list)

    def take(self, chunk: Mapping[str, Any], seconds: float) -> str:
        """Takes in one chunk; returns its text. Raises ContextTooLong, ModelUnavailable."""
        if error := chunk.get("error"):
            raise _refusal(error)
        self._counts(chunk)
        choice: Mapping[str, Any] = next(iter(chunk.get("choices") or ()), {})
        self.finish = choice.get("finish_reason") or self.finish
        text = str((choice.get("delta") or {}).get("content") or "")
        if text and self.usage.first_token_seconds is None:
            self.usage = replace(self.usage, first_token_seconds=seconds)
        self.parts.append(text)
        return text

    def _counts(self, chunk: Mapping[str, Any]) -> None:
        """The server's own counts; they come with every chunk, so that a cancelled answer has them too."""
        if timings := chunk.get("timings"):
            known = {"tokens_cached": timings["cache_n"], "tokens_out": timings["predicted_n"]}
            self.usage = replace(self.usage, tokens_in=timings["cache_n"] + timings["prompt_n"], **known)
        if progress := chunk.get("prompt_progress"):
            self.usage = replace(self.usage, tokens_in=progress["total"])

    def end(self, started: float, *, model: str) -> Generation:
        """The answer as a value."""
        usage = replace(self.usage, model=model or self.usage.model, seconds=time.monotonic() - started)
        return Generation(text="".join(self.parts), finish=self.finish, usage=usage)


def _refusal(error: Mapping[str, Any]) -> ContextTooLong | ModelUnavailable:
    if error.get("type") == "exceed_context_size_error":
        return ContextTooLong(int(error["n_prompt_tokens"]), int(error["n_ctx"]))
    return ModelUnavailable(str(error.get("message", error)))
