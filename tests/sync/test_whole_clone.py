"""A clone that lacks what it says it has (a home that was copied while its node worked) is made whole, and told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.app.ledger_recovery import plan_recovery, recover
from sync.errors import HistoryRewritten, ObjectMissing
from sync.git import Git
from sync.git_remote import GitRemote
from sync.objects import find, load_commit, load_tree
from sync.remote import Oid, RefUpdate
from tests.orchestrator.repositories import git
from tests.servers import git_daemon
from tests.sync.test_local_repository import MAIN, commit


@dataclass
class Ledger:
    """A server's repository, and a clone of it on a machine."""

    bare: Path
    url: str
    clone: Path
    told: list[str] = field(default_factory=list)

    def open(self) -> GitRemote:
        """The clone as a process finds it."""
        made = GitRemote(self.url, self.clone)
        made.mend_refs(grace=180.0, notice=self.told.append)
        return made

    def push(self, words: str) -> Oid:
        """Somebody else commits: a file that changes in a folder, and one that stays."""
        there = Git(self.bare).refs(MAIN).get(MAIN)
        other = GitRemote(str(self.bare), self.bare.with_name("other.git"))
        if there:
            other.fetch()
        files = {"moves/a.md": f"{words}\n".encode() * 99, "stays.md": b"the same\n"}
        oid = commit(other.store, files, *([there] if there else []))
        other.push([RefUpdate(ref=MAIN, expect=there, new=oid)])
        other.close()
        return oid

    def lose(self, *oids: Oid) -> None:
        """These are in the clone no more."""
        for oid in oids:
            (self.clone / "objects" / oid[:2] / oid[2:]).unlink()


@pytest.fixture(params=["git", "disk"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """By a server, or on the machine's own disk; the clone has seen two commits, the second as files of their own."""
    bare = tmp_path / "ledger.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", bare.name)
    with git_daemon(tmp_path) as url:
        made = Ledger(bare, f"{url}/ledger.git" if request.param == "git" else str(bare), tmp_path / "clone.git")
        for words in ("first", "second"):
            made.push(words)
            remote = made.open()
            remote.fetch()
            remote.close()
        yield made


def read(remote: GitRemote, tip: Oid, path: str) -> bytes:
    """A file of a commit."""
    entry = find(remote.store, load_commit(remote.store, tip).tree, path)
    assert entry is not None
    return remote.store.get(entry.oid)


def trees(ledger: Ledger, tip: Oid) -> dict[str, Oid]:
    """The trees of a commit, the outermost as ""."""
    remote = ledger.open()
    tree = load_commit(remote.store, tip).tree
    found = {"": tree} | {name: entry.oid for name, entry in load_tree(remote.store, tree).items()}
    remote.close()
    return found


@pytest.mark.parametrize("lost", ["", "moves"])
def test_what_is_built_on_lost_objects_is_brought(ledger: Ledger, lost: str) -> None:
    """The server sends differences to what the clone says it has."""
    tip = Git(ledger.clone).tip("refs/seen/heads/main")
    ledger.lose(trees(ledger, tip)[lost])
    newest = ledger.push("third")
    remote = ledger.open()
    for _ in range(2):  # on the own disk git's fetch is not asked at first
        assert remote.fetch()[MAIN] == newest
        try:
            assert read(remote, tip, "moves/a.md")
        except ObjectMissing:
            continue
    remote.close()
    git(ledger.clone, "fsck", "--connectivity-only")
    assert len(ledger.told) == 1
    assert "was damaged: all was brought again" in ledger.told[0]


def test_what_is_missed_in_reading_is_brought_with_the_next_fetch(ledger: Ledger) -> None:
    """Nothing is new at the server, and no fetch fails: what a reader did not find tells of it."""
    tip = Git(ledger.clone).tip("refs/seen/heads/main")
    ledger.lose(trees(ledger, tip)["moves"])
    remote = ledger.open()
    remote.fetch()
    with pytest.raises(ObjectMissing):
        read(remote, tip, "moves/a.md")
    remote.fetch()
    assert read(remote, tip, "moves/a.md") == b"second\n" * 99
    remote.close()


def test_a_sound_clone_is_not_brought_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was never there is missed in vain, and costs one look."""
    monkeypatch.setattr("sync.refs.whole_clone.bring", lambda *_, **__: pytest.fail("brought again"))
    remote = ledger.open()
    with pytest.raises(ObjectMissing):
        remote.store.get("1" * 40)
    newest = ledger.push("third")
    assert remote.fetch()[MAIN] == newest
    remote.close()


def test_damage_hides_no_rewritten_history(ledger: Ledger) -> None:
    """A clone that is made whole still knows where the branch stood."""
    tip = Git(ledger.clone).tip("refs/seen/heads/main")
    ledger.lose(trees(ledger, tip)[""])
    git(ledger.bare, "update-ref", "-d", MAIN)
    ledger.push("another history")
    for _ in range(2):
        remote = ledger.open()
        with pytest.raises(HistoryRewritten):
            remote.fetch()
        remote.close()


def test_a_recovery_takes_what_is_whole(ledger: Ledger) -> None:
    """The server was restored to an older backup: a torn clone has nothing to give back, a whole one has."""
    tip = Git(ledger.clone).tip("refs/seen/heads/main")
    lost = trees(ledger, tip)[""]
    kept = (ledger.clone / "objects" / lost[:2] / lost[2:]).read_bytes()
    ledger.lose(lost)
    git(ledger.bare, "update-ref", MAIN, f"{tip}~1")
    remote = ledger.open()
    assert plan_recovery(remote) == []
    remote.close()
    (ledger.clone / "objects" / lost[:2] / lost[2:]).write_bytes(kept)
    remote = ledger.open()
    steps = list(recover(remote, plan_recovery(remote)))
    assert [(step.ref, step.failed) for step in steps] == [(MAIN, "")]
    assert Git(ledger.bare).tip(MAIN) == tip
    remote.close()
