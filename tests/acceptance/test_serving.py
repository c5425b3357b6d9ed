"""The web server as processes: beside a node, alone, killed, drained, and met by clients that mean ill."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.acceptance.fleets import Fleet
from tests.conftest import lacking
from tests.program import Process, start_script
from tests.waiting import PATIENCE, until

ANY = "127.0.0.1:0"


def record(folder: Path) -> dict[str, Any]:
    """What a home's http.json says; nothing while there is none."""
    path = folder / "http.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def connect(folder: Path) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(record(folder)["url"]).netloc, timeout=PATIENCE)


def get(folder: Path, path: str, **headers: str) -> tuple[int, Any]:
    """One request; its status and JSON."""
    with contextlib.closing(connect(folder)) as link:
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())


def serving(fleet: Fleet, node: str, *, other_than: int = 0) -> int:
    """Waits until the node's web server answers; returns its process."""

    def answers() -> bool:
        found = record(fleet.folder / node)
        if not found or found["pid"] == other_than:
            return False
        with contextlib.suppress(OSError):
            return get(fleet.folder / node, "/health")[0] == 200
        return False

    fleet.wait("the web server answers", answers)
    return int(record(fleet.folder / node)["pid"])


def test_a_node_serves_and_takes_its_server_along(fleet: Fleet) -> None:
    """`node run` serves at the address of http.json; after SIGTERM neither process nor file is left."""
    fleet.found("desk")
    fleet.start("desk", SHIFTBOOK_HTTP=ANY, FACTORY_ROLE="HEADQUARTERS")
    pid = serving(fleet, "desk")
    assert get(fleet.folder / "desk", "/health") == (200, {"node": "desk", "role": "HEADQUARTERS", "status": "ok"})
    fleet.wait("it is ready", lambda: get(fleet.folder / "desk", "/ready")[1]["parts"]["ledger"]["ok"])
    fleet.ready("desk")
    assert fleet.stop("desk") == 0
    assert not psutil.pid_exists(pid)
    assert record(fleet.folder / "desk") == {}
    said = [event["text"] for event in fleet.events("desk") if event["event"] == "http"]
    assert len(said) == 1
    assert said[0].startswith("serving at http://127.0.0.1:")


def test_a_killed_server_comes_back_and_a_killed_node_leaves_none(fleet: Fleet) -> None:
    """SIGKILL of the web server: the same node starts it again; SIGKILL of the node ends it with its family."""
    fleet.found("desk")
    fleet.fresh = True
    node = fleet.start("desk", SHIFTBOOK_HTTP=ANY)
    first = serving(fleet, "desk")
    os.kill(first, signal.SIGKILL)
    server = psutil.Process(serving(fleet, "desk", other_than=first))
    assert server.pid != first
    assert node.poll() is None
    assert any("started again" in e["text"] for e in fleet.events("desk") if e["event"] == "http")
    family = [server, *server.children(recursive=True)]
    assert len(family) >= 2
    fleet.kill("desk")
    fleet.wait("all are gone", lambda: not any(each.is_running() and each.status() != "zombie" for each in family))


def test_a_taken_port_is_said_and_the_node_goes_on(fleet: Fleet) -> None:
    """The node works without HTTP and says why; `serve` alone exits with 2."""
    fleet.found("desk")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        alone = fleet.run("serve", node="desk", SHIFTBOOK_HTTP=address)
        assert alone.returncode == 2
        assert alone.stderr.startswith(f"shiftbook: SHIFTBOOK_HTTP: cannot listen on {address}")
        assert alone.stderr.count("\n") == 1
        fleet.start("desk", SHIFTBOOK_HTTP=address)
        fleet.ready("desk")
        fleet.wait("it is said", lambda: any(f"cannot listen on {address}" in e["text"] for e in fleet.events("desk")))
        fleet.commit({"missions/one.md": "---\nagent: command\nrun: echo one\n---\nDo it.\n"})
        fleet.wait("it works", lambda: fleet.missions().get("one", {}).get("status") == "done")


def test_an_open_door_is_refused(fleet: Fleet) -> None:
    """Off loopback and without a token in force: exit 2 with the line to type; with one it serves."""
    fleet.found("desk")
    refused = fleet.run("serve", node="desk", SHIFTBOOK_HTTP="0.0.0.0:0")
    assert refused.returncode == 2
    assert "`shiftbook token new NAME --scope chat`" in refused.stderr
    fleet.shiftbook("token", "new", "phone", "--scope", "chat", node="desk")
    fleet.shiftbook("token", "revoke", "phone", node="desk")
    assert fleet.run("serve", node="desk", SHIFTBOOK_HTTP="0.0.0.0:0").returncode == 2
    made = json.loads(fleet.shiftbook("token", "new", "phone", "--scope", "ops", "--json", node="desk"))
    fleet.start("desk", SHIFTBOOK_HTTP="0.0.0.0:0", FACTORY_ROLE="HEADQUARTERS")
    serving(fleet, "desk")
    assert get(fleet.folder / "desk", "/metrics")[0] == 401
    with contextlib.closing(connect(fleet.folder / "desk")) as link:
        link.request("GET", "/metrics", headers={"Authorization": f"Bearer {made['token']}"})
        assert link.getresponse().status == 200


def test_a_token_is_shown_once(fleet: Fleet) -> None:
    """On standard output when it is made; never again, in no list, no file and no error."""
    fleet.found("desk")
    secret = fleet.shiftbook("token", "new", "phone", "--scope", "sync", "--days", "2", node="desk").strip()
    assert secret.startswith("sbk_")
    again = fleet.run("token", "new", "phone", node="desk")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    listed = fleet.shiftbook("token", "list", "--json", node="desk")
    (row,) = json.loads(listed)
    assert (row["name"], row["scopes"], row["state"], row["used"]) == ("phone", ["sync"], "in force", None)
    assert fleet.shiftbook("token", "revoke", "phone", node="desk").strip() == "phone is out"
    assert fleet.run("token", "revoke", "phone", node="desk").returncode == 3
    assert json.loads(fleet.shiftbook("token", "list", "--json", node="desk"))[0]["state"] == "revoked"
    home = b"".join(path.read_bytes() for path in (fleet.folder / "desk").rglob("*") if path.is_file())
    assert secret.encode() not in home
    assert secret not in listed + again.stderr


@pytest.mark.parametrize("value", ["8823", "127.0.0.1", ":8823", "127.0.0.1:99999", "127.0.0.1:http", "http://x:1"])
def test_an_address_that_is_none_is_one_line(fleet: Fleet, value: str) -> None:
    """Exit 2, naming the variable."""
    done = fleet.run("serve", node="desk", SHIFTBOOK_HTTP=value)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("shiftbook: SHIFTBOOK_HTTP: ")


SLOW = """
import itertools, sys, time
from pathlib import Path
from flask import Response
from flask_openapi.blueprint import APIBlueprint
from orchestrator.api import app, gunicorn_server
from orchestrator.api.factory import open_app_services
from orchestrator.api.web import access_log
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.stream_slots import current_stream_slots, stream_response
from orchestrator.core.listen_address import ListenAddress
from orchestrator.core.settings import Settings

def noun(_):
    routes = APIBlueprint("slow", __name__)

    @routes.get("/slow")
    @needs("open")
    def slow():
        def words():
            for n in itertools.count():
                yield f"data: {n}\\n\\n"
                if (home / "go-on").exists():
                    break
                time.sleep(0.1)
            yield "data: end\\n\\n"
        return stream_response(words())

    @routes.get("/flood")
    @needs("open")
    def flood():
        return stream_response("x" * 65536 for _ in itertools.count())

    @routes.get("/seats")
    @needs("open")
    def taken():
        return {"taken": current_stream_slots().taken}

    return routes

app.SERVICE_BLUEPRINTS = (*app.SERVICE_BLUEPRINTS, noun)
home = Path(sys.argv[1])
settings = Settings(home=home, node_id="desk", role="HEADQUARTERS", streams=3)

def make():
    house = open_app_services(settings)
    end, made = lambda each: [one() for one in each], app.create_app(house)
    return gunicorn_server.ServedApp(app=made, drain=lambda: end(house.drain), close=lambda: end(house.close))

access_log.log_to_file(home / "http.log")
patience = int(sys.argv[2])
plan = gunicorn_server.ServerPlan(
    make=make, streams=3, record=home / "http.json", receive=patience, send=2, drain=100
)
address = ListenAddress(host="127.0.0.1", port=0)
gunicorn_server.serve(gunicorn_server.bind_socket(address, plan), plan)
"""
"""A server with routes of the test's own, and short patience. What `/slow` tells has no end until the test lets it."""


Running = tuple[Path, Process]


@contextlib.contextmanager
def started(folder: Path, receive: int = 2) -> Iterator[Running]:
    """That server's home and process. It waits so many seconds for a request."""
    home, said = folder / "home", folder / "err"
    home.mkdir()
    with said.open("wb") as err:
        process = start_script(SLOW, str(home), str(receive), stderr=err)
    try:
        until(lambda: bool(record(home)) or process.poll() is not None, "it serves")
        assert process.poll() is None, said.read_text()
        yield home, process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """A server of the test's own, to end as it likes."""
    with started(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that the tests share; each leaves all seats free."""
    with started(tmp_path_factory.mktemp("slow")) as running:
        yield running


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that waits for a request for longer than the tests do."""
    with started(tmp_path_factory.mktemp("patient"), receive=60) as running:
        yield running


def taken(home: Path) -> int:
    return int(get(home, "/seats")[1]["taken"])


@contextlib.contextmanager
def gone_on(home: Path) -> Iterator[None]:
    """What `/slow` tells comes to its end; whoever asks for it after the block waits again."""
    (home / "go-on").touch()
    try:
        yield
    finally:
        (home / "go-on").unlink()


def test_sigterm_lets_a_stream_end_and_frees_the_address(own: Running) -> None:
    """A stream that runs when SIGTERM comes is told to its last word, while a new server already has the port; a
    listener to events, which has no end, does not hold the server for as long as answers may take (100 s here)."""
    home, process = own
    port = int(record(home)["url"].rpartition(":")[2])
    with contextlib.closing(connect(home)) as link, contextlib.closing(connect(home)) as events:
        events.request("GET", "/api/v1/events")
        assert events.getresponse().readline().startswith(b"retry:")
        link.request("GET", "/slow")
        answer = link.getresponse()
        assert answer.readline() == b"data: 0\n"
        process.send_signal(signal.SIGTERM)

        def free() -> bool:
            with contextlib.suppress(OSError), socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", port))
                other.listen()
                return True
            return False

        until(free, "the address is free while the stream runs")
        assert process.poll() is None
        with gone_on(home):
            assert answer.read().endswith(b"data: end\n\n")
        assert process.wait(timeout=PATIENCE) == 0


def test_past_the_seats_a_caller_is_sent_away_at_once(slow: Running) -> None:
    """503 with Retry-After as a problem, before anything is streamed; /health answers; then seats are free."""
    home, _ = slow
    links = [connect(home) for _ in range(4)]
    for link in links:
        link.request("GET", "/slow")
    answers = [link.getresponse() for link in links]
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 503]
    (refused,) = [answer for answer in answers if answer.status == 503]
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert get(home, "/health")[0] == 200
    with gone_on(home):
        assert all(answer.read().endswith(b"data: end\n\n") for answer in answers if answer.status == 200)
    for link in links:
        link.close()
    until(lambda: taken(home) == 0, "seats are free")


def test_a_caller_that_is_gone_gives_its_seat_back(slow: Running) -> None:
    """Also one that left before the first word."""
    home, _ = slow
    for _ in range(3):
        with contextlib.closing(connect(home)) as link:
            link.request("GET", "/slow")
    with contextlib.closing(connect(home)) as link:
        link.request("GET", "/slow")
        link.getresponse().readline()
    until(lambda: taken(home) == 0, "all seats are free")


def test_a_caller_that_takes_nothing_is_cut_off(slow: Running) -> None:
    """Who asks for a stream and never reads it holds a seat for as long as the plan says, not for ever."""
    home, _ = slow
    where = urlsplit(record(home)["url"])
    with socket.create_connection((where.hostname or "", where.port or 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert deaf.recv(12) == b"HTTP/1.1 200", "it sits"
        until(lambda: taken(home) == 0, "it is cut off")


def test_another_user_of_the_machine_needs_a_token(slow: Running) -> None:
    """No token was made: this user's program is let in, and another user's is told to show one."""
    if os.geteuid() != 0:
        lacking("only root can start a program as another user")
    home, _ = slow
    where = urlsplit(record(home)["url"])
    path = "/chat/conversations"
    assert get(home, path)[0] == 200
    line = (
        f"exec 3<>/dev/tcp/{where.hostname}/{where.port};"
        f"printf 'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; head -1 <&3"
    )
    said = subprocess.run(
        ["/bin/bash", "-c", line],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert said.stdout.startswith(b"HTTP/1.1 401")


POST = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: loc",
        POST + b'Content-Length: 100\r\n\r\n{"message"',
        POST + b'Content-Length: 900000\r\n\r\n{"message"',
        POST + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"me',
        POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHo",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\nx",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    ids=["nothing", "head", "body", "large body", "chunks", "asked for", "second", "body of a GET", "left open"],
)
def test_callers_that_never_end_their_request_do_not_stop_the_others(patient: Running, half: bytes) -> None:
    """More half-sent requests than there are threads (35): /health answers long before they are given up."""
    home, _ = patient
    where = urlsplit(record(home)["url"])
    with contextlib.ExitStack() as open_sockets:
        for _ in range(60):
            each = open_sockets.enter_context(socket.create_connection((where.hostname or "", where.port or 0)))
            each.sendall(half)
        assert [get(home, "/health")[0] for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("body", [100, 900_000])
def test_who_sends_a_byte_now_and_then_is_cut_off(slow: Running, body: int) -> None:
    """Each byte is in time for the next one, and all together are too slow: told so, or closed, by the deadline."""
    home, _ = slow
    where = urlsplit(record(home)["url"])
    with socket.create_connection((where.hostname or "", where.port or 0)) as drip:
        drip.sendall(POST + b"Content-Length: %d\r\n\r\n" % body)
        drip.settimeout(0.1)
        said, over = b"", time.monotonic() + PATIENCE
        while not said:
            assert time.monotonic() < over, "a caller that never ends is waited for"
            try:
                drip.sendall(b" ")
                said = drip.recv(100) or b"closed"
            except TimeoutError:
                continue
            except ConnectionError:  # closed while a byte was on its way
                said = b"closed"
    assert said == b"closed" or said.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400"))


CHUNKED = (
    b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"SECRET\r\n\r\n", 400),
        (b"GET /SECRET HTTP/9.9\r\n\r\n", 400),
        (b"get /SECRET HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nSE CRET: SECRET\r\n\r\n", 400),
        (b"GET /" + b"SECRET" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"SECRET" * 3000 + b"\r\n\r\n", 431),
        (b"POST /chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: SECRET\r\n\r\n", 501),
        (b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nSECRET", 400),
        (CHUNKED + b"SECRET\r\n", 400),
        (CHUNKED + b"60\r\nSECRET", 400),  # and no more of it
        (CHUNKED + b"6\r\nSECRETSECRET\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
    ],
)
def test_what_is_no_http_is_a_problem_too(slow: Running, sent: bytes, status: int | None) -> None:
    """problem+json without a word of the request, in the answer, in the log, and on standard error."""
    home, _ = slow
    where = urlsplit(record(home)["url"])
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=PATIENCE) as raw:
        raw.sendall(sent)
        answer = http.client.HTTPResponse(raw)
        answer.begin()
        body = answer.read()
    assert status is None or answer.status == status
    assert status is None or answer.headers["Content-Type"] == "application/problem+json"
    assert b"SECRET" not in body
    assert b"SECRET" not in (home.parent / "err").read_bytes() + (home / "http.log").read_bytes()


def test_one_caller_a_thread(slow: Running) -> None:
    """/health answers many at once while every seat is taken."""
    home, _ = slow
    links = [connect(home) for _ in range(3)]
    for link in links:
        link.request("GET", "/slow")
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(get(home, "/health")[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert seen == [200] * 20
    for link in links:
        link.close()
    until(lambda: taken(home) == 0, "seats are free")
