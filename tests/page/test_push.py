"""Is a device that is turned on in Settings rung by its node? In a real Chromium, to a real receiver.

Debian's Chromium reaches no push service, so what it would answer stands in; all else is real: the page, the node, the
message and its encryption.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.page.desk import Desk
from tests.page.tab import Tab
from tests.push_service import PushService, push_service

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


@pytest.fixture
def service() -> Iterator[PushService]:
    """A push service with a browser behind it."""
    with push_service() as running:
        yield running


def test_a_device_is_turned_on_rung_and_turned_off(wide: Tab, desk: Desk, service: PushService) -> None:
    """The kinds are chosen, the node rings it with what only that browser reads, and forgets it on a tap."""
    wide.page.add_init_script(STAND_IN % (json.dumps(service.browser.keys()), json.dumps(f"{service.url}/1")))
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
