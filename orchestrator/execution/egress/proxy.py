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
from orchestrator.core.ports.agent import LINE_PORT, Usage
from orchestrator.execution.egress.allowlist import Hosts
from orchestrator.execution.egress.api_gateway import Door, Gateway, client, length, send, sent
from orchestrator.execution.egress.http1 import Talk
from orchestrator.execution.egress.request import Call, Fetch, Refusal, Tunnel, passed_on, read
from orchestrator.execution.programs.port import Upstream

NAME = "line"
CONNECTIONS = 128
CALLS = 16
"""Calls to models at the same time; more wait for their turn."""
CONNECT_SECONDS = 15.0
CLOSE_SECONDS = 5.0
LAST_LOOKS = 5
PLACEHOLDER = "shiftbook-placeholder"
"""What a program is given for a key."""
REMEMBERED = 100
"""Different refusals that are remembered."""
NEARBY = "127.0.0.1,localhost,::1"


class Line:
    """A run's line while it is open."""

    def __init__(
        self,
        socket: Path,
        doors: Iterable[Door],
        hosts: Hosts,
        environment: Mapping[str, str],
        note: Callable[[Usage], None],
    ) -> None:
        self.socket, self.environment = socket, environment
        self.spent = Usage()
        """What all calls took so far."""
        self.unpriced: set[str] = set()
        """Models without a known price: what they cost is not in `spent`."""
        self._refused: Counter[str] = Counter()
        self._told = note
        self.hosts = hosts
        self.gateway = Gateway(doors, self._note)

    @property
    def refused(self) -> tuple[str, ...]:
        """What was asked for and refused, each once, with how often."""
        return tuple(why if times == 1 else f"{why} ({times} times)" for why, times in self._refused.items())

    def refuse(self, why: str) -> None:
        """Remembers a refusal."""
        if why in self._refused or len(self._refused) < REMEMBERED:
            self._refused[why] += 1

    def _note(self, usage: Usage) -> None:
        if usage.cost_usd is None and (usage.tokens_in or usage.tokens_out):
            self.unpriced.add(usage.model)
        self.spent = pricing.total(self.spent, usage)
        self._told(self.spent)


@contextmanager
def open_line(
    folder: Path,
    *,
    upstreams: Iterable[Upstream],
    hosts: Iterable[str] = (),
    note: Callable[[Usage], None] = lambda usage: None,
    over: Callable[[], str] = lambda: "",
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Line]:
    """Opens a run's line to `upstreams` and `hosts` (as host:port) for the time of the block.

    `note` gets all that was spent so far, each time that a call has ended; once `over` gives a reason, no further
    call is made. `environ` has the node's keys. Both are called in a thread of the line's own. Raises WrongSetting
    for an upstream or a host that cannot be one, OSError when the socket cannot be made.
    """
    upstreams = tuple(upstreams)
    try:
        doors, allowed = [Door.of(each, environ) for each in upstreams], Hosts.of(hosts)
    except Refusal as error:
        raise WrongSetting("line", error.why) from error
    line = Line(folder / NAME, doors, allowed, surroundings(upstreams), note)
    with listening(line.socket) as listener:
        service = _Service(line, over)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, service, listener), name="shiftbook-line", daemon=True)
        thread.start()
        try:
            yield line
        finally:
            loop.call_soon_threadsafe(service.done.set)
            thread.join(CLOSE_SECONDS)


def surroundings(upstreams: Iterable[Upstream]) -> dict[str, str]:
    """The variables by which a program finds its line."""
    here = f"http://127.0.0.1:{LINE_PORT}"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), here)
    found = {**proxies, "NO_PROXY": NEARBY, "no_proxy": NEARBY, "NODE_USE_ENV_PROXY": "1"}
    for each in upstreams:
        found |= {each.base: f"{here}/{each.name}{each.path}", each.key: PLACEHOLDER}
    return found


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket that only this user reaches, gone afterwards. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself may be longer than the kernel's 107
        path.chmod(0o600)
        listener.listen(CONNECTIONS)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
        os.close(folder)
        path.unlink(missing_ok=True)


def _run(loop: asyncio.AbstractEventLoop, service: _Service, listener: socket.socket) -> None:
    try:
        loop.run_until_complete(service.serve(listener))
    finally:
        loop.close()  # it does not wait for a name that is still being looked up


class _Service:
    """Answers the connections of one line."""

    def __init__(self, line: Line, over: Callable[[], str]) -> None:
        self._line, self._over = line, over
        self.done = asyncio.Event()
        self._calls = asyncio.Semaphore(CALLS)
        self._open: set[asyncio.Task[None]] = set()
        self._direct = client(trust=False)

    async def serve(self, listener: socket.socket) -> None:
        """Answers until `done` is set, then hangs up on everybody."""
        async with await asyncio.start_unix_server(self._take, sock=listener, limit=65536):
            await self.done.wait()
            asyncio.get_running_loop().remove_reader(listener.fileno())  # nobody else is let in
            for _ in range(LAST_LOOKS):
                await self._hang_up()
        await self._line.gateway.close()
        await self._direct.aclose()

    async def _hang_up(self) -> None:
        """Ends what is open. One that was just let in is a task for some turns before it is a connection."""
        await asyncio.sleep(0)
        for each in self._open:  # no others: a task that is cancelled before it begins closes nothing
            each.cancel()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=CLOSE_SECONDS / 2)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.done.is_set() or len(self._open) >= CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            talk = Talk(reader, writer)
            while await self._once(talk):
                pass
        except (OSError, TimeoutError, httpx.HTTPError, h11.ProtocolError, asyncio.CancelledError):
            pass  # one of the two hung up, or the run is over: the connection's end says so
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _once(self, talk: Talk) -> bool:
        """One request; returns whether another may follow."""
        api = False
        try:
            request = await talk.request()
            if request is None:
                return False
            api = request.target.startswith(b"/")
            return await self._do(request, talk)
        except Refusal as refusal:
            if refusal.status < 500:
                self._line.refuse(refusal.why)
            return await talk.refuse(refusal, api=api)

    async def _do(self, request: h11.Request, talk: Talk) -> bool:
        asked = read(request, self._line.gateway.paths)
        if why := self._over():
            raise Refusal(403, f"budget: {why}")
        if isinstance(asked, Call):
            async with self._calls:
                return await self._line.gateway.call(asked, request, talk)
        address = await self._line.hosts.address(asked.host, asked.port)
        if isinstance(asked, Fetch):
            return await self._fetch(asked, address, request, talk)
        await self._tunnel(asked, address, talk)
        return False

    async def _fetch(self, asked: Fetch, address: str, request: h11.Request, talk: Talk) -> bool:
        bare = f"[{address}]" if ":" in address else address
        host = f"{asked.host}:{asked.port}".removesuffix(":80").encode()
        coding = [each for each in request.headers if each[0] == b"accept-encoding"] or [
            (b"accept-encoding", b"identity")
        ]
        headers = [(b"host", host), *coding, *passed_on(request.headers, keys=True), *length(request)]
        url = httpx.URL(f"http://{bare}:{asked.port}").copy_with(raw_path=asked.target.encode("ascii"))
        asking = self._direct.build_request(asked.method, url, headers=headers, content=sent(request, talk))
        answer = await send(self._direct, asking, asked.host)
        try:
            await talk.begin(answer.status_code, passed_on(answer.headers.raw, keys=True))
            async for data in answer.aiter_raw():
                await talk.pass_on(data)
            return await talk.end()
        finally:
            await answer.aclose()

    async def _tunnel(self, asked: Tunnel, address: str, talk: Talk) -> None:
        try:
            connecting = asyncio.open_connection(address, asked.port)
            reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            raise Refusal(502, f"{asked.host}:{asked.port} does not answer: {error or 'no answer'}") from error
        try:
            await talk.tunnel(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
