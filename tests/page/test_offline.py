"""The page without its node: it starts from what the browser keeps, and heals when the two do not belong together."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.page.desk import Desk
from tests.page.tab import Tab

CONTROLLED = "navigator.serviceWorker.controller !== null"


def test_the_page_starts_with_its_node_gone(own: Desk, open_tab: Callable[..., Tab]) -> None:
    """Once visited, every screen opens with the server stopped, and says that no node answers."""
    with own.serving():
        tab = open_tab(own)
        tab.go("/")
        tab.until(CONTROLLED)
    for path in ("/", "/settings", "/missions"):
        tab.go(path)
        tab.settled()
        expect(tab.page.get_by_text("no node answers", exact=False).first).to_be_visible()


def test_nothing_but_the_shell_goes_through_the_worker(wide: Tab) -> None:
    """API, streams and chat are the browser's own requests, never the service worker's; it keeps none of them."""
    wide.go("/")
    wide.until(CONTROLLED)
    with wide.page.expect_response("**/api/v1/me") as told:
        wide.page.evaluate("fetch('/api/v1/me').then((answer) => answer.text())")
    assert not told.value.from_service_worker
    kept = wide.page.evaluate(
        """async () => {
          const all = [];
          for (const name of await caches.keys()) {
            for (const one of await (await caches.open(name)).keys()) all.push(new URL(one.url).pathname);
          }
          return all;
        }"""
    )
    assert kept
    assert {path for path in kept if not path.startswith("/app/")} == set()


def test_an_old_page_before_a_new_api_heals(wide: Tab) -> None:
    """A node that speaks another form of the API makes the page fetch itself anew, once; then it says so."""
    me = {
        "name": "you",
        "kind": "local",
        "scopes": ["look"],
        "device": None,
        "node": "desk",
        "role": "HEADQUARTERS",
        "fleet": "f",
    }
    me |= {"model": None, "version": "9", "api": 2, "page": "new"}
    loads: list[str] = []
    wide.page.on("framenavigated", lambda frame: loads.append(frame.url))
    wide.answer("**/api/v1/me", me)
    wide.page.goto(f"{wide.url}/app/")
    wide.page.wait_for_selector("text=This page is older than its node")
    wide.until("sessionStorage.getItem('shiftbook.healed') !== null")
    wide.page.wait_for_selector("text=This page is older than its node")
    assert 1 <= len(loads) <= 3
