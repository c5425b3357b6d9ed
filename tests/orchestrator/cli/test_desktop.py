"""Does `shiftbook desktop` open the page in a window, and say what to do where it cannot?"""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import desktop as module
from orchestrator.core.errors import Refused
from orchestrator.core.own_installation import extra_command, reinstall_command

URL = "http://127.0.0.1:8823"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose node serves, and a PATH without browsers."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(sys.modules, "webview", None)
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "http.json").write_text(json.dumps({"url": URL, "pid": 1}), encoding="utf-8")
    return tmp_path / "home"


def call(*words: str) -> Result:
    return CliRunner().invoke(module.desktop, words, catch_exceptions=True)


def browser(home: Path, name: str, script: str) -> None:
    """Puts a program into the PATH."""
    path = home.parent / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_the_extra_it_says_which(home: Path) -> None:
    """And which way there is without it."""
    assert home.is_dir()
    error = call().exception
    assert isinstance(error, Refused)
    assert extra_command("desktop") in str(error)
    assert "--browser" in str(error)


def test_a_window_of_its_own_shows_the_page_and_keeps_what_it_stores(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a folder in the home: a private window would forget the device's key at its end."""
    seen: dict[str, Any] = {}
    view = SimpleNamespace(
        create_window=lambda title, url, **more: seen.update(title=title, url=url),
        start=lambda **more: seen.update(more),
    )
    monkeypatch.setitem(sys.modules, "webview", view)
    assert call().exit_code == 0
    assert (seen["title"], seen["url"]) == ("Shiftbook", f"{URL}/app/desk")
    assert (seen["private_mode"], seen["storage_path"]) == (False, str(home / "desktop"))


def test_a_system_without_windows_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and the other way; other faults of the library are not swallowed."""
    assert home.is_dir()
    for kind, wanted in ((type("WebViewException", (Exception,), {}), Refused), (ZeroDivisionError, ZeroDivisionError)):

        def start(raised: type[Exception] = kind, **_: Any) -> None:
            raise raised

        view = SimpleNamespace(create_window=lambda *_, **__: None, start=start)
        monkeypatch.setitem(sys.modules, "webview", view)
        assert isinstance(call().exception, wanted)


def test_a_browser_opens_a_window_without_tabs(home: Path) -> None:
    """The first one that is there, with a folder of its own, so that the command ends with its window."""
    browser(home, "google-chrome", f'printf "%s\\n" "$@" > {home}/said')
    assert call("--browser").exit_code == 0
    said = (home / "said").read_text(encoding="utf-8").splitlines()
    assert f"--app={URL}/app/desk" in said
    assert f"--user-data-dir={home / 'desktop-browser'}" in said


def test_a_browser_that_opens_nothing_is_told(home: Path) -> None:
    """With its last words."""
    browser(home, "chromium", "echo one >&2; echo 'cannot open display' >&2; exit 1")
    error = call("--browser").exception
    assert isinstance(error, Refused)
    assert str(error) == "chromium opened no window: cannot open display"


def test_without_such_a_browser_a_tab_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is said."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    answer = call("--browser")
    assert (answer.exit_code, opened) == (0, [f"{URL}/app/desk"])
    assert f"{URL}/app/desk" in answer.output
    assert home.is_dir()


def test_where_nothing_serves_it_serves_while_the_window_is_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is there when the window opens, and gone when it is closed."""
    (home / "http.json").unlink()
    monkeypatch.setenv("SHIFTBOOK_HTTP", "127.0.0.1:0")
    monkeypatch.setenv("FACTORY_ROLE", "STANDALONE_NODE")
    seen: list[int] = []

    def create(_title: str, page: str, **_: Any) -> None:
        seen.append(httpx.get(page.replace("/app/desk", "/health"), timeout=60, trust_env=False).status_code)

    view = SimpleNamespace(create_window=create, start=lambda **_: None)
    monkeypatch.setitem(sys.modules, "webview", view)
    answer = call()
    assert answer.exit_code == 0, answer.exception
    assert seen == [200]
    assert not (home / "http.json").exists()


def test_what_cannot_be_served_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the server's own words, and no window is opened."""
    (home / "http.json").unlink()
    monkeypatch.setenv("SHIFTBOOK_HTTP", "off")
    view = SimpleNamespace(create_window=lambda *_, **__: pytest.fail("a window"), start=lambda **_: None)
    monkeypatch.setitem(sys.modules, "webview", view)
    error = call().exception
    assert isinstance(error, Refused)
    assert "SHIFTBOOK_HTTP" in str(error)


@pytest.mark.parametrize(
    ("role", "built", "says"),
    [
        ("LOCAL_WORKER", True, "`SHIFTBOOK_DEVICE_SYNC=1 shiftbook desktop`"),
        ("STANDALONE_NODE", False, f"`{reinstall_command()}` builds it"),
    ],
)
def test_a_window_without_a_page_is_not_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch, role: str, built: bool, says: str
) -> None:
    """A worker is told its setting, and an installation without a page how it gets one, before anything is served."""
    (home / "http.json").unlink()
    monkeypatch.setenv("FACTORY_ROLE", role)
    monkeypatch.setattr("mobile_bridge.built_page.is_built", lambda: built)
    view = SimpleNamespace(create_window=lambda *_, **__: pytest.fail("a window"), start=lambda **_: None)
    monkeypatch.setitem(sys.modules, "webview", view)
    error = call().exception
    assert isinstance(error, Refused)
    assert says in str(error)
