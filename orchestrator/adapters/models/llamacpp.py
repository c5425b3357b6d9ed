"""How does a model answer through llama-cpp-python, the binding that is built on the machine it runs on?

For processors and graphics cards that no ready-made wheel serves. One model object bears one call at a time (two abort
the process), so calls take turns. Its own `eval` reads a long prompt without looking up: here it is given pieces.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator.adapters.models import kv_cache_files
from orchestrator.adapters.models.answer import StreamedAnswer
from orchestrator.adapters.models.blocking_call import POLL_SECONDS, run_blocking
from orchestrator.adapters.models.kv_cache_files import KvCacheNote
from orchestrator.adapters.models.model_file import SAMPLING, ModelWeights, default_threads
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.agent import Embedder, Generation, PrefixCache, Prompt, PromptMessage, Stop, Usage
from sync import files

BATCH_TOKENS = 128
"""Tokens of a prompt between two looks at the stop."""
MAX_EMBED_TOKENS = 2048
INSTALL = "pip install 'shiftbook[llamacpp]' (builds for some minutes, needs g++)"
CLOSE_TIMEOUT_SECONDS = 30.0
TOO_MANY_TOKENS_PATTERN = re.compile(r"Requested tokens \((\d+)\) exceed (?:context window|batch size) of (\d+)")


class _CancelledError(Exception):
    """Nobody listens any more."""


class LlamaCpp:
    """A GGUF file in this process."""

    backend = "llama-cpp-python"

    def __init__(self, weights: ModelWeights, *, context_tokens: int = 8192, threads: int | None = None) -> None:
        self.name, self.context_tokens = weights.name, context_tokens
        self.embedder: Embedder | None = self
        self.keeper: PrefixCache | None = self
        self._weights, self._threads = weights, threads or default_threads()
        self._llama: Any = None
        self._vectors: Any = None
        self._identity = self._loaded = ""
        self._head = ""
        self._turn = threading.Lock()
        self._calls: set[threading.Event] = set()

    def missing(self) -> str | None:
        """Why it cannot answer here; loads nothing."""
        if not importlib.util.find_spec("llama_cpp"):
            return f"llama-cpp-python is not installed: {INSTALL}"
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
                self._answer(prompt, heard, left)
            except _CancelledError:
                pass
            except (ValueError, RuntimeError, OSError) as error:
                raise self._translate_error(error) from error
            finally:
                self._calls.discard(left)
                self._turn.release()

        ended = run_blocking(work, lambda event: _apply_chunk(event, answer), stop, left=left, name="llama-cpp-python")
        answer.usage = replace(answer.usage, model=self._loaded or self.name)
        return answer.end(cancelled=not ended)

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Means of the last layer, of length 1: demo grade for a model that was not made for it."""
        if not texts:
            return ()
        with self._turn:
            try:
                if self._vectors is None:
                    size = dict.fromkeys(("n_ctx", "n_batch", "n_ubatch"), MAX_EMBED_TOKENS)
                    self._vectors = self._open(embedding=True, pooling_type=1, **size)
                found = self._vectors.embed([text or " " for text in texts], normalize=True, truncate=False)
            except (ValueError, RuntimeError) as error:
                raise self._translate_error(error) from error
        return tuple(tuple(each) for each in found)

    def warm(self, messages: Sequence[PromptMessage], conversation: str = "") -> Usage:
        """Reads `messages`: the next call that begins with them need not. Only one prompt is held at a time."""
        prompt = Prompt(messages=tuple(messages), max_tokens=1, conversation=conversation)
        return self.generate(prompt, on_text=lambda _: None, stop=threading.Event()).usage

    def save(self, path: Path, conversation: str = "") -> bool:
        """Writes what is in memory, whichever conversation it is of. Raises ModelUnavailable, OSError."""
        with self._turn:
            llama = self._llama
            if llama is None or not llama.n_tokens:
                return False
            with tempfile.TemporaryDirectory(dir=_ensure_folder(path.parent)) as folder:
                part = Path(folder) / "state"
                tokens = (ctypes.c_int32 * llama.n_tokens)(*llama.input_ids[: llama.n_tokens].tolist())
                size = _library().llama_state_seq_save_file(llama.ctx, str(part).encode(), 0, tokens, llama.n_tokens)
                if not size:
                    raise OSError(f"{path} cannot be written")
                note = KvCacheNote(
                    model=self._identity, head=self._head, tokens=llama.n_tokens, size=part.stat().st_size
                )
                part.chmod(0o600)
                kv_cache_files.note_path(path).unlink(missing_ok=True)
                files.move_into_place(part, path, durable=False)  # a cache of many megabytes
            kv_cache_files.note_path(path).write_text(json.dumps(asdict(note)), encoding="utf-8")
        return True

    def load(self, path: Path, conversation: str = "") -> bool:
        """Takes up a saved state at once. Raises ModelUnavailable, OSError."""
        with self._turn:
            llama = self._load()
            note = kv_cache_files.read_note(path, self._identity)
            if note is None or note.tokens > self.context_tokens:
                return False
            llama.reset()
            tokens, count = (ctypes.c_int32 * note.tokens)(), ctypes.c_size_t(0)
            if not _library().llama_state_seq_load_file(
                llama.ctx, str(path).encode(), 0, tokens, note.tokens, ctypes.byref(count)
            ):
                llama.reset()
                return False
            llama.input_ids[: count.value] = tokens[: count.value]
            llama.n_tokens, llama._requires_eval, self._head = count.value, True, note.head
            return True

    def close(self) -> None:
        """Ends the call that runs and unloads the model."""
        for left in list(self._calls):
            left.set()
        if not self._turn.acquire(timeout=CLOSE_TIMEOUT_SECONDS):
            return
        try:
            for each in (self._llama, self._vectors):
                if each is not None:
                    each.close()
            self._llama = self._vectors = None
        finally:
            self._turn.release()
        atexit.unregister(self.close)

    def _answer(self, prompt: Prompt, heard: Callable[[Mapping[str, Any]], bool], left: threading.Event) -> None:
        """The thread that does the work: from loading the model to the last piece."""
        llama = self._load()
        llama.begin(left, heard)
        self._head = kv_cache_files.head_hash(prompt.messages)
        chunks = llama.create_chat_completion(
            messages=[{"role": each.role, "content": each.content} for each in prompt.messages],
            max_tokens=prompt.max_tokens,
            stream=True,
            stop=list(prompt.stop),
            seed=prompt.seed,
            grammar=_grammar(prompt.schema),
            **SAMPLING | ({"temperature": prompt.temperature} if prompt.temperature is not None else {}),
        )
        for chunk in chunks:
            if heard({**chunk["choices"][0], "counts": llama.counts()}):
                return

    def _load(self) -> Any:
        """The model object; loads it the first time. The caller has the turn. Raises ModelUnavailable."""
        if self._llama is None:
            path = self._weights.file()
            try:
                self._llama = self._open(n_ctx=self.context_tokens, n_batch=BATCH_TOKENS)
            except (ValueError, RuntimeError, OSError, AssertionError) as error:
                raise ModelUnavailable(f"{path} cannot be loaded: {error}") from error
            library = f"{self.backend} {importlib.metadata.version('llama-cpp-python')}"
            self._loaded, self._identity = path.stem, kv_cache_files.model_identity(path, library)
            atexit.register(self.close)
        return self._llama

    def _open(self, **how: Any) -> Any:
        path = self._weights.file()
        threads = {"n_threads": self._threads, "n_threads_batch": self._threads}
        return _interruptible()(str(path), verbose=False, **threads, **how)

    def _translate_error(self, error: Exception) -> OrchestratorError:
        if isinstance(error, OrchestratorError):
            return error
        if found := TOO_MANY_TOKENS_PATTERN.search(str(error)):
            return ContextTooLong(int(found[1]), int(found[2]))
        return ModelUnavailable(f"{self.name} failed: {error}")


def _apply_chunk(event: Mapping[str, Any], answer: StreamedAnswer) -> None:
    answer.counts(**event.get("counts", {}))
    answer.finish = event.get("finish_reason") or answer.finish
    answer.say((event.get("delta") or {}).get("content") or "")


def _library() -> Any:
    """llama_cpp, loaded so that it neither spins nor starts a debugger. Raises ModelUnavailable."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelUnavailable(f"llama-cpp-python cannot be loaded ({error}): {INSTALL}") from error
    return llama_cpp


def _quiet(disable: bool = True) -> AbstractContextManager[None]:  # the signature of what it replaces
    return nullcontext()


def _leave_output_alone(library: Any) -> None:
    """Takes away what would point the whole process's output to /dev/null while a model is loaded."""
    for module in (library.llama, library._internals):
        module.suppress_stdout_stderr = _quiet
    for unused in (library._utils.outnull_file, library._utils.errnull_file):
        unused.close()


def _interruptible() -> Any:
    """llama_cpp.Llama that looks up between two pieces of a prompt, and counts."""
    library = _library()
    _leave_output_alone(library)

    class Interruptible(library.Llama):  # type: ignore[misc,name-defined]  # known at run time only
        left = threading.Event()
        asked = read = made = 0

        def begin(self, left: threading.Event, heard: Callable[[Mapping[str, Any]], bool]) -> None:
            self.left, self.heard = left, heard
            self.asked = self.read = self.made = 0

        def counts(self) -> dict[str, int]:
            cached = max(0, self.asked - self.read)
            return {"tokens_in": self.asked, "tokens_cached": cached, "tokens_out": self.made}

        def generate(self, tokens: Sequence[int], *args: Any, **named: Any) -> Iterator[int]:
            self.asked = len(tokens)
            for token in super().generate(tokens, *args, **named):
                self.made += 1
                yield token

        def eval(self, tokens: Sequence[int]) -> None:
            tokens = list(tokens)
            if not self.made:
                self.read = len(tokens)
                self.heard({"counts": self.counts()})
            for at in range(0, len(tokens), self.n_batch):
                if self.left.is_set():
                    raise _CancelledError
                super().eval(tokens[at : at + self.n_batch])

    return Interruptible


def _grammar(schema: Mapping[str, Any] | None) -> Any:
    """What the answer must follow. The library's own `response_format` takes any JSON where a schema is too hard."""
    if schema is None:
        return None
    try:
        return _library().LlamaGrammar.from_json_schema(json.dumps(schema), verbose=False)
    except Exception as error:  # its converter fails in many ways
        raise WrongPrompt(f"the model cannot follow this schema: {error}") from error


def _ensure_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
