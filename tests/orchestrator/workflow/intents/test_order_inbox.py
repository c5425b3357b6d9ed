"""Is what was noted of an order that waits read back whole, also where another version of the program noted it?"""

from __future__ import annotations

import json

from orchestrator.workflow.intents.order_inbox import PREFIX, OrderBringer, OrderInbox, WaitingOrder
from tests.buses import Marks

PHONE = OrderBringer(name="phone", kind="token", scopes=frozenset({"missions", "sync"}), digest="d", device="p")


def test_a_note_of_a_newer_program_is_read_as_far_as_it_is_known() -> None:
    """Whoever goes back a version must not lose the orders that wait, nor those behind them."""
    inbox = OrderInbox(marks=Marks())
    by = vars(PHONE) | {"scopes": sorted(PHONE.scopes), "colour": "red"}
    inbox.marks.put(f"{PREFIX}x", json.dumps({"entity": "intent/x", "key": "p/1", "by": by, "more": 1}))
    assert list(inbox.waiting()) == [WaitingOrder(entity="intent/x", key="p/1", bringer=PHONE)]
