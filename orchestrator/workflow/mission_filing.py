"""Filing by request: how does a mission that a program sends twice become one mission?

What a key stands for is noted before the mission is filed and again after it. Whoever dies in between, and asks again,
is told of the mission whose commit names the key, if there is one.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from missions import frontmatter
from missions.frontmatter import Malformed
from missions.mission import slug
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.stores import Cursors
from orchestrator.ledger.snapshot import MISSIONS
from orchestrator.workflow.fleet import Fleet
from sync.objects import load_commit

REQUEST_TRAILER = "Request"
MAX_LOCKS = 256


class KeyLocks(Protocol):
    """One at a time for each key."""

    def __call__(self, key: str) -> threading.Lock:
        """The lock of a key."""


@dataclass
class RequestLocks:
    """Locks by key for one process; keys share some of them."""

    _locks: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(MAX_LOCKS)])

    def __call__(self, key: str) -> threading.Lock:
        """The lock of a key."""
        return self._locks[int(key[:8], 16) % MAX_LOCKS]


@dataclass(frozen=True, kw_only=True)
class MissionRequest:
    """A mission as somebody sends it: a whole file or a sentence.

    `by` is what the caller is called, `caller` tells them from others of that name, `key` is their idempotency key.
    """

    text: str
    name: str = ""
    title: str = ""
    by: str = ""
    key: str = ""
    caller: str = ""

    @property
    def digest(self) -> str:
        """Tells this mission from another one under the same key."""
        words = json.dumps([self.text, self.name, self.title])
        return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def key_digest(self) -> str:
        """The caller's key; another caller's same key is another one."""
        return hashlib.sha256(f"{self.caller or self.by}\0{self.key}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class MissionFiling:
    """Files what is asked for. `marks` remembers keys over restarts; without it every request is a new one."""

    fleet: Callable[[], Fleet]
    marks: Cursors | None
    locks: KeyLocks = field(default_factory=RequestLocks)

    def file(self, request: MissionRequest) -> str:
        """The name of the mission. Raises WrongSetting for what cannot be filed, and for a key that was used."""
        if not request.key or self.marks is None:
            return self._file(request)
        mark = f"filed-{request.key_digest}"
        with self.locks(request.key_digest):
            noted = read_json(self.marks.get(mark) or "{}")
            if noted and noted["digest"] != request.digest:
                raise WrongSetting("Idempotency-Key", "this key was used for another mission: take a new one")
            name = noted.get("name") or (self._filed_since(noted["tip"], request) if noted else "")
            if not name:
                begun = {"digest": request.digest, "tip": self.fleet().ledger().tip, "name": ""}
                self.marks.put(mark, json.dumps(begun))
                name = self._file(request)
            self.marks.put(mark, json.dumps({"digest": request.digest, "tip": "", "name": name}))
            return str(name)

    def _file(self, request: MissionRequest) -> str:
        try:
            text = frontmatter.write(request.text, {"title": request.title}) if request.title else request.text
        except Malformed as error:
            raise WrongSetting("text", error.reason) from error
        trailer = f"{REQUEST_TRAILER}: {request.key_digest}" if request.key else ""
        return self.fleet().new(text, {}, name=request.name, by=request.by, trailer=trailer)

    def _filed_since(self, tip: str, request: MissionRequest) -> str:
        """The mission that this very request made before whoever made it could note that; empty if it made none."""
        ledger = self.fleet().ledger()
        for commit in ledger.store.history(ledger.tip, MISSIONS, since=tip):
            message = load_commit(ledger.store, commit).message
            if f"\n{REQUEST_TRAILER}: {request.key_digest}" in message:
                return slug(message.partition("\n")[0].removeprefix("Mission: "))
        return ""
