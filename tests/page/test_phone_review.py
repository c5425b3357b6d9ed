"""Is a result read, approved and merged on a phone of 360 pixels, and what is told to whoever came a moment later?"""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Locator, Request, Route, expect

from tests.orchestrator.repositories import git
from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab
from tests.page.test_lost_store import paired
from tests.waiting import PATIENCE, until

MISSION, TITLE = "say-who-we-are", "Say who we are"
THUMB_PX = 44
"""What a thumb meets without looking (WCAG 2.5.5)."""


def within_reach(button: Locator) -> bool:
    """Whether it is as large as a thumb, wholly on the screen, and in its lower third."""
    box = button.bounding_box()
    assert box, "it is not seen"
    large = min(box["width"], box["height"]) >= THUMB_PX
    seen = box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"] and box["y"] + box["height"] <= NARROW["height"]
    return large and seen and box["y"] >= NARROW["height"] * 2 / 3


def test_a_paired_phone_approves_what_it_read_and_a_second_word_counts_no_more(
    visitor: Tab, wide: Tab, desk: Desk
) -> None:
    """Two phones show the same result. One, which is paired, approves it by its button: its commit is in the project's
    repository. The other one had its rejection typed by then: it is told that somebody was faster, and changes nothing.
    """
    for tab in (visitor, wide):
        tab.page.set_viewport_size(NARROW)
    visitor.go("/pair")
    paired(visitor, desk, ("look", "approvals"))
    visitor.go("/review")
    visitor.page.get_by_role("link", name=TITLE).click()
    expect(visitor.page.get_by_role("button", name="Comment on about.txt, line 1, added: all of us")).to_be_visible()
    wide.go(f"/review/{MISSION}")
    wide.page.get_by_role("button", name="Reject…").click()
    wide.page.get_by_role("textbox").fill("It is too short.")
    approve = visitor.page.get_by_role("button", name="Approve")
    expect(approve).to_be_enabled()
    assert within_reach(approve)
    assert within_reach(visitor.page.get_by_role("button", name="Reject…"))
    assert visitor.overflow() <= 0
    approve.tap()
    visitor.page.get_by_role("button", name="Undo").wait_for()
    # What a paired device says is sealed: no request shows what it is.
    expect(visitor.page.get_by_text("Approved.", exact=True).first).to_be_visible()
    with wide.page.expect_response(lambda answer: answer.request.method == "PUT") as refused:
        wide.page.get_by_role("button", name="Send it back").click()
    assert refused.value.status == 409
    expect(wide.page.get_by_text("Look again.", exact=False).first).to_be_visible()
    desk.work()
    assert git(desk.project.folder, "show", "main:about.txt") == "all of us"
    visitor.go(f"/missions/{MISSION}")
    expect(visitor.page.locator("main header .pill")).to_have_text("done")
    kept = desk.fleet.show(MISSION)
    assert kept["decision"] == "approved"
    git(desk.project.folder, "merge-base", "--is-ancestor", kept["commit"], "main")


def test_nothing_is_said_of_a_result_before_it_is_there(wide: Tab, desk: Desk) -> None:
    """What is written is kept beside the result that it is about: words typed before it was loaded would give way to
    those that were kept. So the buttons, and their keys, wait for it.
    """
    waits = next(name for name, each in desk.fleet.missions().items() if each["status"] == "review")
    held: list[Route] = []
    wide.page.route(f"**/api/v1/missions/{waits}/diff", lambda route: held.append(route))
    wide.go(f"/review/{waits}")
    reject = wide.page.get_by_role("button", name="Reject…")
    for button in (reject, wide.page.get_by_role("button", name="Approve")):
        expect(button).to_be_disabled()
    wide.page.keyboard.press("r")
    expect(wide.page.get_by_role("textbox")).to_have_count(0)
    for route in held:
        route.continue_()
    wide.page.unroute(f"**/api/v1/missions/{waits}/diff")
    expect(reject).to_be_enabled()
    wide.page.keyboard.press("r")
    expect(wide.page.get_by_role("textbox")).to_be_focused()


def test_what_was_said_of_a_result_outlives_its_screen_and_its_page(visitor: Tab, desk: Desk) -> None:
    """Comments on lines are there when the reader comes back. An approval whose page goes before it was sent is sent by
    the next page, once; one that was called back is not."""
    waits = next(
        name for name, each in desk.fleet.missions().items() if each["status"] == "review"
    )  # others decide, too
    for part in ("", "/diff", "/approval"):
        real = f"{desk.url}/api/v1/missions/{waits}{part}"
        visitor.answer(f"**/api/v1/missions/left{part}", httpx.get(real, timeout=PATIENCE, trust_env=False).json())
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "PUT" and request.url.endswith("/left/approval"):
            sent.append(request.headers["idempotency-key"])

    visitor.page.on("requestfinished", note)
    visitor.go("/review/left")
    visitor.page.get_by_role("button", name=re.compile(r"^Comment on .*, added: ")).first.click()
    visitor.page.get_by_role("textbox").fill("Who else?")
    visitor.page.get_by_role("button", name="Add", exact=True).click()
    visitor.go("/missions")
    visitor.go("/review/left")
    expect(visitor.page.get_by_role("button", name="Reject… (1)")).to_be_visible()
    approve = visitor.page.get_by_role("button", name="Approve")
    approve.tap()
    visitor.page.get_by_role("button", name="Undo").click()
    visitor.go("/review/left")
    approve.tap()
    visitor.page.get_by_role("button", name="Undo").wait_for()
    visitor.context.set_offline(True)
    visitor.page.goto("about:blank")
    visitor.context.set_offline(False)
    assert sent == []
    visitor.load("/missions")
    visitor.page.get_by_text("Approved: left, as you said before the page was left.").first.wait_for()
    until(lambda: len(sent) == 1, "it is sent")
    visitor.load("/missions")
    assert visitor.js("localStorage.getItem('shiftbook.undoable')") == "[]"


def test_in_a_low_window_little_lies_over_the_diff(wide: Tab) -> None:
    """A desktop's window at 200 % zoom is as low as this: what stays in its place leaves three quarters of it."""
    low = {"width": 640, "height": 400}
    wide.page.set_viewport_size(low)
    wide.go("/review")
    wide.page.locator("main").get_by_role("link").first.click()
    expect(wide.page.get_by_role("button", name="Approve")).to_be_visible()
    covered = wide.page.evaluate(
        "() => [...document.querySelectorAll('main *, nav')]"
        ".filter((one) => getComputedStyle(one).position === 'fixed')"
        ".reduce((sum, one) => sum + one.getBoundingClientRect().height, 0)"
    )
    assert 0 < covered <= low["height"] / 4
