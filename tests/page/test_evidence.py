"""What a project's tests leave is seen where somebody decides: made by a real run, folded, served and drawn."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.acceptance.fleets import command
from tests.missions.attachments.pictures import png, png_part
from tests.page.desk import Desk
from tests.page.tab import Tab

MISSION, WIDTH, HEIGHT = "pay-by-card", 640, 400
REPORT = (
    "<testsuite><testcase classname='tests.cart' name='adds'/>"
    "<testcase classname='tests.cart' name='pays &lt;b&gt;now'><failure message='expected 499, got 500'/></testcase>"
    "</testsuite>"
)
LOG = "\\033[32mcart\\033[0m opened\\n<img src=x onerror=alert(1)>\\nanswered in 40 ms\\n"


def screen() -> bytes:
    """A picture of a page with a bar, some lines and a button, as PNG."""

    def colour(x: int, y: int) -> bytes:
        if y < 48:
            return b"\x1f\x3a\x5f"
        line = 80 <= y < 240 and (y - 80) % 40 < 14 and 40 <= x < 560 - y
        return b"\x2e\x9d\x5f" if 300 <= y < 344 and 40 <= x < 220 else b"\xb8\xc0\xcc" if line else b"\xf6\xf4\xef"

    rows = b"".join(b"\0" + b"".join(colour(x, y) for x in range(WIDTH)) for y in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return png()[:8] + png_part(b"IHDR", head) + png_part(b"IDAT", zlib.compress(rows, 9)) + png_part(b"IEND", b"")


def test_line() -> str:
    """The project's test command: it leaves a picture, what is none, a log, a report and a link."""
    shot = base64.b64encode(screen()).decode()
    steps = [
        "mkdir -p out/shots",
        f"echo {shot} | base64 -d > out/shots/checkout.png",
        "echo '<svg onload=alert(1)>' > out/shots/drawing.png",
        f"printf '{LOG}' > out/run.log",
        f'echo "{REPORT}" > out/junit.xml',
        "ln -s ../.git out/link.log",
    ]
    return " && ".join(steps)


test_line.__test__ = False  # type: ignore[attr-defined]  # it is a project's test, not ours


def worked(own: Desk) -> None:
    """The desk's project has evidence, and a mission that waits has left some."""
    rules = (own.fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    more = f"\n[projects.shop]\nevidence = [\"out/**/*.png\", \"out/*\"]\ntest = '''{test_line()}'''\n"
    mission = command("echo card > pay.txt", project="shop", title="Pay by card")
    files = {"fleet.toml": rules.replace("\n[projects.shop]\n", more), f"missions/{MISSION}.md": mission}
    own.fleet.commit(files, "Evidence, and a mission")
    own.work()


def seen(tab: Tab, pictures: Path | None = None) -> None:
    """The report as a table, the picture as a picture, a log as text, the drawing as text, the link as left out."""
    part = tab.page.locator("main section").filter(has_text="What the tests left")
    expect(part).to_contain_text("2 tests, 1 failed")
    expect(part).to_contain_text("tests.cart.pays <b>now")
    expect(part).to_contain_text("expected 499, got 500")
    shown = part.get_by_role("img", name="What out/shots/checkout.png shows")
    expect(part.locator("img")).to_have_count(1)
    tab.until(f"[...document.querySelectorAll('main figure img')].some((one) => one.naturalWidth === {WIDTH})")
    assert str(shown.get_attribute("src")).startswith("blob:")
    enlarge = part.get_by_role("button", name="Show out/shots/checkout.png wider")
    enlarge.click()
    expect(enlarge).to_have_attribute("aria-pressed", "true")
    part.get_by_role("button", name="out/run.log", exact=True).click()
    expect(part.locator("pre")).to_contain_text("cart opened")
    expect(part.locator("pre")).to_contain_text("<img src=x onerror=alert(1)>")
    part.get_by_role("button", name="out/shots/drawing.png", exact=True).click()
    expect(part.locator("pre")).to_have_count(2)
    part.get_by_text("1 file was left out").click()
    expect(part).to_contain_text("out/link.log: it is a link")
    with tab.page.expect_download() as kept:
        part.get_by_role("button", name="Keep out/run.log").click()
    assert kept.value.suggested_filename == "run.log"
    assert tab.overflow() <= 0
    if pictures:
        part.screenshot(path=pictures)


def test_it_is_seen_in_review_and_with_the_mission(own: Desk, open_tab: Callable[[Desk, str], Tab]) -> None:
    """On a phone and on a desk; nothing of it runs, and nothing is wider than the screen."""
    worked(own)
    with own.serving():
        phone, desk = open_tab(own, "phone"), open_tab(own, "desktop")
        phone.go(f"/review/{MISSION}")
        seen(phone, own.fleet.folder / "phone.png")
        desk.go(f"/missions/{MISSION}")
        seen(desk, own.fleet.folder / "desk.png")
        for tab in (phone, desk):
            assert tab.axe() == []
