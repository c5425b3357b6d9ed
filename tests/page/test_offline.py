"""The page without its node: it starts from what the browser keeps, and heals when the two do not belong together."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from tests.page.chat_model import ChatModel
from tests.page.desk import Desk
from tests.page.store import call
from tests.page.tab import Tab
from tests.page.test_chat import say
from tests.waiting import PATIENCE, until

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


def test_what_is_asked_while_the_node_is_dead_is_answered_once(
    own: Desk, model: ChatModel, open_tab: Callable[..., Tab]
) -> None:
    """The node is killed; three messages are written, in a chat that was and in a new one, and the page is loaded anew
    from what is kept. When the node is back they come to it by themselves, in order, each once, and are answered."""
    own.model_url = model.url
    with own.serving() as process:
        own.port = int(own.url.rpartition(":")[2])
        tab = open_tab(own, "phone")
        tab.go("/chat")
        until(lambda: call(tab.page, "standing"), "the store is open")
        tab.until(CONTROLLED)
        say(tab, "Before.")
        expect(tab.page.locator("main article footer")).to_contain_text("tokens in")
        chat = tab.page.url.partition("?")[2]
        own.kill(process)
        say(tab, "In the same chat.")
        expect(tab.page.locator(".held")).to_have_count(1)
        tab.go("/chat")
        for number, text in enumerate(("In a new one.", "And more there."), 1):
            say(tab, text)
            expect(tab.page.locator(".held")).to_have_count(number)
        tab.go(f"/chat?{chat}")
        expect(tab.page.locator(".held")).to_contain_text("In the same chat.")
    with own.serving():
        expect(tab.page.locator(".held")).to_have_count(0)
        until(lambda: call(tab.page, "questions") == [], "all of them are heard")
        until(
            lambda: len(said_at(own)) == 2 and all(len(each) == 4 for each in said_at(own)), "all of them are answered"
        )
        mine = [[each["content"] for each in said if each["role"] == "user"] for said in said_at(own)]
    assert sorted(mine) == [["Before.", "In the same chat."], ["In a new one.", "And more there."]]


def said_at(desk: Desk) -> list[list[dict[str, str]]]:
    """What each conversation at a node has."""
    with httpx.Client(base_url=desk.url, timeout=PATIENCE, trust_env=False) as asked:
        listed = asked.get("/chat/conversations").json()["conversations"]
        return [asked.get(f"/chat/conversations/{one['id']}").json()["messages"] for one in listed]


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
