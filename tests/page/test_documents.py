"""Journal, memos and handoff on the page: what a node really has, hostile words among it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.page.tab import NARROW, Tab


@pytest.mark.nightly
@pytest.mark.parametrize("path", ["/log", "/memos", "/handoff", "/handoff?project=shop"])
def test_documents_are_accessible_and_narrow(phone: Tab, path: str) -> None:
    """With true words in them, axe finds nothing serious and nothing is wider than 360 px."""
    phone.page.set_viewport_size(NARROW)
    phone.go(path)
    phone.settled()
    assert phone.axe() == []
    assert phone.overflow() <= 0
    assert phone.shift() < 0.1


def test_an_entry_is_text_whatever_it_says(wide: Tab) -> None:
    """What looks like HTML, a script's address or a reordering is shown as written; the entry says where it is."""
    wide.go("/log")
    wide.page.get_by_role("link", name="The limit of a parcel is inclusive").click()
    wide.page.wait_for_url("**/app/log/*")
    entry = wide.page.locator("article")
    entry.wait_for()
    expect(entry).to_contain_text("<img src=x onerror=alert(1)>", use_inner_text=True)
    expect(entry.locator("strong")).to_have_text("1000 g")
    expect(entry.locator("pre")).to_have_text("sh test.sh")
    expect(entry.locator(".mark").first).to_be_visible()
    place = re.compile(r"projects/shop/(SESSION_LOG|log/\d{4}-\d\d)\.md:")  # its month's, once a node has worked here
    expect(wide.page.locator("main")).to_contain_text(place, use_inner_text=True)
    assert entry.locator("img, script, a[href^=javascript]").count() == 0
    expect(entry).not_to_contain_text("<!-- entry:", use_inner_text=True)  # its own mark, which names it for programs
    expect(wide.page.locator("main header")).to_contain_text("Log and memos · ", use_inner_text=True)


def test_the_journal_is_searched(wide: Tab) -> None:
    """What is typed finds entries by what they say, and stands in the address."""
    wide.go("/log")
    wide.page.get_by_role("searchbox").fill("price.sh")
    wide.page.wait_for_url("**/log?q=price.sh")
    wide.page.get_by_text("before every change of price.sh").wait_for()
    wide.page.get_by_role("searchbox").fill("xyzzyplugh")  # a word of no entry, whatever other tests have had done
    wide.page.get_by_text("No entry says").wait_for()


def test_the_handoff_is_shown_as_it_stood(wide: Tab) -> None:
    """Any commit that changed the documents can be gone back to, and left again."""
    wide.go("/handoff?project=shop")
    wide.page.get_by_text("The table of prices is checked by hand").wait_for()
    before = wide.page.get_by_label("As it stood").locator("option").last.get_attribute("value")
    wide.page.get_by_label("As it stood").select_option(before)
    wide.page.get_by_role("button", name="Back to now").wait_for()
    wide.page.get_by_text("The table of prices is checked by hand").wait_for(state="detached")
    wide.page.get_by_role("button", name="Back to now").click()
    wide.page.get_by_text("The table of prices is checked by hand").wait_for()


def test_the_handoff_shows_what_real_missions_say(wide: Tab) -> None:
    """On the fleet's own handoff, below the tiers: a plot for each measure, its numbers as text; not on a project's."""
    wide.go("/handoff")
    section = wide.page.get_by_role("region", name="What real missions say")
    section.locator("svg").first.wait_for(state="attached")
    expect(section).to_contain_text("missions accepted", use_inner_text=True, ignore_case=True)
    expect(section.locator("table").first).to_contain_text("38 of 40 (83% to 99%)")
    cases = section.locator("table").first.locator("tr", has_text="%").count()
    assert cases >= 2  # a month without a case has no point
    expect(section.locator("svg").first.locator(".point")).to_have_count(cases)
    wide.page.set_viewport_size(NARROW)
    assert wide.overflow() <= 0
    assert max(section.locator("div:has(> table)").evaluate_all("all => all.map(one => one.offsetWidth)")) <= 1
    wide.go("/handoff?project=shop")
    wide.page.get_by_text("The table of prices is checked by hand").wait_for()
    assert section.count() == 0
