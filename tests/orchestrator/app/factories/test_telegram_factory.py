"""Which node has a bot, what it lacks where it is half set, and that the chats are told beside the addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.notifiers.joined import JoinedNotifier
from orchestrator.adapters.telegram.bot_api import TelegramBot
from orchestrator.app.factories import telegram_factory
from orchestrator.app.factories.notifier_factory import notifier
from orchestrator.app.factories.telegram_factory import chat_network, require_bot, telegram_notifier
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.notifier import Channel, NotDelivered, NotificationMessage
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from tests.telegram_server import TOKEN

WHOLE: dict[str, Any] = {
    "enable_telegram_poll": True,
    "telegram_token": TOKEN,
    "telegram_chats": "42, -1001234567890",
    "role": Role.HEADQUARTERS,
}


def settings(tmp_path: Path, **changes: Any) -> Settings:
    return Settings(home=tmp_path, node_id="hq", **(WHOLE | changes))


def test_the_settings_name_a_bot_and_its_chats(tmp_path: Path) -> None:
    """The bot's own name is the token's first part, which is no secret."""
    found = settings(tmp_path)
    assert found.telegram_chats == {42, -1001234567890}
    network = chat_network(found)
    assert isinstance(network, TelegramBot)
    assert network.name == "123456789"
    assert network.base_url == "https://api.telegram.org/bot"
    assert TOKEN not in repr(found)
    network.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"telegram_token": ""}, "TELEGRAM_TOKEN is not set"),
        ({"telegram_chats": ""}, "whose chats are heard"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """With the name of what to set."""
    with pytest.raises(WrongSetting, match=why):
        require_bot(settings(tmp_path, **changes))


def test_the_library_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks it is told which."""
    monkeypatch.setattr(telegram_factory, "find_spec", lambda _name: None)
    with pytest.raises(WrongSetting, match=r"\[telegram\]"):
        require_bot(settings(tmp_path))


@pytest.mark.parametrize("chats", ["ada", "1;2", "0", "1.5", "@channel", "9" * 17])
def test_a_chat_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chats: str) -> None:
    """One clear line that names the variable; names of channels can be taken over by others."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_TELEGRAM_CHATS", chats)
    with pytest.raises(WrongSetting, match=r"SHIFTBOOK_TELEGRAM_CHATS: write the numbers of chats"):
        load_settings()


@pytest.mark.parametrize(
    "changes", [{"role": Role.LOCAL_WORKER}, {"enable_telegram_poll": False}, {"role": Role.STANDALONE_NODE}]
)
def test_who_has_no_bot_tells_no_chat(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A worker never, whatever is set; a standalone node as headquarters does."""
    found = telegram_notifier(settings(tmp_path, **changes))
    assert (found is not None) is (changes.get("role") is Role.STANDALONE_NODE)


def test_chats_are_told_beside_the_addresses(tmp_path: Path) -> None:
    """Each by its own way; without addresses the chats alone."""
    both = notifier(settings(tmp_path, notify="json://127.0.0.1:1/x"))
    assert isinstance(both, JoinedNotifier)
    names = [channel.name for channel in both.channels]
    assert names[1:] == ["Telegram chat -1001234567890", "Telegram chat 42"]
    alone = notifier(settings(tmp_path))
    assert alone is not None
    assert len(alone.channels) == 2
    with pytest.raises(NotDelivered, match="gone is no address any more"):
        both.send(Channel(id="x", name="gone"), NotificationMessage(key="k", title="t", body="b"))
