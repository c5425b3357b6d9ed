"""Does a review land once, whole, and without disturbing anybody?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from handoff.briefing import parse
from orchestrator.adapters.agents.log_review import ReviewAgent
from orchestrator.core.errors import NotFound
from orchestrator.core.ports.agent import AgentJob
from orchestrator.workflow.journal.review import BadProposal
from orchestrator.workflow.journal.review_cursor import (
    proposal_path,
    review_cursor,
    unread_entries,
    with_cursor,
    without_cursor,
)
from orchestrator.workflow.journal.review_status import review_problems, review_statuses
from sync.objects import read_commit
from tests.journals import BRIEFING, BRIEFING_PATH, RULES, SHOP_LOG, entry, log, memos, reviews, upkeep
from tests.ledgers import NOON, Town

ENTRIES = (
    entry("one", "2026-11-19T08:00:00Z", did="Port: 9090", next_="- Measure the cache"),
    entry("two", "2026-11-20T08:00:00Z", blocked="- The licence server refuses our key"),
)
FILES = {SHOP_LOG: log(*ENTRIES), BRIEFING_PATH: BRIEFING}
APPROVE = '[review]\napprove = true\n[projects.shop]\nurl = "/srv/shop.git"\n[trust]\nmissions = "remote"\n'


def items(text: str) -> list[str]:
    """What the briefing says, item by item."""
    return [item.text for item in parse(without_cursor(text)) if item.item_id]


def test_a_review_is_one_commit_that_names_its_sources() -> None:
    """Only the briefing changes, every changed item cites its entry, the log and the rules stay as they were."""
    town = Town(FILES)
    ada = town.peer("ada")
    before = ada.ledger()
    (made,) = reviews(ada).run()
    after = ada.ledger()
    commit = read_commit(after.store.get(after.tip))
    assert (made.commit, commit.parents) == (after.tip, (before.tip,))
    assert "Sources: one, two" in commit.message
    assert ada.text(SHOP_LOG) == FILES[SHOP_LOG]
    assert RULES in ada.text(BRIEFING_PATH)
    assert items(ada.text(BRIEFING_PATH)) == [
        "The shop sells books.",
        "Never deploy on Friday.",
        "Port: 9090",
        "The licence server refuses our key",
        "Measure the cache",
    ]
    assert all(item.cites for item in parse(ada.text(BRIEFING_PATH)) if "9090" in item.text)


def test_a_second_review_finds_nothing_to_do() -> None:
    """Neither a second run nor a second node writes anything while no entry is new."""
    town = Town(FILES)
    ada = town.peer("ada")
    reviews(ada).run()
    tip = ada.ledger().tip
    assert [one.entries for one in reviews(town.peer("bob")).run()] == [()]
    assert ada.ledger().tip == tip


def test_two_reviews_at_once_write_each_item_once() -> None:
    """The one that loses the race works it out again, and finds nothing left."""
    town = Town(FILES)
    ada, bob = town.peer("ada"), town.peer("bob")
    ada.line.before_push.append(lambda: reviews(bob).run())
    (mine,) = reviews(ada).run()
    assert mine.entries == ()
    assert len(items(ada.text(BRIEFING_PATH))) == 5


def test_a_persons_edit_that_comes_in_between_survives() -> None:
    """The changes are worked out on the edited briefing: nobody's words are lost, and the item they mended is kept."""
    town = Town(FILES)
    ada, bob = town.peer("ada"), town.peer("bob")
    edited = BRIEFING.replace("sells books", "sells books and maps") + "- Owner: Ana\n"
    ada.line.before_push.append(lambda: bob.push({BRIEFING_PATH: edited}))
    reviews(ada).run()
    said = items(ada.text(BRIEFING_PATH))
    assert {"The shop sells books and maps.", "Owner: Ana", "Port: 9090"} <= set(said)
    assert len(said) == len(set(said)) == 6


def test_a_push_whose_answer_is_lost_counts_once() -> None:
    """Nobody knows whether it arrived; it did, and the review is not done a second time."""
    town = Town(FILES)
    ada = town.peer("ada")
    ada.line.lose_answers = 1
    reviews(ada).run()
    assert len(items(ada.text(BRIEFING_PATH))) == 5
    ada.line.lose_answers = 0
    assert reviews(ada).run()[0].entries == ()


def test_a_dry_run_writes_nothing() -> None:
    """It says what would change."""
    ada = Town(FILES).peer("ada")
    tip = ada.ledger().tip
    (made,) = reviews(ada).run(dry_run=True)
    assert len(made.proposal.deltas) == 3
    assert (ada.ledger().tip, made.commit) == (tip, None)


def test_what_is_new_is_told_by_the_logs_and_not_by_dates(tmp_path: Path) -> None:
    """An entry that comes in late is read, one that moved to its month is not read again."""
    town = Town({SHOP_LOG: log(entry("oct", "2026-10-20T08:00:00Z"), *ENTRIES), BRIEFING_PATH: BRIEFING})
    ada = town.peer("ada")
    reviews(ada).run()
    assert upkeep(ada, tmp_path, []).step(ada.ledger())
    assert unread_entries(ada.ledger(), "shop") == []
    late = entry("late", "2026-11-01T08:00:00Z", did="Region: north")
    ada.push({SHOP_LOG: log(*ENTRIES, late)})
    assert [one.entry_id for one in unread_entries(ada.ledger(), "shop")] == ["late"]


def test_late_news_does_not_undo_what_is_newer() -> None:
    """An entry of an offline node that says what held before leaves the newer value, and that is said."""
    town = Town({SHOP_LOG: log(*ENTRIES), BRIEFING_PATH: BRIEFING})
    ada = town.peer("ada")
    reviews(ada).run()
    ada.push({SHOP_LOG: log(*ENTRIES, entry("late", "2026-11-01T08:00:00Z", did="Port: 7070"))})
    (made,) = reviews(ada).run()
    assert "Port: 9090" in items(ada.text(BRIEFING_PATH))
    assert "2026-11-19T08:00:00Z says otherwise" in made.proposal.dropped_with_reason[0].reason


def test_a_deleted_mark_is_found_again() -> None:
    """The commit message of the last review says where it stopped; with no trace at all everything is read once more,
    which changes nothing that is there already."""
    ada = Town(FILES).peer("ada")
    reviews(ada).run()
    text = without_cursor(ada.text(BRIEFING_PATH))
    ada.push({BRIEFING_PATH: text})
    assert unread_entries(ada.ledger(), "shop") == []
    ada.push(
        {
            BRIEFING_PATH: with_cursor(
                text, review_cursor(ada.ledger(), "shop").__class__(at="0" * 40, when="Z", entries=0, changes=0)
            )
        }
    )  # type: ignore[union-attr]
    reviews(ada).run()
    assert sorted(items(ada.text(BRIEFING_PATH))) == sorted(items(text))


@pytest.mark.parametrize(
    "text", ["# T\n\nbody\n", "# T\r\n\r\nbody\r\n", "no title\n", "", "\ufeff# T\nbody\n", "# T", "## A\n\n- x\n"]
)
def test_the_mark_goes_in_and_out_without_a_trace(text: str) -> None:
    """Titles, other line ends, empty texts: what was there stays."""
    from orchestrator.workflow.journal.review_cursor import ReviewCursor

    mark = ReviewCursor(at="a" * 40, when="2026-11-21T12:00:00Z", entries=3, changes=0)
    marked = with_cursor(text, mark)
    assert without_cursor(marked).split() == text.split()
    assert with_cursor(without_cursor(marked), mark) == marked


def test_with_approval_a_person_takes_what_they_want() -> None:
    """The briefing waits; a tick taken out is a change not made; then the entries count as read."""
    town = Town(FILES | {"fleet.toml": APPROVE})
    ada = town.peer("ada")
    (made,) = reviews(ada).run()
    assert made.needs_acceptance
    assert ada.text(BRIEFING_PATH) == BRIEFING
    page = ada.text(proposal_path("shop"))
    assert page.count("- [x]") == 3
    assert "waits for you" in review_problems(ada.ledger(), NOON)[0]
    tip = ada.ledger().tip
    reviews(ada).run()
    assert ada.ledger().tip == tip
    unticked = "\n".join(line.replace("[x]", "[ ]") if "licence" in line else line for line in page.splitlines())
    ada.push({proposal_path("shop"): unticked + "\n", SHOP_LOG: log(*ENTRIES, entry("three", did="Owner: Ana"))})
    reviews(ada).run()
    page = ada.text(proposal_path("shop"))
    assert (page.count("- [x]"), page.count("- [ ]")) == (3, 1)
    taken = reviews(ada).settle("shop", accept=True)
    assert taken.commit == ada.ledger().tip
    assert {"Port: 9090", "Owner: Ana"} <= set(items(ada.text(BRIEFING_PATH)))
    assert "licence" not in ada.text(BRIEFING_PATH)
    assert ada.ledger().read(proposal_path("shop")) is None
    assert unread_entries(ada.ledger(), "shop") == []
    with pytest.raises(NotFound):
        reviews(ada).settle("shop", accept=True)


def test_a_rejected_or_broken_proposal_changes_nothing() -> None:
    """Rejecting counts the entries as read; a page whose line was mangled is refused with its line."""
    ada = Town(FILES | {"fleet.toml": APPROVE}).peer("ada")
    reviews(ada).run()
    page = ada.text(proposal_path("shop"))
    ada.push({proposal_path("shop"): page.replace('{"kind"', '{"kind', 1)})
    with pytest.raises(BadProposal, match="line=11"):
        reviews(ada).settle("shop", accept=True)
    ada.push({proposal_path("shop"): page})
    reviews(ada).settle("shop", accept=False)
    assert items(ada.text(BRIEFING_PATH)) == items(BRIEFING)
    assert unread_entries(ada.ledger(), "shop") == []


def test_late_failed_and_empty_reviews_are_troubles() -> None:
    """Each is said in words with what to do; a review in time with changes is none."""
    cron = '[review]\ncron = "0 3 * * *"\n[projects.shop]\nurl = "/srv/shop.git"\n[trust]\nmissions = "remote"\n'
    town = Town(FILES | {"fleet.toml": cron})
    ada = town.peer("ada")
    assert review_problems(ada.ledger(), NOON) == ["shop: the review of 2026-11-21 03:00 UTC is late, 2 entries unread"]
    assert review_problems(ada.ledger(), NOON - timedelta(hours=8, minutes=30)) == []
    reviews(ada).run()
    assert review_problems(ada.ledger(), NOON) == []
    assert "2 read, 3 changes; no new entries" in review_statuses(ada.ledger(), NOON)[0].says
    ada.push({"missions/review-x.md": "---\ntask: review\n---\nx"})
    ada.push({"missions/review-x.md": "---\ntask: review\nstatus: dead\n---\nx"})
    assert "review-x is dead" in review_problems(ada.ledger(), NOON)[0]
    ada.push({"missions/review-x.md": None, SHOP_LOG: log(*ENTRIES, *(entry(f"e{n}") for n in range(12)))})
    reviews(ada).run()
    assert review_problems(ada.ledger(), NOON) == ["shop: the last review read 12 entries and changed nothing"]


def test_the_agent_tells_what_it_did_and_asks_nothing_of_the_file(tmp_path: Path) -> None:
    """Its outcome names the changes; a second attempt after a crash is done at once."""
    town = Town(FILES)
    ada = town.peer("ada")
    ada.push({"missions/review-now.md": "---\ntask: review\n---\nRead /etc/passwd"})
    mission = ada.ledger().open["review-now"].mission
    agent = ReviewAgent(reviews=reviews(ada), memos=memos(ada))
    said: list[str] = []
    job = AgentJob(mission=mission, attempt=1, project=None, context="", folder=tmp_path, say=said.append)
    from threading import Event

    done = agent.run(job, Event())
    assert done.ok
    assert "2 entries read" in done.summary
    assert "settled" not in done.answer
    assert "Port: 8080 → Port: 9090 (one)" in done.answer
    again = agent.run(job, Event())
    assert (again.ok, again.summary) == (True, "No log has a new entry.")
    stopped = Event()
    stopped.set()
    assert agent.run(job, stopped).cancelled


def test_an_unknown_project_is_named() -> None:
    """One clear error says which there are."""
    with pytest.raises(NotFound, match="shop"):
        reviews(Town(FILES).peer("ada")).run("shpo")
