"""shiftbook desktop: how does the page get a window of its own on this machine?

By pywebview, or by a browser that has such windows (`--browser`), with a folder of its own for what the page keeps; by
a tab of whatever browser there is where neither is. Where nothing serves yet, this does while the window is open.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.core.environment import load_settings
from orchestrator.core.errors import Refused

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser")
"""Programs that open an address in a window without tabs (`--app`)."""
WIDTH, HEIGHT = 1440, 900
START_SECONDS = 60.0


@click.command("desktop")
@click.option(
    "--browser", is_flag=True, help="In a window of Chromium, Chrome, Edge or Brave, else in a browser's tab."
)
def desktop(browser: bool) -> None:
    """Opens the desk of this node's page in a window of its own, and serves it meanwhile if nothing does yet.

    The desk has the chat with its tools, the output of what runs, and the log of one workspace side by side.
    """
    settings = load_settings()
    view = None if browser else _pywebview()
    with _served(settings) as (url, ours):
        page = f"{url}/app/desk"
        if view is not None:
            _show(view, page, settings.home / "desktop")
        elif not _open_app_window(page, settings.home / "desktop-browser"):
            webbrowser.open(page)
            click.echo(f"{page} is in a tab of your browser: none with windows of their own was found.")
            if ours:
                click.echo("It is served until Ctrl-C.")
                _wait()


def _pywebview() -> Any:
    """The module. Raises Refused where it is not installed."""
    try:
        import webview  # type: ignore[import-not-found,unused-ignore]  # an extra
    except ImportError as error:
        from orchestrator.core.own_installation import extra_command

        needs = extra_command("desktop")
        raise Refused(f"a window of its own needs {needs}; `shiftbook desktop --browser` takes your browser") from error
    return webview


def _show(view: Any, page: str, folder: Path) -> None:
    """Shows it until the window is closed. Raises Refused where the system has nothing to draw windows with."""
    view.create_window("Shiftbook", page, width=WIDTH, height=HEIGHT, min_size=(360, 480), text_select=True)
    try:
        view.start(private_mode=False, storage_path=str(folder))
    except Exception as error:
        if type(error).__name__ != "WebViewException":
            raise
        why = "this system has nothing to draw a window with (GTK with WebKit, or Qt with its web engine)"
        raise Refused(f"{why}; `shiftbook desktop --browser` takes your browser") from error


def _open_app_window(page: str, folder: Path) -> bool:
    """Shows it in a browser's own window until that is closed; whether there is such a browser."""
    program = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if program is None:
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    words = [program, f"--app={page}", f"--user-data-dir={folder}", f"--window-size={WIDTH},{HEIGHT}"]
    done = subprocess.run(
        [*words, "--no-first-run", "--no-default-browser-check"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1][:300]
        raise Refused(f"{Path(program).name} opened no window: {said}")
    return True


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Where this home's page is served, and whether this very command serves it. Raises Refused where it cannot be."""
    from orchestrator.app.web_process import WebServer, served_at

    url = served_at(settings.home)
    if url:
        yield url, False
        return
    _require_page(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    troubles: list[str] = []

    def tell(event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        troubles.append(sentence)

    server = WebServer(settings.home, tell)
    server.start()
    try:
        over = time.monotonic() + START_SECONDS
        while not (url := served_at(settings.home)):
            if any("ended" in each for each in troubles) or time.monotonic() > over:
                raise Refused(troubles[-1] if troubles else "the page is not served: `shiftbook serve` says why")
            time.sleep(0.05)
        yield url, True
    finally:
        server.stop()


def _require_page(settings: Settings) -> None:
    """Raises Refused where what this would serve has no page."""
    from mobile_bridge.built_page import is_built

    from orchestrator.core.own_installation import reinstall_command
    from orchestrator.core.roles import PAGE_SWITCH

    if settings.http is not None and not settings.policy.page:
        raise Refused(f"a {settings.role.value} serves no page: `{PAGE_SWITCH} shiftbook desktop` has it do so")
    if not is_built():
        raise Refused(f"the page is not in this installation: `{reinstall_command()}` builds it")


def _wait() -> None:
    while True:
        time.sleep(3600)
