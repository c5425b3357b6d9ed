"""The frame of the page: addresses, keys, themes, policies, sizes; in a real Chromium, from a real node."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.desk import Desk
from tests.page.tab import NARROW, Tab

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
    assert wide.js("document.documentElement.dataset.theme") == "dark"
    assert wide.axe() == []
    wide.go("/")
    wide.settled()
    assert wide.js("document.documentElement.dataset.theme") == "dark"
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
    wide.go("/")
    wide.page.keyboard.press("g")
    wide.page.keyboard.press("s")
    wide.page.wait_for_url("**/app/settings")
    wide.page.keyboard.press("Control+k")
    wide.page.get_by_role("combobox").fill("handoff")
    wide.page.keyboard.press("Enter")
    wide.page.wait_for_url("**/app/handoff")
    wide.page.keyboard.press("?")
    assert wide.page.get_by_role("dialog").get_by_text("Go to Now").is_visible()
    assert wide.axe() == []
    wide.page.keyboard.press("Escape")
    assert wide.page.locator("dialog[open]").count() == 0


def test_the_skip_link_comes_first(wide: Tab) -> None:
    """The first Tab stops at a link to the content."""
    wide.go("/")
    wide.page.keyboard.press("Tab")
    assert wide.js("document.activeElement.textContent") == "Skip to the content"


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


def test_the_shell_is_small(built_page: Path, desk: Desk) -> None:
    """What the first screen loads before faces is at most 60 kB, as it is sent."""
    index = httpx.get(f"{desk.url}/app/", trust_env=False, headers={"Accept-Encoding": "gzip"})
    assert index.headers["Content-Encoding"] == "gzip"
    named = set(re.findall(r'/app/(assets/[^"]+\.(?:js|css))', index.text))
    for name in sorted(named):  # and what the entry loads at once
        text = (built_page / name).read_text(encoding="utf-8")
        named |= {f"assets/{each}" for each in re.findall(r'import[^"]*"\./([^"]+\.js)"', text)}
    first = {path for path in built_page.glob("assets/Now-*") if path.suffix in {".js", ".css"}}
    files = {built_page / name for name in named} | first | {built_page / "index.html"}
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in files}
    print(f"shell: {sum(sizes.values())} bytes gzipped in {len(sizes)} files")
    assert sum(sizes.values()) <= SHELL_BYTES, sizes


def test_a_file_comes_as_the_browser_takes_it(desk: Desk) -> None:
    """Brotli, gzip or plain; assets for ever, the rest asked again; a missing file is 404 and no screen."""
    index = httpx.get(f"{desk.url}/app/missions/x", trust_env=False, headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"})
    assert index.headers["Content-Encoding"] == "br" if index.headers.get("Content-Encoding") else index.text
    assert "script-src 'self'" in index.headers["Content-Security-Policy"]
    assert index.headers["Cache-Control"] == "no-cache"
    same = httpx.get(
        f"{desk.url}/app/", trust_env=False, headers={"If-None-Match": index.headers["ETag"], "Accept-Encoding": "br"}
    )
    assert same.status_code == 304
    plain = httpx.get(f"{desk.url}/app/", trust_env=False, headers={"Accept-Encoding": "identity"})
    asset = re.search(r'/app/(assets/[^"]+\.js)', plain.text)
    assert asset
    lasting = httpx.get(f"{desk.url}/app/{asset[1]}", trust_env=False)
    assert "immutable" in lasting.headers["Cache-Control"]
    for missing in (
        "assets/none.js",
        "../pyproject.toml",
        "%2e%2e/%2e%2e/pyproject.toml",
        "build.json.gz",
        "index.html.br",
    ):
        assert httpx.get(f"{desk.url}/app/{missing}", trust_env=False).status_code == 404, missing
    home = httpx.get(f"{desk.url}/", trust_env=False)
    assert (home.status_code, home.headers["Location"]) == (302, "/app/")
