"""Does the node start its own web server, wherever it was started? A real process."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import pytest

from missions.plain_data import read_json
from orchestrator.app.web_process import RECORD_FILE, WebServer, serving_words
from orchestrator.core.own_installation import reinstall_command
from orchestrator.core.roles import Role, RoleSwitches, role_policy
from tests.program import SERVER, begin_web_by
from tests.waiting import until


def test_code_in_the_working_folder_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone of a ledger may have a folder `orchestrator`: it is not taken for this program."""
    planted = tmp_path / "clone" / "orchestrator" / "__main__.py"
    planted.parent.mkdir(parents=True)
    (planted.parent / "__init__.py").touch()
    planted.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIFTBOOK_HTTP", "nonsense")  # so that the real one ends by itself, with a line that says why
    monkeypatch.chdir(tmp_path / "clone")
    server = WebServer(tmp_path / "home", lambda *_words, **_facts: None)
    server.start()
    said, over = tmp_path / "home" / "http.err", time.monotonic() + 240
    while time.monotonic() < over and not (tmp_path / "ran").exists():
        if said.exists() and "SHIFTBOOK_HTTP" in said.read_text(encoding="utf-8"):
            break
        time.sleep(0.05)
    server.stop()
    assert not (tmp_path / "ran").exists()
    assert "SHIFTBOOK_HTTP" in said.read_text(encoding="utf-8")


def test_it_starts_anew_with_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process serves then, without a word of trouble; the node that started it lives on."""
    home, told = tmp_path / "home", list[str]()
    home.mkdir()
    monkeypatch.setenv("SHIFTBOOK_HOME", str(home))
    monkeypatch.setenv("SHIFTBOOK_HTTP", "127.0.0.1:0")
    monkeypatch.chdir(tmp_path)
    begin = begin_web_by(SERVER.address)
    server = WebServer(home, lambda _event, words, **_facts: told.append(words), begin=begin)

    def pid() -> int:
        try:
            return int(read_json((home / RECORD_FILE).read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, KeyError):
            return 0

    server.start()
    try:
        until(pid)
        first = pid()
        server.renew()
        until(lambda: pid() not in {0, first})
    finally:
        server.stop()
    assert not [words for words in told if "ended" in words]


def test_however_it_is_begun_it_is_watched_and_ended(tmp_path: Path) -> None:
    """What it said last is told when it ends, its error file is the one of its last life, and no process is left."""
    begun, told = list["subprocess.Popen[bytes]"](), list[str]()

    def begin(pipe: int, said: IO[bytes]) -> subprocess.Popen[bytes]:
        """A process that ends as soon as its node has, and the first of them at once."""
        script = f"exec cat /dev/fd/{pipe}" if begun else "echo one; echo 'shiftbook: no room' >&2; exit 3"
        begun.append(subprocess.Popen(["sh", "-c", script], stdout=said, stderr=said, pass_fds=(pipe,)))
        return begun[-1]

    server = WebServer(tmp_path, lambda _event, words, **_facts: told.append(words), begin=begin)
    server.start()
    try:
        until(lambda: len(begun) == 2)
    finally:
        server.stop()
    assert told == ["the web server ended (no room); it is started again"]
    assert [process.poll() for process in begun] == [3, -signal.SIGTERM]
    assert (tmp_path / "http.err").read_bytes() == b""


URL = "http://127.0.0.1:8823"


@pytest.mark.parametrize(
    ("role", "switches", "built", "words"),
    [
        (Role.STANDALONE_NODE, RoleSwitches(), True, f"; the page is {URL}/app/"),
        (Role.LOCAL_WORKER, RoleSwitches(device_sync=True), True, f"; the page is {URL}/app/"),
        (
            Role.STANDALONE_NODE,
            RoleSwitches(),
            False,
            f", but no page: none is in this installation; `{reinstall_command()}` builds it",
        ),
        (
            Role.LOCAL_WORKER,
            RoleSwitches(),
            False,
            ", but no page: SHIFTBOOK_DEVICE_SYNC=1 has a LOCAL_WORKER serve the page and devices",
        ),
    ],
)
def test_whoever_serves_hears_where_the_page_is(
    monkeypatch: pytest.MonkeyPatch, role: Role, switches: RoleSwitches, built: bool, words: str
) -> None:
    """Its address, or why there is none and what mends it; a worker hears of its setting first."""
    monkeypatch.setattr("mobile_bridge.built_page.is_built", lambda: built)
    assert serving_words(URL, role_policy(role, switches)) == f"serving at {URL}{words}"
