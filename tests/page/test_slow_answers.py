"""A slow line: what a person does meanwhile is neither lost nor done twice; old answers do not replace newer ones."""

from __future__ import annotations

import re
from typing import Any

import httpx
from playwright.sync_api import FilePayload, Route, expect

from tests.missions.attachments.pictures import png
from tests.page.desk import Desk
from tests.page.held import held
from tests.page.tab import Tab
from tests.page.test_chat import say
from tests.waiting import PATIENCE

NEWS = "new BroadcastChannel('shiftbook-live').postMessage({ event: { kind: 'ledger', data: '{}', id: '' } })"
"""The ledger moved, as another tab that holds the stream tells of it."""
TWICE = "(key) => { for (const _ of [1, 2]) dispatchEvent(new KeyboardEvent('keydown', { key })); }"


def told(desk: Desk, path: str) -> Any:
    """What the node answers."""
    return httpx.get(f"{desk.url}{path}", timeout=PATIENCE, trust_env=False).json()


def test_a_word_about_a_result_is_given_once_and_nobody_is_taken_away(wide: Tab) -> None:
    """Two presses are one approval; a rejection whose answer is late is sent once, and leaves who has gone on there."""
    wide.go("/review/fix-the-auth-bug")
    expect(wide.page.get_by_role("button", name="Approve")).to_be_enabled()
    wide.js(TWICE, "a")
    undo = wide.page.get_by_role("button", name="Undo")
    undo.first.wait_for()
    expect(undo).to_have_count(1)
    undo.click()
    assert wide.js("localStorage.getItem('shiftbook.undoable')") == "[]"
    wide.go("/review/fix-the-auth-bug")
    wide.page.get_by_role("button", name="Reject…").click()
    wide.page.get_by_role("textbox").fill("It is too long.")
    with held(wide.page, "**/approval", "PUT", answer=lambda route: route.fulfill(json={})) as sent:
        wide.page.get_by_role("button", name="Send it back").dblclick()
        sent.wait()
        wide.page.keyboard.press("Escape")
        wide.go("/missions")
        sent.let_go()
        expect(wide.page.get_by_text("Sent back").first).to_be_visible()
        assert sent.total == 1
    expect(wide.page).to_have_url(re.compile("/app/missions$"))


def test_what_is_written_while_a_mission_is_filed_stays(wide: Tab) -> None:
    """The next words, which are not filed with it; and who has gone elsewhere is not taken to it."""
    wide.go("/missions/new")
    text = wide.page.get_by_label("Mission", exact=True)
    text.fill("The first.")

    def filed(route: Route) -> None:
        route.fulfill(status=201, json={"name": "the-first"})

    with held(wide.page, "**/api/v1/missions", "POST", answer=filed) as sent:
        wide.page.get_by_role("button", name="File it").click()
        sent.wait()
        text.fill("The second.")
        text.press("Control+Enter")
        wide.go("/missions")
        sent.let_go()
        expect(wide.page.get_by_text("the-first").first).to_be_visible()
        expect(wide.page).to_have_url(re.compile("/app/missions$"))
        assert sent.total == 1
    wide.go("/missions/new")
    expect(text).to_have_value("The second.")
    expect(wide.page.get_by_role("button", name="File it")).to_be_enabled()


def test_a_mission_with_a_file_whose_answer_was_lost_is_filed_once(wide: Tab, desk: Desk) -> None:
    """The node has it, the line breaks, and the page is loaded anew: the same words with the same file are that very
    mission. Filed once more after that they are another one."""
    shot = FilePayload(name="shot.png", mimeType="", buffer=png())
    text, statuses = wide.page.get_by_label("Mission", exact=True), list[int]()

    def file() -> None:
        wide.page.locator("input[type=file]").set_input_files([shot])
        wide.page.get_by_role("list", name="Files beside it").wait_for()
        wide.page.get_by_role("button", name="File it").click()

    def lose(route: Route) -> None:
        statuses.append(route.fetch(timeout=PATIENCE * 1000).status)
        route.abort()

    def filed() -> int:
        return len(told(desk, "/api/v1/missions?q=the-line-broke")["items"])

    wide.go("/missions/new")
    text.fill("# The line broke\n")
    wide.page.route("**/api/v1/missions", lose)
    file()
    expect(wide.page.get_by_text("Files go to a node that answers", exact=False).first).to_be_visible()
    assert statuses == [201]
    wide.page.unroute("**/api/v1/missions")
    wide.page.reload()
    expect(text).to_have_value("# The line broke\n")
    file()
    wide.page.wait_for_url("**/app/missions/the-line-broke")
    assert filed() == 1
    wide.go("/missions/new")
    text.fill("# The line broke\n")
    file()
    wide.page.wait_for_url("**/app/missions/the-line-broke-2")
    assert filed() == 2


def test_a_list_is_of_what_was_asked_for(wide: Tab, desk: Desk) -> None:
    """A space that one stops at stays; what cannot be had does not show what was there before; a page is added once."""
    wide.go("/missions")
    search = wide.page.get_by_role("searchbox")
    search.press_sequentially("auth ")
    wide.page.wait_for_url("**/app/missions?q=auth")
    search.press_sequentially("bug")
    expect(search).to_have_value("auth bug")
    wide.page.wait_for_url("**/app/missions?q=auth+bug")
    rows = wide.page.locator("main ol li")
    expect(rows).to_have_count(1)
    wide.page.route("**/api/v1/missions?*state=parked*", lambda route: route.abort())
    wide.page.get_by_role("combobox", name="State").select_option("parked")
    expect(wide.page.locator("main [role=alert]")).to_contain_text("No node answers")
    expect(rows).to_have_count(0)
    search.fill("")
    wide.page.wait_for_url("**/app/missions?state=parked")
    one = told(desk, "/api/v1/missions?limit=1")["items"][0]
    wide.answer("**/api/v1/missions?*state=dead*", {"items": [one | {"name": "a"}], "next": "a"})
    wide.page.get_by_role("combobox", name="State").select_option("dead")
    more = {"items": [one | {"name": "b"}], "next": None}
    with held(wide.page, "**/api/v1/missions?*after=a*", answer=lambda route: route.fulfill(json=more)) as pages:
        wide.page.get_by_role("button", name="Show more").dblclick()
        pages.wait()
        pages.let_go()
        expect(rows).to_have_count(2)
        assert pages.total == 1


def test_an_old_answer_does_not_replace_what_was_said_since(wide: Tab) -> None:
    """A conversation that is being read while a question is asked and answered has both in the end."""
    wide.go("/chat")
    say(wide, "The first question.")
    wide.page.wait_for_url("**/app/chat?c=*")
    foot = wide.page.locator("main article footer")
    expect(foot).to_contain_text("tokens in")
    with held(wide.page, "**/chat/conversations/*", early=True) as reads:
        wide.page.reload()
        reads.wait()
        say(wide, "The second question.")
        expect(foot).to_contain_text("tokens in")
        reads.let_go()
        reads.wait(2)
    expect(wide.page.get_by_role("log")).to_contain_text("The first question.")
    expect(wide.page.get_by_role("log")).to_contain_text("The second question.")
    expect(foot).to_have_count(2)


def test_what_is_typed_beside_a_mission_outlives_news_of_it(wide: Tab, desk: Desk) -> None:
    """News do not take a figure out of the field in which it is typed, nor a sent word the next one; news that come
    faster than answers do not keep the answers away.
    """
    place = "/api/v1/missions/fix-the-auth-bug"
    mission = told(desk, place) | {"status": "parked", "budget_usd": 5.0, "title": "As it was"}
    wide.answer(f"**{place}", mission)
    wide.go("/missions/fix-the-auth-bug")
    budget = wide.page.get_by_label("Budget in dollars")
    budget.fill("7.5")
    word = wide.page.get_by_label("Say something to it")
    with held(wide.page, "**/messages", "POST", answer=lambda route: route.fulfill(json={"says": "Heard."})) as sent:
        word.fill("Stop.")
        wide.page.get_by_role("button", name="Send").dblclick()
        sent.wait()
        word.fill("And go on.")
        sent.let_go()
        expect(wide.page.get_by_text("Heard.").first).to_be_visible()
        assert sent.total == 1
    expect(word).to_have_value("And go on.")
    fresh = mission | {"title": "As it is"}
    with held(wide.page, f"**{place}", answer=lambda route: route.fulfill(json=fresh)) as reads:
        wide.js(f"() => {{ for (const _ of [1, 2, 3]) {NEWS}; }}")
        reads.wait()
        reads.let_go()
        expect(wide.page.get_by_role("heading", level=1)).to_have_text("As it is")
        reads.wait(2)
        assert reads.total == 2
    expect(budget).to_have_value("7.5")
    expect(word).to_have_value("And go on.")


def test_an_older_answer_does_not_say_who_one_is(wide: Tab, desk: Desk) -> None:
    """Of two questions who one is, the newer one's answer counts, whichever comes first."""
    me = told(desk, "/api/v1/me")
    with held(wide.page, "**/api/v1/me", answer=lambda route: route.fulfill(json=me | {"version": "old"})) as late:
        wide.go("/settings")
        late.wait()
        wide.answer("**/api/v1/me", me | {"version": "new"})
        wide.page.get_by_role("button", name="Save").first.click()
        version = wide.page.get_by_text("desk · new")
        expect(version).to_be_visible()
        with wide.page.expect_response("**/api/v1/me"):
            late.let_go()
        wide.js("new Promise((done) => setTimeout(done))")
        expect(version).to_be_visible()
