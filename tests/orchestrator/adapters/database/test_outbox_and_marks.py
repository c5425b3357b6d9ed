"""Facts about what waits to be sent, and about marks."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.ports.stores import Stores
from tests.orchestrator.adapters.database.conftest import NOON


def test_a_parcel_is_put_once(stores: Stores) -> None:
    """A key that was put before is not put again, not even when it was sent."""
    parcel = OutboxItem(key="k", kind="mail", body={"to": "x"})
    assert stores.outgoing.put(parcel, NOON)
    assert not stores.outgoing.put(parcel, NOON)
    stores.outgoing.sent("k", NOON)
    assert not stores.outgoing.put(parcel, NOON)
    assert stores.outgoing.take(NOON, hold_seconds=1) == ()
    assert stores.outgoing.listing() == ()


def test_what_went_out_a_year_ago_is_forgotten(stores: Stores) -> None:
    """Within the year its key is known; what was not sent stays, however old it is."""
    for key in ("old", "waits", "new"):
        stores.outgoing.put(OutboxItem(key=key, kind="mail", body={}), NOON)
    stores.outgoing.sent("old", NOON)
    later = NOON + timedelta(days=365)
    stores.outgoing.sent("new", later)
    assert not stores.outgoing.put(OutboxItem(key="old", kind="mail", body={}), later)
    stores.outgoing.put(OutboxItem(key="newer", kind="mail", body={}), later)
    stores.outgoing.sent("newer", later + timedelta(seconds=1))
    assert [each.key for each in stores.outgoing.listing(sent=True)] == ["newer", "new"]
    assert [each.key for each in stores.outgoing.listing()] == ["waits"]


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


def test_marks_of_a_kind_are_listed_and_dropped(stores: Stores) -> None:
    """By what their names begin with, letter for letter; what is dropped is no mark, and others stay."""
    for name in ("filed-1", "filed-2", "filed_3", "Filed-4", "other"):
        stores.marks.put(name, name)
    assert stores.marks.starting("filed-") == {"filed-1": "filed-1", "filed-2": "filed-2"}
    assert stores.marks.starting("filed_") == {"filed_3": "filed_3"}
    stores.marks.drop(["filed-1", "not there"])
    stores.marks.drop([f"none-{n}" for n in range(1200)])
    stores.marks.drop([])
    assert [stores.marks.get(name) for name in ("filed-1", "filed-2", "other")] == ["", "filed-2", "other"]


def test_a_mark_goes_with_the_copy(stores: Stores, tmp_path: Path) -> None:
    """A restored node goes on from where the backup was."""
    stores.marks.put("notices", "here")
    stores.copies.save(tmp_path / "copy.db")
    stores.marks.put("notices", "later")
    stores.copies.load(tmp_path / "copy.db")
    assert stores.marks.get("notices") == "here"
