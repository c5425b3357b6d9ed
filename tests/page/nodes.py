"""Which nodes does a device meet that is paired with more than one? Nodes in no fleet, each a real process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests import program
from tests.waiting import PATIENCE

FAR = "hq.example.test"
"""A name of this machine that looks like one of the Internet."""
PLAIN = "app.example.test"
"""The same, for a page that comes over plain HTTP."""


@dataclass
class Node:
    """A node in no fleet, which serves the page and chats."""

    home: Path
    name: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serves until the end of the block."""
        self.home.mkdir(exist_ok=True)
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SHIFTBOOK_")},
            "SHIFTBOOK_HOME": str(self.home),
            "SHIFTBOOK_NODE_ID": self.name,
            "SHIFTBOOK_HTTP": f"127.0.0.1:{self.port}",
            "SHIFTBOOK_HOSTS": FAR,
            "FACTORY_ROLE": "STANDALONE_NODE",
        }
        with (self.home / "serve.err").open("ab") as err:
            process = program.start("serve", env=env, cwd=self.home, stdout=err, stderr=err)
        try:
            self._wait()
            yield
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)

    def _wait(self) -> None:
        over = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < over, (self.home / "serve.err").read_text(encoding="utf-8")
            time.sleep(0.1)

    @property
    def processes(self) -> list[psutil.Process]:
        """Its server, and whatever that has started."""
        server = psutil.Process(json.loads((self.home / "http.json").read_text(encoding="utf-8"))["pid"])
        return [server, *server.children(recursive=True)]

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Whoever calls it until the end of the block hears nothing: as from a machine that has left the network."""
        stopped = self.processes
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                each.resume()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=PATIENCE, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def begin(url: str, scopes: list[str]) -> dict[str, Any]:
    """A pairing, begun by a program of the machine's owner."""
    made = httpx.post(f"{url}/api/v1/pairings", json={"scopes": scopes}, timeout=PATIENCE, trust_env=False)
    assert made.status_code == 201, made.text
    return dict(made.json())


def confirm(url: str, pairing: str, code: str) -> None:
    """The person's word."""
    path = f"{url}/api/v1/pairings/{pairing}/confirmation"
    said = httpx.put(path, json={"code": code}, timeout=PATIENCE, trust_env=False)
    assert said.status_code == 200, said.text
