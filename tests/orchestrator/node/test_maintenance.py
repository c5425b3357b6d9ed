"""Are old months moved without losing an entry, and is a change of the past noticed?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from handoff.entry import parse_log
from orchestrator.core.roles import Role
from orchestrator.ledger import session_logs
from orchestrator.node.precedence import HQ_LOOK_SECONDS
from orchestrator.policy.turn_order import MAX_STEP_SECONDS
from orchestrator.workflow.journal.tamper_check import TamperCheck
from sync.remote import RefUpdate
from tests.journals import SHOP_LOG, entry, log, review_missions, upkeep
from tests.ledgers import Keys, Peer, Town

SEPTEMBER, OCTOBER = "2026-09-03T08:00:00Z", "2026-10-03T08:00:00Z"
OLD = log(entry("sep", SEPTEMBER), entry("oct", OCTOBER), entry("nov"))


def ids(peer: Peer) -> list[str]:
    """Every entry of the fleet, by id."""
    ledger = peer.ledger()
    return sorted(one.entry_id for _, one in session_logs.entries(ledger.store, ledger.tree))


def test_older_months_move_to_their_own_files(tmp_path: Path) -> None:
    """Root and project logs keep the branch's month; the others lie in log/<yyyy-mm>.md, every entry once."""
    town = Town({SHOP_LOG: OLD, "SESSION_LOG.md": log(entry("root-oct", OCTOBER))})
    ada, told = town.peer("ada"), []
    keeper = upkeep(ada, tmp_path, told)
    assert keeper.step(ada.ledger())
    assert not keeper.step(ada.ledger())
    assert [one.entry_id for one in parse_log(ada.text(SHOP_LOG)).entries] == ["nov"]
    assert [one.entry_id for one in parse_log(ada.text("projects/shop/log/2026-09.md")).entries] == ["sep"]
    assert [one.entry_id for one in parse_log(ada.text("log/2026-10.md")).entries] == ["root-oct"]
    assert ids(ada) == ["nov", "oct", "root-oct", "sep"]
    assert told[0] == ("rotated", "older months of the logs have files of their own now")


def test_two_nodes_that_move_months_at_once_do_it_once(tmp_path: Path) -> None:
    """The slower one finds nothing left to do."""
    town = Town({SHOP_LOG: OLD})
    ada, bob = town.peer("ada"), town.peer("bob")
    ledger = ada.ledger()
    ada.line.before_push.append(lambda: upkeep(bob, tmp_path, []).step(bob.ledger()))
    assert not upkeep(ada, tmp_path, []).step(ledger)
    assert ids(ada) == ["nov", "oct", "sep"]


def test_a_month_that_has_its_file_already_takes_in_what_came_late(tmp_path: Path) -> None:
    """A late entry is added; one whose id the file has with other words is kept under an id of its own."""
    there = log(entry("oct", OCTOBER, did="one wording"))
    late = log(entry("oct", OCTOBER, did="another wording"), entry("late", OCTOBER), entry("nov"))
    ada = Town({SHOP_LOG: late, "projects/shop/log/2026-10.md": there}).peer("ada")
    upkeep(ada, tmp_path, []).step(ada.ledger())
    month = ada.text("projects/shop/log/2026-10.md")
    assert "one wording" in month
    assert "another wording" in month
    assert len(parse_log(month).entries) == 3


def test_a_month_takes_nothing_that_its_days_have(tmp_path: Path) -> None:
    """A clone brought it back into the running log; what has other words there is kept, as is what is in no file."""
    away = {
        "projects/shop/log/2026-10-03.md": log(entry("first", OCTOBER), entry("told", OCTOBER, did="one wording")),
        "projects/shop/log/2026-10-03/002.md": log(entry("second", OCTOBER)),
        "log/2026-10-03.md": log(entry("other", OCTOBER)),
    }
    late = [entry("first", OCTOBER), entry("second", OCTOBER), entry("told", OCTOBER, did="another"), entry("nov")]
    ada = Town(away | {SHOP_LOG: log(*late, entry("other", OCTOBER))}).peer("ada")
    assert upkeep(ada, tmp_path, []).step(ada.ledger())
    month = parse_log(ada.text("projects/shop/log/2026-10.md")).entries
    assert [one.entry_id for one in month] == ["told", "other"]  # each project's journal is its own
    assert "another" in month[0].raw
    assert [one.entry_id for one in parse_log(ada.text(SHOP_LOG)).entries] == ["nov"]
    assert {path: ada.text(path) for path in away} == away
    ada.push({SHOP_LOG: log(*late[:2], entry("nov"))})
    assert upkeep(ada, tmp_path / "again", []).step(ada.ledger())
    assert [one.entry_id for one in parse_log(ada.text(SHOP_LOG)).entries] == ["nov"]
    assert len(parse_log(ada.text("projects/shop/log/2026-10.md")).entries) == 2


def test_two_entries_under_one_id_are_both_moved(tmp_path: Path) -> None:
    """Somebody copied one by hand and changed it: the second goes under an id of its own."""
    twice = log(entry("oct", OCTOBER), entry("nov")).rstrip() + "\n\n" + log(entry("oct", OCTOBER, did="another"))
    ada = Town({SHOP_LOG: twice}).peer("ada")
    assert upkeep(ada, tmp_path, []).step(ada.ledger())
    month = parse_log(ada.text("projects/shop/log/2026-10.md")).entries
    assert len({one.entry_id for one in month}) == 2
    assert sum("another" in one.raw for one in month) == 1


def test_a_month_whose_days_have_it_all_gets_no_file(tmp_path: Path) -> None:
    """The running log is written without it, and nothing else."""
    days = {"projects/shop/log/2026-10-03.md": log(entry("oct", OCTOBER))}
    ada = Town(days | {SHOP_LOG: log(entry("oct", OCTOBER), entry("nov"))}).peer("ada")
    assert upkeep(ada, tmp_path, []).step(ada.ledger())
    assert [path for path in ada.paths() if "/log/" in path] == list(days)
    assert ids(ada) == ["nov", "oct"]


def test_a_worker_lets_headquarters_go_first(tmp_path: Path) -> None:
    """It leaves it to headquarters for two looks and a step, and does it then if nobody else has."""
    town = Town({SHOP_LOG: OLD, "heartbeats/hq.md": "---\nrole: HEADQUARTERS\n---\n"})
    ada = town.peer("ada")
    beat = ada.bus.store.put("blob", b"shiftbook beat 1\n")
    ada.bus.remote.push([RefUpdate(ref="refs/shiftbook/beat/hq", expect=None, new=beat)])
    keeper = upkeep(ada, tmp_path, [], role=Role.LOCAL_WORKER)
    assert not keeper.step(ada.ledger())
    town.clock.forward(2 * HQ_LOOK_SECONDS + MAX_STEP_SECONDS)
    assert keeper.step(ada.ledger())


@pytest.mark.parametrize(
    "after",
    [
        log(entry("two")),
        log(entry("one", did="Something else."), entry("two")),
        log(entry("one"), entry("two")).rstrip() + " And a word more.\n",
        None,
    ],
    ids=["removed", "changed", "lengthened", "deleted"],
)
def test_a_change_of_an_old_entry_is_told_until_it_is_put_right(tmp_path: Path, after: str | None) -> None:
    """The commit, its author and the way back are named; putting the words back ends the alarm."""
    town = Town({SHOP_LOG: log(entry("one"), entry("two"))})
    ada, eve, told = town.peer("ada"), town.peer("eve"), []
    keeper = upkeep(ada, tmp_path, told)
    keeper.step(ada.ledger())
    assert told == []
    bad = eve.push({SHOP_LOG: after})
    town.clock.forward(61)
    keeper.step(ada.ledger())
    keeper.step(ada.ledger())
    alarms = [words for event, words in told if event == "alarm"]
    assert len(alarms) == (2 if after is None else 1)
    assert f"commit {bad[:10]} by eve changed or removed entry" in alarms[0]
    custody = TamperCheck(path=tmp_path / "elsewhere.json", of="town")
    assert {one.commit for one in custody.look(ada.ledger(), ada.trust)} == {bad}
    eve.push({SHOP_LOG: log(entry("one"), entry("two"), entry("three"))})
    assert custody.look(ada.ledger(), ada.trust) == []
    assert TamperCheck(path=tmp_path / "fresh.json", of="town").look(ada.ledger(), ada.trust) == []


def test_appending_moving_months_and_reordering_are_no_alteration(tmp_path: Path) -> None:
    """Only words that are gone count."""
    town = Town({SHOP_LOG: log(entry("sep", SEPTEMBER), entry("nov"))})
    ada, told = town.peer("ada"), []
    keeper = upkeep(ada, tmp_path, told)
    keeper.step(ada.ledger())
    keeper.step(ada.ledger())
    ada.push({SHOP_LOG: log(entry("nov"), entry("more"))})
    ada.push({SHOP_LOG: log(entry("more"), entry("nov")).replace("\n", "\r\n")})
    town.clock.forward(61)
    keeper.step(ada.ledger())
    assert [event for event, _ in told if event != "review"] == ["rotated"]


def test_a_merge_that_takes_one_side_only_is_noticed(tmp_path: Path) -> None:
    """Each parent of a merge is compared: an ours-merge eats what the other side had appended."""
    town = Town({SHOP_LOG: log(entry("one"))})
    ada = town.peer("ada")
    base = ada.ledger()
    theirs = ada.push({SHOP_LOG: log(entry("one"), entry("theirs"))})
    ours = ada.commit({SHOP_LOG: log(entry("one"), entry("ours"))}, onto=base.tip, tree=base.tree)
    from sync.objects import read_commit, write_commit
    from sync.remote import RefUpdate

    merge = write_commit(
        ada.bus.store,
        tree=read_commit(ada.bus.store.get(ours)).tree,
        parents=(ours, theirs),
        name="eve",
        email="eve@x",
        when=1_790_000_000,
        message="merge -s ours",
        sign=None,
    )
    ada.bus.remote.push([RefUpdate(ref=ada.bus.main, expect=theirs, new=merge)])
    (found,) = TamperCheck(path=tmp_path / "c.json", of="town").look(ada.ledger(), ada.trust)
    assert (found.entry_id, found.commit, found.author) == ("theirs", merge, "eve")


def test_an_admin_may_own_up_to_a_change(tmp_path: Path) -> None:
    """A signed commit that names the entry is not told; the same message without an admin's signature is."""
    keys = Keys(folder=tmp_path / "keys")
    town = Town(
        {SHOP_LOG: log(entry("one"), entry("two")), "allowed_signers": keys.signers(ada=["admin"], eve=["author"])}
    )
    ada, eve = town.peer("ada", key=keys["ada"]), town.peer("eve", key=keys["eve"])
    custody = TamperCheck(path=tmp_path / "c.json", of="town")
    ada.push({SHOP_LOG: log(entry("one", did="[secret taken out]"), entry("two"))}, "Secret\n\nAlters-Log: one")
    assert custody.look(ada.ledger(), ada.trust) == []
    eve.push({SHOP_LOG: log(entry("one", did="[secret taken out]"))}, "Secret\n\nAlters-Log: two")
    assert [one.entry_id for one in custody.look(ada.ledger(), ada.trust)] == ["two"]


FLEET = """\
[review]
cron = "0 3 * * *"
[trust]
missions = "{trust}"
[bus]
poll_seconds = [1, 5]
[projects.shop]
url = "/srv/shop.git"
"""


def test_missed_reviews_are_caught_up_once(tmp_path: Path) -> None:
    """After three days without a node one review is filed, for the last time that was missed, by one of two nodes."""
    town = Town({"fleet.toml": FLEET.format(trust="remote"), SHOP_LOG: log(entry("one", "2026-11-18T08:00:00Z"))})
    ada, bob, told = town.peer("ada"), town.peer("bob"), []
    keeper, other = upkeep(ada, tmp_path, told), upkeep(bob, tmp_path, told)
    ada.line.before_push.append(lambda: other.step(bob.ledger()))
    keeper.step(ada.ledger())
    keeper.step(ada.ledger())
    other.step(bob.ledger())
    assert review_missions(ada.ledger()) == ["review-2026-11-21-0300"]
    assert [event for event, _ in told].count("filed") == 1
    restarted = upkeep(town.peer("ada2"), tmp_path, told)
    restarted.step(ada.ledger())
    assert review_missions(ada.ledger()) == ["review-2026-11-21-0300"]
    for one in (keeper, other, restarted):
        one.schedule.close()


def test_a_review_is_filed_when_it_comes_due_and_not_for_nothing(tmp_path: Path) -> None:
    """Entries that came after the time wait for the next one; with nothing to read nothing is filed."""
    town = Town({"fleet.toml": FLEET.format(trust="remote"), SHOP_LOG: log(entry("one", "2026-11-21T08:00:00Z"))})
    ada = town.peer("ada")
    keeper = upkeep(ada, tmp_path, [])
    keeper.step(ada.ledger())
    assert review_missions(ada.ledger()) == []
    town.clock.forward(16 * 3600)
    keeper.step(ada.ledger())
    assert review_missions(ada.ledger()) == ["review-2026-11-22-0300"]
    town.clock.forward(24 * 3600)
    keeper.step(ada.ledger())
    assert review_missions(ada.ledger()) == ["review-2026-11-22-0300"]  # the one that stands will read everything
    keeper.schedule.close()


def test_a_node_may_file_a_review_and_nothing_else(tmp_path: Path) -> None:
    """What a node signs runs if it is a review, which reads no text of the file; any other mission is untrusted."""
    keys = Keys(folder=tmp_path / "keys")
    signers = keys.signers(ada=["admin", "author"], desk=["node"], eve=[])
    files = {"fleet.toml": FLEET.format(trust="signed"), SHOP_LOG: log(entry("one")), "allowed_signers": signers}
    town = Town(files)
    desk, eve = town.peer("desk", key=keys["desk"]), town.peer("eve", key=keys["eve"])
    keeper = upkeep(desk, tmp_path, [])
    keeper.step(desk.ledger())
    keeper.schedule.close()
    desk.push({"missions/work.md": "Do it."})
    eve.push({"missions/review-eve.md": "---\ntask: review\n---\nReview."})
    ledger = desk.ledger()
    verdicts = {name: desk.trust.authorize(ledger, filed).trusted for name, filed in ledger.open.items()}
    assert verdicts == {"review-2026-11-21-0300": True, "work": False, "review-eve": False}


def test_the_scheduler_wakes_the_node_when_the_line_comes_due() -> None:
    """APScheduler runs in memory, follows a changed line and is gone when it is closed."""
    from orchestrator.ledger.config.fleet_toml import ReviewPart
    from orchestrator.workflow.journal.review_schedule import ReviewSchedule

    schedule = ReviewSchedule(wake=lambda: None, now=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert schedule.last_due(ReviewPart()) is None
    assert schedule._timer is None
    daily = ReviewPart(cron="0 3 * * *", timezone="Europe/Berlin")
    assert schedule.last_due(daily) == datetime(2026, 11, 21, 2, tzinfo=UTC)
    (job,) = schedule._timer.get_jobs()
    assert (job.coalesce, job.misfire_grace_time) == (True, None)
    assert job.next_run_time is not None
    assert schedule.last_due(ReviewPart(cron="0 4 * * *")) == datetime(2026, 11, 21, 4, tzinfo=UTC)
    schedule.close()
    assert schedule._timer is None
