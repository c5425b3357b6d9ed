"""Many objects in one pack: git reads it as it reads its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import ObjectTooLarge
from sync.gathered_objects import GatheredObjects
from sync.git import Git, GitStore
from sync.memory_remote import MemoryStore
from sync.objects import edit_tree, load_commit, object_id, write_commit
from sync.pack_file import PACK_FROM, write_objects
from sync.remote import ObjectStore, Oid
from tests.orchestrator.repositories import git


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty repository."""
    folder = tmp_path_factory.mktemp("packs")
    git(folder, "init", "--quiet", "--bare", "ledger.git")
    return folder / "ledger.git"


@pytest.fixture
def store(bare: Path) -> Iterator[GitStore]:
    """Its objects, by processes that have kept nothing yet."""
    opened = GitStore(bare)
    yield opened
    opened.close()


def blobs(number: int, begin: bytes = b"") -> list[tuple[str, bytes]]:
    """So many of them."""
    return [("blob", begin + b"%d\n" % count) for count in range(number)]


@given(more=st.lists(st.binary(max_size=40_000), max_size=20, unique=True))
def test_whatever_is_packed_is_read_again(bare: Path, more: list[bytes]) -> None:
    """Contents of every length, the empty one too: by git, with its checksums, and found by name."""
    found = [*blobs(PACK_FROM), *(("blob", data) for data in more)]
    oids = write_objects(bare / "objects", found)
    assert oids == [object_id(kind, data) for kind, data in found]
    reader = GitStore(bare)
    assert [reader.get(oid) for oid in oids] == [data for _, data in found]
    reader.close()


def test_git_finds_nothing_wrong_with_a_pack(tmp_path: Path) -> None:
    """Commits, trees and blobs of a history; `fsck` and `verify-pack` go through each byte of pack and index."""
    git(tmp_path, "init", "--quiet", "--bare", "ledger.git")
    folder = tmp_path / "ledger.git"
    store = GitStore(folder)
    tip = history(store, PACK_FROM)
    Git(folder).run("update-ref", "refs/heads/main", tip)
    counted = Git(folder).counted()
    assert (counted["count"], counted["packs"]) == (0, 1)
    (index,) = (folder / "objects" / "pack").glob("*.idx")
    git(folder, "verify-pack", str(index))
    git(folder, "fsck", "--strict", "--full")
    git(folder, "gc", "--quiet", "--prune=now")
    assert load_commit(store, tip).message == "59\n"
    store.close()


def history(store: ObjectStore, length: int) -> Oid:
    """The newest of so many commits, which were written together."""
    gathered, tip = GatheredObjects(store), ()
    for number in range(length):
        tree = edit_tree(gathered, load_commit(gathered, tip[0]).tree if tip else None, {f"d/{number}": b"%d" % number})
        assert tree is not None
        tip = (commit(gathered, tree, *tip),)
    gathered.write()
    return tip[0]


def commit(store: ObjectStore, tree: Oid, *parents: Oid) -> Oid:
    """One more."""
    number = str(len(load_tree_names(store, tree)) - 1)
    return write_commit(
        store, tree=tree, parents=parents, name="t", email="t@x", when=1_795_000_000, message=number, sign=None
    )


def load_tree_names(store: ObjectStore, tree: Oid) -> list[bytes]:
    """What the tree's one folder holds."""
    folder = store.get(tree)[-20:].hex()
    return store.get(folder).split(b"100644 ")[1:]


def test_few_objects_are_files_and_twice_the_same_is_one(bare: Path, store: GitStore) -> None:
    """A pack for each claim would be as many places to look."""
    before = Git(bare).counted()
    store.put_all([*blobs(PACK_FROM - 2, b"few "), ("blob", b"few 1\n")])
    after = Git(bare).counted()
    assert after["packs"] == before["packs"]
    assert after["count"] - before["count"] == PACK_FROM - 2
    twice = [*blobs(PACK_FROM, b"twice "), *blobs(PACK_FROM, b"twice ")]
    assert store.put_all(twice) == [object_id(*each) for each in twice]
    assert Git(bare).counted()["in-pack"] - after["in-pack"] == PACK_FROM
    assert store.put_all(twice)
    assert Git(bare).counted()["packs"] == after["packs"] + 1


def test_what_is_gathered_can_be_read_before_it_is_written() -> None:
    """By whoever gathers, within the limits of any store; nobody else sees it before."""
    below = MemoryStore()
    old = below.put("blob", b"old")
    gathered = GatheredObjects(below)
    new = gathered.put("blob", b"new!")
    assert (gathered.get(old), gathered.get(new), gathered.size(old), gathered.size(new)) == (b"old", b"new!", 3, 4)
    with pytest.raises(ObjectTooLarge):
        gathered.get(new, 3)
    gathered.warm([old, new])
    assert new not in below.objects
    gathered.write()
    assert below.get(new) == b"new!"
    assert list(gathered.between(history(below, 2), None))
