"""How does the app become a server? gunicorn: one process that holds the address, one worker with a thread a request.

One worker, because a model is loaded once; threads, because most of them wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from orchestrator.api.slow_requests import (
    GATHERED_BYTES,
    Gathering,
    PacedUnreader,
    SlowReaders,
    address_of,
    is_gathered,
)
from orchestrator.api.tls import TlsContext, is_tls, shake_hands, speaks_tls
from orchestrator.api.web.access_log import LOGGER
from orchestrator.core.errors import WrongSetting
from orchestrator.core.listen_address import ListenAddress
from sync import files

if TYPE_CHECKING:
    from flask import Flask

SPARE_THREADS = 32
"""Threads beyond the streams: what is short must not wait for what is long."""
IDLE_CONNECTIONS = 512
"""Half of them may be kept alive between two requests, half may be those whose request is not there yet."""
ADDRESS_CONNECTIONS = 128
"""Those of one address whose request is not there yet; past that the oldest gives way."""
KEEP_ALIVE_SECONDS = 5
LINGER_SECONDS = 2.0
"""How long a request that is not there yet is waited for at the end, and a caller who should close after an answer."""
DRAIN_SECONDS = 60
"""How long running answers may go on after SIGTERM."""

ARENAS, LARGE = 2, 128 * 1024
"""Heaps of the C library, and from how many bytes on a block is no part of them. By itself it gives threads eight heaps
for each core, and raises the bound to the largest body that ever came: then much of what was freed stays behind."""
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""malloc.h of glibc."""

STATUS_BY_PARSE_ERROR = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
"""Of what is no HTTP, or not one that is spoken here: the status where it is not 400."""


@dataclass(frozen=True, kw_only=True)
class ServedApp:
    """What is served."""

    app: Flask
    drain: Callable[[], None] = lambda: None
    """Called at SIGTERM: ends streams that would never end by themselves."""
    close: Callable[[], None] = lambda: None
    """Called when the last answer is told."""


@dataclass(frozen=True, kw_only=True)
class ServerPlan:
    """How to serve. Times are whole seconds."""

    make: Callable[[], ServedApp]
    """Called in the worker, after the fork."""
    streams: int
    record: Path
    """Where it is written where this listens."""
    listening: Callable[[str], None] = lambda url: None
    """Told the address once callers can come."""
    receive: int = 20
    """A head, and a small body with it, must be there by then; of a larger one, so much as the least rate says."""
    send: int = 30
    """One that takes nothing for so long, too: it holds a thread and a seat."""
    drain: int = DRAIN_SECONDS
    tls: TlsContext | None = None
    """What is spoken on the second socket, where there is one."""


def bind_socket(address: ListenAddress, plan: ServerPlan, setting: str = "SHIFTBOOK_HTTP") -> socket.socket:
    """A socket that listens there. Raises WrongSetting when the address is taken or is none of this machine's."""
    try:
        kind, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(kind, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", plan.receive, 0))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", plan.send, 0))
            bound.bind(where)
            bound.listen(1024)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        why = f"cannot listen on {address.host}:{address.port} ({error.strerror}): take another port, or off"
        raise WrongSetting(setting, why) from error
    return bound


def serve(
    bound: socket.socket, plan: ServerPlan, *, secure: socket.socket | None = None, parent: int | None = None
) -> None:
    """Serves until SIGTERM, and then until running answers are told; on `secure` over TLS. Ends the process.

    With `parent`, a file descriptor, it also ends when that is closed: the process that started it is gone.
    """
    if parent is not None:
        threading.Thread(target=_end_with_parent, args=(parent,), name="parent", daemon=True).start()
    GunicornServer(bound, plan, secure).run()


def _end_with_parent(parent: int) -> None:
    while os.read(parent, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's, which lets go of the address as soon as it drains: the next server need not wait for the last one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan: ServerPlan = self.app.plan
        self.max_keepalived = IDLE_CONNECTIONS // 2
        # asked now: while this drains the sockets are closed
        self._secure_name = None if plan.tls is None else self.sockets[-1].getsockname()
        self._gathering = Gathering(total=IDLE_CONNECTIONS // 2, each=ADDRESS_CONNECTIONS, seconds=plan.receive)
        self._closing = Gathering(total=IDLE_CONNECTIONS // 4, each=ADDRESS_CONNECTIONS // 2, seconds=LINGER_SECONDS)
        self._readers = SlowReaders(total=max(1, self.cfg.threads // 2), each=max(1, self.cfg.threads // 3))

    def enqueue_req(self, conn: Any) -> None:
        """Gives a connection's request to a thread as soon as it is there. Called in the loop, as all that is below."""
        if not conn.initialized:
            if not self._is_through(conn):
                return
            conn.init()
            conn.parser.unreader = PacedUnreader(conn.sock, address_of(conn), self._readers, self._gathering.seconds)
            conn.close = partial(self._close, conn)  # gunicorn's own waits for the caller here, in the loop
        reader = conn.parser.unreader
        try:
            open_still = is_gathered(reader.buf.getvalue()) or reader.gather()
        except OSError:  # gone, or in crumbs
            self._let_go(conn)
            return
        if not open_still and not reader.buf.getvalue():
            self._let_go(conn)
        elif not open_still or is_gathered(reader.buf.getvalue()):
            self._gathering.remove(conn)
            reader.begin()
            conn.data_ready = True
            super().enqueue_req(conn)
        else:
            self._gather(conn)

    def _is_through(self, conn: Any) -> bool:
        """Whether a new connection can bring a request now: at once, or once hands are shaken over TLS."""
        if not self._is_secure(conn):
            return True
        try:
            spoken = True if is_tls(conn.sock) else speaks_tls(conn.sock)
            if spoken and not is_tls(conn.sock):
                conn.sock = self.app.plan.tls.wrap(conn.sock)
            if spoken and shake_hands(conn.sock):
                return True
        except (OSError, ValueError):  # gone, or no TLS that is spoken here
            self._let_go(conn)
            return False
        if spoken is False:
            self.answer(conn.sock, HTTPStatus.BAD_REQUEST, "this port speaks TLS: write https:// before its address")
            self._let_go(conn)
        else:
            self._gather(conn)
        return False

    def _is_secure(self, conn: Any) -> bool:
        return self._secure_name is not None and conn.server == self._secure_name

    def handle_request(self, req: Any, conn: Any) -> Any:
        """In its thread."""
        if is_tls(conn.sock):
            req.scheme = "https"
        return super().handle_request(req, conn)

    def _gather(self, conn: Any) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda client: self._take_more(conn))
        odd = self._gathering.add(conn, time.monotonic())
        if odd is not None:
            self._give_up(odd)

    def _take_more(self, conn: Any) -> None:
        """More of a request has come, or its connection has ended."""
        self.poller.unregister(conn.sock)
        self.enqueue_req(conn)

    def _give_up(self, conn: Any) -> None:
        """Closes a connection whose request is not there yet; who has sent something is told."""
        self.poller.unregister(conn.sock)
        if conn.initialized and conn.parser.unreader.buf.getvalue():
            self.answer(conn.sock, HTTPStatus.REQUEST_TIMEOUT)
        self._let_go(conn)

    def _let_go(self, conn: Any) -> None:
        self._gathering.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _close(self, conn: Any, graceful: bool = False) -> None:
        """Closes it; gracefully, so that a caller who still sends can read the answer first (RFC 9112, 9.6)."""
        try:
            if graceful:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.sock.setblocking(False)
                self.poller.register(conn.sock, selectors.EVENT_READ, lambda client: self._drain(conn))
                odd = self._closing.add(conn, time.monotonic())
                if odd is not None:
                    self._end(odd)
                return
        except (OSError, ValueError, KeyError):  # gone already
            self._closing.remove(conn)
        util.close(conn.sock)

    def _drain(self, conn: Any) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                over = not conn.sock.recv(GATHERED_BYTES)
            except ConnectionError:
                over = True
            if over:
                self._end(conn)

    def _end(self, conn: Any) -> None:
        self._closing.remove(conn)
        self.poller.unregister(conn.sock)
        util.close(conn.sock)

    def murder_pending(self) -> None:
        """Closes what took too long. The loop calls this each second at least, also while it drains."""
        super().murder_pending()
        for conn in self._gathering.late(time.monotonic(), seconds=None if self.alive else LINGER_SECONDS):
            self._give_up(conn)
        for conn in self._closing.late(time.monotonic()):
            self._end(conn)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self._hang_up)

    def is_parent_alive(self) -> bool:
        """Whether the process that holds the address is there; if not, this drains."""
        alive = bool(super().is_parent_alive())
        if not alive:
            self._hang_up()
        return alive

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answers what is no HTTP, and what failed outside of the app; gunicorn's own page repeats the request."""
        status = next(
            (status for kind, status in STATUS_BY_PARSE_ERROR.items() if isinstance(exc, kind)), HTTPStatus.BAD_REQUEST
        )
        if not isinstance(exc, ParseException):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        LOGGER.warning("unreadable", exc_info=exc, extra={"facts": {"from": addr[0] if addr else "", "status": status}})
        self.answer(client, status)

    def answer(self, client: socket.socket, status: HTTPStatus, detail: str = "") -> None:
        """Tells a problem to somebody whose request never came to the app."""
        told = {"type": "about:blank", "title": status.phrase, "status": status}
        body = json.dumps(told | ({"detail": detail} if detail else {}))
        from orchestrator.api.web.problems import PROBLEM_TYPE  # loaded with the app, in the worker

        head = f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\nContent-Type: {PROBLEM_TYPE}\r\n"
        with contextlib.suppress(OSError):  # who sent that may be gone
            util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def _hang_up(self) -> None:
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        served = self.app.served
        if served is not None:
            served.drain()


class GunicornServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn with our settings only: no file, no environment variable and no argument of its own is read."""

    def __init__(self, bound: socket.socket, plan: ServerPlan, secure: socket.socket | None = None) -> None:
        self.bound, self.plan, self.secure = bound, plan, secure
        self.served: ServedApp | None = None
        super().__init__()

    def load_config(self) -> None:
        """Sets gunicorn up."""
        threads = self.plan.streams + SPARE_THREADS
        for name, value in {
            "bind": [f"fd://{each.detach()}" for each in (self.bound, self.secure) if each is not None],
            "sendfile": self.secure is None,  # it would write past TLS
            "worker_class": DrainingWorker,
            "workers": 1,
            "threads": threads,
            "worker_connections": threads + IDLE_CONNECTIONS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "graceful_timeout": self.plan.drain,
            "timeout": 120,
            "control_socket_disable": True,
            "forwarder_headers": "",  # no caller says under which path this is mounted
            "loglevel": "warning",
            "proc_name": "shiftbook",
            "when_ready": self._ready,
            "pre_fork": lambda arbiter, worker: _share_memory(),
            "worker_exit": lambda arbiter, worker: self.served.close() if self.served else None,
            "on_exit": lambda arbiter: self.plan.record.unlink(missing_ok=True),
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app, in the worker."""
        _lean_memory()
        try:
            self.served = self.plan.make()
        except Exception as error:
            sys.stderr.write(f"shiftbook: the web server cannot start: {error}\n")
            raise
        return self.served.app

    def _ready(self, arbiter: Any) -> None:
        addresses = [ListenAddress(host=host, port=port) for host, port in map(_place, arbiter.LISTENERS)]
        told: dict[str, object] = {"url": addresses[0].url, "pid": os.getpid()}
        if self.secure is not None:
            told["secure_url"] = addresses[-1].secure_url
        files.replace(self.plan.record, json.dumps(told), durable=False)  # of a process that a power cut ends, too
        for url in (told["url"], told.get("secure_url")):
            if url:
                self.plan.listening(str(url))


def _place(listener: Any) -> tuple[str, int]:
    host, port = listener.sock.getsockname()[:2]
    return host, port


def _share_memory() -> None:
    """Before the fork: what is loaded is left alone by the collector, which would write into each page of it, so that
    both processes had one of their own."""
    gc.collect()
    gc.freeze()


def _lean_memory() -> None:
    """Has glibc give back what is freed; other C libraries have no such call, and need none.

    Measured: after 16 callers at once have pushed and pulled 200 KB twelve times each, 96 MB stay instead of 128.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)
