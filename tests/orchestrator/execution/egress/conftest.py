"""A line that is open, with a stand-in behind it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from orchestrator.core.ports.model import Usage
from orchestrator.execution.egress.proxy import EgressProxy, open_egress_proxy
from orchestrator.execution.programs.port import ModelApi
from tests.orchestrator.execution.egress.upstream import KEY, Api, api
from tests.waiting import PATIENCE

ANTHROPIC = ModelApi(
    name="anthropic",
    url="https://api.anthropic.invalid",
    base="ANTHROPIC_BASE_URL",
    key="ANTHROPIC_API_KEY",
    header="x-api-key",
)
OPENAI = ModelApi(
    name="openai", url="https://api.openai.invalid", base="OPENAI_BASE_URL", key="OPENAI_API_KEY", path="/v1"
)


@dataclass
class Opened:
    """An open line as a program inside finds it, and what it told the node."""

    line: EgressProxy
    api: Api
    noted: list[Usage] = field(default_factory=list)
    over: str = ""
    unpriced: str = ""
    """A model that may not be asked."""

    @property
    def client(self) -> httpx.Client:
        """Speaks to the line's socket."""
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.line.socket)), timeout=60)

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """A call through the gateway."""
        with self.client as client:
            return client.post(f"http://127.0.0.1:3128{path}", json=body or {"a": 1}, headers=headers)

    def raw(self, data: bytes, *, until: float = PATIENCE) -> bytes:
        """What comes back for bytes as they are, until the line hangs up or is silent."""
        with socket.socket(socket.AF_UNIX) as here:
            here.settimeout(until)
            here.connect(str(self.line.socket))
            said = b""
            with contextlib.suppress(TimeoutError, ConnectionError):  # it may hang up before it was told anything
                here.sendall(data)
                here.shutdown(socket.SHUT_WR)
                while got := here.recv(65536):
                    said += got
            return said


Opener = Callable[..., Opened]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens lines, each with a stand-in for both APIs."""
    with ExitStack() as stack:

        def open_(*hosts: str, environ: dict[str, str] | None = None) -> Opened:
            stand = stack.enter_context(api())
            found = {
                "ANTHROPIC_BASE_URL": stand.url,
                "OPENAI_BASE_URL": f"{stand.url}/v1",
                "ANTHROPIC_API_KEY": KEY,
                "OPENAI_API_KEY": KEY,
                **(environ or {}),
            }
            one: Opened
            line = stack.enter_context(
                open_egress_proxy(
                    tmp_path,
                    upstreams=[ANTHROPIC, OPENAI],
                    hosts=hosts,
                    note=lambda usage: one.noted.append(usage),
                    over=lambda: one.over,
                    unpriced=lambda model: f"{model} has no price" if model == one.unpriced != "" else "",
                    environ=found,
                )
            )
            one = Opened(line, stand)
            return one

        yield open_
