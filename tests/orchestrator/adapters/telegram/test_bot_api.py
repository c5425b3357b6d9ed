"""The Bot API as the node uses it: what comes, what goes, its limits and refusals, and that no word holds the token."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.adapters.telegram.bot_api import TelegramBot
from orchestrator.adapters.telegram.chat_notifier import ChatNotifier
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.chat_network import (
    ChatButton,
    ChatNetworkBusy,
    ChatNetworkFailed,
    OutgoingText,
    PollConflict,
)
from orchestrator.core.ports.notifier import NotDelivered, NotificationMessage
from tests.telegram_server import TOKEN, TelegramServer, telegram_server
from tests.waiting import PATIENCE, until

FOR_EVER = 900
"""Seconds that the API holds a poll: longer than anything here waits."""


def always() -> bool:
    return True


def another_poll(api: TelegramServer) -> None:
    """Of another program, which ends the one that the API holds."""
    api.call("getUpdates", {"timeout": 0}, "other")


@pytest.fixture
def api() -> Iterator[TelegramServer]:
    with telegram_server() as made:
        yield made


@pytest.fixture
def bot(api: TelegramServer) -> Iterator[TelegramBot]:
    made = TelegramBot(token=TOKEN, base_url=f"{api.url}/bot", poll_seconds=1, call_seconds=60)
    yield made
    made.close()


def test_what_people_write_and_press_comes_with_its_number(api: TelegramServer, bot: TelegramBot) -> None:
    """A text, an answer, something forwarded, a picture, a button."""
    first = api.write("hello")
    api.answer("too slow", to=7)
    api.write("x", forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "Eve"})
    api.press("a:1:2", message=9)
    found = bot.updates(0, always)
    assert [each.number for each in found] == [first, first + 1, first + 2, first + 3]
    assert (found[0].chat, found[0].text, found[0].person) == (42, "hello", "ada (42)")
    assert (found[1].text, found[1].answers, found[1].answered_words) == ("too slow", 7, "?")
    assert found[2].forwarded
    assert (found[3].data, found[3].message, found[3].text) == ("a:1:2", 9, "")
    assert found[3].press


def test_the_words_of_an_answered_message_are_told_of_the_bots_own_alone(api: TelegramServer, bot: TelegramBot) -> None:
    """Anybody in a group can write what the bot says, and have it answered."""
    number = bot.send(42, OutgoingText(text="What is wrong?"))
    api.answer("all", to=number)
    api.answer("all", to=number, by=77)
    assert [each.answered_words for each in bot.updates(0, always)] == ["What is wrong?", ""]


def test_what_has_no_chat_is_counted_all_the_same(api: TelegramServer, bot: TelegramBot) -> None:
    """A kind that nobody asked for would come again for ever, and hide what comes after it."""
    api._put({"edited_message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}})
    number = api._put(
        {
            "callback_query": {
                "id": "1",
                "from": {"id": 1, "is_bot": False, "first_name": "x"},
                "chat_instance": "1",
                "inline_message_id": "9",
                "data": "a",
            }
        }
    )
    assert [(each.number, each.chat) for each in bot.updates(0, always)] == [(number - 1, 0), (number, 0)]


def test_what_lies_before_the_offset_is_gone(api: TelegramServer, bot: TelegramBot) -> None:
    """And what was only fetched is not: it comes again until somebody confirms it."""
    number = api.write("one")
    assert [each.number for each in bot.updates(0, always)] == [number]
    assert [each.number for each in bot.updates(0, always)] == [number]
    api.write("two")
    assert [each.text for each in bot.updates(number + 1, always)] == ["two"]
    assert [each["message"]["text"] for each in api.updates] == ["two"]


def test_a_poll_is_broken_off_when_it_is_nobodys_turn(api: TelegramServer) -> None:
    """Soon, however long the API would hold it."""
    bot = TelegramBot(token=TOKEN, base_url=f"{api.url}/bot", poll_seconds=FOR_EVER)
    turn = threading.Event()
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(bot.updates(0, lambda: not turn.is_set())))
    thread.start()
    until(lambda: api.polls, "it polls")
    turn.set()
    thread.join(PATIENCE)
    assert found == [[]]
    bot.close()
    another_poll(api)


def test_it_ends_with_its_thread_and_its_connections(api: TelegramServer) -> None:
    """Also in the middle of a poll; afterwards nothing more is sent."""
    bot = TelegramBot(token=TOKEN, base_url=f"{api.url}/bot", poll_seconds=FOR_EVER)
    done = threading.Event()

    def poll() -> None:
        bot.updates(0, always)
        done.set()

    threading.Thread(target=poll).start()
    until(lambda: api.polls, "it polls")
    bot.close()
    assert done.wait(PATIENCE)
    until(lambda: not [each for each in threading.enumerate() if each.name == "telegram"], "its thread ends")
    with pytest.raises(ChatNetworkFailed, match="this node ends"):
        bot.send(42, OutgoingText(text="x"))
    another_poll(api)


def test_what_is_broken_off_by_the_end_was_not_sent(api: TelegramServer, bot: TelegramBot) -> None:
    """And is told as a network that failed, which callers know, at the call and after it."""
    held, ends = api.call, threading.Event()

    def slow(method: str, words: dict[str, Any], caller: str) -> tuple[int, dict[str, Any]]:
        ends.wait(PATIENCE)
        return held(method, words, caller)

    api.call = slow  # type: ignore[method-assign]
    closes = threading.Timer(0.3, bot.close)
    closes.start()
    try:
        with pytest.raises(ChatNetworkFailed, match="this node ends"):
            bot.send(42, OutgoingText(text="hello"))
        with pytest.raises(ChatNetworkFailed, match="this node ends"):
            bot.send(42, OutgoingText(text="hello"))
    finally:
        ends.set()
        closes.join()


def test_another_poller_is_told_as_such(api: TelegramServer) -> None:
    """The API ends this one's poll; it says so instead of trying again at once."""
    bot = TelegramBot(token=TOKEN, base_url=f"{api.url}/bot", poll_seconds=FOR_EVER)
    before = len(api.polls)

    def other() -> None:
        until(lambda: len(api.polls) > before)
        another_poll(api)

    threading.Thread(target=other).start()
    with pytest.raises(PollConflict, match="another program polls this bot"):
        bot.updates(0, always)
    api.webhook = True
    with pytest.raises(PollConflict, match="a webhook is set for it"):
        bot.updates(0, always)
    bot.close()


def test_what_is_sent_is_plain_with_code_and_buttons(api: TelegramServer, bot: TelegramBot) -> None:
    """No parse mode and no preview: no markup of anybody counts. Code is bounds, in UTF-16 units."""
    buttons = (ChatButton(label="Approve", data="a" * 64), ChatButton(label="Reject", data="r"))
    number = bot.send(42, OutgoingText(text="🙂 *x* <b>\n+code", code=(11, 5), buttons=buttons))
    sent = api.sent[0]
    assert number == sent["message_id"]
    assert (sent["text"], "parse_mode" in sent) == ("🙂 *x* <b>\n+code", False)
    assert sent["entities"] == [{"type": "pre", "offset": 11, "length": 5}]
    assert sent["link_preview_options"] == {"is_disabled": True}
    row = sent["reply_markup"]["inline_keyboard"][0]
    assert [(each["text"], len(each["callback_data"])) for each in row] == [("Approve", 64), ("Reject", 1)]
    bot.send(42, OutgoingText(text="why?", asks=True))
    assert api.sent[1]["reply_markup"]["force_reply"] is True
    bot.take_buttons(42, number)
    assert api.cleared == [(42, number)]
    bot.answer_press("press-1", "x" * 500)
    assert len(api.answered[0]["text"]) == 200


def test_pauses_that_the_api_asks_for_are_told(api: TelegramServer, bot: TelegramBot) -> None:
    """With their seconds: nobody guesses."""
    api.busy = [7]
    with pytest.raises(ChatNetworkBusy, match="no more for 7 s") as caught:
        bot.send(42, OutgoingText(text="x"))
    assert caught.value.seconds == 7


@pytest.mark.parametrize("trouble", ["down", "token", "away", "long"])
def test_no_word_holds_the_token(api: TelegramServer, caplog: pytest.LogCaptureFixture, trouble: str) -> None:
    """It is part of every address, and the library and what it stands on say addresses."""
    caplog.set_level(logging.INFO)
    token = TOKEN if trouble != "token" else TOKEN[:-1] + "x"
    url = api.url if trouble != "away" else "http://127.0.0.1:1"
    bot = TelegramBot(token=token, base_url=f"{url}/bot", poll_seconds=1, call_seconds=60)
    api.down = trouble == "down"
    with pytest.raises(ChatNetworkFailed) as caught:
        bot.send(42, OutgoingText(text="x" * (5000 if trouble == "long" else 1)))
    bot.close()
    secret = token.partition(":")[2]
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert secret not in caplog.text
    assert secret not in repr(bot)


@pytest.mark.parametrize("token", ["", "x", "abc:def", "12:", ":x", "12:a\nb", "12:ä"])
def test_what_is_no_token_is_refused_at_the_start(token: str) -> None:
    """And not shown."""
    with pytest.raises(WrongSetting, match="@BotFather"):
        TelegramBot(token=token, base_url="http://127.0.0.1:1/bot")


def test_people_are_told_in_each_chat(api: TelegramServer, bot: TelegramBot) -> None:
    """Each is an address of its own, whose id is the same in every run; what is too long comes in parts."""
    notifier = ChatNotifier(network=bot, chats=frozenset({42, -7}))
    assert [each.name for each in notifier.channels] == ["Telegram chat -7", "Telegram chat 42"]
    assert notifier.channels == ChatNotifier(network=bot, chats=frozenset({42, -7})).channels
    message = NotificationMessage(key="k", title="m waits for you", body="word " * 1500)
    notifier.send(notifier.channels[1], message)
    assert len(api.sent) == 2
    assert {each["chat_id"] for each in api.sent} == {"42"}
    assert api.texts[-1].endswith("/inbox shows it")
    api.down = True
    with pytest.raises(NotDelivered, match="Telegram chat 42: Telegram"):
        notifier.send(notifier.channels[1], message)
