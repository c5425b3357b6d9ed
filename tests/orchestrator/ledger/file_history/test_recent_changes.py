"""Are the commits that changed a mission's file found in one walk, newest first, and as far as it is certain?"""

from __future__ import annotations

import itertools

import pytest

from orchestrator.ledger.file_history import recent_changes
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from sync.objects import read_commit
from tests.ledgers import Files, Peer, Town


@pytest.fixture
def ada() -> Peer:
    """Somebody with a ledger."""
    return Town().peer("ada")


def line(ada: Peer, *steps: Files) -> list[str]:
    """Commits, one upon the other; the last is the newest."""
    made: list[str] = []
    for files in steps:
        onto = made[-1] if made else None
        tree = read_commit(ada.bus.store.get(onto)).tree if onto else None
        made.append(ada.commit(files, onto=onto, tree=tree))
    return made


def test_each_file_has_its_own_commits(ada: Peer) -> None:
    """Written, changed, deleted; what stands elsewhere is none of them."""
    made = line(
        ada,
        {"missions/a.md": "1", "README.md": "x"},
        {"missions/b.md": "1"},
        {"missions/a.md": "2", "missions/b.md": "2"},
        {"README.md": "y"},
        {"missions/a.md": None},
    )
    found = RecentChanges(ada.bus.store, made[-1])
    assert list(found.of("missions/a.md")) == [made[4], made[2], made[0]]
    assert list(found.of("missions/b.md")) == [made[2], made[1]]
    assert list(found.of("missions/none.md")) == []
    assert list(found.of("README.md")) == []


def test_it_reads_no_further_than_it_is_asked(ada: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest change of a file costs the commits down to it; who asks again reads none twice."""
    made = line(ada, *({f"missions/{n}.md": "x"} for n in range(20)))
    read: list[str] = []
    load = recent_changes.load_commit
    monkeypatch.setattr(recent_changes, "load_commit", lambda store, oid: (read.append(oid), load(store, oid))[1])
    found = RecentChanges(ada.bus.store, made[-1])
    assert next(found.of("missions/19.md")) == made[19]
    few = len(set(read))
    assert few <= 2
    assert next(found.of("missions/17.md")) == made[17]
    assert next(found.of("missions/19.md")) == made[19]
    assert len(set(read)) <= few + 2


def test_two_who_ask_at_once_both_hear_all(ada: Peer) -> None:
    """One walk serves both, whoever drives it."""
    made = line(ada, *({"missions/a.md": str(n), "missions/b.md": str(n)} for n in range(6)))
    found = RecentChanges(ada.bus.store, made[-1])
    pairs = list(itertools.zip_longest(found.of("missions/a.md"), found.of("missions/b.md")))
    assert pairs == [(oid, oid) for oid in reversed(made)]


def test_it_ends_at_a_merge(ada: Peer) -> None:
    """What lies beyond is in no one line; who needs it asks git."""
    first, second = line(ada, {"missions/a.md": "1"}, {"missions/a.md": "2"})
    other = ada.commit({"missions/a.md": "3"}, onto=None, tree=None)
    tree = read_commit(ada.bus.store.get(second)).tree
    body = ada.bus.store.get(second).decode().split("\n", 2)
    merge = ada.bus.store.put(
        "commit", "\n".join([f"tree {tree}", f"parent {second}", f"parent {other}", body[2]]).encode()
    )
    top = ada.commit({"missions/a.md": "4"}, onto=merge, tree=tree)
    assert read_commit(ada.bus.store.get(merge)).parents == (second, other)
    assert list(RecentChanges(ada.bus.store, top).of("missions/a.md")) == [top]
    assert list(RecentChanges(ada.bus.store, second).of("missions/a.md")) == [second, first]


def test_it_ends_after_so_many_commits(ada: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mission that nobody has touched for a year is asked of git."""
    monkeypatch.setattr(recent_changes, "MAX_RECENT_COMMITS", 3)
    made = line(ada, *({"missions/a.md": str(n)} for n in range(5)))
    assert list(RecentChanges(ada.bus.store, made[-1]).of("missions/a.md")) == [made[4], made[3], made[2]]


def test_a_file_named_like_the_folder_holds_no_missions(ada: Peer) -> None:
    """A hostile tree is read as one without missions."""
    made = line(ada, {"missions": "x"}, {"README.md": "y"})
    assert list(RecentChanges(ada.bus.store, made[-1]).of("missions/a.md")) == []
