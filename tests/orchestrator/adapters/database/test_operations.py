"""Facts about how operations are kept: each once, in an order that a reader can follow, and nothing half."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from mobile_bridge.device_quota import DeviceQuota
from mobile_bridge.errors import OperationRefused
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Draft, Operation, encode, read_operations
from sqlalchemy import text

from orchestrator.adapters.database.engine import Database
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from tests.orchestrator.adapters.database.conftest import LATER, operation
from tests.waiting import PATIENCE


@pytest.fixture
def here(stores: Stores) -> str:
    """A conversation."""
    return stores.conversations.create("shop", "phone", "Hello").id


def run(device: str, *numbers: int) -> list[Operation]:
    """Operations of one device."""
    return [operation(device, number) for number in numbers]


def keys(stores: Stores, after: str = "", limit: int = 500) -> list[str]:
    """What a pull gives."""
    return [op.key for op in read_operations(stores.sync_ops.pull(after, limit).texts)]


def test_a_push_that_comes_again_changes_nothing(stores: Stores) -> None:
    """As its answer may have been lost; what is new behind it is taken."""
    first = stores.sync_ops.push(run("p~1", 1, 2), now=LATER)
    assert (first.accepted, first.duplicates, first.held) == (2, 0, {"p~1": 2})
    again = stores.sync_ops.push(run("p~1", 1, 2, 3), now=LATER)
    assert (again.accepted, again.duplicates, again.held) == (1, 2, {"p~1": 3})
    old = stores.sync_ops.push(run("p~1", 1), now=LATER)
    assert (old.accepted, old.duplicates, old.held) == (0, 1, {"p~1": 3})
    assert keys(stores) == ["p~1/1", "p~1/2", "p~1/3"]


@pytest.mark.parametrize(
    ("bad", "kind", "held"),
    [
        (operation("p~1", 4), "gap", 2),
        (operation("p~1", 2, value="else"), "forked", 2),
        (operation("p~1", 3, wall=2), "order", None),
        (operation("p~1", 3, wall=LATER + 300_001), "ahead", None),
        (operation("q~1", 2), "gap", 0),
        (operation("p~1", 3, value=0.5), "malformed", None),
    ],
)
def test_what_is_refused_takes_the_whole_push_with_it(
    stores: Stores, bad: Operation, kind: str, held: int | None
) -> None:
    """Nothing of it is stored, whoever else is in it; the device is told from where to go on."""
    stores.sync_ops.push(run("p~1", 1, 2), now=LATER)
    with pytest.raises(OperationRefused) as caught:
        stores.sync_ops.push([*run("other~1", 1), bad], now=LATER)
    assert (caught.value.kind, caught.value.held) == (kind, held)
    assert keys(stores) == ["p~1/1", "p~1/2"]
    assert stores.sync_ops.standing(["p~1", "other~1"]).held == {"p~1": 2, "other~1": 0}


def test_marks_are_set_with_a_push_or_not_at_all(stores: Stores) -> None:
    """So what was brought and waits is known exactly if the operations are held; again for what comes again."""
    with pytest.raises(OperationRefused):
        stores.sync_ops.push(run("p~1", 2), now=LATER, marks={"waits": "x"})
    assert stores.marks.get("waits") == ""
    for said in ("x", "\x1by"):
        stores.sync_ops.push(run("p~1", 1), now=LATER, marks={"waits": said})
        assert stores.marks.get("waits") == said


def test_what_is_held_may_be_ahead_of_a_clock_that_was_put_back(stores: Stores) -> None:
    """A repeated push is a repetition, whatever the node's clock says now."""
    stores.sync_ops.push([operation("p~1", 1, wall=LATER)], now=LATER)
    assert stores.sync_ops.push([operation("p~1", 1, wall=LATER)], now=0).duplicates == 1


def test_operations_arrive_in_the_order_of_the_push(stores: Stores) -> None:
    """What answers something comes after it, also from a node that passes on what several said."""
    mixed = [operation("a", 1), operation("b", 1), operation("a", 2)]
    stores.sync_ops.push(mixed, now=LATER)
    assert keys(stores) == ["a/1", "b/1", "a/2"]


def test_a_pull_goes_on_where_the_last_one_ended(stores: Stores) -> None:
    """Page by page everything comes once; `more` says whether to ask again; an end stays an end."""
    stores.sync_ops.push(run("p", *range(1, 6)), now=LATER)
    seen, cursor, more = [], "", True
    while more:
        page = stores.sync_ops.pull(cursor, limit=2)
        seen += [op.key for op in read_operations(page.texts)]
        cursor, more = page.cursor, page.more
    assert seen == [f"p/{n}" for n in range(1, 6)]
    end = stores.sync_ops.pull(cursor)
    assert (end.texts, end.cursor, end.more) == ((), cursor, False)
    stores.sync_ops.push(run("late", 1), now=LATER)
    assert keys(stores, cursor) == ["late/1"]


def test_a_page_ends_where_its_texts_are_large(stores: Stores) -> None:
    """Seven of a megabyte each are two pages, each with at least one, and none is left out."""
    for number in range(1, 8):
        stores.sync_ops.push([operation("p", number, value="x" * 1_000_000)], now=LATER)
    sizes, cursor, more = [], "", True
    while more:
        page = stores.sync_ops.pull(cursor)
        sizes.append(len(page.texts))
        cursor, more = page.cursor, page.more
    assert sizes == [4, 3]


def test_a_page_ends_by_bytes_whatever_an_older_version_noted(stores: Stores, database: Database) -> None:
    """As its size it noted characters: no page is larger than was asked for; what is too large goes alone."""
    ops = [operation("p~1", n, value="語" * 1000) for n in range(1, 5)]
    stores.sync_ops.push(ops, now=LATER)
    with database.writing() as session:
        (size,) = session.execute(text("SELECT DISTINCT size FROM operations")).one()
        session.execute(text("UPDATE operations SET size = 1000"))
    assert size == len(encode(ops[0]).encode())
    for most, given in ((3 * (size + 1), 3), (3 * (size + 1) - 1, 2), (1, 1)):
        page = stores.sync_ops.pull("", 100, most)
        assert len(page.texts) == given
        assert page.more is True
        assert len(stores.sync_ops.pull(page.cursor, 100).texts) == 4 - given


def test_a_cursor_of_another_database_begins_anew(stores: Stores) -> None:
    """After a restore numbers mean something else: all comes again rather than that anything is missed."""
    stores.sync_ops.push(run("p", 1, 2), now=LATER)
    assert len(keys(stores, "otherepoch.999")) == 2
    epoch = stores.sync_ops.standing().epoch
    assert len(keys(stores, f"{epoch}.999")) == 2  # the file was put back without a word to anybody
    assert keys(stores, f"{epoch}.1") == ["p/2"]


@pytest.mark.parametrize("cursor", ["x", "a.b", "a.-1", "a.1.2", "a." + "9" * 40, "a.٣", "1; DROP TABLE operations"])
def test_a_cursor_of_ones_own_is_refused(stores: Stores, cursor: str) -> None:
    """Words that no pull gave out are named."""
    with pytest.raises(WrongSetting, match="after"):
        stores.sync_ops.pull(cursor)


def test_nothing_is_missed_while_others_push(stores: Stores) -> None:
    """A reader who goes on from its cursor while six writers push sees every operation, exactly once."""

    def push(device: str) -> None:
        for n in range(25):
            stores.sync_ops.push(run(device, 2 * n + 1, 2 * n + 2), now=LATER)

    writers = [threading.Thread(target=push, args=(f"d{n}",)) for n in range(6)]
    for writer in writers:
        writer.start()
    seen, cursor, alive = [], "", True
    while alive:
        alive = any(writer.is_alive() for writer in writers)  # read before the pull: the last pull sees the end
        page = stores.sync_ops.pull(cursor, limit=7)
        seen += [op.key for op in read_operations(page.texts)]
        cursor, alive = page.cursor, alive or page.more
    for writer in writers:
        writer.join(timeout=PATIENCE)
    assert len(seen) == 300
    assert len(set(seen)) == 300


def test_without_the_lock_an_operation_would_be_missed(stores: Stores, database: Database, backend: str) -> None:
    """What the lock of a push is for: two transactions that commit in another order than that of their numbers."""
    if backend == "sqlite":
        return  # one writer at a time; there is no second transaction
    add = text("INSERT INTO operations (device, seq, entity, size, op) VALUES (:id, 1, '', 2, '{}')")
    with database.engine.begin() as slow:
        slow.execute(add, {"id": "first"})
        with database.engine.begin() as quick:
            quick.execute(add, {"id": "second"})
        cursor = stores.sync_ops.pull().cursor
    assert stores.sync_ops.pull(cursor).texts == ()  # "first" was committed after it and is never seen


def test_two_tabs_that_push_the_same_at_once(stores: Stores) -> None:
    """Each operation is taken once, and neither is refused."""
    made: list[int] = []

    def push() -> None:
        made.append(stores.sync_ops.push(run("p", *range(1, 51)), now=LATER).accepted)

    tabs = [threading.Thread(target=push) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(timeout=PATIENCE)
    assert sorted(made) == [0, 0, 0, 50]


def title(value: str, *resolves: str) -> Draft:
    """The title of a conversation."""
    return Draft(kind="set", entity="chat/c", field="title", value=value, resolves=resolves)


def test_a_node_says_something_later_than_all_that_it_holds(stores: Stores) -> None:
    """Under a name of its own, from the value that it saw."""
    seen = operation("p", 1, wall=LATER + 299_000, entity="chat/c", field="title", kind="set", value="theirs")
    stores.sync_ops.push([seen], now=LATER)
    first, second = stores.sync_ops.write([title("mine"), title("mine 2")], now=LATER)
    own = stores.sync_ops.standing().own
    assert (first.device, first.seq, first.base) == (own, 1, "p/1")
    assert (second.seq, second.base) == (2, first.key)
    assert own.startswith("@node~")
    merged = MergedOperations.of(stores.sync_ops.of("chat/c"))
    assert merged.register("chat/c", "title") == second
    assert merged.conflicts() == ()


def test_disputed_registers_are_found(stores: Stores) -> None:
    """All that was said of them, and of no other entity."""
    ops = [
        operation(device, 1, entity="chat/c", field="title", kind="set", value=device, wall=wall)
        for wall, device in enumerate(("a", "b"), 1)
    ]
    stores.sync_ops.push([*ops, operation("c", 1, entity="chat/d", field="title", kind="set")], now=LATER)
    assert stores.sync_ops.disputed() == tuple(ops)
    (one,) = MergedOperations.of(stores.sync_ops.disputed()).conflicts()
    stores.sync_ops.write([one.resolution("both")], now=LATER)
    (settled,) = MergedOperations.of(stores.sync_ops.disputed()).conflicts()
    assert (settled.standing.value, settled.resolved_by) == ("both", settled.standing.key)


def test_a_turn_of_a_chat_is_an_operation_or_is_not_kept(stores: Stores, here: str) -> None:
    """With the first one what the conversation is about; taking it out hides it, and says nothing of an empty one."""
    stores.conversations.append(here, ConversationTurn(role="user", content="hé \ud800", device="phone"))
    stores.conversations.append(here, ConversationTurn(role="assistant", content="yes", usage={"model": "m"}))
    said = stores.sync_ops.of(f"chat/{here}")
    assert [op.field for op in said if op.kind == "set"] == ["title", "project"]
    turns = [op.value for op in said if op.kind == "append"]
    assert [(turn["role"], turn["text"]) for turn in turns] == [("user", "hé ?"), ("assistant", "yes")]
    assert (turns[0]["device"], turns[1]["model"]) == ("phone", "m")
    stores.conversations.delete(here)
    assert stores.sync_ops.of(f"chat/{here}")[-1].field == "hidden"
    stores.conversations.delete(stores.conversations.create("", "", "empty").id)
    assert len(keys(stores)) == len(said) + 1


def test_a_turn_with_the_same_key_is_said_once(stores: Stores, here: str) -> None:
    """A repeated request adds neither a turn nor an operation."""
    turn = ConversationTurn(role="user", content="hi", idempotency_key="k")
    stores.conversations.append(here, turn)
    before = keys(stores)
    assert stores.conversations.append(here, replace(turn)).repeated
    assert keys(stores) == before


QUOTA = DeviceQuota(day_operations=5, total_bytes=0)


def refused(stores: Stores, ops: list[Operation], *, now: int = LATER, quota: DeviceQuota = QUOTA) -> str:
    """Why a push is refused, as a kind; nothing of it is stored."""
    before = keys(stores)
    with pytest.raises(OperationRefused) as told:
        stores.sync_ops.push(ops, now=now, quota=quota)
    assert keys(stores) == before
    return told.value.kind


def test_a_device_hands_in_so_much_a_day_whatever_its_stores_are_called(stores: Stores) -> None:
    """More tabs, cleared storage and pushing again get nobody more; other devices, and the next day, go on."""
    stores.sync_ops.push(run("p~1", 1, 2, 3), now=LATER, quota=QUOTA)
    stores.sync_ops.push(run("p~1", 1, 2, 3), now=LATER, quota=QUOTA)  # comes again: not counted
    stores.sync_ops.push(run("p~2", 1, 2), now=LATER, quota=QUOTA)
    for more in (run("p~1", 4), run("p~3", 1), run("p", 1), run("p~1", 1, 2, 3, 4)):
        assert refused(stores, more) == "quota"
    assert refused(stores, run("p~3", 1), now=LATER + 60_000) == "quota"
    stores.sync_ops.push(run("pp~1", *range(1, 6)), now=LATER, quota=QUOTA)
    assert refused(stores, run("pp~1", 6)) == "quota"
    stores.sync_ops.push(run("p~1", 4), now=LATER + 24 * 3_600_000, quota=QUOTA)


def test_a_devices_clock_does_not_move_its_day(stores: Stores) -> None:
    """Stamps of years ago, and of just now, count on the node's day."""
    stores.sync_ops.push(run("p~1", 1, 2, 3, 4, 5), now=LATER, quota=QUOTA)
    assert refused(stores, [operation("p~2", 1, wall=1)]) == "quota"
    assert refused(stores, [operation("p~2", 1, wall=LATER + 299_000)]) == "quota"


def test_a_device_fills_no_more_than_its_share_for_ever(stores: Stores) -> None:
    """Bytes of all its stores and days, those included that were here before there was a count."""
    stores.sync_ops.push([operation("p~1", 1, value="x" * 4000), *run("pq~1", 1)], now=LATER)
    small = DeviceQuota(day_operations=0, total_bytes=8000)
    stores.sync_ops.push([operation("p~2", 1, value="x" * 3000)], now=LATER, quota=small)
    for day in range(3):
        late = LATER + day * 24 * 3_600_000
        assert refused(stores, [operation("p~3", 1, value="x" * 1000)], now=late, quota=small) == "full"
    stores.sync_ops.push([operation("pq~1", 2, value="x" * 6000)], now=LATER, quota=small)
    with pytest.raises(OperationRefused, match="SHIFTBOOK_DEVICE_MEGABYTES"):
        stores.sync_ops.push([operation("p~3", 1, value="x" * 1000)], now=LATER, quota=small)


def test_two_tabs_at_once_do_not_share_one_count_twice(stores: Stores) -> None:
    """Pushed at the same moment from many stores, no more than a day's operations are taken."""
    taken: list[int] = []

    def tab(number: int) -> None:
        try:
            taken.append(stores.sync_ops.push(run(f"p~{number}", 1, 2), now=LATER, quota=QUOTA).accepted)
        except OperationRefused:
            taken.append(0)

    threads = [threading.Thread(target=tab, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(taken)) == (8, 4)
