"""Is an order that was carried out found again by its key, however the mission's file is spelled, and no other one?"""

from __future__ import annotations

import pytest

from orchestrator.workflow.intents.order_mark import asked_with_key, find_carried_out
from tests.ledgers import Town

KEY, OTHER = "1f0d8f2e-order-of-a-phone", "9a7c1b44-order-of-a-phone"


@pytest.mark.parametrize("file", ["fix-it.md", "Fix It.md", "fix_it.MD"])
def test_an_order_is_found_by_its_key(file: str) -> None:
    """Also once the mission is archived; another key, another order and another mission are others."""
    ada = Town({f"missions/{file}": "Fix it.\n"}).peer("ada")
    asked = f"Asked-By: {asked_with_key('phone by sync', KEY)}"
    ada.push({f"missions/{file}": "---\nstatus: parked\n---\nFix it.\n"}, f"Pause fix-it\n\n{asked}")
    for _ in range(2):
        ledger = ada.ledger()
        assert find_carried_out(ledger, "pause", "fix-it", KEY) == "fix-it"
        assert find_carried_out(ledger, "pause", "", KEY) == "fix-it"
        assert find_carried_out(ledger, "pause", "fix-it", OTHER) == ""
        assert find_carried_out(ledger, "resume", "fix-it", KEY) == ""
        assert find_carried_out(ledger, "pause", "other", KEY) == ""
        ada.push({f"missions/{file}": None}, "Archive fix-it")


def test_a_short_key_marks_nothing() -> None:
    """It may be another caller's, too."""
    assert asked_with_key("phone", "1") == "phone"
