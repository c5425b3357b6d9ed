"""Is a caller held to its allowance and no other for it, and is every stream's seat given back?"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ServiceUnavailable

from orchestrator.api.web import rate_limit, stream_slots
from orchestrator.api.web.rate_limit import RateLimiter, network_of
from orchestrator.api.web.stream_slots import RETRY_SECONDS, StreamSlots, current_stream_slots, stream_response
from tests.ledgers import Ticks
from tests.waiting import PATIENCE


def test_as_many_at_once_as_a_minute_has_and_then_evenly() -> None:
    """Sixty a minute: sixty now, then one a second; who is sent away is told for how long."""
    ticks = Ticks()
    limiter = RateLimiter(60, ticks)
    assert [limiter.take("a") for _ in range(60)] == [0.0] * 60
    assert limiter.take("a") == pytest.approx(1.0)
    ticks.at += 0.5
    assert limiter.take("a") == pytest.approx(0.5)
    ticks.at += 0.5
    assert limiter.take("a") == 0.0
    assert limiter.take("a") > 0
    ticks.at += 3600
    assert [limiter.take("a") for _ in range(61)].count(0.0) == 60, "a bucket holds a minute's allowance, not more"


def test_one_caller_costs_another_nothing() -> None:
    """Each has a bucket of its own."""
    limiter = RateLimiter(1, Ticks())
    assert [limiter.take(who) for who in "abc"] == [0.0] * 3
    assert all(limiter.take(who) > 0 for who in "abc")


@pytest.mark.parametrize("per_minute", [0, -1])
def test_no_limit_is_none(per_minute: int) -> None:
    """And nobody is remembered for it."""
    limiter = RateLimiter(per_minute, Ticks())
    assert {limiter.take("a") for _ in range(1000)} == {0.0}
    assert not limiter._left


def test_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who invents names for itself fills no memory; who was silent longest is forgotten first."""
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 3)
    limiter = RateLimiter(1, Ticks())
    for who in ("a", "b", "c", "a", "d"):
        limiter.take(who)
    assert sorted(limiter._left) == ["a", "c", "d"]
    assert limiter.take("a") > 0, "who goes on calling is not forgotten"


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 30))
def test_nobody_gets_more_than_the_allowance(pauses: list[float], per_minute: int) -> None:
    """Over any time: a bucket's worth, and what was refilled since. Who waits as long as told is let in."""
    ticks = Ticks()
    limiter, begun, taken, wait = RateLimiter(per_minute, ticks), ticks.at, 0, 0.0
    for pause in pauses:
        ticks.at += pause
        wait = limiter.take("a")
        taken += wait == 0.0
        assert taken <= per_minute + (ticks.at - begun) * per_minute / 60 + 1e-6
    ticks.at += wait + 1e-6
    assert limiter.take("a") == 0.0 or wait == 0.0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("::1", "::/64"),
        ("", ""),
        ("local", "local"),
    ],
)
def test_whose_allowance_an_address_counts_against(address: str, network: str) -> None:
    """One host on IPv6 has all of a /64 to call from; an IPv4 address in IPv6's clothes is that address."""
    assert network_of(address) == network


def test_so_many_seats_and_no_more() -> None:
    """Who finds none is told when to ask again; a seat that was left is free."""
    seats = StreamSlots(2)
    first, second = seats.take(), seats.take()
    with pytest.raises(ServiceUnavailable) as caught:
        seats.take()
    assert caught.value.retry_after == RETRY_SECONDS
    assert seats.taken == 2
    first.leave()
    first.leave()
    assert seats.taken == 1, "leaving twice is leaving once"
    third = seats.take()
    second.leave()
    third.leave()
    assert seats.taken == 0


def test_of_many_who_leave_one_seat_together_one_gives_it_back() -> None:
    """The worker's end and the caller's going may come at the same moment."""
    seats = StreamSlots(1)
    for _ in range(20):
        slot, gate = seats.take(), threading.Barrier(4)

        def leave() -> None:
            gate.wait(PATIENCE)  # noqa: B023  # the threads end before the next round
            slot.leave()  # noqa: B023

        threads = [threading.Thread(target=leave) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(PATIENCE)
        assert seats.taken == 0


@pytest.fixture
def app() -> Flask:
    """An app with one seat, whose stream says three words."""
    made = Flask("test")
    stream_slots.install(made, 1)
    closed: list[bool] = []
    made.extensions["closed"] = closed

    def words() -> Iterator[str]:
        try:
            yield from ("data: 1\n\n", "data: 2\n\n", "data: 3\n\n")
        finally:
            closed.append(True)

    made.add_url_rule("/", view_func=lambda: stream_response(words()), endpoint="stream")
    return made


def test_a_stream_holds_its_seat_until_it_has_ended(app: Flask) -> None:
    """And says what it is; another one finds none meanwhile."""
    with app.test_client() as client, app.app_context():
        answer = client.get("/", buffered=False)
        assert current_stream_slots().taken == 1
        assert (answer.mimetype, answer.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")
        assert client.get("/").status_code == 503
        assert answer.get_data(as_text=True).count("data:") == 3
        answer.close()
        assert current_stream_slots().taken == 0
        assert client.get("/").status_code == 200


def test_who_hangs_up_before_the_first_word_leaves_its_seat(app: Flask) -> None:
    """A generator that was never begun runs no `finally`: the seat is not left to that."""
    with app.test_client() as client, app.app_context():
        answer = client.get("/", buffered=False)
        answer.close()
        assert current_stream_slots().taken == 0
        assert client.get("/").status_code == 200
