"""How are messages of Telegram's Bot API taken and sent? By python-telegram-bot, in an event loop of its own thread.

Only its Bot is used: its Updater confirms what it has fetched before it is handled, and goes on polling beside another
poller. What the library says may hold the token, which is part of every address: it is taken out of all words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import telegram
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.chat_network import (
    BotCondition,
    ChatNetworkBusy,
    ChatNetworkFailed,
    ChatUpdate,
    OutgoingText,
    PollConflict,
)

POLL_SECONDS = 25
"""Seconds for which the API holds a question after which nothing came."""
CALL_SECONDS = 20.0
"""Seconds that any other call may take."""
LOOK_SECONDS = 0.2
MAX_UPDATES = 50
MAX_PRESS_CHARS = 200
"""The API's limit on what is told to who pressed a button."""
KINDS = ("message", "callback_query")
for _name in ("httpx", "httpcore"):  # at INFO they log each address, and the token is in it
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(kw_only=True)
class TelegramBot:
    """A ChatNetwork. `base_url` is the API's, without the token: `https://api.telegram.org/bot`."""

    token: str = field(repr=False)
    base_url: str
    poll_seconds: int = POLL_SECONDS
    call_seconds: float = CALL_SECONDS
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)
    name: str = field(init=False)
    """The bot's number, which is the token's first part."""
    _bot: telegram.Bot = field(init=False, repr=False)
    _requests: tuple[HTTPXRequest, ...] = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _closed: bool = False

    def __post_init__(self) -> None:
        number, colon, secret = self.token.partition(":")
        if not (number.isdecimal() and colon and secret and self.token.isascii() and self.token.isprintable()):
            raise WrongSetting("SHIFTBOOK_TELEGRAM_TOKEN", "write what @BotFather gave: 123456789:AA…")
        self.name = number
        os.environ.setdefault("PTB_TIMEDELTA", "1")  # or the library warns of itself when the API asks for a pause
        calls = HTTPXRequest(connection_pool_size=4, pool_timeout=self.call_seconds, connect_timeout=10)
        polls = HTTPXRequest(connection_pool_size=1, connect_timeout=10)
        self._requests = (calls, polls)
        self._bot = telegram.Bot(self.token, base_url=self.base_url, request=calls, get_updates_request=polls)

    def updates(self, after: int, goes_on: Callable[[], bool]) -> Sequence[ChatUpdate]:
        """See ChatNetwork."""
        call = self._bot.get_updates(
            offset=after or None,
            limit=MAX_UPDATES,
            timeout=self.poll_seconds,
            allowed_updates=KINDS,
            read_timeout=self.poll_seconds + 10,
        )
        found = self._run(call, self.poll_seconds + 30, goes_on)
        return [read_update(each, self.name) for each in found or ()]

    def send(self, chat: int, message: OutgoingText) -> int:
        """See ChatNetwork. No parse mode: what is said is shown as it is, whoever wrote it."""
        entities = [telegram.MessageEntity("pre", *message.code)] if message.code and message.code[1] else None
        markup: telegram.ForceReply | telegram.InlineKeyboardMarkup | None = None
        if message.asks:
            markup = telegram.ForceReply()  # a selective one asks nobody whom the message does not name
        elif message.buttons:
            row = [telegram.InlineKeyboardButton(each.label, callback_data=each.data) for each in message.buttons]
            markup = telegram.InlineKeyboardMarkup([row])
        sent = self._run(
            self._bot.send_message(
                chat,
                message.text,
                entities=entities,
                reply_markup=markup,
                link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
                read_timeout=self.call_seconds / 2,
            ),
            self.call_seconds,
        )
        if sent is None:
            raise ChatNetworkFailed("this node ends")
        return int(sent.message_id)

    def answer_press(self, press: str, words: str) -> None:
        """See ChatNetwork."""
        call = self._bot.answer_callback_query(press, text=words[:MAX_PRESS_CHARS], show_alert=len(words) > 60)
        self._run(call, self.call_seconds, passed_over=BadRequest)

    def take_buttons(self, chat: int, message: int) -> None:
        """See ChatNetwork. They may be gone already, or the message be too old to be changed."""
        call = self._bot.edit_message_reply_markup(chat_id=chat, message_id=message, reply_markup=None)
        self._run(call, self.call_seconds, passed_over=BadRequest)

    def condition(self) -> BotCondition:
        """See ChatNetwork. A webhook's address may hold a secret: only its host is told."""
        bot = self._run(self._bot.get_me(), self.call_seconds)
        hook = self._run(self._bot.get_webhook_info(), self.call_seconds)
        if bot is None or hook is None:
            raise ChatNetworkFailed("this node ends")
        where = (urlsplit(hook.url).hostname or "an address") if hook.url else ""
        return BotCondition(title=f"@{bot.username}", waiting=hook.pending_update_count, pushed_to=where)

    def close(self) -> None:
        """See ChatNetwork."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None  # a second call finds nothing to end
        if loop is None or thread is None:
            return
        ended = asyncio.run_coroutine_threadsafe(_end(self._requests), loop)
        try:
            ended.result(5)
        except (FutureTimeout, TelegramError):
            ended.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)

    def _run(
        self,
        call: Coroutine[Any, Any, Any],
        seconds: float,
        goes_on: Callable[[], bool] = lambda: True,
        passed_over: type[TelegramError] | tuple[()] = (),
    ) -> Any:
        """What a call gives; None where it was broken off because `goes_on` says no. Raises ChatNetworkFailed."""
        under_way = asyncio.run_coroutine_threadsafe(call, self._started())
        try:
            return self._await(under_way, seconds, goes_on)
        except passed_over:
            return None
        except RetryAfter as error:
            asked = error.retry_after
            wait = float(asked if isinstance(asked, int | float) else asked.total_seconds())
            raise ChatNetworkBusy(f"Telegram takes no more for {wait:g} s", wait) from None
        except Conflict as error:
            hint = "a webhook is set for it" if "webhook" in str(error).lower() else "another program polls this bot"
            raise PollConflict(f"{hint} ({self._clean(error)})") from None
        except (InvalidToken, Forbidden) as error:
            raise ChatNetworkFailed(f"Telegram refuses: {self._clean(error)}") from None
        except TelegramError as error:
            raise ChatNetworkFailed(f"Telegram: {type(error).__name__}: {self._clean(error)}") from None

    def _await(self, under_way: Future[Any], seconds: float, goes_on: Callable[[], bool]) -> Any:
        waited = 0.0
        while True:
            try:
                return under_way.result(LOOK_SECONDS)
            except CancelledError:  # by `close`
                return None
            except FutureTimeout:
                waited += LOOK_SECONDS
                if not self._closed and goes_on() and waited < seconds:
                    continue
                under_way.cancel()
                if self._closed or not goes_on():
                    return None
                raise ChatNetworkFailed(f"Telegram: no answer within {seconds:g} s") from None

    def _started(self) -> asyncio.AbstractEventLoop:
        """The event loop, which runs in a thread from the first call on."""
        with self._lock:
            if self._closed:
                raise ChatNetworkFailed("this node ends")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), name="telegram", daemon=True)
                self._thread.start()
            return self._loop

    def _clean(self, error: TelegramError) -> str:
        words = str(error)
        for secret in (self.token, self.token.partition(":")[2]):
            words = words.replace(secret, "…")
        return " ".join(words.split())[:300]


def read_update(update: telegram.Update, bot: str) -> ChatUpdate:
    """What of an update concerns the bot of that number; a message without words has an empty text. What cannot be
    answered has chat 0: it is counted, or it would come again for ever."""
    pressed = update.callback_query
    message = pressed.message if pressed is not None else None
    if pressed is not None and message is not None:
        return ChatUpdate(
            number=update.update_id,
            chat=message.chat.id,
            person=_person(pressed.from_user),
            message=message.message_id,
            press=pressed.id,
            data=pressed.data if isinstance(pressed.data, str) else "",
        )
    written = update.message
    if written is None:
        return ChatUpdate(number=update.update_id, chat=0)
    answered = written.reply_to_message
    author = answered.from_user if answered is not None else None
    return ChatUpdate(
        number=update.update_id,
        chat=written.chat.id,
        person=_person(written.from_user),
        text=written.text or "",
        message=written.message_id,
        answers=answered.message_id if answered is not None else 0,
        answered_words=(answered.text or "") if answered is not None and author and str(author.id) == bot else "",
        forwarded=written.forward_origin is not None,
    )


def _person(user: telegram.User | None) -> str:
    return f"{user.username or user.first_name} ({user.id})" if user is not None else "somebody"


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _end(requests: Sequence[HTTPXRequest]) -> None:
    """Cancels what is under way, and closes the connections."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for request in requests:
        await request.shutdown()
