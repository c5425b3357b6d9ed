"""The demo's end on a page: the same fleet, for this machine only, gone with the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.app import demo_fleet
from orchestrator.app.demo_fleet import HQ, DemoFailed, running_demo_fleet
from tests.acceptance.fleets import Fleet
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person watches the demo; nobody watches this one."""
    monkeypatch.setattr(demo_fleet, "TIMEOUT_SECONDS", PATIENCE)


class Unseen:
    """A screen that nobody looks at."""

    def tell(self, who: str, event: dict[str, Any]) -> None:
        """Says nothing."""

    def waiting(self, what: str, seconds: float, now: str) -> None:
        """Says nothing."""


def test_the_page_of_the_demo_shows_its_fleet(tmp_path: Path) -> None:
    """It is served on a loopback address, tells the missions that were filed, and ends with the demo."""
    fleet = Fleet(tmp_path)
    fleet.found(HQ)
    fleet.commit({"missions/look-around.md": "Look around.\n"}, "A mission")
    with running_demo_fleet(tmp_path, Unseen()) as stage:
        address = stage.serve()
        assert address.startswith("http://127.0.0.1:")
        node = address.removesuffix("/app/")
        told = httpx.get(f"{node}/api/v1/missions", timeout=PATIENCE, trust_env=False).json()
        assert [mission["name"] for mission in told["items"]] == ["look-around"]
    assert stage.nodes[-1].process.poll() is not None


def test_a_page_that_cannot_be_served_says_why(tmp_path: Path) -> None:
    """Where its process ends, the reason is told, and nothing is waited for."""
    (tmp_path / HQ).mkdir()
    (tmp_path / HQ / ".env").write_text("SHIFTBOOK_STREAMS=none\n", encoding="utf-8")
    with running_demo_fleet(tmp_path, Unseen()) as stage, pytest.raises(DemoFailed, match="SHIFTBOOK_STREAMS"):
        stage.serve()
