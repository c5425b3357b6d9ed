"""The bus of missions on a Redis server: how are publish, claim, renewal, take-over and result done on streams?"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import ResponseError

from handoff.secrets.excerpts import redacted_excerpt
from orchestrator.adapters.redis_bus import scripts
from orchestrator.adapters.redis_bus.connection import RedisAddress, told_as_unavailable
from orchestrator.adapters.redis_bus.script_lines import ScriptLines
from orchestrator.adapters.redis_bus.sealed_entry import seal_entry
from orchestrator.adapters.redis_bus.stream_names import CLASSES, StreamNames, consumer
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.mission_bus import (
    DEFAULT_ATTEMPTS,
    LEDGER,
    MAX_ENVELOPE_BYTES,
    Delivery,
    FilingRequest,
    GivenUp,
    ReceivedResult,
    Requeued,
    priority_class,
)

MAX_REASON_CHARS = 2000
REMEMBERED_SECONDS = 30 * 86_400
"""Seconds for which an idempotency key is remembered after the last that was done with its mission."""
RESULTS_STAY_MS = 3_600_000
"""For so long at least a result is there for whoever waits for it without a group."""
READER = "recorder"
"""The consumer of the ledger's group: there is one, so that whoever records next goes on where the last one stopped."""
SCRIPTS = (
    *("PUBLISH", "CLAIM", "TAKE_OVER", "RENEW", "FINISH", "GIVE_UP"),
    *("REQUESTS", "FILED", "RESULTS", "SETTLE", "ANSWER", "TRIM"),
)


@dataclass
class RedisBus:
    """All three ports on one server. Any thread may use it."""

    address: RedisAddress
    names: StreamNames
    remembered_seconds: int = REMEMBERED_SECONDS
    client: redis.Redis = field(init=False)
    _lines: ScriptLines = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.address.open()
        compiled = {
            name: scripts.compile_script(
                getattr(scripts, name),
                ttl_seconds=self.remembered_seconds,
                attempts=DEFAULT_ATTEMPTS,
                limit=MAX_ENVELOPE_BYTES,
                ledger=LEDGER,
            )
            for name in SCRIPTS
        }
        self._lines = ScriptLines(client=self.client, scripts=compiled)

    def close(self) -> None:
        """Closes its connections."""
        self.client.close()

    # -- producers and workers ----------------------------------------------------------------------------------

    def publish(self, envelope: str, priority: int, *, filed: bool = False) -> bool:
        """Puts a mission on the bus; False: it is known."""
        entry = seal_entry(envelope)
        keys = [self.names.missions(priority_class(priority)), self.names.job(entry.job)]
        return bool(self._run("PUBLISH", keys, [envelope, entry.seal, os.urandom(12).hex(), int(filed)]))

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """Missions that nobody had yet."""
        name, token = consumer(worker), os.urandom(12).hex()
        words = [self.names.root, self.names.workers, name, count, token]
        return [self._delivery(row, worker, token) for row in self._run("CLAIM", self.names.delegation, words)]

    def take_over(self, worker: str, idle_seconds: float, count: int) -> list[Delivery]:
        """Missions of silent holders. A page may be empty and not the last: only the cursor says that."""
        taken: list[Delivery] = []
        token, idle = os.urandom(12).hex(), max(1, int(idle_seconds * 1000))
        for number, stream in enumerate(self.names.delegation, 1):
            cursor = "0-0"
            while len(taken) < count:
                left = count - len(taken)
                words = [self.names.root, self.names.workers, consumer(worker), left, token, idle, cursor, number]
                try:
                    cursor, rows = self._run("TAKE_OVER", [stream], words)
                except BusUnavailable:
                    if not taken:
                        raise
                    return taken  # an attempt of each of these counts already
                taken += [self._delivery(row, worker, token) for row in rows]
                if cursor == "0-0":
                    break
        return taken

    def renew(self, held: Delivery) -> bool:
        """Says that its holder lives."""
        keys = [self.names.missions(held.place), self.names.job(held.job)]
        words = [self.names.workers, consumer(held.worker), held.entry, held.token]
        return bool(self._run("RENEW", keys, words))

    def finish(self, held: Delivery, body: str) -> bool:
        """Hands a result in and lets the mission go."""
        keys = [self.names.missions(held.place), self.names.job(held.job), self.names.results]
        words = [self.names.workers, held.entry, held.token, body, held.worker, held.epoch, held.key]
        return bool(self._run("FINISH", keys, words))

    def give_up(self, held: Delivery, ending: GivenUp, reason: str) -> Requeued:
        """Lets a mission go without a result."""
        keys = [self.names.missions(held.place), self.names.job(held.job)]
        words = [
            self.names.root,
            self.names.workers,
            held.entry,
            held.token,
            ending.value,
            redacted_excerpt(reason, MAX_REASON_CHARS),
        ]
        return Requeued(self._run("GIVE_UP", keys, words))

    # -- the ledger's side --------------------------------------------------------------------------------------

    def requests(self, count: int) -> list[FilingRequest]:
        """What the ledger has not been told of, as much of it as one answer of the server may hold."""
        rows: list[Any] = []
        more = 1
        while more and not rows:  # a round among what is no request any more finds nothing, and something lies behind
            words = [self.names.root, self.names.ledger, READER, count]
            more, rows = self._run("REQUESTS", self.names.delegation, words)
        return [
            FilingRequest(place=CLASSES[int(number) - 1], entry=entry, job=job, envelope=text)
            for number, entry, job, text in rows
        ]

    def filed(self, request: FilingRequest, refused: str = "") -> None:
        """The ledger has it, or refuses it."""
        keys = [self.names.missions(request.place), self.names.job(request.job)]
        words = [
            self.names.root,
            self.names.ledger,
            self.names.workers,
            request.entry,
            redacted_excerpt(refused, MAX_REASON_CHARS),
        ]
        self._run("FILED", keys, words)

    def results(self, count: int) -> list[ReceivedResult]:
        """Results that are not settled: first what was read before."""
        found: list[ReceivedResult] = []
        for since in ("0", ">"):
            if count > len(found):
                found += self._read_results(since, count - len(found))
        return found

    def _read_results(self, since: str, count: int) -> list[ReceivedResult]:
        rows = self._run("RESULTS", [self.names.results], [self.names.ledger, READER, count, since])
        return [_result(entry, dict(zip(words[::2], words[1::2], strict=False))) for entry, words in rows]

    def settle(self, settled: Sequence[tuple[ReceivedResult, str]], reopened: Collection[str] = ()) -> None:
        """Marks missions as done, or as wanted again, and lets their results go."""
        if settled:
            words = [word for result, key in settled for word in (result.entry, key, int(key in reopened))]
            self._run("SETTLE", [self.names.results], [self.names.root, self.names.ledger, *words])

    def set_aside(self, received: ReceivedResult, why: str) -> None:
        """Keeps a result among the dead letters."""
        row: dict[Any, Any] = {
            "envelope": received.body,
            "reason": redacted_excerpt(why, MAX_REASON_CHARS),
            "entry": received.entry,
        }
        self._asked(lambda: self.client.xadd(self.names.dead, row))

    def answer(self, key: str, body: str) -> bool:
        """Tells how a mission ended that the ledger carried."""
        return bool(self._run("ANSWER", [self.names.results], [self.names.root, key, body]))

    def trim(self) -> int:
        """Drops what everybody has read and nobody holds."""
        return int(self._run("TRIM", [*self.names.delegation, self.names.results], [RESULTS_STAY_MS]))

    def generation(self) -> str:
        """The server's run, and a word that is another one each time the groups had to be made."""
        with told_as_unavailable(self.address.place):
            info: Any = self.client.info("server")
            made: Any = self.client.hget(f"{self.names.root}groups", "made")
        return f"{info['run_id']} {made or 0}"

    # -- groups -------------------------------------------------------------------------------------------------

    def make_groups(self) -> None:
        """Makes the streams and groups that are missing: they read from the beginning."""
        new = False
        with told_as_unavailable(self.address.place):
            for stream in self.names.delegation:
                new = self._make_group(stream, self.names.workers) or new
                new = self._make_group(stream, self.names.ledger) or new
            if self._make_group(self.names.results, self.names.ledger) or new:
                self.client.hset(f"{self.names.root}groups", "made", os.urandom(8).hex())

    def _make_group(self, stream: str, group: str) -> bool:
        try:
            self.client.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            return False
        return True

    def _run(self, name: str, keys: Sequence[str], words: Sequence[Any]) -> Any:
        return self._asked(lambda: self._lines.run(name, keys, words))

    def _asked(self, ask: Any) -> Any:
        """Asks once more where only a group was missing: nothing was done then."""
        with told_as_unavailable(self.address.place):
            try:
                return ask()
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
            self.make_groups()
            return ask()

    def _delivery(self, row: Sequence[Any], worker: str, token: str) -> Delivery:
        number, entry, job, epoch, attempt, envelope, key = row
        return Delivery(
            place=CLASSES[int(number) - 1],
            entry=entry,
            job=job,
            key=key,
            epoch=int(epoch),
            attempt=int(attempt),
            token=token + entry,
            worker=worker,
            envelope=envelope,
        )


def _result(entry: str, fields: dict[str, str]) -> ReceivedResult:
    """A result in one field as JSON, or as fields of its own names."""
    body = fields.get("envelope") or ""
    if not body and "job_id" in fields:
        body = json.dumps({key: fields.get(key) for key in ("job_id", "status", "result", "error")})
    body = body or next(iter(fields.values()), "")
    epoch = fields.get("epoch", "0")
    return ReceivedResult(
        entry=entry,
        body=body,
        key=fields.get("key", ""),
        worker=fields.get("worker", ""),
        epoch=int(epoch) if epoch.isascii() and epoch.isdigit() and len(epoch) < 10 else 0,
    )
