"""How do many tests look at one node without a browser profile each? One of a size is kept, as new for each of them.

A new profile costs more than most tests do with it: its first page brings a process of its own, which compiles the
page's scripts anew. A kept one has a page of the node open all the time, and with it that process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.page.tab import SIZES, WATCH, Tab
from tests.waiting import PATIENCE

STILL = "/health"
"""An address of the node that is no screen: no script runs there, and no service worker answers for it."""


@dataclass
class Profile:
    """A profile of one size, for one node."""

    context: BrowserContext
    url: str
    held: Page
    tab: Tab | None = None
    """The one that is open."""

    @classmethod
    def of(cls, browser: Browser, url: str, size: str) -> Profile:
        """A new one, without a tab that a test could see."""
        context = browser.new_context(base_url=url, reduced_motion="reduce", **SIZES[size])
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WATCH)
        held = context.new_page()
        held.goto(f"{url}{STILL}")
        made = cls(context=context, url=url, held=held)
        context.expose_binding("brokenPolicy", made._broken)
        return made

    def _broken(self, _source: object, said: str) -> None:
        if self.tab is not None:
            self.tab.faults.append(f"policy: {said}")

    def open(self) -> Tab:
        """A tab that finds nothing of those before it: no store, no worker, no permission. One at a time."""
        assert self.tab is None
        wire = self.context.new_cdp_session(self.held)
        told: dict[str, Any] = {"origin": self.url, "storageTypes": "all"}
        wire.send("Storage.clearDataForOrigin", told)
        wire.detach()
        self.context.clear_permissions()
        self.tab = Tab.on(self.context, self.url)
        return self.tab

    def leave(self) -> None:
        """Closes the tab; a fault that the page made is the test's."""
        tab, self.tab = self.tab, None
        assert tab is not None
        tab.page.close()
        tab.check()
