"""How does a test look at the page? As a person's browser of a certain size, which notes every broken policy."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakSet

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.page.evaluation import evaluate
from tests.waiting import PATIENCE

SIZES: dict[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
NARROW = {"width": 360, "height": 740}
AXE = Path(__file__).resolve().parents[2] / "mobile-bridge" / "app" / "node_modules" / "axe-core" / "axe.min.js"
LOOK = """axe.run(document, {
  resultTypes: ['violations'],
  rules: { 'label-content-name-mismatch': { enabled: true }, 'target-size': { enabled: true } },
}).then((told) => told.violations)"""
"""With two rules that are off by default: a name says what is seen, and what is tapped is large enough."""
WATCH = """
document.addEventListener('securitypolicyviolation', (event) => {
  window.brokenPolicy(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
STEP = """(path) => {
  document.querySelector('main h1')?.setAttribute('data-left', '');
  history.pushState({}, '', path);
  dispatchEvent(new PopStateEvent('popstate'));
}"""
OPENED: WeakSet[Page] = WeakSet()
"""All pages of all tabs, for who wants to know what they showed when a test failed."""
POLICY_WORDS = ("Content Security Policy", "Content-Security-Policy", "TrustedScript", "TrustedHTML", "Refused to")


@dataclass
class Tab:
    """One tab in a browser profile of its own."""

    context: BrowserContext
    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    forgiven: bool = False
    spoiled: bool = False
    """Whether what the test did stays in the tab: it is given to no other test."""
    frozen: bool = False
    """Whether the clock of its profile stands."""

    @classmethod
    def open(cls, browser: Browser, url: str, size: str, **more: Any) -> Tab:
        """A new profile with one tab; nothing is loaded yet."""
        context = browser.new_context(base_url=url, reduced_motion="reduce", **SIZES[size], **more)
        context.set_default_timeout(PATIENCE * 1000)
        faults: list[str] = []
        context.expose_binding("brokenPolicy", lambda _, said: faults.append(f"policy: {said}"))
        context.add_init_script(WATCH)
        return cls.on(context, url, faults)

    @classmethod
    def on(cls, context: BrowserContext, url: str, faults: list[str] | None = None) -> Tab:
        """A new tab of a profile that there is."""
        tab = cls(context=context, page=context.new_page(), url=url, faults=[] if faults is None else faults)
        tab.page.on("pageerror", lambda error: tab.faults.append(f"uncaught: {error}"))
        tab.page.on("console", tab._heard)
        OPENED.add(tab.page)
        return tab

    def _heard(self, message: ConsoleMessage) -> None:
        if any(word in message.text for word in POLICY_WORDS):
            self.faults.append(message.text)

    def load(self, path: str = "/") -> None:
        """Loads the page at a screen, as who types its address, and waits until its heading is there."""
        self.page.goto(f"{self.url}/app{path}")
        self.page.wait_for_selector("main h1")

    def go(self, path: str = "/") -> None:
        """Goes to another screen within the page, as Back and Forward do; loads it where it is not there yet.

        A load takes five times as much as a step: a process, its scripts, the store, the stream of events. A step that
        the page itself is taking is waited for: called back from it, it would never leave the screen that is there.
        """
        here = self.page.url.removeprefix(f"{self.url}/app")
        if here == self.page.url or here.partition("?")[0] == path.partition("?")[0]:
            self.load(path)
            return
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        self.js(STEP, f"/app{path}")
        self.page.wait_for_selector("main h1:not([data-left])")

    def js(self, words: str, given: object = None) -> Any:
        """What an expression is in the page, or a function answers; a promise is waited for, and not for ever."""
        return evaluate(self.page, words, given)

    def take_clock(self) -> None:
        """Has the page go by a clock that a test may put forward; else it runs as any does."""
        self.spoiled = True
        self.page.clock.install()

    def freeze(self) -> None:
        """Has the page's clock stand until it is told to run on."""
        self.take_clock()
        self.frozen = True
        self.page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=1))

    def thaw(self) -> None:
        """Has it run again."""
        self.page.clock.resume()
        self.frozen = False

    def begin_with(self, script: str) -> None:
        """Has each page begin with a script of the test's."""
        self.spoiled = True
        self.page.add_init_script(script)

    def settled(self) -> None:
        """Waits until the screen shows what it loaded, or why it could not."""
        expect(self.page.locator("main .wait")).to_have_count(0)

    def until(self, words: str) -> None:
        """Waits until an expression is true. Playwright's own wait would evaluate text, which the policy forbids."""
        over = time.monotonic() + PATIENCE
        while not self._now(words):
            assert time.monotonic() < over, words
            self.page.wait_for_timeout(50)

    def _now(self, words: str) -> bool:
        try:
            return bool(self.js(words))
        except PlaywrightError as error:
            if "navigation" not in str(error):
                raise
            return False  # the page was left meanwhile: another one is asked

    def breaks_on_purpose(self, word: str) -> None:
        """Waits until a broken policy was told in this word. What else is told of it, now or later, is no fault."""
        over = time.monotonic() + PATIENCE
        while not any(word in fault for fault in self.faults):
            assert time.monotonic() < over, word
            self.page.wait_for_timeout(10)
        self.forgiven = True

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.js("document.documentElement.scrollWidth - innerWidth"))

    def axe(self) -> list[str]:
        """What axe finds that is serious or worse, each with the first element that it is about.

        A colour on its way is none: what moves has come to rest before (with reduced motion all of it does).
        """
        assert not self.frozen, "axe waits by the page's clock"
        self.until("document.getAnimations().every((one) => one.playState !== 'running')")
        if not self.js("'axe' in globalThis"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))  # a script, and no expression
        found = self.js(LOOK)
        bad = [one for one in found if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary']}" for one in bad]

    def shift(self) -> float:
        """The sum of layout shifts since the page was loaded."""
        words = """new Promise((done) => {
          let sum = 0;
          const add = (one) => { if (!one.hadRecentInput) sum += one.value; };
          new PerformanceObserver((list) => list.getEntries().forEach(add))
            .observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => done(sum), 60);
        })"""
        return float(self.js(words))

    def answer(self, path: str, told: object, status: int = 200) -> None:
        """Has the node's edge answer an address (a glob) with this JSON."""
        kind = "application/json" if status < 400 else "application/problem+json"
        body = json.dumps(told)
        self.page.route(path, lambda route: route.fulfill(status=status, content_type=kind, body=body))

    def close(self) -> None:
        """Ends it; a fault that the page made is the test's."""
        self.context.close()
        self.check()

    def check(self) -> None:
        """Fails for a fault that the page made."""
        assert self.forgiven or self.faults == []
