"""Is a node's page true, seldom written, and read without trust in who wrote it?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from missions.selection import NodeCapabilities
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import MAX_PAGE_BYTES, announced_nodes, list_presences
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.workflow.spending import page_table, totals
from orchestrator.workflow.spending.report import FleetSpending, read_spending
from sync.errors import RemoteUnreachable
from tests.ledgers import FLEET, Peer, Ticks, Town

TODAY = date(2026, 11, 21)


def row(usd: float = 1.0, *, day: date = TODAY, node: str = "ada", project: str = "shop", unpriced: int = 0) -> Spend:
    """One run."""
    totals = UsageTotals(
        runs=1, tokens_in=9, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=usd, unpriced=unpriced
    )
    return Spend(day=day, node=node, project=project, agent="claude", model="m", totals=totals)


@dataclass
class Books:
    """What a node's database says."""

    rows: list[Spend] = field(default_factory=list)
    broken: bool = False
    state: dict[str, str] = field(default_factory=dict)
    asked: list[datetime] = field(default_factory=list)

    def spent(self, since: datetime) -> Iterable[Spend]:
        self.asked.append(since)
        if self.broken:
            raise StoreFailed("the database", "it is gone", passing=True)
        return [each for each in self.rows if each.day >= since.date()]


def bulletin(peer: Peer, books: Books, ticks: Ticks, *, notifies: bool = False) -> NodePagePublisher:
    """What keeps a peer's page."""
    return NodePagePublisher(
        bus=peer.bus,
        reader=peer.reader,
        offer=NodeCapabilities(node=peer.name, role="LOCAL_WORKER", agents=frozenset({"claude"})),
        role=Role.LOCAL_WORKER,
        tell=lambda *_words, **_facts: None,
        clock=lambda: ticks.at,
        spent=books.spent,
        state=lambda: books.state,
        notifies=notifies,
    )


def commits(peer: Peer) -> int:
    """How many commits the branch has."""
    return len(peer.bus.store.between(peer.ledger().tip, None))


def test_a_page_is_written_when_something_lasting_changed_and_not_often() -> None:
    """What it spent is a commit each ten minutes at most; how busy it is never is one."""
    ada, books, ticks = Town().peer("ada"), Books([row()], state={"load": "0.1"}), Ticks()
    board = bulletin(ada, books, ticks, notifies=True)
    board.announce()
    before = commits(ada)
    assert "| 2026-11-21 | shop | claude | m | 1 |" in ada.text("heartbeats/ada.md")
    for minute in range(30):
        ticks.at += 60
        books.rows.append(row())
        assert board.step(ada.ledger()) is (minute % 10 == 9)
    assert commits(ada) == before + 3
    books.state = {"load": "99"}
    for _ in range(30):
        ticks.at += 60
        assert not board.step(ada.ledger())
    assert commits(ada) == before + 3
    (here,) = announced_nodes(ada.ledger()).values()
    assert (here.notifies, here.load, here.role) == (True, "0.1", "LOCAL_WORKER")


def test_a_window_that_is_used_up_is_told_until_it_arrived() -> None:
    """At once, whatever the time; a line that broke is tried again in the next round, and then it is quiet."""
    ada, ticks = Town().peer("ada"), Ticks()
    told = "team-max/five_hour until 2026-11-21T17:00:00Z seen 2026-11-21T12:00:00Z"
    board = replace(bulletin(ada, Books(), ticks), quotas=lambda: (told, ""))
    ledger = ada.ledger()
    ada.line.cut = True
    with pytest.raises(RemoteUnreachable):
        board.step(ledger)
    ada.line.cut = False
    assert board.step(ada.ledger())
    assert told in ada.text("heartbeats/ada.md")
    assert not board.step(ada.ledger())


def test_where_devices_reach_a_node_is_a_lasting_thing() -> None:
    """A new network is a commit, once its time has come; who meets no devices says nothing of it."""
    ada, books, ticks = Town().peer("ada"), Books(), Ticks()
    where = ["key http://10.0.0.5:8823 sig"]
    board = replace(bulletin(ada, books, ticks), reached=lambda: where[0])
    board.announce()
    before = commits(ada)
    for said in ("key http://10.0.0.6:8823 sig", ""):
        ticks.at += 600
        assert not board.step(ada.ledger())
        where[0] = said
        ticks.at += 600
        assert board.step(ada.ledger())
        assert announced_nodes(ada.ledger())["ada"].reached == said
    assert commits(ada) == before + 2
    assert "reached" not in ada.text("heartbeats/ada.md")


def test_a_restart_with_nothing_new_writes_nothing() -> None:
    """The page that a node finds of itself stays, what it spent included."""
    ada, books, ticks = Town().peer("ada"), Books([row()]), Ticks()
    bulletin(ada, books, ticks).announce()
    before = commits(ada)
    bulletin(ada, books, ticks).announce()
    assert not bulletin(ada, books, ticks).step(ada.ledger())
    assert commits(ada) == before


def test_a_database_that_does_not_answer_leaves_the_page_as_it_is() -> None:
    """What is known to the fleet is not taken back."""
    ada, books, ticks = Town().peer("ada"), Books([row(3.0)]), Ticks()
    bulletin(ada, books, ticks).announce()
    before = commits(ada)
    books.broken = True
    bulletin(ada, books, ticks).announce()
    assert commits(ada) == before
    assert totals.sum_totals(read_spending(ada.ledger(), TODAY)[0]).cost_usd == 3.0


def test_days_that_are_long_past_leave_the_page() -> None:
    """It tells of 35 days."""
    town = Town()
    ada, ticks = town.peer("ada"), Ticks()
    books = Books([row(day=TODAY - timedelta(days=n)) for n in range(60)])
    bulletin(ada, books, ticks).announce()
    rows, _ = read_spending(ada.ledger(), TODAY)
    assert min(each.day for each in rows) == TODAY - timedelta(days=34)


def page_of(name: str, rows: Iterable[Spend]) -> dict[str, str]:
    """A node's page."""
    table = page_table.render_table(rows)
    return {f"heartbeats/{name}.md": f"---\nnode: {name}\nrole: LOCAL_WORKER\n---\n\n# {name}\n\n{table}"}


BUDGETS = FLEET.format(trust="remote") + "budget_usd = 2.0\n[budget]\nday_usd = 20.0\n"


def test_the_fleets_accounts() -> None:
    """Every page counts, each project's budget has a forecast, and this machine's own rows go before its page."""
    pages = page_of("ada", [row(4.0)]) | page_of(
        "vps", [row(1.0, node="vps", project="site"), row(9.0, day=date(2026, 10, 30))]
    )
    ada = Town(pages | {"fleet.toml": BUDGETS}).peer("ada")
    door = FleetSpending(ledger=ada.ledger, now=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    account = door.since()
    assert totals.sum_totals(account.rows).cost_usd == 5.0
    assert {name: each.cost_usd for name, each in totals.totals_by(account.rows, "node").items()} == {
        "ada": 4.0,
        "vps": 1.0,
    }
    assert [(each.what, each.today_usd, each.budget_usd) for each in account.forecasts] == [
        ("", 5.0, 20.0),
        ("shop", 4.0, 2.0),
    ]
    assert "shop: the day's budget is reached: $4.00 of the day's $2.00" in account.forecasts[1].says
    newer = door.since(name="ada", mine=(row(6.0),))
    assert totals.sum_totals(newer.rows).cost_usd == 7.0
    assert totals.sum_totals(door.since(date(2026, 10, 30)).rows).cost_usd == 14.0
    assert any("35 days back" in words for words in door.since(date(2026, 1, 1)).remarks)


HOSTILE = [
    b"\xff\xfe\0\0" * 1000,
    b"---\nload: " + b"9" * 6000 + b"\nrole: [a, b]\nnotifies: {a: 1}\ndisk: 2026-01-01\nversion: .nan\n---\n",
    b'---\nrole: "\\x1b[31mred\\nline"\n---\n',
    b"---\n" + b"a: &a [*a]\n" * 5 + b"---\n",
    b"\n## Spent\n\n|a|\n|-|\n" + b"| 2026-11-21 | shop | x | m | 1 | 1 | 1 | 1 | 1 | NaN | 0 |\n" * 9,
    b"x" * (MAX_PAGE_BYTES + 1),
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_page_harms_nobody(data: bytes) -> None:
    """Whatever a page holds: the nodes are listed, sums are numbers, and no word leaves its line."""
    ada = Town({"heartbeats/evil.md": data} | page_of("vps", [row(node="vps")])).peer("ada")
    ledger = ada.ledger()
    shown = {each.name: each for each in list_presences(ledger, {}, datetime(2026, 11, 21, tzinfo=UTC))}
    assert shown.keys() == {"evil", "vps"}
    evil = shown["evil"]
    for words in (evil.role, evil.load, evil.disk, evil.version, *evil.agents):
        assert words.isprintable()
        assert len(words) <= 2000
    rows, remarks = read_spending(ledger, TODAY)
    assert totals.sum_totals(rows).cost_usd == 1.0
    assert len(remarks) == (1 if b"NaN" in data else 0)
