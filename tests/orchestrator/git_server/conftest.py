"""Who pushes to a ledger behind its gate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.git_server.pre_receive import PUSHER_VARIABLE
from tests.ledgers import Keys, Peer, Town


@pytest.fixture
def peer(town: Town, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Peer]:
    """Somebody who signs with their key (or not at all) and pushes under a name (empty: not asked)."""

    def make(name: str, *, by: str = "", signs: bool = True) -> Peer:
        monkeypatch.setenv(PUSHER_VARIABLE, by)
        return town.peer(name, key=keys[name] if signs else None)

    return make
