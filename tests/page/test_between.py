"""What if something stands between page and node, or the page is of another time? It says so, and heals itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.page.between import Between, between
from tests.page.desk import Desk
from tests.page.store import CONTROLLED
from tests.page.tab import Tab

HELD = "asked every 30 s"
BUILD = "document.querySelector('script[type=module]').src.match(/index-([^.]+)/)[1]"
SHELLS = "caches.keys().then((names) => names.filter((name) => name.startsWith('shell-')).join())"
LOOK = "navigator.serviceWorker.getRegistration().then((found) => found.update()).then(() => true, () => false)"


@pytest.fixture(scope="module")
def proxy(desk: Desk, built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    """An nginx before the shared desk."""
    with between(desk.url, built_page, tmp_path_factory.mktemp("between") / "www") as made:
        yield made


@pytest.fixture
def far(chromium: Browser, proxy: Between) -> Iterator[Tab]:
    """A tab that reaches the desk by it, in a profile of its own."""
    tab = Tab.open(chromium, proxy.url, "desktop")
    yield tab
    tab.close()


@pytest.mark.nightly  # the short form: the page's own tests of `live/stream.ts`
def test_news_that_are_held_back_are_asked_for(far: Tab, desk: Desk) -> None:
    """A proxy that compresses what it passes on is told of, and what the ledger has meanwhile is shown all the same."""
    far.take_clock()
    far.go("/missions")
    far.settled()
    corner = far.page.locator("a.corner.tall")
    expect(corner).to_contain_text(HELD)
    desk.fleet.commit({"missions/behind-a-proxy.md": "# Seen behind a proxy\n"}, "Behind a proxy")
    row = far.page.get_by_role("link", name="Seen behind a proxy")
    _run(far, lambda: row.count() > 0)
    far.go("/settings")
    expect(far.page.get_by_text("somebody between holds its news back")).to_be_visible()
    assert far.axe() == []


def _run(tab: Tab, so: Callable[[], bool]) -> None:
    """Lets the page's clock run on until something is so, a minute of it at most."""
    for _ in range(30):
        if so():
            return
        tab.page.clock.run_for(2_000)
        tab.page.wait_for_timeout(100)  # the node's answer comes by the clock of everybody
    raise AssertionError("not within a minute of the page's own")


@pytest.mark.nightly  # the short form: `test_an_old_page_before_a_new_api_heals`
def test_a_page_of_another_time_heals_itself(far: Tab, proxy: Between) -> None:
    """An update that is half there changes nothing; one that is whole is used at a person's word, or by itself where
    the node speaks another form of the API; what was typed stays, and of the older page nothing."""
    one, two = proxy.older("one"), proxy.older("two")
    late = (two / "assets").glob("Settings-*.js").__next__()
    whole = late.read_bytes()
    late.unlink()
    proxy.hand_out(one)
    far.load("/chat")
    far.until(CONTROLLED)
    far.page.get_by_label("Message").fill("typed before")
    proxy.hand_out(two)
    far.js(LOOK)
    far.load("/settings")
    far.until(f"{SHELLS}.then((all) => all === 'shell-0000000000000one')")
    assert far.js(BUILD) == "one"
    late.write_bytes(whole)
    far.load("/chat")  # the node's page is another: it is looked for
    far.page.get_by_role("button", name="Use it now").click()
    far.until(f"{BUILD} === 'two'")
    far.until(f"{SHELLS}.then((all) => all === 'shell-0000000000000two')")
    expect(far.page.get_by_label("Message")).to_have_value("typed before")
    _heals(far, proxy)


def _heals(tab: Tab, proxy: Between) -> None:
    """The node is of a newer form than the page: it fetches its own page, and uses it without being told."""
    proxy.hand_out(proxy.built)

    loads: list[str] = []

    def me(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json=told | {"api": 2} if len(loads) < 2 else told)

    tab.page.on("framenavigated", lambda frame: loads.append(frame.url))

    tab.page.route("**/api/v1/me", me)
    tab.page.reload()
    tab.until(f"{BUILD} !== 'two'")
    expect(tab.page.get_by_label("Message")).to_have_value("typed before")
    tab.until(f"{SHELLS}.then((all) => !all.includes('two') && all !== '')")
