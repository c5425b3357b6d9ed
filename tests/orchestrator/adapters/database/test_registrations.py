"""What headquarters keeps of nodes, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from orchestrator.adapters.database.plain import registrations
from orchestrator.core.errors import OutdatedReport, WrongSetting
from orchestrator.core.ports.registrations import KEPT_REGISTRATION
from orchestrator.core.ports.stores import Stores
from tests.orchestrator.adapters.database.conftest import NOON

LATER = NOON + timedelta(minutes=1)


def test_the_newest_report_of_each_node_is_kept(stores: Stores) -> None:
    """With when it came first and last; a number that is not higher changes nothing and names the last."""
    stores.registrations.put("nas", 1, "{}", NOON)
    stores.registrations.put("desk", 5, '{"a": "é"}', NOON)
    renewed = stores.registrations.put("desk", 2**53 - 1, '{"b": 1}', LATER)
    assert (renewed.first, renewed.received, renewed.report) == (NOON, LATER, '{"b": 1}')
    for number in (5, 2**53 - 1, -1):
        with pytest.raises(OutdatedReport) as refused:
            stores.registrations.put("desk", number, "{}", LATER)
        assert refused.value.last == 2**53 - 1
    assert [(one.node, one.number) for one in stores.registrations.every()] == [("desk", 2**53 - 1), ("nas", 1)]


def test_silent_nodes_make_room_and_the_number_of_nodes_has_an_end(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month without a word; one node more than may be is refused, a known one is not."""
    monkeypatch.setattr(registrations, "MAX_REGISTRATIONS", 2)
    stores.registrations.put("a", 1, "{}", NOON)
    stores.registrations.put("b", 1, "{}", NOON + timedelta(days=1))
    with pytest.raises(WrongSetting, match="2 nodes are registered"):
        stores.registrations.put("c", 1, "{}", NOON + timedelta(days=1))
    stores.registrations.put("b", 2, "{}", NOON + timedelta(days=2))
    stores.registrations.put("c", 1, "{}", NOON + KEPT_REGISTRATION + timedelta(seconds=1))
    assert [one.node for one in stores.registrations.every()] == ["b", "c"]


def test_a_race_of_one_number_has_one_winner(stores: Stores) -> None:
    """The same report sent twice at once is taken once."""

    def put(_: int) -> bool:
        try:
            stores.registrations.put("desk", 1, "{}", NOON)
        except OutdatedReport:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(put, range(8))) == 1
