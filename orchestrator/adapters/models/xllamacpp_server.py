"""How is xllamacpp's server started and asked?

It runs in a process of its own (`xllamacpp_process`), for the library holds the interpreter while it loads a model:
beats, pages and prompts stood still for as long. Its port on loopback is shut by a random key, all of it but `/health`.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from missions.plain_data import read_json
from orchestrator.adapters.models import xllamacpp_process
from orchestrator.adapters.models.answer import StreamedAnswer, server_error
from orchestrator.adapters.models.http import chat_completion_body
from orchestrator.adapters.models.model_file import SAMPLING
from orchestrator.core.errors import ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.model import Prompt
from sync.process import own_session

if TYPE_CHECKING:
    from http.client import HTTPResponse


def request_body(prompt: Prompt) -> dict[str, Any]:
    """A question, as the server takes it. Without `return_progress` nothing is heard, and nothing can be stopped,
    while a prompt is read."""
    return {**SAMPLING, **chat_completion_body(prompt), "return_progress": True, "timings_per_token": True}


def apply_chunk(chunk: Mapping[str, Any], answer: StreamedAnswer, roof: int) -> None:
    """Takes in one chunk. Its counts come with every one, so that a cancelled answer has them too."""
    if error := chunk.get("error"):
        raise server_error(int(error.get("code") or 500), chunk, asked=0, roof=roof)
    if timings := chunk.get("timings"):
        known = {"tokens_cached": timings["cache_n"], "tokens_out": timings["predicted_n"]}
        answer.counts(tokens_in=timings["cache_n"] + timings["prompt_n"], **known)
    if progress := chunk.get("prompt_progress"):
        answer.counts(tokens_in=progress["total"], tokens_cached=progress.get("cache") or 0)
    choice: Mapping[str, Any] = next(iter(chunk.get("choices") or ()), {})
    answer.finish = choice.get("finish_reason") or answer.finish
    answer.say(str((choice.get("delta") or {}).get("content") or ""))


def tokens_in_slot(chunk: Mapping[str, Any]) -> int:
    """How many tokens the slot holds after this chunk."""
    if timings := chunk.get("timings"):
        return int(timings["cache_n"] + timings["prompt_n"] + timings["predicted_n"])
    return int((chunk.get("prompt_progress") or {}).get("processed") or 0)


def translate_error(error: ValueError, prompt: Prompt) -> OrchestratorError:
    """What it means that a question was not taken."""
    if prompt.schema is not None:
        return WrongPrompt("the model cannot follow this schema: {}", str(error)[-300:])
    return ModelUnavailable("the model cannot be asked: {}", str(error)[-300:])


BATCH_TOKENS = 128
"""Tokens of a prompt between two signs of progress: what a stopped call still costs. Larger ones are no faster."""
MAX_EMBED_TOKENS = 2048
"""The longest text that is made into a vector: it has to be read in one piece."""
REQUEST_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 600.0
"""The longest wait between two signs of progress."""
END_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What a server is started with. `context` is for each of the `slots`; `states` is where slots are saved."""

    path: Path
    context: int
    slots: int = 1
    threads: int
    states: Path | None = None
    embedding: bool = False


@dataclass(kw_only=True, eq=False)
class Engine:
    """A running server. It is unloaded when the last reference to it goes."""

    process: subprocess.Popen[str]
    address: str
    key: str = field(repr=False)
    path: Path

    def __post_init__(self) -> None:
        weakref.finalize(self, _end, self.process)

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self.process.poll() is None

    def chat(self, body: Mapping[str, Any], heard: Callable[[Mapping[str, Any]], bool]) -> None:
        """Answers; `heard` takes each chunk and says whether to end.

        Raises ValueError for what cannot be asked so, RuntimeError where the process has ended.
        """
        with self._answer("/v1/chat/completions", body, ANSWER_TIMEOUT_SECONDS) as answer:
            if answer.status != HTTPStatus.OK:
                found = read_json(answer.read())
                if "n_ctx" not in found.get("error", {}):
                    raise ValueError(str(found.get("error", {}).get("message") or found))
                heard(found)
                return
            for line in answer:
                kind, _, text = line.decode("utf-8", "replace").strip().partition(": ")
                if kind not in ("data", "error") or text == "[DONE]":
                    continue
                chunk = read_json(text)
                if heard(chunk if kind == "data" else {"error": chunk}):
                    return

    def embeddings(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """Vectors, or an error, as the server says them. Raises ModelUnavailable."""
        return self.ask("/v1/embeddings", {"input": list(texts)}, ANSWER_TIMEOUT_SECONDS)[1]

    def ask(
        self, path: str, body: Mapping[str, Any], seconds: float = REQUEST_TIMEOUT_SECONDS
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of another call. Raises ModelUnavailable."""
        try:
            with self._answer(path, body, seconds) as answer:
                return answer.status, read_json(answer.read())
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelUnavailable("{} does not answer on its own port: {}", self.path.stem, error) from error

    @contextmanager
    def _answer(self, path: str, body: Mapping[str, Any], seconds: float) -> Iterator[HTTPResponse]:
        """What is said to one call. Leaving early hangs up, which ends the call. Raises OSError, RuntimeError."""
        from http.client import HTTPConnection, HTTPException  # with `ssl`: a model that is not asked needs neither

        place = urlsplit(self.address)
        connection = HTTPConnection(str(place.hostname), place.port, timeout=seconds)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            yield connection.getresponse()
        except HTTPException as error:
            raise RuntimeError(f"its process hung up ({error!r})") from error
        finally:
            connection.close()


def start_engine(what: EngineOptions) -> Engine:
    """Loads a model. Raises ModelUnavailable."""
    key = secrets.token_urlsafe(32)
    told = {**asdict(what), "path": str(what.path), "states": str(what.states or ""), "batch": BATCH_TOKENS, "key": key}
    try:
        process = own_session.begin(
            lambda: subprocess.Popen(
                [sys.executable, "-P", xllamacpp_process.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for us
            )
        )
    except OSError as error:
        raise ModelUnavailable("{} cannot be loaded: {}", what.path, error) from error
    try:
        address = _started(process, told)
    except BaseException as error:
        _end(process)
        if not isinstance(error, (OSError, ValueError, RuntimeError)):
            raise
        raise ModelUnavailable("{} cannot be loaded: {}", what.path, str(error)[:300]) from error
    return Engine(process=process, address=address, key=key, path=what.path)


def _started(process: subprocess.Popen[str], told: Mapping[str, Any]) -> str:
    """Where it serves, once the model is loaded. Raises RuntimeError with what it says, ValueError, OSError."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    said = read_json(process.stdout.readline() or '{"error": "its process ended"}')
    process.stdout.close()
    if "address" not in said:
        raise RuntimeError(said.get("error"))
    return str(said["address"])


def _end(process: subprocess.Popen[str]) -> None:
    """The process ends when nobody writes to it any more; one that does not is killed."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(END_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
