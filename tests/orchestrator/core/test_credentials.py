"""Are the credentials that systemd has loaded settings?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "credentials"
    found.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(found))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text("SHIFTBOOK_GIT_TOKEN=file\n", encoding="utf-8")
    return found


@pytest.mark.parametrize("name", ["SHIFTBOOK_GIT_TOKEN", "shiftbook_SHIFTBOOK_GIT_TOKEN"])
def test_between(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A credential outranks the home's file and is outranked by the environment; its line's end is not part of it."""
    assert load_settings().git_token.get_secret_value() == "file"
    (folder / name).write_text("kept apart\n", encoding="utf-8")
    assert load_settings().git_token.get_secret_value() == "kept apart"
    monkeypatch.setenv("SHIFTBOOK_GIT_TOKEN", "said")
    assert load_settings().git_token.get_secret_value() == "said"


def test_others(folder: Path) -> None:
    """What is no setting's name says nothing; an empty one neither."""
    for name in ("PATH", "shiftbook_PATH", "SHIFTBOOK_GIT_TOKEN.bak"):
        (folder / name).write_text("x", encoding="utf-8")
    (folder / "SHIFTBOOK_GIT_TOKEN").write_text("\n", encoding="utf-8")
    assert load_settings().git_token.get_secret_value() == "file"


def test_unreadable(folder: Path) -> None:
    """One that cannot be read is one line that names it, and no other value is taken in its place."""
    (folder / "SHIFTBOOK_GIT_TOKEN").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongSetting, match=r"SHIFTBOOK_GIT_TOKEN: its credential .* cannot be read"):
        load_settings()
