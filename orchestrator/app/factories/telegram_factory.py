"""Which bot of Telegram does this node have, and what does it lack? Whoever makes a bot imports the library."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command

if TYPE_CHECKING:
    from orchestrator.core.ports.chat_network import ChatNetwork
    from orchestrator.core.ports.notifier import Notifier
    from orchestrator.core.settings import Settings

SWITCH = "ENABLE_TELEGRAM_POLL"


def require_bot(settings: Settings) -> None:
    """Raises WrongSetting where something of the bot is missing."""
    if not settings.telegram_token.get_secret_value():
        raise WrongSetting(SWITCH, "SHIFTBOOK_TELEGRAM_TOKEN is not set: @BotFather gives one")
    if not settings.telegram_chats:
        raise WrongSetting(SWITCH, "SHIFTBOOK_TELEGRAM_CHATS is not set: write whose chats are heard, by their numbers")
    if find_spec("telegram") is None:
        raise WrongSetting(SWITCH, f"what speaks with Telegram is not installed: {extra_command('telegram')}")


def chat_network(settings: Settings) -> ChatNetwork:
    """The bot. Raises WrongSetting."""
    require_bot(settings)
    from orchestrator.adapters.telegram.bot_api import TelegramBot

    base = f"{settings.telegram_url.rstrip('/')}/bot"
    return TelegramBot(token=settings.telegram_token.get_secret_value(), base_url=base)


def telegram_notifier(settings: Settings) -> Notifier | None:
    """What tells the chats of the bot; None where this node has none. Raises WrongSetting."""
    if not settings.policy.telegram:
        return None
    from orchestrator.adapters.telegram.chat_notifier import ChatNotifier

    return ChatNotifier(network=chat_network(settings), chats=settings.telegram_chats)
