"""Is an object that is gone from a repository noticed, whichever way it went? And is git left alone while none has?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.errors import GitError
from sync.git import Git
from sync.local_repository import LocalRepository
from sync.refs.held_tips import HeldTips

REF = "refs/shiftbook/claim/a"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository whose one ref names a blob."""
    git = Git(tmp_path)
    git.run("init", "--quiet", "--bare", ".")
    oid = git.run("hash-object", "-w", "--stdin", stdin=b"claim").decode().strip()
    git.run("update-ref", REF, oid)
    return tmp_path


def loose(bare: Path) -> Path:
    """The file of the object."""
    oid = Git(bare).refs(REF)[REF]
    return bare / "objects" / oid[:2] / oid[2:]


def packed(bare: Path) -> None:
    """Has git put it into a pack, long ago."""
    Git(bare).run("repack", "--quiet", "-a", "-d")
    long_ago(bare)


def long_ago(bare: Path) -> None:
    """As if the packs had changed an hour before."""
    folder = bare / "objects" / "pack"
    when = folder.stat().st_mtime_ns - 3600 * 10**9
    os.utime(folder, ns=(when, when | 1))


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a git now fails the test."""
    monkeypatch.setattr(Git, "_begin", lambda *_words, **_more: pytest.fail("git was started"))


@pytest.mark.parametrize("put", [lambda _bare: None, packed])
def test_git_is_asked_no_more_than_once(
    bare: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None]
) -> None:
    """Of an object in a file of its own not at all, of one in a pack once."""
    put(bare)
    repository = LocalRepository(bare, timeout=60)
    before = repository.refs("refs/shiftbook/")
    refuse(monkeypatch)
    assert repository.refs("refs/shiftbook/") == before == Git(bare).refs()
    repository.close()


def test_a_file_that_is_gone_or_empty_is_noticed(bare: Path) -> None:
    """At the next look, as git tells it."""
    repository, place = LocalRepository(bare, timeout=60), loose(bare)
    assert repository.refs("refs/shiftbook/")
    place.chmod(0o644)
    place.write_bytes(b"")
    with pytest.raises(GitError):
        repository.refs("refs/shiftbook/")
    place.unlink()
    with pytest.raises(GitError, match="missing object"):
        repository.refs("refs/shiftbook/")
    repository.close()


def test_a_pack_that_is_gone_is_noticed(bare: Path) -> None:
    """Although git has said before that the object is there."""
    packed(bare)
    repository = LocalRepository(bare, timeout=60)
    assert repository.refs("refs/shiftbook/")
    for each in (bare / "objects" / "pack").iterdir():
        each.unlink()
    with pytest.raises(GitError, match="missing object"):
        repository.refs("refs/shiftbook/")
    repository.close()


def test_what_changed_a_moment_ago_or_lies_elsewhere_is_not_believed(bare: Path) -> None:
    """The same file system time may be another change's; of another repository's packs nothing is known."""
    tips, oids = HeldTips(bare / "objects"), list(Git(bare).refs().values())
    Git(bare).run("repack", "--quiet", "-a", "-d")
    later = (bare / "objects" / "pack").stat().st_mtime_ns + 3600 * 10**9
    os.utime(bare / "objects" / "pack", ns=(later, later))
    assert tips.packs() is None
    tips.note(oids, tips.packs())
    assert not tips.hold(oids)
    long_ago(bare)
    long_ago(bare)
    tips.note(oids, tips.packs())
    assert tips.hold(oids)
    (bare / "objects" / "info" / "alternates").write_text("/nowhere\n")
    assert not tips.hold(oids)
    assert HeldTips(bare / "none").packs() is None
