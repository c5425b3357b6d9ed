"""Facts about what is put together, and what is said where a part is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.app.factories import notifier_factory
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting


def test_an_address_without_the_extra_is_refused_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node with SHIFTBOOK_NOTIFY and no apprise says so in one line; without the setting it needs none."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert notifier_factory.notifier(load_settings(home=tmp_path, notify="")) is None
    with pytest.raises(WrongSetting, match=r"\[notify\]"):
        notifier_factory.notifier(load_settings(home=tmp_path, notify="json://127.0.0.1:9/x"))


def test_only_the_agents_that_were_chosen_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SHIFTBOOK_AGENTS leaves out programs that are installed; the node's own agents stay."""
    for name in ("codex", "claude"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "for the look of it")
    offered = {}
    for chosen in ("", "codex"):
        settings = load_settings(home=tmp_path, agents=chosen)
        offered[chosen] = wiring.agents(settings, wiring.model(settings), wiring.sandbox(required=False)).keys()
    assert offered[""] >= {"codex", "claude", "command"}
    assert offered[""] - offered["codex"] >= {"claude"}
    assert offered["codex"] >= {"codex", "command"}
