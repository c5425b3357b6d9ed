"""How do many tests look at one node without a browser profile each? One of a size is kept, with one tab.

A new profile costs more than most tests do with it: its first page brings a process of its own, which compiles the
page's scripts anew, fetches the page for when there is no network, and makes its store. So the tab stays, on an address
without a script between two tests, and with it the service worker and the store; what a person chose or typed does not.
Who needs a browser that has never been here, or leaves something in it, says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.page.tab import SIZES, WATCH, Tab
from tests.waiting import PATIENCE

STILL = "/health"
"""An address of the node that is no screen: no script runs there, and no service worker answers for it."""
CHOSEN = "cookies,local_storage,indexeddb"
"""What is cleared after each test: choices, drafts, tokens, keys. Session storage goes by the page itself."""
KEPT = f"{CHOSEN},file_systems"
"""That, and the page's store: what was said and ordered, and as whom. The page itself stays, as one installed does."""
ALL = "all"
"""Everything: no browser has been here."""


@dataclass
class Profile:
    """A profile of one size, for one node."""

    context: BrowserContext
    url: str
    size: str
    kept: Tab
    busy: bool = False
    without: str = ""
    """What the test of now finds cleared, and leaves so; empty: as it is cleared after each."""

    @classmethod
    def of(cls, browser: Browser, url: str, size: str) -> Profile:
        """A new one."""
        context = browser.new_context(base_url=url, reduced_motion="reduce", **SIZES[size])
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WATCH)
        made = cls(context=context, url=url, size=size, kept=Tab.on(context, url))
        made.kept.page.goto(f"{url}{STILL}")
        context.expose_binding("brokenPolicy", made._broken)
        return made

    def _broken(self, source: dict[str, Any], said: str) -> None:
        if self.busy and source["page"] == self.kept.page:
            self.kept.faults.append(f"policy: {said}")

    def open(self, *, without: str = "") -> Tab:
        """The tab, in which nobody has chosen or typed anything; `KEPT` or `ALL` is not there either. One at a time."""
        assert not self.busy
        self.busy, self.without = True, without
        if without:
            self._renew(without)
        return self.kept

    def leave(self) -> None:
        """Ends a test's time with it; a fault that the page made is the test's."""
        tab = self.kept
        self.busy = False
        try:
            tab.check()
        finally:
            if tab.frozen:
                tab.thaw()
            if self.without or tab.spoiled:
                self._renew(self.without or CHOSEN)
            else:
                self._tidy()

    def _tidy(self) -> None:
        """Leaves the page, and takes out what the test chose and typed."""
        tab, page = self.kept, self.kept.page
        self.context.set_offline(False)
        page.unroute_all(behavior="ignoreErrors")
        page.goto(f"{self.url}{STILL}")
        tab.js("sessionStorage.clear()")
        _clear(page, self.url, CHOSEN)
        self.context.clear_permissions()
        page.set_viewport_size(SIZES[self.size]["viewport"])
        tab.faults.clear()
        tab.forgiven = tab.spoiled = False

    def _renew(self, kinds: str) -> None:
        """Another tab, in a profile without these. The old one's process stays for it."""
        self.context.set_offline(False)
        old, self.kept = self.kept, Tab.on(self.context, self.url)
        self.kept.page.goto(f"{self.url}{STILL}")
        old.page.close()
        _clear(self.kept.page, self.url, kinds)
        self.context.clear_permissions()


def _clear(page: Page, url: str, kinds: str) -> None:
    wire = page.context.new_cdp_session(page)
    wire.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": kinds})
    wire.detach()
