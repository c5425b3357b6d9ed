"""How does a load run go? Warmed up, measured, loaded while the backend dies and returns, left alone, and judged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.acceptance.load import devices, gauge, mischief, plan, talking, warmup
from tests.acceptance.load.backend import Backend
from tests.acceptance.load.book import Book
from tests.acceptance.load.client import Act, Client
from tests.acceptance.load.gauge import Gauge, Sample
from tests.acceptance.load.judge import judge
from tests.acceptance.load.result import Result
from tests.acceptance.load.served import Served, served, until

ACTS: dict[str, Act] = {**talking.ACTS, **devices.ACTS, **mischief.ACTS}
CLIENTS = 24
MORE_THREADS, MORE_FILES = 2, 4
"""By how many the counts may differ when all is quiet: a look at the backend or the ledger may be on its way."""
PING_SECONDS = 0.25
LANES = 4


@dataclass(kw_only=True)
class Load:
    """One run below `folder`. `tell` hears how it goes."""

    folder: Path
    seed: int
    requests: int
    outages: int = plan.OUTAGES
    database_url: str = ""
    tell: Callable[[str], None] = lambda words: None
    backend: Backend = field(default_factory=Backend)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Result:
        """All of it."""
        self.backend.start()
        try:
            with served(self.folder, backend=self.backend.url, database_url=self.database_url) as node:
                result = self._under_load(node)
            result.faults += node.talkative()
            return result
        finally:
            self.backend.kill()

    def _under_load(self, node: Served) -> Result:
        book = Book(excuses=self.backend.excuses)
        clients = [
            Client(name=f"device-{n}", seed=self.seed, wire=node.wire, tokens=node.tokens, book=book)
            for n in range(CLIENTS)
        ]
        worker, warm = node.worker, max(self.requests // 10, min(300, self.requests // 2))
        meter = Gauge(process=worker)
        most = meter.look().threads + warmup.BRIM
        warmup.fill(node)
        self._phase(clients, range(warm), meter)
        faults = [self._quiet(node)]
        before, began = meter.look(), time.monotonic()
        with self._beside(node, book, meter):
            self._phase(clients, range(warm, self.requests), meter)
        seconds = time.monotonic() - began
        faults += [self._quiet(node), *self._free(node), *self._go_on(clients), back(meter, before, most)]
        faults += [] if worker.is_running() and node.worker == worker else ["the worker was replaced"]
        after = meter.look()
        faults += [*judge(node, book, clients), *book.unexcused(), *book.faults]
        start, end = gauge.rss_of(meter.samples, 0, 0.1), gauge.rss_of(meter.samples, 0.9, 1)
        faults += [f"the memory grew from {start:,} to {end:,} bytes"] if gauge.grown(start, end) else []
        return Result(
            seed=self.seed,
            faults=[each for each in faults if each],
            book=book,
            requests=self.requests - warm,
            seconds=seconds,
            rss=(start, end, max(each.rss for each in meter.samples)),
            before=before,
            after=after,
            outages=self.backend.outages,
        )

    def _phase(self, clients: Sequence[Client], numbers: range, meter: Gauge) -> None:
        """Each client makes every so-manieth of these requests, one after the other."""
        lock = threading.Lock()

        def done() -> None:
            with lock:
                meter.done += 1
                if meter.done % 1000 == 0:
                    self.tell(f"{meter.done} requests, {meter.look().rss // 1024:,} KiB")

        def work(at: int) -> None:
            for number in numbers[at :: len(clients)]:
                one(clients[at], number)
                done()

        with ThreadPoolExecutor(len(clients)) as pool:
            for each in [pool.submit(work, at) for at in range(len(clients))]:
                each.result()

    @contextmanager
    def _beside(self, node: Served, book: Book, meter: Gauge) -> Iterator[None]:
        """Measures, asks for signs of life, and kills the backend meanwhile."""
        works = (meter.watch, partial(self._ping, node, book), partial(self._nemesis, node, meter))
        with ThreadPoolExecutor(len(works)) as pool:
            beside = [pool.submit(work) for work in works]
            try:
                yield
            finally:
                self._over.set()
                meter.end()
            for each in beside:
                each.result()

    def _ping(self, node: Served, book: Book) -> None:
        while not self._over.wait(PING_SECONDS):
            reply = node.wire.ask("GET", "/health")
            if book.told("health", reply, {200}):
                book.health.append(reply.ended - reply.began)

    def _nemesis(self, node: Served, meter: Gauge) -> None:
        for after, seconds in plan.outages(self.seed, self.requests, self.outages):
            while meter.done < after:
                if self._over.wait(0.05):
                    return
            self.tell(f"after {meter.done} requests the backend dies for {seconds:.1f} s")
            self.backend.outage(seconds, lambda: completes(node))

    def _quiet(self, node: Served) -> str:
        """Waits until nobody streams and nobody waits."""
        idle = {"queue_length": 0.0, "streams": 0.0}
        return until("no stream and no queue", lambda: node.busy() == idle)

    def _free(self, node: Served) -> list[str]:
        """All lanes to the model are free, twice."""
        with ThreadPoolExecutor(LANES) as pool:
            tried = [pool.submit(completes, node) for _ in range(2 * LANES)]
            return ["a lane to the model is stuck" for each in tried if not each.result()]

    def _go_on(self, clients: Sequence[Client]) -> list[str]:
        """Every conversation that was left takes another message."""
        found = []
        for number, client in enumerate(clients, self.requests):
            client.turn(number, plan.chance(self.seed, number))
            body, asked = client.message(patient=True)
            if talking.patiently(client, "at the end", body, asked.conversation).status != 200:
                found.append(f"{client.name} cannot go on in conversation {asked.conversation!r}")
        return found


def one(client: Client, number: int) -> None:
    """One request. Whatever goes wrong in it is noted."""
    chance = plan.chance(client.seed, number)
    kind = plan.kind(chance)
    client.turn(number, chance)
    try:
        ACTS[kind](client)
    except Exception as error:  # a client that falls over is a finding like any other
        client.book.fault(f"{kind}, request {number}: {type(error).__name__}: {error}")


def completes(node: Served) -> bool:
    """Whether an answer comes through the model."""
    body = {"messages": [{"role": "user", "content": "hello"}]}
    return node.wire.ask("POST", "/v1/chat/completions", body, token=node.tokens.full).status == 200


def back(meter: Gauge, before: Sample, most: int) -> str:
    """Waits until files are as many as before, and threads no more than `most`; returns what is left over.

    The server keeps each thread that it once needed, up to as many as it may have. Requests that wait hold none.
    """

    def same() -> bool:
        now = meter.look()
        return now.threads <= most + MORE_THREADS and now.files <= before.files + MORE_FILES

    late = until("files are as before, and threads as many as may be", same)
    return late and f"{late}: {before} before, {meter.look()} after, {most} threads at most"
