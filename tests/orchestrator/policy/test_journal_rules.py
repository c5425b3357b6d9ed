"""Is every entry of the journal there after a push, in whichever log, whoever pushed it?"""

from __future__ import annotations

import pytest

from handoff.entry import Entry, render_entry
from orchestrator.policy.journal_rules import altered_entries, check_journal_kept
from sync.objects import read_commit
from tests.ledgers import Peer, Town

LOG, MAY, SHOP = "SESSION_LOG.md", "log/2026-05.md", "projects/shop/SESSION_LOG.md"
HEAD = "# Session log\n\n"


def entry(name: str, said: str = "it was done") -> str:
    """One entry."""
    return render_entry(
        Entry(entry_id=name, when="2026-11-21T12:00:00Z", node="desk", sections=(("Work Accomplished", said),))
    )


ONE, TWO, THREE = entry("one"), entry("two"), entry("three")
BEFORE = {LOG: HEAD + ONE + TWO, SHOP: HEAD + THREE}


@pytest.fixture
def ada() -> Peer:
    """Somebody with a ledger."""
    return Town().peer("ada")


def lost(ada: Peer, after: dict[str, str | None], *owned: str, before: dict[str, str] | None = None) -> str:
    """Why one tree may not become the other."""
    first = ada.commit(before or BEFORE, onto=None, tree=None)
    tree = read_commit(ada.bus.store.get(first)).tree
    second = ada.commit(after, onto=first, tree=tree)
    return check_journal_kept(ada.bus.store, tree, read_commit(ada.bus.store.get(second)).tree, frozenset(owned))


@pytest.mark.parametrize(
    "after",
    [
        {"README.md": "x"},
        {LOG: HEAD + ONE + TWO + entry("four")},
        {LOG: HEAD + TWO + ONE},
        {LOG: HEAD + TWO, MAY: HEAD + ONE},
        {SHOP: None, "projects/store/SESSION_LOG.md": HEAD + THREE},
        {SHOP: None, LOG: HEAD + ONE + TWO + THREE},
        {LOG: (HEAD + ONE + TWO).replace("\n", "\r\n")},
        {LOG: "# Another title\n\n" + ONE + TWO},
    ],
    ids=["another file", "added", "another order", "month", "renamed", "one log", "line ends", "title"],
)
def test_what_keeps_every_entry(ada: Peer, after: dict[str, str | None]) -> None:
    """An entry may stand in any log afterwards, as when a month ends or a project is renamed."""
    assert lost(ada, after) == ""


@pytest.mark.parametrize(
    ("after", "which"),
    [
        ({LOG: HEAD + TWO}, "one"),
        ({LOG: HEAD + ONE + entry("two", "something else was done")}, "two"),
        ({LOG: HEAD + ONE}, "two"),
        ({LOG: HEAD}, "one"),
        ({SHOP: None}, "three"),
        ({SHOP: HEAD}, "three"),
        ({SHOP: None, "notes/SESSION_LOG.md": HEAD + THREE}, "three"),
    ],
    ids=["taken out", "changed", "cut", "emptied", "deleted", "project emptied", "moved out of sight"],
)
def test_what_loses_an_entry_is_said_with_its_name(ada: Peer, after: dict[str, str | None], which: str) -> None:
    """And what to do instead."""
    said = lost(ada, after)
    assert f"entry {which} would be changed or lost" in said
    assert f"`Alters-Log: {which}`" in said


def test_the_running_log_is_not_deleted(ada: Peer) -> None:
    """Not even with all its entries elsewhere: everybody adds to it."""
    assert "not deleted" in lost(ada, {LOG: None, MAY: HEAD + ONE + TWO})


def test_what_somebody_owned_up_to_may_go_and_no_more(ada: Peer) -> None:
    """By name; the next entry stays guarded."""
    assert lost(ada, {LOG: HEAD + TWO}, "one") == ""
    assert "entry two" in lost(ada, {LOG: HEAD}, "one")


def test_a_merge_that_kept_both_wordings_lost_nothing(ada: Peer) -> None:
    """The second stands aside under a name of its own."""
    both = HEAD + entry("one", "another wording") + entry("one~1a2b", "it was done") + TWO
    assert lost(ada, {LOG: both}) == ""


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("Mend\n\nAlters-Log: one", {"one"}),
        ("Mend\n\nAlters-Log: one, two three\nAlters-Log: four", {"one", "two", "three", "four"}),
        ("Mend\n\n  Alters-Log: one", set()),
        ("Mend\n\nalters-log: one", set()),
        ("Mend", set()),
    ],
)
def test_a_message_owns_up_by_its_lines(ada: Peer, message: str, names: set[str]) -> None:
    """Each line that begins so, and the names in it; nothing else in the message counts."""
    oid = ada.commit({"x": "y"}, message, onto=None, tree=None)
    assert altered_entries(read_commit(ada.bus.store.get(oid))) == names
