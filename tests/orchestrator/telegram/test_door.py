"""What people wrote is done once, in order, and never beside another poller; whatever ends or fails in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.adapters.telegram.bot_api import TelegramBot
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.chat_network import ChatUpdate
from orchestrator.node.rounds.poll_state import read_poll_state
from orchestrator.telegram import door as door_module
from orchestrator.telegram.door import MAX_TRIES
from sync.backoff import Backoff
from tests.buses import Marks
from tests.orchestrator.telegram.conftest import Bot
from tests.telegram_server import TOKEN
from tests.waiting import until


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses' lengths are facts of their own; here nobody waits for them."""
    monkeypatch.setattr(door_module, "RETRY", Backoff(first=0.01, limit=0.02))
    monkeypatch.setattr(door_module, "CONFLICT_PAUSE", Backoff(first=0.01, limit=0.04))
    monkeypatch.setattr(door_module, "TURN_SECONDS", 0.01)


def test_a_stranger_gets_silence_and_is_told_in_the_log_once(bot: Bot) -> None:
    """Whatever they write or press; with the number, so that the owner can let them in."""
    bot.result()
    bot.say("/inbox")
    data = bot.buttons()["Approve"]
    assert bot.say("/status", chat=666) == []
    bot.api.press(data, chat=666)
    assert bot.hear() == []
    assert bot.status() == "review"
    assert bot.told.count("chat 666 is not in SHIFTBOOK_TELEGRAM_CHATS: it gets silence") == 1
    assert bot.asked == []
    assert bot.api.answered == []


def test_what_was_done_is_confirmed_and_not_done_again(bot: Bot) -> None:
    """Over a restart: the place is in the node's database."""
    bot.say("one")
    bot.say("two")
    bot.start()
    bot.hear()
    assert [each.message for each in bot.asked] == ["one", "two"]
    assert bot.api.polls[-1] == int(bot.stores.marks.get(f"telegram offset {bot.network.name}"))
    assert bot.api.updates == []


def test_a_crash_between_doing_and_confirming_does_nothing_twice(bot: Bot) -> None:
    """An approval and a mission come again after it, and stand once; what came behind them is not lost."""
    bot.result()
    bot.say("/inbox")
    for number in (bot.api.press(bot.buttons()["Approve"]), bot.api.write("/new Do it"), bot.api.write("hello")):
        _crash_after(bot, number)
    bot.start()
    bot.hear()
    assert bot.status() == "done"
    assert len(bot.peer("n1").ledger().open) == 2  # that one, and the approved one until it is archived
    assert {each.message for each in bot.asked} == {"hello"}
    assert len({each.key for each in bot.asked}) == 1  # under which a chat gives the same answer again
    assert bot.api.polls[-1] == number + 1 or bot.hear() == []


def _crash_after(bot: Bot, number: int) -> None:
    """An update is done, and the process is gone before it could note that."""
    door = bot.start()
    handle = door.handle

    def crash(update: ChatUpdate) -> None:
        handle(update)
        if update.number == number:
            raise Killed

    door.handle = crash
    with pytest.raises(Killed):
        door.round()


def test_what_ends_the_process_each_time_is_given_up(bot: Bot) -> None:
    """Or nobody would ever be heard again."""

    def dies() -> None:
        raise Killed

    bot.before = dies
    bot.api.write("poison")
    for _ in range(MAX_TRIES):
        with pytest.raises(Killed):
            bot.start().round()
    bot.before = lambda: None
    bot.api.write("hello")
    bot.start().round()
    assert [each.message for each in bot.asked] == ["hello"]
    assert bot.api.texts[0] == "That went wrong here; the node's log says how."
    assert any("it is given up" in words for words in bot.told)


def test_a_fault_of_ours_is_told_and_the_next_one_is_heard(bot: Bot) -> None:
    """In the chat without details, in the log with them."""

    def fails() -> None:
        raise ZeroDivisionError("no way")

    bot.before = fails
    assert bot.say("one") == ["That went wrong here; the node's log says how."]
    assert any("ZeroDivisionError: no way" in words for words in bot.told)
    bot.before = lambda: None
    assert bot.say("two") == ["It is **42**.\n\nMara, primary of hq"]


def test_a_database_that_is_away_confirms_nothing(bot: Bot) -> None:
    """What was not noted comes again."""
    update = bot.api.write("hello")

    def away() -> None:
        raise StoreFailed("here", "locked")

    bot.before = away
    bot.hear()
    assert bot.api.updates
    bot.before = lambda: None
    bot.hear()
    assert [each.key for each in bot.asked] == [f"telegram-{bot.network.name}-{update}"]


def test_what_a_turn_ends_in_the_middle_of_is_answered_by_whoever_is_next(bot: Bot) -> None:
    """Talk, a press and an order: none is noted as done, however often that happens, and each is said in the end."""
    bot.result()
    bot.say("/inbox")
    data = bot.buttons()["Approve"]
    asks: list[tuple[Callable[[], int], str]] = [
        (lambda: bot.api.write("what is new?"), "It is **42**."),
        (lambda: bot.api.press(data), "m is decided already"),  # it was, by the press that could not be answered
        (lambda: bot.api.write("/status"), "0 running"),
    ]
    for ask, says in asks:
        number, bot.may_answer = ask(), False
        for _ in range(MAX_TRIES + 2):  # as many ends of a turn as would be too many ends of a process
            assert bot.hear() == []
            bot.start()
        assert [each["update_id"] for each in bot.api.updates] == [number]
        bot.may_answer = True
        assert any(says in words for words in bot.hear())
    assert bot.status() == "done"
    assert len({each.key for each in bot.asked}) == 1


def test_what_a_node_ends_in_the_middle_of_is_answered_after_its_next_start(bot: Bot) -> None:
    """Its network is closed by then, and says so: that is no answer that was lost."""

    def ends() -> None:
        bot.door._over.set()
        bot.network.close()

    bot.before = ends
    bot.api.write("what is new?")
    bot.door.round()
    assert bot.api.texts == []
    bot.before = lambda: None
    bot.__post_init__()  # a new process, with a network of its own
    assert bot.hear() == ["It is **42**.\n\nMara, primary of hq"]


def test_a_database_that_is_away_often_is_no_process_that_ended(bot: Bot) -> None:
    """However often it fails, the message is answered when it is back."""

    def away() -> None:
        raise StoreFailed("here", "locked")

    bot.before = away
    bot.api.write("hello")
    assert bot.hear(2 * MAX_TRIES) == []
    bot.before = lambda: None
    assert bot.hear() == ["It is **42**.\n\nMara, primary of hq"]


def test_it_polls_only_while_it_is_its_turn(bot: Bot) -> None:
    """And does not touch what came when the turn ends between the fetch and the answer."""
    bot.turn.may_poll = False
    bot.api.write("one")
    assert bot.hear(3) == []
    assert bot.api.polls == []
    bot.turn.may_poll = True
    network = bot.door.network
    fetched = network.updates(0, lambda: True)
    bot.door.network = network
    bot.turn.may_poll = False
    assert [each.text for each in fetched] == ["one"]
    assert bot.hear() == []
    bot.turn.may_poll = True
    assert bot.hear() == ["It is **42**.\n\nMara, primary of hq"]
    assert "this node takes what people write to the bot" in bot.told


def test_another_poller_is_kept_away_from(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """It backs off, longer each time, tells it once, and is back by itself when the other one is gone."""
    bot.api.webhook = True
    bot.hear(4)
    assert sum("a webhook is set for it" in words for words in bot.told) >= 1
    assert bot.door._conflict == 0.04
    bot.api.webhook = False
    assert bot.say("hello") == ["It is **42**.\n\nMara, primary of hq"]
    assert bot.door._conflict == 0.04  # the other one may be back any moment
    bot.door.clock = lambda: time.monotonic() + door_module.PEACE_SECONDS
    bot.say("hello")
    assert bot.door._conflict == 0.0


def test_two_pollers_that_take_turns_both_keep_away_longer_each_time(bot: Bot) -> None:
    """A poll that went well between two conflicts is not the end of the fight."""
    other = TelegramBot(token=TOKEN, base_url=f"{bot.api.url}/bot", poll_seconds=1, call_seconds=60)
    beside = replace(bot.door, network=other, marks=Marks())
    bot.network.poll_seconds = 900  # so that it polls still when the other one does
    first = bot.door
    end = first.start()
    try:
        for number in range(3):
            at = bot.api.write(f"hello {number}")
            until(lambda count=number: len(bot.api.texts) > count, "it is answered")  # type: ignore[misc]
            until(lambda at=at: bot.api.polls[-1] > at, "it polls again")  # type: ignore[misc]
            before = first._conflict_at
            beside.round()
            until(lambda at=before: first._conflict_at > at, "the other one was met")  # type: ignore[misc]
    finally:
        end()
        other.close()
    assert first._conflict == 0.04


@pytest.mark.parametrize("where", ["network", "marks"])
def test_a_surprise_in_a_look_ends_no_thread(bot: Bot, where: str) -> None:
    """An answer that the library cannot read, a mark that is no number: told, and looked again after a pause."""
    place = f"telegram offset {bot.network.name}"
    whole, broken = bot.network.updates, threading.Event()

    def unreadable(after: int, goes_on: Callable[[], bool]) -> object:
        if not broken.is_set():
            raise KeyError("date")
        return whole(after, goes_on)

    if where == "network":
        bot.network.updates = unreadable  # type: ignore[method-assign, assignment]
    else:
        bot.stores.marks.put(place, "not a number")
    bot.api.write("hello")
    end = bot.door.start()
    until(lambda: any("trying again" in words for words in bot.told), "it is told")
    assert bot.api.texts == []
    broken.set()
    bot.stores.marks.put(place, "0")
    until(lambda: bot.api.texts, "it is answered")
    end()


def test_a_network_that_is_away_is_tried_again(bot: Bot) -> None:
    """Told once; what was written meanwhile is answered."""
    bot.api.down = True
    bot.api.write("hello")
    assert bot.hear(3) == []
    assert sum("trying again" in words for words in bot.told) == 1
    bot.api.down = False
    assert len(bot.hear()) == 1


def test_an_answer_that_is_lost_is_not_done_again(bot: Bot) -> None:
    """The mission is filed; that it was is in the ledger."""
    bot.api.busy = [1000] * 3
    bot.api.write("/new Do it")
    assert bot.hear(3) == []
    assert len(bot.peer("n1").ledger().open) == 1
    assert any("an answer did not go out" in words for words in bot.told)
    assert bot.api.updates == [] or bot.hear() == []


def test_it_ends_by_itself_within_seconds(bot: Bot) -> None:
    """In the middle of a poll, and leaves no thread."""
    bot.network.poll_seconds = 900
    end = bot.door.start()
    until(lambda: bot.api.polls, "it polls")
    end()
    until(lambda: not [each for each in threading.enumerate() if each.name == "telegram door"], "its thread ends")
    bot.api.call("getUpdates", {"timeout": 0}, "other")


def test_how_the_polling_goes_is_kept_for_whoever_asks(bot: Bot) -> None:
    """Answered, another program's, out of reach, another node's turn; a moment of each, and in its own words."""

    def noted() -> tuple[str, bool]:
        bot.door.round()
        found = read_poll_state(bot.stores.marks, bot.network.name)
        assert found is not None
        assert TOKEN not in found.says
        return found.state, bool(found.says)

    assert noted() == ("answers", False)
    bot.api.webhook = True
    assert noted() == ("conflict", True)
    bot.api.webhook, bot.api.down = False, True
    assert noted() == ("trouble", True)
    bot.turn.may_poll = False
    assert noted() == ("rests", False)


def test_a_note_that_cannot_be_kept_ends_no_polling(bot: Bot) -> None:
    """The database is away just then: told once, and the next round tries again."""
    kept, fails = bot.door.marks, [True]

    class Away:
        def __getattr__(self, name: str) -> Any:
            return getattr(kept, name)

        def put(self, name: str, value: str) -> None:
            if fails[0]:
                raise StoreFailed("here", "locked")
            kept.put(name, value)

    bot.door.marks = Away()
    bot.door.round()
    bot.door.round()
    assert [words for words in bot.told if "is not kept" in words] == [
        "how the polling goes is not kept: the database here: locked"
    ]
    fails[0] = False
    bot.door.round()
    assert read_poll_state(kept, bot.network.name) is not None
