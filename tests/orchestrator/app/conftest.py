"""What tests of the app share: ledgers that are opened by what they try are closed again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync.git_remote import GitRemote


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
