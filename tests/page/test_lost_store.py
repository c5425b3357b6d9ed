"""What if the browser takes back what it kept, or has no room? The page says so, and nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from tests.page.desk import Desk
from tests.page.nodes import begin, confirm
from tests.page.store import call, held, opened
from tests.page.tab import Tab
from tests.page.test_chat import say
from tests.page.test_devices import code_on
from tests.waiting import until

DEVICE_MAY = ("look", "chat", "missions", "sync")
UNSENT = "JSON.parse(localStorage.getItem('shiftbook.store') ?? '{}').unsent"
EVICTED = "file_systems,indexeddb,cache_storage,service_workers"
"""What a browser takes back that is short of room; what stands in local storage is not counted."""


def paired(tab: Tab, desk: Desk, may: Sequence[str] = DEVICE_MAY) -> None:
    """Pairs the tab's browser, which shows the screen for it, by the link of a code."""
    begun = begin(desk.url, list(may))
    tab.page.get_by_label("Or paste the link").fill(str(begun["link"]))
    tab.page.get_by_role("button", name="Use it").click()
    tab.page.get_by_role("button", name="Ask to come in").click()
    confirm(desk.url, str(begun["id"]), code_on(tab))
    tab.page.get_by_text("This device is paired.").wait_for()


def wrote(text: str, chat: str = "chat/kept") -> dict[str, Any]:
    """A turn of a chat."""
    return {"kind": "append", "entity": chat, "field": "turn", "value": {"role": "user", "text": text}}


def at(desk: Desk, chat: str = "chat/kept") -> list[tuple[str, str]]:
    """What was said in a chat, as the node has it, with who said it."""
    return [(op["value"]["text"], op["device"]) for op in held(desk) if op["entity"] == chat]


def test_a_store_that_was_evicted_is_told_and_comes_back(visitor: Tab, desk: Desk) -> None:
    """The key is gone with it, so the device is paired again; what the node had is there again, once, and how much was
    never sent is said."""
    visitor.go("/pair")
    paired(visitor, desk)
    opened(visitor)
    call(visitor.page, "say", [wrote("sent")], "n1")
    until(lambda: len(at(desk)) == 1, "it is at the node")
    until(lambda: call(visitor.page, "standing")["pending"] == 0, "the store knows that")
    visitor.context.set_offline(True)
    call(visitor.page, "say", [wrote("not sent")], "n2")
    visitor.until(f"{UNSENT} === 1")
    visitor.page.goto("about:blank")
    wire = visitor.context.new_cdp_session(visitor.page)
    wire.send("Storage.clearDataForOrigin", {"origin": desk.url, "storageTypes": EVICTED})
    visitor.context.set_offline(False)
    visitor.load("/missions")
    bar = visitor.page.locator(".bar", has_text="has removed what it kept here")
    expect(bar).to_contain_text("this device’s key with it")
    expect(bar).to_contain_text("1 thing that was not sent yet went with it")
    assert visitor.axe() == []
    bar.get_by_role("link", name="Pair this device").click()
    visitor.page.wait_for_url("**/app/pair")
    paired(visitor, desk)
    expect(bar).not_to_contain_text("key")
    until(lambda: [op["value"]["text"] for op in call(visitor.page, "of", "chat/kept")] == ["sent"], "it is back")
    call(visitor.page, "say", [wrote("after")], "n3")
    until(lambda: len(at(desk)) == 2, "what is said now arrives")
    (first, before), (second, after) = at(desk)
    assert (first, second) == ("sent", "after")
    assert before != after
    bar.get_by_role("button", name="Close").click()
    visitor.load("/missions")
    expect(bar).to_have_count(0)


def test_in_a_full_browser_what_is_said_goes_first(visitor: Tab, desk: Desk) -> None:
    """No room: what was read gives way to what a person says, the page says so, and all of it arrives once."""
    opened(visitor)
    wire = visitor.context.new_cdp_session(visitor.page)
    used = wire.send("Storage.getUsageAndQuota", {"origin": desk.url})["usage"]
    wire.send("Storage.overrideQuotaForOrigin", {"origin": desk.url, "quotaSize": used + 2_000_000})
    for size in (1_500_000, 300_000, 50_000, 5_000, 10):
        _fill(visitor, size)
    visitor.go("/missions")
    bar = visitor.page.locator(".bar", has_text="room is full")
    expect(bar).to_contain_text("What you say still is")
    visitor.context.set_offline(True)
    visitor.go("/chat")
    say(visitor, "Said in a full browser.")
    expect(visitor.page.locator(".held")).to_have_count(1)
    words = [f"full {n}" for n in range(4)]
    for text in words:
        call(visitor.page, "say", [wrote(text, "chat/full")], text)
        _kept(visitor, f"/between/{text}", "x" * 100_000)  # room for it is not taken from the next words
    visitor.context.set_offline(False)
    until(lambda: [text for text, _ in at(desk, "chat/full")] == words, "each is at the node, once")
    expect(visitor.page.locator("main article footer")).to_contain_text("tokens in")
    expect(visitor.page.locator(".held")).to_have_count(0)
    wire.send("Storage.overrideQuotaForOrigin", {"origin": desk.url})


def _fill(tab: Tab, size: int) -> None:
    """Keeps answers of so many characters until there is no room for another."""
    for n in range(60):
        if not _kept(tab, f"/filling/{size}/{n}", "x" * size):
            return
    raise AssertionError(f"{n} answers of {size} characters, and no end")


def _kept(tab: Tab, path: str, data: str) -> bool:
    try:
        call(tab.page, "writeAnswer", path, {"data": data, "etag": None, "at": int(time.time() * 1000)})
    except PlaywrightError as error:
        if "StoreFull" not in str(error):
            raise
        return False
    return True
