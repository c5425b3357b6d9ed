"""How does a run reach the model's API and the few hosts that it may, and nothing else?

A proxy in a thread of the node, on a Unix socket in the attempt's folder, lives as long as the run. What it refuses
is answered with one clear line and remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h11
import httpx

from orchestrator.core import pricing
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.sandbox import PROXY_PORT
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.egress.allowlist import HostAllowlist
from orchestrator.execution.egress.api_gateway import (
    READ_TIMEOUT_SECONDS,
    ApiGateway,
    UpstreamRoute,
    build_client,
    content_length_header,
    request_body,
    send_request,
)
from orchestrator.execution.egress.http1 import Http1Connection
from orchestrator.execution.egress.model_calls import CallResult
from orchestrator.execution.egress.request import (
    ApiCall,
    Fetch,
    RequestRefused,
    Tunnel,
    forwarded_headers,
    parse_request,
)
from orchestrator.execution.programs.port import ModelApi

SOCKET_NAME = "line"
MAX_CONNECTIONS = 128
MAX_CONCURRENT_CALLS = 16
"""Calls to models at the same time; more wait for their turn."""
CONNECT_TIMEOUT_SECONDS = 15.0
CLOSE_TIMEOUT_SECONDS = 5.0
HANGUP_ROUNDS = 5
PLACEHOLDER_KEY = "shiftbook-placeholder"
"""What a program is given for a key."""
MAX_REFUSALS = 100
"""Different refusals that are remembered."""
NO_PROXY_HOSTS = "127.0.0.1,localhost,::1"


class EgressProxy:
    """A run's line while it is open."""

    def __init__(
        self,
        socket: Path,
        doors: Iterable[UpstreamRoute],
        hosts: HostAllowlist,
        environment: Mapping[str, str],
        note: Callable[[Usage], None],
        *,
        unpriced: Callable[[str], str],
        silence: float,
    ) -> None:
        self.socket, self.environment = socket, environment
        self.spent = Usage()
        """What all calls took so far."""
        self.unpriced: set[str] = set()
        """Models without a known price: what they cost is not in `spent`."""
        self._refused: Counter[str] = Counter()
        self._told = note
        self.hosts = hosts
        self.gateway = ApiGateway(doors, self._note, unpriced=unpriced, silence=silence)

    @property
    def refused(self) -> tuple[str, ...]:
        """What was asked for and refused, each once, with how often."""
        return tuple(why if times == 1 else f"{why} ({times} times)" for why, times in self._refused.items())

    def blocked(self) -> str:
        """Why no call can be answered for long; empty while one may be."""
        return self.gateway.waits.reason()

    @property
    def verdict(self) -> CallResult | None:
        """What the calls to models came to, taken together; None where none was asked."""
        return self.gateway.calls.verdict

    @property
    def windows(self) -> tuple[QuotaWindow, ...]:
        """What the answers have declared of the windows of the account."""
        return self.gateway.waits.windows

    def refuse(self, why: str) -> None:
        """Remembers a refusal."""
        if why in self._refused or len(self._refused) < MAX_REFUSALS:
            self._refused[why] += 1

    def _note(self, usage: Usage) -> None:
        if usage.cost_usd is None and (usage.tokens_in or usage.tokens_out):
            self.unpriced.add(usage.model)
        self.spent = pricing.total(self.spent, usage)
        self._told(self.spent)


@contextmanager
def open_egress_proxy(
    folder: Path,
    *,
    upstreams: Iterable[ModelApi],
    hosts: Iterable[str] = (),
    note: Callable[[Usage], None] = lambda usage: None,
    over: Callable[[], str] = lambda: "",
    unpriced: Callable[[str], str] = lambda model: "",
    silence: float = READ_TIMEOUT_SECONDS,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[EgressProxy]:
    """Opens a run's line to `upstreams` and `hosts` (as host:port) for the time of the block.

    `note` gets all that was spent so far, each time that a call has ended; once `over` gives a reason, no further
    call is made, and none to a model for which `unpriced` gives one. They are called in a thread of the line's own.
    `silence` is the longest wait, in seconds, for the next byte of an answer. `environ` has the node's keys. Raises
    WrongSetting for an upstream or a host that cannot be one, OSError when the socket cannot be made.
    """
    upstreams = tuple(upstreams)
    try:
        doors, allowed = [UpstreamRoute.of(each, environ) for each in upstreams], HostAllowlist.of(hosts)
    except RequestRefused as error:
        raise WrongSetting("line", error.why) from error
    line = EgressProxy(
        folder / SOCKET_NAME,
        doors,
        allowed,
        proxy_environment(upstreams),
        note,
        unpriced=unpriced,
        silence=silence,
    )
    with listening_socket(line.socket) as listener:
        service = _ProxyServer(line, over)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, service, listener), name="shiftbook-line", daemon=True)
        thread.start()
        try:
            yield line
        finally:
            loop.call_soon_threadsafe(service.done.set)
            thread.join(CLOSE_TIMEOUT_SECONDS)


def proxy_environment(upstreams: Iterable[ModelApi]) -> dict[str, str]:
    """The variables by which a program finds its line."""
    here = f"http://127.0.0.1:{PROXY_PORT}"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), here)
    found = {**proxies, "NO_PROXY": NO_PROXY_HOSTS, "no_proxy": NO_PROXY_HOSTS, "NODE_USE_ENV_PROXY": "1"}
    for each in upstreams:
        found |= {each.base: f"{here}/{each.name}{each.path}", each.key: PLACEHOLDER_KEY}
    return found


@contextmanager
def listening_socket(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket that only this user reaches, gone afterwards. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself may be longer than the kernel's 107
        path.chmod(0o600)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
        os.close(folder)
        path.unlink(missing_ok=True)


def _run(loop: asyncio.AbstractEventLoop, service: _ProxyServer, listener: socket.socket) -> None:
    try:
        loop.run_until_complete(service.serve(listener))
    finally:
        loop.close()  # it does not wait for a name that is still being looked up


class _ProxyServer:
    """Answers the connections of one line."""

    def __init__(self, line: EgressProxy, over: Callable[[], str]) -> None:
        self._line, self._over = line, over
        self.done = asyncio.Event()
        self._calls = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._open: set[asyncio.Task[None]] = set()
        self._direct = build_client(trust=False)

    async def serve(self, listener: socket.socket) -> None:
        """Answers until `done` is set, then hangs up on everybody."""
        async with await asyncio.start_unix_server(self._take, sock=listener, limit=65536):
            await self.done.wait()
            asyncio.get_running_loop().remove_reader(listener.fileno())  # nobody else is let in
            for _ in range(HANGUP_ROUNDS):
                await self._hang_up()
        await self._line.gateway.close()
        await self._direct.aclose()

    async def _hang_up(self) -> None:
        """Ends what is open. One that was just let in is a task for some turns before it is a connection."""
        await asyncio.sleep(0)
        for each in self._open:  # no others: a task that is cancelled before it begins closes nothing
            each.cancel()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=CLOSE_TIMEOUT_SECONDS / 2)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.done.is_set() or len(self._open) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            talk = Http1Connection(reader, writer)
            while await self._once(talk):
                pass
        except (OSError, TimeoutError, httpx.HTTPError, h11.ProtocolError, asyncio.CancelledError):
            pass  # one of the two hung up, or the run is over: the connection's end says so
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _once(self, talk: Http1Connection) -> bool:
        """One request; returns whether another may follow."""
        api = False
        try:
            request = await talk.request()
            if request is None:
                return False
            api = request.target.startswith(b"/")
            return await self._do(request, talk)
        except RequestRefused as refusal:
            if refusal.status < 500:
                self._line.refuse(refusal.why)
            return await talk.refuse(refusal, api=api)

    async def _do(self, request: h11.Request, talk: Http1Connection) -> bool:
        asked = parse_request(request, self._line.gateway.paths)
        if why := self._over():
            refusal = RequestRefused(403, f"budget: {why}")
            if isinstance(asked, ApiCall):
                self._line.gateway.note_refusal(asked, refusal)
            raise refusal
        if isinstance(asked, ApiCall):
            async with self._calls:
                return await self._line.gateway.call(asked, request, talk)
        address = await self._line.hosts.address(asked.host, asked.port)
        if isinstance(asked, Fetch):
            return await self._fetch(asked, address, request, talk)
        await self._tunnel(asked, address, talk)
        return False

    async def _fetch(self, asked: Fetch, address: str, request: h11.Request, talk: Http1Connection) -> bool:
        bare = f"[{address}]" if ":" in address else address
        host = f"{asked.host}:{asked.port}".removesuffix(":80").encode()
        coding = [each for each in request.headers if each[0] == b"accept-encoding"] or [
            (b"accept-encoding", b"identity")
        ]
        headers = [
            (b"host", host),
            *coding,
            *forwarded_headers(request.headers, keys=True),
            *content_length_header(request),
        ]
        url = httpx.URL(f"http://{bare}:{asked.port}").copy_with(raw_path=asked.target.encode("ascii"))
        asking = self._direct.build_request(asked.method, url, headers=headers, content=request_body(request, talk))
        answer = await send_request(self._direct, asking, asked.host)
        try:
            await talk.begin(answer.status_code, forwarded_headers(answer.headers.raw, keys=True))
            async for data in answer.aiter_raw():
                await talk.send_body(data)
            return await talk.end()
        finally:
            await answer.aclose()

    async def _tunnel(self, asked: Tunnel, address: str, talk: Http1Connection) -> None:
        try:
            connecting = asyncio.open_connection(address, asked.port)
            reader, writer = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_SECONDS)
        except (OSError, TimeoutError) as error:
            raise RequestRefused(502, f"{asked.host}:{asked.port} does not answer: {error or 'no answer'}") from error
        try:
            await talk.tunnel(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
