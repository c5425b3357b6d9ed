"""Doctor says whether the web page is here, and which setting has a worker serve it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mobile_bridge.built_page import BuiltPage, read_built_page

from orchestrator.app.doctor import page_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.core.own_installation import reinstall_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings


def built(folder: Path) -> BuiltPage | None:
    """A page."""
    (folder / "build.json").write_text(json.dumps({"page": "abc123", "api": 1}), encoding="utf-8")
    return read_built_page(folder)


def settings(home: Path, **more: object) -> Settings:
    """Of a node that serves the page unless `more` says otherwise."""
    return Settings.model_validate({"home": home, "role": Role.STANDALONE_NODE, **more})


@pytest.mark.parametrize(
    ("role", "health"), [(Role.STANDALONE_NODE, CheckStatus.POOR), (Role.LOCAL_WORKER, CheckStatus.ABSENT)]
)
def test_a_page_that_was_not_built_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role, health: CheckStatus
) -> None:
    """With what builds it in this installation; to whom serves none it is no fault."""
    monkeypatch.setattr(page_checks, "read_built_page", lambda: None)
    one = page_checks.check_page(settings(tmp_path, role=role))
    assert (one.what, one.health, one.remedy) == ("page", health, f"`{reinstall_command()}`")


def test_a_worker_is_told_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is here, and this node serves it only with the setting."""
    monkeypatch.setattr(page_checks, "read_built_page", lambda: built(tmp_path))
    one = page_checks.check_page(settings(tmp_path, role=Role.LOCAL_WORKER))
    assert one.says == "a LOCAL_WORKER serves none unless it is told to"
    assert (one.health, one.remedy) == (CheckStatus.ABSENT, "SHIFTBOOK_DEVICE_SYNC=1 has it do so")
    asked = page_checks.check_page(settings(tmp_path, role=Role.LOCAL_WORKER, device_sync=True))
    assert asked.health is CheckStatus.GOOD


def test_where_it_is_served_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address while something serves, else what does."""
    monkeypatch.setattr(page_checks, "read_built_page", lambda: built(tmp_path))
    assert page_checks.check_page(settings(tmp_path)).says == "`shiftbook node run` serves it"
    (tmp_path / "http.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 1}), encoding="utf-8")
    assert page_checks.check_page(settings(tmp_path)).says == "served at http://127.0.0.1:1/app/"
