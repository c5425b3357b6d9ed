"""Many new refs by one file: what git would have made, under its locks, all of them or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync import files
from sync.errors import PushUncertain
from sync.git import Git
from sync.loose_objects import write_loose
from sync.refs import packed_refs
from sync.refs.packed_refs import PACK_REFS_FROM, create_refs, many_new
from sync.refs.pushed_refs import PushedRefs
from sync.refs.ref_writer import RefWriter
from sync.remote import Oid, RefUpdate
from tests.orchestrator.repositories import git

CLAIMS = "refs/shiftbook/claim/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bare repository with a packed ref, an annotated tag that is packed with it, and a loose ref."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "r.git")
    bare = tmp_path / "r.git"
    tree = git(bare, "hash-object", "-t", "tree", "-w", "/dev/null").strip()
    commit = git(bare, "commit-tree", "-m", "x", tree).strip()
    git(bare, "update-ref", "refs/heads/main", commit)
    git(bare, "tag", "-a", "-m", "x", "v1", commit)
    git(bare, "pack-refs", "--all")
    git(bare, "update-ref", "refs/shiftbook/log/desk", commit)
    return bare


def claims(folder: Path, begin: str = "m") -> dict[str, Oid]:
    """Just as many as go this way."""
    oid = write_loose(folder / "objects", "blob", begin.encode())
    return {f"{CLAIMS}{begin}-{number}": oid for number in range(PACK_REFS_FROM)}


def state(folder: Path) -> tuple[dict[str, Oid], list[str]]:
    """All refs, and what lies about that is none."""
    odd = [str(path.relative_to(folder)) for path in folder.rglob("*.lock")]
    return Git(folder).refs(), odd


def test_the_file_is_what_git_would_have_written(folder: Path) -> None:
    """Byte for byte, with the tag's line and what was loose beside it; git finds each ref and nothing wrong."""
    before, made = Git(folder).refs(), claims(folder)
    assert create_refs(folder, made, durable=True)
    assert state(folder) == ({**before, **made}, [])
    ours = (folder / "packed-refs").read_bytes()
    git(folder, "update-ref", "-d", "refs/shiftbook/log/desk")
    git(folder, "pack-refs", "--all")
    assert (folder / "packed-refs").read_bytes() == ours
    git(folder, "fsck", "--strict")


def test_a_repository_without_packed_refs_gets_them(tmp_path: Path) -> None:
    """A new ledger's has none, and no folder of claims either."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "r.git")
    made = claims(tmp_path / "r.git")
    assert create_refs(tmp_path / "r.git", made, durable=False)
    assert state(tmp_path / "r.git") == (made, [])


def test_they_are_refs_as_any(folder: Path) -> None:
    """A git that has looked at the repository before sees them, moves one from where it stands, and deletes it."""
    writer, made = RefWriter(Git(folder), timeout=60), claims(folder)
    first, oid = next(iter(made.items()))
    other = write_loose(folder / "objects", "blob", b"other")
    assert writer.apply([f"create refs/x {oid}\n"])
    assert create_refs(folder, made, durable=True)
    assert not writer.apply([f"create {first} {other}\n"])
    assert writer.apply([f"update {first} {other} {oid}\n"])
    assert Git(folder).refs(first) == {first: other}
    assert not create_refs(folder, made, durable=True)
    assert writer.apply([f"delete {first} {other}\n"], durable=[first])
    assert first not in Git(folder).refs()
    assert create_refs(folder, {first: oid}, durable=True)
    writer.close()


def _loose(folder: Path, name: str) -> None:
    git(folder, "update-ref", name, "refs/heads/main")


def _packed(folder: Path, name: str) -> None:
    _loose(folder, name)
    git(folder, "pack-refs", "--all")


def _unsorted(folder: Path) -> None:
    packed = folder / "packed-refs"
    packed.write_bytes(packed.read_bytes().replace(b" sorted ", b" "))


def _symlink(folder: Path) -> None:
    (folder / "packed-refs").rename(folder / "elsewhere")
    (folder / "packed-refs").symlink_to("elsewhere")


OBSTACLES: dict[str, Callable[[Path], object]] = {
    "a loose one is there": lambda folder: _loose(folder, f"{CLAIMS}m-3"),
    "a packed one is there": lambda folder: _packed(folder, f"{CLAIMS}m-3"),
    "a loose one has a folder's name": lambda folder: _loose(folder, "refs/shiftbook/claim"),
    "a packed one has a folder's name": lambda folder: _packed(folder, "refs/shiftbook/claim"),
    "a loose one lies below": lambda folder: _loose(folder, f"{CLAIMS}m-3/x"),
    "a packed one lies below": lambda folder: _packed(folder, f"{CLAIMS}m-3/x"),
    "the order is unknown": _unsorted,
    "the file lies elsewhere": _symlink,
    "refs are kept in another way": lambda folder: (folder / "reftable").mkdir(),
}


@pytest.mark.parametrize("what", OBSTACLES)
def test_what_is_in_the_way_leaves_all_to_git(folder: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is made, no lock stays, and the disk is not waited for."""
    OBSTACLES[what](folder)
    monkeypatch.setattr(files, "flush", lambda _paths: pytest.fail("the disk was waited for"))
    before = (folder / "packed-refs").read_bytes()
    assert not create_refs(folder, claims(folder), durable=True)
    assert (folder / "packed-refs").read_bytes() == before
    assert not [name for name in Git(folder).refs(CLAIMS) if not name.startswith(f"{CLAIMS}m-3")]
    assert state(folder)[1] == []


@pytest.mark.parametrize("name", ["refs/a.lock", "refs/a..b", "refs/.a", "refs/a.", "refs/ä", "refs/a\nb", "HEAD"])
def test_a_name_that_git_should_look_at_is_left_to_git(folder: Path, name: str) -> None:
    """What it forbids, and what another file system may spell otherwise."""
    before = Git(folder).refs()
    assert not create_refs(folder, {**claims(folder), name: before["refs/heads/main"]}, durable=True)
    assert Git(folder).refs() == before


def test_names_that_exclude_each_other_are_left_to_git(folder: Path) -> None:
    """One is a folder of another."""
    made = claims(folder)
    first, oid = next(iter(made.items()))
    assert not create_refs(folder, {**made, f"{first}/x": oid}, durable=True)
    assert not Git(folder).refs(CLAIMS)


@pytest.mark.parametrize("lock", ["packed-refs.lock", f"{CLAIMS}m-3.lock"])
def test_whoever_holds_a_lock_is_not_disturbed(folder: Path, lock: str) -> None:
    """A git that moves one of them, or packs refs: its lock stays its own."""
    (folder / lock).parent.mkdir(parents=True, exist_ok=True)
    (folder / lock).write_text("git's\n")
    assert not create_refs(folder, claims(folder), durable=True)
    assert state(folder)[1] == [lock]
    assert (folder / lock).read_text() == "git's\n"
    assert not Git(folder).refs(CLAIMS)


def test_what_git_moves_meanwhile_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was changed while the new one was flushed: it is made again."""
    flush, times = files.flush, list[int]()

    def change(paths: object) -> None:
        times.append(1)
        if len(times) == 1:
            _packed(folder, "refs/shiftbook/say/new")
        flush(paths)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "flush", change)
    made = claims(folder)
    assert create_refs(folder, made, durable=True)
    assert set(Git(folder).refs()) >= {*made, "refs/shiftbook/say/new"}


def test_one_that_git_makes_meanwhile_is_git_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file of its own it is not in the file of all: it is looked for under the locks."""
    made, flush = claims(folder), files.flush
    first = next(iter(made))

    def change(paths: object) -> None:
        _loose(folder, first)
        flush(paths)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "flush", change)
    assert not create_refs(folder, made, durable=True)
    assert set(Git(folder).refs(CLAIMS)) == {first}
    assert state(folder)[1] == []


def test_no_git_moves_a_ref_that_is_being_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds the lock: at the moment when both would have seen that there is none."""
    made, look = claims(folder), packed_refs._any_there
    tried = list[int]()

    def racing(*asked: object) -> bool:
        if (folder / "packed-refs.lock").exists():
            words = ("update-ref", next(iter(made)), "refs/heads/main", "0" * 40)
            tried.append(Git(folder).call("-c", "core.filesRefLockTimeout=0", *words, codes=range(256))[0])
        return look(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(packed_refs, "_any_there", racing)
    assert create_refs(folder, made, durable=True)
    assert tried == [128]
    assert Git(folder).refs(CLAIMS) == made


def test_of_many_racers_one_wins_and_nobody_else_s_refs_are_lost(folder: Path) -> None:
    """Threads that make the same and others of their own at once, beside a git that packs."""
    own = [claims(folder, f"own{number}") for number in range(4)]
    same = [dict.fromkeys(claims(folder), next(iter(each.values()))) for each in own]
    start, won, kept = threading.Barrier(len(own) + 1), list[int](), list[int]()

    def race(number: int) -> None:
        start.wait()
        if create_refs(folder, same[number], durable=True):
            won.append(number)
        if create_refs(folder, own[number], durable=True):
            kept.append(number)

    def pack() -> None:
        start.wait()
        for _ in range(3):
            Git(folder).call("pack-refs", "--all", codes=range(256))

    racers = [threading.Thread(target=race, args=(number,)) for number in range(len(own))]
    racers.append(threading.Thread(target=pack))
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    refs, odd = state(folder)
    expected = {ref: oid for number in kept for ref, oid in own[number].items()}
    assert len(won) <= 1
    expected |= {ref: oid for number in won for ref, oid in same[number].items()}
    assert {ref: oid for ref, oid in refs.items() if ref.startswith(CLAIMS)} == expected
    assert {"refs/heads/main", "refs/tags/v1", "refs/shiftbook/log/desk"} <= set(refs)
    assert odd == []


def test_a_disk_that_keeps_nothing_makes_none_and_one_that_loses_the_name_leaves_doubt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the file has its name nothing has moved; afterwards nobody may say that nothing has."""
    made, flush = claims(folder), files.flush

    def refused(paths: object) -> None:
        if (folder in paths) is last:  # type: ignore[operator]
            raise OSError(5, "Input/output error")
        flush(paths)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "flush", refused)
    last = False
    with pytest.raises(OSError, match="Input/output"):
        create_refs(folder, made, durable=True)
    assert state(folder)[1] == []
    assert not Git(folder).refs(CLAIMS)
    last = True
    with pytest.raises(PushUncertain):
        create_refs(folder, made, durable=True)
    assert Git(folder).refs(CLAIMS) == made


def test_a_lock_that_somebody_took_away_leaves_doubt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refs are there by then: that is no race which was lost."""
    made, replace = claims(folder), Path.replace

    def taken(part: Path, packed: Path) -> None:
        replace(part, packed)
        (folder / f"{CLAIMS}m-3.lock").unlink()

    monkeypatch.setattr(Path, "replace", taken)
    with pytest.raises(PushUncertain):
        create_refs(folder, made, durable=False)
    assert state(folder)[1] == []
    assert Git(folder).refs(CLAIMS) == made


def test_many_new_ones_are_that_and_nothing_else() -> None:
    """A move, a deletion, a name twice or one too few goes the way of all."""
    new = [RefUpdate(ref=f"{CLAIMS}{number}", expect=None, new="a" * 40) for number in range(PACK_REFS_FROM)]
    assert many_new(new) == {update.ref: "a" * 40 for update in new}
    for odd in (new[1:], [*new, new[0]], [*new, RefUpdate(ref="refs/x", expect="b" * 40, new="a" * 40)]):
        assert many_new(odd) == {}
    assert many_new([*new, RefUpdate(ref="refs/x", expect=None, new=None)]) == {}


@pytest.fixture
def pushed(folder: Path) -> Iterator[PushedRefs]:
    """A clone's notes."""
    writer = RefWriter(Git(folder), timeout=60)
    yield PushedRefs(writer, url="https://hq.example/ledger.git", branch="main")
    writer.close()


def test_notes_of_many_are_one_file_and_are_forgotten_like_others(folder: Path, pushed: PushedRefs) -> None:
    """Also where one was noted before: it is noted anew."""
    made = claims(folder)
    first = next(iter(made))
    notes = {f"refs/pushed/{ref.removeprefix('refs/')}": oid for ref, oid in made.items()}
    updates = [RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in made.items()]
    pushed.note(updates)
    assert Git(folder).refs("refs/pushed/") == notes
    assert not (folder / "refs/pushed/shiftbook/claim" / first.rpartition("/")[2]).exists()
    other = write_loose(folder / "objects", "blob", b"other")
    pushed.note([RefUpdate(ref=update.ref, expect=None, new=other) for update in updates])
    assert Git(folder).refs("refs/pushed/") == dict.fromkeys(notes, other)
    pushed.forget(dict.fromkeys(notes, other))
    assert not Git(folder).refs("refs/pushed/")


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), PushUncertain("here", "a lock stays")])
def test_notes_that_cannot_be_made_so_stop_nothing(
    folder: Path, pushed: PushedRefs, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Git is asked for them instead."""

    def full(*_args: object, **_named: object) -> bool:
        raise trouble

    monkeypatch.setattr("sync.refs.pushed_refs.create_refs", full)
    pushed.note([RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in claims(folder).items()])
    assert len(Git(folder).refs("refs/pushed/")) == PACK_REFS_FROM
