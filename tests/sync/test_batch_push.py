"""Many new refs by one `git push`: as sure as one by one, at a cost that does not grow with what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.errors import PushRefused, PushUncertain, RemoteUnreachable
from sync.git import Git
from sync.git_remote import GitRemote
from sync.refs.packed_refs import PACK_REFS_FROM as BATCH_FROM
from sync.remote import Oid, PushVerdict, RefUpdate
from tests.orchestrator.repositories import git
from tests.sync.test_local_repository import MAIN, commit

CLAIMS = "refs/shiftbook/claim/"
ACCEPTED, STALE, UNCHANGED = PushVerdict.ACCEPTED, PushVerdict.STALE, PushVerdict.UNCHANGED


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository with a rule of its own, so that everything is pushed by git."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    git(tmp_path / "ledger.git", "config", "receive.denyDeletes", "false")
    return tmp_path / "ledger.git"


@pytest.fixture
def remote(tmp_path: Path, bare: Path) -> GitRemote:
    """A machine's view of it."""
    view = GitRemote(str(bare), tmp_path / "clone.git")
    view.push([RefUpdate(ref=MAIN, expect=None, new=commit(view.store, {"a": b"a"}))])
    view.fetch()
    return view


def claims(view: GitRemote, number: int = BATCH_FROM, begin: str = "m") -> dict[str, Oid]:
    """New claims, made and not pushed."""
    return {f"{CLAIMS}{begin}{n}": commit(view.store, {"claim.json": f"{begin}{n}".encode()}) for n in range(number)}


def new(made: dict[str, Oid]) -> list[RefUpdate]:
    """What pushes them."""
    return [RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in made.items()]


def test_each_is_judged_on_its_own(remote: GitRemote, bare: Path) -> None:
    """What is taken is stale, the very same is nobody's win (trap A), the others are won and whole."""
    made = claims(remote)
    taken, same, *free = made
    other = commit(remote.store, {"claim.json": b"another's"})
    remote.push([RefUpdate(ref=taken, expect=None, new=other), RefUpdate(ref=same, expect=None, new=made[same])])
    verdicts = dict(remote.push(new(made)))
    assert (verdicts.pop(taken), verdicts.pop(same)) == (STALE, UNCHANGED)
    assert verdicts == dict.fromkeys(free, ACCEPTED)
    assert Git(bare).refs(CLAIMS) == {**made, taken: other}
    git(bare, "fsck", "--strict", "--connectivity-only")


def test_a_newer_commit_of_the_same_claim_does_not_go_over_the_old_one(remote: GitRemote, bare: Path) -> None:
    """A plain push would move a ref forward; these must not exist at all."""
    made = claims(remote)
    first = next(iter(made))
    remote.push([RefUpdate(ref=first, expect=None, new=made[first])])
    forward = {**made, first: commit(remote.store, {"claim.json": b"next"}, made[first])}
    assert remote.push(new(forward))[first] is STALE
    assert Git(bare).refs(first) == {first: made[first]}


def test_all_or_none(remote: GitRemote, bare: Path) -> None:
    """Of an atomic push with one that exists nothing is taken."""
    made = claims(remote)
    first = next(iter(made))
    remote.push([RefUpdate(ref=first, expect=None, new=commit(remote.store, {"claim.json": b"another's"}))])
    assert set(remote.push(new(made), atomic=True).values()) == {STALE}
    assert len(Git(bare).refs(CLAIMS)) == 1


def test_a_racer_who_is_past_its_own_look_still_loses(remote: GitRemote, bare: Path) -> None:
    """The server itself compares: what came into being since the sender looked is not overwritten."""
    made = claims(remote)
    first = next(iter(made))
    other = commit(remote.store, {"claim.json": b"the faster one"})
    remote.push([RefUpdate(ref="refs/shiftbook/say/x", expect=None, new=other)])
    hook = bare / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref {first} {other}\n")
    hook.chmod(0o755)
    verdicts = dict(remote.push(new(made)))
    assert verdicts.pop(first) is STALE
    assert set(verdicts.values()) == {ACCEPTED}


def test_only_new_refs_of_the_ledger_go_this_way(remote: GitRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch with a move or a deletion in it keeps its expectations one by one; so do few."""
    made = claims(remote, BATCH_FROM + 1)
    moving, *rest = made
    remote.push([RefUpdate(ref=moving, expect=None, new=made[moving])])
    monkeypatch.setattr("sync.refs.batch_push.push_new_refs", lambda *_, **__: pytest.fail("went as new refs"))
    newer = commit(remote.store, {"claim.json": b"newer"}, made[moving])
    updates = [RefUpdate(ref=moving, expect=made[moving], new=newer), *new({ref: made[ref] for ref in rest})]
    assert set(remote.push(updates).values()) == {ACCEPTED}
    assert set(remote.push(new(claims(remote, BATCH_FROM - 1, "few"))).values()) == {ACCEPTED}


def test_what_was_taken_is_noted_until_it_is_seen(remote: GitRemote) -> None:
    """As after any push: a server that is restored before the next fetch gets it back from here."""
    made = claims(remote)
    taken = next(iter(made))
    remote.push([RefUpdate(ref=taken, expect=None, new=commit(remote.store, {"claim.json": b"another's"}))])
    remote.fetch()
    remote.push(new(made))
    held = remote.held()
    assert {ref: held[ref] for ref in made if ref != taken} == {ref: made[ref] for ref in made if ref != taken}
    assert held[taken] != made[taken]


def test_failures_are_told_as_of_any_push(remote: GitRemote, bare: Path) -> None:
    """A gate that declines, a server that does not answer in time, none at all; nothing is left lying about."""
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRefused):
        remote.push(new(claims(remote)))
    hook.write_text("#!/bin/sh\nsleep 20\n")
    remote.timeout = 0.5
    with pytest.raises(PushUncertain):
        remote.push(new(claims(remote)))
    remote.url = str(bare.with_name("gone.git"))
    remote.timeout = 30.0
    with pytest.raises(RemoteUnreachable):
        remote.push(new(claims(remote)))
