"""How is HTTP/1.1 (`http1`) spoken with the program inside, one connection at a time?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus

import h11

from orchestrator.execution.egress.request import RequestRefused

CHUNK_BYTES = 65536
MAX_HEAD_BYTES = 65536
READ_TIMEOUT_SECONDS = 30.0
"""How long the rest of a head may take once it has begun, and how long a body may stand still."""
IDLE_TIMEOUT_SECONDS = 300.0
"""How long a connection may wait for its next request."""
WRITE_TIMEOUT_SECONDS = 120.0
"""How long a reader may take nothing."""
MAX_BODY_BYTES = 64 * 1024 * 1024
TUNNEL_POLL_SECONDS = 5.0
"""How often, in seconds, it is looked whether a tunnel is still used."""
DRAIN_SECONDS = 5.0
"""How long the rest of a refused body is read, so that the refusal is seen before the connection ends."""


class Http1Connection:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.read = 0
        """Bytes of the present request's body so far."""

    async def request(self) -> h11.Request | None:
        """The next request's head; None when the other side is done. Raises Refusal, TimeoutError, OSError."""
        self.read = 0
        seconds = IDLE_TIMEOUT_SECONDS
        while True:
            event = self._next()
            if isinstance(event, h11.Request):
                return event
            if event is not h11.NEED_DATA:
                return None
            data = await asyncio.wait_for(self._reader.read(CHUNK_BYTES), seconds)
            self._http.receive_data(data)
            seconds = READ_TIMEOUT_SECONDS

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes. Raises Refusal, TimeoutError, OSError."""
        while True:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._write(self._http.send(go_on))
            event = self._next()
            if isinstance(event, h11.Data):
                self.read += len(event.data)
                if self.read > MAX_BODY_BYTES:
                    raise RequestRefused(413, f"a request holds at most {MAX_BODY_BYTES:,} bytes")
                yield bytes(event.data)
            elif event is h11.NEED_DATA:
                self._http.receive_data(await asyncio.wait_for(self._reader.read(CHUNK_BYTES), READ_TIMEOUT_SECONDS))
            else:
                return

    async def begin(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Sends an answer's head. Raises OSError, TimeoutError."""
        await self._write(self._http.send(h11.Response(status_code=status, headers=list(headers))))

    async def send_body(self, data: bytes) -> None:
        """Sends a piece of an answer at once. Raises OSError, TimeoutError."""
        await self._write(self._http.send(h11.Data(data=data)))

    async def end(self) -> bool:
        """Ends an answer; returns whether another request may follow. Raises OSError, TimeoutError."""
        await self._write(self._http.send(h11.EndOfMessage()))
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def refuse(self, refusal: RequestRefused, *, api: bool = False) -> bool:
        """Says why not, as an API would (`api`) or in a line; returns whether another request may follow."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return False  # an answer has begun: only hanging up is left
        body = _error_body(refusal) if api else f"{refusal.why}\n".encode()
        kind = b"application/json" if api else b"text/plain; charset=utf-8"
        length = str(len(body)).encode()
        headers = [(b"content-type", kind), (b"content-length", length), (b"connection", b"close")]
        await self.begin(refusal.status, headers)
        await self._write(self._http.send(h11.Data(data=body)))
        await self._write(self._http.send(h11.EndOfMessage()))
        await self._leave()
        return False

    async def tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Says that the way is open, then passes bytes both ways until both are silent or one is done."""
        await self._write(self._http.send(h11.Response(status_code=200, headers=[])))
        early, _ = self._http.trailing_data
        if early:
            await _write(writer, early)
        clock = asyncio.get_running_loop().time
        last = [clock()]
        ways = (_pump(self._reader, writer, last), _pump(reader, self._writer, last))
        tasks = {asyncio.ensure_future(each) for each in ways}
        waiting = tasks
        try:
            while waiting and clock() - last[0] < IDLE_TIMEOUT_SECONDS:
                over, waiting = await asyncio.wait(waiting, timeout=TUNNEL_POLL_SECONDS)
                for each in over:
                    each.result()
        finally:
            for each in tasks:
                each.cancel()

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise RequestRefused(400, f"this is no plain HTTP/1.1: {error}") from error

    async def _leave(self) -> None:
        """Reads on for a moment: closing on unread data would take the answer away from its reader."""
        self._writer.write_eof()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                left = MAX_BODY_BYTES
                while left > 0 and (data := await self._reader.read(CHUNK_BYTES)):
                    left -= len(data)
        except TimeoutError:
            return

    async def _write(self, data: bytes | None) -> None:
        await _write(self._writer, data or b"")


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await asyncio.wait_for(writer.drain(), WRITE_TIMEOUT_SECONDS)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: list[float]) -> None:
    """Passes bytes on until their end, noting when the last came."""
    while data := await reader.read(CHUNK_BYTES):
        last[0] = asyncio.get_running_loop().time()
        await _write(writer, data)
    if writer.can_write_eof():
        writer.write_eof()


def _error_body(refusal: RequestRefused) -> bytes:
    """An error that the clients of Anthropic, OpenAI and Gemini each know how to show."""
    phrase = HTTPStatus(refusal.status).phrase.upper().replace(" ", "_")
    error = {"type": "shiftbook_refused", "message": refusal.why, "code": refusal.status, "status": phrase}
    return json.dumps({"type": "error", "error": error}).encode()
