"""Real nodes and a bot: orders, a mission, a killed node, and another one that takes its place and gives it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.fleets import Fleet, command
from tests.telegram_server import TOKEN, TelegramServer, telegram_server

HELD = command("git --version", approve="always")


@pytest.fixture
def api() -> Iterator[TelegramServer]:
    with telegram_server() as made:
        yield made


def settings(api: TelegramServer, role: str = "HEADQUARTERS") -> dict[str, str]:
    return {
        "FACTORY_ROLE": role,
        "ENABLE_TELEGRAM_POLL": "True",
        "SHIFTBOOK_TELEGRAM_TOKEN": TOKEN,
        "SHIFTBOOK_TELEGRAM_CHATS": "42",
        "SHIFTBOOK_TELEGRAM_URL": api.url,
    }


def test_a_person_gives_orders_from_a_chat_and_hears_what_happens(fleet: Fleet, api: TelegramServer) -> None:
    """A mission by a message, its result by a notice, an approval by a button; over a SIGKILL in between."""
    fleet.found("hq").start("hq", **settings(api))
    fleet.ready("hq")
    api.write("/status", chat=7)
    api.write("/status")
    assert "hq: " in api.said("running,")["text"]
    fleet.kill("hq")
    api.write("/new ---\nagent: command\nrun: git --version\napprove: always\n---\nDo it")
    fleet.start("hq", **settings(api))
    api.said("is filed")
    api.said("/inbox shows it")  # the notice that a result waits
    api.write("/inbox")
    shown = api.said("Approve: ")
    buttons = {each["text"]: each["callback_data"] for each in shown["reply_markup"]["inline_keyboard"][0]}
    api.press(buttons["Approve"], shown["message_id"])
    api.said("is approved by ada")
    fleet.wait("it is done", lambda: [each["status"] for each in fleet.missions().values()] == ["done"])
    assert len(fleet.missions()) == 1
    assert {message["chat_id"] for message in api.sent} == {"42"}
    assert fleet.stop("hq") == 0
    polls = len(api.polls)
    assert TOKEN not in fleet.words()
    assert "chat 7 is not in SHIFTBOOK_TELEGRAM_CHATS" in fleet.words()
    assert len(api.polls) == polls


@pytest.mark.nightly
def test_a_spare_takes_over_when_headquarters_is_lost_and_gives_it_back(fleet: Fleet, api: TelegramServer) -> None:
    """Nobody is answered twice, and the API never sees two pollers at once."""
    fleet.found("hq", "spare")
    fleet.start("hq", **settings(api))
    fleet.ready("hq")
    fleet.start("spare", **settings(api, "STANDALONE_NODE"))
    fleet.ready("spare")
    api.write("/fresh")
    api.said("A new conversation")
    fleet.wait("it is confirmed", lambda: not api.updates)
    fleet.kill("hq")
    api.write("/help")
    api.said("This is the fleet's bot.")
    assert takes(fleet, "spare") == 1
    fleet.start("hq", **settings(api))
    fleet.wait("hq takes it again", lambda: takes(fleet, "hq") == 2)
    api.write("/nothing")
    api.said("There is no such order.")
    assert len(api.texts) == len(set(api.texts)) == 3
    assert not any(
        "another program polls this bot" in each["text"] for node in ("hq", "spare") for each in fleet.events(node)
    )
    assert any("another node takes what people write" in each["text"] for each in fleet.events("spare"))


def takes(fleet: Fleet, node: str) -> int:
    """How often a node has begun to poll."""
    return sum("this node takes what people write" in each["text"] for each in fleet.events(node))


@pytest.mark.parametrize(
    ("missing", "says"),
    [("SHIFTBOOK_TELEGRAM_TOKEN", "@BotFather"), ("SHIFTBOOK_TELEGRAM_CHATS", "whose chats are heard")],
)
def test_half_a_bot_is_one_clear_line(fleet: Fleet, api: TelegramServer, missing: str, says: str) -> None:
    """With exit code 2, before anything runs."""
    fleet.found("hq")
    done = fleet.run("node", "run", "--once", node="hq", **(settings(api) | {missing: ""}))
    assert done.returncode == 2
    assert says in done.stderr
