"""The short way into a bare repository on this disk: as sure as a push, taken only where a push does nothing more."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from sync import local_repository
from sync.errors import HistoryRewritten
from sync.gathered_objects import GatheredObjects
from sync.git import Git
from sync.git_remote import MAX_SHORT_FETCHES, GitRemote
from sync.heartbeat import Beat
from sync.local_repository import LocalRepository, local_path
from sync.objects import edit_tree, load_commit, write_commit
from sync.pack_file import write_objects
from sync.remote import ObjectStore, Oid, PushVerdict, RefUpdate
from tests.orchestrator.repositories import git

MAIN, CLAIM, OTHER = "refs/heads/main", "refs/shiftbook/claim/a", "refs/shiftbook/claim/b"
FILES = {"missions/a.md": b"do it\n", "deep/er/file": b"x" * 100}


def commit(store: ObjectStore, files: dict[str, bytes], *parents: Oid) -> Oid:
    """A commit over its first parent's tree."""
    before = load_commit(store, parents[0]).tree if parents else None
    tree = edit_tree(store, before, files)
    assert tree is not None
    return write_commit(
        store, tree=tree, parents=parents, name="t", email="t@x", when=1_795_000_000, message="m", sign=None
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    return tmp_path / "ledger.git"


@pytest.fixture
def remote(tmp_path: Path, bare: Path) -> GitRemote:
    """A machine's view of it."""
    view = GitRemote(str(bare), tmp_path / "clone.git")
    root = commit(view.store, FILES)
    assert view.push([RefUpdate(ref=MAIN, expect=None, new=root)]) == {MAIN: PushVerdict.ACCEPTED}
    view.fetch()
    return view


def no_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a `git push` fails the test."""

    def call(*_args: object, **_named: object) -> None:
        raise AssertionError("git push was started")

    monkeypatch.setattr(GitRemote, "_push", call)


def test_refs_move_without_a_push_and_everything_they_lead_to_is_there(
    remote: GitRemote, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit on the branch and a new claim, in one transaction; git finds nothing missing."""
    no_push(monkeypatch)
    tip = remote.seen()[MAIN]
    new, claim = commit(remote.store, {"deep/er/file": b"y"}, tip), commit(remote.store, {"claim.json": b"{}"})
    moved = remote.push([RefUpdate(ref=MAIN, expect=tip, new=new), RefUpdate(ref=CLAIM, expect=None, new=claim)])
    assert set(moved.values()) == {PushVerdict.ACCEPTED}
    assert Git(bare).refs() == {MAIN: new, CLAIM: claim}
    git(bare, "fsck", "--strict", "--connectivity-only")
    assert remote.push([RefUpdate(ref=CLAIM, expect=claim, new=None)]) == {CLAIM: PushVerdict.ACCEPTED}
    assert remote.fetch() == {MAIN: new}


def test_what_is_there_by_chance_is_not_taken_for_whole(remote: GitRemote, bare: Path) -> None:
    """A tree that nobody names may have lost what is in it: its parts go over all the same."""
    new = commit(remote.store, {"lost": b"content"})
    tree = load_commit(remote.store, new).tree
    place = bare / "objects" / tree[:2]
    place.mkdir(exist_ok=True)
    shutil.copy(remote.store._folder / "objects" / tree[:2] / tree[2:], place / tree[2:])
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=new)])
    git(bare, "fsck", "--strict", "--connectivity-only")


def test_all_or_none_and_each_loser_hears_it(remote: GitRemote, bare: Path) -> None:
    """One ref has moved: nothing of an atomic push is taken; of one that is not, the others are."""
    one, two, three = (commit(remote.store, {"claim.json": text}) for text in (b"1", b"2", b"3"))
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=one)])
    updates = [RefUpdate(ref=CLAIM, expect=None, new=two), RefUpdate(ref=OTHER, expect=None, new=three)]
    verdicts = remote.push(updates, atomic=True)
    assert set(verdicts.values()) == {PushVerdict.STALE}
    assert OTHER not in Git(bare).refs()
    assert remote.push(updates) == {CLAIM: PushVerdict.STALE, OTHER: PushVerdict.ACCEPTED}


def test_of_many_racers_one_wins(remote: GitRemote, bare: Path, tmp_path: Path) -> None:
    """Each with a clone of its own, all at once."""
    views = [GitRemote(str(bare), tmp_path / f"racer-{number}.git") for number in range(6)]
    made = [commit(view.store, {"claim.json": b"%d" % number}) for number, view in enumerate(views)]
    start, won = threading.Barrier(len(views)), []

    def race(number: int) -> None:
        start.wait()
        verdict = views[number].push([RefUpdate(ref=CLAIM, expect=None, new=made[number])])[CLAIM]
        if verdict is PushVerdict.ACCEPTED:
            won.append(made[number])

    racers = [threading.Thread(target=race, args=(number,)) for number in range(len(views))]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won == [Git(bare).refs(CLAIM)[CLAIM]]
    for view in views:
        view.close()


def test_the_same_value_again_is_nobodys_win(remote: GitRemote) -> None:
    """Trap A: what is there already was not moved by this push."""
    claim = commit(remote.store, {"claim.json": b"{}"})
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=claim)])
    assert remote.push([RefUpdate(ref=CLAIM, expect=None, new=claim)])[CLAIM] is not PushVerdict.ACCEPTED
    assert remote.push([RefUpdate(ref=CLAIM, expect=claim, new=claim)])[CLAIM] is PushVerdict.UNCHANGED


def test_a_process_that_was_killed_is_begun_again(remote: GitRemote) -> None:
    """The next push works, whatever became of the one that stayed."""
    one, two = commit(remote.store, {"claim.json": b"1"}), commit(remote.store, {"claim.json": b"2"})
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=one)])
    assert remote._local is not None
    process = remote._local._refs._process
    assert process is not None
    process.kill()
    process.wait()
    assert remote.push([RefUpdate(ref=CLAIM, expect=one, new=two)]) == {CLAIM: PushVerdict.ACCEPTED}


def hook(bare: Path) -> None:
    """A gate, as a served ledger has one."""
    (bare / "hooks" / "pre-receive").write_text("#!/bin/sh\nexit 1\n")


def rule(bare: Path) -> None:
    """A rule for what is received."""
    git(bare, "config", "receive.denyDeletes", "true")


def shared(bare: Path) -> None:
    """Files that a group writes."""
    git(bare, "config", "core.sharedRepository", "group")


def borrowed(bare: Path) -> None:
    """Objects that lie elsewhere."""
    (bare / "objects" / "info" / "alternates").write_text("/nowhere\n")


def worktree(bare: Path) -> None:
    """A repository with a work tree, whose branch a push would not move."""
    git(bare, "config", "core.bare", "false")


@pytest.mark.parametrize("make", [hook, rule, shared, borrowed, worktree])
def test_where_a_push_does_more_it_is_pushed(remote: GitRemote, bare: Path, make: object) -> None:
    """Neither a hook nor a rule is gone around, from the moment on that it is there."""
    make(bare)  # type: ignore[operator]
    new = commit(remote.store, {"claim.json": b"{}"})
    local = LocalRepository(bare, timeout=10)
    assert not local.push(remote.store, [RefUpdate(ref=CLAIM, expect=None, new=new)])
    assert CLAIM not in Git(bare).refs()


def test_only_a_folder_on_this_disk_is_one(tmp_path: Path, bare: Path) -> None:
    """Addresses of servers, and paths that are no repository, go the way of all pushes."""
    assert local_path(str(bare)) == local_path(f"file://{bare}") == bare
    for url in ("git://host/ledger.git", "host:ledger.git", "https://host/x", str(tmp_path), "ledger.git"):
        assert local_path(url) is None


def test_what_went_the_short_way_is_noted_until_it_is_seen(remote: GitRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a push: a server that is restored before the next fetch gets it back from here; beats are not noted."""
    no_push(monkeypatch)
    root = remote.seen()[MAIN]
    new, beat = commit(remote.store, {"missions/b.md": b"b"}, root), "refs/shiftbook/beat/desk"
    assert remote.push([RefUpdate(ref=ref, expect=None, new=new) for ref in (CLAIM, OTHER, beat)])
    assert remote.push([RefUpdate(ref=OTHER, expect=new, new=None)])
    assert remote.held() == {MAIN: root, CLAIM: new}
    assert remote.fetch()[CLAIM] == new
    assert remote.held() == {MAIN: root, CLAIM: new, beat: new}


def test_a_beat_moves_and_is_seen_without_a_process_for_it(
    remote: GitRemote, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no commit but a blob behind which nothing stands; of two who beat under one name the later one loses."""
    no_push(monkeypatch)
    monkeypatch.setattr(GitRemote, "_bring", lambda *_: pytest.fail("git fetch was started"))
    ref = "refs/shiftbook/beat/desk"
    other = GitRemote(str(bare), tmp_path / "other.git")
    other_seen = remote.seen()
    git(tmp_path / "other.git", "fetch", "--quiet", str(bare), f"{MAIN}:refs/seen/heads/main")
    beat = Beat(remote, remote.store, ref)
    beat.start()
    for step in range(1, 4):
        assert beat.move()
        seen = other.fetch()
        assert seen.keys() == {*other_seen, ref}
        assert other.store.get(seen[ref]) == b"shiftbook beat %d\n" % step
        assert remote.fetch() == seen
    git(tmp_path / "other.git", "fsck", "--strict")
    monkeypatch.undo()
    double = Beat(other, other.store, ref)
    double.start()
    assert double.move()
    assert not beat.move()
    other.close()


def test_what_a_commit_names_as_its_parent_is_a_commit(remote: GitRemote, bare: Path) -> None:
    """A blob counts where a ref names it, and nowhere behind one: that is for git to refuse."""
    blob = remote.store.put("blob", b"no commit")
    odd = commit(remote.store, {"x": b"y"}, remote.seen()[MAIN])
    data = remote.store.get(odd)
    broken = remote.store.put(
        "commit", data.replace(b"parent " + remote.seen()[MAIN].encode(), b"parent " + blob.encode())
    )
    assert not LocalRepository(bare, timeout=30).push(remote.store, [RefUpdate(ref=CLAIM, expect=None, new=broken)])
    assert CLAIM not in Git(bare).refs("refs/shiftbook/")


def test_what_others_moved_is_fetched_without_git_fetch(
    remote: GitRemote, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits, claims and deletions of another machine arrive whole, from loose objects and from packs."""
    other = GitRemote(str(bare), tmp_path / "other.git")
    tip = other.fetch()[MAIN]
    new, claim = commit(other.store, {"deep/er/file": b"y"}, tip), commit(other.store, {"claim.json": b"{}"})
    other.push([RefUpdate(ref=MAIN, expect=tip, new=new), RefUpdate(ref=CLAIM, expect=None, new=claim)])
    monkeypatch.setattr(GitRemote, "_bring", lambda *_: pytest.fail("git fetch was started"))
    assert remote.fetch() == remote.seen() == {MAIN: new, CLAIM: claim}
    git(tmp_path / "clone.git", "fsck", "--strict", "--connectivity-only")
    other.push([RefUpdate(ref=CLAIM, expect=claim, new=None)])
    newer = commit(other.store, {"deep/er/file": b"z"}, new)
    other.push([RefUpdate(ref=MAIN, expect=new, new=newer)])
    git(bare, "gc", "--quiet", "--prune=now")
    assert remote.fetch() == remote.seen() == {MAIN: newer}
    git(tmp_path / "clone.git", "fsck", "--strict", "--connectivity-only")
    other.close()


def test_a_branch_that_lost_commits_is_an_alarm_as_ever(remote: GitRemote, bare: Path) -> None:
    """The short way leaves that to the long one."""
    tip = remote.seen()[MAIN]
    new = commit(remote.store, {"x": b"y"}, tip)
    remote.push([RefUpdate(ref=MAIN, expect=tip, new=new)])
    assert remote.fetch()[MAIN] == new
    git(bare, "update-ref", MAIN, tip)
    with pytest.raises(HistoryRewritten):
        remote.fetch()
    assert remote.seen()[MAIN] == new


def test_a_damaged_object_is_not_taken_over(remote: GitRemote, bare: Path, tmp_path: Path) -> None:
    """An object whose content is another's stays where it is: this clone may be the only whole copy."""
    other = GitRemote(str(bare), tmp_path / "other.git")
    other.fetch()
    claim = commit(other.store, {"claim.json": b"{}"})
    blob, wrong = other.store.put("blob", b"{}"), other.store.put("blob", b"[]")
    other.push([RefUpdate(ref=CLAIM, expect=None, new=claim)])
    place = bare / "objects" / blob[:2] / blob[2:]
    place.unlink()
    shutil.copy(tmp_path / "other.git" / "objects" / wrong[:2] / wrong[2:], place)
    local = LocalRepository(bare, timeout=10)
    assert not local.bring(remote.store, [claim], remote.seen().values())
    assert not (tmp_path / "clone.git" / "objects" / claim[:2] / claim[2:]).exists()
    local.close()
    other.close()


def test_many_claims_go_over_as_one_pack(remote: GitRemote, bare: Path, tmp_path: Path) -> None:
    """Made, moved and fetched by another machine in a pack each, instead of a file for each object."""
    gathered = GatheredObjects(remote.store)
    made = {f"{CLAIM}{number}": commit(gathered, {"claim.json": b"%d" % number}) for number in range(40)}
    gathered.write()
    before = Git(bare).counted()
    moved = remote.push([RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in made.items()])
    assert set(moved.values()) == {PushVerdict.ACCEPTED}
    after = Git(bare).counted()
    assert (after["packs"] - before["packs"], after["count"] - before["count"]) == (1, 0)
    other = GitRemote(str(bare), tmp_path / "other.git")
    other.fetch()
    more = commit(remote.store, {"claim.json": b"more"})
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=more)])
    assert other.fetch() == remote.fetch()
    for folder in (bare, tmp_path / "other.git"):
        git(folder, "fsck", "--strict", "--full")
    other.close()


def test_no_more_is_held_at_a_time_than_a_few_megabytes(
    remote: GitRemote, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large results go over piece by piece, what others name first."""
    sizes = list[int]()

    def counted(objects: Path, found: list[tuple[str, bytes]], *, durable: bool) -> list[Oid]:
        sizes.append(sum(len(data) for _, data in found))
        return write_objects(objects, found, durable=durable)

    monkeypatch.setattr(local_repository, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(local_repository, "write_objects", counted)
    new = commit(remote.store, {f"f{number}": b"%d" % number * 300 for number in range(12)})
    remote.push([RefUpdate(ref=CLAIM, expect=None, new=new)])
    assert len(sizes) > 3
    assert max(sizes) < 2000
    git(bare, "fsck", "--strict", "--connectivity-only")


def test_damage_is_looked_for_now_and_then(remote: GitRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fetch in so many is git's own, which goes through what the server has."""
    bring, asked = GitRemote._bring, []

    def counted(view: GitRemote, without: Iterable[str], timeout: float) -> None:
        asked.append(view)
        bring(view, without, timeout)

    monkeypatch.setattr(GitRemote, "_bring", counted)
    for _ in range(MAX_SHORT_FETCHES):
        remote.fetch()
    assert len(asked) == 1
