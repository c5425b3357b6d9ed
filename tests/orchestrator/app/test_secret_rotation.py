"""Facts about secrets that change while a node runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.app import secret_rotation
from orchestrator.app.machine_settings import write_setting
from orchestrator.app.secret_rotation import SecretRotation, changed_secrets
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import SecretsUnavailable, WrongSetting
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import SETTING_NAMES, Settings, is_secret, secret_variables
from sync import files
from sync.git_remote import GitRemote
from tests.waiting import until


@dataclass
class Running:
    """A node's rotation, what it took up, and what it told."""

    settings: Settings
    load: Callable[[], Settings]
    taken: list[Settings] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotation = SecretRotation(
            settings=self.settings,
            load=lambda: self.load(),
            take_up=self.taken.append,
            tell=lambda _, words, **__: self.told.append(words),
        )


def secret(**more: str) -> Settings:
    return Settings(**{name: SecretText(value) for name, value in more.items()})


def test_what_changed_is_taken_up_and_named() -> None:
    """By its variable, never by its value; what the node's own parts hold is said to wait."""
    node = Running(secret(hq_token="old"), lambda: secret(hq_token="new-token", openai_key="new-key"))
    assert node.rotation.look() == {"SHIFTBOOK_HQ_TOKEN", "SHIFTBOOK_OPENAI_KEY"}
    assert [each.hq_token.get_secret_value() for each in node.taken] == ["new-token"]
    assert node.told == [
        "changed and taken up: SHIFTBOOK_HQ_TOKEN, SHIFTBOOK_OPENAI_KEY; for the node's own work "
        "SHIFTBOOK_OPENAI_KEY counts when it is started again"
    ]
    assert node.rotation.look() == frozenset()
    assert len(node.taken) == len(node.told) == 1


def test_a_bots_new_token_is_not_said_to_count_already() -> None:
    """Its door and its notifier were made with the one before."""
    node = Running(secret(telegram_token="1:old"), lambda: secret(telegram_token="1:new"))
    assert node.rotation.look() == {"SHIFTBOOK_TELEGRAM_TOKEN"}
    assert "SHIFTBOOK_TELEGRAM_TOKEN counts when it is started again" in node.told[0]


@pytest.mark.parametrize("error", [WrongSetting("X", "is wrong"), SecretsUnavailable("there", "no answer")])
def test_a_source_that_fails_takes_nothing_away(error: Exception) -> None:
    """Those in force stay so."""

    def fail() -> Settings:
        raise error

    node = Running(secret(hq_token="old"), fail)
    assert node.rotation.look() == frozenset()
    assert node.taken == []
    assert "those before stay in force" in node.told[0]
    node.load = lambda: Settings().without("the server is away")  # a worker's: it has no secret at all then
    assert node.rotation.look() == frozenset()
    assert node.rotation.settings.hq_token.get_secret_value() == "old"


def test_every_secret_is_looked_at() -> None:
    """Each of them, whichever setting holds it."""
    every = {name: SecretText("x") for name in SETTING_NAMES if is_secret(name)}
    after = Settings().model_copy(update={**every, "database_url": "postgresql://u:p@h/d"})
    assert changed_secrets(Settings(), after) == secret_variables()


def test_a_written_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` of the home, replaced as an editor or `shiftbook` replaces it; other settings change nothing."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(secret_rotation, "SETTLE_SECONDS", 0.05)
    node = Running(load_settings(), load_settings)
    stop = node.rotation.start()
    try:
        write_setting(node.settings, "SHIFTBOOK_SLOTS", "2")
        until(lambda: node.rotation.settings.slots == 2)
        assert node.taken == []
        write_setting(node.settings, "SHIFTBOOK_HQ_TOKEN", "sbk_new")
        until(lambda: len(node.taken) == 1)
        assert node.taken[0].hq_token.get_secret_value() == "sbk_new"
        assert "sbk_new" not in "".join(node.told)
    finally:
        stop()
    until(lambda: not [each for each in threading.enumerate() if each.name == "secrets"], "its thread ends")


def test_a_file_that_cannot_be_read_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another encoding, or no rights: it is told, and what is written well after that counts."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(secret_rotation, "SETTLE_SECONDS", 0.05)
    node = Running(load_settings(), load_settings)
    stop = node.rotation.start()
    try:
        files.replace(tmp_path / ".env", b"SHIFTBOOK_HQ_TOKEN=sbk_\xe4\n")
        until(lambda: node.told)
        assert "no UTF-8" in node.told[0]
        assert "sbk_" not in node.told[0]
        files.replace(tmp_path / ".env", b"SHIFTBOOK_HQ_TOKEN=sbk_new\n")
        until(lambda: len(node.taken) == 1)
    finally:
        stop()


def test_whatever_goes_wrong_is_told_by_its_kind_alone() -> None:
    """Its words may hold what was read."""

    def fail() -> Settings:
        raise RecursionError("sbk_hush")

    node = Running(secret(hq_token="old"), fail)
    assert node.rotation.look() == frozenset()
    assert node.told == ["they were not read again: RecursionError; those before stay in force"]


def test_the_ledgers_server_is_shown_the_new_token(tmp_path: Path) -> None:
    """From the next call on; an empty one shows nothing any more."""
    remote = GitRemote("https://hq.example/git/x.git", tmp_path / "ledger.git", token="old")
    assert "Bearer old" in remote._git.env["GIT_CONFIG_VALUE_0"]
    remote.show_token("new")
    assert "Bearer new" in remote._git.env["GIT_CONFIG_VALUE_0"]
    remote.show_token("")
    assert not remote._git.env
    remote.close()
