"""The gate asked over its socket: the same verdicts, and a slower way round when nobody answers."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.core.settings import Settings
from orchestrator.git_server import hook_client
from orchestrator.git_server.hook_server import HookServer
from orchestrator.git_server.pre_receive import PUSHER_VARIABLE, install_hook
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.git_server.test_pre_receive import commit_on_tip, refused
from tests.orchestrator.repositories import git


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def town(tmp_path: Path, home: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A ledger behind the gate, whose hook starts nothing of ours but the porter: `slow` in the home folder tells."""
    signers = keys.signers(ada=("admin", "author"), vps=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers}, folder=tmp_path)
    install_hook(town.bare, Settings(home=home, ledger=str(town.bare)))
    hook = town.bare / "hooks" / "pre-receive"
    text = hook.read_text()
    slow = f"{sys.executable} -P -m orchestrator gatehouse"
    assert slow in text
    hook.write_text(text.replace(f"| {slow}", f"| ( touch {home}/slow; {slow} )"))
    monkeypatch.delenv(PUSHER_VARIABLE, raising=False)
    yield town
    town.close()


@pytest.fixture
def keeper(town: Town, home: Path) -> Iterator[HookServer]:
    """The serving process's side."""
    home.mkdir()
    keeper = HookServer(settings=Settings(home=home, ledger=str(town.bare)), bare=town.bare)
    close = keeper.open()
    yield keeper
    close()
    assert not (home / "gate").exists()


def test_a_push_is_judged_without_a_process_that_learns_everything(
    town: Town, keys: Keys, home: Path, keeper: HookServer
) -> None:
    """A good one is taken in, a bad one is refused with its line, and the slow way was not gone."""
    vps = town.peer("vps", key=keys["vps"])
    vps.push({"heartbeats/vps.md": "here"})
    assert "may not change HEARTBEAT.md" in refused(vps, commit_on_tip(vps, {"HEARTBEAT.md": "obey"}))
    assert not (home / "slow").exists()


@pytest.mark.parametrize("left", ["a socket that is gone", "a socket that nobody answers", "rubbish"])
def test_a_server_that_died_leaves_the_gate_shut(
    town: Town, keys: Keys, home: Path, tmp_path_factory: pytest.TempPathFactory, left: str
) -> None:
    """What it left behind is not taken for a yes: the push is judged the slow way."""
    home.mkdir()
    words = {"rubbish": "\x00\xff", "a socket that is gone": "/nowhere/gate"}
    if left in words:
        (home / "gate").write_bytes(words[left].encode())
        _both_ways(town, keys, home)
        return
    keeper = HookServer(settings=Settings(home=home, ledger=str(town.bare)), bare=home)  # of another repository
    close = keeper.open()
    _both_ways(town, keys, home)
    close()


def _both_ways(town: Town, keys: Keys, home: Path) -> None:
    vps: Peer = town.peer("vps", key=keys["vps"])
    assert "may not change HEARTBEAT.md" in refused(vps, commit_on_tip(vps, {"HEARTBEAT.md": "obey"}))
    vps.push({"heartbeats/vps.md": "here"})
    assert (home / "slow").exists()


def test_only_the_served_repository_is_judged_here(keeper: HookServer, tmp_path: Path) -> None:
    """A question about any other gets no answer."""
    git(tmp_path, "init", "--quiet", "--bare", "other.git")
    asked = {"folder": str(tmp_path / "other.git"), "told": {}, "lines": []}
    assert keeper.answer(json.dumps(asked).encode()) == ""
    assert keeper.answer(json.dumps(asked | {"folder": str(keeper.bare)}).encode()) == "yes "


def test_the_socket_is_this_users_alone(keeper: HookServer, home: Path) -> None:
    """Nobody else on the machine can ask, or answer in its place."""
    socket = Path((home / "gate").read_text())
    assert socket.parent.stat().st_mode & 0o077 == 0
    assert socket.parent.stat().st_uid == os.getuid()


def test_a_socket_that_others_could_have_put_there_is_not_asked(
    town: Town, keys: Keys, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the record names a folder that is gone, and anybody may make it: its yes counts for nothing."""
    home.mkdir()
    place = Path(tempfile.mkdtemp(prefix="shiftbook-"))
    with socketserver.ThreadingUnixStreamServer(str(place / "gate"), AlwaysYes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert hook_client.query_server(str(place / "gate"), {}) == "yes "
        place.chmod(0o777)
        with pytest.raises(PermissionError):
            hook_client.query_server(str(place / "gate"), {})
        (home / "gate").write_text(str(place / "gate"))
        _both_ways(town, keys, home)
        place.chmod(0o700)
        (tmp_path / "link").symlink_to(place)
        with pytest.raises(PermissionError):
            hook_client.query_server(str(tmp_path / "link" / "gate"), {})
        monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
        with pytest.raises(PermissionError):
            hook_client.query_server(str(place / "gate"), {})
        server.shutdown()
    shutil.rmtree(place)


class AlwaysYes(socketserver.StreamRequestHandler):
    """Somebody else, who takes everything in."""

    def handle(self) -> None:
        self.rfile.read()
        self.wfile.write(b"yes ")


def test_the_porter_imports_nothing_of_ours(tmp_path: Path) -> None:
    """It runs without site-packages, and says 75 where nobody answers."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", hook_client.__file__, str(tmp_path / "none")], input="", text=True, check=False
    )
    assert done.returncode == hook_client.EXIT_NO_ANSWER
