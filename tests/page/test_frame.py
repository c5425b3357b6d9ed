"""The frame of the page: addresses, keys, themes, policies, sizes; in a real Chromium, from a real node."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.built_files import text_of
from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab
from tests.waiting import PATIENCE

SCREENS = [
    "/",
    "/missions",
    "/review",
    "/chat",
    "/desk",
    "/handoff",
    "/log",
    "/fleet",
    "/heartbeat",
    "/devices",
    "/conflicts",
    "/settings",
    "/missions/new",
    "/missions/fix-the-auth-bug",
    "/review/fix-the-auth-bug",
    "/memos",
    "/pair",
    "/nothing",
]
SHELL_BYTES = 60_000
MOVES = 0.05
"""Layout shifts of a screen, from its beginning; 0.1 counts as good."""


@pytest.mark.nightly
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_is_accessible_and_narrow(tab: Tab, theme: str) -> None:
    """In both themes axe finds nothing serious on any, none is wider than 360 px, nothing moves once it is there."""
    if tab.page.viewport_size and tab.page.viewport_size["width"] < 500:
        tab.page.set_viewport_size(NARROW)
    tab.go("/settings")
    tab.page.get_by_text(theme.capitalize(), exact=True).click()
    wrong: list[object] = []
    for path in SCREENS:
        tab.load(path)
        tab.settled()
        wrong += [(path, said) for said in tab.axe()]
        wrong += [(path, "wider", px) for px in [tab.overflow()] if px > 0]
        wrong += [(path, "moved", sum_) for sum_ in [tab.shift()] if sum_ >= MOVES]
    assert wrong == []


def test_axe_finds_nothing_serious_on_the_way(phone: Tab) -> None:
    """The short form: on a phone, in the dark, the screens that are looked at most, a diff and its lines among them."""
    phone.go("/settings")
    phone.page.get_by_text("Dark", exact=True).click()
    wrong: list[object] = []
    for path in ("/missions", "/missions/fix-the-auth-bug", "/review/fix-the-auth-bug", "/missions/new"):
        phone.go(path)
        phone.settled()
        wrong += [(path, said) for said in phone.axe()]
    assert wrong == []
    phone.page.set_viewport_size(NARROW)
    phone.load("/review/fix-the-auth-bug")
    phone.settled()
    expect(phone.page.get_by_role("heading", name="Result", exact=True)).to_be_visible()
    assert phone.shift() < MOVES
    assert phone.overflow() <= 0


def test_dark_is_as_readable(wide: Tab) -> None:
    """The dark theme is chosen in Settings, is kept, and axe finds its contrasts right."""
    wide.go("/settings")
    wide.page.get_by_text("Dark", exact=True).click()
    expect(wide.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert wide.axe() == []
    wide.go("/")
    wide.settled()
    expect(wide.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert wide.axe() == []


def test_addresses_are_real(wide: Tab) -> None:
    """A screen has an address: it can be opened, gone back from, and loaded again."""
    wide.go("/")
    wide.page.get_by_role("link", name="Settings").click()
    wide.page.wait_for_url("**/app/settings")
    expect(wide.page).to_have_title("Settings · Shiftbook")
    wide.until("document.activeElement.tagName === 'H1'")
    wide.page.go_back()
    wide.page.wait_for_url("**/app/")
    wide.page.go_forward()
    wide.page.reload()
    wide.page.wait_for_selector("h1:has-text('Settings')")


def test_keys_lead_everywhere(wide: Tab) -> None:
    """`g s` goes to Settings, Ctrl+K opens the commands, typing and Enter run one, Escape gives the focus back."""
    wide.freeze()  # the second key of two is waited for, for a moment
    wide.go("/")
    wide.page.keyboard.press("g")
    wide.page.keyboard.press("s")
    wide.page.wait_for_url("**/app/settings")
    wide.thaw()
    wide.page.keyboard.press("Control+k")
    wide.page.get_by_role("combobox").fill("handoff")
    wide.page.keyboard.press("Enter")
    wide.page.wait_for_url("**/app/handoff")
    wide.page.keyboard.press("?")
    expect(wide.page.get_by_role("dialog").get_by_text("Go to Now")).to_be_visible()
    assert wide.axe() == []
    wide.page.keyboard.press("Escape")
    expect(wide.page.locator("dialog[open]")).to_have_count(0)


def test_the_skip_link_comes_first(wide: Tab) -> None:
    """The first Tab stops at a link to the content."""
    wide.go("/")
    wide.page.keyboard.press("Tab")
    expect(wide.page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_no_script_of_another_runs(wide: Tab) -> None:
    """Inline scripts, eval, scripts of other origins and HTML from text are refused by the policy that is sent."""
    wide.go("/")
    tried = wide.js(
        """() => new Promise((done) => setTimeout(() => {  // what the debugger itself runs may call eval
          const refused = [];
          const attempt = (name, act) => { try { act(); } catch { refused.push(name); } };
          attempt('eval', () => eval('1'));
          attempt('html', () => { document.createElement('div').innerHTML = '<img src=x onerror=alert(1)>'; });
          attempt('worker', () => new Worker('https://example.invalid/w.js'));
          attempt('script', () => { document.createElement('script').src = 'https://example.invalid/x.js'; });
          attempt('inline', () => { document.createElement('script').textContent = 'alert(1)'; });
          done(refused);
        }))"""
    )
    assert set(tried) == {"eval", "html", "worker", "script", "inline"}
    wide.breaks_on_purpose("TrustedHTML")  # it is told, too


def asked(desk: Desk, path: str, **headers: str) -> httpx.Response:
    """What the node answers to a browser that says this."""
    return httpx.get(f"{desk.url}{path}", timeout=PATIENCE, trust_env=False, headers=headers)


def test_the_shell_is_small(built_page: Path, desk: Desk) -> None:
    """What the first screen loads before faces is at most 60 kB, as it is sent."""
    index = asked(desk, "/app/", **{"Accept-Encoding": "gzip"})
    assert index.headers["Content-Encoding"] == "gzip"
    named = set(re.findall(r'/app/(assets/[^"]+\.(?:js|css))', index.text))
    for name in sorted(named):  # and what the entry loads at once
        named |= {f"assets/{each}" for each in re.findall(r'import[^"]*"\./([^"]+\.js)"', text_of(built_page / name))}
    first = set(built_page.glob("assets/Now-*.gz"))
    files = {built_page / f"{name}.gz" for name in (*named, "index.html")} | first
    sizes = {path.name: path.stat().st_size for path in files}
    print(f"shell: {sum(sizes.values())} bytes gzipped in {len(sizes)} files")
    assert sum(sizes.values()) <= SHELL_BYTES, sizes


def test_a_file_comes_as_the_browser_takes_it(desk: Desk) -> None:
    """Gzip or plain; assets for ever, the rest asked again; a missing file is 404 and no screen."""
    index = asked(desk, "/app/missions/x", **{"Accept-Encoding": "br;q=1, gzip;q=0.5"})
    assert index.headers["Content-Encoding"] == "gzip"
    assert "script-src 'self'" in index.headers["Content-Security-Policy"]
    assert index.headers["Cache-Control"] == "no-cache"
    same = asked(desk, "/app/", **{"If-None-Match": index.headers["ETag"], "Accept-Encoding": "gzip"})
    assert same.status_code == 304
    plain = asked(desk, "/app/", **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    asset = re.search(r'/app/(assets/[^"]+\.js)', plain.text)
    assert asset
    lasting = asked(desk, f"/app/{asset[1]}")
    assert "immutable" in lasting.headers["Cache-Control"]
    for missing in (
        "assets/none.js",
        "../pyproject.toml",
        "%2e%2e/%2e%2e/pyproject.toml",
        "build.json.gz",
        "index.html.gz",
    ):
        assert asked(desk, f"/app/{missing}").status_code == 404, missing
    home = asked(desk, "/")
    assert (home.status_code, home.headers["Location"]) == (302, "/app/")
