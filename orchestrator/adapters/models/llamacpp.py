"""How does a model answer through llama-cpp-python, the llama.cpp binding that is built on the machine it runs on?

For processors and graphics cards that no ready-made wheel serves. Only what the library offers in public is used, so a
prompt that is being read is read to its end: a caller who stops is back at once, the next call waits for that end. One
model object bears one call at a time (two abort the process), so calls take turns.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.adapters.models.answer import StreamedAnswer
from orchestrator.adapters.models.blocking_call import POLL_SECONDS, run_blocking
from orchestrator.adapters.models.idle_unload import IdleUnload
from orchestrator.adapters.models.model_file import SAMPLING, ModelWeights, default_threads
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.model import Embedder, Generation, PrefixCache, Prompt, Stop, Usage

MAX_EMBED_TOKENS = 2048
CLOSE_TIMEOUT_SECONDS = 30.0
TOO_MANY_TOKENS_PATTERN = re.compile(r"Requested tokens \((\d+)\) exceed (?:context window|batch size) of (\d+)")


class LlamaCpp:
    """A GGUF file in this process. The last prompt stays in memory; none is kept on disk."""

    backend = "llama-cpp-python"
    keeper: PrefixCache | None = None

    def __init__(
        self,
        weights: ModelWeights,
        *,
        context_tokens: int = 8192,
        threads: int | None = None,
        idle_seconds: float = 0.0,
    ) -> None:
        self.name, self.context_tokens = weights.name, context_tokens
        self.embedder: Embedder | None = self
        self._weights, self._threads = weights, threads or default_threads()
        self._llama: Any = None
        self._vectors: Any = None
        self._loaded = ""
        self._turn = threading.Lock()
        self._calls: set[threading.Event] = set()
        self._idle = IdleUnload(idle_seconds, self._unload)

    def missing(self) -> str | None:
        """Why it cannot answer here; loads nothing."""
        if not importlib.util.find_spec("llama_cpp"):
            return f"llama-cpp-python is not installed: {_install()}"
        return self._weights.missing()

    def count(self, text: str) -> int:
        """How many tokens `text` is, by the model's own tokenizer. Raises ModelUnavailable."""
        with self._turn:
            return len(self._load().tokenize(text.encode(), add_bos=False))

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers; returns within 0.2 s of a stop, with what there is. Raises as the port says, and WrongPrompt."""
        answer = StreamedAnswer(usage=Usage(model=self._loaded or self.name, backend=self.backend), on_text=on_text)
        while not self._turn.acquire(timeout=POLL_SECONDS):
            if stop.is_set():
                return answer.end(cancelled=True)
        left = threading.Event()
        self._calls.add(left)

        def work(heard: Callable[[Mapping[str, Any]], bool]) -> None:
            try:
                self._answer(prompt, heard)
            except (ValueError, RuntimeError, OSError) as error:
                raise self._translate_error(error) from error
            finally:
                self._calls.discard(left)
                self._turn.release()
                self._idle.used()

        ended = run_blocking(work, lambda chunk: _apply_chunk(chunk, answer), stop, left=left, name="llama-cpp-python")
        answer.usage = replace(answer.usage, model=self._loaded or self.name)
        return answer.end(cancelled=not ended)

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Means of the last layer, of length 1: demo grade for a model that was not made for it."""
        if not texts:
            return ()
        self._idle.used()
        with self._turn:
            try:
                if self._vectors is None:
                    size = dict.fromkeys(("n_ctx", "n_batch", "n_ubatch"), MAX_EMBED_TOKENS)
                    self._vectors = self._open(embedding=True, pooling_type=1, **size)
                found = self._vectors.embed([text or " " for text in texts], normalize=True, truncate=False)
            except (ValueError, RuntimeError) as error:
                raise self._translate_error(error) from error
        return tuple(tuple(each) for each in found)

    def close(self) -> None:
        """Ends the call that runs and unloads the model."""
        for left in list(self._calls):
            left.set()
        self._idle.stop()
        if self._turn.acquire(timeout=CLOSE_TIMEOUT_SECONDS):
            self._let_go()
            atexit.unregister(self.close)

    def _unload(self) -> bool:
        """Lets go of the model, unless a call uses it."""
        free = self._turn.acquire(blocking=False)
        if free:
            self._let_go()
        return free

    def _let_go(self) -> None:
        """The caller has the turn, which ends with this."""
        try:
            for each in (self._llama, self._vectors):
                if each is not None:
                    each.close()
            self._llama = self._vectors = None
        finally:
            self._turn.release()

    def _answer(self, prompt: Prompt, heard: Callable[[Mapping[str, Any]], bool]) -> None:
        """The thread that does the work: from loading the model to the last piece."""
        llama, library = self._load(), _library()
        tally = _TokenTally(known=list(llama.eval_tokens), common=llama.longest_token_prefix)
        chunks = llama.create_chat_completion(
            messages=[{"role": each.role, "content": each.content} for each in prompt.messages],
            max_tokens=prompt.max_tokens,
            stream=True,
            stop=list(prompt.stop),
            seed=prompt.seed,
            grammar=_grammar(prompt.schema),
            logits_processor=library.LogitsProcessorList([tally.count]),
            **SAMPLING | ({"temperature": prompt.temperature} if prompt.temperature is not None else {}),
        )
        with closing(chunks):
            for chunk in chunks:
                if heard({**chunk["choices"][0], "counts": tally.counts()}):
                    return

    def _load(self) -> Any:
        """The model object; loads it the first time. The caller has the turn. Raises ModelUnavailable."""
        self._idle.used()
        if self._llama is None:
            path = self._weights.file()
            try:
                self._llama = self._open(n_ctx=self.context_tokens)
            except (ValueError, RuntimeError, OSError, AssertionError) as error:
                raise ModelUnavailable(f"{path} cannot be loaded: {error}") from error
            self._loaded = path.stem
            atexit.register(self.close)
        return self._llama

    def _open(self, **how: Any) -> Any:
        threads = {"n_threads": self._threads, "n_threads_batch": self._threads}
        return _library().Llama(str(self._weights.file()), verbose=False, **threads, **how)

    def _translate_error(self, error: Exception) -> OrchestratorError:
        if isinstance(error, OrchestratorError):
            return error
        if found := TOO_MANY_TOKENS_PATTERN.search(str(error)):
            return ContextTooLong(int(found[1]), int(found[2]))
        return ModelUnavailable(f"{self.name} failed: {error}")


@dataclass(kw_only=True)
class _TokenTally:
    """Counts a call's tokens, which the library does not tell of a stream: it is asked before each token is chosen."""

    known: list[int]
    """What was in memory before the call."""
    common: Callable[[Sequence[int], Sequence[int]], int]
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0

    def count(self, tokens: Any, scores: Any) -> Any:
        """Takes in all tokens so far, and leaves the choice as it is."""
        if not self.tokens_out:
            self.tokens_in = len(tokens)
            self.tokens_cached = min(self.common(self.known, tokens.tolist()), self.tokens_in)
        self.tokens_out += 1
        return scores

    def counts(self) -> dict[str, int]:
        return {"tokens_in": self.tokens_in, "tokens_cached": self.tokens_cached, "tokens_out": self.tokens_out}


def _apply_chunk(chunk: Mapping[str, Any], answer: StreamedAnswer) -> None:
    answer.counts(**chunk["counts"])
    answer.finish = chunk.get("finish_reason") or answer.finish
    answer.say((chunk.get("delta") or {}).get("content") or "")


def _library() -> Any:
    """llama_cpp, loaded so that it neither spins nor starts a debugger. Raises ModelUnavailable."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelUnavailable(f"llama-cpp-python cannot be loaded ({error}): {_install()}") from error
    return llama_cpp


def _grammar(schema: Mapping[str, Any] | None) -> Any:
    """What the answer must follow. The library's own `response_format` takes any JSON where a schema is too hard."""
    if schema is None:
        return None
    try:
        return _library().LlamaGrammar.from_json_schema(json.dumps(schema), verbose=False)
    except Exception as error:  # its converter fails in many ways
        raise WrongPrompt(f"the model cannot follow this schema: {error}") from error


def _install() -> str:
    return f"{extra_command('llamacpp')} (builds for some minutes, needs g++)"
