"""A node that speaks TLS itself: real requests that check its certificate, and everybody who means ill or errs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mobile_bridge.certificate_authority import KeyAndCertificate, certificate_end, certificate_hosts

from orchestrator.api.slow_requests import PacedUnreader, SlowReaders
from orchestrator.api.tls import TlsContext, TlsSocket, shake_hands
from orchestrator.app.devices.own_authority import OwnAuthority
from orchestrator.core.errors import WrongSetting
from tests import program
from tests.waiting import PATIENCE, until

NOW = datetime.now(UTC)
HOSTS = ("localhost", "127.0.0.1", "desk.local")


@dataclass
class Served:
    """A node in no fleet that serves over TLS."""

    home: Path

    @property
    def port(self) -> int:
        return int(urlsplit(str(self.record["secure_url"])).port or 0)

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "http.json").read_text(encoding="utf-8")))

    def client(self, name: str = "localhost") -> http.client.HTTPSConnection:
        """A client that trusts the root, and asks for this name."""
        trust = ssl.create_default_context(cafile=str(self.home / "tls" / "root.crt"))
        link = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=trust)
        line = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        try:
            link.sock = trust.wrap_socket(line, server_hostname=name)
        except OSError:
            line.close()
            raise
        return link

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """One request on a line of its own."""
        with contextlib.closing(self.client()) as link:
            return told(link, method, path, body, **headers)


def told(
    link: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any]:
    """One request; its status and what was answered."""
    link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = link.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a node is started with."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SHIFTBOOK_")}
    own = {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_NODE_ID": "desk", "FACTORY_ROLE": "STANDALONE_NODE"}
    listens = {"SHIFTBOOK_HTTP": "127.0.0.1:0", "SHIFTBOOK_HTTPS": "127.0.0.1:0"}
    return clean | own | listens | more


def authority(home: Path, now: datetime = NOW) -> OwnAuthority:
    return OwnAuthority(folder=home / "tls", now=now)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all: it had a certificate that was about to end."""
    home = tmp_path_factory.mktemp("desk")
    authority(home, NOW - timedelta(days=380)).ensure("Shiftbook desk", HOSTS)
    with (home / "serve.err").open("wb") as err:
        process = program.start("serve", env=environment(home), cwd=home, stdout=err, stderr=err)
    try:
        until(lambda: (home / "http.json").exists() or process.poll() is not None)
        assert process.poll() is None, (home / "serve.err").read_text(encoding="utf-8")
        yield Served(home)
    finally:
        process.terminate()
        process.wait(timeout=90)


def test_a_request_is_answered_over_tls(served: Served) -> None:
    """By name and by address, by whoever trusts the root; the certificate was renewed at the start."""
    for name in HOSTS:
        with contextlib.closing(served.client(name)) as link:
            assert told(link, "GET", "/health")[0] == 200
    held = KeyAndCertificate(key=b"", certificate=(served.home / "tls" / "node.crt").read_bytes())
    assert certificate_end(held) > NOW + timedelta(days=390)
    assert sorted(certificate_hosts(held)) == sorted(HOSTS)


def test_another_name_and_another_root_are_refused(served: Served) -> None:
    """By the client: the node is nobody else."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.local"):
        served.client("other.local")
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", served.port)) as line:
        ssl.create_default_context().wrap_socket(line, server_hostname="localhost")


def test_a_line_carries_many_requests_and_large_ones(served: Served) -> None:
    """Kept alive; a body of many records is read whole, and an answer of many records is."""
    with contextlib.closing(served.client()) as link:
        for size in (0, 1, 16_384, 60_000, 300_000):
            status, problem = told(link, "POST", "/sealed", b"\x07" * size, Content_Type="application/octet-stream")
            assert (status, problem["status"]) == (400, 400)
        status, description = told(link, "GET", "/openapi.json")
        assert (status, len(json.dumps(description)) > 50_000) == (200, True)
        line = link.sock
        assert isinstance(line, ssl.SSLSocket)
        assert line.version() in ("TLSv1.2", "TLSv1.3")


def test_plain_http_is_told_where_it_is(served: Served) -> None:
    """One line, and the next request over TLS goes on."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as link:
        status, problem = told(link, "GET", "/health")
    assert status == 400
    assert "https://" in problem["detail"]
    assert served.ask("GET", "/health")[0] == 200


def test_over_tls_nobody_is_taken_for_a_program_of_this_machine(served: Served) -> None:
    """What needs no token on loopback needs one there, whatever name is asked for: a proxy's client looks the same."""
    plain = urlsplit(served.record["url"]).netloc
    with contextlib.closing(http.client.HTTPConnection(plain, timeout=60)) as link:
        assert told(link, "GET", "/metrics")[0] == 200
        assert told(link, "GET", "/api/v1/me")[0] == 200
    assert [served.ask("GET", path, Host="localhost")[0] for path in ("/metrics", "/api/v1/me")] == [401, 401]


def test_whoever_never_ends_a_handshake_holds_up_nobody(served: Served) -> None:
    """Nothing said, a piece of a greeting, rubbish behind its first byte: others are answered meanwhile."""
    with contextlib.ExitStack() as ends:
        lines = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(40)]
        for number, line in enumerate(lines):
            ends.enter_context(line)
            line.sendall((b"", b"\x16", b"\x16\x03\x01", b"\x16" + b"\xff" * 100)[number % 4])
        assert served.ask("GET", "/health")[0] == 200
        lines[-4].setblocking(False)
        with pytest.raises(BlockingIOError):
            lines[-4].recv(1)  # it said nothing, and is not given up yet


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[TlsSocket, ssl.SSLSocket]]:
    """Both ends of a line over TLS: the node's, and that of somebody who may do what they like with it."""
    own = authority(tmp_path)
    own.ensure("Shiftbook desk", HOSTS)
    here, there = socket.socketpair()
    mine = TlsContext(own.certificate, own.key).wrap(here)
    trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "root.crt"))
    yours = trust.wrap_socket(there, server_hostname="localhost", do_handshake_on_connect=False)
    yours.settimeout(0)
    done = [False, False]
    while not all(done):
        done[0] = shake_hands(mine)
        with contextlib.suppress(ssl.SSLWantReadError):
            yours.do_handshake()
            done[1] = True
    mine.setblocking(True)
    yours.settimeout(30)
    yield mine, yours
    mine.close()
    yours.close()


def reader(line: TlsSocket, patience: float) -> PacedUnreader:
    return PacedUnreader(line, "a", SlowReaders(total=1, each=1), patience)


def test_a_record_that_never_ends_is_given_up(line: tuple[TlsSocket, ssl.SSLSocket]) -> None:
    """The kernel says that something is there, and TLS that it is nothing yet: the least rate holds all the same."""
    mine, yours = line
    unread = reader(mine, 0.3)
    yours.sendall(b"a" * 10)
    assert unread.chunk(100) == b"a" * 10
    raw = socket.socket(fileno=os.dup(yours.fileno()))
    raw.sendall(b"\x17\x03\x03\x40\x00abc")  # of a record of 16 KiB
    with pytest.raises(TimeoutError):
        unread.chunk(100)
    raw.close()


def test_what_came_in_one_piece_is_gathered_in_one(line: tuple[TlsSocket, ssl.SSLSocket]) -> None:
    """Records that lie in TLS's own hands ring no bell: they are taken along; the line's end is told."""
    mine, yours = line
    unread = reader(mine, 30)
    yours.sendall(b"a" * 40_000)
    until(lambda: unread.gather() and len(unread.buf.getvalue()) == 40_000)
    yours.close()
    assert not unread.gather()


def test_whoever_takes_nothing_is_given_up(
    line: tuple[TlsSocket, ssl.SSLSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that nobody reads ends after a while, and gives its thread back."""
    mine, _ = line
    monkeypatch.setattr(TlsSocket, "send_seconds", 0.3)
    mine.setblocking(True)
    with pytest.raises(TimeoutError):
        mine.sendall(b"x" * 10_000_000)


def test_a_new_certificate_is_taken_without_a_restart(served: Served) -> None:
    """And one that is none is not: the old one stays."""

    def shown() -> bytes:
        with contextlib.closing(served.client()) as link:
            assert isinstance(link.sock, ssl.SSLSocket)
            return link.sock.getpeercert(binary_form=True) or b""

    before = shown()
    authority(served.home).ensure("", HOSTS)
    after = shown()
    assert after != before
    good = (served.home / "tls" / "node.crt").read_bytes()
    (served.home / "tls" / "node.crt").write_bytes(b"rubbish")
    assert shown() == after
    (served.home / "tls" / "node.crt").write_bytes(good)
    assert shown() == after
    assert "certificate not taken" in (served.home / "http.log").read_text(encoding="utf-8")


def test_a_server_that_ends_takes_leave_of_lines_that_were_just_opened(tmp_path: Path) -> None:
    """A line that says nothing, one in the middle of its greeting: the server ends well, and soon."""
    authority(tmp_path).ensure("Shiftbook desk", HOSTS)
    with (tmp_path / "serve.err").open("wb") as err:
        process = program.start("serve", env=environment(tmp_path), cwd=tmp_path, stdout=err, stderr=err)
    until(lambda: (tmp_path / "http.json").exists() or process.poll() is not None)
    port = Served(tmp_path).port
    with contextlib.ExitStack() as ends:
        lines = [ends.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(3)]
        lines[1].sendall(b"\x16\x03")
        assert Served(tmp_path).ask("GET", "/health")[0] == 200  # the lines were taken before this one
        process.terminate()
        with contextlib.suppress(OSError):
            lines[0].sendall(b"\x16\x03")
            lines[2].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert process.wait(timeout=PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "serve.err").read_text(encoding="utf-8")


def spoil(folder: Path, how: str) -> None:
    """Makes the certificate there one that does not hold."""
    if how == "missing":
        (folder / "node.key").unlink()
    elif how == "damaged":
        (folder / "node.crt").write_text("rubbish", encoding="utf-8")
    elif how == "of another key":
        other = OwnAuthority(folder=folder.parent / "other", now=NOW)
        other.ensure("Other", HOSTS)
        (folder / "node.key").write_bytes((other.folder / "node.key").read_bytes())
    elif how == "ended":  # and of a root that is not here, so that nobody renews it
        OwnAuthority(folder=folder, now=NOW - timedelta(days=400)).ensure("", HOSTS)
        (folder / "root.key").unlink()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("missing", "there is no"),
        ("damaged", "no certificate"),
        ("of another key", "no certificate"),
        ("ended", "held"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_in_a_line(tmp_path: Path, how: str, says: str) -> None:
    """What, where, what to do; nothing is served then."""
    authority(tmp_path).ensure("Shiftbook desk", HOSTS)
    spoil(tmp_path / "tls", how)
    done = program.run("serve", env=environment(tmp_path), cwd=tmp_path)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert line.startswith("shiftbook: SHIFTBOOK_HTTPS: ")
    assert says in line
    assert "shiftbook device ca" in line
    assert not (tmp_path / "http.json").exists()


def test_only_what_this_root_made_is_renewed_and_in_time(tmp_path: Path) -> None:
    """Not before its last thirty days; a certificate of another authority is left alone."""
    authority(tmp_path).ensure("Shiftbook desk", HOSTS)
    certificate = tmp_path / "tls" / "node.crt"
    first = certificate.read_bytes()
    assert not authority(tmp_path, NOW + timedelta(days=366)).renew_if_due()
    assert certificate.read_bytes() == first
    assert authority(tmp_path, NOW + timedelta(days=368)).renew_if_due()
    assert certificate.read_bytes() != first
    other = OwnAuthority(folder=tmp_path / "other", now=NOW)
    other.ensure("Shiftbook desk", HOSTS)
    certificate.write_bytes(other.certificate.read_bytes())
    assert not authority(tmp_path, NOW + timedelta(days=390)).renew_if_due()
    certificate.write_text("rubbish", encoding="utf-8")
    assert not authority(tmp_path, NOW + timedelta(days=390)).renew_if_due()


def test_a_context_without_a_certificate_is_none(tmp_path: Path) -> None:
    """The line names the command that makes one."""
    with pytest.raises(WrongSetting, match="shiftbook device ca"):
        TlsContext(tmp_path / "node.crt", tmp_path / "node.key")
