"""How fast does the Redis bus carry missions beside a task queue on PostgreSQL, on this machine and in the same run?

The queue is procrastinate, which does there what the bus does on Redis: a job is put in once, one of many workers gets
it, and it is done when that worker says so. Each has one worker, and each keeps what it is told as it does by default:
PostgreSQL before it answers, Redis within a second. The database's tables lie in a schema that is gone afterwards.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from orchestrator.bench.result import Measurement, median
from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command

ROUNDS, JOBS = 5, 200
BAR = 5.0
OPTION = "--postgres"


def measure(url: str, carry: Callable[[int], None], each: int) -> Measurement:
    """`carry` has our bus carry `each` missions in its round of that number; both take turns. Raises WrongSetting where
    the database cannot be used."""
    if find_spec("procrastinate") is None:
        raise WrongSetting(OPTION, f"it compares with procrastinate: {extra_command('bench')}")
    pairs = []
    with _schema(url) as place:
        _run(_carried_by_queue(place, JOBS // 10))  # what it makes at its first job is no job
        for number in range(ROUNDS):
            began = time.perf_counter()
            carry(number)
            ours = (time.perf_counter() - began) / each
            pairs.append((ours, _run(_carried_by_queue(place, JOBS)) / JOBS))
    ratio = median([queue / ours for ours, queue in pairs])
    return Measurement(
        name="missions over Redis beside jobs of a task queue on PostgreSQL, one worker each",
        value=round(1 / median([pair[0] for pair in pairs])),
        unit="a second",
        bar=f">= {BAR:g} x procrastinate",
        met=ratio >= BAR,
        baseline=round(1 / median([pair[1] for pair in pairs])),
        ratio=round(ratio, 2),
    )


@contextmanager
def _schema(url: str) -> Iterator[str]:
    """A schema of its own in that database, with the queue's tables; its address."""
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import make_conninfo

    name = f"shiftbook_bench_{os.urandom(4).hex()}"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(url, options=f"-c search_path={name}")
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
    except psycopg.Error as error:
        said = " ".join(str(error).split())[:300]
        raise WrongSetting(OPTION, "the database cannot be used: {}", said) from error


async def _carried_by_queue(place: str, jobs: int) -> float:
    """Seconds in which one worker has put so many jobs in and done them all."""
    from procrastinate import App, PsycopgConnector

    app: Any = App(connector=PsycopgConnector(conninfo=place, min_size=1, max_size=4))
    done: list[int] = []

    async def note(number: int, text: str) -> None:  # what is measured is how it comes here
        done.append(number)

    task = app.task(name="bench")(note)
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        began = time.perf_counter()
        for number in range(jobs):
            await task.defer_async(number=number, text="Say why the log-in fails when the token has expired.")
        await app.run_worker_async(wait=False, concurrency=1, install_signal_handlers=False, delete_jobs="never")
        took = time.perf_counter() - began
    if len(done) != jobs:
        raise WrongSetting(OPTION, f"the queue has done {len(done)} of {jobs} jobs")
    return took


def _run(work: Any) -> float:
    return float(asyncio.run(work))
