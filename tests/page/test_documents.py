"""Journal, memos and handoff on the page: what a node really has, hostile words among it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab


@pytest.mark.nightly
@pytest.mark.parametrize("path", ["/log", "/memos", "/handoff", "/handoff?project=shop"])
def test_documents_are_accessible_and_narrow(open_tab: Callable[[Desk, str], Tab], desk: Desk, path: str) -> None:
    """With true words in them, axe finds nothing serious and nothing is wider than 360 px."""
    tab = open_tab(desk, "phone")
    tab.page.set_viewport_size(NARROW)
    tab.go(path)
    tab.settled()
    assert tab.axe() == []
    assert tab.overflow() <= 0
    assert tab.shift() < 0.1


def test_an_entry_is_text_whatever_it_says(open_tab: Callable[[Desk, str], Tab], desk: Desk) -> None:
    """What looks like HTML, a script's address or a reordering is shown as written; the entry says where it is."""
    tab = open_tab(desk, "desktop")
    tab.go("/log")
    tab.page.get_by_role("link", name="The limit of a parcel is inclusive").click()
    tab.page.wait_for_url("**/app/log/*")
    entry = tab.page.locator("article")
    entry.wait_for()
    assert "<img src=x onerror=alert(1)>" in entry.inner_text()
    assert entry.locator("img, script, a[href^=javascript]").count() == 0
    assert entry.locator("strong").inner_text() == "1000 g"
    assert entry.locator("pre").inner_text() == "sh test.sh"
    assert entry.locator(".mark").first.is_visible()
    assert "projects/shop/SESSION_LOG.md:" in tab.page.locator("main").inner_text()


def test_the_journal_is_searched(open_tab: Callable[[Desk, str], Tab], desk: Desk) -> None:
    """What is typed finds entries by what they say, and stands in the address."""
    tab = open_tab(desk, "desktop")
    tab.go("/log")
    tab.page.get_by_role("searchbox").fill("price.sh")
    tab.page.wait_for_url("**/log?q=price.sh")
    tab.page.get_by_text("before every change of price.sh").wait_for()
    tab.page.get_by_role("searchbox").fill("nobody ever said this")
    tab.page.get_by_text("No entry says").wait_for()


def test_the_handoff_is_shown_as_it_stood(open_tab: Callable[[Desk, str], Tab], desk: Desk) -> None:
    """Any commit that changed the documents can be gone back to, and left again."""
    tab = open_tab(desk, "desktop")
    tab.go("/handoff?project=shop")
    tab.page.get_by_text("The table of prices is checked by hand").wait_for()
    before = tab.page.get_by_label("As it stood").locator("option").last.get_attribute("value")
    tab.page.get_by_label("As it stood").select_option(before)
    tab.page.get_by_role("button", name="Back to now").wait_for()
    tab.page.get_by_text("The table of prices is checked by hand").wait_for(state="detached")
    tab.page.get_by_role("button", name="Back to now").click()
    tab.page.get_by_text("The table of prices is checked by hand").wait_for()
