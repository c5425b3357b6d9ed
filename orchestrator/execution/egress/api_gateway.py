"""How does a run call a model's API without ever holding its key?

The key goes into the call here, on the node. It comes back neither in a header nor in a body, should the API repeat
it: its letters are blotted out in whatever passes (not where an API would give it back encoded, for which none of the
calls that pass has a use).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import h11
import httpx

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.ports.model import Usage
from orchestrator.execution.egress.http1 import Http1Connection
from orchestrator.execution.egress.long_waits import LongWaits
from orchestrator.execution.egress.model_calls import AskedCall, CallResult, ModelCalls
from orchestrator.execution.egress.quota_signals import MAX_BODY_BYTES, TURNED_AWAY
from orchestrator.execution.egress.request import (
    CREDENTIAL_HEADERS,
    HOP_BY_HOP_HEADERS,
    ApiCall,
    RequestRefused,
    forwarded_headers,
)
from orchestrator.execution.egress.usage_counter import UsageCounter, is_event_stream
from orchestrator.execution.programs.port import ModelApi

CONNECT_TIMEOUT_SECONDS = 20.0
READ_TIMEOUT_SECONDS = 600.0
"""The longest wait between two bytes of an answer, unless the run says how long it is."""
KEEP_ALIVE_SECONDS = 60.0
"""After how long a silence between two events the program is sent an empty line, which says nothing in an event stream:
some hang up on a silent one after 300 s and ask again.
"""
MAX_WHY_CHARS = 300
"""Characters that are kept of what an API says of an error."""
DROPPED_RESPONSE_HEADERS = frozenset({b"content-length", b"content-encoding", b"set-cookie"})


@dataclass(frozen=True, kw_only=True)
class UpstreamRoute:
    """One upstream as this node reaches it: where it is, what its programs put before each call, and the key."""

    name: str
    url: httpx.URL
    path: str
    header: bytes
    key: bytes

    @classmethod
    def of(cls, upstream: ModelApi, environ: Mapping[str, str]) -> UpstreamRoute:
        """Where the node's own environment says that it is, or its usual place. Raises Refusal for a broken setting."""
        where = environ.get(upstream.base) or upstream.url + upstream.path
        key = environ.get(upstream.key, "").strip()
        try:
            url = httpx.URL(where.rstrip("/"))
        except httpx.InvalidURL as error:
            raise RequestRefused(500, f"{upstream.base}: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host or url.query or url.userinfo:
            raise RequestRefused(500, f"{upstream.base} must be an http:// or https:// address without a query")
        if not key.isascii() or not key.isprintable():
            raise RequestRefused(500, f"{upstream.key} has letters that no key has")
        return cls(
            name=upstream.name, url=url, path=upstream.path, header=upstream.header.lower().encode(), key=key.encode()
        )

    @property
    def credentials(self) -> list[tuple[bytes, bytes]]:
        """The header that carries the key; none where the node has no key."""
        if not self.key:
            return []
        return [(self.header, b"Bearer " + self.key if self.header == b"authorization" else self.key)]

    def at(self, target: str) -> httpx.URL:
        """The address of a call. The host is always this door's."""
        return self.url.copy_with(raw_path=self.url.raw_path.rstrip(b"/") + target.encode("ascii"))


class SecretScrubber:
    """Blots out a secret in bytes that pass, holding back no more than what may be its beginning."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._held = secret, b""

    def over(self, data: bytes) -> bytes:
        """What may go on."""
        if not self._secret:
            return data
        data = (self._held + data).replace(self._secret, b"*" * len(self._secret))
        longest = min(len(self._secret) - 1, len(data))
        kept = next((size for size in range(longest, 0, -1) if data.endswith(self._secret[:size])), 0)
        self._held = data[len(data) - kept :]
        return data[: len(data) - kept]

    def rest(self) -> bytes:
        """What was held back at the end."""
        held, self._held = self._held, b""
        return held


class ApiGateway:
    """Makes the calls of one run. `note` gets what each took when it is over, however it ended.

    `unpriced` says why a model may not be asked; `silence` is the longest wait, in seconds, for an answer's next byte.
    """

    def __init__(
        self,
        doors: Iterable[UpstreamRoute],
        note: Callable[[Usage], None],
        *,
        unpriced: Callable[[str], str] = lambda model: "",
        silence: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        self._routes = {each.name: each for each in doors}
        self._note, self._unpriced, self._silence = note, unpriced, silence
        self.waits = LongWaits()
        self.calls = ModelCalls()
        self._clients: dict[str, httpx.AsyncClient] = {}

    @property
    def paths(self) -> Mapping[str, str]:
        """What programs put before each call, by upstream."""
        return {each.name: each.path for each in self._routes.values()}

    async def call(self, call: ApiCall, request: h11.Request, talk: Http1Connection) -> bool:
        """Makes a call and passes the answer on; returns whether another may follow. Raises Refusal, OSError."""
        asked = self.calls.start(call)
        try:
            return await self._call(asked, request, talk)
        except RequestRefused as refusal:
            self.calls.end(asked, CallResult(status=refusal.status, why=refusal.why))
            raise
        except httpx.HTTPError as error:
            self.calls.end(asked, CallResult(status=502, why=f"its answer broke off: {type(error).__name__}"))
            raise

    def note_refusal(self, call: ApiCall, refusal: RequestRefused) -> None:
        """A call was not made."""
        self.calls.end(self.calls.start(call), CallResult(status=refusal.status, why=refusal.why))

    async def _call(self, asked: AskedCall, request: h11.Request, talk: Http1Connection) -> bool:
        call = asked.call
        door = self._routes[call.name]
        plain = (b"accept-encoding", b"identity")  # the answer is read on its way
        own = [each for each in forwarded_headers(request.headers, keys=False) if each[0] != door.header]
        headers = [*own, *content_length_header(request), *door.credentials, plain]
        body = await self._affordable(asked, request_body(request, talk))
        made = self._client(door).build_request(call.method, door.at(call.target), headers=headers, content=body)
        with self.waits.call():
            answer = await send_request(self._client(door), made, call.name)
            try:
                if answer.is_redirect:
                    why = f"{call.name} leads elsewhere ({answer.status_code}), which is not followed"
                    raise RequestRefused(502, why)
                if call.counted:
                    self.waits.answered(call.name, answer.status_code, answer.headers, datetime.now(UTC))
                return await self._answer(asked, door, answer, talk)
            finally:
                await answer.aclose()

    async def _affordable(self, asked: AskedCall, body: AsyncIterator[bytes] | None) -> AsyncIterator[bytes] | None:
        """The body, unless it plainly asks a model that may not be asked. Raises RequestRefused.

        Only the first piece is looked at: what hides its model is found out by the answer.
        """
        if not asked.call.counted or body is None:
            return body
        first = await anext(body, b"")
        asked.read(first)
        if why := self._unpriced(asked.model):
            raise RequestRefused(403, f"budget: {why}")
        return asked.passing(first, body)

    async def _answer(
        self, asked: AskedCall, door: UpstreamRoute, answer: httpx.Response, talk: Http1Connection
    ) -> bool:
        call, passed = asked.call, False
        tally = UsageCounter(events=is_event_stream(answer.headers.get("content-type", "")))
        try:
            refused = await self._pass(answer, tally, SecretScrubber(door.key), talk)
            passed = True
            if call.counted and answer.status_code == TURNED_AWAY:
                self.waits.turned_away(refused, datetime.now(UTC))
        except (OSError, TimeoutError):  # nobody listens any more; what is whole has been paid for, and is counted
            if not tally.events:
                await _drain_and_count(answer, tally)
            raise
        finally:
            tally.asked = talk.read
            usage = tally.usage()
            if call.counted and answer.is_success:
                self._note(usage)
            if passed or tally.error or not answer.is_success or (tally.events and tally.complete):
                self.calls.end(asked, _call_result(answer, tally, door.key))
        return await talk.end()  # only now, so that the next call finds this one counted

    async def _pass(
        self, answer: httpx.Response, tally: UsageCounter, veil: SecretScrubber, talk: Http1Connection
    ) -> bytes:
        """Passes an answer on; returns the beginning of one that turned the call away."""
        kept, size = bytearray(), MAX_BODY_BYTES if answer.status_code == TURNED_AWAY else 0
        await talk.begin(answer.status_code, response_headers(answer, veil))
        patience = KEEP_ALIVE_SECONDS if tally.events else None
        async with contextlib.aclosing(_with_empty_lines(answer.aiter_bytes(), patience)) as passing:
            async for data in passing:
                tally.feed(data)
                kept += data[: max(0, size - len(kept))]
                await talk.send_body(veil.over(data))
        await talk.send_body(veil.rest())
        return bytes(kept)

    def _client(self, door: UpstreamRoute) -> httpx.AsyncClient:
        if door.name not in self._clients:
            self._clients[door.name] = build_client(trust=not is_loopback(door.url.host), silence=self._silence)
        return self._clients[door.name]

    async def close(self) -> None:
        """Ends all connections."""
        for each in self._clients.values():
            await each.aclose()


def _call_result(answer: httpx.Response, tally: UsageCounter, secret: bytes) -> CallResult:
    """What an answer comes to that was passed on. What an error says may repeat the key, as any answer may."""
    if not tally.error or not answer.is_success:
        return CallResult(status=answer.status_code)
    veil = SecretScrubber(secret)
    words = (veil.over(tally.error.encode("utf-8", "replace")) + veil.rest()).decode("utf-8", "replace")
    return CallResult(
        status=0, why=f"the model's API began an answer and told of an error: {redacted_line(words, MAX_WHY_CHARS)}"
    )


async def _with_empty_lines(pieces: AsyncIterator[bytes], patience: float | None) -> AsyncGenerator[bytes]:
    """The pieces of an event stream, and an empty line each time that no event has come for `patience` seconds."""
    data = b"\n\n"
    coming: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(pieces, None))
            if not (await asyncio.wait({coming}, timeout=patience))[0]:
                if data.endswith((b"\n\n", b"\r\n\r\n")):
                    yield b"\n"
                continue
            found, coming = coming.result(), None
            if found is None:
                return
            data = found
            yield data
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})


def build_client(*, trust: bool, silence: float = READ_TIMEOUT_SECONDS) -> httpx.AsyncClient:
    """A client that follows nothing; `trust` has it take the node's own way to the internet."""
    timeout = httpx.Timeout(silence, connect=CONNECT_TIMEOUT_SECONDS)
    return httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=trust)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, to which no proxy leads."""
    return host in {"localhost", "::1"} or host.startswith("127.")


async def send_request(client: httpx.AsyncClient, asked: httpx.Request, name: str) -> httpx.Response:
    """Sends a request and returns the answer's head. Raises Refusal, in the program's words, when nobody answers."""
    try:
        return await client.send(asked, stream=True)
    except httpx.HTTPError as error:
        raise RequestRefused(502, f"{name} does not answer: {type(error).__name__} {error}".rstrip()) from error


def request_body(request: h11.Request, talk: Http1Connection) -> AsyncIterator[bytes] | None:
    """The request's body, if it has one."""
    names = {name for name, _ in request.headers}
    return talk.body() if names & {b"content-length", b"transfer-encoding"} else None


def content_length_header(request: h11.Request) -> list[tuple[bytes, bytes]]:
    """The length that a request gave."""
    return [(name, value) for name, value in request.headers if name == b"content-length"]


def response_headers(answer: httpx.Response, veil: SecretScrubber) -> list[tuple[bytes, bytes]]:
    """An answer's headers for the program inside."""
    dropped = HOP_BY_HOP_HEADERS | CREDENTIAL_HEADERS | DROPPED_RESPONSE_HEADERS
    return [(name, veil.over(value) + veil.rest()) for name, value in answer.headers.raw if name.lower() not in dropped]


async def _drain_and_count(answer: httpx.Response, tally: UsageCounter) -> None:
    """Reads the rest of an answer for its count alone."""
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
        async for data in answer.aiter_bytes():
            tally.feed(data)
