"""How does this machine serve its ledger to git over HTTP, without any other program?

Git brings a CGI program for it (git-http-backend(1)). One is started for each request; both bodies are streamed, so
that a large push is never in memory. Which repository it opens is decided here and not by the path that was asked for.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Protocol

from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server.pre_receive import PUSHER_VARIABLE, install_hook
from sync import files
from sync.git import Git, start_http_backend

CHUNK_BYTES = 64 * 1024
FLUSHED = "objects,reference"
"""What git has the disk keep of a push before it says that it was taken: by itself neither small ones nor refs."""
MAX_HEADER_BYTES = 16 * 1024
"""Bytes of headers that git's program may say before its answer."""
MAX_PROCESSES = 16
"""Programs that run at the same time; who comes then waits PATIENCE seconds for a place."""
MAX_PROCESSES_PER_CALLER = 4
"""Of these, the most that work for one caller: who sends bodies that never end keeps nobody else out."""
SLOT_WAIT_SECONDS = 20.0
MAX_REQUEST_SECONDS = 3600.0
"""Seconds after which a program is ended whose caller has taken no piece of its answer for so long: a large push over a
slow line takes minutes, and the first fetch of a large ledger may take a day."""


class TooManyRequests(OrchestratorError):
    """Too many pushes and fetches run at the moment; try again."""


class BrokenRequest(OrchestratorError):
    """The request's body ended early, or git could not make sense of it."""


class Body(Protocol):
    """A request's body as it comes in."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at its end."""


@dataclass(frozen=True, kw_only=True)
class CgiRequest:
    """One request of git's, as CGI names its parts (RFC 3875). `length` is None for a body that comes in chunks."""

    method: str
    path: str
    """Below the repository: /info/refs, /git-upload-pack or /git-receive-pack."""
    query: str
    kind: str
    encoding: str
    protocol: str
    length: int | None
    who: str
    """Who pushes, for the gate; empty where nobody was asked."""
    client_address: str
    """The address that it came from."""

    @property
    def cgi_environment(self) -> dict[str, str]:
        """The environment for git's program."""
        found = {
            "REQUEST_METHOD": self.method,
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query,
            "CONTENT_TYPE": self.kind,
            "HTTP_CONTENT_ENCODING": self.encoding,
            "GIT_PROTOCOL": self.protocol,
            "REMOTE_ADDR": self.client_address,
            "REMOTE_USER": self.who or "local",
            PUSHER_VARIABLE: self.who,
        }
        return found if self.length is None else found | {"CONTENT_LENGTH": str(self.length)}


class CgiResponse:
    """What git's program answers. Close it, whatever happens: that ends the program and gives the place back."""

    def __init__(self, process: subprocess.Popen[bytes], body: Body, done: Callable[[], None], longest: float) -> None:
        self._process, self._done, self._lock = process, done, threading.Lock()
        self._problem: Exception | None = None
        self._longest, self._taken = longest, monotonic()
        self._arm(longest)
        self._pump = threading.Thread(target=self._feed, args=(body,), name="git-body", daemon=True)
        self._pump.start()
        try:
            self.status, self.headers = self._head()
            self._first = self._read()
        except BaseException:
            self.close()
            raise
        if not self._first and self._problem is not None:  # nothing was said yet, so it can still be said what is wrong
            self.close()
            raise self._problem

    def __iter__(self) -> Iterator[bytes]:
        piece = self._first
        while piece:
            yield piece
            self._taken = monotonic()
            piece = self._read()

    def close(self) -> None:
        """Ends the program if it still runs. Closing twice is no error."""
        self._over.cancel()
        if self._process.poll() is None:
            try:
                self._process.wait(timeout=0.5)  # it has said its last word and is about to end by itself
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._give_back()

    def _arm(self, seconds: float) -> None:
        self._over = threading.Timer(seconds, self._expire)
        self._over.daemon = True
        self._over.start()

    def _expire(self) -> None:
        """Ends the program and gives the place back, also while both ends of the line stand still."""
        left = self._taken + self._longest - monotonic()
        if left > 0 and self._process.poll() is None:
            self._arm(left)
            return
        self._problem = BrokenRequest("this took too long")
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            done, self._done = self._done, lambda: None
        done()

    def _feed(self, body: Body) -> None:
        """Hands the body on. One that ends early ends the program: half a push must not look like a whole one."""
        assert self._process.stdin is not None
        try:
            while piece := body.read(CHUNK_BYTES):
                self._process.stdin.write(piece)
            self._process.stdin.close()
        except BrokenPipeError:
            return  # git has heard enough, and says why
        except Exception as error:  # whatever the server's stream raises: told to the caller, not lost
            self._problem = error
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        return os.read(self._process.stdout.fileno(), CHUNK_BYTES)

    def _head(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers: CGI lines until an empty one. Raises Broken."""
        assert self._process.stdout is not None
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            byte = os.read(self._process.stdout.fileno(), 1)
            raw += byte
            if not byte or len(raw) > MAX_HEADER_BYTES:
                raise self._problem or BrokenRequest("git gave no answer to this request")
        fields = [line.partition(": ") for line in raw.decode("latin-1").split("\r\n") if line]
        status = next((int(value.split()[0]) for name, _, value in fields if name == "Status"), 200)
        return status, [(name, value) for name, _, value in fields if name != "Status"]


class _ProcessSlots:
    """Who runs how many programs."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self, caller: str) -> bool:
        """Takes a place for a caller; False when there was none for PATIENCE seconds."""
        with self._changed:
            free = self._changed.wait_for(lambda: self._free(caller), SLOT_WAIT_SECONDS)
            self._held[caller] += free
            return free

    def give(self, caller: str) -> None:
        """Gives one back."""
        with self._changed:
            self._held -= Counter([caller])  # keeps no name that holds none
            self._changed.notify_all()

    def _free(self, caller: str) -> bool:
        return self._held.total() < MAX_PROCESSES and self._held[caller] < MAX_PROCESSES_PER_CALLER


@dataclass(frozen=True, kw_only=True)
class GitHttpBackend:
    """The bare repository that is served, and the name it has in the URL."""

    bare: Path
    push_bytes: int
    max_seconds: float = MAX_REQUEST_SECONDS
    _places: _ProcessSlots = field(default_factory=_ProcessSlots)

    @property
    def name(self) -> str:
        """Its name in the URL: /git/<name>.git."""
        return self.bare.name.removesuffix(".git")

    def ask(self, ask: CgiRequest, body: Body) -> CgiResponse:
        """Git's answer. Raises Crowded, Broken, and what reading the body raises."""
        caller = ask.who or ask.client_address
        if not self._places.take(caller):
            raise TooManyRequests("too many pushes and fetches at the moment: try again")
        try:
            process = start_http_backend(self.bare, ask.cgi_environment, roof=self.push_bytes)
        except BaseException:
            self._places.give(caller)
            raise
        return CgiResponse(process, body, lambda: self._places.give(caller), self.max_seconds)


def open_http_backend(settings: Settings) -> GitHttpBackend | None:
    """The door of this machine, with the gate before its repository; None where it serves none. Raises WrongSetting."""
    if not settings.serve_git:
        return None
    if not settings.policy.serves_git:
        raise WrongSetting("SHIFTBOOK_SERVE_GIT", "a LOCAL_WORKER serves no repository: set FACTORY_ROLE")
    bare = files.expand_home(settings.ledger.removeprefix("file://")).absolute()
    if not settings.ledger or not (bare / "HEAD").is_file() or not (bare / "objects").is_dir():
        why = "SHIFTBOOK_LEDGER must be a bare repository on this machine; `shiftbook init FOLDER` makes one"
        raise WrongSetting("SHIFTBOOK_SERVE_GIT", why)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bare.name):
        raise WrongSetting("SHIFTBOOK_SERVE_GIT", f"{bare.name!r} cannot stand in a web address: rename the folder")
    install_hook(bare, settings)
    if not Git(bare, as_person=True).text("config", "--get", "core.fsync", codes=(0, 1)):
        Git(bare).config({"core.fsync": FLUSHED})
    return GitHttpBackend(bare=bare, push_bytes=settings.git_bytes)
