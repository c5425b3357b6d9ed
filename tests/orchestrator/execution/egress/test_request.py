"""Facts about what a request on a line is taken to ask for."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execution.egress.request import (
    CREDENTIAL_HEADERS,
    HOST_PATTERN,
    ApiCall,
    Fetch,
    RequestRefused,
    Tunnel,
    forwarded_headers,
    parse_authority,
    parse_request,
)

PATHS = {"anthropic": "", "openai": "/v1", "google": ""}


def request(method: str, target: str, *headers: tuple[str, str]) -> h11.Request:
    """A request's head."""
    named = [*headers] if any(name.lower() == "host" for name, _ in headers) else [("host", "a"), *headers]
    return h11.Request(method=method, target=target, headers=named)


CALLS = [
    ("POST", "/anthropic/v1/messages?beta=true", "/v1/messages?beta=true", True),
    ("POST", "/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens", False),
    ("POST", "/openai/v1/chat/completions", "/chat/completions", True),
    ("POST", "/openai/v1/responses", "/responses", True),
    ("GET", "/openai/v1/models", "/models", False),
    ("GET", "/openai/v1/models/gpt-5", "/models/gpt-5", False),
    (
        "POST",
        "/google/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=theirs",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        True,
    ),
]


@pytest.mark.parametrize(("method", "target", "goes", "counted"), CALLS)
def test_calls(method: str, target: str, goes: str, counted: bool) -> None:
    """Calls to a model are known, with what their answers are counted for; a key in the query is left out."""
    asked = parse_request(request(method, target), PATHS)
    assert isinstance(asked, ApiCall)
    assert (asked.target, asked.counted) == (goes, counted)


NO_CALLS = [
    ("POST", "/anthropic/v1/files"),
    ("POST", "/anthropic/v1/messages/batches"),
    ("GET", "/anthropic/v1/messages"),
    ("DELETE", "/openai/v1/models/mine"),
    ("GET", "/openai/v1/responses/resp_1"),
    ("POST", "/openai/v1/fine_tuning/jobs"),
    ("POST", "/openai/v1/../v1/responses"),
    ("POST", "/openai/v1//responses"),
    ("POST", "/openai/v2/responses"),
    ("POST", "/openai/v1beta/responses"),
    ("POST", "/openai/v1/responses%2f..%2ffiles"),
    ("POST", "/nobody/v1/messages"),
    ("POST", "//evil.example/v1/messages"),
    ("POST", "/anthropic@evil.example/v1/messages"),
    ("POST", "/anthropic"),
    ("POST", "/"),
    ("TRACE", "/anthropic/v1/messages"),
    ("POST", "/anthropic/v1/messages#x"),
]


@pytest.mark.parametrize(("method", "target"), NO_CALLS)
def test_no_calls(method: str, target: str) -> None:
    """Everything else that an API offers is refused: what is not counted is no way to spend or to keep anything."""
    with pytest.raises(RequestRefused) as refused:
        parse_request(request(method, target), PATHS)
    assert refused.value.status == 403


def test_ways_to_hosts() -> None:
    """A CONNECT and a plain request in absolute form name their host and port."""
    assert parse_request(request("CONNECT", "Shop.example.:443"), PATHS) == Tunnel(host="shop.example", port=443)
    assert parse_request(request("GET", "http://a.example/x?y", ("Host", "a.example")), PATHS) == Fetch(
        method="GET", host="a.example", port=80, target="/x?y"
    )
    assert parse_request(request("GET", "http://[::1]:81", ("Host", "[::1]:81")), PATHS) == Fetch(
        method="GET", host="::1", port=81, target="/"
    )


UNCLEAR = [
    request("CONNECT", "shop.example"),
    request("CONNECT", "shop.example:0"),
    request("CONNECT", "shop.example:65536"),
    request("CONNECT", "user@shop.example:443"),
    request("CONNECT", "shop.example:443:443"),
    request("CONNECT", "-:443"),
    request("CONNECT", "http://shop.example:443"),
    request("GET", "https://shop.example/", ("Host", "shop.example")),
    request("GET", "ftp://shop.example/", ("Host", "shop.example")),
    request("GET", "http://user:word@shop.example/", ("Host", "shop.example")),
    request("GET", "http://shop.example/", ("Host", "evil.example")),
    request("GET", "http://shop.example:81/", ("Host", "shop.example")),
    request("OPTIONS", "*"),
    request("POST", "/openai/v1/responses", ("Content-Length", "3"), ("Transfer-Encoding", "chunked")),
]


@pytest.mark.parametrize("unclear", UNCLEAR, ids=lambda each: f"{each.method.decode()} {each.target.decode()}")
def test_unclear(unclear: h11.Request) -> None:
    """What has two readings, or none, is refused."""
    with pytest.raises(RequestRefused) as refused:
        parse_request(unclear, PATHS)
    assert refused.value.status == 400


LETTERS = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
TARGETS = st.one_of(
    LETTERS.map(lambda rest: "/" + rest),
    LETTERS.map(lambda rest: "/openai/v1/" + rest),
    LETTERS.map(lambda rest: "/anthropic/v1/messages?" + rest),
    LETTERS.map(lambda rest: "http://" + rest),
    LETTERS.filter(bool),
)


@given(st.sampled_from(["GET", "POST", "CONNECT", "HEAD", "PUT"]), TARGETS, LETTERS)
def test_any_request(method: str, target: str, host: str) -> None:
    """Whatever is asked is refused, or is a counted or harmless call to a known API, or names one host and port."""
    try:
        asked = parse_request(request(method, target, ("Host", host.strip() or "a")), PATHS)
    except RequestRefused as refusal:
        assert refusal.status in {400, 403}  # noqa: PT017  # both ends are allowed, and looked at
        assert "\n" not in refusal.why  # noqa: PT017
        return
    if isinstance(asked, ApiCall):
        assert asked.name in PATHS
        assert asked.target.startswith("/")
        path, _, query = asked.target.partition("?")
        assert not set(path) & set("%#?\\@")
        assert ".." not in path
        assert not any(word.startswith("key=") for word in query.split("&"))
        assert asked.counted or asked.method == "GET" or "ount" in path
        return
    assert HOST_PATTERN.fullmatch(asked.host) or HOST_PATTERN.fullmatch(f"[{asked.host}]")
    assert 0 < asked.port < 65536


@given(st.from_regex(HOST_PATTERN, fullmatch=True), st.integers(1, 65535))
def test_authorities(host: str, port: int) -> None:
    """Host and port come back as they were written."""
    assert parse_authority(f"{host}:{port}", None) == (host.strip("[]"), port)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CREDENTIAL_HEADERS | {b"connection", b"x-a", b"accept"})), st.just(b"x-a, close")
        )
    )
)
def test_no_key_goes_on(headers: list[tuple[bytes, bytes]]) -> None:
    """No header that may hold a key goes on, nor one between neighbours, nor one that `Connection` names as such."""
    kept = {name for name, _ in forwarded_headers(headers, keys=False)}
    assert not kept & (CREDENTIAL_HEADERS | {b"connection"})
    assert b"x-a" not in kept or b"connection" not in {name for name, _ in headers}
