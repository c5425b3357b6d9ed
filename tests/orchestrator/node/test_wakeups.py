"""A worker's ear at headquarters, on the real app over real connections; and what rings headquarters' bell."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from orchestrator.core.roles import Role
from orchestrator.node import wakeups
from orchestrator.node.wakeups import ChangeSignal, HqEventClient, nudge, watch_locally
from sync.backoff import Backoff
from sync.disk.watch import watch_file
from sync.git_remote import GitRemote
from sync.heartbeat import Beat
from tests.ledgers import Town
from tests.loopback import LoopbackServer
from tests.orchestrator.api.conftest import Build, Site, build  # noqa: F401  # the fixture
from tests.waiting import PATIENCE, until


class Told:
    """What a listener has told, and how often it woke its node."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.woken = threading.Semaphore(0)

    def __call__(self, event: str, words: str, *, once: bool = False, **_facts: object) -> None:
        if not (once and words in self.lines):
            self.lines.append(words)

    def wakes(self) -> bool:
        return self.woken.acquire(timeout=PATIENCE)

    def until(self, word: str) -> None:
        until(lambda: any(word in line for line in self.lines), f"{word!r} is said")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def listen(told: Told) -> Iterator[Callable[..., None]]:
    """Starts listeners, which are stopped in the end."""
    stops: list[Callable[[], None]] = []

    def start(url: str, token: str = "") -> None:
        stops.append(HqEventClient(url, token, told.woken.release, told).start())

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., BaseWSGIServer]]:
    """Serves an app on loopback, threads and all; at a door of the test's own, if it has one."""
    running: list[BaseWSGIServer] = []

    def start(app: Flask, door: socket.socket | None = None) -> BaseWSGIServer:
        if door is not None:
            door.listen()
        server = make_server("127.0.0.1", 0, app, threaded=True, fd=door.fileno() if door is not None else None)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """A port that is nobody else's, at which nobody listens yet."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


@pytest.fixture
def hq(build: Build) -> Site:  # noqa: F811
    """Headquarters, which asks for tokens."""
    site = build(Role.HEADQUARTERS)
    site.token("chat", name="so that loopback is closed")
    return site


def test_each_ring_at_headquarters_wakes_the_worker(
    hq: Site, serve: Callable[..., BaseWSGIServer], listen: Callable[..., None], told: Told
) -> None:
    """Once when it is connected, for what it missed, and then each time."""
    server = serve(hq.app)
    listen(f"http://127.0.0.1:{server.server_port}/", hq.token("missions", name="vps"))
    assert told.wakes()
    for _ in range(3):
        hq.house.change_signal.ring()
        assert told.wakes()
    assert len(told.lines) == 1
    assert told.lines[0].startswith("listening to http://127.0.0.1:")


def test_headquarters_that_comes_later_is_found_and_said(
    hq: Site,
    serve: Callable[..., BaseWSGIServer],
    listen: Callable[..., None],
    told: Told,
    door: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until then one line says why, once, however often it is tried."""
    monkeypatch.setattr(wakeups, "RETRY", Backoff(first=0.05, limit=60.0))
    tries, call = list[str](), HqEventClient._call

    def counted(client: HqEventClient) -> str:
        tries.append(call(client))
        return tries[-1]

    monkeypatch.setattr(HqEventClient, "_call", counted)
    listen(f"http://127.0.0.1:{door.getsockname()[1]}", hq.token("missions", name="vps"))
    until(lambda: len(tries) > 3, "several tries")
    assert len(told.lines) == 1
    assert "cannot hear headquarters" in told.lines[0]
    assert "in the usual intervals" in told.lines[0]
    serve(hq.app, door)
    assert told.wakes()
    told.until("listening to")


def test_a_token_that_is_not_taken_is_said(
    hq: Site, serve: Callable[..., BaseWSGIServer], listen: Callable[..., None], told: Told
) -> None:
    """One line that names the setting and not the token."""
    server = serve(hq.app)
    wrong = hq.token("chat", name="vps")
    listen(f"http://127.0.0.1:{server.server_port}", wrong)
    told.until("SHIFTBOOK_HQ_TOKEN")
    assert not told.woken.acquire(timeout=0.2)
    assert wrong not in " ".join(told.lines)


class _Elsewhere(BaseHTTPRequestHandler):
    """A server that is not headquarters: it sends callers away, says something else, or never ends a line."""

    shown: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.shown.append(self.headers.get("Authorization"))
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/caught")  # type: ignore[attr-defined]
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/page") else "text/event-stream")
        self.end_headers()
        try:
            for _ in range(64):
                self.wfile.write(b"x" * 4096)
        except OSError:
            pass

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize("path", ["/away", "/page"])
def test_what_is_no_event_stream_is_said(path: str, listen: Callable[..., None], told: Told) -> None:
    """A redirect is not followed: the token stays with who it was meant for."""
    _Elsewhere.shown.clear()
    server = LoopbackServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        listen(f"http://127.0.0.1:{server.server_port}{path}", "secret")
        told.until("has no event stream")
        assert len(_Elsewhere.shown) == 1
        assert not told.woken.acquire(timeout=0.1)
    finally:
        server.shutdown()
        server.server_close()


def test_a_line_without_an_end_fills_no_memory(
    listen: Callable[..., None], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is given up; another is tried after a pause."""
    monkeypatch.setattr(wakeups, "RETRY", Backoff(first=0.05, limit=60.0))
    _Elsewhere.shown.clear()
    server = LoopbackServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        listen(f"http://127.0.0.1:{server.server_port}", "secret")
        until(lambda: len(_Elsewhere.shown) >= 3, "it calls again")
    finally:
        server.shutdown()
        server.server_close()


def test_stopping_does_not_wait_for_headquarters(hq: Site, serve: Callable[..., BaseWSGIServer], told: Told) -> None:
    """A node that is told to end does not sit in a read for its whole time-out."""
    server = serve(hq.app)
    stop = HqEventClient(
        f"http://127.0.0.1:{server.server_port}", hq.token("missions", name="v"), told.woken.release, told
    )
    end = stop.start()
    assert told.wakes()
    ended = threading.Thread(target=end, daemon=True)
    ended.start()
    ended.join(PATIENCE)
    assert not ended.is_alive()


@pytest.mark.parametrize("stands", [False, True])
def test_touching_the_nudge_file_rings(tmp_path: Path, *, stands: bool) -> None:
    """Made anew or touched again; another file in the folder, or a look at it, does not."""
    if stands:
        nudge(tmp_path)
    rang = threading.Event()
    stop = watch_file(tmp_path / "nudge", rang.set)
    try:
        (tmp_path / "other").touch()
        if stands:
            (tmp_path / "nudge").read_bytes()
        assert not rang.wait(0.3)
        nudge(tmp_path)
        assert rang.wait(PATIENCE)
    finally:
        stop()


def test_the_bell_rings_for_a_push_and_for_what_this_machine_fetched(tmp_path: Path) -> None:
    """A push into a ledger on this disk, and a fetch by any process with this home; a beat does not."""
    town = Town({"missions/m.md": "x"}, folder=tmp_path / "town")
    peer = town.peer("n1")
    beat = Beat(peer.bus.remote, peer.bus.store, "refs/shiftbook/beat/n1")
    beat.start()
    assert beat.move()
    bell, far = ChangeSignal(), ChangeSignal()
    stop = watch_locally(tmp_path / "home", str(town.bare), bell.ring)
    halt = watch_locally(tmp_path / "other", "https://elsewhere.example/x.git", far.ring)
    try:
        assert beat.move()
        assert bell.after(0, 0.5) == 0  # before the push: what is told of that comes piece by piece
        town.peer("anna").push({"missions/new.md": "do it"})
        assert bell.after(0, PATIENCE) > 0
        assert far.rang == 0
    finally:
        stop()
        halt()
        town.close()


def test_the_bell_rings_when_this_machines_clone_moved(tmp_path: Path) -> None:
    """The node of this home fetched a push that went to a server elsewhere."""
    town = Town({"missions/m.md": "x"}, folder=tmp_path / "town")
    own = GitRemote(str(town.bare), tmp_path / "home" / "ledger.git")
    own.fetch()
    bell = ChangeSignal()
    stop = watch_locally(tmp_path / "home", "https://elsewhere.example/x.git", bell.ring)
    try:
        town.peer("anna").push({"missions/new.md": "do it"})
        assert bell.after(0, 0.3) == 0
        own.fetch()
        assert bell.after(0, PATIENCE) > 0
    finally:
        stop()
        own.close()
        town.close()
