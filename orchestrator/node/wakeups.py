"""Which wakeups tell a node at once that the ledger moved, where it cannot watch it itself?

Headquarters has an event stream: it rings when a webhook came, when the served repository was pushed to, and when its
own node saw the remote move. A worker behind NAT keeps one connection to it open, outwards, and looks at the ledger
whenever it rings. A nudge says nothing but “look”: a false one costs a fetch, a lost one is made good by polling.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.background import run_in_background
from orchestrator.core.events import Tell
from sync.backoff import Backoff
from sync.disk.watch import RESTLESS_REFS, watch_file, watch_refs

if TYPE_CHECKING:
    import httpx  # loaded where it is used: a node that speaks no HTTP saves its 7 MiB

NUDGE_FILE = "nudge"
"""In the home folder: touched by whoever wants this machine's node to look."""
PING_SECONDS = 15.0
"""Seconds of silence after which the stream says that it is still there."""
READ_TIMEOUT_SECONDS = 3 * PING_SECONDS
"""Seconds without a word after which a listener takes its connection for dead."""
RETRY = Backoff(first=1.0, limit=60.0, jitter=(0.5, 1.0))
"""Seconds before a listener calls again: after the first failure, and at most."""
SETTLE_SECONDS = 0.05
"""Seconds in which several rings become one event: a push moves more than one ref."""
MAX_LINE_BYTES = 4096
"""Bytes of one line of the stream; ours have some twenty."""


FORGE_BELL = "forge-bell"
"""The same for what happens on a project's forge: a webhook came."""


@dataclass
class FileBell:
    """Tells whether a file was touched since it was asked last; what was rung before it was made counts."""

    path: Path
    _heard: int = 0

    def has_rung(self) -> bool:
        """Once for all the times since."""
        try:
            at = self.path.stat().st_mtime_ns
        except OSError:
            return False
        rung, self._heard = at != self._heard, at
        return rung


def ring_forges(home: Path) -> None:
    """Has the node of this home folder look at the projects' forges at once."""
    home.mkdir(parents=True, exist_ok=True)
    (home / FORGE_BELL).touch()
    nudge(home)


def nudge(home: Path) -> None:
    """Wakes the node of this home folder, whichever process asks."""
    home.mkdir(parents=True, exist_ok=True)
    (home / NUDGE_FILE).touch()  # for who looks at the files' times
    (home / NUDGE_FILE).open("ab").close()  # for who is told by the system, of files that were written


def is_nudged(ledger: str, hq_url: str) -> bool:
    """Whether a node hears at once when the ledger moves: it lies on this disk, or headquarters tells."""
    return bool(hq_url) or (repository_here(ledger) / "refs").is_dir()


def repository_here(ledger: str) -> Path:
    """Where the Git repository of a ledger would be, if its address is a folder on this disk."""
    path = Path(ledger.removeprefix("file://"))
    return path / ".git" if (path / ".git").is_dir() else path


@dataclass
class ChangeSignal:
    """Rings for everybody who waits. How often it rang is the id of the event."""

    rang: int = 0
    closed: bool = False
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def ring(self) -> None:
        """Something moved."""
        with self._moved:
            self.rang += 1
            self._moved.notify_all()

    @contextmanager
    def changing(self, *, quietly: bool = False) -> Iterator[None]:
        """For whoever has more to tell than that it rang: what waiters look at is changed here, and they look again.

        With `quietly` it is only read, and nobody is woken.
        """
        with self._moved:
            yield
            if not quietly:
                self._moved.notify_all()

    def wait(self, over: Callable[[], bool], seconds: float) -> None:
        """Waits until something is so, it is closed, or `seconds` have passed."""
        with self._moved:
            self._moved.wait_for(lambda: self.closed or over(), timeout=seconds)

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._moved:
            self.closed = True
            self._moved.notify_all()

    def after(self, heard: int, seconds: float) -> int:
        """How often it has rung, as soon as that is more than `heard`, it is closed, or `seconds` have passed."""
        with self._moved:
            self._moved.wait_for(lambda: self.rang != heard or self.closed, timeout=seconds)
            return self.rang


@dataclass
class HqEventClient:
    """A worker's ear at headquarters. `wake` may be called at any time, from a thread."""

    url: str
    token: str
    wake: Callable[[], None]
    tell: Tell
    _over: threading.Event = field(default_factory=threading.Event)
    _client: httpx.Client | None = None

    def start(self) -> Callable[[], None]:
        """Listens until what this returns is called."""
        return run_in_background("nudges", self._listen, self._over, wait_seconds=2)

    def _listen(self) -> None:
        pause = RETRY.first
        while not self._over.is_set():
            why = self._call()
            if not why:
                pause = RETRY.first  # it was connected: this is a new failure
            else:
                self.tell("hq", f"{why}; trying again, and looking at the ledger in the usual intervals", once=True)
            self._over.wait(RETRY.spread(pause))
            pause = RETRY.next(pause)

    def _call(self) -> str:
        """One connection, for as long as it holds. Returns why there was none; empty if there was one."""
        import httpx

        connected = False
        headers = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        timeout = httpx.Timeout(10.0, read=READ_TIMEOUT_SECONDS)
        address = self.url.rstrip("/") + "/api/v1/events?kinds=ledger"
        try:
            with (
                httpx.Client(timeout=timeout, follow_redirects=False) as client,
                client.stream("GET", address, headers=headers) as answer,
            ):
                why = _response_error(answer, self.url)
                if why:
                    return why
                connected = True
                self.tell("hq", f"listening to {self.url}: it says when the ledger moves")
                self.wake()  # what happened while nobody listened
                for line in _read_lines(answer):
                    if self._over.is_set():
                        return ""
                    if line.strip() == b"event: ledger":
                        self.wake()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            if not connected:
                return f"cannot hear headquarters at {self.url}: {type(error).__name__}"
        return ""


def _response_error(answer: httpx.Response, url: str) -> str:
    if answer.status_code in (401, 403):
        return f"{url} does not take the token (SHIFTBOOK_HQ_TOKEN; it needs the scope missions)"
    if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return f"{url} has no event stream (answer {answer.status_code}): is SHIFTBOOK_HQ_URL headquarters' address?"
    return ""


def _read_lines(answer: httpx.Response) -> Iterator[bytes]:
    """Whole lines. Raises ValueError for one that no event stream of ours has."""
    rest = b""
    for piece in answer.iter_raw():
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE_BYTES:
            raise ValueError("this is no event stream")


def _seen_here(part: str) -> str:
    """Where a clone keeps what it saw of such a ref."""
    return part.replace("/refs/", "/refs/seen/", 1)


def watch_locally(home: Path, ledger: str, ring: Callable[[], None]) -> Callable[[], None]:
    """Rings when this machine has reason to think that the ledger moved. Returns what ends it.

    Reasons: somebody touched the nudge file, this machine's clone took in a change, or a push came into a ledger on
    this disk.
    """
    home.mkdir(parents=True, exist_ok=True)
    stops = [watch_file(home / NUDGE_FILE, ring)]
    clone, there = home / "ledger.git", Path(ledger.removeprefix("file://"))
    if (clone / "refs").is_dir():
        stops.append(watch_refs(clone, ring, ignore=tuple(map(_seen_here, RESTLESS_REFS))))
    if ledger and (there / "refs").is_dir():
        stops.append(watch_refs(there, ring))

    def stop() -> None:
        for end in stops:
            end()

    return stop
