"""Is it known which of several files of one name came first, without walking the history for each commit?"""

from __future__ import annotations

import random

import pytest

from orchestrator.ledger.file_history.name_twins import MAX_NEW_COMMITS, NameTwins
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from sync.objects import find, load_commit
from tests.fuzzing.counted_work import CountingStore
from tests.ledgers import Peer, Town

PATHS = ("missions/a.md", "missions/A.md", "missions/a--.md")


@pytest.fixture
def ada() -> Peer:
    """Somebody with a ledger whose reads are counted."""
    town = Town({"missions/a.md": "the first"})
    town.server.store = CountingStore(objects=town.server.store.objects)
    return town.peer("ada")


def store_of(ada: Peer) -> CountingStore:
    """What counts."""
    store = ada.bus.store
    assert isinstance(store, CountingStore)
    return store


def ask(twins: NameTwins, ada: Peer, tip: str) -> dict[str, int]:
    """What it says of the files that stand at a commit."""
    tree = load_commit(ada.bus.store, tip).tree
    folder = find(ada.bus.store, tree, "missions")
    there = [path for path in PATHS if find(ada.bus.store, tree, path)]
    groups = [there] if len(there) > 1 else []
    return dict(twins.files_before(RecentChanges(ada.bus.store, tip), folder.oid if folder else "", groups))


def test_the_order_in_which_they_came_is_told(ada: Peer) -> None:
    """Each knows how many were before it."""
    ada.push({"missions/A.md": "the second"})
    tip = ada.push({"missions/a--.md": "the third"})
    assert ask(NameTwins(ada.bus.store), ada, tip) == dict(zip(PATHS, range(3), strict=True))


def test_a_file_that_was_away_came_again(ada: Peer) -> None:
    """Also where that happened between two looks, and it stands there with the same bytes: it is before nobody now."""
    twins = NameTwins(ada.bus.store)
    tip = ada.push({"missions/A.md": "the second"})
    assert ask(twins, ada, tip) == {"missions/a.md": 0, "missions/A.md": 1}
    ada.push({"missions/a.md": None})
    tip = ada.push({"missions/a.md": "the first"})
    assert ask(twins, ada, tip) == {"missions/a.md": 1, "missions/A.md": 1}


def test_what_stayed_is_not_looked_for_again(ada: Peer) -> None:
    """Commits beside them cost the reading of these commits, and no walk through the history."""
    twins = NameTwins(ada.bus.store)
    told = ask(twins, ada, ada.push({"missions/A.md": "the second"}))
    begun = store_of(ada).done.walks
    for number in range(5):
        tip = ada.push({"note.md": f"{number}"})
        before = store_of(ada).done.objects
        assert dict(twins.files_before(RecentChanges(ada.bus.store, tip), "", [list(told)])) == told
        assert store_of(ada).done.objects - before <= 4
    assert store_of(ada).done.walks == begun


def test_after_many_commits_the_history_is_asked(ada: Peer) -> None:
    """A node that was away for long is told the same."""
    twins = NameTwins(ada.bus.store)
    told = ask(twins, ada, ada.push({"missions/A.md": "the second"}))
    for number in range(MAX_NEW_COMMITS + 2):
        tip = ada.push({"note.md": f"{number}"})
    assert ask(twins, ada, tip) == told


@pytest.mark.parametrize("seed", range(12))
def test_what_is_remembered_is_what_is_found_anew(ada: Peer, seed: int) -> None:
    """Files come, go and change in any order, and looks come after any number of commits: a reader that has looked
    before says what one says that looks for the first time."""
    chance, remembering = random.Random(seed), NameTwins(ada.bus.store)
    for _ in range(25):
        for _ in range(chance.randrange(1, 4)):
            text = chance.choice(["x", f"y{chance.random()}", None, None])
            tip = ada.push({chance.choice(PATHS): text, "note.md": f"{chance.random()}"})
        assert ask(remembering, ada, tip) == ask(NameTwins(ada.bus.store), ada, tip)
