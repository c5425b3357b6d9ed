"""Is a device that is turned on in Settings rung by its node? In a real Chromium, to a real receiver.

Debian's Chromium reaches no push service, so what it would answer stands in, and its debugger hands it what was sent;
all else is real: the page, the node, the message, its encryption, the service worker and the notification.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.fleets import command
from tests.page.desk import Desk
from tests.page.evaluation import evaluate
from tests.page.tab import Tab
from tests.push_service import PushService, push_service
from tests.waiting import PATIENCE, until

STAND_IN = """
const keys = %s, endpoint = %s;
Object.defineProperty(Notification, 'permission', { get: () => 'granted' });
Notification.requestPermission = async () => 'granted';
let made = null;
PushManager.prototype.getSubscription = async () => made;
PushManager.prototype.subscribe = async (wanted) => {
  const key = wanted.applicationServerKey;
  const unsubscribe = async () => { made = null; return true; };
  const options = { applicationServerKey: key.buffer ?? key };
  made = { endpoint, options, unsubscribe, toJSON: () => ({ endpoint, keys }) };
  return made;
};
"""


CLICK = """
async () => {
  const [shown] = await self.registration.getNotifications();
  if (shown) self.dispatchEvent(new NotificationEvent('notificationclick', { notification: shown }));
  return Boolean(shown);
}
"""
SHOWN = """
navigator.serviceWorker.ready
  .then((all) => all.getNotifications())
  .then((shown) => shown.map(({ title, body, tag }) => ({ title, body, tag })))
"""


@pytest.fixture
def service() -> Iterator[PushService]:
    """A push service with a browser behind it."""
    with push_service() as running:
        yield running


def test_a_device_is_turned_on_rung_and_turned_off(wide: Tab, desk: Desk, service: PushService) -> None:
    """The kinds are chosen, the node rings it with what only that browser reads, and forgets it on a tap."""
    wide.begin_with(STAND_IN % (json.dumps(service.browser.keys()), json.dumps(f"{service.url}/1")))
    wide.go("/settings")
    wide.page.locator("#main").get_by_text("This device is not rung.").wait_for()
    wide.page.get_by_label("a mission is done").check()
    wide.page.get_by_label("Quiet until").fill("07:00")
    wide.page.get_by_role("button", name="Ring this device").click()
    wide.page.locator("#main").get_by_text("This device is rung.").wait_for()
    assert wide.axe() == []
    desk.fleet.shiftbook("notify", "test", "--device", "all", node="desk", SHIFTBOOK_PUSH_PRIVATE="1")
    service.wait(1)
    assert service.said[0]["title"] == "Shiftbook can reach you"
    wide.page.get_by_role("button", name="Ring it no more").click()
    wide.page.locator("#main").get_by_text("This device is not rung.").wait_for()


def test_a_push_is_shown_and_leads_to_its_mission(phone: Tab, desk: Desk, service: PushService) -> None:
    """A result waits; what the node sends is delivered to the page's service worker and shown; a tap opens it."""
    phone.context.grant_permissions(["notifications"], origin=desk.url)
    phone.begin_with(STAND_IN % (json.dumps(service.browser.keys()), json.dumps(f"{service.url}/2")))
    phone.go("/settings")
    phone.until("navigator.serviceWorker.controller !== null")
    phone.page.get_by_role("button", name="Ring this device").click()
    phone.page.locator("#main").get_by_text("This device is rung.").wait_for()
    asked = command("echo 3 > version.txt", project="shop", title="Wait for a word")
    desk.fleet.commit({"missions/wait-for-a-word.md": asked}, "A mission that will wait")
    desk.work()
    until(lambda: any("/wait-for-a-word" in each["open"] for each in service.said), "the node rings")
    said = next(each for each in service.said if "/wait-for-a-word" in each["open"])
    show(phone, json.dumps(said))
    assert phone.js(SHOWN) == [{name: said[name] for name in ("title", "body", "tag")}]
    until(lambda: clicked(phone), "the notification is clicked")
    phone.page.wait_for_url("**/app/review/wait-for-a-word")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Wait for a word")
    until(lambda: phone.js(SHOWN) == [], "it is shown no more")
    phone.go("/settings")  # to the node, all browsers of one user on its machine are one device
    phone.page.get_by_role("button", name="Ring it no more").click()
    phone.page.locator("#main").get_by_text("This device is not rung.").wait_for()


def clicked(tab: Tab) -> bool:
    """Clicks what is shown, by the worker that shows it: an earlier one of the same page may still be told of."""
    workers = [each for each in tab.context.service_workers if each.url.startswith(tab.url)]
    return any(evaluate(each, CLICK) for each in reversed(workers))


def show(tab: Tab, data: str) -> None:
    """Delivers a message until it is shown: a worker that is just being started may not hear the first."""
    for last in (False, False, True):
        deliver(tab, data)
        try:
            until(lambda: tab.js(SHOWN), "it is shown", seconds=PATIENCE if last else 10)
            return
        except AssertionError:
            if last:
                raise


def deliver(tab: Tab, data: str) -> None:
    """Has the browser take a message as if its push service had sent it."""
    wire = tab.context.new_cdp_session(tab.page)
    found: list[dict[str, Any]] = []
    wire.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
    wire.send("ServiceWorker.enable")
    until(lambda: tab.js("true") and _living(found), "the worker is told of")  # asking hears events, too
    wire.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": tab.url, "registrationId": _living(found)[-1], "data": data},
    )


def _living(found: list[dict[str, Any]]) -> list[str]:
    """The registrations that were not taken out again, the newest last: a kept profile tells of earlier ones, too."""
    gone = {one["registrationId"] for one in found if one["isDeleted"]}
    return [one["registrationId"] for one in found if one["registrationId"] not in gone]
