"""Where are the real programs of the agents, and what do the tests of them share?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.standin import ModelApi, model_api
from tests.orchestrator.conftest import bubblewrap, server

__all__ = ["bubblewrap", "server"]

CACHE = Path(os.environ.get("SHIFTBOOK_CI_AGENTS", Path.home() / ".cache" / "shiftbook-ci" / "agents"))
KEYS = (
    *("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_BASE_URL"),
    *("OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"),
)


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees whoever is logged in on this machine; the programs are those that `.ci/agents` installed."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "nobody"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def api() -> Iterator[ModelApi]:
    """A stand-in for the model APIs."""
    with model_api() as running:
        yield running
