"""What a power cut leaves of a push into a repository on this disk: everything that somebody was told of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync import files
from sync.git_remote import GitRemote
from sync.pack_file import PACK_FROM
from sync.remote import PushVerdict, RefUpdate
from tests.conftest import lacking, require_program
from tests.orchestrator.repositories import git
from tests.sync.test_local_repository import CLAIM, FILES, MAIN, commit

TRACED = "trace=fsync,rename,renameat,renameat2,link"
PUSHED = """
import sys
from pathlib import Path
from sync.gathered_objects import GatheredObjects
from sync.git_remote import GitRemote
from sync.remote import PushVerdict, RefUpdate
from tests.sync.test_local_repository import CLAIM, commit
remote = GitRemote(sys.argv[1], Path(sys.argv[2]))
gathered = GatheredObjects(remote.store)
made = {f"{CLAIM}{n}": commit(gathered, {"claim.json": b"%d" % n}) for n in range(int(sys.argv[3]))}
gathered.write()
moved = remote.push([RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in made.items()])
assert set(moved.values()) == {PushVerdict.ACCEPTED}
remote.close()
"""
GONE = """
import sys
from pathlib import Path
from sync.git_remote import GitRemote
from sync.remote import PushVerdict, RefUpdate
from tests.sync.test_local_repository import CLAIM
remote = GitRemote(sys.argv[1], Path(sys.argv[2]))
remote.fetch()
ref = f"{CLAIM}0"
assert remote.push([RefUpdate(ref=ref, expect=remote.listed()[ref], new=None)]) == {ref: PushVerdict.ACCEPTED}
remote.close()
"""


def _bare(tmp_path: Path, *settings: str) -> Path:
    """A ledger's repository with one commit; the tests' own template would have git flush nothing."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    bare = tmp_path / "ledger.git"
    git(bare, "config", "--unset", "core.fsync")
    for setting in settings:
        git(bare, "config", *setting.split("="))
    view = GitRemote(str(bare), tmp_path / "clone.git")
    assert view.push([RefUpdate(ref=MAIN, expect=None, new=commit(view.store, FILES))]) == {MAIN: PushVerdict.ACCEPTED}
    view.fetch()
    view.close()
    return bare


def _traced(tmp_path: Path, bare: Path, number: int, does: str = PUSHED) -> list[tuple[str, str]]:
    """The calls with which a process that claims so many missions, or `does` something else, and git had the disk keep
    the bare repository.
    """
    log = tmp_path / "trace"
    child = [require_program("strace"), "-f", "-y", "-qq", "-e", TRACED, "-o", str(log)]
    child += [sys.executable, "-c", does, str(bare), str(tmp_path / "clone.git"), str(number)]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    if "PTRACE" in done.stderr:
        lacking("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = re.findall(rf"(fsync|rename|link)\w*\(.*?{re.escape(str(bare))}(?:/\.)?/?([^\">]*)", log.read_text())
    assert calls
    return [(str(call), str(name)) for call, name in calls]


@pytest.mark.parametrize("number", [1, PACK_FROM], ids=["loose", "pack"])
def test_what_a_ref_leads_to_is_on_the_disk_before_it_and_the_ref_before_anybody_hears_of_it(
    tmp_path: Path, number: int
) -> None:
    """Objects are flushed, then named; the files that become refs are flushed, then named; then their folder is."""
    calls = _traced(tmp_path, _bare(tmp_path), number)
    flushed = [name for call, name in calls if call == "fsync"]
    objects = [at for at, (call, name) in enumerate(calls) if call == "rename" and name.startswith("objects/")]
    refs = [at for at, (call, name) in enumerate(calls) if call == "rename" and name.endswith(".lock")]
    assert objects
    assert len(refs) == 1  # of many there is one file
    for at in (*objects, *refs):
        assert ("fsync", calls[at][1]) in calls[:at]
    locks = [at for at, call in enumerate(calls) if call[0] == "fsync" and call[1].endswith(".lock")]
    assert max(objects) < min(locks)
    assert max(locks) < min(refs)
    for folder in {"objects", *(str(Path(calls[at][1]).parent) for at in objects)} if number == 1 else {"objects/pack"}:
        assert max(objects) < calls.index(("fsync", folder)) < min(refs)  # else a ref may lead to a name that is lost
    told = {name for call, name in calls[max(refs) :] if call == "fsync"}
    new = {"refs", "refs/shiftbook", "refs/shiftbook/claim"}  # of which two are new in the first
    assert told == (new if number == 1 else {""})
    assert len(set(flushed)) == len(flushed)


def test_a_ref_that_is_gone_stays_gone(tmp_path: Path) -> None:
    """Git takes its folder away with it, so that the one above is what knows of it."""
    bare = _bare(tmp_path)
    git(bare, "update-ref", f"{CLAIM}0", MAIN)
    calls = _traced(tmp_path, bare, 0, GONE)
    assert not (bare / CLAIM).parent.exists()
    assert calls[-1] == ("fsync", "refs/shiftbook")


def test_refs_that_are_packed_outlast_one_that_goes(tmp_path: Path) -> None:
    """Git writes the file of all of them anew for it, and flushes nothing: it could be an empty one after the cut."""
    bare = _bare(tmp_path)
    git(bare, "update-ref", f"{CLAIM}0", MAIN)
    git(bare, "pack-refs", "--all")
    calls = _traced(tmp_path, bare, 0, GONE)
    named = calls.index(("rename", "packed-refs.new"))
    assert ("fsync", "packed-refs.new") in calls[:named]
    assert ("fsync", "") in calls[named:]
    assert git(bare, "for-each-ref", "--format=%(refname)") == MAIN


def test_a_repository_that_wants_no_flush_gets_none(tmp_path: Path) -> None:
    """`core.fsync=none` is the owner's word, and git's own pushes heed it, too."""
    calls = _traced(tmp_path, _bare(tmp_path, "core.fsync=none"), 1)
    assert [call for call, _ in calls if call == "fsync"] == []


def test_an_empty_file_that_a_power_cut_left_is_no_object(tmp_path: Path) -> None:
    """Git takes it for the object whose name it has; it is written again."""
    bare = _bare(tmp_path)
    view = GitRemote(str(bare), tmp_path / "clone.git")
    claim = commit(view.store, {"claim.json": b"{}"})
    place = bare / "objects" / claim[:2] / claim[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"")
    assert view.push([RefUpdate(ref=CLAIM, expect=None, new=claim)]) == {CLAIM: PushVerdict.ACCEPTED}
    git(bare, "fsck", "--strict", "--connectivity-only")
    view.close()


def test_a_disk_that_keeps_nothing_moves_no_ref(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flush of a ref's lock fails: nobody is told that it has moved."""
    bare = _bare(tmp_path)
    view = GitRemote(str(bare), tmp_path / "clone.git")
    claim = commit(view.store, {"claim.json": b"{}"})
    flush = files.flush

    def refused(paths: object) -> None:
        asked = list(paths)  # type: ignore[call-overload]
        if any(path.suffix == ".lock" for path in asked):
            raise OSError(5, "Input/output error")
        flush(asked)

    monkeypatch.setattr(files, "flush", refused)
    local = view._local_repository()
    assert local is not None
    assert not local.push(view.store, [RefUpdate(ref=CLAIM, expect=None, new=claim)])
    assert CLAIM not in view.listed()
    monkeypatch.undo()
    assert view.push([RefUpdate(ref=CLAIM, expect=None, new=claim)]) == {CLAIM: PushVerdict.ACCEPTED}
    view.close()
