"""What do tests of commands stand on? A machine with a fleet of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.app import setup
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings


@pytest.fixture
def desk_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone of a fleet whose one node is `desk`, on a machine on which nothing else was ever set."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "desk"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "desk")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    monkeypatch.chdir(tmp_path)
    desk = Settings(home=tmp_path / "desk", node_id="desk", role=Role.STANDALONE_NODE, http=None)
    setup.init(tmp_path / "clone", desk)
    monkeypatch.setenv("SHIFTBOOK_LEDGER", str(tmp_path / "clone.git"))
    return tmp_path / "clone"
