"""The node under load: a real `shiftbook serve` over a real ledger, with tokens of every sort."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from orchestrator.api.auth import tokens
from orchestrator.app import wiring
from orchestrator.core.settings import Settings
from tests.acceptance import desks
from tests.acceptance.desks import Desk
from tests.acceptance.load import words
from tests.acceptance.load.client import Tokens
from tests.acceptance.load.mischief import BODY_BYTES
from tests.acceptance.load.wire import Wire
from tests.waiting import PATIENCE

NUMBER = re.compile(r"^shiftbook_(queue_length|streams) (\S+)$", re.MULTILINE)


@dataclass(kw_only=True)
class Served:
    """The running node."""

    desk: Desk
    tokens: Tokens

    @property
    def wire(self) -> Wire:
        """The way to it."""
        return Wire(self.desk.url)

    @property
    def worker(self) -> psutil.Process:
        """The process that answers: the only child of the one that holds the address."""
        assert self.desk.process is not None
        (worker,) = psutil.Process(self.desk.process.pid).children()
        return worker

    def busy(self) -> dict[str, float]:
        """Streams that are open and chats that wait, by its own numbers."""
        text = self.wire.ask("GET", "/metrics").body.decode()
        return {name: float(value) for name, value in NUMBER.findall(text)}

    def talkative(self) -> list[str]:
        """What stands in its logs and should not: words that were said, tokens, errors that nobody foresaw."""
        found = []
        for path in [*sorted(self.desk.home.glob("http.log*")), self.desk.fleet.folder / "serve.err"]:
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in (words.BEAST, words.ECHO, tokens.TOKEN_PREFIX, "unforeseen error", "store failed", "Traceback"):
                if word in text:
                    line = next(line for line in text.splitlines() if word in line)
                    found.append(f"{path.name} has {text.count(word)} times {word!r}: {line[:400]}")
        return found


@contextmanager
def served(folder: Path, *, backend: str, database_url: str = "") -> Iterator[Served]:
    """A node with this backend, started and ended."""
    settings = {
        "SHIFTBOOK_OPENAI_URL": backend,
        "LLM_PROVIDER_OVERRIDE": "openai",
        "SHIFTBOOK_BODY_BYTES": str(BODY_BYTES),
        "SHIFTBOOK_RATE": "60000",  # the clients share a token; allowances have tests of their own
    }
    settings |= {"SHIFTBOOK_DATABASE_URL": database_url} if database_url else {}
    desk = desks.found(folder, **settings)
    made = _tokens(desk)
    desk.token = made.full
    desk.fleet.fresh = True  # its memory is measured
    desk.start()
    try:
        yield Served(desk=desk, tokens=made)
    finally:
        desk.stop()


def _tokens(desk: Desk) -> Tokens:
    """All by the command, but for one that has expired: the command makes none for less than a day."""

    def new(name: str, *scopes: str) -> str:
        wanted = [word for scope in scopes for word in ("--scope", scope)]
        return desk.fleet.shiftbook("token", "new", name, *wanted, "--device", "any", node="desk", **desk.extra).strip()

    full, sync, revoked = new("all", "chat", "sync"), new("sync", "sync"), new("out", "chat", "sync")
    desk.fleet.shiftbook("token", "revoke", "out", node="desk", **desk.extra)
    stores = wiring.stores(Settings(home=desk.home, database_url=desk.extra.get("SHIFTBOOK_DATABASE_URL", "")))
    try:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        expired, _ = tokens.mint(stores.tokens, "old", ("chat", "sync"), expires=yesterday)
    finally:
        stores.close()
    return Tokens(full=full, sync=sync, bad=(revoked, expired))


def until(what: str, test: Callable[[], bool], *, seconds: float = PATIENCE) -> str:
    """Waits until something is true; returns what did not become true in time, or ""."""
    over = time.monotonic() + seconds
    while not test():
        if time.monotonic() > over:
            return f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
    return ""
