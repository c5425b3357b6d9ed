"""Does `shiftbook doctor` say which suppliers can work, and what is to be mended?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.app import wiring
from orchestrator.app.doctor import supplier_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.supplier_checks import check_suppliers
from orchestrator.core.own_installation import extra_command
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.feeds.feed_marks import PREFIX
from orchestrator.workflow.feeds.feed_state import FeedState
from tests.databases import brought_up
from tests.ledgers import FLEET, Keys, Town

RULES = '[[suppliers.{0}.rules]]\ntype = "*"\nprompt = "Look at it."\n'
MARKET = RULES.format("market")
NEWS = '[suppliers.news]\nfeed = "https://news.example/feed"\n' + RULES.format("news")
SECRET = "market=" + "x" * 16


def ledger(keys: Keys, text: str) -> LedgerSnapshot:
    files = {"fleet.toml": FLEET.format(trust="signed") + text, "allowed_signers": keys.signers(anna=("admin",))}
    return Town(files).peer("anna").ledger()


def settings(home: Path, secrets: str = "", **more: Any) -> Settings:
    return Settings(**{"home": home, "node_id": "hq", "role": Role.HEADQUARTERS, "signal_secrets": secrets} | more)


def test_suppliers_that_can_work(tmp_path: Path, keys: Keys) -> None:
    """One line for all of them; no database is made for looking."""
    (one,) = check_suppliers(settings(tmp_path, SECRET), ledger(keys, MARKET + NEWS))
    assert (one.health, one.says) == (CheckStatus.GOOD, "2 in fleet.toml: 1 by feed, 1 may send events here")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("text", "secrets", "says", "remedy"),
    [
        ("", SECRET, "market may send events, and fleet.toml has no", "[[suppliers.market.rules]]"),
        ("[suppliers.market]\nper_day = 7\n", SECRET, "market has no rules", "[[suppliers.market.rules]]"),
        (MARKET, "", "market has neither a feed nor a secret", "SHIFTBOOK_SIGNAL_SECRETS=market=…"),
    ],
)
def test_what_nothing_can_come_of(tmp_path: Path, keys: Keys, text: str, secrets: str, says: str, remedy: str) -> None:
    """Each with what to write, and without the secret."""
    (one,) = check_suppliers(settings(tmp_path, secrets), ledger(keys, text))
    assert (one.health, one.says.startswith(says), remedy in one.remedy) == (CheckStatus.POOR, True, True)
    assert "x" * 16 not in one.says + one.remedy


def test_a_feed_that_is_not_read(tmp_path: Path, keys: Keys) -> None:
    """With the reason of the last time; one that was read is well."""
    hq, said = brought_up(settings(tmp_path)), []
    for failures in (3, 0):
        stores = wiring.stores(hq)
        state = FeedState(url="https://news.example/feed", failures=failures, why="it answers 404")
        stores.marks.put(f"{PREFIX}news", state.model_dump_json())
        stores.close()
        (one,) = check_suppliers(hq, ledger(keys, NEWS))
        said.append((one.health, one.says))
    assert said == [
        (CheckStatus.POOR, "news's feed was not read 3 times: it answers 404"),
        (CheckStatus.GOOD, "1 in fleet.toml: 1 by feed, 0 may send events here"),
    ]


def test_a_feed_without_what_reads_it(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setattr(supplier_checks, "find_spec", lambda _name: None)
    (one,) = check_suppliers(settings(tmp_path), ledger(keys, NEWS))
    assert (one.says, one.remedy) == ("news: what reads feeds is not installed", extra_command("feeds"))


def test_a_database_that_is_away_hides_nothing_else(tmp_path: Path, keys: Keys) -> None:
    """Its own line says so."""
    away = settings(tmp_path, database_url="postgresql://u:hush@127.0.0.1:1/d")
    (one,) = check_suppliers(away, ledger(keys, NEWS))
    assert one.health is CheckStatus.GOOD


@pytest.mark.parametrize("role", [Role.LOCAL_WORKER, Role.HEADQUARTERS])
def test_where_nothing_is_set(tmp_path: Path, keys: Keys, role: Role) -> None:
    """Nothing is said; nor at a worker, which takes in nothing for the fleet."""
    text = NEWS if role is Role.LOCAL_WORKER else ""
    assert [*check_suppliers(settings(tmp_path, role=role), ledger(keys, text))] == []
