"""The store of the page: what is written without a node arrives once, from whichever tab; in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.page.desk import Desk
from tests.page.nodes import PLAIN
from tests.page.store import call, held, opened, turn
from tests.page.tab import Tab
from tests.waiting import until


@pytest.mark.nightly
def test_the_next_tab_leads_when_one_is_closed(own: Desk, open_tab: Callable[..., Tab]) -> None:
    """What was said is there, in the other tab, and what it says arrives, too."""
    with own.serving():
        tab = open_tab(own)
        opened(tab)
        call(tab.page, "say", [turn("first")], "n1")
        second = tab.context.new_page()
        second.goto(f"{tab.url}/app/settings")
        second.get_by_role("button", name="Export what is kept").wait_for()
        tab.page.close()
        call(second, "say", [turn("second")], "n2")
        until(lambda: [op["value"]["text"] for op in held(own)] == ["first", "second"], "both are at the node")
        assert [op["value"]["text"] for op in call(second, "search", "sec", 10)] == ["second"]
        second.close()


@pytest.mark.nightly
def test_what_is_kept_is_exported_and_wiped(own: Desk, open_tab: Callable[..., Tab]) -> None:
    """The file is an SQLite database with what was said; after the wipe nothing is there, under another name."""
    with own.serving():
        tab = open_tab(own)
        opened(tab)
        call(tab.page, "say", [turn("keep this")], "n1")
        before = call(tab.page, "standing")["device"]
        with tab.page.expect_download() as told:
            tab.page.get_by_role("button", name="Export what is kept").click()
        data = told.value.path().read_bytes()
        assert data.startswith(b"SQLite format 3\0")
        assert b"keep this" in data
        tab.page.get_by_role("button", name="Wipe what is kept here").click()
        with tab.page.expect_navigation():
            tab.page.get_by_role("dialog").get_by_role("button", name="Wipe what is kept here").click()
        opened(tab)
        after = call(tab.page, "standing")
        assert after["device"] != before


@pytest.mark.nightly
def test_over_plain_http_the_page_says_that_nothing_is_kept(own: Desk, chromium: Browser) -> None:
    """The browser keeps nothing for such a page: it works all the same, and says so."""
    own.hosts = PLAIN
    with own.serving():
        port = own.url.rpartition(":")[2]
        tab = Tab.open(chromium, f"http://{PLAIN}:{port}", "phone")
        tab.go("/settings")
        tab.page.get_by_text("opened over plain HTTP: what is done without a node").wait_for()
        tab.close()
