"""The screens: what a person sees and does on Now, Missions, New mission and Review, against a real node."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Route, expect

from tests.acceptance.fleets import command
from tests.missions.attachments.pictures import png
from tests.page.built_files import text_of
from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab

ATTACKS = (
    "document.querySelectorAll('main img, main script, main iframe, main object, main a[href^=\"javascript\"]').length"
)
UNDO_MS = 5000
"""Milliseconds in which an approval can be taken back."""
PUT = "**/api/v1/missions/*/approval"


def big_diff(lines: int) -> dict[str, object]:
    """A diff of one file with so many lines of two hundred characters."""
    rows = [{"kind": "+", "old": None, "new": n + 1, "text": f"{n + 1} {'x' * 190}"} for n in range(lines)]
    hunk = {"heading": "", "old_start": 0, "new_start": 1, "lines": rows}
    file = {"path": "src/big.txt", "old_path": "", "status": "added", "added": lines, "removed": 0, "binary": False}
    return {
        "files": [{**file, "notes": ["new"], "hunks": [hunk]}],
        "digest": "d" * 64,
        "truncated": False,
        "bytes": 20_000_000,
    }


def read(tab: Tab, mission: str) -> None:
    """Opens a review, until the result can be decided."""
    tab.go(f"/review/{mission}")
    expect(tab.page.get_by_role("button", name="Approve")).to_be_enabled()


def test_what_waits_comes_first_with_its_button(tab: Tab) -> None:
    """Now shows what waits before all else; its button leads to the review; the rail counts it."""
    tab.go("/")
    tab.settled()
    expect(tab.page.locator("main h2").first).to_have_text("Waits for you")
    expect(tab.page.get_by_text("line 2: “priority” must be", exact=False)).to_be_visible()
    tab.page.get_by_role("link", name="Review", exact=True).locator("visible=true").last.click()
    tab.page.wait_for_url("**/app/review/**")


@pytest.mark.nightly
def test_now_follows_the_ledger(wide: Tab, desk: Desk) -> None:
    """A mission that is pushed while the page is open is counted without a reload: the event stream told it."""
    wide.go("/")
    wide.page.wait_for_selector(".corner.tall >> text=live")
    before = wide.page.locator("main header .sub").text_content()
    desk.fleet.commit({"missions/pushed-meanwhile.md": "Look at it.\n"}, "Meanwhile")
    expect(wide.page.locator("main header .sub")).not_to_have_text(str(before))


def test_filters_stand_in_the_address(wide: Tab) -> None:
    """A search and a state are in the address; the same address shows the same list."""
    wide.go("/missions")
    wide.page.get_by_role("combobox", name="State").select_option("review")
    wide.page.get_by_role("searchbox").fill("auth")
    wide.page.wait_for_url("**/app/missions?state=review&q=auth")
    expect(wide.page.locator("main ol li")).to_have_count(1)
    wide.page.reload()
    expect(wide.page.locator("main ol li")).to_have_count(1)
    wide.page.get_by_role("searchbox").fill("nothing has this")
    wide.page.get_by_role("button", name="Take the filters off").click()
    expect(wide.page.locator("main ol li").nth(2)).to_be_visible()


def test_hostile_text_is_shown_and_does_nothing(tab: Tab) -> None:
    """Tags, scripts' addresses, escape sequences and bidirectional controls are text, or marks that are seen."""
    tab.page.on("dialog", lambda dialog: tab.faults.append(f"a dialog: {dialog.message}"))
    for path in ("/missions?over=1", "/missions/hostile", "/missions?view=board"):
        tab.go(path)
        tab.settled()
        expect(tab.page.locator("main").get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
        expect(tab.page.get_by_label("hidden character RLO (U+202E)").first).to_be_visible()
        assert tab.js(ATTACKS) == 0
        assert "\u202e" not in tab.page.locator("main").inner_text()
        assert "\x1b" not in tab.page.locator("main").inner_text()


def test_a_hostile_diff_is_text(tab: Tab) -> None:
    """A diff with tags and hidden characters shows each of them; none becomes an element."""
    tab.go("/review/fix-the-auth-bug")
    tab.page.wait_for_selector("text=<img src=x onerror=alert(1)>")
    expect(tab.page.get_by_label("hidden character RLO (U+202E)")).to_have_count(1)
    assert tab.js(ATTACKS) == 0


def test_a_mission_tells_what_happened(tab: Tab) -> None:
    """Its timeline, its result as a document, its facts, and each rule that was asked."""
    tab.go("/missions/fix-the-auth-bug")
    tab.settled()
    expect(tab.page.get_by_text("Filed · ada")).to_be_visible()
    expect(tab.page.get_by_text("Waits for review · desk")).to_be_visible()
    expect(tab.page.locator("main :is(h3, h4)", has_text="Attempt 1")).to_be_visible()
    expect(tab.page.get_by_text("no auto_approve rule lets it pass without you").first).to_be_visible()


def test_a_mission_is_written_with_help(wide: Tab, desk: Desk) -> None:
    """Fields come in by a tap, once; a draft outlives the page; a short text comes into the text, any other file goes
    beside it: bounded, to a node that answers, and into the ledger as it is."""
    wide.go("/missions/new")
    text = wide.page.get_by_label("Mission", exact=True)
    text.fill("Look at it.\n")
    wide.page.get_by_role("button", name="priority").click()
    expect(text).to_have_value("---\npriority: 1\n---\nLook at it.\n")
    expect(wide.page.get_by_role("button", name="priority")).to_be_disabled()
    wide.page.reload()
    text = wide.page.get_by_label("Mission", exact=True)
    expect(text).to_have_value("---\npriority: 1\n---\nLook at it.\n")
    log = FilePayload(name="a.log", mimeType="text/plain", buffer=b"one\n")
    shot = FilePayload(name="Shot 1.png", mimeType="", buffer=png())
    wide.page.locator("input[type=file]").set_input_files([log, shot, shot])
    beside = wide.page.get_by_role("list", name="Files beside it")
    expect(beside.get_by_role("listitem")).to_contain_text(["Shot 1.png", "Shot 1-2.png"])
    expect(text).to_have_value(re.compile(r"\*\*a\.log\*\*"))
    assert "Shot" not in text.input_value()
    assert wide.axe() == []
    beside.get_by_role("button", name="Leave Shot 1-2.png out").click()
    many = [FilePayload(name=f"{n}.bin", mimeType="", buffer=b"\0\1") for n in range(8)]
    wide.page.locator("input[type=file]").set_input_files(many)
    expect(wide.page.get_by_text("7.bin: a mission comes with at most 8 files", exact=False).first).to_be_visible()
    for n in range(7):
        beside.get_by_role("button", name=f"Leave {n}.bin out").click()
    wide.page.route("**/api/v1/missions", lambda route: route.abort())
    wide.page.get_by_role("button", name="File it").click()
    expect(wide.page.get_by_text("Files go to a node that answers", exact=False).first).to_be_visible()
    expect(beside.get_by_role("listitem")).to_have_count(1)
    wide.page.unroute("**/api/v1/missions")
    wide.page.get_by_label("File name").fill("with-a-shot")
    wide.page.get_by_role("button", name="File it").click()
    wide.page.wait_for_url("**/app/missions/with-a-shot")
    desk.fleet.git("pull", "--quiet", "--rebase")
    (kept,) = (desk.fleet.clone / "missions" / "attachments").rglob("Shot-1.png")
    assert (kept.name, kept.read_bytes()) == ("Shot-1.png", png())


def test_pictures_are_shown_as_pictures_only(phone: Tab) -> None:
    """What the result brought is seen, from an address of the page's own; what is no picture, or too large for a phone,
    is not even asked for, and one that the browser cannot read says so."""
    shot = {"number": 0, "path": "shots/<b>a</b>.png", "media": "image/png", "width": 3, "height": 2, "size": 90}
    odd = [{**shot, "number": 1, "media": "image/svg+xml"}, {**shot, "number": 2, "width": 99999, "height": 99999}]
    broken, asked = {**shot, "number": 3, "path": "broken.png"}, list[str]()

    def sent(route: Route) -> None:
        asked.append(route.request.url.partition("pictures/")[2].partition("?")[0])
        body = png() if asked[-1] == "0" else b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
        route.fulfill(status=200, content_type="text/html", body=body)

    phone.answer("**/missions/*/diff", big_diff(3))
    phone.answer("**/missions/*/pictures", {"items": [shot, *odd, broken], "digest": "d" * 64})
    phone.page.route("**/missions/*/pictures/*", sent)
    phone.go("/review/fix-the-auth-bug")
    figures = phone.page.locator("main figure")
    expect(figures).to_have_count(2)
    expect(figures.first.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    phone.until("document.querySelector('main figure img')?.naturalWidth === 3")
    expect(figures.first).to_contain_text("shots/<b>a</b>.png")
    expect(figures.last).to_contain_text("The browser cannot show it")
    assert sorted(asked) == ["0", "3"]
    phone.page.set_viewport_size(NARROW)
    assert phone.overflow() <= 0
    phone.answer("**/missions/*/pictures", {"items": [shot], "digest": "e" * 64})
    phone.page.reload()
    phone.settled()
    expect(phone.page.get_by_role("heading", name="Result", exact=True)).to_be_visible()
    expect(figures).to_have_count(0)


def test_line_comments_go_back_to_the_agent(phone: Tab) -> None:
    """On a phone: two taps, two words, one rejection with both places; nothing is sent without a word."""
    sent: list[dict[str, object]] = []

    def take(route: object) -> None:
        sent.append(json.loads(route.request.post_data))  # type: ignore[attr-defined]
        route.fulfill(status=200, content_type="application/json", body="{}")  # type: ignore[attr-defined]

    phone.page.route(PUT, lambda route: take(route) if route.request.method == "PUT" else route.continue_())
    phone.go("/review/fix-the-auth-bug")
    phone.page.get_by_role("button", name="Reject…").tap()
    phone.page.get_by_role("button", name="Send it back").tap()
    expect(phone.page.get_by_role("alert")).to_contain_text("Say what is wrong")
    phone.page.get_by_role("button", name="Cancel").tap()
    for line, says in (("def leeway():", "name the unit"), ("return 10", "one constant")):
        phone.page.locator("button.line", has_text=line).tap()
        phone.page.get_by_placeholder("What should be otherwise?").fill(says)
        assert phone.axe() == []
        phone.page.get_by_role("button", name="Add", exact=True).tap()
        expect(phone.page.locator(".comment", has_text=says)).to_be_visible()
    phone.page.get_by_role("button", name="Reject… (2)").tap()
    phone.page.get_by_role("button", name="Send it back").tap()
    phone.page.wait_for_url("**/app/review")
    assert [one["comment"] for one in sent] == ["token.py:1: name the unit\ntoken.py:2: one constant"]
    assert len(str(sent[0]["digest"])) == 64


def test_approved_by_key_and_merged(wide: Tab, desk: Desk) -> None:
    """`a` approves this very result after a moment for second thoughts; a node merges it. Undo sends nothing."""
    wide.freeze()
    asked: list[str] = []
    wide.page.on("request", lambda request: asked.append(request.method) if request.url.endswith("/approval") else None)
    read(wide, "bump-the-version")
    wide.page.keyboard.press("a")
    wide.page.get_by_role("button", name="Undo").click()
    read(wide, "bump-the-version")
    assert "PUT" not in asked
    wide.page.keyboard.press("a")
    wide.page.get_by_role("button", name="Undo").wait_for()
    with wide.page.expect_response(lambda answer: answer.request.method == "PUT") as told:
        wide.page.clock.run_for(UNDO_MS)
    assert told.value.status == 200, told.value.text()
    desk.work()
    wide.go("/missions/bump-the-version")
    expect(wide.page.locator("main header .pill")).to_have_text("done")


def test_a_result_that_moved_is_not_approved(wide: Tab) -> None:
    """Where the node says that it is another result by now, the person is told to look again."""
    problem = {"title": "Conflict", "status": 409, "detail": "it is decided already"}
    body = json.dumps(problem)
    wide.page.route(
        PUT,
        lambda route: (
            route.fulfill(status=409, content_type="application/problem+json", body=body)
            if route.request.method == "PUT"
            else route.continue_()
        ),
    )
    wide.freeze()
    read(wide, "fix-the-auth-bug")
    wide.page.keyboard.press("a")
    wide.page.get_by_role("button", name="Undo").wait_for()
    wide.page.clock.run_for(UNDO_MS)
    expect(wide.page.get_by_text("Look again.", exact=False).first).to_be_visible()


@pytest.mark.nightly
def test_a_diff_of_twenty_megabytes_scrolls(wide: Tab) -> None:
    """A hundred thousand lines: only those in sight are elements, the last one is reached, keys move on."""
    wide.answer("**/diff", big_diff(100_000))
    wide.go("/review/fix-the-auth-bug")
    wide.page.wait_for_selector("text=src/big.txt")
    assert wide.page.locator("button.line").count() < 200
    wide.js("document.querySelector('.pane').scrollIntoView({block: 'end'})")
    expect(wide.page.get_by_role("button", name="Comment on src/big.txt, line 100000, added")).to_be_visible()
    assert wide.page.locator("button.line").count() < 200
    wide.js("scrollTo(0, 0)")
    for _ in range(3):
        wide.page.keyboard.press("j")
    wide.page.keyboard.press("k")
    expect(wide.page.locator("button.line.marked")).to_have_count(1)


def test_a_refusal_says_the_next_step(wide: Tab) -> None:
    """401 leads to Settings, where a token is kept on the device and sent in a header, never in an address."""
    problem = {"title": "Unauthorized", "status": 401, "detail": "send a token"}
    wide.answer("**/api/v1/**", problem, 401)
    wide.go("/missions")
    wide.settled()
    expect(wide.page.get_by_text("This node wants to know who you are")).to_be_visible()
    assert wide.axe() == []
    seen: list[str] = []
    wide.page.on("request", lambda request: seen.append(request.url))
    wide.page.get_by_role("main").get_by_role("link", name="Settings").click()
    wide.page.get_by_label("Token").fill("very-secret")
    with wide.page.expect_request(lambda one: one.headers.get("authorization") == "Bearer very-secret"):
        wide.page.get_by_role("button", name="Save").click()
    assert not any("very-secret" in url for url in seen)


def test_no_screen_is_left_out_of_the_texts(built_page: Path) -> None:
    """The words of the page are in it: a built page speaks English from one file."""
    assert any("waits for you" in text_of(path.with_suffix("")) for path in built_page.glob("assets/*.js.gz"))


@pytest.mark.nightly
def test_a_running_mission_is_watched(wide: Tab, desk: Desk) -> None:
    """What an attempt says is on the page while it runs, and its colours are not; when it is over, so is the pane."""
    words = "for n in 1 2 3 4 5 6 7 8 9; do printf '\\033[31mstep %s\\033[0m\\n' $n; sleep 1; done"
    desk.fleet.commit({"missions/watched.md": command(words, title="Watched")}, "A mission to be watched")
    desk.fleet.start("desk", FACTORY_ROLE="HEADQUARTERS")
    try:
        wide.go("/missions/watched")
        pane = wide.page.get_by_role("log")
        expect(pane).to_contain_text("step 2")
        assert "[31m" not in pane.inner_text()
        expect(wide.page.locator("main header .pill")).to_have_text("done")
        expect(pane).to_have_count(0)
    finally:
        desk.fleet.stop("desk")
