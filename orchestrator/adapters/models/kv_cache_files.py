"""Where are prompts kept that a model has read, and which of them serves a new call?

A state is a file as llama.cpp writes it, with a note beside it: which model and library it belongs to, how long it is,
and a hash of the first message that it begins with. Nothing is taken up whose note does not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from missions.plain_data import read_json
from orchestrator.core.ports.model import PromptMessage
from sync import files

MAX_STATE_BYTES = 512 * 1024 * 1024
"""Bytes that the states of a process may take on disk; the one that was used longest ago goes first."""
MIN_SAVED_TOKENS = 256
"""What is shorter is read anew faster than it is fetched."""
IDENTITY_BYTES = 1024 * 1024
FOLDER_PREFIX = "shiftbook-states-"


@dataclass(frozen=True, kw_only=True)
class KvCacheNote:
    """What stands beside a state. `model` is the identity of model and library, `head` the hash of its beginning."""

    model: str
    head: str
    tokens: int
    size: int


def model_identity(path: Path, library: str) -> str:
    """What tells a model file, and the library that reads it, from others."""
    with path.open("rb") as file:
        start = file.read(IDENTITY_BYTES)
    return hashlib.sha256(f"{library} {path.stat().st_size} ".encode() + start).hexdigest()


def head_hash(messages: Sequence[PromptMessage]) -> str:
    """The hash of what a prompt begins with: its first message."""
    return hashlib.sha256(f"{messages[0].role}\n{messages[0].content}".encode()).hexdigest() if messages else ""


def note_path(path: Path) -> Path:
    """Where a state's note is."""
    return path.with_name(path.name + ".json")


def read_note(path: Path, model: str) -> KvCacheNote | None:
    """The note of a state that is whole and belongs to `model`."""
    try:
        note = KvCacheNote(**read_json(note_path(path).read_text(encoding="utf-8")))
        whole = path.stat().st_size == note.size and note.model == model
    except (OSError, ValueError, TypeError):
        return None
    return note if whole else None


def export_state(source: Path, target: Path, note: KvCacheNote) -> None:
    """Copies a state to where it outlives the process, readable by its owner only. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(number)
    part = Path(name)
    try:
        shutil.copyfile(source, part)
        note_path(target).unlink(missing_ok=True)  # a state without a note is none, whatever happens now
        files.move_into_place(part, target, durable=False)  # a cache of many megabytes
        note_path(target).write_text(json.dumps(asdict(note)), encoding="utf-8")
    finally:
        part.unlink(missing_ok=True)


class KvCacheFiles:
    """The states of one process, in a folder of its own that goes with it."""

    def __init__(self, parent: Path | None = None, *, room: int = MAX_STATE_BYTES) -> None:
        self._parent, self._room = parent or Path(tempfile.gettempdir()), room
        self._folder: Path | None = None
        self._notes: OrderedDict[str, KvCacheNote] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where the files are; only this user may look. Made when first asked; what dead processes left goes then."""
        with self._lock:
            if self._folder is None:
                self._parent.mkdir(parents=True, exist_ok=True)
                for old in self._parent.glob(f"{FOLDER_PREFIX}*"):
                    process = old.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
                    if process.isdecimal() and not psutil.pid_exists(int(process)):
                        shutil.rmtree(old, ignore_errors=True)
                self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=self._parent))
            return self._folder

    def file(self, key: str) -> str:
        """A file's name in the folder."""
        return hashlib.sha256(key.encode()).hexdigest()[:32] + ".state"

    def path(self, key: str) -> Path:
        """A file's place."""
        return self.folder / self.file(key)

    def note(self, key: str) -> KvCacheNote | None:
        """What is known of a state; it counts as used."""
        with self._lock:
            if key in self._notes:
                self._notes.move_to_end(key)
            return self._notes.get(key)

    def keep(self, key: str, note: KvCacheNote) -> None:
        """Takes in a file that was written; older ones go when there is no room."""
        with self._lock:
            self._notes[key] = note
            self._notes.move_to_end(key)
            while len(self._notes) > 1 and sum(each.size for each in self._notes.values()) > self._room:
                gone, _ = self._notes.popitem(last=False)
                self._unlink(gone)

    def drop(self, key: str) -> None:
        """Forgets a state."""
        with self._lock:
            self._notes.pop(key, None)
            self._unlink(key)

    def source_key(self, key: str, beginning: str) -> str | None:
        """The state to start from: the conversation's own, else the newest with the same beginning."""
        with self._lock:
            if key in self._notes and self._notes[key].head == beginning:
                return key
            return next((each for each, note in reversed(self._notes.items()) if note.head == beginning), None)

    def close(self) -> None:
        """Removes the folder; another use makes a new one."""
        with self._lock:
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self._notes.clear()

    def _unlink(self, key: str) -> None:
        if self._folder:
            (self._folder / self.file(key)).unlink(missing_ok=True)
