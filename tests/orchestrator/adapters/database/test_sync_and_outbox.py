"""Facts about the operations of devices and about what waits to be sent."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.adapters.database.engine import Database
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.sync_ops import SyncOp
from tests.orchestrator.adapters.database.conftest import NOON


def op(op_id: str, **body: object) -> SyncOp:
    """An operation."""
    return SyncOp(op_id=op_id, hlc="1-0-p1", kind="set", body=body)


def test_an_operation_is_taken_once(stores: Stores) -> None:
    """New ones are accepted; the same again is a duplicate, in one push too; another one under its id is refused."""
    pushed = stores.sync_ops.push("p1", [op("a", n=1), op("b"), op("a", n=1)])
    assert (pushed.accepted, pushed.duplicates, pushed.refused) == (("a", "b"), ("a",), ())
    again = stores.sync_ops.push("p1", [op("b"), op("c"), op("a", n=2)])
    assert (again.accepted, again.duplicates, again.refused) == (("c",), ("b",), ("a",))
    assert stores.sync_ops.push("p2", [op("a", n=1)]).refused == ("a",)  # no device takes another one's id
    pulled = stores.sync_ops.pull()
    assert [(each.op_id, each.device) for each in pulled.ops] == [("a", "p1"), ("b", "p1"), ("c", "p1")]
    assert pulled.ops[0].body == {"n": 1}


def test_a_push_is_whole_or_not_at_all(stores: Stores) -> None:
    """One operation that cannot be kept takes nothing of its push with it."""
    with pytest.raises(WrongSetting):
        stores.sync_ops.push("p1", [op("a"), op("x" * 101)])
    assert stores.sync_ops.pull().ops == ()


def test_a_pull_goes_on_where_the_last_one_ended(stores: Stores) -> None:
    """Page by page everything comes once; `more` says whether to ask again; an end stays an end."""
    stores.sync_ops.push("p1", [op(f"o{n}") for n in range(5)])
    seen, cursor, more = [], "", True
    while more:
        pulled = stores.sync_ops.pull(cursor, limit=2)
        seen += [each.op_id for each in pulled.ops]
        cursor, more = pulled.cursor, pulled.more
    assert seen == [f"o{n}" for n in range(5)]
    end = stores.sync_ops.pull(cursor)
    assert (end.ops, end.cursor, end.more) == ((), cursor, False)
    stores.sync_ops.push("p1", [op("late")])
    assert [each.op_id for each in stores.sync_ops.pull(cursor).ops] == ["late"]


def test_a_cursor_of_another_database_begins_anew(stores: Stores) -> None:
    """After a restore, numbers mean something else: everything comes again rather than that anything is missed."""
    stores.sync_ops.push("p1", [op("a"), op("b")])
    assert len(stores.sync_ops.pull("othergeneration.999").ops) == 2


@pytest.mark.parametrize("cursor", ["x", "a.b", "a.-1", "a.1.2", "a." + "9" * 40, "a.٣", "1; DROP TABLE sync_ops"])
def test_a_cursor_of_ones_own_is_refused(stores: Stores, cursor: str) -> None:
    """Words that no pull gave out are named."""
    with pytest.raises(WrongSetting, match="after"):
        stores.sync_ops.pull(cursor)


def test_nothing_is_missed_while_others_push(stores: Stores) -> None:
    """A reader who goes on from its cursor while six writers push sees every operation, exactly once."""

    def push(device: str) -> None:
        for n in range(25):
            stores.sync_ops.push(device, [op(f"{device}-{n}-{k}") for k in range(2)])

    writers = [threading.Thread(target=push, args=(f"d{n}",)) for n in range(6)]
    for writer in writers:
        writer.start()
    seen, cursor, alive = [], "", True
    while alive:
        alive = any(writer.is_alive() for writer in writers)  # read before the pull: the last pull sees the end
        pulled = stores.sync_ops.pull(cursor, limit=7)
        seen += [each.op_id for each in pulled.ops]
        cursor, alive = pulled.cursor, alive or pulled.more
    for writer in writers:
        writer.join()
    assert len(seen) == 300
    assert len(set(seen)) == 300


def test_without_the_lock_an_operation_would_be_missed(stores: Stores, database: Database, backend: str) -> None:
    """What the lock of a push is for: two transactions that commit in another order than that of their numbers."""
    if backend == "sqlite":
        return  # one writer at a time; there is no second transaction
    add = text("INSERT INTO sync_ops (op_id, device, hlc, kind, body) VALUES (:id, 'd', '', '', '{}')")
    with database.engine.begin() as slow:
        slow.execute(add, {"id": "first"})
        with database.engine.begin() as quick:
            quick.execute(add, {"id": "second"})
        cursor = stores.sync_ops.pull().cursor
    assert stores.sync_ops.pull(cursor).ops == ()  # "first" was committed after it and is never seen


def test_a_parcel_is_put_once(stores: Stores) -> None:
    """A key that was put before is not put again, not even when it was sent."""
    parcel = OutboxItem(key="k", kind="mail", body={"to": "x"})
    assert stores.outgoing.put(parcel, NOON)
    assert not stores.outgoing.put(parcel, NOON)
    stores.outgoing.sent("k", NOON)
    assert not stores.outgoing.put(parcel, NOON)
    assert stores.outgoing.take(NOON, hold_seconds=1) == ()
    assert stores.outgoing.listing() == ()


def test_a_parcel_is_given_to_one_at_a_time(stores: Stores) -> None:
    """Who takes a parcel has it for a while; if nothing is heard it is due again."""
    stores.outgoing.put(OutboxItem(key="k", kind="mail", body={}), NOON)
    assert stores.outgoing.take(NOON - timedelta(seconds=1), hold_seconds=60) == ()
    (mine,) = stores.outgoing.take(NOON, hold_seconds=60)
    assert (mine.key, mine.tries) == ("k", 1)
    assert stores.outgoing.take(NOON + timedelta(seconds=59), hold_seconds=60) == ()
    (again,) = stores.outgoing.take(NOON + timedelta(seconds=60), hold_seconds=60)
    assert again.tries == 2


def test_a_failed_parcel_is_tried_again_or_given_up(stores: Stores) -> None:
    """Until the moment that was named; without one, never, but it stays in the listing with its error."""
    stores.outgoing.put(OutboxItem(key="k", kind="mail", body={}), NOON)
    stores.outgoing.take(NOON, hold_seconds=60)
    stores.outgoing.failed("k", "no route", NOON + timedelta(seconds=5))
    assert stores.outgoing.take(NOON + timedelta(seconds=4), hold_seconds=60) == ()
    assert stores.outgoing.take(NOON + timedelta(seconds=5), hold_seconds=60)[0].error == "no route"
    stores.outgoing.failed("k", "refused", None)
    assert stores.outgoing.take(NOON + timedelta(days=9), hold_seconds=60) == ()
    assert [(each.key, each.error) for each in stores.outgoing.listing()] == [("k", "refused")]


def test_many_takers_share_the_parcels(stores: Stores) -> None:
    """Eight who take at once are given each parcel once in all."""
    for n in range(40):
        stores.outgoing.put(OutboxItem(key=f"k{n}", kind="mail", body={}), NOON)
    taken: list[str] = []

    def take() -> None:
        for _ in range(10):
            taken.extend(each.key for each in stores.outgoing.take(NOON, hold_seconds=60, limit=3))

    takers = [threading.Thread(target=take) for _ in range(8)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(taken) == sorted(f"k{n}" for n in range(40))


def test_a_parcel_tells_when_it_is_due_and_when_it_went_out(stores: Stores) -> None:
    """Waiting ones and sent ones are listed apart, the sent ones newest first."""
    for n in range(3):
        stores.outgoing.put(OutboxItem(key=f"k{n}", kind="mail", body={}), NOON)
    stores.outgoing.sent("k0", NOON + timedelta(seconds=1))
    stores.outgoing.sent("k1", NOON + timedelta(seconds=2))
    stores.outgoing.failed("k2", "refused", None)
    assert [(each.key, each.due) for each in stores.outgoing.listing()] == [("k2", None)]
    sent = stores.outgoing.listing(sent=True)
    assert [(each.key, each.due, each.sent) for each in sent] == [
        ("k1", None, NOON + timedelta(seconds=2)),
        ("k0", None, NOON + timedelta(seconds=1)),
    ]


def test_what_is_in_a_parcel_is_replaced_until_it_is_sent(stores: Stores) -> None:
    """Who delivers in steps notes how far it came; what went out stays as it went."""
    stores.outgoing.put(OutboxItem(key="k", kind="mail", body={"reached": []}), NOON)
    stores.outgoing.amend("k", {"reached": ["a"]})
    assert stores.outgoing.listing()[0].body == {"reached": ["a"]}
    stores.outgoing.sent("k", NOON)
    stores.outgoing.amend("k", {})
    assert stores.outgoing.listing(sent=True)[0].body == {"reached": ["a"]}


def test_a_mark_stays_until_it_is_set_anew(stores: Stores) -> None:
    """No mark is the empty one; any words can be one."""
    assert stores.marks.get("notices") == ""
    for words in ("one", "two \0 \ud800", ""):
        stores.marks.put("notices", words)
        assert stores.marks.get("notices") == words
    assert stores.marks.get("other") == ""


def test_a_mark_goes_with_the_copy(stores: Stores, tmp_path: Path) -> None:
    """A restored node goes on from where the backup was."""
    stores.marks.put("notices", "here")
    stores.copies.save(tmp_path / "copy.db")
    stores.marks.put("notices", "later")
    stores.copies.load(tmp_path / "copy.db")
    assert stores.marks.get("notices") == "here"
