"""How is xllamacpp's server started, and what does it offer beside answers?

It opens a port on loopback that cannot be switched off: a random key shuts all of it but `/health`. Counting tokens and
moving a prompt's state between memory and disk exist only there.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from missions.plain_data import read_json
from orchestrator.adapters.models.answer import StreamedAnswer, server_error
from orchestrator.adapters.models.http import chat_completion_body
from orchestrator.adapters.models.model_file import SAMPLING
from orchestrator.core.errors import ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.model import Prompt


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
SILENT_VERBOSITY = -1
REQUEST_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What a server is started with. `context` is for each of the `slots`; `states` is where slots are saved."""

    path: Path
    context: int
    slots: int = 1
    threads: int
    states: Path | None = None
    embedding: bool = False


@dataclass(kw_only=True)
class Engine:
    """A running server. It is unloaded when the last reference to it goes."""

    server: Any
    key: str = field(repr=False)
    path: Path

    def chat(self, body: Mapping[str, Any], heard: Callable[[Mapping[str, Any]], bool]) -> None:
        """Answers; `heard` takes each chunk and says whether to end."""
        self.server.handle_chat_completions(body, heard)

    def embeddings(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """Vectors, or an error, as the server says them."""
        found = self.server.handle_embeddings({"input": list(texts)})
        assert isinstance(found, dict)
        return found

    def ask(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one of the calls that only its port offers. Raises ModelUnavailable."""
        address = urlsplit(self.server.listening_address)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, read_json(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelUnavailable("{} does not answer on its own port: {}", self.path.stem, error) from error
        finally:
            connection.close()


def start_engine(what: EngineOptions) -> Engine:
    """Loads a model. Raises ModelUnavailable."""
    # Threads that spin while they wait make the model a hundred times slower beside a busy neighbour.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable("xllamacpp cannot be loaded: {}", error) from error
    key = secrets.token_urlsafe(32)
    params = xllamacpp.CommonParams()
    params.model.path, params.api_keys = str(what.path), [key]
    params.n_ctx, params.n_parallel, params.n_batch = what.context * what.slots, what.slots, BATCH_TOKENS
    params.cache_ram_mib = 0  # slots are kept by name, see states.py; the library's own default takes 8 GiB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = what.threads
    params.verbosity, params.warmup, params.ui, params.endpoint_slots = SILENT_VERBOSITY, False, False, False
    if what.states:
        params.slot_save_path = f"{what.states}{os.sep}"
    if what.embedding:
        params.embedding, params.n_batch, params.n_ubatch = True, what.context, what.context
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    try:
        return Engine(server=xllamacpp.Server(params), key=key, path=what.path)
    except RuntimeError as error:
        raise ModelUnavailable("{} cannot be loaded: {}", what.path, error) from error
