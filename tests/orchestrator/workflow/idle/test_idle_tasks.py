"""Does idle work leave what is useful, once, and nothing that a machine would act on without a person?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.workflow.idle.dependency_proposals import MAX_OPEN, DependencyProposals
from orchestrator.workflow.idle.index_upkeep import IndexUpkeep
from orchestrator.workflow.idle.review_filing import ReviewFiling
from orchestrator.workflow.journal.search_index import SearchIndex
from tests.journals import SHOP_LOG, entry, log, review_missions
from tests.ledgers import Keys, Peer, Town
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.heartbeat.turns import OPEN, SIGNED

NEVER = threading.Event()
STOPPED = threading.Event()
STOPPED.set()


def test_the_index_takes_in_what_is_new(tmp_path: Path) -> None:
    """Ahead of the mission that asks it; nothing when nothing came."""
    town = Town({"fleet.toml": OPEN, SHOP_LOG: log(entry("one", did="Fixed the basket."))})
    n1, index = town.peer("n1"), SearchIndex(path=tmp_path / "recall.db", of="town")
    upkeep = IndexUpkeep(index=index)
    assert upkeep.run(n1.ledger(), STOPPED) == ""
    assert upkeep.run(n1.ledger(), NEVER) == "2 log files taken into the index"
    assert upkeep.run(n1.ledger(), NEVER) == ""
    n1.push({SHOP_LOG: log(entry("one", did="Fixed the basket."), entry("two"))})
    assert upkeep.run(n1.ledger(), NEVER) == "1 log file taken into the index"
    assert [hit.entry_id for hit in index.search(n1.ledger(), "basket")][:1] == ["one"]


class StopAfter(threading.Event):
    """A mission comes when it was asked so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def is_set(self) -> bool:
        """Counts."""
        self.times -= 1
        return self.times < 0


def days(first: int, last: int) -> dict[str, str]:
    """Days of the fleet's journal with an entry each."""
    name = "2026-10-{:02}"
    return {
        f"log/{name.format(n)}.md": log(entry(f"e-{n}", f"{name.format(n)}T08:00:00Z", did=f"Basket {n}."))
        for n in range(first, last)
    }


def test_the_first_index_is_made_a_few_files_at_a_time(tmp_path: Path) -> None:
    """A mission that comes meanwhile waits for one of them, and finds what is there; the rest is not done anew."""
    town = Town({"fleet.toml": OPEN} | days(1, 14))
    n1, index = town.peer("n1"), SearchIndex(path=tmp_path / "recall.db", of="town")
    upkeep = IndexUpkeep(index=index)
    assert upkeep.run(n1.ledger(), StopAfter(1)) == "4 log files taken into the index"
    with closing(sqlite3.connect(index.path)) as conn:
        assert conn.execute("SELECT count(*) FROM source").fetchone() == (4,)
    assert upkeep.run(n1.ledger(), StopAfter(2)) == "8 log files taken into the index"
    assert upkeep.run(n1.ledger(), StopAfter(0)) == ""
    assert upkeep.run(n1.ledger(), NEVER) == "2 log files taken into the index"
    assert {hit.entry_id for hit in index.search(n1.ledger(), "basket", limit=30)} == {f"e-{n}" for n in range(1, 14)}
    assert upkeep.run(n1.ledger(), NEVER) == ""


def test_a_search_between_two_files_takes_in_the_rest(tmp_path: Path) -> None:
    """It has waited for one transaction only, and who made the index goes on where it is now."""
    town = Town({"fleet.toml": OPEN} | days(1, 14))
    n1, index = town.peer("n1"), SearchIndex(path=tmp_path / "recall.db", of="town")
    ledger, found = n1.ledger(), list[int]()

    def asked() -> bool:
        found.append(len(index.search(ledger, "basket", limit=30)))
        return False

    assert index.refresh(ledger, asked) == 14
    assert set(found) == {13}
    assert len(index.search(ledger, "basket", limit=30)) == 13


def test_many_new_files_with_other_words_make_the_index_anew(tmp_path: Path) -> None:
    """What was moved out of the running log and changed on the way is found by its new words alone."""
    old = log(*(entry(f"e-{n}", f"2026-10-{n:02}T08:00:00Z", did=f"Kettle {n}.") for n in range(1, 12)))
    town = Town({"fleet.toml": OPEN, "SESSION_LOG.md": old})
    n1, index = town.peer("n1"), SearchIndex(path=tmp_path / "recall.db", of="town")
    assert index.refresh(n1.ledger()) == 1
    n1.push({"SESSION_LOG.md": log(entry("new"))} | days(1, 12))
    assert index.refresh(n1.ledger()) == 12
    assert len([hit for hit in index.search(n1.ledger(), "basket", limit=30) if not hit.neighbour]) == 11
    assert index.search(n1.ledger(), "kettle") == []
    other = SearchIndex(path=index.path, of="another town")
    assert other.refresh(n1.ledger(), StopAfter(1).is_set) == 4
    assert len([hit for hit in other.search(n1.ledger(), "basket", limit=30) if not hit.neighbour]) == 11


@pytest.mark.parametrize(
    ("when", "cron", "files"), [("2026-11-01", "", 1), ("2026-11-18", "", 0), ("2026-11-01", "0 3 * * *", 0)]
)
def test_a_review_is_filed_where_nobody_has_scheduled_one(when: str, cron: str, files: int) -> None:
    """Once entries waited for a week; once a day, whoever is idle, and it is a mission that runs."""
    fleet = OPEN + (f'[review]\ncron = "{cron}"\n' if cron else "")
    town = Town({"fleet.toml": fleet, SHOP_LOG: log(entry("old", f"{when}T08:00:00Z"))})
    for name in ("n1", "n2"):
        peer = town.peer(name)
        filing = ReviewFiling(bus=peer.bus, reader=peer.reader, now=town.clock)
        assert filing.run(peer.ledger(), STOPPED) == ""
        filing.run(peer.ledger(), NEVER)
    assert len(review_missions(peer.ledger())) == files
    if files:
        assert "nothing else to do" in peer.text(f"missions/{review_missions(peer.ledger())[0]}.md")


@pytest.fixture
def shop(tmp_path: Path) -> Workspaces:
    """The kept clone of a project whose lock file was changed today; the tests' clocks are ahead."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "shop")
    folder = tmp_path / "shop"
    for name in ("uv.lock", "deep/er/uv.lock", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "today")
    spaces = Workspaces(cache=tmp_path / "cache")
    assert spaces.files(Project(name="shop", url=str(folder), branch="main"), NEVER, clone=True)
    return spaces


def proposals(town: Town, peer: Peer, spaces: Workspaces) -> DependencyProposals:
    """One node's."""
    return DependencyProposals(bus=peer.bus, reader=peer.reader, projects=spaces, now=town.clock)


def test_an_old_lock_file_is_proposed_once_and_runs_only_on_a_persons_word(
    tmp_path: Path, shop: Workspaces, keys: Keys
) -> None:
    """It is untrusted; put away it is not proposed again, by no node."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    fleet = SIGNED.replace("/srv/shop.git", str(tmp_path / "shop"))
    town = Town({"fleet.toml": fleet, "allowed_signers": signers})
    today = datetime.fromtimestamp(int(git(tmp_path / "shop", "log", "-1", "--format=%ct")), UTC)
    town.clock.at = today + timedelta(days=173, minutes=1)
    n1, n2 = (town.peer(name, key=keys[name]) for name in ("n1", "n2"))
    assert proposals(town, n1, shop).run(n1.ledger(), STOPPED) == ""
    assert proposals(town, n1, shop).run(n1.ledger(), NEVER).startswith("proposed proposal-dependencies-shop-2")
    assert proposals(town, n2, shop).run(n2.ledger(), NEVER) == ""
    ledger = n2.ledger()
    (filed,) = ledger.open.values()
    word = n2.trust.authorize(ledger, filed)
    assert (word.trusted, "may not file missions" in word.why) == (False, True)
    assert f"`uv.lock` was changed last on {today:%Y-%m-%d}, 173 days ago" in filed.mission.body
    assert (filed.mission.approve, filed.mission.project, filed.mission.budget_usd) == ("always", "shop", 2.0)


@pytest.mark.parametrize(("more", "budget"), [("[budget]\nmission_usd = 0.7\n", 0.7), ("[budget]\nday_usd = 1\n", 2.0)])
def test_a_proposal_has_a_budget(tmp_path: Path, shop: Workspaces, more: str, budget: float) -> None:
    """What fleet.toml lets a mission cost, if that is less."""
    town = Town({"fleet.toml": SIGNED.replace("/srv/shop.git", str(tmp_path / "shop")) + more})
    n1, town.clock.at = town.peer("n1"), datetime.now(UTC) + timedelta(days=100)
    assert proposals(town, n1, shop).run(n1.ledger(), NEVER)
    (filed,) = n1.ledger().open.values()
    assert filed.mission.budget_usd == budget


def test_where_whoever_may_push_is_trusted_nothing_is_proposed(tmp_path: Path, shop: Workspaces) -> None:
    """It would run at once, on nobody's word; also where fleet.toml comes to say so meanwhile."""
    signed, remote = (each.replace("/srv/shop.git", str(tmp_path / "shop")) for each in (SIGNED, OPEN))
    town = Town({"fleet.toml": remote})
    n1, town.clock.at = town.peer("n1"), datetime.now(UTC) + timedelta(days=100)
    assert proposals(town, n1, shop).run(n1.ledger(), NEVER) == ""
    assert n1.ledger().open == {}
    late = Town({"fleet.toml": signed})
    n1, late.clock.at = late.peer("n1"), town.clock.at
    ledger, other = n1.ledger(), late.peer("n1")
    other.reader.constitution = TrustRoot(other.bus.store, lambda tip: tip)
    late.peer("anna").push({"fleet.toml": remote})
    assert proposals(late, other, shop).run(ledger, NEVER) == ""
    assert other.ledger().open == {}


def test_nothing_is_proposed_for_what_is_new_unknown_or_piled_up(tmp_path: Path, shop: Workspaces) -> None:
    """A lock file of this season, a project without a clone here, three proposals that wait already."""
    town = Town({"fleet.toml": SIGNED.replace("/srv/shop.git", str(tmp_path / "shop"))})
    n1 = town.peer("n1")
    town.clock.at = datetime.now(UTC) + timedelta(days=60)
    assert proposals(town, n1, shop).run(n1.ledger(), NEVER) == ""
    town.clock.at += timedelta(days=100)
    elsewhere = Workspaces(cache=tmp_path / "empty")
    assert proposals(town, n1, elsewhere).run(n1.ledger(), NEVER) == ""
    for number in range(MAX_OPEN):
        n1.push({f"missions/proposal-dependencies-p{number}-20260101.md": "Look.\n"})
    assert proposals(town, n1, shop).run(n1.ledger(), NEVER) == ""
