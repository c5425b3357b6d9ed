"""How does a test look at the page in Firefox? By Marionette, the protocol that Firefox itself speaks.

Playwright's way to a Firefox that is not its own build (WebDriver BiDi) sends commands that the one with long support
does not know; Marionette is what its own tests use: JSON after its length, on a port of this machine.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE, until

PREFERENCES = {
    "marionette.port": 0,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.startup.homepage": "about:blank",
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#none",
}
"""It asks nobody anything, and is ready at once."""
SIZES = {"phone": (500, 840), "desktop": (1280, 900)}
"""Pixels of its window. It is never narrower."""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element in WebDriver's JSON."""


class FirefoxSays(Exception):
    """What Firefox answered instead of a result."""


@dataclass
class Firefox:
    """One window."""

    line: socket.socket
    heard: bytes = b""
    last: int = 0
    url: str = ""

    def send(self, command: str, **words: Any) -> Any:
        """What it answers to a command. Raises FirefoxSays."""
        self.last += 1
        data = json.dumps([0, self.last, f"WebDriver:{command}", words]).encode()
        self.line.sendall(b"%d:%s" % (len(data), data))
        while True:
            kind, number, error, result = self.hear()
            if (kind, number) == (1, self.last):
                if error:
                    raise FirefoxSays(f"{command}: {error['error']}: {error['message']}")
                return result.get("value", result) if isinstance(result, dict) else result

    def hear(self) -> Any:
        """The next message."""
        while b":" not in self.heard:
            self._more()
        length, _, self.heard = self.heard.partition(b":")
        while len(self.heard) < int(length):
            self._more()
        data, self.heard = self.heard[: int(length)], self.heard[int(length) :]
        return json.loads(data)

    def _more(self) -> None:
        data = self.line.recv(65_536)
        assert data, "Firefox has hung up"
        self.heard += data

    def load(self, path: str) -> None:
        """Loads the page at a screen, until its heading is there."""
        self.send("Navigate", url=f"{self.url}/app{path}")
        self.until("document.querySelector('main h1') !== null", path)

    def js(self, words: str, *given: Any) -> Any:
        """What an expression is, in the page; one that is a promise is waited for."""
        script = (
            f"const done = arguments[arguments.length - 1]; (async () => ({words}))().then(done, (e) => done(`${{e}}`))"
        )
        return self.send("ExecuteAsyncScript", script=script, args=list(given), sandbox=None, newSandbox=False)

    def until(self, words: str, what: str = "", seconds: float = PATIENCE) -> None:
        """Waits until an expression is true."""
        until(lambda: bool(self.js(words)), what or words, seconds=seconds)

    def shows(self, text: str) -> None:
        """Waits until the page shows these words."""
        self.until(f"document.body.innerText.includes({json.dumps(text)})", text)

    def click(self, xpath: str) -> None:
        """Clicks on the first element that a person can."""
        self.until(f"document.evaluate({json.dumps(xpath)}, document, null, 9).singleNodeValue !== null", xpath)
        self.send("ElementClick", id=self._found(xpath))

    def press(self, name: str) -> None:
        """Clicks on a button by its words."""
        self.click(f"//button[normalize-space(.)='{name}' and not(@disabled)]")

    def type(self, xpath: str, text: str) -> None:
        """Types into an element."""
        self.send("ElementSendKeys", id=self._found(xpath), text=text)

    def _found(self, xpath: str) -> str:
        found = self.send("FindElement", using="xpath", value=xpath)
        return str(found[ELEMENT])

    def resize(self, size: str) -> None:
        """Makes the window so narrow that the page is a phone's, or as wide as a desktop's."""
        width, height = SIZES[size]
        self.send("SetWindowRect", width=width, height=height)

    def picture(self, path: Path) -> None:
        """Writes what it shows."""
        path.write_bytes(base64.b64decode(self.send("TakeScreenshot", full=False)))


@contextmanager
def firefox(program: str, folder: Path, url: str) -> Iterator[Firefox]:
    """One with a profile of its own, for a node, until the end of the block."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    words = "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (profile / "user.js").write_text(words, encoding="utf-8")
    with (folder / "firefox.err").open("wb") as err:
        command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
    try:
        port = _port(profile / "MarionetteActivePort", process)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
            window = Firefox(line=line, url=url)
            window.hear()  # its greeting
            window.send("NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": int(PATIENCE * 1000)}}})
            yield window
            with suppress(OSError, FirefoxSays, AssertionError):
                window.send("DeleteSession")
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(record: Path, process: subprocess.Popen[bytes]) -> int:
    over = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError, ValueError):
            return int(record.read_text(encoding="ascii"))
        assert process.poll() is None, f"Firefox ended with {process.returncode}"
        assert time.monotonic() < over, "Firefox does not start"
        time.sleep(0.1)
