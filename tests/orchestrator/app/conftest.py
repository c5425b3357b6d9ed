"""What tests of the app share: ledgers that are opened by what they try are closed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.app.setup import init
from orchestrator.core.settings import Settings
from sync.git_remote import GitRemote
from tests.templates import Template


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that ends closes what it has opened; a test that tries commands within its own goes on."""
    opened: list[GitRemote] = []
    begin = GitRemote.__init__

    def note(self: GitRemote, *args: object, **kwargs: object) -> None:
        begin(self, *args, **kwargs)  # type: ignore[arg-type]
        opened.append(self)

    monkeypatch.setattr(GitRemote, "__init__", note)
    yield
    for remote in opened:
        remote.close()


@pytest.fixture(scope="session")
def made_two_fleets() -> Template:
    """A machine that works for one fleet and knows another; made once."""

    def make(folder: Path) -> None:
        for name in ("one", "two"):
            init(folder / name, Settings(home=folder / "home", node_id="desk"))

    return Template.of(make)


@pytest.fixture
def two_fleets(made_two_fleets: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of both clones and of the machine; the test runs as that machine."""
    made_two_fleets.copy(tmp_path)
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SHIFTBOOK_LEDGER", raising=False)
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "desk")
    return tmp_path
