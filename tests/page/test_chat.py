"""Chat on the page: a streamed answer, tools that ask, a line that breaks, and what is typed stays."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.page.chat_model import ChatModel
from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab

ATTACKS = "document.querySelectorAll('main img, main script, main iframe, main a[href^=\"javascript\"]').length"
OpenTab = Callable[[Desk, str], Tab]


def say(tab: Tab, text: str) -> None:
    """Types a message and sends it."""
    tab.page.get_by_label("Message").fill(text)
    tab.page.get_by_role("button", name="Send", exact=True).click()


@pytest.mark.parametrize("size", [pytest.param("phone", marks=pytest.mark.nightly), "wide"])
def test_an_answer_is_text_and_says_who_gave_it(request: pytest.FixtureRequest, size: str) -> None:
    """What the model says is shown as nodes and marks; below stand node, model, tokens and the first word."""
    tab: Tab = request.getfixturevalue(size)
    tab.go("/chat?project=shop")
    say(tab, "What is the <b>limit</b>?")
    tab.page.wait_for_url("**/app/chat?c=*")
    foot = tab.page.locator("main article footer")
    expect(foot).to_contain_text("212 tokens in, 180 cached · 40 out")
    expect(foot).to_contain_text("paper-8b by openai")
    expect(foot).to_contain_text("desk")
    expect(foot).to_contain_text("first word after")
    answer = tab.page.locator("main article")
    expect(answer.locator("strong")).to_have_text("1000 g")
    assert "<img src=x onerror=alert(1)>" in answer.inner_text()
    assert tab.js(ATTACKS) == 0
    assert answer.locator(".mark").count()
    expect(tab.page.get_by_role("log")).to_contain_text("What is the <b>limit</b>?")
    assert tab.axe() == []
    tab.page.reload()
    expect(tab.page.locator("main article footer")).to_contain_text("212 tokens in")
    if size == "phone":
        tab.page.set_viewport_size(NARROW)
    assert tab.overflow() <= 0
    assert tab.shift() < 0.1


def test_a_call_waits_for_a_word_and_is_kept(wide: Tab, phone: Tab) -> None:
    """What a tool is to do is shown as it is and done after a yes; the trace stays, also for who comes later."""
    tab, other = wide, phone
    tab.go("/chat")
    tab.page.get_by_label("May use tools").check()
    say(tab, "Write my notes down.")
    question = tab.page.get_by_role("region", name="It asks to use write.")
    expect(question).to_contain_text("<b>bold</b>")
    expect(question.locator(".mark")).to_have_count(1)
    other.load(tab.page.url.removeprefix(f"{tab.url}/app"))
    expect(other.page.get_by_role("region", name="It asks to use write.")).to_be_visible()
    question.get_by_role("button", name="Allow").click()
    expect(tab.page.locator("main article strong")).to_have_text("written")
    expect(tab.page.locator("main article footer")).to_be_visible()
    tab.page.reload()  # from the node's record, as whoever comes later sees it
    tab.page.get_by_text("write notes.txt").click()
    expect(tab.page.locator("main article pre").first).to_contain_text('"path": "notes.txt"')
    assert tab.axe() == []
    tab.page.get_by_role("button", name="Make a mission of this").click()
    tab.page.wait_for_url("**/app/missions/*")


def test_an_answer_is_stopped_and_what_came_stays(wide: Tab, model: ChatModel) -> None:
    """Stop ends it; the half that came stays, and says that it was stopped, here and at the node."""
    model.go_on.clear()
    wide.go("/chat")
    say(wide, "Answer slowly.")
    expect(wide.page.get_by_text("This is the first half,", exact=True)).to_be_visible()
    wide.page.get_by_label("Message").fill("typed meanwhile")
    wide.page.get_by_role("button", name="Stop").click()
    expect(wide.page.locator("main article footer")).to_contain_text("stopped")
    expect(wide.page.get_by_text("This is the first half,", exact=True)).to_be_visible()
    expect(wide.page.get_by_label("Message")).to_have_value("typed meanwhile")
    wide.page.wait_for_url("**/app/chat?c=*")
    wide.page.reload()
    expect(wide.page.get_by_label("Message")).to_have_value("typed meanwhile")
    model.go_on.set()


def test_what_was_typed_outlives_a_line_that_is_cut(wide: Tab) -> None:
    """Nobody answers: the words wait, through a reload; they can be had back, and are heard once at the second try."""
    tab = wide
    tab.go("/chat")
    tab.page.route("**/chat/stream", lambda route: route.abort())
    say(tab, "Does this arrive?")
    waits = tab.page.locator(".held")
    expect(waits).to_contain_text("It is sent by itself as soon as one does")
    expect(tab.page.get_by_label("Message")).to_have_value("")
    assert tab.axe() == []
    tab.page.reload()
    waits.get_by_role("button", name="Take it back").click()
    expect(waits).to_have_count(0)
    expect(tab.page.get_by_label("Message")).to_have_value("Does this arrive?")
    tab.page.get_by_role("button", name="Send", exact=True).click()
    expect(waits).to_have_count(1)
    tab.page.unroute("**/chat/stream")
    with suppress(PlaywrightTimeout):  # where it was sent by itself before
        waits.get_by_role("button", name="Send now").click(timeout=2000)
    expect(tab.page.locator("main article footer")).to_contain_text("tokens in")
    expect(waits).to_have_count(0)
    expect(tab.page.get_by_role("log").get_by_text("Does this arrive?")).to_have_count(1)


def test_a_message_that_waits_is_asked_again_where_its_conversation_was_busy(wide: Tab) -> None:
    """Its first sending may still be answered when it comes again (409): it goes by itself when that is over."""
    wide.go("/chat")
    away, busy = threading.Event(), list[str]()
    away.set()

    def refuse(route: Route) -> None:
        if away.is_set():
            return route.abort()
        busy.append(route.request.headers["idempotency-key"])
        if len(busy) > 1:
            return route.continue_()
        told = '{"status": 409, "title": "Conflict", "detail": "one answer at a time"}'
        return route.fulfill(status=409, content_type="application/problem+json", body=told)

    wide.page.route("**/chat/stream", refuse)
    say(wide, "Is this asked again?")
    waits = wide.page.locator(".held")
    expect(waits).to_have_count(1)
    away.clear()
    with suppress(PlaywrightTimeout):  # where it was sent by itself before
        waits.get_by_role("button", name="Send now").click(timeout=2000)
    expect(wide.page.locator("main article footer")).to_contain_text("tokens in")
    expect(waits).to_have_count(0)
    assert len(busy) >= 2
    assert len(set(busy)) == 1
    expect(wide.page.get_by_role("log").get_by_text("Is this asked again?")).to_have_count(1)


@pytest.mark.nightly
def test_a_line_cut_in_the_middle_says_so_and_goes_on(wide: Tab) -> None:
    """A stream that ends without an end keeps what came; trying again finds the answer that the node has, or asks."""
    wide.go("/chat")
    say(wide, "Begin.")
    expect(wide.page.locator("main article footer")).to_contain_text("tokens in")
    identity = re.search(r"c=([^&]+)", wide.page.url)
    assert identity
    start = (
        f'{{"conversation_id": "{identity[1]}", "node": "desk", "model": "m", "backend": "b", "project": "", '
        '"good_for": "answers", "advice": "", "notes": [], "tiers": [], "cut": []}'
    )
    cut = f'event: start\ndata: {start}\n\nevent: token\ndata: {{"text": "Half of"}}\n\n: ping\n\n'
    wide.page.route(
        "**/chat/stream", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=cut)
    )
    say(wide, "Go on.")
    note = wide.page.get_by_role("alert")
    expect(note).to_contain_text("The line broke before the answer was whole.")
    expect(wide.page.get_by_text("Half of")).to_be_visible()
    wide.page.unroute("**/chat/stream")
    note.get_by_role("button", name="Try again").click()
    expect(note).to_have_count(0)


def test_a_refusal_is_told_in_plain_words(phone: Tab) -> None:
    """A busy node, a busy conversation: its own words, and what was typed stays."""
    phone.go("/chat")
    phone.answer("**/chat/stream", {"status": 409, "title": "Conflict", "detail": "one answer at a time"}, 409)
    say(phone, "Twice?")
    expect(phone.page.get_by_role("alert")).to_contain_text("one answer at a time")
    expect(phone.page.get_by_label("Message")).to_have_value("Twice?")
    assert phone.axe() == []


def test_conversations_are_listed_and_taken_out(phone: Tab) -> None:
    """The list has the newest first, leads to each, and a deleted one is gone from it."""
    phone.go("/chat")
    say(phone, "A chat to be deleted")
    expect(phone.page.locator("main article footer")).to_contain_text("tokens in")
    phone.page.get_by_role("button", name="Conversations").click()
    sheet = phone.page.get_by_role("dialog")
    expect(sheet.get_by_role("link").first).to_contain_text("A chat to be deleted")
    assert phone.axe() == []
    sheet.get_by_role("link").first.click()
    expect(sheet).to_have_count(0)
    phone.page.get_by_role("button", name="Delete this chat").click()
    phone.page.get_by_role("button", name="Delete it").click()
    phone.page.wait_for_url("**/app/chat")
    phone.page.get_by_role("button", name="Conversations").click()
    expect(phone.page.get_by_role("dialog").get_by_text("A chat to be deleted")).to_have_count(0)


@pytest.mark.nightly
def test_speech_is_hidden_where_there_is_none(open_tab: OpenTab, desk: Desk) -> None:
    """A browser without speech recognition shows no microphone; one with it types what was understood."""
    bare = open_tab(desk, "desktop")
    bare.context.add_init_script("delete globalThis.SpeechRecognition; delete globalThis.webkitSpeechRecognition;")
    bare.go("/chat")
    expect(bare.page.get_by_role("button", name="Speak")).to_have_count(0)
    able = open_tab(desk, "desktop")
    able.context.add_init_script(
        "globalThis.SpeechRecognition = class { start() { setTimeout(() => { "
        "this.onresult({ results: [[{ transcript: 'said aloud' }]] }); this.onend(); }, 10); } stop() {} abort() {} }"
    )
    able.go("/chat")
    able.page.get_by_role("button", name="Speak").click()
    expect(able.page.get_by_label("Message")).to_have_value("said aloud")


def test_the_desk_has_chat_tools_output_and_log_side_by_side(wide: Tab) -> None:
    """On a wide window three columns, nothing wider than it; the workspace is chosen for all of them; a chat that is
    begun or chosen there stays there, with what its tools did; on a narrow window all stands below the other."""
    tab = wide
    tab.page.set_viewport_size({"width": 1440, "height": 900})
    tab.go("/desk")
    beside = tab.page.get_by_role("complementary", name="Tools, output and log")
    expect(beside).to_contain_text("Nothing runs now")
    expect(beside).to_contain_text("No tool was used in this chat")
    tab.page.get_by_label("Workspace").select_option("shop")
    tab.page.wait_for_url("**/app/desk?project=shop")
    expect(beside.get_by_role("link", name="The limit of a parcel is inclusive")).to_be_visible()
    tab.page.get_by_label("May use tools").check()
    say(tab, "Said at the desk")
    tab.page.get_by_role("button", name="Allow").click()
    tab.page.wait_for_url("**/app/desk?c=*")
    expect(tab.page.locator("main article footer")).to_be_visible()
    expect(beside.get_by_text("write notes.txt")).to_be_visible()
    places = [tab.page.get_by_role("log", name="What was said"), *(beside.locator("section").nth(n) for n in (0, 2))]
    boxes = [each.bounding_box() for each in places]
    ends = [(box["x"], box["x"] + box["width"]) for box in boxes if box]
    assert [end <= begin for (_, end), (begin, _) in zip(ends, [*ends[1:], (1440, 0)], strict=True)] == [True] * 3
    assert tab.axe() == []
    tab.page.get_by_role("button", name="New", exact=True).click()
    tab.page.get_by_role("button", name="Conversations").click()
    tab.page.get_by_role("dialog").get_by_role("link", name="Said at the desk").first.click()
    tab.page.wait_for_url("**/app/desk?c=*")
    tab.page.set_viewport_size(NARROW)
    assert tab.overflow() <= 0
