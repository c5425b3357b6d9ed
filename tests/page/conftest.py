"""What do the tests of the page share? A page built of these sources, a real node that serves it, a real Chromium."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.acceptance.fleets import Fleet
from tests.conftest import lacking, require_program
from tests.page.desk import Desk, founded
from tests.page.tab import SIZES, Tab

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "mobile-bridge"))


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The folder of the page, built if it is not; a machine without npm's registry skips what needs it."""
    import build_page  # beside the package, not in it: it is no part of what is installed

    try:
        build_page.build()
    except build_page.NotBuilt as error:
        lacking(build_page.told(error))
    return Path(build_page.PAGE)


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """The one driver of browsers. Ended with this folder's tests: its event loop would be in the way of others."""
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="package")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """The system's Chromium, headless."""
    path = require_program("chromium")
    browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def desk(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A node that serves the page over a ledger with missions of every kind. Tests that change it make their own."""
    assert built_page.is_dir()
    made = founded(Fleet(tmp_path_factory.mktemp("desk")))
    with made.serving():
        yield made


@pytest.fixture(params=list(SIZES))
def tab(request: pytest.FixtureRequest, chromium: Browser, desk: Desk) -> Iterator[Tab]:
    """A tab on the desk, once of a phone's size and once of a desktop's; it ends red if the page broke a policy."""
    yield from _opened(chromium, desk, str(request.param))


@pytest.fixture
def phone(chromium: Browser, desk: Desk) -> Iterator[Tab]:
    """A tab of a phone's size."""
    yield from _opened(chromium, desk, "phone")


@pytest.fixture
def wide(chromium: Browser, desk: Desk) -> Iterator[Tab]:
    """A tab of a desktop's size."""
    yield from _opened(chromium, desk, "desktop")


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[[Desk, str], Tab]]:
    """Opens tabs on any desk; all of them are closed, and their faults told, at the end."""
    opened: list[Tab] = []

    def open_one(desk: Desk, size: str = "desktop") -> Tab:
        opened.append(Tab.open(chromium, desk.url, size))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def _opened(chromium: Browser, desk: Desk, size: str) -> Iterator[Tab]:
    one = Tab.open(chromium, desk.url, size)
    yield one
    one.close()


SHORT = ("test_addresses_are_real", "test_keys_lead_everywhere", "test_no_script_of_another_runs")
"""The tests in a browser that `make test` runs; the others take minutes, and `make nightly` runs them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a browser as one of the long forms, but for the short list."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "tests/page/" in item.nodeid and "driver" in names and item.originalname not in SHORT:  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.nightly)
