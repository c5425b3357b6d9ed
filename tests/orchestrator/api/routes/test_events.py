"""The event stream: rings when the ledger moved, says that it is there in between, and lets go of who left."""

from __future__ import annotations

import threading

import pytest

from orchestrator.api.routes.events import event_stream
from orchestrator.core.roles import Role
from orchestrator.node.wakeups import ChangeSignal
from tests.orchestrator.api.conftest import Build, bearer

LAN = {"http": "0.0.0.0:8823"}


def test_a_ring_is_an_event_with_an_id() -> None:
    """Several rings that nobody heard in between are one event."""
    bell = ChangeSignal()
    stream = event_stream(bell, 60)
    assert next(stream).startswith("retry: ")
    bell.ring()
    assert next(stream) == "id: 1\nevent: ledger\ndata: {}\n\n"
    for _ in range(5):
        bell.ring()
    assert next(stream) == "id: 6\nevent: ledger\ndata: {}\n\n"


def test_silence_is_a_ping() -> None:
    """A proxy and a listener can tell a quiet line from a dead one."""
    stream = event_stream(ChangeSignal(), 0.01)
    next(stream)
    assert [next(stream) for _ in range(2)] == [": ping\n\n"] * 2


def test_a_ring_reaches_everybody_who_waits() -> None:
    """Each listener has an ear of its own."""
    bell, heard = ChangeSignal(), threading.Barrier(5)

    def listen() -> None:
        stream = event_stream(bell, 60)
        next(stream)
        heard.wait(10)
        assert "ledger" in next(stream)
        heard.wait(10)

    for _ in range(4):
        threading.Thread(target=listen, daemon=True).start()
    heard.wait(10)
    bell.ring()
    heard.wait(10)


def test_a_closed_bell_ends_its_streams() -> None:
    """A server that is told to end does not wait for its listeners."""
    bell = ChangeSignal()
    stream = event_stream(bell, 600)
    next(stream)
    threading.Timer(0.05, bell.close).start()
    assert len(list(stream)) <= 1


@pytest.mark.parametrize(("scope", "status"), [("missions", 200), ("ops", 200), ("chat", 403), ("git", 403)])
def test_who_may_listen(build: Build, scope: str, status: int) -> None:
    """Workers and who operates the node."""
    site = build(Role.HEADQUARTERS, **LAN)
    headers = bearer(site.token(scope)) | {"Last-Event-ID": "not a number; 7"}
    answer = site.client.get("/api/v1/events", headers=headers, buffered=False)
    assert answer.status_code == status
    if status == 200:
        assert answer.mimetype == "text/event-stream"
        assert next(iter(answer.response)).startswith(b"retry: ")
    answer.close()


def test_nobody_listens_without_a_token(build: Build) -> None:
    """Not from elsewhere, and not at a worker's."""
    assert build(Role.HEADQUARTERS, **LAN).client.get("/api/v1/events").status_code == 401
    assert build(Role.LOCAL_WORKER).client.get("/api/v1/events").status_code == 404


def test_there_are_so_many_seats(build: Build) -> None:
    """503 with a time to wait once all are taken; who leaves makes room, also before the first word."""
    site = build(Role.HEADQUARTERS, streams=2)
    taken = [site.client.get("/api/v1/events", buffered=False) for _ in range(2)]
    full = site.client.get("/api/v1/events", buffered=False)
    assert full.status_code == 503
    assert "Retry-After" in full.headers
    taken[0].close()
    assert site.client.get("/api/v1/events", buffered=False).status_code == 200
