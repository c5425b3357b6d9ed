"""The pictures of page and terminal: `make screenshots` runs the demo, leaves one more result to look at, takes them.

They show what the demo's real nodes really did; nothing in them is drawn.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from orchestrator.app.demo import run_demo
from orchestrator.app.demo_fleet import HQ, DemoFleet, running_demo_fleet
from tests.page.tab import SIZES
from tests.page.terminal_pictures import take_picture

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WAITING = """\
---
title: Say in the readme that the limit is inclusive
project: {project}
agent: command
run: printf '\\nA parcel of exactly 1000 g costs 4.99.\\n' >> README.md
scope: ["README.md"]
---
Say it where people look first.
"""
SHOTS = {
    "page-now": ("desktop", "light", "/"),
    "page-now-dark": ("desktop", "dark", "/"),
    "page-review": ("desktop", "light", "/review/say-it"),
    "page-review-dark": ("desktop", "dark", "/review/say-it"),
    "phone-now": ("phone", "light", "/"),
    "phone-now-dark": ("phone", "dark", "/"),
    "phone-mission": ("phone", "light", "/missions/fix-the-limit"),
    "phone-mission-dark": ("phone", "dark", "/missions/fix-the-limit"),
}
"""Each picture's name, with the size and the theme of its window, and its address on the page."""
FACES, MAX_LOADS = ("Inter", "Source Serif", "JetBrains Mono"), 20
"""What the page is set in, and how often it is loaded until it is: it waits for no face (`font-display: optional`)."""
TERMINAL = {
    "terminal-list": ("mission", "list", "--all"),
    "terminal-inbox": ("inbox",),
    "terminal-diff": ("mission", "diff", "say-it"),
    "terminal-chat": ("chat", "Which missions are done?"),
}
"""Each picture of a terminal, with the command that it shows."""


class Lines:
    """A screen that says what happens, a line each."""

    def tell(self, who: str, event: dict[str, str]) -> None:
        """Prints it."""
        print(f"{who}: {event['event']} {event['text']}")

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Says nothing."""


def take(browser: Browser, address: str) -> None:
    """Takes every picture from the page at this address."""
    for name, (size, theme, place) in SHOTS.items():
        facts = SIZES[size] | {"device_scale_factor": 1}
        context = browser.new_context(**facts, color_scheme=theme, reduced_motion="reduce")
        page = context.new_page()
        for _ in range(MAX_LOADS):
            page.goto(f"{address.removesuffix('/')}{place}", wait_until="load")
            page.wait_for_selector("main h1")
            others = other_faces(page)
            if not others:
                break
        else:
            raise TimeoutError(f"{name}: still set in {others} after {MAX_LOADS} loads")
        page.screenshot(path=IMAGES / f"{name}.png")
        context.close()


def other_faces(page: Page) -> list[str]:
    """In which faces that are not its own something on the page is set, in the browser's own words."""
    page.evaluate("() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    session = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        session.send(f"{domain}.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    nodes = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "main *"})["nodeIds"]
    used: set[str] = set()
    try:
        for node in nodes:
            fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            used |= {font["familyName"] for font in fonts}
    except PlaywrightError as error:
        if "Could not find node" not in str(error):
            raise
        return ["what has changed meanwhile"]
    finally:
        session.detach()
    assert used, "nothing stands on the page"
    return sorted(name for name in used if not name.startswith(FACES))


def one_more(stage: DemoFleet) -> None:
    """Files a mission whose result waits for a person."""
    stage.push("say-it", WAITING.format(project=stage.project))
    stage.wait("a result to look at", lambda: stage.missions().get("say-it", {}).get("status") == "review")


def main() -> None:
    """Runs the demo and takes the pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo_fleet(Path(folder), Lines()) as stage,
        sync_playwright() as driver,
    ):
        run_demo(stage, with_model=False)
        one_more(stage)
        for name, words in TERMINAL.items():
            take_picture(IMAGES / f"{name}.svg", words, stage.environment(HQ))
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        take(browser, stage.serve())
        browser.close()
    print(f"{len(SHOTS) + len(TERMINAL)} pictures in {IMAGES}")


if __name__ == "__main__":
    sys.exit(main())
