"""Is what an attempt was given read from the briefing of its time, and does a review tell of an item that hurts?"""

from __future__ import annotations

from orchestrator.workflow.continuity.given_items import harmful_in
from tests.journals import BRIEFING_PATH, SHOP_LOG, log, reviews
from tests.ledgers import Peer, Town
from tests.orchestrator.workflow.continuity.months import attempt

ITEM = "`make fast` is the way to build"
BRIEFING = f"# Briefing: shop\n\n## Decisions\n\n- {ITEM} <!-- item: d1; log: old-1 -->\n"
FAILS = "`make fast` ended with exit code 2: ValueError: no such mode"
WITHOUT = [attempt(f"o{n}", 1, f"{n + 1:02}") for n in range(8)]


def shop(*, since: int) -> Peer:
    """A project whose briefing has the item from that day of October on; from the tenth on all fail by it."""
    failed = [attempt(f"g{n}", 1, f"{n + 10}", blocked=FAILS) for n in range(6)]
    town = Town({SHOP_LOG: log(*WITHOUT, *failed)})
    ada = town.peer("ada")
    now = town.clock.at
    town.clock.at = now.replace(month=10, day=since, hour=1)
    ada.push({BRIEFING_PATH: BRIEFING})
    town.clock.at = now
    ada.push({"README.md": "x\n"})
    return ada


def test_missions_that_were_given_an_item_and_failed_by_it_have_it_told() -> None:
    """Those before it are who it is compared with."""
    found = harmful_in(shop(since=10).ledger(), "shop")
    assert [(one.text, one.cites) for one in found] == [(ITEM, ("old-1",))]


def test_an_item_that_came_later_hurt_nobody() -> None:
    """Nobody was given it."""
    assert harmful_in(shop(since=20).ledger(), "shop") == []


def test_a_review_tells_of_it_and_leaves_it_where_it_is() -> None:
    """With its citation and the evidence; a person decides."""
    ada = shop(since=10)
    made = reviews(ada).run("shop")[0]
    assert any(line.startswith(f"hurts: {ITEM} (old-1): 6 of 6 missions") for line in made.lines)
    assert ITEM in ada.text(BRIEFING_PATH)
