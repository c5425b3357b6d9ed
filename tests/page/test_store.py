"""The store of the page: what is written without a node arrives once, from whichever tab; in a real Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.conftest import require_program
from tests.page.desk import Desk
from tests.page.store import call
from tests.page.tab import Tab
from tests.waiting import PATIENCE, until

CONTROLLED = "navigator.serviceWorker.controller !== null"


def turn(text: str) -> dict[str, Any]:
    """A turn of a chat, to be said."""
    return {"kind": "append", "entity": "chat/c1", "field": "turn", "value": {"role": "user", "text": text}}


def held(desk: Desk) -> list[dict[str, Any]]:
    """What devices said, as the node holds it."""
    ops = httpx.get(f"{desk.url}/sync/pull?limit=1000", timeout=PATIENCE, trust_env=False).json()["ops"]
    return [op for op in ops if not op["device"].startswith("@")]


def _turns(desk: Desk) -> list[str]:
    found = httpx.get(f"{desk.url}/chat/conversations/c1", timeout=PATIENCE, trust_env=False).json()
    return [each["content"] for each in found.get("messages", [])]


def opened(tab: Tab) -> None:
    """Opens the page and waits until its store is there, and is there again without a network."""
    tab.go("/settings")
    until(lambda: bool(tab.page.evaluate(CONTROLLED)), "the service worker controls the page")
    tab.page.get_by_role("button", name="Export what is kept").wait_for()


def test_what_is_written_offline_arrives_once(own: Desk, open_tab: Callable[..., Tab]) -> None:
    """The server stops; three things are said in two tabs, and an order; the page is loaded anew; it is back."""
    with own.serving():
        own.port = int(own.url.rpartition(":")[2])
        tab = open_tab(own, "phone")
        opened(tab)
    second = tab.context.new_page()
    second.goto(f"{tab.url}/app/settings")
    call(tab.page, "say", [turn("one"), turn("two")], "n1")
    call(second, "say", [turn("three")], "n2")
    call(second, "say", [turn("three")], "n2")  # its answer was lost: said again, it is the same
    tab.go("/settings")  # from what the browser keeps
    order = {"action": "cancel", "mission": "nightly-check", "digest": "", "body": {}}
    order["expires"] = int((time.time() + 3600) * 1000)  # type: ignore[assignment]
    call(tab.page, "say", [{"kind": "append", "entity": "intent/i1", "field": "intent", "value": order}], "n3")
    tab.page.get_by_text("4 things not sent yet").wait_for()
    with own.serving():
        until(lambda: len(held(own)) >= 4, "everything is at the node")
        tab.page.get_by_text("Everything is sent").wait_for()
        said = [(op["seq"], op["value"].get("text")) for op in held(own)]
        assert said == [(1, "one"), (2, "two"), (3, "three"), (4, None)]
        assert len({op["device"] for op in held(own)}) == 1
        until(lambda: len(call(tab.page, "of", "intent/i1")) == 2, "what became of the order is in the browser")
        outcome = call(tab.page, "of", "intent/i1")[1]
        assert (outcome["field"], outcome["value"]["state"]) == ("outcome", "done"), outcome
        until(lambda: _turns(own) == ["one", "two", "three"], "the chat has the turns")
    second.close()


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


@pytest.fixture
def plain_browser(chromium: Browser) -> Iterator[Browser]:
    """A browser for which the node is on another machine, over plain HTTP."""
    rules = "--host-resolver-rules=MAP app.example.test 127.0.0.1"
    words = ["--no-sandbox", "--disable-gpu", rules]
    browser = chromium.browser_type.launch(executable_path=require_program("chromium"), args=words)
    yield browser
    browser.close()


@pytest.mark.nightly
def test_over_plain_http_the_page_says_that_nothing_is_kept(own: Desk, plain_browser: Browser) -> None:
    """The browser keeps nothing for such a page: it works all the same, and says so."""
    own.hosts = "app.example.test"
    with own.serving():
        port = own.url.rpartition(":")[2]
        tab = Tab.open(plain_browser, f"http://app.example.test:{port}", "phone")
        tab.go("/settings")
        tab.page.get_by_text("opened over plain HTTP: what is done without a node").wait_for()
        tab.close()
