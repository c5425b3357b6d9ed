"""Who pushes to a ledger behind its gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.core.settings import Settings
from orchestrator.git_server.hook_server import HookServer
from orchestrator.git_server.pre_receive import PUSHER_VARIABLE, SOCKET_RECORD, install_hook
from tests.ledgers import Files, Keys, Peer, Town


@contextmanager
def gated(files: Files, folder: Path) -> Iterator[Town]:
    """A ledger of these files behind its gate, which this process answers for, as the one that serves does."""
    town = Town(files, folder=folder)
    settings = Settings(home=folder / "home", ledger=str(town.bare))
    settings.home.mkdir()
    install_hook(town.bare, settings)
    close = HookServer(settings=settings, bare=town.bare, poll_seconds=0.005).open()
    yield town
    close()
    town.close()


@pytest.fixture
def nobody_serves(town: Town) -> None:
    """From now on the hook starts a process for each push, which takes thirty times as long."""
    assert town.folder is not None
    (town.folder / "home" / SOCKET_RECORD).unlink()


@pytest.fixture
def peer(town: Town, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Peer]:
    """Somebody who signs with their key (or not at all) and pushes under a name (empty: not asked)."""

    def make(name: str, *, by: str = "", signs: bool = True) -> Peer:
        monkeypatch.setenv(PUSHER_VARIABLE, by)
        return town.peer(name, key=keys[name] if signs else None)

    return make
