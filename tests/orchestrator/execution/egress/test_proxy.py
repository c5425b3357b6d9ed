"""Facts about a run's line to the outside, over its real socket."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import socket
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.model import Usage
from orchestrator.execution.egress import api_gateway, http1, long_waits, proxy
from orchestrator.execution.egress.api_gateway import SecretScrubber
from orchestrator.execution.egress.proxy import PLACEHOLDER_KEY, open_egress_proxy
from tests.orchestrator.execution.egress.conftest import ANTHROPIC, OPENAI, Opener
from tests.orchestrator.execution.egress.test_usage_counter import ANTHROPIC as EVENTS
from tests.orchestrator.execution.egress.upstream import KEY, events, whole
from tests.waiting import PATIENCE, until

ANSWER = {"type": "message", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1000, "output_tokens": 100}}


def test_the_key_is_put_in(opened: Opener) -> None:
    """A call arrives with the node's key, and with none that the program sent, wherever it put it."""
    one = opened()
    theirs = {"x-api-key": PLACEHOLDER_KEY, "Authorization": f"Bearer {PLACEHOLDER_KEY}", "X-Goog-Api-Key": "theirs"}
    answer = one.post("/anthropic/v1/messages?key=theirs&beta=true", {"hello": 1}, **theirs, Cookie="c=1")
    assert answer.status_code == 200
    (asked,) = one.api.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert headers["x-api-key"] == KEY
    assert not {"authorization", "x-goog-api-key", "cookie"} & set(headers)
    assert asked.path == "/v1/messages?beta=true"
    assert json.loads(asked.body) == {"hello": 1}
    assert headers["host"] == f"127.0.0.1:{one.api.port}"


def test_the_other_header(opened: Opener) -> None:
    """An API that wants a bearer gets one, below the path that the environment names."""
    one = opened()
    one.post("/openai/v1/chat/completions")
    assert one.api.asked[0].path == "/v1/chat/completions"
    assert {name.lower(): value for name, value in one.api.asked[0].headers.items()}["authorization"] == f"Bearer {KEY}"


def test_no_key(opened: Opener) -> None:
    """A node without a key sends none: the API's own refusal is the program's answer."""
    one = opened(environ={"ANTHROPIC_API_KEY": ""})
    one.api.answer = lambda handler: whole(handler, {"error": "who are you"}, status=401)
    assert one.post("/anthropic/v1/messages", **{"x-api-key": PLACEHOLDER_KEY}).status_code == 401
    assert "x-api-key" not in {name.lower() for name in one.api.asked[0].headers}
    assert one.noted == []


def test_environment(opened: Opener) -> None:
    """What a program is told of its line has no key in it, and lets it go to the gateway without a proxy."""
    told = opened().line.environment
    assert KEY not in "".join(told.values())
    assert told["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:3128/anthropic"
    assert told["OPENAI_BASE_URL"] == "http://127.0.0.1:3128/openai/v1"
    assert told["ANTHROPIC_API_KEY"] == told["OPENAI_API_KEY"] == PLACEHOLDER_KEY
    assert told["HTTPS_PROXY"] == told["https_proxy"] == told["http_proxy"] == "http://127.0.0.1:3128"
    assert "127.0.0.1" in told["NO_PROXY"].split(",")


def test_usage_is_noted(opened: Opener) -> None:
    """Each call's usage is added up, priced, and told with the total."""
    one = opened()
    one.api.answer = lambda handler: whole(handler, ANSWER)
    for _ in range(2):
        one.post("/anthropic/v1/messages")
    each = 1000 * 3e-6 + 100 * 15e-6
    assert [note.cost_usd for note in one.noted] == [pytest.approx(each), pytest.approx(2 * each)]
    assert one.line.spent == one.noted[-1]
    assert one.line.spent.tokens_in == 2000
    assert one.line.unpriced == set()


def test_what_has_no_price(opened: Opener) -> None:
    """A model without a price is named: a budget in money does not hold it."""
    one = opened()
    one.api.answer = lambda handler: whole(handler, {**ANSWER, "model": "home-made"})
    one.post("/anthropic/v1/messages")
    assert one.line.unpriced == {"home-made"}
    assert one.noted[-1].tokens_in == 1000


def test_counting_is_not_for_all(opened: Opener) -> None:
    """What costs nothing, and what failed, is not counted."""
    one = opened()
    one.api.answer = lambda handler: whole(handler, {"input_tokens": 77})
    one.post("/anthropic/v1/messages/count_tokens")
    one.api.answer = lambda handler: whole(handler, ANSWER, status=529)
    assert one.post("/anthropic/v1/messages").status_code == 529
    assert one.noted == []


def test_events_pass_at_once(opened: Opener) -> None:
    """An event is with the program before the next one is made."""
    one, seen = opened(), threading.Event()
    one.api.answer = lambda handler: events(handler, EVENTS[0], lambda: seen.wait(PATIENCE), *EVENTS[1:])
    with one.client as client, client.stream("POST", "http://line/anthropic/v1/messages", json={}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: x"
        assert not seen.is_set()
        seen.set()
        assert "message_stop" in list(lines)[-2]
    _until(lambda: one.noted != [])
    assert one.noted[-1].tokens_out == 250


def test_hanging_up_is_counted(opened: Opener) -> None:
    """A program that hangs up in the midst of an answer has spent what came of it."""
    one = opened()
    more = [{"type": "content_block_delta", "delta": {"text": "x" * 400}}] * 2000
    one.api.answer = lambda handler: events(handler, EVENTS[0], *more)
    with one.client as client, client.stream("POST", "http://line/anthropic/v1/messages", json={}) as answer:
        next(answer.iter_lines())
    _until(lambda: one.noted != [])
    assert one.noted[-1].tokens_in == 5400
    assert one.noted[-1].tokens_out >= 1


def test_not_waiting_for_the_answer_is_counted(opened: Opener) -> None:
    """So has one that does not wait for an answer which comes in one piece."""
    one, gone = opened(), threading.Event()

    def late(handler: object) -> None:
        gone.wait(PATIENCE)
        whole(handler, ANSWER)  # type: ignore[arg-type]

    one.api.answer = late
    with socket.socket(socket.AF_UNIX) as here:
        here.connect(str(one.line.socket))
        here.sendall(b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        _until(lambda: one.api.asked != [])
    gone.set()
    _until(lambda: one.noted != [])
    assert one.noted[-1].tokens_out == 100


def test_budget(opened: Opener) -> None:
    """Once the budget is spent no further call is made, and the program is told why in its API's own way."""
    one = opened()
    one.over = "1.00 USD of 1.00 USD a mission are spent"
    refused = one.post("/anthropic/v1/messages")
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "budget: 1.00 USD of 1.00 USD a mission are spent"
    assert one.api.asked == []
    assert one.line.refused == ("budget: 1.00 USD of 1.00 USD a mission are spent",)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/anthropic/v1/messages", {"messages": [{"content": 'the "model": "gpt-5" is fine'}], "model": "home-made"}),
        ("/openai/v1/chat/completions", {"model": "home-made"}),
        ("/openai/v1/models/home-made:generateContent", {"contents": []}),
    ],
)
def test_a_model_without_a_price_is_not_even_asked(path: str, body: object, opened: Opener) -> None:
    """Where a budget needs a price, the first call of all is refused and not the one after it; others pass whole."""
    one = opened()
    one.unpriced = "home-made"
    refused = one.post(path, body)
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "budget: home-made has no price"
    assert one.api.asked == []
    one.unpriced = "another"
    assert one.post(path, body).status_code == 200
    assert json.loads(one.api.asked[0].body) == body


def test_a_long_wait_blocks_the_run(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API says of a long wait passes as it is, and the node knows of it until an answer comes."""
    monkeypatch.setattr(long_waits, "GRACE_SECONDS", 0.0)
    one = opened()
    one.api.answer = lambda handler: whole(handler, {"error": "later"}, status=429, retry_after="3600")
    assert one.post("/anthropic/v1/messages").headers["retry-after"] == "3600"
    _until(lambda: one.line.blocked() != "")
    assert "anthropic answers 429" in one.line.blocked()
    one.api.answer = lambda handler: whole(handler, {"input_tokens": 1})
    one.post("/anthropic/v1/messages/count_tokens")
    _until(lambda: one.line.blocked() != "")  # what costs nothing is answered all the same; it ends after its answer
    one.api.answer = lambda handler: whole(handler, ANSWER)
    one.post("/anthropic/v1/messages")
    assert one.line.blocked() == ""


def test_a_silent_stream_is_kept_alive(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that hangs up on a silent stream gets empty lines, and only between two events."""
    monkeypatch.setattr(api_gateway, "KEEP_ALIVE_SECONDS", 0.02)
    one, heard = opened(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        def half() -> None:
            handler.wfile.write(b'data: {"ha')
            handler.wfile.flush()
            time.sleep(0.1)
            handler.wfile.write(b'lf": 1}\n\n')

        events(handler, lambda: heard.wait(PATIENCE), {"first": 1}, half)

    one.api.answer = answer
    url = "http://127.0.0.1:3128/anthropic/v1/messages"
    with one.client as client, client.stream("POST", url, json={"a": 1}) as streamed:
        pieces = streamed.iter_text()
        said = next(pieces)
        heard.set()
        said += "".join(pieces)
    assert said.startswith("\n")
    assert said.lstrip() == 'event: x\ndata: {"first": 1}\n\ndata: {"half": 1}\n\n'


def test_refusals_are_remembered(opened: Opener) -> None:
    """What was refused can be said afterwards, each once, with how often."""
    one = opened()
    one.post("/anthropic/v1/files")
    one.post("/anthropic/v1/files")
    assert one.raw(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n").startswith(b"HTTP/1.1 403 ")
    assert one.line.refused == (
        "POST /v1/files is not a call that is counted, so it is not passed on (2 times)",
        "evil.example:443 is not among the hosts that this run may reach",
    )
    assert one.api.asked == []


def test_a_redirect_is_not_followed(opened: Opener) -> None:
    """An API that leads elsewhere is not followed: the key would go there."""
    one = opened()
    one.api.answer = lambda handler: whole(handler, b"", status=307, Location=f"{one.api.url}/v1/elsewhere")
    assert one.post("/anthropic/v1/messages").status_code == 502
    assert len(one.api.asked) == 1


def test_an_echo_of_the_key(opened: Opener) -> None:
    """An API that repeats what it was sent does not give the key away, in pieces, packed or in a header either."""
    one = opened()

    def echo(handler: object) -> None:
        text = json.dumps({"model": "m", "you": KEY}).encode()
        at = text.index(KEY.encode()) + 7
        events(handler, text.decode(), lambda: handler.wfile.write(text[:at]), lambda: time.sleep(0.05))  # type: ignore
        handler.wfile.write(text[at:])  # type: ignore[attr-defined]

    one.api.answer = echo
    said = one.post("/anthropic/v1/messages").text
    assert KEY not in said
    assert said.count("*" * len(KEY)) == 2
    packed = gzip.compress(KEY.encode())
    one.api.answer = lambda handler: whole(handler, packed, content_encoding="gzip", x_you=f"<{KEY}>", set_cookie=KEY)
    answer = one.post("/anthropic/v1/messages")
    assert answer.text == "*" * len(KEY)
    assert KEY not in str(answer.headers)


@given(st.lists(st.sampled_from([b"s", b"se", b"sesame", b"same", b"sesa", b"me", b" ", b"ss"]), max_size=12))
def test_veil(pieces: list[bytes]) -> None:
    """A secret is blotted out however it is cut; everything else passes as it is."""
    veil = SecretScrubber(b"sesame")
    passed = b"".join(veil.over(each) for each in pieces) + veil.rest()
    assert passed == b"".join(pieces).replace(b"sesame", b"******")


def test_veil_without_a_secret() -> None:
    """Where there is no key, nothing is held back."""
    assert SecretScrubber(b"").over(b"abc") == b"abc"


def test_nobody_answers(opened: Opener) -> None:
    """An API that is not there is said to be so; that is no refusal of ours."""
    one = opened(environ={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    answer = one.post("/anthropic/v1/messages")
    assert answer.status_code == 502
    assert "anthropic does not answer" in answer.json()["error"]["message"]
    assert one.line.refused == ()


def test_a_listed_address(opened: Opener) -> None:
    """Loopback is reached where it is listed by its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        one = opened(f"127.0.0.1:{port}")

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"hello from there")

        thread = threading.Thread(target=serve)
        thread.start()
        said = one.raw(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\nearly".encode())
        thread.join()
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"hello from there")


def test_fetch_from_a_listed_host(opened: Opener) -> None:
    """A plain request to a listed host passes whole, in both directions."""
    one = opened()
    with open_egress_proxy(one.line.socket.parent / "two", upstreams=[], hosts=[f"127.0.0.1:{one.api.port}"]) as line:
        one.api.answer = lambda handler: whole(handler, gzip.compress(b"x" * 999), content_encoding="gzip")
        with socket.socket(socket.AF_UNIX) as here:
            here.connect(str(line.socket))
            target = f"http://127.0.0.1:{one.api.port}/a?b=c"
            head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{one.api.port}\r\nAuthorization: mine\r\n"
            here.sendall(head.encode() + b"Content-Length: 4\r\n\r\nbody")
            answered = http.client.HTTPResponse(here)
            answered.begin()
            assert gzip.decompress(answered.read()) == b"x" * 999
    asked = one.api.asked[-1]
    assert (asked.path, asked.body, asked.headers["authorization"]) == ("/a?b=c", b"body", "mine")


SMUGGLED = [
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",  # noqa: E501
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost : a\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/messages\rX HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/mess\tages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST http://a/x HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}",
    b"GET / HTTP/0.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"X" * 100_000,
    b"POST /anthropic/v1/messages HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
]


@pytest.mark.parametrize("data", SMUGGLED, ids=range(len(SMUGGLED)))
def test_smuggling(data: bytes, opened: Opener) -> None:
    """A head with two readings is answered 400 and goes nowhere."""
    one = opened()
    assert one.raw(data).startswith(b"HTTP/1.1 400 ")
    assert one.api.asked == []


def test_two_requests_in_one(opened: Opener) -> None:
    """Two requests that come together are each looked at: the second rides nowhere with the first."""
    one = opened()
    first = b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    second = b"POST /anthropic/v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    said = one.raw(first + second)
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"403"]
    assert [each.path for each in one.api.asked] == ["/v1/messages"]


def test_one_connection_for_many_calls(opened: Opener) -> None:
    """A program may keep its connection."""
    one = opened()
    with one.client as client:
        codes = [client.post("http://line/anthropic/v1/messages", json={}).status_code for _ in range(5)]
    assert codes == [200] * 5


def test_a_body_in_chunks_and_one_that_waits(opened: Opener) -> None:
    """A body may come in chunks, and after a 100 Continue."""
    one = opened()
    chunked = (
        b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert one.raw(chunked).startswith(b"HTTP/1.1 200 ")
    waits = b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    assert b"HTTP/1.1 200 " in one.raw(waits)
    assert [each.body for each in one.api.asked] == [b"{}", b"{}"]


def test_a_large_body_is_refused(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body has its limit, whatever its length claims."""
    monkeypatch.setattr(http1, "MAX_BODY_BYTES", 1000)
    one = opened()
    head = b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = one.raw(head + b"800\r\n" + b"x" * 0x800 + b"\r\n0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413 ")


def test_slow_heads_end(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that never ends is waited for, but not for ever."""
    monkeypatch.setattr(http1, "READ_TIMEOUT_SECONDS", 0.1)
    one = opened()
    with socket.socket(socket.AF_UNIX) as here:
        here.settimeout(60)
        here.connect(str(one.line.socket))
        here.sendall(b"POST /anthropic/v1/mess")
        assert here.recv(100) == b""


def test_connections_are_bounded(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """More connections than a run may have are hung up on, and the others still work."""
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 3)
    one = opened()
    kept = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    try:
        for each in kept:
            each.connect(str(one.line.socket))
        time.sleep(0.2)
        assert one.raw(b"GET /openai/v1/models HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        kept.pop().close()
        _until(lambda: one.raw(b"GET /openai/v1/models HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 200"))
    finally:
        for each in kept:
            each.close()


def test_many_at_once(opened: Opener) -> None:
    """Many calls at once are each answered."""
    one = opened()
    one.api.answer = lambda handler: whole(handler, ANSWER)
    threads = [threading.Thread(target=one.post, args=("/anthropic/v1/messages",)) for _ in range(40)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert one.line.spent.tokens_in == 40_000


def test_it_ends_with_the_run(tmp_path: Path) -> None:
    """After the run there is no socket, no thread and no call on its way."""
    others = set(threading.enumerate())  # of a test before
    with open_egress_proxy(tmp_path, upstreams=[ANTHROPIC], environ={}) as line:
        assert stat.S_IMODE(line.socket.stat().st_mode) == 0o600
        here = socket.socket(socket.AF_UNIX)
        here.settimeout(60)
        here.connect(str(line.socket))
    assert not line.socket.exists()
    with here, contextlib.suppress(ConnectionResetError):
        assert here.recv(10) == b""
    until(lambda: "shiftbook-line" not in {each.name for each in set(threading.enumerate()) - others}, "no thread")


def test_a_long_folder(tmp_path: Path) -> None:
    """The attempt's folder may have a longer name than a socket's path may be."""
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    with open_egress_proxy(folder, upstreams=[], environ={}) as line:
        assert line.socket.is_socket()


@pytest.mark.parametrize(
    "environ",
    [
        {"ANTHROPIC_BASE_URL": "ftp://a"},
        {"ANTHROPIC_BASE_URL": "nonsense"},
        {"ANTHROPIC_BASE_URL": "http://user:word@a"},
        {"ANTHROPIC_BASE_URL": "http://a?b"},
        {"ANTHROPIC_API_KEY": "a\nb"},
        {"ANTHROPIC_API_KEY": "schlüssel"},
    ],
)
def test_wrong_settings(environ: dict[str, str], tmp_path: Path) -> None:
    """A setting that cannot be is one clear line, before anything runs, and does not repeat the key."""
    with pytest.raises(WrongSetting) as wrong, open_egress_proxy(tmp_path, upstreams=[ANTHROPIC], environ=environ):
        pass
    assert next(iter(environ)) in str(wrong.value)
    assert not (set(environ.values()) - {"ftp://a", "nonsense"}) & set(str(wrong.value).split())


def test_a_wrong_host(tmp_path: Path) -> None:
    """So is a host that is none."""
    with pytest.raises(WrongSetting, match="host:port"), open_egress_proxy(tmp_path, upstreams=[], hosts=["a b"]):
        pass


GOOD = b"POST /openai/v1/responses HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
HEADS = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=20), st.integers(0, 20)).map(
        lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + cut[2] :]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=HEADS)
def test_any_bytes(data: bytes, opened: Opener, shared: list[object]) -> None:
    """Whatever bytes come, the line goes on, and nothing reaches the API but calls that may be made."""
    if not shared:
        shared.append(opened())
    one = shared[0]
    one.raw(data, until=2)  # type: ignore[attr-defined]
    assert one.raw(GOOD).startswith(b"HTTP/1.1 200 ")  # type: ignore[attr-defined]
    for asked in one.api.asked:  # type: ignore[attr-defined]
        assert (asked.method, asked.path.partition("?")[0]) in {
            ("POST", "/v1/responses"),
            ("GET", "/v1/models"),
            ("POST", "/v1/messages"),
        }
        assert asked.headers.get("Authorization", asked.headers.get("authorization")) == f"Bearer {KEY}"


@pytest.fixture
def shared() -> list[object]:
    """What the examples of one test share."""
    return []


def test_one_upstream_is_another(opened: Opener) -> None:
    """The key of one API does not go to another."""
    one = opened(environ={"OPENAI_API_KEY": "sk-other"})
    one.post("/openai/v1/responses")
    assert KEY not in str(one.api.asked[0].headers)
    assert OPENAI.name != ANTHROPIC.name


def test_spent_begins_with_nothing(opened: Opener) -> None:
    """A line that nobody used has spent nothing and refused nothing."""
    one = opened()
    assert (one.line.spent, one.line.refused) == (Usage(), ())


def _until(true: object, seconds: float = 60) -> None:
    """Waits until something is so."""
    over = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < over
        time.sleep(0.01)
