"""Is what git said of a clone's refs said again only while it holds? Real repositories, changed by other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sync.git import Git, GitStore
from sync.git_remote import GitRemote
from sync.objects import edit_tree, write_commit
from sync.refs.listed_refs import SETTLED_NANOSECONDS, ListedRefs
from sync.refs.ref_writer import RefWriter
from tests.waiting import PATIENCE

SEEN, PUSHED = "refs/seen/", "refs/pushed/"
ONE = f"{SEEN}shiftbook/claim/one"


class Counting(Git):
    """git, counting how often it lists refs."""

    listings = 0

    def refs(self, *prefixes: str) -> dict[str, str]:
        self.listings += 1
        return super().refs(*prefixes)


@pytest.fixture
def git(tmp_path: Path) -> Counting:
    """A bare repository with two commits' worth of objects and one ref."""
    made = Counting(tmp_path)
    made.run("init", "--quiet", "--bare", ".")
    for name in ("one", "two"):
        made.run("update-ref", f"refs/made/{name}", blob(made, name))
    made.run("update-ref", ONE, blob(made, "one"))
    return made


def blob(git: Git, text: str) -> str:
    return git.run("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()


def settle(folder: Path) -> None:
    """What was changed a moment ago was changed a while ago, everywhere by the same."""
    past = time.time_ns() - 10 * SETTLED_NANOSECONDS
    for path in [folder, *folder.rglob("*")]:
        stat = path.stat()
        if stat.st_mtime_ns > past:
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10 * SETTLED_NANOSECONDS))


def test_what_has_not_changed_is_not_asked_again(git: Counting) -> None:
    """One listing for many looks, and what a caller does to its answer is the caller's."""
    refs = ListedRefs(git, SEEN, PUSHED)
    settle(git.folder)
    for _ in range(5):
        found = refs.get()
        assert found == {ONE: blob(git, "one")}
        found.clear()
    assert git.listings == 1


CHANGES: dict[str, Callable[[Git], object]] = {
    "moved": lambda git: git.run("update-ref", ONE, blob(git, "two")),
    "deleted": lambda git: git.run("update-ref", "-d", ONE),
    "another beside": lambda git: git.run("update-ref", f"{SEEN}shiftbook/claim/two", blob(git, "two")),
    "another folder": lambda git: git.run("update-ref", f"{SEEN}heads/deep/er/main", blob(git, "two")),
    "the first of a prefix": lambda git: git.run("update-ref", f"{PUSHED}heads/main", blob(git, "two")),
    "packed": lambda git: git.run("pack-refs", "--all"),
    "packed and moved": lambda git: git.run("pack-refs", "--all") + git.run("update-ref", ONE, blob(git, "two")),
    "packed and deleted": lambda git: git.run("pack-refs", "--all") + git.run("update-ref", "-d", ONE),
    "there and back": lambda git: [git.run("update-ref", ONE, blob(git, text)) for text in ("two", "one")],
    "written by hand": lambda git: (git.folder / ONE).write_text(blob(git, "two") + "\n"),
    "by a git that stays": lambda git: RefWriter(git, timeout=60).apply([f"update {ONE} {blob(git, 'two')}\n"]),
    "fetched": lambda git: git.run("fetch", "--quiet", ".", f"+refs/made/*:{SEEN}made/*"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("settled", [True, False], ids=["long after", "at once"])
def test_every_change_is_seen(git: Counting, change: Callable[[Git], object], settled: bool) -> None:
    """By whatever process, in whatever way, however soon after the last look."""
    refs = ListedRefs(git, SEEN, PUSHED)
    if settled:
        settle(git.folder)
    assert refs.get() == Git(git.folder).refs(SEEN, PUSHED)
    change(Git(git.folder))
    assert refs.get() == Git(git.folder).refs(SEEN, PUSHED)
    settle(git.folder)
    assert refs.get() == Git(git.folder).refs(SEEN, PUSHED)


def test_a_change_in_the_same_tick_is_seen(git: Counting) -> None:
    """A file system whose clock stands still: what was changed a moment ago is asked for each time."""
    refs = ListedRefs(git, SEEN, PUSHED)
    for text in ("one", "two") * 20:
        git.run("update-ref", ONE, blob(git, text))
        assert refs.get() == {ONE: blob(git, text)}


def test_a_file_system_that_counts_in_seconds_is_not_believed(git: Counting) -> None:
    """Two changes within one of its ticks could look like none: git is asked each time."""
    settle(git.folder)
    for path in [git.folder, *git.folder.rglob("*")]:
        os.utime(path, (10**9, 10**9))
    refs = ListedRefs(git, SEEN, PUSHED)
    refs.get()
    refs.get()
    assert git.listings == 2


def test_refs_that_are_kept_in_another_way_are_asked_for_each_time(git: Counting) -> None:
    """A repository whose refs are no files (`reftable`) does not tell by its files what has changed."""
    (git.folder / "reftable").mkdir()
    refs = ListedRefs(git, SEEN, PUSHED)
    settle(git.folder)
    refs.get()
    refs.get()
    assert git.listings == 2


def test_threads_that_ask_at_once_are_told_what_is_there(git: Counting) -> None:
    """Whichever of them has git list, none is later told what was there before."""
    refs = ListedRefs(git, SEEN, PUSHED)
    with ThreadPoolExecutor(4) as pool:
        for text in ("two", "one", "two"):
            Git(git.folder).run("update-ref", ONE, blob(git, text))
            settle(git.folder)
            asked = [pool.submit(refs.get) for _ in range(8)]
            assert {each.result(timeout=PATIENCE)[ONE] for each in asked} == {blob(git, text)}


def test_a_look_at_what_was_seen_and_a_fetch_list_once(tmp_path: Path) -> None:
    """A command that names a mission looks at what was seen first: the fetch after it need not have git say that again,
    and what a fetch brings is seen at once."""
    Git(tmp_path).run("init", "--quiet", "--bare", "--initial-branch=main", "shared.git")
    store = GitStore(tmp_path / "shared.git")
    tree = edit_tree(store, None, {"a": b"1"})
    assert tree is not None
    tips = [
        write_commit(store, tree=tree, parents=(), name="a", email="-", when=when, message="m", sign=None)
        for when in (1, 2)
    ]
    store.close()
    shared = Git(tmp_path / "shared.git")
    shared.run("update-ref", "refs/heads/main", tips[0])
    link = GitRemote(str(tmp_path / "shared.git"), tmp_path / "clone.git")
    link.fetch()
    settle(tmp_path / "clone.git")
    counted = Counting(tmp_path / "clone.git")
    link._known = ListedRefs(counted, SEEN, PUSHED)
    assert link.seen() == link.fetch() == {"refs/heads/main": tips[0]}
    assert counted.listings == 1
    shared.run("update-ref", "refs/shiftbook/claim/one", tips[1])
    assert link.fetch() == link.seen() == {"refs/heads/main": tips[0], "refs/shiftbook/claim/one": tips[1]}
    link.close()
