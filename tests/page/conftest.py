"""What do the tests of the page share? A page built of these sources, a real node that serves it, a real Chromium."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.acceptance.fleets import Fleet
from tests.conftest import lacking, require_program
from tests.orchestrator.repositories import Server
from tests.page.chat_model import ChatModel, chat_model
from tests.page.desk import Desk, founded
from tests.page.nodes import FAR, PLAIN
from tests.page.profile import ALL, KEPT, Profile
from tests.page.qr_film import seen_by
from tests.page.tab import OPENED, Tab
from tests.servers import free_port
from tests.waiting import PATIENCE

ELSEWHERE = (FAR, PLAIN)
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "mobile-bridge"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails says what its screens showed: to do it again seldom shows the same."""
    report = yield
    if call.when == "call" and report.failed:
        report.sections += [("the screen of " + page.url, _shown(page)) for page in OPENED if not page.is_closed()]
    return report


def _shown(page: Page) -> str:
    try:
        return page.locator("main").inner_text(timeout=5000)
    except PlaywrightError as error:
        return f"nothing: {error}"


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
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the film lies that Chromium's camera plays; a test writes it before the page looks."""
    return tmp_path_factory.mktemp("camera") / "film.y4m"


@pytest.fixture(scope="package")
def chromium(request: pytest.FixtureRequest, driver: Playwright, camera: Path) -> Iterator[Browser]:
    """The system's Chromium, headless: with a camera that plays a film, and names of other machines that are this one.

    Its WebAssembly is compiled when it is called, and not once more to be faster: the store and the engine of the model
    are large, and used little. At night, when they are timed, it is.
    """
    path = require_program("chromium")
    little = "--js-flags=--wasm-lazy-compilation"
    if not any(item.get_closest_marker("nightly") for item in request.session.items):
        little += ",--no-wasm-tier-up,--no-wasm-dynamic-tiering"
    words = ["--no-sandbox", "--disable-gpu", little, *seen_by(camera)]
    words.append("--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1" for name in ELSEWHERE))
    browser = driver.chromium.launch(executable_path=path, args=words)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The one that is copied, and never served. One worker makes it; it takes as long as ten tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "first-desk"
    with (shared / "first-desk.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (shared / "first-desk.made").exists():
            founded(Fleet(folder))
            (shared / "first-desk.made").touch()
    return Desk(fleet=Fleet(folder, first="desk"), project=Server.within(folder / "project"))


@pytest.fixture
def own(built_page: Path, first_desk: Desk, tmp_path: Path) -> Desk:
    """A node of the test's own, not served yet: it can be stopped, and comes back at the same address."""
    assert built_page.is_dir()
    made = first_desk.copied(tmp_path / "own")
    made.port = free_port()  # its own also while it is stopped
    return made


@pytest.fixture(scope="session")
def model() -> Iterator[ChatModel]:
    """The stand-in for the server of the model that the desk chats with."""
    with chat_model() as made:
        yield made


@pytest.fixture(scope="session")
def desk(
    built_page: Path, first_desk: Desk, model: ChatModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The node that all tests of a worker share. What a test changes there is named by no other."""
    assert built_page.is_dir()
    made = first_desk.copied(tmp_path_factory.mktemp("shared") / "desk")
    made.model_url, made.port = model.url, free_port()
    with made.serving():
        yield made


@pytest.fixture(scope="package")
def profiles(chromium: Browser, desk: Desk) -> Iterator[Callable[[str], Profile]]:
    """The kept profile of a size, for the shared desk."""
    made: dict[str, Profile] = {}

    def of(size: str) -> Profile:
        if size not in made:
            made[size] = Profile.of(chromium, desk.url, size)
        return made[size]

    yield of
    for each in made.values():
        each.context.close()


@pytest.fixture(params=["phone", pytest.param("desktop", marks=pytest.mark.nightly)])
def tab(request: pytest.FixtureRequest, profiles: Callable[[str], Profile]) -> Iterator[Tab]:
    """A tab on the desk, of a phone's size and at night of a desktop's, too; it ends red if the page broke a policy."""
    yield from _opened(profiles(str(request.param)))


@pytest.fixture
def phone(profiles: Callable[[str], Profile]) -> Iterator[Tab]:
    """A tab of a phone's size."""
    yield from _opened(profiles("phone"))


@pytest.fixture
def wide(profiles: Callable[[str], Profile]) -> Iterator[Tab]:
    """A tab of a desktop's size."""
    yield from _opened(profiles("desktop"))


@pytest.fixture
def visitor(profiles: Callable[[str], Profile]) -> Iterator[Tab]:
    """A phone of a person who has said nothing here, and that nobody takes after the test."""
    yield from _opened(profiles("phone"), without=KEPT)


@pytest.fixture
def stranger(profiles: Callable[[str], Profile]) -> Iterator[Tab]:
    """A phone that has never been here: not even the page is kept there. It costs as much as another whole test."""
    yield from _opened(profiles("phone"), without=ALL)


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[[Desk, str], Tab]]:
    """Opens tabs on any desk, each in a profile of its own; all are closed, and their faults told, at the end."""
    opened: list[Tab] = []

    def open_one(desk: Desk, size: str = "desktop") -> Tab:
        opened.append(Tab.open(chromium, desk.url, size))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def _opened(profile: Profile, *, without: str = "") -> Iterator[Tab]:
    yield profile.open(without=without)
    profile.leave()
