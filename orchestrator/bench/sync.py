"""How fast do devices sync: how many operations a second go through the API into the database, and back out?

One process, one core: Flask's whole stack (gate, limits, validation) with SQLite as a node has it. Beside it, in the
same rounds, the bare rows: the same texts into a table of the same shape by sqlite3's executemany, page by page.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
from mobile_bridge.operations import MAX_OPERATIONS, encode, read_batch

from missions.plain_data import read_json
from orchestrator.api.app import create_app
from orchestrator.api.factory import open_authenticator
from orchestrator.api.web.context import AppServices
from orchestrator.app import wiring
from orchestrator.bench.result import Measurement, at_most, median
from orchestrator.bench.ringing import rung
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role

PAGES, ROUNDS = 10, 7
OPERATIONS = PAGES * MAX_OPERATIONS
CONVERSATIONS = 50
FLOOR = 25_000
UPLOAD_SECONDS = 3.0
WORDS = "the port of the shop is written in its settings and nowhere else, so look there first "
SCHEMA = (
    "CREATE TABLE o (arrival INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, seq INTEGER, entity TEXT, op TEXT);"
    "CREATE UNIQUE INDEX od ON o (device, seq); CREATE INDEX oe ON o (entity);"
)


def measure() -> Iterator[Measurement]:
    """All of it; takes some twenty seconds."""
    yield from _operations()
    with tempfile.TemporaryDirectory() as folder:
        yield from rung(Path(folder) / "rung")


def _operations() -> list[Measurement]:
    pushes, applies, bares, uploads = [], [], [], []
    for number in range(ROUNDS):
        bodies = _bodies(f"phone~{number}")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            with _node(root / "a") as (client, _), _node(root / "b") as (_, other):
                pushes.append(_rate(partial(_push, client, bodies)))
                uploads.append(OPERATIONS / pushes[-1])
                applies.append(_rate(partial(_pull_and_apply, client, other)))
            bares.append(_bare(root, bodies))
    return [
        _beside("operations a second of a device into a node, through the API", pushes, bares),
        _beside("operations a second out of a node and into another one, through the API", applies, bares),
        at_most(
            f"{OPERATIONS:,} operations from offline, until the last is safe", median(uploads), "s", UPLOAD_SECONDS
        ),
    ]


def _beside(name: str, rates: list[float], bares: list[float]) -> Measurement:
    rate = median(rates)
    return Measurement(
        name=f"{name}, beside bare rows into SQLite",
        value=round(rate),
        unit="operations/s",
        bar=f">= {FLOOR:,} operations/s",
        met=rate >= FLOOR,
        baseline=round(median(bares)),
        ratio=round(median([a / b for a, b in zip(rates, bares, strict=True)]), 3),
    )


def _rate(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return OPERATIONS / (time.perf_counter() - began)


def _push(client: httpx.Client, bodies: list[bytes]) -> None:
    for body in bodies:
        answer = client.post("/sync/push", content=body, headers={"Content-Type": "application/json"})
        assert answer.json()["accepted"] == MAX_OPERATIONS


def _pull_and_apply(client: httpx.Client, other: Stores) -> None:
    """What another node does with each page: read, check, and keep it in one transaction."""
    cursor, more, taken = "", True, 0
    while more:
        data = client.get("/sync/pull", params={"after": cursor, "limit": MAX_OPERATIONS}).content
        ops, _, end = data.rpartition(b',"cursor":')
        told = read_json(b'{"cursor":' + end)
        cursor, more = told["cursor"], told["more"]
        taken += other.sync_ops.push(read_batch(ops + b"}").ops, now=_now()).accepted
    assert taken == OPERATIONS


def _bare(root: Path, bodies: list[bytes]) -> float:
    pages = [[(op.device, op.seq, op.entity, encode(op)) for op in read_batch(body).ops] for body in bodies]
    with closing(sqlite3.connect(root / "bare.db", isolation_level=None)) as database:
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + SCHEMA)

        def write() -> None:
            for page in pages:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("INSERT INTO o (device, seq, entity, op) VALUES (?, ?, ?, ?)", page)
                database.execute("COMMIT")

        return _rate(write)


def _bodies(device: str) -> list[bytes]:
    """Turns of chats, as a phone that was offline brings them."""
    began = _now() - OPERATIONS
    ops = [
        {
            "device": device,
            "seq": number,
            "hlc": f"{began + number:015d}-00000-{device}",
            "kind": "append",
            "entity": f"chat/c{number % CONVERSATIONS}",
            "field": "turn",
            "value": {"role": "user", "text": f"{number}: {WORDS}"},
            "base": "",
            "resolves": [],
        }
        for number in range(1, OPERATIONS + 1)
    ]
    pages = (ops[at : at + MAX_OPERATIONS] for at in range(0, OPERATIONS, MAX_OPERATIONS))
    return [json.dumps({"ops": page}).encode() for page in pages]


def _now() -> int:
    return int(wiring.now().timestamp() * 1000)


@contextmanager
def _node(home: Path) -> Iterator[tuple[httpx.Client, Stores]]:
    settings = load_settings(home=home).model_copy(update={"role": Role.HEADQUARTERS, "database_url": ""})
    stores = wiring.stores(settings)
    try:
        door = open_authenticator(settings, stores)
        house = AppServices(
            settings=settings, now=wiring.now, fleet=lambda: wiring.fleet(settings), door=door, stores=stores
        )
        way = httpx.WSGITransport(app=create_app(house))
        heads = {"Accept-Encoding": ""}
        with httpx.Client(base_url="http://localhost", transport=way, headers=heads, timeout=60) as client:
            yield client, stores
    finally:
        stores.close()
