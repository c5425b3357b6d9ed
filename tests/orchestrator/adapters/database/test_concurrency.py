"""Facts about many who write at once."""

from __future__ import annotations

import threading

import pytest

from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from tests.program import run_script

WRITER = """
import importlib, os, sys, threading
from datetime import UTC, datetime
from orchestrator.adapters.database.factory import open_stores
from orchestrator.core.ports.conversations import ConversationTurn
url, conversation, threads, turns = *sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4])
for each in ("alembic.command", "psycopg", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"):
    importlib.import_module(each)
name, *others = sys.argv[5:]
children = []
for other in others:
    if pid := os.fork():
        children.append(pid)
    else:
        name, children = other, []
        break
stores = open_stores(url, now=lambda: datetime.now(UTC), new_id=str)
failed = []
def write(thread):
    try:
        for n in range(turns):
            key = f"shared-{n}" if n % 5 == 0 else f"{name}-{thread}-{n}"
            turn = ConversationTurn(role="user", content=f"turn {n}", idempotency_key=key)
            stores.conversations.append(conversation, turn)
    except Exception as error:
        failed.append(repr(error))
workers = [threading.Thread(target=write, args=(k,)) for k in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
stores.close()
failed += [f"{pid} failed" for pid in children if os.waitpid(pid, 0)[1]]
sys.exit("\\n".join(failed) or 0)
"""


@pytest.mark.parametrize("turns", [10, pytest.param(20, marks=pytest.mark.nightly)], ids=["few", "many"])
def test_many_append_to_one_conversation(stores: Stores, url: str, turns: int) -> None:
    """Three processes of four threads each: no gap, no number twice, every shared key once, nobody is turned away."""
    here = stores.conversations.create("", "", "").id
    done = run_script(WRITER, url, here, "4", str(turns), "a", "b", "c")
    assert done.returncode == 0, done.stderr
    kept = stores.conversations.turns(here)
    assert [turn.seq for turn in kept] == list(range(1, len(kept) + 1))
    keys = [turn.idempotency_key for turn in kept]
    assert len(keys) == len(set(keys)) == 3 * 4 * turns * 4 // 5 + turns // 5
    assert stores.conversations.get(here).turns == len(kept)


def test_reports_of_one_device_are_counted_one_by_one(stores: Stores) -> None:
    """Eight threads that report for a device use each number once."""
    from tests.orchestrator.adapters.database.conftest import NOON

    seqs: list[int] = []

    def report() -> None:
        for n in range(10):
            seqs.append(stores.devices.put_state("p1", {"n": n}, NOON).seq)

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 81))


def test_a_name_is_given_to_one_of_many(stores: Stores) -> None:
    """Of eight who make a token of one name at once, one has it."""
    from orchestrator.core.errors import WrongSetting

    refused: list[str] = []

    def add(n: int) -> None:
        try:
            stores.tokens.add("laptop", f"digest {n}", ["chat"])
        except WrongSetting as error:
            refused.append(str(error))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(stores.tokens.listing()), len(refused)) == (1, 7)


@pytest.mark.parametrize("readers", [6])
def test_readers_never_wait_for_a_writer(stores: Stores, readers: int, database: object) -> None:
    """While a transaction writes, others read what was there before."""
    from sqlalchemy import text

    from orchestrator.adapters.database.engine import Database

    assert isinstance(database, Database)
    here = stores.conversations.create("", "", "before").id
    with database.writing() as session:
        session.execute(text("UPDATE conversations SET title = 'after'"))
        assert [stores.conversations.get(here).title for _ in range(readers)] == ["before"] * readers
    assert stores.conversations.get(here).title == "after"
    assert stores.conversations.append(here, ConversationTurn(role="user", content="x")).seq == 1
