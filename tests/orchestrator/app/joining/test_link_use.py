"""Does a machine that headquarters took in go on where its join was broken off, and only there?"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from orchestrator.app.joining.join_link import JoinLink
from orchestrator.app.joining.link_use import TakenInBefore, join_by_link
from orchestrator.core.settings import Settings
from sync.errors import GitError

LINK = JoinLink(ledger="http://127.0.0.1:9/git/fleet.git", token="sbk_" + "x" * 32)


@pytest.mark.parametrize(
    ("settings", "goes_on"),
    [
        ({"git_token": "t", "hq_url": "http://127.0.0.1:9"}, True),
        ({"git_token": "t", "ledger": LINK.ledger}, True),
        ({"git_token": "t", "hq_url": "http://127.0.0.1:8"}, False),
        ({"hq_url": "http://127.0.0.1:9"}, False),
    ],
)
def test_a_join_that_was_broken_off_goes_on(
    settings: dict[str, str], goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has what it was given by this server: what is left is the clone, of a server that is not there here."""
    monkeypatch.setattr(httpx, "post", lambda *given, **more: httpx.Response(409, json={"title": "used"}))
    monkeypatch.chdir(tmp_path)
    here = Settings(home=tmp_path / "home", node_id="vps", **settings)  # type: ignore[arg-type]
    with pytest.raises(GitError if goes_on else TakenInBefore):
        join_by_link(LINK, tmp_path / "clone", here)
