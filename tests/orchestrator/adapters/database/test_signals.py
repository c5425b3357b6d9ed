"""What is kept of suppliers' events, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.suppliers.signals import KEPT_SIGNAL, SIGNAL_AGE, Signal
from tests.orchestrator.adapters.database.conftest import NOON


def signal(key: str, *, event: str = "e", supplier: str = "s", when: datetime = NOON) -> Signal:
    """An event as it comes."""
    return Signal(key=key, event_key=event, supplier=supplier, event_id="1", source="é", type="t", received=when)


def test_an_event_is_noted_once_with_what_became_of_it(stores: Stores) -> None:
    """Again it is what was noted; another content is another row under the same event."""
    first = stores.signals.begin(signal("a"))
    assert (first.verdict, first.missions) == ("", ())
    stores.signals.settle("a", "filed", "two", ("m-1", "m-2"))
    again = stores.signals.begin(signal("a", when=NOON + timedelta(hours=1)))
    assert (again.verdict, again.why, again.missions, again.received) == ("filed", "two", ("m-1", "m-2"), NOON)
    stores.signals.begin(signal("b"))
    stores.signals.begin(signal("c", event="other"))
    assert stores.signals.contents("e") == {"a", "b"}


def test_counts_are_of_one_supplier_and_a_time(stores: Stores) -> None:
    """All events, those of a verdict, and the missions."""
    for number in range(3):
        stores.signals.begin(signal(f"k{number}", when=NOON + timedelta(minutes=number)))
    stores.signals.begin(signal("x", supplier="other"))
    stores.signals.settle("k0", "filed", "", ("m",))
    stores.signals.settle("k2", "refused", "")
    assert stores.signals.count("s", since=NOON - timedelta(seconds=1)) == 3
    assert stores.signals.count("s", since=NOON + timedelta(seconds=1)) == 2
    assert stores.signals.count("s", since=NOON - timedelta(days=1), verdicts=frozenset({"refused", "x"})) == 1
    assert stores.signals.missions_since("s", NOON - timedelta(days=1)) == 1
    assert stores.signals.missions_since("nobody", NOON - timedelta(days=1)) == 0


def test_the_list_goes_backwards(stores: Stores) -> None:
    """By number, with its filters."""
    for number in range(4):
        stores.signals.begin(signal(f"k{number}", supplier="a" if number % 2 else "b"))
    every = stores.signals.listing()
    assert [one.key for one in every] == ["k3", "k2", "k1", "k0"]
    assert [one.key for one in stores.signals.listing(before=every[1].number, limit=1)] == ["k1"]
    assert [one.key for one in stores.signals.listing(supplier="a")] == ["k3", "k1"]
    assert stores.signals.listing(verdict="filed") == ()


def test_events_are_kept_for_longer_than_they_may_be_old(stores: Stores) -> None:
    """Then they are forgotten, with the next that comes."""
    assert KEPT_SIGNAL > SIGNAL_AGE
    stores.signals.begin(signal("old"))
    stores.signals.begin(signal("new", when=NOON + KEPT_SIGNAL))
    assert [one.key for one in stores.signals.listing()] == ["new", "old"]
    stores.signals.begin(signal("newer", when=NOON + KEPT_SIGNAL + timedelta(seconds=1)))
    assert [one.key for one in stores.signals.listing()] == ["newer", "new"]


def test_a_race_notes_one_row(stores: Stores) -> None:
    """The same event from several threads at once."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stores.signals.begin(signal("a")).number, range(8)))
    assert len(set(found)) == 1
