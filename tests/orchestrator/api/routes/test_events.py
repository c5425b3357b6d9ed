"""The event stream: rings when the ledger moved, says that it is there in between, and lets go of who left."""

from __future__ import annotations

import threading

import pytest

from orchestrator.api.web import auth_gate, event_hub
from orchestrator.api.web.event_hub import EventHub
from orchestrator.core.roles import Role
from orchestrator.node.wakeups import ChangeSignal
from tests.orchestrator.api.conftest import Build, bearer
from tests.waiting import PATIENCE

LAN = {"http": "0.0.0.0:8823"}


def hub(signal: ChangeSignal | None = None) -> EventHub:
    return EventHub(signal or ChangeSignal(), name="h")


def test_a_ring_is_an_event() -> None:
    """Several rings that nobody heard in between are one event."""
    bell = ChangeSignal()
    stream = hub(bell).stream(60)
    assert next(stream).startswith("retry: ")
    bell.ring()
    assert next(stream) == "id: h.0\nevent: ledger\ndata: {}\n\n"
    for _ in range(5):
        bell.ring()
    assert next(stream) == "id: h.0\nevent: ledger\ndata: {}\n\n"


def test_silence_is_a_ping() -> None:
    """A proxy and a listener can tell a quiet line from a dead one."""
    stream = hub().stream(0.01)
    next(stream)
    assert [next(stream) for _ in range(2)] == [": ping\n\n"] * 2


def test_a_ring_reaches_everybody_who_waits() -> None:
    """Each listener has an ear of its own."""
    bell, heard = ChangeSignal(), threading.Barrier(5)
    shared, told = hub(bell), []

    def listen() -> None:
        stream = shared.stream(60)
        next(stream)
        heard.wait(PATIENCE)
        told.append(next(stream))
        heard.wait(PATIENCE)

    for _ in range(4):
        threading.Thread(target=listen, daemon=True).start()
    heard.wait(PATIENCE)
    bell.ring()
    heard.wait(PATIENCE)
    assert all("ledger" in words for words in told)
    assert len(told) == 4


def test_a_closed_bell_ends_its_streams() -> None:
    """A server that is told to end does not wait for its listeners."""
    bell = ChangeSignal()
    stream = hub(bell).stream(600)
    next(stream)
    threading.Timer(0.05, bell.close).start()
    assert len(list(stream)) <= 1


def test_events_come_in_order_with_their_ids() -> None:
    """Each listener gets the kinds that it asked for; the ids count all of them."""
    made = hub()
    every, outputs = made.stream(60), made.stream(60, kinds={"output"})
    next(every), next(outputs)
    made.publish("sync", {"n": 1})
    made.publish("output", {"text": "a\nb"})
    assert next(every) == 'id: h.1\nevent: sync\ndata: {"n": 1}\n\n'
    assert next(every) == 'id: h.2\nevent: output\ndata: {"text": "a\\nb"}\n\n'
    assert next(outputs).startswith("id: h.2\nevent: output")


def test_whoever_was_cut_off_goes_on() -> None:
    """With the id of the last event they get what came since, once; and what comes then."""
    made = hub()
    for number in range(5):
        made.publish("output", {"n": number})
    stream = made.stream(60, last_id="h.3")
    next(stream)
    assert [next(stream).partition("\n")[0] for _ in range(2)] == ["id: h.4", "id: h.5"]
    made.publish("output", {"n": 5})
    assert next(stream).startswith("id: h.6\n")


@pytest.mark.parametrize("last", ["other.3", "h.99", "h.-1", "7", "no number", "h.1\nevent: x", "h." + "9" * 400])
def test_whoever_missed_something_is_told(last: str) -> None:
    """Another start of the server, or what no hub ever gave: one `gap`, then only what is new."""
    made = hub()
    made.publish("output", {"n": 0})
    stream = made.stream(60, last_id=last)
    next(stream)
    assert next(stream) == "id: h.1\nevent: gap\ndata: {}\n\n"
    made.publish("output", {"n": 1})
    assert next(stream).startswith("id: h.2\nevent: output")


def test_the_ring_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fell out of it is a gap, for who comes back and for who is slow; never an endless memory."""
    monkeypatch.setattr(event_hub, "MAX_EVENTS", 3)
    made = hub()
    slow = made.stream(60)
    next(slow)
    for number in range(10):
        made.publish("output", {"n": number})
    assert next(slow) == "id: h.7\nevent: gap\ndata: {}\n\n"
    assert [next(slow).partition("\n")[0] for _ in range(3)] == ["id: h.8", "id: h.9", "id: h.10"]
    back = made.stream(60, last_id="h.2")
    next(back)
    assert "event: gap" in next(back)


@pytest.mark.parametrize(
    ("kind", "data"), [("ledger", {}), ("other", {}), ("a\nevent: b", {}), ("output", {"t": "x" * 70_000})]
)
def test_what_is_no_event_is_not_published(kind: str, data: dict[str, str]) -> None:
    """Unknown kinds, and what is larger than one event may be."""
    with pytest.raises(ValueError, match="event"):
        hub().publish(kind, data)


def test_who_is_not_welcome_any_more_gets_nothing() -> None:
    """A stream ends before the next word to whoever's token was revoked."""
    made, welcome = hub(), [True]
    stream = made.stream(60, welcome=lambda: welcome[0])
    next(stream)
    made.publish("output", {"n": 0})
    assert "output" in next(stream)
    welcome[0] = False
    made.publish("output", {"n": 1})
    assert list(stream) == []


def test_a_revoked_token_hears_no_more(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The open stream of a token that was revoked ends with the next event."""
    monkeypatch.setattr(auth_gate, "WELCOME_SECONDS", 0.0)
    site = build(Role.HEADQUARTERS, **LAN)
    answer = site.client.get("/api/v1/events", headers=bearer(site.token("look")), buffered=False)
    words = iter(answer.response)
    next(words)
    site.stores.tokens.revoke("phone")
    site.house.events.publish("output", {"text": "secret"})
    assert list(words) == []
    answer.close()


@pytest.mark.parametrize("kinds", ["zebra", "ledger,zebra", "ledger\r\nX: 1"])
def test_an_unknown_kind_is_refused(build: Build, kinds: str) -> None:
    """422, without an echo."""
    answer = build().client.get("/api/v1/events", query_string={"kinds": kinds})
    assert (answer.status_code, "zebra" in answer.text) == (422, False)


@pytest.mark.parametrize(
    ("scope", "status"), [("look", 200), ("missions", 200), ("ops", 200), ("chat", 403), ("git", 403)]
)
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
