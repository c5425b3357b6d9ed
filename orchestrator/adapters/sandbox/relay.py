"""How does a program without a network reach the one line that it is given?

Runs as a file, by a bare Python inside the sandbox, with nothing of ours beside it:
`relay.py SOCKET PORT alone|shared ARGV...`. It listens on the loopback of the run's own network, becomes ARGV (so exit
code and signals are the program's own), and leaves a child behind that passes bytes to and from the Unix socket until
ARGV ends. `shared` is for a machine's own loopback, where no sandbox works: another port then takes PORT's place in
ARGV and in the environment, and other users of the machine are turned away.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
from pathlib import Path

CHUNK_BYTES = 65536
MAX_CONNECTIONS = 128
CONNECT_SECONDS = 5.0
ADDRESS = "127.0.0.1"


class Flow:
    """Bytes from `source` to `sink`, of which at most one chunk is held."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.held, self.ended = b"", False

    def read(self) -> None:
        """Takes what came. Raises OSError."""
        self.held = self.source.recv(CHUNK_BYTES)
        self.ended = not self.held
        self.write()

    def write(self) -> None:
        """Passes on what is held, and the end. Raises OSError."""
        if self.held:
            with contextlib.suppress(BlockingIOError):
                self.held = self.held[self.sink.send(self.held) :]
        elif self.ended:
            self.sink.shutdown(socket.SHUT_WR)


class ConnectionPair:
    """A connection of the program and its counterpart on the line."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.flows = (Flow(near, far), Flow(far, near))

    def wanted(self, side: socket.socket) -> int:
        """What to wait for on one of the two sockets."""
        reads = any(each.source is side and not each.held and not each.ended for each in self.flows)
        writes = any(each.sink is side and each.held for each in self.flows)
        return selectors.EVENT_READ * reads | selectors.EVENT_WRITE * writes

    def ready(self, side: socket.socket, events: int) -> None:
        """Moves what can be moved. Raises OSError."""
        for flow in self.flows:
            if events & selectors.EVENT_WRITE and flow.sink is side and flow.held:
                flow.write()
            if events & selectors.EVENT_READ and flow.source is side and not flow.held and not flow.ended:
                flow.read()

    @property
    def over(self) -> bool:
        """Whether both directions have ended."""
        return all(each.ended and not each.held for each in self.flows)


class Relay:
    """Passes each connection to `listener` on to the socket at `path`, until `program` (a pidfd) has ended."""

    def __init__(self, listener: socket.socket, path: str, program: int | None, mine: bool) -> None:
        self._listener, self._path, self._mine, self._pairs = listener, path, mine, 0
        self._program = program
        self._watch = selectors.DefaultSelector()
        self._watch.register(listener, selectors.EVENT_READ)
        if program is not None:
            self._watch.register(program, selectors.EVENT_READ)

    def run(self) -> None:
        """Returns when the program has ended."""
        while True:
            for key, events in self._watch.select():
                if key.fileobj == self._program:
                    return
                if key.fileobj is self._listener:
                    self._take()
                elif key.data is not None:
                    self._move(key.data, key.fileobj, events)  # type: ignore[arg-type]

    def _take(self) -> None:
        try:
            near, peer = self._listener.accept()
        except OSError:
            return
        if self._pairs >= MAX_CONNECTIONS or (
            self._mine and not is_own_connection(peer[1], self._listener.getsockname()[1])
        ):
            near.close()
            return
        far = socket.socket(socket.AF_UNIX)
        try:
            far.settimeout(CONNECT_SECONDS)
            connect(far, self._path)
        except OSError:
            near.close()
            far.close()
            return
        pair = ConnectionPair(near, far)
        self._pairs += 1
        for each in (near, far):
            each.setblocking(False)
            self._watch.register(each, selectors.EVENT_READ, pair)

    def _move(self, pair: ConnectionPair, side: socket.socket, events: int) -> None:
        sides = (pair.flows[0].source, pair.flows[0].sink)
        if sides[0].fileno() < 0:
            return  # closed by the other half of the same look
        try:
            pair.ready(side, events)
        except OSError:
            self._drop(sides)
            return
        if pair.over:
            self._drop(sides)
            return
        for each in sides:
            self._wait(pair, each)

    def _wait(self, pair: ConnectionPair, each: socket.socket) -> None:
        wanted, waits = pair.wanted(each), each in self._watch.get_map()
        if wanted and waits:
            self._watch.modify(each, wanted, pair)
        elif wanted:
            self._watch.register(each, wanted, pair)
        elif waits:
            self._watch.unregister(each)

    def _drop(self, sides: tuple[socket.socket, ...]) -> None:
        self._pairs -= 1
        for each in sides:
            if each in self._watch.get_map():
                self._watch.unregister(each)
            each.close()


def connect(far: socket.socket, path: str) -> None:
    """Connects to a Unix socket whose path may be longer than the kernel's 107 bytes. Raises OSError."""
    where = Path(path)
    folder = os.open(where.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        far.connect(f"/proc/self/fd/{folder}/{where.name}")
    finally:
        os.close(folder)


def is_own_connection(port: int, listening: int) -> bool:
    """Whether the connection from `port` is one of this user's: the kernel's table names its owner."""
    for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        words = row.split()
        if words[1].endswith(f":{port:04X}") and words[2].endswith(f":{listening:04X}"):
            return int(words[7]) == os.getuid()
    return False


def daemonise(listener: socket.socket, path: str, *, mine: bool) -> None:
    """Starts the relay as no child of this process, which may become a program that waits for its children."""
    try:
        program: int | None = os.pidfd_open(os.getpid())
    except OSError:
        program = None  # then it is the end of the PID namespace that ends the relay
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a program that is asked to end may have a last call to make
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    try:
        Relay(listener, path, program, mine).run()
    finally:
        os._exit(0)


def main(words: list[str]) -> None:
    """Leaves the relay behind and becomes the program."""
    path, port, how, *argv = words
    mine = how == "shared"
    listener = socket.create_server((ADDRESS, 0 if mine else int(port)), backlog=MAX_CONNECTIONS)
    environment = dict(os.environ)
    if mine:
        said, meant = f"{ADDRESS}:{port}", f"{ADDRESS}:{listener.getsockname()[1]}"
        environment = {name: value.replace(said, meant) for name, value in environment.items()}
        argv = [word.replace(said, meant) for word in argv]
    daemonise(listener, path, mine=mine)
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
