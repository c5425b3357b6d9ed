"""How does the model answer that comes with Shiftbook, with nothing to install beside it?

xllamacpp is llama.cpp's server in a library, in a process of its own (`xllamacpp_server`). Each call runs in a thread
of its own, so that a stop is heeded at once, also while the model reads a prompt: the caller goes on, and the thread
ends at its next sign of progress. A few calls at a time, one in each slot; a conversation finds its slot as it left
it, or fetches what it left from disk.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import importlib.util
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.adapters.models import kv_cache_files
from orchestrator.adapters.models.answer import StreamedAnswer, server_error
from orchestrator.adapters.models.blocking_call import run_blocking
from orchestrator.adapters.models.idle_unload import IdleUnload
from orchestrator.adapters.models.kv_cache_files import KvCacheFiles, KvCacheNote
from orchestrator.adapters.models.model_file import ModelWeights, default_threads
from orchestrator.adapters.models.slots import Slot, Slots
from orchestrator.adapters.models.xllamacpp_server import (
    MAX_EMBED_TOKENS,
    Engine,
    EngineOptions,
    apply_chunk,
    request_body,
    start_engine,
    tokens_in_slot,
    translate_error,
)
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Embedder, Generation, PrefixCache, Prompt, PromptMessage, Stop, Usage

CLOSE_TIMEOUT_SECONDS = 30.0


class XLlamaCpp:
    """A GGUF file in a process of its own, with `slots` answers at a time, each with `context_tokens` of its own."""

    backend = "xllamacpp"

    def __init__(
        self,
        weights: ModelWeights,
        *,
        context_tokens: int = 8192,
        threads: int | None = None,
        slots: int = 2,
        scratch: Path | None = None,
        idle_seconds: float = 0.0,
    ) -> None:
        self.name, self.context_tokens = weights.name, context_tokens
        self.embedder: Embedder | None = self
        self.keeper: PrefixCache | None = self
        self._weights, self._count = weights, slots
        self._threads = threads or default_threads()
        self._engine: Engine | None = None
        self._vectors: Engine | None = None
        self._identity = self._loaded = ""
        self._loading = threading.Lock()
        self._embedding = threading.Lock()
        self._slots, self._states = Slots(slots), KvCacheFiles(scratch)
        self._calls: set[threading.Event] = set()
        self._idle = IdleUnload(idle_seconds, self._unload)
        self._resting = False

    def missing(self) -> str | None:
        """Why it cannot answer here; loads nothing."""
        if not importlib.util.find_spec("xllamacpp"):
            return "xllamacpp is not installed: pip install xllamacpp"
        return self._weights.missing()

    def count(self, text: str) -> int:
        """How many tokens `text` is, by the model's own tokenizer. Raises ModelUnavailable."""
        status, found = self._load().ask("/tokenize", {"content": text, "add_special": False})
        if status != 200:
            raise ModelUnavailable("{} does not count: {}", self.name, found)
        return len(found["tokens"])

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers; returns within 0.2 s of a stop, with what there is. Raises as the port says, and WrongPrompt."""
        answer = StreamedAnswer(usage=Usage(model=self._loaded or self.name, backend=self.backend), on_text=on_text)
        place = self._slots.take(prompt.conversation, stop)
        if place is None:
            return answer.end(cancelled=True)
        left = threading.Event()
        self._calls.add(left)

        def work(heard: Callable[[Mapping[str, Any]], bool]) -> None:
            try:
                self._answer(place, prompt, heard, left)
            except ValueError as error:
                raise translate_error(error, prompt) from error
            except (RuntimeError, OSError) as error:
                raise ModelUnavailable("{} failed: {}", self.name, error) from error
            finally:
                self._calls.discard(left)
                self._slots.give(place)
                self._idle.used()

        def take(chunk: Mapping[str, Any]) -> None:
            apply_chunk(chunk, answer, self.context_tokens)

        ended = run_blocking(work, take, stop, left=left, name="xllamacpp")
        answer.usage = replace(answer.usage, model=self._loaded or self.name)
        return answer.end(cancelled=not ended)

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Means of the last layer, of length 1: demo grade for a model that was not made for it."""
        self._idle.used()
        with self._embedding:
            if self._vectors is None or not self._vectors.runs:
                path = self._weights.file()
                what = EngineOptions(path=path, context=MAX_EMBED_TOKENS, threads=self._threads, embedding=True)
                self._vectors = start_engine(what)
                atexit.register(self.close)
            found = self._vectors.embeddings([text or " " for text in texts]) if texts else {"data": []}
        if "error" in found:
            raise server_error(400, found, asked=0, roof=MAX_EMBED_TOKENS)
        rows = sorted(found["data"], key=lambda each: int(each["index"]))
        return tuple(tuple(each["embedding"]) for each in rows)

    def warm(self, messages: Sequence[PromptMessage], conversation: str = "") -> Usage:
        """Reads `messages` and keeps that for every call that begins with the same first message.

        Not with a model that was unloaded because nobody asks: reading ahead must not load it again.
        """
        if self._resting:
            return Usage(model=self._loaded or self.name, backend=self.backend)
        prompt = Prompt(messages=tuple(messages), max_tokens=1, conversation=conversation)
        return self.generate(prompt, on_text=lambda _: None, stop=threading.Event()).usage

    def save(self, path: Path, conversation: str = "") -> bool:
        """Writes a conversation's state to a file that a later process can load. Raises ModelUnavailable, OSError."""
        place = self._slots.take(conversation, threading.Event())
        assert place
        try:
            if place.holds == conversation and place.tokens:
                self._save_slot(place, conversation)
        finally:
            self._slots.give(place)
        note = self._states.note(conversation)
        if note:
            kv_cache_files.export_state(self._states.path(conversation), path, note)
        return note is not None

    def load(self, path: Path, conversation: str = "") -> bool:
        """Takes up a saved state; it is read when a call needs it. Raises ModelUnavailable, OSError."""
        self._load()
        note = kv_cache_files.read_note(path, self._identity)
        if note is None:
            return False
        shutil.copyfile(path, self._states.path(conversation))
        self._states.keep(conversation, note)
        return True

    def close(self) -> None:
        """Ends the calls that run and unloads the model. Without it, an exit during a call would crash the process."""
        for left in list(self._calls):
            left.set()
        self._idle.stop()
        if not self._slots.drained(CLOSE_TIMEOUT_SECONDS):
            return
        with self._loading, self._embedding:
            self._engine = self._vectors = None
        self._slots.forget()
        self._states.close()
        atexit.unregister(self.close)

    def _unload(self) -> bool:
        """Lets go of the model, unless a call uses it; what conversations had read is on disk then, as before."""
        places = self._slots.take_all()
        if places is None:
            return False
        try:
            with self._loading, self._embedding:
                for place in places:
                    if place.holds:
                        self._save_slot(place, place.holds)
                self._resting = True  # first: reading ahead must not find it neither loaded nor at rest
                self._engine = self._vectors = None
            self._slots.forget()
        finally:
            for place in places:
                self._slots.give(place)
        return True

    def _answer(
        self, place: Slot, prompt: Prompt, heard: Callable[[Mapping[str, Any]], bool], left: threading.Event
    ) -> None:
        """The library's thread: from loading the model to the last chunk."""
        engine, beginning = self._load(), kv_cache_files.head_hash(prompt.messages)
        self._set_up(engine, place, prompt.conversation, beginning)
        place.holds, place.head, place.tokens = prompt.conversation, beginning, 0
        if left.is_set():
            return

        def progress(chunk: Mapping[str, Any]) -> bool:
            place.tokens = tokens_in_slot(chunk) or place.tokens
            return heard(chunk)

        engine.chat(request_body(prompt) | {"id_slot": place.number}, progress)
        if (
            place.tokens >= kv_cache_files.MIN_SAVED_TOKENS
            and not self._states.source_key("", beginning)
            and not left.is_set()
        ):
            self._write(engine, place, f"head {beginning}")  # so that no other conversation has to read it again

    def _set_up(self, engine: Engine, place: Slot, conversation: str, beginning: str) -> None:
        """Puts what a conversation had read before into its place, after putting away what was there."""
        if place.holds == conversation and place.head == beginning:
            return
        if place.holds:
            self._save_slot(place, place.holds)
        donor = self._states.source_key(conversation, beginning)
        if donor is None or (place.head == beginning and donor != conversation):
            return
        status, _ = engine.ask(f"/slots/{place.number}?action=restore", {"filename": self._states.file(donor)})
        if status != 200:
            self._states.drop(donor)

    def _save_slot(self, place: Slot, conversation: str) -> None:
        if self._engine and place.tokens >= kv_cache_files.MIN_SAVED_TOKENS:
            self._write(self._engine, place, conversation)

    def _write(self, engine: Engine, place: Slot, key: str) -> None:
        """Writes a place to disk. A full disk costs time later, nothing now."""
        try:
            status, found = engine.ask(f"/slots/{place.number}?action=save", {"filename": self._states.file(key)})
            size = self._states.path(key).stat().st_size if status == 200 else 0
        except (OSError, ModelUnavailable):
            size = 0
        if not size:
            self._states.drop(key)
            return
        note = KvCacheNote(model=self._identity, head=place.head, tokens=int(found["n_saved"]), size=size)
        self._states.keep(key, note)

    def _load(self) -> Engine:
        """The library's server; loads the model the first time. Raises ModelUnavailable."""
        self._idle.used()
        with self._loading:
            if self._engine is None or not self._engine.runs:
                path = self._weights.file()
                self._engine = start_engine(
                    EngineOptions(
                        path=path,
                        context=self.context_tokens,
                        slots=self._count,
                        threads=self._threads,
                        states=self._states.folder,
                    )
                )
                library = f"{self.backend} {importlib.metadata.version('xllamacpp')}"
                self._loaded, self._identity = path.stem, kv_cache_files.model_identity(path, library)
                self._resting = False
                atexit.register(self.close)
            return self._engine
