"""How do several attempts at one thing look beside each other, and a mission's pull request? Hostile words too."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect

from tests.page.ledger_content import HOSTILE_WORDS
from tests.page.tab import NARROW, Tab

MISSION = "fix-the-auth-bug"
ADDRESS = "https://forge.example/shop/pulls/7"
ATTEMPTS = [
    {"number": 1, "name": MISSION, "status": "review", "tested": True, "cost_usd": 0.5, "seconds": 90.0},
    {"number": 2, "name": "fix-a2", "status": "review", "tested": False, "cost_usd": None, "seconds": 300.0},
    {"number": 3, "name": "fix-a3", "status": "running", "tested": None, "cost_usd": None, "seconds": None},
]
MORE = {"agent": HOSTILE_WORDS, "node": "desk", "files": ["token.py"], "added": 2, "removed": 1}


def test_attempts_stand_side_by_side_and_a_pull_request_is_a_link(phone: Tab) -> None:
    """At 360 pixels: each with its state, tests, changes and cost, and the way to it, as in `mission compare`; the pull
    request leads to the forge, unless its address is none that may be followed."""
    address = [ADDRESS]

    def told(route: Route) -> None:
        more = {"group": "fix", "pull_request": address[0], "pull_state": "open"}
        route.fulfill(json=route.fetch().json() | more)

    phone.page.route(f"**/api/v1/missions/{MISSION}", told)
    phone.answer("**/missions/*/attempts", {"group": "fix", "attempts": [one | MORE for one in ATTEMPTS]})
    phone.page.set_viewport_size(NARROW)
    phone.go(f"/missions/{MISSION}")
    cards = phone.page.locator("main li", has=phone.page.get_by_role("link", name=re.compile(r"^Attempt \d$")))
    expect(cards).to_contain_text(["this one", "failed", "running"])
    expect(cards.first).to_contain_text("$0.50")
    expect(cards.nth(1).get_by_role("link")).to_have_attribute("href", "/app/review/fix-a2")
    expect(cards.nth(2).get_by_role("link")).to_have_attribute("href", "/app/missions/fix-a3")
    expect(cards.first.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(phone.page.get_by_role("link", name=ADDRESS)).to_have_attribute("rel", "noreferrer noopener nofollow")
    assert phone.overflow() <= 0
    assert phone.axe() == []
    address[0] = "javascript:alert(1)"
    phone.page.reload()
    expect(phone.page.get_by_text(address[0], exact=False)).to_be_visible()
    assert phone.page.get_by_role("link", name=address[0]).count() == 0
