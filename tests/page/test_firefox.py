"""Does the main path work in Firefox? Paired, talked, its node away, written all the same, and back: in the real one.

It has no speech recognition, no prompt to install the page, and a store and a service worker of its own making.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.page.chat_model import ChatModel
from tests.page.desk import Desk
from tests.page.firefox import Firefox, firefox
from tests.page.nodes import begin, confirm
from tests.page.store import CALL, CONTROLLED
from tests.page.test_offline import said_at
from tests.waiting import until

pytestmark = pytest.mark.nightly
PATHS = ("", "missions", "review", "chat", "desk", "handoff", "log", "fleet", "heartbeat", "devices", "conflicts")
MESSAGE = "//label[normalize-space(.)='Message']/following::textarea[1]"
KEPT = f"({CALL})(['readAnswer', ['/api/v1/missions?limit=100']])"
DEVICE_MAY = ["look", "chat", "missions", "approvals", "sync"]


@pytest.fixture
def program() -> str:
    """The system's Firefox; a machine without one skips what needs it."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    if not found:
        lacking("firefox is not installed")
    return str(found)


@pytest.fixture
def served(own: Desk, model: ChatModel) -> Desk:
    """A node of the test's own that chats."""
    own.model_url = model.url
    return own


def say(window: Firefox, text: str) -> None:
    """Types a message and sends it."""
    window.type(MESSAGE, text)
    window.press("Send")


def paired(window: Firefox, desk: Desk) -> None:
    """Opens the link of a code, asks to come in, and the person says yes."""
    begun = begin(desk.url, DEVICE_MAY)
    window.send("Navigate", url=str(begun["link"]))
    window.press("Ask to come in")
    window.until("/\\d{3}.?\\d{3}/.test(document.querySelector('p.code')?.textContent ?? '')")
    confirm(desk.url, str(begun["id"]), re.sub(r"\D", "", window.js("document.querySelector('p.code').textContent")))
    window.shows("This device is paired.")


def test_pair_talk_go_offline_write_and_come_back(program: str, served: Desk, tmp_path: Path) -> None:
    """Two messages are written while the node is dead, one in a chat that was; both arrive by themselves, once."""
    with firefox(program, tmp_path / "firefox", f"http://127.0.0.1:{served.port}") as window:
        window.resize("phone")
        with served.serving() as process:
            paired(window, served)
            window.load("/missions")
            window.shows("Fix the auth bug")
            window.until(KEPT, "the list is kept")
            window.load("/chat")
            window.until(CONTROLLED)
            say(window, "Before.")
            window.until("document.querySelector('main article footer')?.innerText.includes('tokens in')")
            chat = window.js("location.search")
            window.until("!document.body.innerText.includes('not sent yet')")
            served.kill(process)
        window.load("/missions")
        window.shows("no node answers")
        window.shows("Fix the auth bug")
        window.load(f"/chat{chat}")
        say(window, "In the same chat.")
        window.until("document.querySelectorAll('.held').length === 1")
        window.load("/chat")
        say(window, "In a new one.")
        window.until("document.querySelectorAll('.held').length === 1")
        with served.serving():
            window.until("document.querySelectorAll('.held').length === 0")
            until(lambda: sorted(map(len, said_at(served))) == [2, 4], "all of it is answered")
            asked = sorted([one["content"] for one in said if one["role"] == "user"] for said in said_at(served))
            assert asked == [["Before.", "In the same chat."], ["In a new one."]]


def test_every_screen_is_there_in_both_widths(program: str, served: Desk, tmp_path: Path) -> None:
    """None breaks, none is wider than its window; what the browser lacks is not offered."""
    with served.serving(), firefox(program, tmp_path / "firefox", served.url) as window:
        for size in ("phone", "desktop"):
            window.resize(size)
            for path in (f"/{one}" for one in PATHS):
                window.load(path)
                window.until("document.querySelector('main .wait') === null", path)
                assert window.js("document.querySelector('main [role=alert]')?.innerText ?? ''") == "", path
                assert window.js("document.documentElement.scrollWidth - innerWidth") <= 0, path
        window.load("/chat")
        assert window.js("document.querySelectorAll('[aria-label=Speak]').length") == 0
        window.load("/settings")
        window.shows("Export what is kept")
        assert "Install Shiftbook" not in window.js("document.body.innerText")
