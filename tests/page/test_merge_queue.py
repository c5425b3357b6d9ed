"""What was approved and is not merged yet is seen on the page, with who tests it, and can be taken back there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab

FIRST, SECOND = "bump-the-version", "say-who-we-are"


@pytest.fixture
def queued(own: Desk) -> Desk:
    """The desk's project has a merge queue, whose tests take long, and two results of it are approved."""
    rules = (own.fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    more = '\n[projects.shop]\nmerge_queue = true\ntest = "sleep 3000"\n'
    own.fleet.commit({"fleet.toml": rules.replace("\n[projects.shop]\n", more)}, "A merge queue")
    for name in (FIRST, SECOND):
        own.fleet.shiftbook("mission", "approve", name, node="desk")
    return own


def pictured(tab: Tab, name: str) -> None:
    """For who looks at it: a picture of each theme, where SHIFTBOOK_PICTURES names a folder."""
    folder = os.environ.get("SHIFTBOOK_PICTURES")
    for theme in ("light", "dark") if folder else ():
        tab.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        tab.page.screenshot(path=Path(folder or "") / f"{name}-{theme}.png", full_page=True)


def test_what_waits_is_seen_and_taken_back(queued: Desk, open_tab: Callable[[Desk, str], Tab]) -> None:
    """In the list of reviews and with the mission: its place and why nobody tests it; one word, and it is out."""
    with queued.serving():
        tab = open_tab(queued, "phone")
        tab.page.set_viewport_size(NARROW)
        tab.load("/review")
        queue = tab.page.locator("main section").filter(has_text="Merge queue of shop")
        expect(queue).to_contain_text("no node is up: shiftbook node run")
        expect(queue.locator("li")).to_have_count(2)
        expect(queue.locator("li").first).to_contain_text("Bump the version")
        expect(queue.locator("li").first).to_contain_text("place 1 of 2 · approved by")
        expect(queue.locator("li .pill").first).to_have_text("stands still")
        pictured(tab, "phone-reviews")
        wrong = [*tab.axe(), tab.overflow() > 0]
        queue.get_by_role("link", name="Say who we are").click()
        expect(tab.page.locator("main header .pill")).to_have_text("approved")
        note = tab.page.get_by_role("status").filter(has_text="Approved, and place 2 of 2 in the merge queue of shop")
        expect(note).to_contain_text("Until it is merged you can take it back.")
        pictured(tab, "phone-mission")
        wrong += [*tab.axe(), tab.overflow() > 0]
        tab.page.get_by_role("link", name="Take it back…").click()
        expect(tab.page.locator("main header .pill")).to_have_text("approved")
        pictured(tab, "phone-review")
        tab.page.get_by_role("button", name="Take it back…").click()
        tab.page.get_by_role("textbox").fill("Say it in one line.")
        wrong += [*tab.axe(), tab.overflow() > 0]
        tab.page.get_by_role("button", name="Send it back").click()
        expect(queue.locator("li")).to_have_count(1)
        assert [each for each in wrong if each] == []
    told = queued.fleet.show(SECOND)
    assert (told["status"], told["decision"], told["queue"]) == ("queued", "rejected", None)


def test_who_tests_it_is_seen_with_the_fleet(queued: Desk, open_tab: Callable[[Desk, str], Tab]) -> None:
    """On a wide window: the node that tests, for the whole queue and for one mission."""
    queued.fleet.start("desk", FACTORY_ROLE="HEADQUARTERS")
    with queued.serving():
        tab = open_tab(queued, "desktop")
        tab.load("/fleet")
        queue = tab.page.locator("main section").filter(has_text="Merge queue of shop")
        expect(queue).to_contain_text("desk tests 2 of them on main at")
        expect(queue.locator("li .pill")).to_have_text(["tested now", "tested now"])
        pictured(tab, "desk-fleet")
        tab.load(f"/missions/{FIRST}")
        note = tab.page.get_by_role("status").filter(has_text="Approved, and place 1 of 2")
        expect(note).to_contain_text(f"desk tests it now, with {SECOND}.")
        pictured(tab, "desk-mission")
        assert (tab.axe(), tab.overflow() > 0) == ([], False)
    queued.fleet.kill("desk")
