"""What grows once and then stays must have grown before anything is measured: threads, their stacks, page caches.

Without this a run of some thousand requests would mostly measure how fast these fill up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from orchestrator.api.gunicorn_server import SPARE_THREADS
from orchestrator.core.settings import Settings
from tests.acceptance.load.served import Served

BRIM = Settings.default_of("streams") + SPARE_THREADS
"""All threads that the server has: it keeps those that it once needed."""
STATES, STATE_BYTES = 100, 60_000
"""6 MB in the database: three times what SQLite keeps of it for each connection."""
READERS, ROUNDS = 20, 6
"""As many at once as there are connections; so often that each of them has read all of it."""


def fill(node: Served) -> None:
    """Threads, the stacks of threads, connections and what they keep of the database."""
    brim(node, json.dumps({"ops": []}).encode(), {200})
    brim(node, b'{"ops": ' + b"[" * 50_000, {400, 422})  # read by recursion, until it is given up
    ask = partial(node.wire.ask, token=node.tokens.full)
    for number in range(STATES):
        state = {"device_id": "filler", "state": {"number": number, "filler": "x" * STATE_BYTES}}
        assert ask("POST", "/device/state", state).status == 201
    pages = [f"/device/filler/history?limit=10&before={at}" for at in range(STATES + 1, 1, -10)] * ROUNDS
    with ThreadPoolExecutor(READERS) as pool:
        assert all(each.status == 200 for each in pool.map(partial(ask, "GET"), pages))


def brim(node: Served, body: bytes, expected: Collection[int]) -> None:
    """So many requests at once as never again: each is held open until all have begun."""
    halves = []
    for _ in range(BRIM):
        link = node.wire.link()
        link.putrequest("POST", "/sync/push")
        for name, value in {"Authorization": f"Bearer {node.tokens.full}", "Content-Type": "application/json"}.items():
            link.putheader(name, value)
        link.putheader("Content-Length", str(len(body)))
        link.endheaders()
        link.send(body[:5])
        halves.append(link)
    time.sleep(2)
    for link in halves:
        link.send(body[5:])
    for link in halves:
        status = link.getresponse().status
        assert status in expected, status
        link.close()
