"""How do two nodes sync: how do operations reach another node from here, and come back, over HTTP?

To the other one this node is a device with a token for all devices. What was handed over is marked by arrival, what was
taken by the other's cursor; both marks only save work: everything may be sent again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mobile_bridge.errors import OperationRefused
from mobile_bridge.operations import MAX_OPERATIONS, read_batch

from handoff.secrets.excerpts import redacted_line
from missions.plain_data import read_json
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.stores import Cursors
from orchestrator.core.ports.sync_ops import PAGE_BYTES, SyncOps

if TYPE_CHECKING:
    import httpx  # loaded where it is used: a node that syncs with none saves its 7 MiB

OUT, IN = "sync out", "sync in"
MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one answer of the other node, unpacked."""
SILENCE_SECONDS, CONNECT_SECONDS = 30.0, 5.0
TOO_LARGE = 413
MAX_ROUND_PAGES = 1000
"""Pages that one exchange sends and takes at most; the next one goes on."""


class PeerSyncFailed(OrchestratorError):
    """The other node could not be synced with now; the words say why and what to do."""


class PeerRefused(PeerSyncFailed):
    """The other node answered, and does not do it."""

    def __init__(self, place: str, status: int, why: str) -> None:
        self.status = status
        super().__init__("{} answers {}: {}", place, status, why)


@dataclass(frozen=True, kw_only=True)
class PeerExchange:
    """What was sent and taken with one node."""

    node: str
    sent: int
    taken: int


@dataclass(frozen=True, kw_only=True)
class PeerSync:
    """One other node. `now` is in milliseconds since 1970 (UTC)."""

    url: str = field(repr=False)
    token: str = field(repr=False)
    node: str
    """This node's name."""
    ops: SyncOps
    marks: Cursors
    now: Callable[[], int]
    transport: httpx.BaseTransport | None = None
    """For tests: how the other one is reached without a network."""

    @property
    def place(self) -> str:
        """The address as it is told and noted: without a name and a password that stand in it."""
        scheme, mark, rest = self.url.partition("//")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"

    def exchange(self) -> PeerExchange:
        """Hands over what the other lacks, and takes what this one lacks. Raises PeerSyncFailed."""
        with self._client() as client:
            told = self._ask(client, "GET", "/sync/handshake")
            epoch, other, room = str(told.get("epoch", "")), str(told.get("node", "")), told.get("bytes")
            taken = self._take(client)
            sent = self._send(client, epoch, room if type(room) is int and room > 0 else PAGE_BYTES)
            return PeerExchange(node=other, sent=sent, taken=taken)

    def _send(self, client: httpx.Client, epoch: str, room: int) -> int:
        """From the mark on, in the order of arrival, `room` bytes at once; from the beginning where the other was
        restored. Whatever stands in between takes less, perhaps: then it goes in smaller parts."""
        own, mark = self.ops.standing().epoch, f"{OUT} {self.place}"[:90]
        known, _, place = self.marks.get(mark).partition(" ")
        cursor, sent = f"{own}.{place if known == epoch and place.isdecimal() else 0}", 0
        for _ in range(MAX_ROUND_PAGES):
            page = self.ops.pull(cursor, MAX_OPERATIONS, room)
            try:
                sent += self._push(client, page.texts) if page.texts else 0
            except PeerRefused as error:
                if error.status != TOO_LARGE or len(page.texts) < 2:
                    raise
                room = min(room, sum(len(text.encode()) for text in page.texts)) // 2
                continue
            cursor = page.cursor
            self.marks.put(mark, f"{epoch} {cursor.rpartition('.')[2]}")
            if not page.more:
                break
        return sent

    def _push(self, client: httpx.Client, texts: Sequence[str]) -> int:
        body = f'{{"node":{json.dumps(self.node[:64])},"ops":[{",".join(texts)}]}}'
        answer = self._ask(client, "POST", "/sync/push", gzip.compress(body.encode(), 1, mtime=0))
        return int(answer.get("accepted", 0))

    def _take(self, client: httpx.Client) -> int:
        taken, mark = 0, f"{IN} {self.place}"[:90]
        for _ in range(MAX_ROUND_PAGES):
            page = self._ask(
                client, "GET", "/sync/pull", query={"after": self.marks.get(mark), "limit": MAX_OPERATIONS}
            )
            ops, cursor = page.get("ops"), page.get("cursor")
            if not isinstance(ops, list) or not isinstance(cursor, str) or len(cursor) > 200:
                raise PeerSyncFailed("{} does not speak this sync: update it, or this node", self.place)
            try:
                batch = read_batch(json.dumps({"ops": ops}).encode())
                taken += self.ops.push(batch.ops, now=self.now()).accepted if ops else 0
            except OperationRefused as error:
                raise PeerSyncFailed(
                    "{} gave operations that are not taken here: {}", self.place, error.says
                ) from error
            self.marks.put(mark, cursor)
            if not page.get("more"):
                break
        return taken

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        import httpx

        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with httpx.Client(
                base_url=self.url.rstrip("/"),
                headers=headers,
                timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
                follow_redirects=False,
                transport=self.transport,
            ) as client:
                yield client
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PeerSyncFailed("{} cannot be reached ({})", self.place, type(error).__name__) from error

    def _ask(
        self, client: httpx.Client, method: str, path: str, body: bytes = b"", query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"} if body else {}
        with client.stream(method, path, content=body or None, headers=headers, params=query) as answer:
            data = bytearray()
            for part in answer.iter_bytes():
                data += part
                if len(data) > MAX_ANSWER_BYTES:
                    raise PeerSyncFailed("{} answers with more than {} bytes", self.place, MAX_ANSWER_BYTES)
        if answer.status_code in (401, 403):
            step = "`shiftbook token new NAME --scope sync --device any` there makes one for SHIFTBOOK_SYNC_TOKEN here"
            raise PeerSyncFailed("{} does not take the token: {}", self.place, step)
        try:
            told = read_json(data.decode())
        except ValueError as error:
            raise PeerSyncFailed("{} answers {} and no JSON", self.place, answer.status_code) from error
        if answer.status_code != 200 or not isinstance(told, dict):
            why = redacted_line(str(told.get("detail", "")) if isinstance(told, dict) else "", 200)
            raise PeerRefused(self.place, answer.status_code, why or "no reason")
        return told
