"""How does the next message find what the model has already read?

Three ways: a conversation keeps its slot while the process lives (`Prompt.conversation`); what was read of the last few
conversations is written down when the process ends and taken up by the next one; and when a briefing changed, the new
head is read while nobody waits, before somebody asks.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.chat.queue import BackendQueues
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.model import Model, PrefixCache, PromptMessage
from sync.errors import SyncError

MAX_SAVED_CONVERSATIONS = 4
"""Conversations whose state is kept over a restart; each takes some 40 MB on disk."""
MAX_WARM_HEADS = 4
"""Heads that are kept warm: of the projects that were talked about last."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PromptHeadKey:
    """What a head depends on besides the ledger."""

    project: str
    role: str


@dataclass(kw_only=True)
class PromptCache:
    """Keeps prompts of conversations below `folder`. `head` gives the system message for a subject, as it is now."""

    folder: Path
    queues: BackendQueues
    head: Callable[[PromptHeadKey, Model], str]
    _used: OrderedDict[str, PrefixCache] = field(default_factory=OrderedDict)
    _subjects: OrderedDict[PromptHeadKey, tuple[Model, str]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, model: Model, conversation: str) -> bool:
        """Takes up what an earlier process had read of a conversation; whether there was anything."""
        keeper, path = model.keeper, self._path(conversation)
        with self._lock:
            if keeper is None or conversation in self._used or not path.exists():
                return False
        try:
            return keeper.load(path, conversation)
        except (OrchestratorError, OSError) as error:
            LOG.warning("a kept prompt cannot be read: %s", error)
            return False

    def used(self, model: Model, conversation: str, subject: PromptHeadKey, head: str) -> None:
        """Notes who spoke last about what."""
        with self._lock:
            if model.keeper is not None:
                self._used.pop(conversation, None)
                self._used[conversation] = model.keeper
                while len(self._used) > MAX_SAVED_CONVERSATIONS:
                    self._used.popitem(last=False)
            self._subjects.pop(subject, None)
            self._subjects[subject] = (model, head)
            while len(self._subjects) > MAX_WARM_HEADS:
                self._subjects.popitem(last=False)

    @property
    def subjects(self) -> tuple[PromptHeadKey, ...]:
        """What was talked about last."""
        with self._lock:
            return tuple(self._subjects)

    def refresh(self) -> list[PromptHeadKey]:
        """Has every head read that says something else now, while nobody is waiting; returns whose."""
        made = []
        with self._lock:
            subjects = list(self._subjects.items())
        for subject, (model, known) in subjects:
            if model.keeper is None or self.queues.busy:
                continue
            try:
                head = self.head(subject, model)
                if head == known:
                    continue
                model.keeper.warm((PromptMessage(role="system", content=head),))
            except (OrchestratorError, SyncError, OSError) as error:
                LOG.warning("a head was not read ahead: %s", error)
                continue
            made.append(subject)
            with self._lock:
                if subject in self._subjects:
                    self._subjects[subject] = (model, head)
        return made

    def save(self) -> int:
        """Writes down what was read of the last conversations, for the next process; returns how many."""
        with self._lock:
            used = list(self._used.items())
        saved = 0
        for conversation, keeper in used:
            try:
                saved += keeper.save(self._path(conversation), conversation)
            except (OrchestratorError, OSError) as error:
                LOG.warning("a prompt was not kept: %s", error)
        self._tidy()
        return saved

    def forget(self, conversation: str) -> None:
        """Nothing of a conversation stays."""
        with self._lock:
            self._used.pop(conversation, None)
        for path in self.folder.glob(f"{self._path(conversation).name}*"):
            path.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Keeps the newest few states; each has a note beside it."""
        states = sorted(self.folder.glob("*.state"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in states[MAX_SAVED_CONVERSATIONS:]:
            self.forget(path.stem)

    def _path(self, conversation: str) -> Path:
        return self.folder / f"{conversation if _ID.fullmatch(conversation) else '_'}.state"
