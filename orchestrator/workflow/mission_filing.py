"""Filing by request: how does a mission that a program sends twice become one mission?

What a key stands for is noted before the mission is filed and again after it. Whoever dies in between, and asks again,
is told of the mission whose commit names the key, if there is one. A key is remembered for much longer than anybody
tries again, and then forgotten.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from missions import frontmatter
from missions.frontmatter import Malformed
from missions.mission import slug
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.stores import Cursors
from orchestrator.ledger.snapshot import MISSIONS
from orchestrator.workflow.attaching import FIELD, GivenFile, attach_files
from orchestrator.workflow.fleet import Fleet
from sync.objects import load_commit

REQUEST_TRAILER = "Request"
MAX_LOCKS = 256
KEPT = timedelta(days=60)
"""How long a key is remembered: twice as long as an order may wait on a device that is offline."""
PRUNED_EVERY = timedelta(days=1)
PREFIX, PRUNED = "filed-", "filing pruned"
"""What the marks of keys begin with; the mark of when those that are old were forgotten last."""
MAX_COMMITS = 20_000
"""Commits that are looked through for a mission whose filing was broken off."""


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


SHARED_LOCKS = RequestLocks()
"""Of this process: one key comes over HTTP and by sync at once."""


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
    fields: Mapping[str, str] = field(default_factory=dict)
    """What its front matter says besides."""
    own_name: str = ""
    """What it is called where no `name` is asked for; empty: by its title or text."""
    files: tuple[GivenFile, ...] = ()
    """The files that it comes with."""
    trailer: str = ""
    """A line for the commit's message."""
    edited: bool = False
    """Whether the same key may come with other words, which are then not looked at."""

    @property
    def digest(self) -> str:
        """Tells this mission from another one under the same key."""
        files = [[each.name, hashlib.sha256(each.data).hexdigest()] for each in self.files]
        more = [each for each in (files, dict(self.fields)) if each]
        words = json.dumps([self.text, self.name, self.title, *more], sort_keys=True)
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
    locks: KeyLocks = field(default_factory=lambda: SHARED_LOCKS)

    def file(self, request: MissionRequest) -> str:
        """The name of the mission. Raises WrongSetting for what cannot be filed, and for a key that was used."""
        if not request.key or self.marks is None:
            return self._file(request)
        mark = f"{PREFIX}{request.key_digest}"
        with self.locks(request.key_digest):
            noted = read_json(self.marks.get(mark) or "{}")
            if noted and noted["digest"] != request.digest and not request.edited:
                raise WrongSetting("Idempotency-Key", "this key was used for another mission: take a new one")
            name = noted.get("name") or (self._filed_since(noted["tip"], request) if noted else "")
            when = self.fleet().now()
            note = {"digest": request.digest, "tip": "", "name": name, "when": noted.get("when", when.isoformat())}
            if not name:
                forget_old_keys(self.marks, when)
                self.marks.put(mark, json.dumps(note | {"tip": self.fleet().ledger().tip}))
                name = self._file(request)
            self.marks.put(mark, json.dumps(note | {"name": name}))
            return str(name)

    def _file(self, request: MissionRequest) -> str:
        fleet, said = self.fleet(), dict[str, Any](request.fields)
        if request.title:
            said["title"] = request.title
        attached = attach_files(fleet.bus.store, request.files) if request.files else None
        if attached:
            said[FIELD] = attached.words
        try:
            text = frontmatter.write(request.text, said) if said else request.text
        except Malformed as error:
            raise WrongSetting("text", error.reason) from error
        own = f"{REQUEST_TRAILER}: {request.key_digest}" if request.key else ""
        trailer = "\n".join(filter(None, (own, request.trailer)))
        beside = attached.beside if attached else {}
        return fleet.new(text, {}, name=request.name or request.own_name, by=request.by, beside=beside, trailer=trailer)

    def _filed_since(self, tip: str, request: MissionRequest) -> str:
        """The mission that this very request made before whoever made it could note that; empty if it made none."""
        ledger = self.fleet().ledger()
        since = tip if ledger.store.descends(ledger.tip, tip) else None  # a ledger that was put back may lack it
        for number, commit in enumerate(ledger.store.history(ledger.tip, MISSIONS, since=since)):
            if number == MAX_COMMITS:
                why = "it was used, and what became of it cannot be told any more: look whether the mission is there"
                raise WrongSetting("Idempotency-Key", f"{why}, and take a new one")
            message = load_commit(ledger.store, commit).message
            if f"\n{REQUEST_TRAILER}: {request.key_digest}" in message:
                return slug(message.partition("\n")[0].removeprefix("Mission: "))
        return ""


def supplier_filing(
    supplier: str, fleet: Callable[[], Fleet], marks: Cursors | None, *, edited: bool = False
) -> Callable[[str, str, str], str]:
    """What files the missions of one supplier's events: text, name, and the key under which each is filed once.

    `edited`: what comes under a key may be worded anew, and stays one mission.
    """
    filing = MissionFiling(fleet=fleet, marks=marks, locks=RequestLocks())

    def file(text: str, name: str, key: str) -> str:
        by, caller = f"supplier {supplier}", f"signal {supplier}"
        return filing.file(MissionRequest(text=text, name=name, by=by, key=key, caller=caller, edited=edited))

    return file


def forget_old_keys(marks: Cursors, now: datetime) -> None:
    """Forgets the keys that nobody comes back with any more; looks once a day."""
    last = marks.get(PRUNED)
    if last and abs(now - datetime.fromisoformat(last)) < PRUNED_EVERY:
        return
    marks.put(PRUNED, now.isoformat())
    old = []
    for name, value in marks.starting(PREFIX).items():
        noted = read_json(value)
        if "when" not in noted:  # of before keys had a time
            marks.put(name, json.dumps(noted | {"when": now.isoformat()}))
        elif datetime.fromisoformat(noted["when"]) < now - KEPT:
            old.append(name)
    marks.drop(old)
