"""Is each version of a file parsed once, however often it is asked how the file came and on whose word it stands?"""

from __future__ import annotations

import random

import pytest

from orchestrator.ledger.file_history import file_versions
from orchestrator.ledger.file_history.file_versions import FileVersions, last_spelling
from orchestrator.ledger.file_history.recent_changes import MAX_RECENT_COMMITS, RecentChanges
from orchestrator.policy.authorization import Trust
from orchestrator.policy.provenance import Provenance
from sync.remote import RefUpdate
from tests.fuzzing.counted_work import CountingStore, Work, counted
from tests.ledgers import Peer, Town

PATH = "missions/m.md"
STYLED = "capabilities:\n  - keyring\n"
"""As people write a list; the product writes it on one line, which is read without a YAML parser."""
VERSIONS = 60


@pytest.fixture
def ada() -> Peer:
    """Somebody with a ledger whose reads are counted."""
    town = Town({"note.md": "x"})
    town.server.store = CountingStore(objects=town.server.store.objects)
    return town.peer("ada")


def text(*, title: str = "t", epoch: int = 0) -> str:
    """A mission as a person writes it, with what a node has said of it."""
    said = f"status: failed\nattempt: {epoch}\nepoch: {epoch}\n" if epoch else ""
    return f"---\n{STYLED}{said}title: {title}\n---\nDo it.\n"


def yaml_parses(work: Work) -> int:
    """Each time that YAML is parsed two functions are counted: the reader of front matter, and the parser."""
    return work.parsed // 2


def measured(ada: Peer) -> Work:
    """What a look at the ledger costs."""
    assert isinstance(ada.bus.store, CountingStore)
    refs = ada.bus.remote.fetch()
    with counted(ada.bus.store) as done:
        ada.reader.read(refs)
    return done()


def test_a_copy_that_was_edited_often_is_traced_back_once(ada: Peer) -> None:
    """Each of its versions is parsed once, and the next edit costs its own reading."""
    for number in range(VERSIONS):
        ada.push({PATH: text(title=f"t{number}", epoch=3)})
    assert VERSIONS <= yaml_parses(measured(ada)) <= VERSIONS + 1
    assert ada.ledger().open["m"].copied == ("status", "attempt")
    for number in range(3):
        ada.push({PATH: text(title=f"again {number}", epoch=3)})
        after = measured(ada)
        assert yaml_parses(after) <= 2
        assert after.walks == 0
        assert after.objects < 40
    assert ada.ledger().open["m"].copied == ("status", "attempt")


def test_whose_word_it_is_is_found_once(ada: Peer) -> None:
    """A mission that nodes have tried very often: each version is parsed once, and after another attempt only that."""
    ada.push({PATH: text()})
    for number in range(VERSIONS):
        ada.push({PATH: text(epoch=number + 1)})
    store, trust = ada.bus.store, Trust(ada.bus.store)
    assert isinstance(store, CountingStore)
    for most in (VERSIONS + 3, 2, 2):
        recent = RecentChanges(store, ada.ledger().tip)
        with counted(store) as done:
            (commit,) = trust._deciding(PATH, recent)
        assert ada.bus.store.get(commit)
        assert yaml_parses(done()) <= most
        ada.push({PATH: text(epoch=VERSIONS + 5 + most)})


def merge_something(ada: Peer, chance: random.Random) -> None:
    """A merge of a side branch, which may have changed the file."""
    tip = ada.bus.remote.fetch()[ada.bus.main]
    ledger = ada.ledger()
    side = ada.commit({PATH: text(title=f"s{chance.randrange(3)}")}, onto=tip, tree=ledger.tree)
    tree = ada.bus.store.get(chance.choice([side, tip])).split()[1].decode()
    merge = ada.bus.store.get(ada.commit({"note.md": f"{chance.random()}"}, onto=tip, tree=tree))
    made = ada.bus.store.put("commit", merge.replace(b"\nauthor", f"\nparent {side}\nauthor".encode(), 1))
    ada.bus.remote.push([RefUpdate(ref=ada.bus.main, expect=tip, new=made)])


@pytest.mark.parametrize("seed", range(10))
def test_what_is_remembered_is_what_is_found_anew(ada: Peer, seed: int) -> None:
    """Edits, attempts, removals and merges in any order, and looks after any number of them: who has looked before says
    what one says who looks for the first time."""
    chance, trust = random.Random(seed), Trust(ada.bus.store)
    for _ in range(20):
        for _ in range(chance.randrange(1, 4)):
            what = chance.randrange(8)
            if what == 0:
                merge_something(ada, chance)
            else:
                new = text(title=f"t{chance.randrange(3)}", epoch=chance.choice([0, 0, 1, 2, 3]))
                ada.push({PATH: None if what == 1 else new, "note.md": f"{chance.random()}"})
        mine = ada.ledger()
        other = type(ada.reader)(ada.bus.store, ada.reader.constitution).read(mine.refs)
        assert (mine.open, mine.quarantined) == (other.open, other.quarantined)
        if "m" in mine.open:
            anew = Provenance(ada.bus.store, mine.tip, PATH).deciding()
            assert trust._deciding(PATH, RecentChanges(ada.bus.store, mine.tip)) == anew


def test_little_is_kept(ada: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may push can make versions without end: what is kept of them is bounded, and can be read again."""
    monkeypatch.setattr(file_versions, "MAX_KEPT_BYTES", 1000)
    monkeypatch.setattr(file_versions, "MAX_KEPT_COMMITS", 5)
    commits = [ada.push({PATH: text(title=f"t{number}")}) for number in range(VERSIONS)]
    versions = FileVersions(ada.bus.store)
    assert list(versions.along(PATH, commits)) == commits
    hashes = [versions.requested_content(PATH, commit) for commit in commits]
    assert all(versions.mission(PATH, commit) is not None for commit in commits)
    assert max(len(versions._blobs), len(versions._contents)) == 5
    assert versions._kept_bytes <= 1000
    assert [versions.requested_content(PATH, commit) for commit in commits] == hashes
    assert len(set(hashes)) == VERSIONS < MAX_RECENT_COMMITS


def test_what_cannot_be_read_says_nothing(ada: Peer) -> None:
    """No file, a file that is none, and one that is broken."""
    versions = FileVersions(ada.bus.store)
    for content in (None, "---\n[\n---\n", "---\nepoch: x\n---\nDo it.\n"):
        commit = ada.push({PATH: content, "note.md": repr(content)})
        assert versions.mission(PATH, commit) is None
    assert versions.requested_content(PATH, commit) is not None  # its words can be read, its fields make no sense


def test_a_name_that_never_was_is_looked_at_once_among_many_that_stayed(
    ada: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for a mission that is none waits for no name to be read in each of five hundred commits."""
    ada.push({f"missions/stays-{number}.md": "x\n" for number in range(30)})
    for number in range(20):
        ada.push({"missions/Comes And Goes.md": f"{number}\n"})
    tip = ada.push({"missions/Comes And Goes.md": None})
    asked: list[str] = []
    told = file_versions.mission_of_file

    def counting(name: str) -> str:
        asked.append(name)
        return told(name)

    monkeypatch.setattr(file_versions, "mission_of_file", counting)
    assert last_spelling(ada.bus.store, tip, "never") == "missions/never.md"
    assert max(asked.count(f"stays-{number}.md") for number in range(30)) == 1
    assert last_spelling(ada.bus.store, tip, "comes-and-goes") == "missions/Comes And Goes.md"
