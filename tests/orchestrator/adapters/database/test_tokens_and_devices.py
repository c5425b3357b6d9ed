"""Facts about kept tokens and what devices say of themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.adapters.database import tokens_and_devices
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.stores import Stores
from tests.orchestrator.adapters.database.conftest import NOON, Clock


def test_a_token_counts_until_it_is_revoked(stores: Stores) -> None:
    """find gives a token by its digest, and nothing once it is revoked; the listing remembers it."""
    made = stores.tokens.add("laptop", "d1", ["sync", "chat"])
    assert made.scopes == {"chat", "sync"}
    assert stores.tokens.find("d1") == made
    assert stores.tokens.find("D1") is None
    assert stores.tokens.find("laptop") is None
    assert stores.tokens.revoke("laptop")
    assert not stores.tokens.revoke("laptop")
    assert stores.tokens.find("d1") is None
    (kept,) = stores.tokens.listing()
    assert kept.revoked is not None


def test_a_token_counts_until_it_expires(stores: Stores, clock: Clock) -> None:
    """At the very moment a token ends."""
    stores.tokens.add("a", "d1", ["chat"], expires=NOON + timedelta(seconds=3))  # made at :01
    assert stores.tokens.find("d1") is not None  # :02
    assert stores.tokens.find("d1") is None  # :03
    assert stores.tokens.listing()[0].revoked is None
    clock.moment = NOON
    assert stores.tokens.find("d1") is not None


def test_a_name_is_taken_while_it_is_in_force(stores: Stores) -> None:
    """A second token of a name, and a second one with the same digest, are refused; after the revocation it is free."""
    stores.tokens.add("a", "d1", ["chat"])
    for name, digest in (("a", "d2"), ("b", "d1")):
        with pytest.raises(WrongSetting, match="revoke it first"):
            stores.tokens.add(name, digest, ["ops"])
    stores.tokens.revoke("a")
    stores.tokens.add("a", "d2", ["chat"])
    with pytest.raises(WrongSetting):
        stores.tokens.add("a", "d1", ["chat"])  # a digest never comes back
    found = stores.tokens.find("d2")
    assert found is not None
    assert found.scopes == {"chat"}
    assert len(stores.tokens.listing()) == 2


def test_use_is_noted_and_never_goes_back(stores: Stores) -> None:
    """touch keeps the latest moment."""
    stores.tokens.add("a", "d1", ["chat"])
    for seconds in (5, 3):
        stores.tokens.touch("d1", NOON + timedelta(seconds=seconds))
    stores.tokens.touch("unknown", NOON)
    assert [row.used for row in stores.tokens.listing()] == [NOON + timedelta(seconds=5)]


def test_states_are_counted_by_device(stores: Stores) -> None:
    """Each device has its own count; the history goes backwards, page by page."""
    for n in range(5):
        stores.devices.put_state("p1", {"n": n}, NOON + timedelta(seconds=n))
    other = stores.devices.put_state("p2", {}, NOON)
    last = stores.devices.state("p1")
    assert last is not None
    assert (last.seq, last.state, last.when) == (5, {"n": 4}, NOON + timedelta(seconds=4))
    assert stores.devices.state("p2") == other
    assert stores.devices.state("p3") is None
    assert [each.seq for each in stores.devices.history("p1", limit=2)] == [5, 4]
    assert [each.seq for each in stores.devices.history("p1", before=4)] == [3, 2, 1]


def test_old_states_are_let_go(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each device the newest ones are kept, and the count goes on."""
    monkeypatch.setattr(tokens_and_devices, "MAX_STATES_PER_DEVICE", 3)
    for n in range(7):
        stores.devices.put_state("p1", {"n": n}, NOON)
    stores.devices.put_state("p2", {}, NOON)
    assert [each.seq for each in stores.devices.history("p1")] == [7, 6, 5]
    assert len(stores.devices.history("p2")) == 1
