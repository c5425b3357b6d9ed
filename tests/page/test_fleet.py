"""Fleet and conflicts on the page: nodes, what they cost, and values that two set at once; hostile words among them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.desk import Desk
from tests.page.held import held
from tests.page.ledger_content import HOSTILE_WORDS
from tests.page.tab import NARROW, Tab
from tests.waiting import PATIENCE

OpenTab = Callable[[Desk, str], Tab]
ATTACKS = "document.querySelectorAll('main img, main script, main iframe, main a[href^=\"javascript\"]').length"


@pytest.fixture(scope="session")
def disputed(desk: Desk) -> Desk:
    """The desk, at which two devices set one value at once."""
    for device, value in (("desk", "The invoices"), ("phone", HOSTILE_WORDS)):
        hlc = f"{int(datetime.now(UTC).timestamp() * 1000):015d}-00000-{device}~1"
        said = {"device": f"{device}~1", "seq": 1, "hlc": hlc, "kind": "set", "entity": "chat/4f1c"}
        body = {"ops": [{**said, "field": "title", "value": value, "base": "", "resolves": []}]}
        answer = httpx.post(f"{desk.url}/sync/push", json=body, timeout=PATIENCE, trust_env=False)
        assert answer.status_code == 200, answer.text
    return desk


@pytest.mark.nightly
@pytest.mark.parametrize("path", ["/fleet", "/fleet/desk", "/fleet/nobody", "/conflicts"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_screens_with_data_are_accessible_and_narrow(open_tab: OpenTab, disputed: Desk, path: str, size: str) -> None:
    """With true and hostile words in them, axe finds nothing serious, nothing is wider than 360 px, nothing moves."""
    tab = open_tab(disputed, size)
    if size == "phone":
        tab.page.set_viewport_size(NARROW)
    tab.go(path)
    tab.settled()
    assert tab.axe() == []
    assert tab.overflow() <= 0
    assert tab.shift() < 0.1
    assert tab.js(ATTACKS) == 0
    assert "\u202e" not in tab.page.locator("main").inner_text()


def test_the_fleet_says_who_does_what_and_what_it_costs(wide: Tab) -> None:
    """Nodes with role and queue; sums by day, node and model; the budget and where it leads; a node's history."""
    wide.go("/fleet?span=7")
    main = wide.page.locator("main")
    expect(main.get_by_role("list", name="Fleet").get_by_role("listitem")).to_have_count(2)
    expect(main).to_contain_text("Headquarters")
    expect(main.get_by_text("opus")).to_be_visible()
    expect(main.get_by_text("<b>x</b>")).to_be_visible()
    expect(main.get_by_role("row")).to_have_count(7)
    expect(main).to_contain_text("of $20.00 today")
    wide.page.get_by_text("This month", exact=True).click()
    wide.page.wait_for_url("**/app/fleet")
    wide.page.get_by_role("link", name="desk", exact=True).click()
    wide.page.wait_for_url("**/app/fleet/desk")
    expect(main.get_by_role("link", name="Fix the auth bug")).to_be_visible()
    expect(main).to_contain_text("Last beat")


@pytest.mark.nightly
def test_the_fleet_follows_the_ledger(wide: Tab, desk: Desk) -> None:
    """A node that is announced while the page is open is there without a reload."""
    wide.go("/fleet")
    wide.page.wait_for_selector(".corner.tall >> text=live")
    other = (desk.fleet.clone / "heartbeats" / "vps.md").read_text(encoding="utf-8")
    desk.fleet.commit({"heartbeats/attic.md": other.replace("vps", "attic")}, "Another node")
    expect(wide.page.get_by_role("link", name="attic", exact=True)).to_be_visible()
    desk.fleet.commit({"heartbeats/attic.md": None}, "It is gone")


def test_the_heartbeat_says_what_was_found_and_what_is_looked_at(phone: Tab, desk: Desk) -> None:
    """A tap away from the fleet: what a turn found, each line with its times, what is not followed, the budget."""
    desk.fleet.shiftbook("heartbeat", "run", node="desk", FACTORY_ROLE="HEADQUARTERS")
    phone.go("/fleet")
    phone.page.get_by_role("link", name="Heartbeat").click()
    phone.page.wait_for_url("**/app/heartbeat")
    main = phone.page.locator("main")
    expect(main.get_by_role("list", name="Found")).to_contain_text("a-typo")
    expect(main.get_by_role("list", name="What is looked at").get_by_role("listitem")).to_have_count(2)
    expect(main).to_contain_text("Every beat · one node · next")
    expect(main).to_contain_text("did you mean disk?")
    expect(main).to_contain_text("1 of 20")
    assert phone.axe() == []
    phone.page.set_viewport_size(NARROW)
    assert phone.overflow() <= 0


def test_a_conflict_of_the_ledger_is_decided_by_one_button(wide: Tab, desk: Desk) -> None:
    """Both values stand side by side; the other one is taken, a third is written, and the list is shorter at once."""
    wide.go("/conflicts?id=nightly-check-00000000")
    first = wide.page.locator("main article").first
    expect(first).to_contain_text("priority of nightly-check")
    boxes = [side.bounding_box() for side in first.locator(".side").all()]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    take = first.get_by_role("button", name="Take this")
    with held(wide.page, "**/api/v1/conflicts") as lists:
        take.click()
        expect(wide.page.get_by_text("Decided.").first).to_be_visible()
        lists.wait()
        expect(take).to_be_disabled()  # what is decided is, though it still stands there
    expect(wide.page.get_by_text("priority of nightly-check")).to_have_count(0)
    assert "priority: 4" in desk.fleet.git("show", "HEAD:missions/nightly-check.md", folder=desk.fleet.bare)
    hostile = wide.page.locator("main article", has_text="title of nightly-check")
    expect(hostile).to_contain_text("<img src=x onerror=alert(1)>")
    hostile.get_by_role("button", name="Write another").click()
    hostile.get_by_label("What it shall say").fill("The invoices of 2019")
    hostile.get_by_role("button", name="Use it").click()
    expect(hostile).to_have_count(0)


def test_a_conflict_of_devices_is_settled_once(phone: Tab, wide: Tab, disputed: Desk) -> None:
    """Each device's value has its button; one who comes later is told that it is settled."""
    tab, late = phone, wide
    for each in (tab, late):
        each.go("/conflicts")
        expect(each.page.get_by_text("The title of a chat")).to_be_visible()
        each.page.route("**/api/v1/events*", lambda route: route.abort())
    tab.page.locator("article", has_text="The title of a chat").get_by_role("button", name="Take this").click()
    expect(tab.page.get_by_text("The title of a chat")).to_have_count(0)
    items = httpx.get(f"{disputed.url}/sync/conflicts", timeout=PATIENCE, trust_env=False).json()["items"]
    assert items == []
