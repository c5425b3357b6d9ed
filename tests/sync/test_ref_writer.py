"""Are refs moved all together or not at all, by one process that stays, and noted where nothing else knows of them?"""

from __future__ import annotations

import json
import os
import signal
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import PushUncertain
from sync.git import Git
from sync.loose_objects import write_loose
from sync.objects import object_id
from sync.own_commits import OwnCommits
from sync.refs.pushed_refs import PUSHED_REMOTE, PushedRefs, noted_ref
from sync.refs.ref_writer import RefWriter
from sync.remote import Oid, RefUpdate
from tests.orchestrator.repositories import git
from tests.waiting import PATIENCE

NAMES = ("one", "two", "three")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty bare repository."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "r.git")
    return tmp_path / "r.git"


@pytest.fixture
def writer(folder: Path) -> Iterator[RefWriter]:
    """What moves its refs."""
    made = RefWriter(Git(folder), timeout=60)
    yield made
    made.close()


def blobs(folder: Path) -> list[Oid]:
    """Three objects of the repository."""
    return [write_loose(folder / "objects", "blob", name.encode()) for name in NAMES]


def refs(folder: Path) -> dict[str, Oid]:
    """Every ref, with what it names."""
    lines = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_a_transaction_moves_all_and_the_process_stays(folder: Path, writer: RefWriter) -> None:
    """Several moves, one after the other, by one git."""
    one, two, three = blobs(folder)
    assert writer.apply([f"create refs/x/a {one}\n", f"create refs/x/b {two}\n"])
    first = writer._process
    assert writer.apply([f"update refs/x/a {three} {one}\n", f"delete refs/x/b {two}\n"])
    assert writer._process is first is not None
    assert refs(folder) == {"refs/x/a": three}
    assert writer.folder == folder


@pytest.mark.parametrize(
    "wrong", ["create refs/x/a {1}\n", "update refs/x/a {1} {2}\n", "delete refs/x/b {0}\n", "x\n"]
)
def test_what_cannot_be_moved_moves_nothing_else(folder: Path, writer: RefWriter, wrong: str) -> None:
    """Taken meanwhile, gone, or no line at all: nothing of it is done, and the next transaction is."""
    found = blobs(folder)
    assert writer.apply([f"create refs/x/a {found[0]}\n"])
    assert not writer.apply([f"create refs/x/new {found[1]}\n", wrong.format(*found)])
    assert refs(folder) == {"refs/x/a": found[0]}
    assert writer.apply([f"create refs/x/new {found[1]}\n"])
    assert refs(folder) == {"refs/x/a": found[0], "refs/x/new": found[1]}


def test_git_is_asked_twice_for_a_move_and_once_for_a_note(
    folder: Path, writer: RefWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question is a turn of two processes, which wait for a processor where there are more of them."""
    one, two, _ = blobs(folder)
    asked: list[tuple[str, ...]] = []
    say = RefWriter._say

    def counted(self: RefWriter, words: Iterable[str], *done: str) -> bool:
        asked.append(done)
        return say(self, words, *done)

    monkeypatch.setattr(RefWriter, "_say", counted)
    assert writer.apply([f"create refs/x/a {one}\n"])
    assert asked == [("start", "prepare"), ("commit",)]
    writer.note([f"update refs/x/a {two}\n"])
    assert asked[2:] == [("start", "prepare", "commit")]
    assert refs(folder) == {"refs/x/a": two}
    writer.note([f"create refs/x/a {one}\n"])
    assert refs(folder) == {"refs/x/a": two}
    writer.note([f"update refs/x/a {one}\n"])
    assert refs(folder) == {"refs/x/a": one}


def test_a_git_that_died_is_begun_again(folder: Path, writer: RefWriter) -> None:
    """Whoever kills it between two transactions costs nothing."""
    one, two, _ = blobs(folder)
    assert writer.apply([f"create refs/x/a {one}\n"])
    assert writer._process is not None
    os.kill(writer._process.pid, signal.SIGKILL)
    writer._process.wait(PATIENCE)
    assert writer.apply([f"create refs/x/b {two}\n"])
    assert refs(folder) == {"refs/x/a": one, "refs/x/b": two}


def test_a_git_that_does_not_answer_is_not_waited_for(folder: Path) -> None:
    """Before the commit nothing has moved, so that is a plain no."""
    one, _, _ = blobs(folder)
    writer = RefWriter(Git(folder), timeout=0.05)
    process = writer._running()
    os.kill(process.pid, signal.SIGSTOP)
    assert not writer.apply([f"create refs/x/a {one}\n"])
    assert process.poll() is not None, "it is ended, not left behind"
    writer.close()
    assert refs(folder) == {}


def test_a_git_that_ends_in_the_commit_leaves_doubt(
    folder: Path, writer: RefWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows then whether the refs moved: that is told, never a yes or a no."""
    one, _, _ = blobs(folder)
    say = RefWriter._say
    monkeypatch.setattr(RefWriter, "_say", lambda self, words, *done: done != ("commit",) and say(self, words, *done))
    with pytest.raises(PushUncertain):
        writer.apply([f"create refs/x/a {one}\n"])


def test_closing_twice_is_closing_once(writer: RefWriter) -> None:
    """And one that never moved anything has nothing to close."""
    writer.close()
    writer.close()


@pytest.fixture
def pushed(folder: Path, writer: RefWriter) -> PushedRefs:
    """A clone's notes."""
    return PushedRefs(writer, url="https://hq.example/ledger.git", branch="main")


def test_what_the_remote_took_is_noted(folder: Path, pushed: PushedRefs) -> None:
    """The branch and what the ledger's refs name; not a beat, not another branch, and a deletion takes its note out."""
    one, two, _ = blobs(folder)
    commit = git(folder, "commit-tree", "-m", "x", git(folder, "hash-object", "-t", "tree", "-w", "/dev/null").strip())
    moved = {
        "refs/heads/main": commit.strip(),
        "refs/shiftbook/claim/m": one,
        "refs/shiftbook/beat/desk": two,
        "refs/heads/other": commit.strip(),
        "refs/tags/v1": one,
    }
    pushed.note(RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in moved.items())
    noted = {"refs/pushed/heads/main": commit.strip(), "refs/pushed/shiftbook/claim/m": one}
    assert refs(folder) == noted
    assert sorted(map(noted_ref, noted)) == ["refs/heads/main", "refs/shiftbook/claim/m"]
    pushed.note([RefUpdate(ref="refs/shiftbook/claim/m", expect=one, new=None)])
    assert list(refs(folder)) == ["refs/pushed/heads/main"]


def test_a_note_that_moved_meanwhile_is_not_forgotten(folder: Path, pushed: PushedRefs) -> None:
    """What was pushed again after the fetch has been seen nowhere yet: every note stays until the next one."""
    one, two, _ = blobs(folder)
    for name in ("a", "b"):
        pushed.note([RefUpdate(ref=f"refs/shiftbook/claim/{name}", expect=None, new=one)])
    fetched = refs(folder)
    pushed.note([RefUpdate(ref="refs/shiftbook/claim/b", expect=one, new=two)])
    pushed.forget(fetched)
    assert refs(folder) == {**fetched, "refs/pushed/shiftbook/claim/b": two}
    pushed.forget(refs(folder))
    assert refs(folder) == {}
    pushed.forget({})


def test_git_itself_notes_the_same(folder: Path, tmp_path: Path, pushed: PushedRefs) -> None:
    """With the settings, a push by git leaves the notes that `note` would have left: none of a beat."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "server.git")
    one, _, _ = blobs(folder)
    notes = PushedRefs(pushed._refs, url=str(tmp_path / "server.git"), branch="main")
    names = ("refs/shiftbook/claim/m", "refs/shiftbook/beat/desk", "refs/shiftbook/log/desk")
    moved = [RefUpdate(ref=name, expect=None, new=one) for name in names]
    git(folder, *notes.push_settings(moved), "push", "--quiet", PUSHED_REMOTE, *(f"{one}:{name}" for name in names))
    assert refs(folder) == {"refs/pushed/shiftbook/claim/m": one, "refs/pushed/shiftbook/log/desk": one}
    assert len(refs(tmp_path / "server.git")) == 3


@given(data=st.binary(max_size=300), kind=st.sampled_from(["blob", "tree", "commit"]))
def test_an_object_is_named_and_packed_as_git_does(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    """Its name is its hash, its file what git would inflate; nobody can write into it."""
    objects = tmp_path_factory.mktemp("objects")
    oid = write_loose(objects, kind, data)
    path = objects / oid[:2] / oid[2:]
    assert oid == object_id(kind, data)
    assert zlib.decompress(path.read_bytes()) == f"{kind} {len(data)}\0".encode() + data
    assert path.stat().st_mode & 0o777 == 0o444
    assert [each.name for each in path.parent.iterdir()] == [oid[2:]]


def test_an_object_that_is_there_is_young_again(folder: Path) -> None:
    """A clean-up of what nobody names takes what is old: what was just asked for is not."""
    oid = blobs(folder)[0]
    path = folder / "objects" / oid[:2] / oid[2:]
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    assert blobs(folder)[0] == oid
    assert path.stat().st_mtime > 1
    assert path.stat().st_ino == inode, "it is not written again"
    assert git(folder, "cat-file", "-p", oid) == "one"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A person's clone with one commit."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "clone")
    return commit(tmp_path / "clone", "base", "1\n2\n3\n")


def commit(clone: Path, message: str, text: str, name: str = "file") -> Path:
    """A commit in it."""
    (clone / name).write_text(text)
    git(clone, "add", name)
    git(clone, "commit", "--quiet", "-m", message)
    return clone


def test_a_commit_that_was_made_here_is_known_after_a_rebase(clone: Path) -> None:
    """Its name is another then, its message and its lines are not; another's commit with the same words is another."""
    own = OwnCommits(Git(clone), clone / ".git" / "own.json")
    assert not own.has(git(clone, "rev-parse", "HEAD").strip())
    commit(clone, "watch: notes", "words\n", "notes")
    first = git(clone, "rev-parse", "HEAD").strip()
    own.note(first)
    assert own.has(first)
    git(clone, "checkout", "--quiet", "-b", "theirs", "HEAD~1")
    commit(clone, "their work", "0\n1\n2\n3\n")
    git(clone, "checkout", "--quiet", "main")
    git(clone, "rebase", "--quiet", "theirs")
    again = git(clone, "rev-parse", "HEAD").strip()
    assert again != first
    assert own.has(again)
    assert not own.has(git(clone, "rev-parse", "theirs").strip())
    commit(clone, "watch: notes", "other words\n", "notes")
    assert not own.has(git(clone, "rev-parse", "HEAD").strip())


def test_a_line_in_a_message_makes_nothing_ours(clone: Path) -> None:
    """The same words over other lines, and the same lines under other words, are somebody else's."""
    own = OwnCommits(Git(clone), clone / ".git" / "own.json")
    commit(clone, "watch: notes", "words\n", "notes")
    own.note(git(clone, "rev-parse", "HEAD").strip())
    git(clone, "reset", "--quiet", "--hard", "HEAD~1")
    commit(clone, "notes", "words\n", "notes")
    assert not own.has(git(clone, "rev-parse", "HEAD").strip())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '["x"]', "\x00"])
def test_notes_that_cannot_be_read_say_nothing(clone: Path, text: str) -> None:
    """Then nothing is ours, and the next note begins anew."""
    path = clone / ".git" / "own.json"
    path.write_text(text)
    own, head = OwnCommits(Git(clone), path), git(clone, "rev-parse", "HEAD").strip()
    assert not own.has(head)
    own.note(head)
    assert own.has(head)
    assert list(json.loads(path.read_text())) == [head]
    own.forget()
    own.forget()
    assert not own.has(head)
    assert not path.exists()
