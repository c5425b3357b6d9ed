"""Where does whoever asks from inside the sandbox, a hook above all, reach its node? At a Unix socket, which lives as
long as the round."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.execution.hooks import hook_client
from orchestrator.execution.hooks.bash_lines import write_bash_lines
from orchestrator.execution.node_python import node_python, python_files

SOCKET_NAME = "hooks"
MAX_AT_ONCE = 16
MAKE_ROOM_SECONDS = 0.1
"""So long does one who comes wait for a free place before another who says nothing has to go."""
READ_SECONDS = 5.0
"""So long may a connection take to say what it asks, from its beginning on, however it drips."""


@dataclass(frozen=True, kw_only=True)
class HookLine:
    """A run's way to ask. `command` is what a program runs at its hook, `bash_lines` the file that the bash of one
    without hooks reads first, `readable` what a sandbox must show for it."""

    command: str
    bash_lines: Path
    readable: tuple[Path, ...]


@contextmanager
def open_hook_socket(folder: Path, answer: Callable[[bytes], bytes]) -> Iterator[HookLine]:
    """Answers hooks for the time of the block. Raises OSError."""
    with open_run_socket(folder, SOCKET_NAME, answer) as path:
        python, script = node_python(), Path(hook_client.__file__)
        lines = write_bash_lines(folder, python, script, path)
        words = [str(python), "-I", "-S", "-B", str(script), str(path)]
        readable = (script, path, lines, *python_files())
        yield HookLine(command=shlex.join(words), bash_lines=lines, readable=readable)


@contextmanager
def open_run_socket(folder: Path, name: str, answer: Callable[[bytes], bytes]) -> Iterator[Path]:
    """Answers whoever asks at `folder/name` for the time of the block, each in a thread of its own. Where more are
    there at once than are answered, the one that has waited longest without having asked makes room. Raises OSError."""
    path = folder / name
    path.unlink(missing_ok=True)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX)
    lines = _OpenLines()
    try:
        listener.bind(f"/proc/self/fd/{handle}/{name}")  # the path itself may be longer than the kernel's 107 bytes
        path.chmod(0o600)
        listener.listen(MAX_AT_ONCE)
        thread = threading.Thread(target=_serve, args=(listener, answer, lines), name=f"shiftbook-{name}", daemon=True)
        thread.start()
        yield path
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        listener.close()
        lines.close()
        os.close(handle)
        path.unlink(missing_ok=True)


@dataclass(kw_only=True)
class _OpenLines:
    """The connections that are open. Those that have asked are answered, the others may be ended."""

    _asking: list[socket.socket] = field(default_factory=list)
    _all: set[socket.socket] = field(default_factory=set)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, near: socket.socket) -> bool:
        """Takes one in; False where the block is over."""
        with self._lock:
            if not self._closed:
                self._asking.append(near)
                self._all.add(near)
            return not self._closed

    def has_asked(self, near: socket.socket) -> None:
        """From now on it is answered."""
        with self._lock:
            if near in self._asking:
                self._asking.remove(near)

    def make_room(self) -> None:
        """Ends the one that is here longest and has not asked."""
        with self._lock:
            for near in self._asking[:1]:
                _shut(near)
            del self._asking[:1]

    def remove(self, near: socket.socket) -> None:
        """One that is over."""
        self.has_asked(near)
        with self._lock:
            self._all.discard(near)

    def close(self) -> None:
        """Ends all."""
        with self._lock:
            self._closed = True
            for near in self._all:
                _shut(near)


def _shut(near: socket.socket) -> None:
    with contextlib.suppress(OSError):
        near.shutdown(socket.SHUT_RDWR)  # wakes who waits in recv()


def _serve(listener: socket.socket, answer: Callable[[bytes], bytes], lines: _OpenLines) -> None:
    """Until the listener is closed."""
    free = threading.BoundedSemaphore(MAX_AT_ONCE)
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        while not free.acquire(timeout=MAKE_ROOM_SECONDS):
            lines.make_room()
        if not lines.add(near):
            near.close()
            return
        threading.Thread(target=_answer, args=(near, answer, free, lines), name="shiftbook-hook", daemon=True).start()


def _answer(
    near: socket.socket, answer: Callable[[bytes], bytes], free: threading.BoundedSemaphore, lines: _OpenLines
) -> None:
    try:
        with near, contextlib.suppress(OSError):
            said = _asked(near, time.monotonic() + READ_SECONDS)
            lines.has_asked(near)
            near.settimeout(READ_SECONDS)
            near.sendall(answer(said))
    finally:
        lines.remove(near)
        free.release()


def _asked(near: socket.socket, until: float) -> bytes:
    """All that a connection says until it says that this is all. Raises OSError where that takes too long."""
    said = bytearray()
    while len(said) <= hook_client.MAX_BYTES:
        near.settimeout(max(0.001, until - time.monotonic()))
        piece = near.recv(65536)
        if not piece:
            break
        if time.monotonic() > until:
            raise TimeoutError
        said += piece
    return bytes(said)
