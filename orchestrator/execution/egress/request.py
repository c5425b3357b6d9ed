"""What does a sandboxed program ask of its line: a call to a model's API, or a way to another host?

A pure reading of one request's head. What is not plainly one of the things below is refused, never repaired: two
readings of one head are how a request is smuggled past a guard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import h11

HOST_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
AUTHORITY_PATTERN = re.compile(r"(?P<host>[^@/?#:\[\]]+|\[[^@/?#\[\]]+\])(?::(?P<port>[0-9]{1,5}))?")
ABSOLUTE_FORM = re.compile(r"(?i:http)://(?P<authority>[^/?#]*)(?P<rest>/[\x21-\x7e]*)?")
API_TARGET = re.compile(r"/(?P<name>[A-Za-z0-9_-]+)(?P<path>/[A-Za-z0-9._:/@-]*)?(?:\?(?P<query>[\x21-\x7e]*))?")

VERSION_PREFIX = r"(?:/(?:openai|api|v\d+(?:(?:alpha|beta)\d*)?))*"
BILLED_PATHS = re.compile(
    VERSION_PREFIX + r"(?:/(?:messages|chat/completions|completions|responses(?:/compact)?|embeddings)"
    r"|/models/[\w.-]+:(?:generateContent|streamGenerateContent|embedContent|batchEmbedContents))"
)
"""Calls whose answers say what they took."""
EMBEDDING_PATHS = re.compile(r"/embeddings|:(?:embedContent|batchEmbedContents)")
UNBILLED_PATHS = re.compile(VERSION_PREFIX + r"(?:/messages/count_tokens|/models/[\w.-]+:countTokens)")
MODEL_LIST_PATHS = re.compile(VERSION_PREFIX + r"/models(?:/[\w.@-]+)*")

CREDENTIAL_HEADERS = frozenset(
    {b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"proxy-authorization", b"cookie"}
)
"""Headers in which a program's own idea of a key may come. None of them goes on."""
HOP_BY_HOP_HEADERS = frozenset(
    {b"host", b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {b"content-length", b"expect", b"accept-encoding", b"http2-settings"}
)
"""Headers that are between two neighbours, or that we say ourselves."""


class RequestRefused(Exception):
    """What is asked is not allowed, or not clear. `status` is HTTP's; the text is one line for the program's log."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """A call to the API that the upstream `name` stands for. `target` is path and query, without any key."""

    name: str
    method: str
    target: str
    counted: bool

    @property
    def converses(self) -> bool:
        """Whether a model is asked to say something."""
        return self.counted and not EMBEDDING_PATHS.search(self.target.partition("?")[0])


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A plain HTTP request to a host, in absolute form."""

    method: str
    host: str
    port: int
    target: str


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """A CONNECT to a host."""

    host: str
    port: int


def parse_request(request: h11.Request, paths: Mapping[str, str]) -> ApiCall | Fetch | Tunnel:
    """What a request asks for. `paths` has, for each upstream by name, what its programs put before each call.

    Raises Refusal.
    """
    method, target = request.method.decode("ascii"), request.target.decode("latin-1")
    _require_unambiguous(request)
    if method == "CONNECT":
        host, port = parse_authority(target, None)
        return Tunnel(host=host, port=port)
    if target.startswith("/"):
        return _parse_api_call(method, target, paths)
    return _parse_fetch(request, method, target)


def parse_authority(text: str, port: int | None) -> tuple[str, int]:
    """Host and port of `host:port`; the host in lower case, an IPv6 address without its brackets. Raises Refusal."""
    found = AUTHORITY_PATTERN.fullmatch(text)
    host = found["host"].lower().removesuffix(".") if found else ""
    said = int(found["port"]) if found and found["port"] else port
    if not HOST_PATTERN.fullmatch(host) or said is None or not 0 < said < 65536:
        raise RequestRefused(400, f"{text[:100]!r} is not host:port")
    return host.strip("[]"), said


def _require_unambiguous(request: h11.Request) -> None:
    """Refuses a head with two meanings."""
    if request.http_version not in {b"1.0", b"1.1"}:
        raise RequestRefused(400, "HTTP/1.1 is spoken here")
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise RequestRefused(400, "a request has a length or comes in chunks, not both")
    if any(names.count(name) > 1 for name in (b"host", b"content-length", b"transfer-encoding")):
        raise RequestRefused(400, "a request has one Host, one length and one encoding")


def _parse_api_call(method: str, target: str, paths: Mapping[str, str]) -> ApiCall:
    found = API_TARGET.fullmatch(target)
    if not found or found["name"] not in paths:
        raise RequestRefused(403, f"{target[:100]!r} leads to none of this run's model APIs")
    path, name = found["path"] or "/", found["name"]
    if ".." in path or "//" in path or not path.startswith(paths[name]):
        raise RequestRefused(403, f"{path[:100]!r} is no call to {name}")
    path = path.removeprefix(paths[name])
    counted = method == "POST" and BILLED_PATHS.fullmatch(path) is not None
    free = {"POST": UNBILLED_PATHS, "GET": MODEL_LIST_PATHS}.get(method)
    if not counted and not (free and free.fullmatch(path)):
        raise RequestRefused(403, f"{method} {path[:100]} is not a call that is counted, so it is not passed on")
    return ApiCall(name=name, method=method, target=path + _query_without_keys(found["query"] or ""), counted=counted)


def _query_without_keys(query: str) -> str:
    """A query without the key that some APIs take there."""
    kept = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name.lower() not in _SECRET_PARAMETERS
    ]
    return f"?{urlencode(kept)}" if kept else ""


_SECRET_PARAMETERS = ("key", "api_key", "access_token")


def _parse_fetch(request: h11.Request, method: str, target: str) -> Fetch:
    found = ABSOLUTE_FORM.fullmatch(target)
    if not found:
        raise RequestRefused(400, f"{target[:100]!r} is neither an address of http:// nor a path")
    host, port = parse_authority(found["authority"], 80)
    said = [value.decode("latin-1") for name, value in request.headers if name == b"host"]
    if said and parse_authority(said[0], 80) != (host, port):
        raise RequestRefused(400, f"the Host {said[0][:100]!r} is not the one of the address")
    return Fetch(method=method, host=host, port=port, target=found["rest"] or "/")


def forwarded_headers(headers: Iterable[tuple[bytes, bytes]], *, keys: bool) -> list[tuple[bytes, bytes]]:
    """The headers that go on, without those between neighbours and, unless `keys`, without any that holds a key."""
    found = list(headers)
    named = {
        word.strip().lower() for name, value in found if name.lower() == b"connection" for word in value.split(b",")
    }
    dropped = HOP_BY_HOP_HEADERS | named | (frozenset({b"proxy-authorization"}) if keys else CREDENTIAL_HEADERS)
    return [(name, value) for name, value in found if name.lower() not in dropped]
