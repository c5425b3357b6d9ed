"""The page without its node: nothing that is done meanwhile is lost, and it heals when the two do not fit together."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, Route, expect

from tests.page.chat_model import ChatModel
from tests.page.desk import Desk
from tests.page.offered_model import NAME, offer_model
from tests.page.store import CONTROLLED, call, held, opened, turn
from tests.page.tab import Tab
from tests.page.test_chat import say
from tests.page.tiny_model import ANSWER, write_tiny_model
from tests.waiting import PATIENCE, until


def test_nothing_is_lost_while_the_node_is_away(
    own: Desk, model: ChatModel, open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    """Its power goes; screens are read, messages written in chats that were and that were not, things said in two tabs,
    an order given. It is back: all of that is there once, and answered. It is stopped again, and this device's own
    model answers; it is back, and that is there once, too. The engine is the real one; the model has four words."""
    own.model_url = model.url
    with own.serving() as process:
        tab = open_tab(own, "phone")
        tab.go("/missions")
        expect(tab.page.get_by_role("link", name="Nightly dependency check")).to_be_visible()
        opened(tab)
        tab.go("/chat")
        say(tab, "Before.")
        expect(tab.page.locator("main article footer")).to_contain_text("tokens in")
        chat = tab.page.url.partition("?")[2]
        own.kill(process)
    _what_was_read_is_there(tab)
    second = _said_in_two_tabs(tab)
    _asked_in_vain(tab, chat)
    with own.serving():
        _is_there_once(own, tab)
        _is_answered_once(own, tab)
        second.close()
        _fetched(tab, tmp_path)
    _answered_on_the_device(tab)
    with own.serving():
        until(lambda: call(tab.page, "standing")["pending"] == 0, "nothing is left to be sent")
        both = [("user", "Who is <b>there</b>?"), ("assistant", ANSWER)]
        until(lambda: both in [[(each["role"], each["content"].strip()) for each in one] for one in said_at(own)], "it")
        assert len(said_at(own)) == 4


def _what_was_read_is_there(tab: Tab) -> None:
    """Every screen opens, loaded anew or gone to, and says that no node answers."""
    tab.load("/missions")
    expect(tab.page.get_by_role("link", name="Nightly dependency check")).to_be_visible()
    for path in ("/", "/settings", "/fleet"):
        tab.go(path)
        tab.settled()
        expect(tab.page.get_by_text("no node answers").locator("visible=true").first).to_be_visible()


def _said_in_two_tabs(tab: Tab) -> Page:
    """Three things and an order, by two tabs of one browser; the second one."""
    second = tab.context.new_page()
    second.goto(f"{tab.url}/app/settings")
    call(tab.page, "say", [turn("one"), turn("two")], "n1")
    call(second, "say", [turn("three")], "n2")
    call(second, "say", [turn("three")], "n2")  # its answer was lost: said again, it is the same
    order: dict[str, Any] = {"action": "cancel", "mission": "nightly-check", "digest": "", "body": {}}
    order["expires"] = int((time.time() + 3600) * 1000)
    call(tab.page, "say", [{"kind": "append", "entity": "intent/i1", "field": "intent", "value": order}], "n3")
    tab.go("/settings")
    tab.page.get_by_text("4 things not sent yet").wait_for()
    return second


def _asked_in_vain(tab: Tab, chat: str) -> None:
    """Messages wait in their conversations, through a load."""
    tab.go(f"/chat?{chat}")
    say(tab, "In the same chat.")
    expect(tab.page.locator(".held")).to_have_count(1)
    tab.load("/chat")
    for number, text in enumerate(("In a new one.", "And more there."), 1):
        say(tab, text)
        expect(tab.page.locator(".held")).to_have_count(number)
    tab.load(f"/chat?{chat}")
    expect(tab.page.locator(".held")).to_contain_text("In the same chat.")


def _is_there_once(desk: Desk, tab: Tab) -> None:
    until(lambda: len(held(desk)) >= 4, "everything is at the node")
    until(lambda: call(tab.page, "standing")["pending"] == 0, "nothing is left to be sent")
    mine = [op for op in held(desk) if op["entity"] in ("chat/c1", "intent/i1")]
    assert [op["value"].get("text") for op in mine] == ["one", "two", "three", None]
    assert len({op["device"] for op in mine}) == 1
    until(lambda: len(call(tab.page, "of", "intent/i1")) == 2, "what became of the order is in the browser")
    outcome = call(tab.page, "of", "intent/i1")[1]
    assert (outcome["field"], outcome["value"]["state"]) == ("outcome", "done"), outcome


def _is_answered_once(desk: Desk, tab: Tab) -> None:
    expect(tab.page.locator(".held")).to_have_count(0)
    until(lambda: call(tab.page, "questions") == [], "all of them are heard")
    until(lambda: sorted(map(len, said_at(desk))) == [3, 4, 4], "all of them are answered")
    asked = [[each["content"] for each in said if each["role"] == "user"] for said in said_at(desk)]
    assert sorted(asked) == [
        ["Before.", "In the same chat."],
        ["In a new one.", "And more there."],
        ["one", "two", "three"],
    ]


def _fetched(tab: Tab, folder: Path) -> None:
    """The model is fetched and kept. The node's offer stands in: that the node makes it is shown elsewhere."""
    write_tiny_model(folder / "tiny.gguf")
    offer_model(tab, (folder / "tiny.gguf").read_bytes())
    tab.go("/settings")
    tab.page.get_by_role("button", name="Fetch it").click()
    tab.page.get_by_text(f"{NAME} is kept here").wait_for()


def _answered_on_the_device(tab: Tab) -> None:
    """With the node gone: an answer that says whose it is, and is there when the page is loaded anew."""
    tab.go("/chat")
    say(tab, "Who is <b>there</b>?")
    answer = tab.page.locator("main article")
    expect(answer.locator("footer")).to_contain_text(f"This device · {NAME} (a toy)")
    expect(answer).to_contain_text(ANSWER)
    tab.page.wait_for_url("**/app/chat?c=*")
    tab.page.reload()
    expect(answer.locator("footer")).to_contain_text(f"{NAME}, on the device (a toy)")


def said_at(desk: Desk) -> list[list[dict[str, str]]]:
    """What each conversation at a node has."""
    with httpx.Client(base_url=desk.url, timeout=PATIENCE, trust_env=False) as asked:
        listed = asked.get("/chat/conversations").json()["conversations"]
        return [asked.get(f"/chat/conversations/{one['id']}").json()["messages"] for one in listed]


def test_an_order_from_offline_that_was_not_done_is_told(visitor: Tab, desk: Desk) -> None:
    """What is done is silent; what is refused is said at once, to those who listen too, and stands in Missions with the
    node's reason until a person has seen it."""
    opened(visitor)
    visitor.go("/missions")
    order = {"action": "cancel", "mission": "no-such-one", "expires": int((time.time() + 3600) * 1000)}
    said = {"kind": "append", "entity": "intent/refused-one", "field": "intent", "value": order}
    call(visitor.page, "say", [said], "n1")
    toast = visitor.page.locator(".toast", has_text="Not done: Call off “no-such-one”")
    expect(toast).to_contain_text("no mission")
    expect(visitor.page.get_by_role("status").filter(has_text="Not done")).to_contain_text("no mission")
    line = visitor.page.get_by_role("region", name="Orders from offline").get_by_role("listitem")
    line = line.filter(has_text="no-such-one")
    expect(line).to_contain_text("no mission")
    assert visitor.axe() == []
    visitor.load("/missions")
    expect(line).to_contain_text("refused")
    visitor.page.get_by_role("button", name="I have seen it: Call off “no-such-one”").click()
    expect(line).to_have_count(0)


def test_a_mission_whose_answer_was_lost_is_filed_once(visitor: Tab, desk: Desk) -> None:
    """The node filed it, and the line broke before it said so: it comes again by sync, and is no second one."""
    opened(visitor)
    visitor.go("/missions/new")

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        assert route.fetch().status == 201
        return route.abort()

    visitor.page.route("**/api/v1/missions", lose)
    visitor.page.get_by_label("Mission", exact=True).fill("Count the lost answers.")
    visitor.page.get_by_role("button", name="File it").click()
    visitor.page.wait_for_url("**/app/missions")
    until(lambda: call(visitor.page, "standing")["pending"] == 0, "it is sent")
    mine = "Count the lost answers."  # what other tests ordered as this device stands there, too
    until(lambda: mine not in [one["mission"] for one in call(visitor.page, "orders")], "it is known to be done")
    asked = f"{desk.url}/api/v1/missions?q=lost%20answers"
    listed = httpx.get(asked, timeout=PATIENCE, trust_env=False).json()["items"]
    assert [one["title"] for one in listed] == [mine]


def test_words_of_a_mission_that_was_not_filed_are_had_back(visitor: Tab) -> None:
    """It was refused when a node came back: its whole text is there, and is written again from there."""
    opened(visitor)
    visitor.go("/missions")
    text = "---\nstatus: no such\n---\n\nA long text that took an hour.\n"
    order = {"action": "file", "mission": "", "expires": int((time.time() + 3600) * 1000), "body": {"text": text}}
    said = {"kind": "append", "entity": "intent/not-filed", "field": "intent", "value": order}
    call(visitor.page, "say", [said], "n1")
    orders = visitor.page.get_by_role("region", name="Orders from offline").get_by_role("listitem")
    line = orders.filter(has_text="A long text that took an hour.")
    line.get_by_text("What you wrote").click()
    expect(line).to_contain_text("A long text that took an hour.")
    assert visitor.axe() == []
    line.get_by_role("button", name="Write it again").dblclick()  # as some do with any button: it is there once
    expect(visitor.page.get_by_label("Mission", exact=True)).to_have_value(text)
    visitor.go("/missions")
    expect(line).to_have_count(0)


def test_a_node_that_does_not_take_what_was_said_is_told_of(visitor: Tab) -> None:
    """Coming again does not help: the page says how much waits, and why, on every screen."""
    opened(visitor)
    told = {"title": "Unprocessable", "detail": "at most 20 orders", "sync": {"kind": "malformed", "time": 0}}
    visitor.answer("**/sync/push", told, 422)
    call(visitor.page, "say", [turn("refused")], "n1")
    bar = visitor.page.locator(".bar", has_text="The node does not take it: at most 20 orders")
    expect(bar).to_contain_text("1 thing not sent yet.")
    assert visitor.axe() == []
    visitor.page.unroute("**/sync/push")
    expect(bar).to_have_count(0)


def test_nothing_but_the_shell_goes_through_the_worker(wide: Tab) -> None:
    """API, streams and chat are the browser's own requests, never the service worker's; it keeps none of them."""
    wide.go("/")
    wide.until(CONTROLLED)
    with wide.page.expect_response("**/api/v1/me") as told:
        wide.js("fetch('/api/v1/me').then((answer) => answer.text())")
    assert not told.value.from_service_worker
    kept = wide.js(
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
