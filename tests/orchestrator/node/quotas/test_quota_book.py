"""What does a node know of its accounts, over restarts and from others, and when does it ask them again?"""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.core.quota_window import QuotaWindow
from orchestrator.ledger.config.fleet_toml import FleetConfig, read
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.quotas.quota_book import FORGIVEN_AFTER, OTHERS_WORD_HOLDS, QuotaBook
from tests.ledgers import FLEET, Clock, Keys, Peer, Town
from tests.waiting import PATIENCE

SHARED = '[accounts.team-max]\nagents = ["claude"]\n'
AT_ONCE = "[quotas]\njitter_seconds = 0\n"


def fleet(*parts: str) -> str:
    """fleet.toml with these tables."""
    return FLEET.format(trust="remote") + "".join(parts)


def closed_window(clock: Clock, *, seconds: float = 7200, kind: str = "five_hour") -> QuotaWindow:
    """A window that is used up."""
    return QuotaWindow(kind=kind, resets_at=clock() + timedelta(seconds=seconds), used_percent=100.0, exhausted=True)


class Desk:
    """One ledger, and what its nodes know."""

    def __init__(self, *parts: str) -> None:
        self.town = Town({"fleet.toml": fleet(*parts)})
        self.peer: Peer = self.town.peer("desk")

    @property
    def clock(self) -> Clock:
        return self.town.clock

    @property
    def ledger(self) -> LedgerSnapshot:
        return self.peer.ledger()

    @property
    def rules(self) -> FleetConfig:
        return self.ledger.charter

    def book(self, node: str = "desk", path: Path | None = None) -> QuotaBook:
        return QuotaBook(node=node, now=self.clock, path=path)

    def page(self, book: QuotaBook, *, node: str = "") -> None:
        """That node writes its page."""
        shut, opened = book.told()
        lines = f"node: {node or book.node}\nquota_closed: {shut}\nquota_open: {opened}\n"
        self.peer.push({f"heartbeats/{node or book.node}.md": f"---\n{lines}---\n"})


def test_an_account_is_closed_until_its_window_begins_anew() -> None:
    """Its agent alone, from the moment on that it is known."""
    desk = Desk(AT_ONCE)
    book = desk.book()
    assert book.closed(desk.ledger) == {}
    book.note(desk.rules, "claude", [closed_window(desk.clock)])
    (found,) = book.closed(desk.ledger).values()
    assert (found.account, found.kind, found.until) == ("claude@desk", "five_hour", desk.clock() + timedelta(hours=2))
    desk.clock.forward(7199)
    assert set(book.closed(desk.ledger)) == {"claude"}
    desk.clock.forward(1)
    assert book.closed(desk.ledger) == {}


def test_of_several_windows_the_last_to_end_counts() -> None:
    """The week is used up, too: the end of five hours opens nothing."""
    desk = Desk(AT_ONCE)
    book = desk.book()
    week = closed_window(desk.clock, seconds=86_400, kind="seven_day")
    book.note(desk.rules, "claude", [closed_window(desk.clock), week])
    assert book.closed(desk.ledger)["claude"].kind == "seven_day"


def test_how_far_a_window_is_closes_nothing() -> None:
    """At all of it, as long as the maker turned nothing away."""
    desk = Desk(AT_ONCE)
    book = desk.book()
    full = QuotaWindow(kind="five_hour", resets_at=desk.clock() + timedelta(hours=1), used_percent=100.0)
    book.note(desk.rules, "claude", [full])
    assert book.closed(desk.ledger) == {}
    assert book.told()[0] == ""
    assert "claude@desk/five_hour 100% until" in book.told()[1]


def test_a_word_that_comes_late_opens_nothing() -> None:
    """An attempt that ended after another was turned away tells what it had heard before, to a second or two; a window
    that ends clearly later is another one."""
    desk = Desk(AT_ONCE)
    book, window = desk.book(), closed_window(desk.clock)
    book.note(desk.rules, "claude", [window])
    for seconds in (-2, 0, 2):
        end = window.resets_at + timedelta(seconds=seconds)
        book.note(desk.rules, "claude", [QuotaWindow(kind="five_hour", resets_at=end, used_percent=95.0)])
        assert set(book.closed(desk.ledger)) == {"claude"}
    later = window.resets_at + timedelta(hours=5)
    book.note(desk.rules, "claude", [QuotaWindow(kind="five_hour", resets_at=later, used_percent=1.0)])
    assert book.closed(desk.ledger) == {}


def test_a_window_that_is_met_again_is_no_news() -> None:
    """Each slot that it turns away says the same: the page is written once for it."""
    desk = Desk(AT_ONCE)
    book, window = desk.book(), closed_window(desk.clock)
    book.note(desk.rules, "claude", [window])
    before = book.told()
    desk.clock.forward(30)
    book.note(desk.rules, "claude", [window])
    assert book.told() == before


def test_anothers_word_opens_nothing_that_this_node_met_itself() -> None:
    """However late the window ends of which it says that it is open."""
    desk = Desk(SHARED, AT_ONCE)
    mine, vps = desk.book(), desk.book("vps")
    mine.note(desk.rules, "claude", [closed_window(desk.clock)])
    later = desk.clock() + timedelta(days=30)
    vps.note(desk.rules, "claude", [QuotaWindow(kind="five_hour", resets_at=later, used_percent=0.0)])
    desk.page(vps)
    assert set(mine.closed(desk.ledger)) == {"claude"}


def test_anothers_word_closes_for_an_hour_then_this_node_asks_itself() -> None:
    """From when it was heard, whatever that node's clock says; a new word of it counts anew."""
    desk = Desk(SHARED, AT_ONCE)
    vps, mine = desk.book("vps"), desk.book()
    vps.note(desk.rules, "claude", [closed_window(desk.clock, seconds=30 * 86_400)])
    desk.page(vps)
    assert set(mine.closed(desk.ledger)) == {"claude"}
    desk.clock.forward(OTHERS_WORD_HOLDS.total_seconds() - 1)
    assert set(mine.closed(desk.ledger)) == {"claude"}
    desk.clock.forward(1)
    assert mine.closed(desk.ledger) == {}
    assert set(vps.closed(desk.ledger)) == {"claude"}


def test_a_page_that_its_node_did_not_sign_says_nothing(tmp_path: Path) -> None:
    """Whoever may push can write a page: a stranger, another node, or a node that is none of the fleet's any more."""
    keys = Keys(folder=tmp_path)
    signers = keys.signers(vps=["node"], desk=["node"], ada=["author"])
    town = Town({"fleet.toml": fleet(SHARED, AT_ONCE), "allowed_signers": signers})
    reader = town.peer("desk", key=keys["desk"])
    book = QuotaBook(node="desk", now=town.clock, believes=reader.trust.is_own_page)
    vps = QuotaBook(node="vps", now=town.clock)
    vps.note(reader.ledger().charter, "claude", [closed_window(town.clock)])
    page = f"---\nnode: vps\nquota_closed: {vps.told()[0]}\n---\n"
    for number, who in enumerate(("eve", "ada", "desk")):
        town.peer(who, key=keys[who]).push({"heartbeats/vps.md": page + f"\n{number}\n"})
        assert book.closed(reader.ledger()) == {}, who
    town.peer("vps", key=keys["vps"]).push({"heartbeats/vps.md": page})
    assert set(book.closed(reader.ledger())) == {"claude"}


def test_nodes_come_back_apart_each_at_the_same_time() -> None:
    """Within the seconds that the fleet says, and whoever asks twice hears the same."""
    desk = Desk("[quotas]\njitter_seconds = 600\n")
    ends = set()
    for number in range(20):
        book = desk.book(f"n{number}")
        book.note(desk.rules, "claude", [closed_window(desk.clock)])
        until = book.closed(desk.ledger)["claude"].until
        assert until == book.closed(desk.ledger)["claude"].until
        assert 0 <= (until - desk.clock()).total_seconds() - 7200 < 600
        ends.add(until)
    assert len(ends) == 20


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """And a file that is none of ours stops no node."""
    desk = Desk(AT_ONCE)
    path = tmp_path / "home" / "quotas.json"
    desk.book(path=path).note(desk.rules, "claude", [closed_window(desk.clock)])
    assert set(desk.book(path=path).closed(desk.ledger)) == {"claude"}
    for text in ("", "[]", "{", '{"closed": 5, "open": null}', '{"closed": "team/x 9% until never seen now"}'):
        path.write_text(text)
        assert desk.book(path=path).closed(desk.ledger) == {}


def test_a_maker_whose_times_are_wrong_is_asked_less_and_less_often() -> None:
    """A window that ends in a second and is used up again rests a minute, then two, an hour at most; one that worked
    for long begins anew."""
    desk = Desk(AT_ONCE)
    book, rests = desk.book(), []
    for _ in range(9):
        book.note(desk.rules, "claude", [closed_window(desk.clock, seconds=1)])
        rest = (book.closed(desk.ledger)["claude"].until - desk.clock()).total_seconds()
        rests.append(rest)
        desk.clock.forward(rest)
    assert rests == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    desk.clock.forward(FORGIVEN_AFTER.total_seconds())
    book.note(desk.rules, "claude", [closed_window(desk.clock, seconds=1)])
    assert (book.closed(desk.ledger)["claude"].until - desk.clock()).total_seconds() == 60


def test_those_who_were_turned_away_together_lengthen_no_rest() -> None:
    """Four attempts that ran at the same time met one window."""
    desk = Desk(AT_ONCE)
    book = desk.book()
    for _ in range(4):
        book.note(desk.rules, "claude", [closed_window(desk.clock, seconds=1)])
    assert (book.closed(desk.ledger)["claude"].until - desk.clock()).total_seconds() == 60


def test_nodes_with_one_account_hear_of_it_from_each_other() -> None:
    """By its page; an account that a person shared, and no other."""
    desk = Desk(SHARED, AT_ONCE)
    vps, mine = desk.book("vps"), desk.book()
    vps.note(desk.rules, "claude", [closed_window(desk.clock)])
    vps.note(desk.rules, "codex", [closed_window(desk.clock)])
    assert mine.closed(desk.ledger) == {}
    desk.page(vps)
    assert {agent: each.account for agent, each in mine.closed(desk.ledger).items()} == {"claude": "team-max"}
    desk.clock.forward(7200)
    assert mine.closed(desk.ledger) == {}


def test_a_page_stops_no_account_that_its_node_does_not_have() -> None:
    """Whoever wrote it."""
    desk = Desk('[accounts.team-max]\nagents = ["claude"]\nnodes = ["desk", "vps"]\n', AT_ONCE)
    vps = desk.book("vps")
    vps.note(desk.rules, "claude", [closed_window(desk.clock)])
    desk.page(vps, node="stranger")
    assert desk.book().closed(desk.ledger) == {}
    desk.page(vps)
    assert set(desk.book().closed(desk.ledger)) == {"claude"}


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """Nothing is noted, told or closed, whatever is known already or told by others."""
    before = Desk(SHARED, AT_ONCE)
    book = before.book(path=tmp_path / "quotas.json")
    book.note(before.rules, "claude", [closed_window(before.clock)])
    desk = Desk(SHARED, '[quotas]\nmode = "off"\n')
    desk.page(book)
    assert desk.book("desk", tmp_path / "quotas.json").closed(desk.ledger) == {}
    assert desk.book("vps").closed(desk.ledger) == {}
    fresh = desk.book("new")
    fresh.note(desk.rules, "claude", [closed_window(desk.clock)])
    assert fresh.told() == ("", "")


@pytest.mark.parametrize("agent", ["builtin", "command", "review", "no-such"])
def test_an_agent_without_an_account_has_none_that_closes(agent: str) -> None:
    """The model on the machine itself is nobody's."""
    desk = Desk(AT_ONCE)
    book = desk.book()
    book.note(desk.rules, agent, [closed_window(desk.clock)])
    assert book.closed(desk.ledger) == {}


def test_any_thread_may_note() -> None:
    """Attempts end side by side."""
    desk = Desk(AT_ONCE)
    book, rules = desk.book(), read(fleet(AT_ONCE).encode())
    kinds = [f"{number}_minute" for number in range(1, 9)]
    threads = [
        threading.Thread(target=book.note, args=(rules, "claude", [closed_window(desk.clock, kind=kind)]))
        for kind in kinds
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert all(f"/{kind} " in book.told()[0] for kind in kinds)
