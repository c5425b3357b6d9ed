"""How does a node tell headquarters over HTTP that it is there? Its registrar reports each minute, beside the beat.

Nothing rests on it: who holds a mission is told by beats. A headquarters that does not answer is asked less often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from missions.plain_data import read_json
from orchestrator.core.background import run_in_background
from orchestrator.core.events import Tell
from orchestrator.node.headquarters.shared_reader import SharedStateReader
from orchestrator.workflow.delegation.node_status import MAX_NUMBER, NodeStatus, print_status, signed_bytes
from sync.backoff import Backoff

if TYPE_CHECKING:
    import httpx  # loaded where it is used: a node that speaks no HTTP saves its 7 MiB

INTERVAL_SECONDS = 60.0
RETRY = Backoff(first=INTERVAL_SECONDS, limit=300.0, jitter=(0.9, 1.0))
"""Pauses after failures: a minute, doubled, five minutes at most."""
TIMEOUT_SECONDS, CONNECT_SECONDS = 20.0, 5.0
MAX_ANSWER_BYTES = 64 * 1024
PATH = "/api/v1/factory/registrations"


@dataclass(kw_only=True)
class Registrar:
    """One node's. `status` makes a report under a number, with the latency of the last one in milliseconds; `sign`
    signs with the node's key (None: the fleet has no keys). `now_ms` are milliseconds since 1970."""

    url: str = field(repr=False)
    token: str = field(repr=False)
    status: Callable[[int, float | None], NodeStatus]
    sign: Callable[[bytes], str] | None
    tell: Tell
    now_ms: Callable[[], int]
    shared: SharedStateReader | None = None
    """What reads headquarters' state on the same line, after a report that was taken."""
    transport: httpx.BaseTransport | None = None
    """For tests: how headquarters is reached without a network."""
    failures: int = 0
    """In a row."""
    _number: int = -1
    _latency: float | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Callable[[], None]:
        """Reports until what this returns is called."""
        return run_in_background("registrar", self._run, self._over, wait_seconds=2)

    def _run(self) -> None:
        import httpx

        timeout = httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, follow_redirects=False, transport=self.transport) as client:
            while not self._over.is_set():
                self._over.wait(self.report(client))

    def report(self, client: httpx.Client) -> float:
        """Reports once, and returns the seconds until the next time; never raises."""
        try:
            answer = self._send(client)
            if answer.status_code == 409:  # it has a higher number, of a day when this clock was ahead: go on from that
                self._number = max(self._number, _last_number(answer))
                answer = self._send(client)
            why = "" if answer.status_code == 200 else _refusal(answer.status_code)
        except Exception as error:  # whatever it is, the node works on without being registered
            why = type(error).__name__
        self.failures = self.failures + 1 if why else 0
        if why:
            self.tell("hq", f"not registered with headquarters: {why}; tried again, the work goes on", once=True)
            return RETRY.spread(RETRY.after(self.failures))
        if self.shared is not None:
            self.shared.refresh(client, self._headers())
        return INTERVAL_SECONDS

    def _send(self, client: httpx.Client) -> httpx.Response:
        """Sends one report under the clock's number where that grows, else one more than the last."""
        self._number = min(max(self._number + 1, self.now_ms()), MAX_NUMBER)
        report = print_status(self.status(self._number, self._latency))
        body = {"report": report, "signature": self.sign(signed_bytes(report)) if self.sign else ""}
        begun = time.monotonic()
        answer = client.post(self.url.rstrip("/") + PATH, json=body, headers=self._headers())
        self._latency = round((time.monotonic() - begun) * 1000, 1)
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _refusal(status: int) -> str:
    """What an answer means, and what to do."""
    words = {
        401: "it does not take the token (SHIFTBOOK_HQ_TOKEN)",
        403: "it does not take the token's scope or this node's key (missions or ops; allowed_signers, role=node)",
        404: "it keeps no registrations: is SHIFTBOOK_HQ_URL a node with FACTORY_ROLE=HEADQUARTERS?",
        409: "it has a later report under this name: does another node run under it?",
    }
    return words.get(status, f"it answered {status}")


def _last_number(answer: httpx.Response) -> int:
    """The number that headquarters has; -1 where it does not say."""
    try:
        found: Any = read_json(answer.content[:MAX_ANSWER_BYTES])
        number = found.get("last") if isinstance(found, dict) else None
    except ValueError:
        number = None
    return number if isinstance(number, int) and 0 <= number < MAX_NUMBER else -1
