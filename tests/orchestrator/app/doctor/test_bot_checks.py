"""Does `shiftbook doctor` say how the bot is, how its polling went here, and which node takes what people write?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.app import wiring
from orchestrator.app.doctor.bot_checks import check_bot, check_poller
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.factories import telegram_factory
from orchestrator.core.own_installation import extra_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.node_pages import Presence
from orchestrator.node.rounds.poll_state import CONFLICT, RESTS, TROUBLE, PollState
from tests.databases import brought_up
from tests.ledgers import FLEET, Keys, Town
from tests.telegram_server import BOT, TOKEN, TelegramServer, telegram_server
from tests.telegram_server import CONFLICT as API_CONFLICT

GOOD, ABSENT, POOR, BROKEN = CheckStatus.GOOD, CheckStatus.ABSENT, CheckStatus.POOR, CheckStatus.BROKEN


@pytest.fixture
def api() -> Iterator[TelegramServer]:
    with telegram_server() as made:
        yield made


def settings(home: Path, api: TelegramServer, **more: Any) -> Settings:
    bot = {"enable_telegram_poll": True, "telegram_token": TOKEN, "telegram_chats": frozenset({42})}
    return Settings(**{"home": home, "node_id": "hq", "role": Role.HEADQUARTERS, "telegram_url": api.url} | bot | more)


def told(found: list[CheckResult]) -> list[tuple[str, CheckStatus]]:
    return [(one.what, one.health) for one in found]


def test_a_bot_that_its_network_knows(tmp_path: Path, api: TelegramServer) -> None:
    """Its name, how many chats are heard, what waits; nothing was polled here, and no database is made for looking."""
    api.write("hello")
    bot, here = check_bot(settings(tmp_path, api))
    assert (bot.health, bot.says) == (GOOD, "@shift_bot, 1 chat heard, 1 waiting to be taken")
    assert (here.health, here.says) == (ABSENT, "this machine's node has not polled yet")
    assert api.polls == []
    assert [*tmp_path.iterdir()] == []


def test_a_token_that_is_not_taken(tmp_path: Path, api: TelegramServer) -> None:
    """Broken, with what to look at, and without the token."""
    wrong = TOKEN[:-3] + "xyz"
    bot = next(check_bot(settings(tmp_path, api, telegram_token=wrong)))
    assert (bot.health, "@BotFather" in bot.remedy) == (BROKEN, True)
    assert wrong not in bot.says + bot.remedy


def test_a_network_that_is_not_reached(tmp_path: Path, api: TelegramServer) -> None:
    """The same: nobody can write to the fleet then."""
    api.down = True
    assert next(check_bot(settings(tmp_path, api))).health is BROKEN


def test_a_webhook_stands_in_the_way(tmp_path: Path, api: TelegramServer) -> None:
    """Its host is told, its path may be a secret."""
    api.webhook = True
    bot = next(check_bot(settings(tmp_path, api)))
    assert (bot.health, bot.says) == (BROKEN, "@shift_bot has a webhook at hooks.example: nobody can poll it")


@pytest.mark.parametrize(
    ("lacks", "word"), [({"telegram_token": ""}, "TOKEN"), ({"telegram_chats": frozenset()}, "CHATS")]
)
def test_half_of_a_bot(tmp_path: Path, api: TelegramServer, lacks: dict[str, Any], word: str) -> None:
    """What is missing is named, and nothing else is asked."""
    (one,) = check_bot(settings(tmp_path, api, **lacks))
    assert one.health is BROKEN
    assert f"SHIFTBOOK_TELEGRAM_{word} is not set" in one.says


def test_a_bot_without_its_library(tmp_path: Path, api: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setattr(telegram_factory, "find_spec", lambda _name: None)
    (one,) = check_bot(settings(tmp_path, api))
    assert extra_command("telegram") in one.says


def test_who_has_no_bot(tmp_path: Path, api: TelegramServer) -> None:
    """Nothing is said where none is wanted; a worker that wants one is told that it never polls."""
    assert [*check_bot(settings(tmp_path, api, enable_telegram_poll=False))] == []
    (one,) = check_bot(settings(tmp_path, api, role=Role.LOCAL_WORKER))
    assert (one.health, one.says) == (POOR, "a worker never polls a bot")
    assert "ENABLE_TELEGRAM_POLL" in one.remedy


@pytest.mark.parametrize(
    ("state", "says", "health", "words", "remedy"),
    [
        ("answers", "", GOOD, "polled, and was answered, 2 min ago", ""),
        (RESTS, "", GOOD, "another node's turn, noted 2 min ago", ""),
        (CONFLICT, API_CONFLICT, POOR, f"{API_CONFLICT} (2 min ago)", "end the other one"),
        (TROUBLE, "Telegram: no answer", POOR, "Telegram: no answer (2 min ago)", "tries again by itself"),
    ],
)
def test_how_the_polling_went(
    tmp_path: Path, api: TelegramServer, state: str, says: str, health: CheckStatus, words: str, remedy: str
) -> None:
    """As this machine's node has noted it, with its age, and what to do."""
    here = brought_up(settings(tmp_path, api))
    stores = wiring.stores(here)
    PollState(at=wiring.now() - timedelta(seconds=120), state=state, says=says).note(stores.marks, str(BOT))
    stores.close()
    found = [*check_bot(here)][1]
    assert (found.health, found.says, remedy in found.remedy) == (health, words, True)


def test_a_database_that_is_away_is_no_reason_to_end(tmp_path: Path, api: TelegramServer) -> None:
    """The bot's own line comes all the same."""
    found = [*check_bot(settings(tmp_path, api, database_url="postgresql://u:hush@127.0.0.1:1/d"))]
    assert told(found) == [("telegram", GOOD), ("telegram here", POOR)]
    assert "hush" not in found[1].says


@pytest.fixture
def town(keys: Keys) -> Town:
    """Two nodes that can poll, and a worker."""
    roles = {"hq": "HEADQUARTERS", "solo": "STANDALONE_NODE", "desk": "LOCAL_WORKER"}
    pages = {
        f"heartbeats/{name}.md": f"---\nrole: {role}\npolls: {'no' if name == 'desk' else 'yes'}\n---\n"
        for name, role in roles.items()
    }
    signers = keys.signers(anna=("admin",), **dict.fromkeys(roles, ("node",)))
    return Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, **pages})


def nodes(**states: str) -> list[Presence]:
    return [
        Presence(
            name=name,
            role="",
            capabilities=(),
            agents=(),
            version="",
            state=state,
            moved=None,
            works_on=(),
            polls=name != "desk",
        )
        for name, state in states.items()
    ]


@pytest.mark.parametrize(
    ("states", "health", "words"),
    [
        ({"hq": "live", "solo": "live"}, GOOD, "hq takes what people write (hq, then solo)"),
        ({"hq": "offline", "solo": "live"}, GOOD, "solo takes what people write (hq, then solo)"),
        ({"hq": "offline", "desk": "live"}, POOR, "nobody is seen to: hq is offline"),
    ],
)
def test_whose_turn_it_is(
    tmp_path: Path, api: TelegramServer, town: Town, states: dict[str, str], health: CheckStatus, words: str
) -> None:
    """The first that lives, in the fleet's order; no worker is ever among them. Any machine of the fleet says so."""
    ledger = town.peer("anna").ledger()
    worker = settings(tmp_path, api, enable_telegram_poll=False, role=Role.LOCAL_WORKER, node_id="desk")
    (one,) = check_poller(worker, ledger, nodes(**states))
    assert (one.what, one.health, one.says) == ("telegram poller", health, words)
    assert bool(one.remedy) is (health is POOR)


def test_a_fleet_without_a_bot(tmp_path: Path, api: TelegramServer, keys: Keys) -> None:
    """Nothing is said; where this node has one that was never seen, how to start it."""
    bare = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": keys.signers(anna=("admin",))})
    ledger = bare.peer("anna").ledger()
    assert [*check_poller(settings(tmp_path, api, enable_telegram_poll=False), ledger, [])] == []
    (one,) = check_poller(settings(tmp_path, api), ledger, [])
    assert (one.health, one.says) == (POOR, "nobody is seen to: hq is unknown")
    assert one.remedy.endswith("else start hq")
