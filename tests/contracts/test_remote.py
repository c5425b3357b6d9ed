"""What every Remote promises (sync/remote.py), on every adapter and over every wire that a Git server speaks."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from sync.errors import BranchMissing, HistoryRewritten, PushRefused, PushUncertain, RemoteUnreachable, SyncError
from sync.git_remote import GitRemote
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.objects import edit_tree, write_commit
from sync.remote import ObjectStore, Oid, PushVerdict, RefUpdate
from tests.orchestrator.repositories import git
from tests.servers import free_port, git_daemon, shiftbook_serve, smart_http
from tests.templates import Template
from tests.waiting import PATIENCE

MAIN, A, B, C = "refs/heads/main", "refs/shiftbook/claim/a", "refs/shiftbook/claim/b", "refs/shiftbook/claim/c"
ACCEPTED, STALE, UNCHANGED = PushVerdict.ACCEPTED, PushVerdict.STALE, PushVerdict.UNCHANGED

GIT = ("file", "daemon", "http", "own")
NIGHTLY = [pytest.param(kind, marks=pytest.mark.nightly) for kind in ("daemon", "http", "own")]
DAILY = ["file", *NIGHTLY]
"""In `make test` the whole contract holds for files; races, atomic pushes and every verdict on every wire, and what a
server refuses or leaves open on our own, too."""
OURS = ["file", "own", *NIGHTLY[:-1]]
EVERY_WIRE = pytest.mark.parametrize("place", ["memory", *GIT], indirect=True)
COUNTER = itertools.count()


@dataclass
class Place:
    """One repository that several machines share, and how they reach it."""

    open: Callable[[], MemoryRemote | GitRemote]
    bare: Path | None = None
    views: list[MemoryRemote | GitRemote] = field(default_factory=list)

    def view(self) -> MemoryRemote | GitRemote:
        """One more machine."""
        self.views.append(self.open())
        return self.views[-1]

    def ready(self) -> MemoryRemote | GitRemote:
        """One more machine; the branch is there, of an older day where there is a repository."""
        if self.bare is not None and not self.views:
            _founded().copy(self.bare)
        view = self.view()
        try:
            view.fetch()
        except BranchMissing:
            root = commit(view.store, "root")
            assert view.push([RefUpdate(ref=MAIN, expect=None, new=root)]) == {MAIN: ACCEPTED}
            view.fetch()
        return view

    def hook(self, name: str, script: str) -> None:
        """Installs a hook on the server."""
        assert self.bare is not None
        path = self.bare / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def commit(store: ObjectStore, text: str, *parents: Oid) -> Oid:
    """A commit that holds one file."""
    tree = edit_tree(store, None, {"text": text.encode()})
    assert tree is not None
    when = 1_795_000_000
    return write_commit(store, tree=tree, parents=parents, name="t", email="t@x", when=when, message=text, sign=None)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all repositories of this module."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def daemon(shelf: Path) -> Iterator[str]:
    """git:// before the shelf."""
    with git_daemon(shelf) as url:
        yield url


@pytest.fixture(scope="module")
def http(shelf: Path) -> Iterator[str]:
    """http:// before the shelf."""
    with smart_http(shelf) as url:
        yield url


@dataclass(frozen=True, kw_only=True)
class Own:
    """The repository that our own server serves; one address for all tests."""

    bare: Path
    url: str
    gate: str

    def anew(self) -> Own:
        """An empty repository behind the same gate; what an earlier test still pushes goes on into the old one."""
        self.bare.rename(self.bare.with_name(f"old{next(COUNTER)}.git"))
        _empty().copy(self.bare)
        hook = self.bare / "hooks" / "pre-receive"
        hook.write_text(self.gate)
        hook.chmod(0o755)
        return self


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """A real `shiftbook serve` process before a repository of its own."""
    folder = tmp_path_factory.mktemp("own")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    with shiftbook_serve(folder / "home", folder / "ledger.git") as url:
        hook = folder / "ledger.git" / "hooks" / "pre-receive"
        yield Own(bare=folder / "ledger.git", url=url, gate=hook.read_text())


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if kind == "memory":
        server = MemoryServer()
        yield Place(lambda: MemoryRemote(server))
        return
    bare, url = _own(request) if kind == "own" else _shelved(kind, request)
    numbers = itertools.count()
    place = Place(lambda: GitRemote(url, tmp_path / f"view{next(numbers)}.git", timeout=PATIENCE), bare=bare)
    yield place
    for view in place.views:
        view.close()


@cache
def _empty() -> Template:
    return Template.of(_make_empty)


@cache
def _founded() -> Template:
    return Template.of(_make_founded)


def _make_founded(folder: Path) -> None:
    _empty().copy(folder)
    view = GitRemote(str(folder), folder.with_name(f"{folder.name}-view"))
    view.push([new(MAIN, commit(view.store, "root"))])
    view.close()
    shutil.rmtree(folder.with_name(f"{folder.name}-view"))


def _make_empty(folder: Path) -> None:
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    git(folder, "config", "http.receivepack", "true")


def _own(request: pytest.FixtureRequest) -> tuple[Path, str]:
    found: Own = request.getfixturevalue("own").anew()
    return found.bare, found.url


def _shelved(kind: str, request: pytest.FixtureRequest) -> tuple[Path, str]:
    shelf: Path = request.getfixturevalue("shelf")
    name = f"r{next(COUNTER)}.git"
    _empty().copy(shelf / name)
    return shelf / name, str(shelf / name) if kind == "file" else f"{request.getfixturevalue(kind)}/{name}"


@pytest.fixture(params=["memory", *DAILY])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A shared repository behind each adapter."""
    yield from _place(request.param, request, tmp_path)


@pytest.fixture(params=OURS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The same on adapters with a server that may refuse or die."""
    yield from _place(request.param, request, tmp_path)


def new(ref: str, oid: Oid) -> RefUpdate:
    """Create-only."""
    return RefUpdate(ref=ref, expect=None, new=oid)


def race(pushes: Sequence[Callable[[], Mapping[str, PushVerdict]]]) -> list[Mapping[str, PushVerdict]]:
    """Starts all pushes at one moment and returns what came of each."""
    gate = threading.Barrier(len(pushes))
    found: list[Mapping[str, PushVerdict] | BaseException] = [{}] * len(pushes)

    def run(index: int) -> None:
        gate.wait()
        try:
            found[index] = pushes[index]()
        except BaseException as error:  # shown by the assertion below
            found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(pushes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [each for each in found if isinstance(each, BaseException)]
    return [each for each in found if not isinstance(each, BaseException)]


def test_a_repository_without_the_branch_says_so(place: Place) -> None:
    """Before there is a ledger, fetch raises BranchMissing."""
    with pytest.raises(BranchMissing):
        place.view().fetch()


@EVERY_WIRE
def test_two_machines_meet_every_verdict(place: Place) -> None:
    """From the first push on: what each single test below promises, in one life of a ledger, on every wire."""
    one, two = place.view(), place.view()
    with pytest.raises(BranchMissing):
        one.fetch()
    assert one.heads() == one.push([]) == {}
    root, first, second, third = (commit(one.store, text) for text in ("root", "first", "second", "third"))
    assert [commit(two.store, text) for text in ("first", "second", "third")] == [first, second, third]
    assert one.push([new(MAIN, root)]) == {MAIN: ACCEPTED}
    before = two.fetch()
    assert one.push([new(A, first), new(B, first)]) == {A: ACCEPTED, B: ACCEPTED}
    assert (two.seen(), two.heads(A[:-1])) == (before, {MAIN: root, A: first, B: first})
    assert two.push([new(A, second), new(B, first), new(C, second)]) == {A: STALE, B: UNCHANGED, C: ACCEPTED}
    blob = one.store.put("blob", b"beat")
    assert one.push([RefUpdate(ref=A, expect=first, new=blob)]) == {A: ACCEPTED}  # no descent is asked for
    assert two.push([RefUpdate(ref=A, expect=first, new=second)]) == {A: STALE}
    both = [RefUpdate(ref=A, expect=first, new=None), RefUpdate(ref=B, expect=first, new=second)]
    assert two.push(both, atomic=True) == {A: STALE, B: STALE}
    refs = one.fetch()
    assert (refs[A], refs[B], refs[C]) == (blob, first, second)
    assert one.push([RefUpdate(ref=A, expect=blob, new=None)]) == {A: ACCEPTED}
    gone, moved = RefUpdate(ref=A, expect=blob, new=None), RefUpdate(ref=A, expect=blob, new=third)
    assert two.push([gone, RefUpdate(ref=B, expect=first, new=third)]) == {A: STALE, B: ACCEPTED}
    assert two.push([moved]) == {A: STALE}
    refs = two.fetch()
    assert (A in refs, refs[B], refs[C], two.seen()) == (False, third, second, refs)
    good, bad = commit(one.store, "good", root), commit(two.store, "bad", root)
    fold = [RefUpdate(ref=MAIN, expect=root, new=good), RefUpdate(ref=C, expect=second, new=None)]
    assert one.push(fold, atomic=True) == {MAIN: ACCEPTED, C: ACCEPTED}
    late = [RefUpdate(ref=MAIN, expect=root, new=bad), RefUpdate(ref=B, expect=third, new=None)]
    assert two.push(late, atomic=True) == {MAIN: STALE, B: STALE}
    assert one.fetch()[MAIN] == two.fetch()[MAIN] == good
    assert two.push([RefUpdate(ref=MAIN, expect=good, new=bad)]) == {MAIN: ACCEPTED}
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            one.fetch()
    assert two.push([RefUpdate(ref=MAIN, expect=bad, new=good)]) == {MAIN: ACCEPTED}
    assert one.fetch()[MAIN] == good


@EVERY_WIRE
def test_what_one_pushes_the_others_fetch_with_its_objects(place: Place) -> None:
    """A fetch shows every ref of the ledger and brings its objects."""
    one, two = place.ready(), place.ready()
    oid = commit(one.store, "claim")
    one.push([new(A, oid)])
    assert two.fetch()[A] == oid
    assert two.store.get(oid) == one.store.get(oid)


def test_nothing_to_push_is_nothing_done(place: Place) -> None:
    """An empty push has no verdicts and no errors."""
    assert place.ready().push([]) == {}


@EVERY_WIRE
def test_of_racing_creators_exactly_one_wins(place: Place) -> None:
    """However many machines create one ref at one moment, one is ACCEPTED, the others are STALE."""
    views = [place.ready() for _ in range(4)]
    for round_ in range(2):
        ref = f"refs/shiftbook/claim/round-{round_}"
        oids = [commit(view.store, f"{round_} by {number}") for number, view in enumerate(views)]
        found = race([lambda v=v, o=o, r=ref: v.push([new(r, o)]) for v, o in zip(views, oids, strict=True)])
        verdicts = [each[ref] for each in found]
        assert sorted(verdicts) == [ACCEPTED, STALE, STALE, STALE]
        assert views[0].fetch()[ref] == oids[verdicts.index(ACCEPTED)]


@EVERY_WIRE
def test_of_two_who_move_a_ref_from_one_value_exactly_one_wins(place: Place) -> None:
    """A renewal against a takeover from the same old object: one wins."""
    views = [place.ready(), place.ready()]
    old = commit(views[0].store, "held")
    views[0].push([new(A, old)])
    for view in views:
        view.fetch()
    oids = [commit(view.store, f"by {number}", old) for number, view in enumerate(views)]
    moves = [RefUpdate(ref=A, expect=old, new=oid) for oid in oids]
    found = race([lambda v=v, m=m: v.push([m]) for v, m in zip(views, moves, strict=True)])
    assert sorted(each[A] for each in found) == [ACCEPTED, STALE]


@EVERY_WIRE
def test_overlapping_atomic_pushes_leave_no_partial_state(place: Place) -> None:
    """Two machines want overlapping sets of refs, each all or none: one has all of its own, the other none."""
    views = [place.ready(), place.ready()]
    oids = [commit(view.store, f"set {number}") for number, view in enumerate(views)]
    sets = [[new(A, oids[0]), new(B, oids[0])], [new(C, oids[1]), new(B, oids[1])]]
    found = race([lambda v=v, s=s: v.push(s, atomic=True) for v, s in zip(views, sets, strict=True)])
    winner = 0 if found[0][B] is ACCEPTED else 1
    assert set(found[winner].values()) == {ACCEPTED}
    assert set(found[1 - winner].values()) == {STALE}
    refs = views[0].fetch()
    assert {ref for ref in (A, B, C) if ref in refs} == {update.ref for update in sets[winner]}


def test_a_move_from_a_value_that_is_no_longer_there_is_refused(place: Place) -> None:
    """STALE, and the ref stays with who moved it first; also for a machine that has already fetched the new value."""
    one, two = place.ready(), place.ready()
    old, newer, late = (commit(one.store, text) for text in ("old", "newer", "late"))
    one.push([new(A, old)])
    assert one.push([RefUpdate(ref=A, expect=old, new=newer)]) == {A: ACCEPTED}
    assert two.fetch()[A] == newer
    again = commit(two.store, "late")
    assert again == late
    assert two.push([RefUpdate(ref=A, expect=old, new=late)]) == {A: STALE}
    assert one.fetch()[A] == newer


def test_a_plain_update_needs_no_descent_only_the_expectation(place: Place) -> None:
    """A ref outside the branch moves to an unrelated object, as a beat does from blob to blob."""
    view = place.ready()
    blobs = [view.store.put("blob", b"beat %d\n" % number) for number in range(3)]
    view.push([new(A, blobs[0])])
    assert view.push([RefUpdate(ref=A, expect=blobs[0], new=blobs[1])]) == {A: ACCEPTED}
    assert view.push([RefUpdate(ref=A, expect=blobs[0], new=blobs[2])]) == {A: STALE}
    assert view.fetch()[A] == blobs[1]


def test_creating_what_exists_is_stale(place: Place) -> None:
    """Create-only does not overwrite."""
    one, two = place.ready(), place.ready()
    first = commit(one.store, "first")
    one.push([new(A, first)])
    assert two.push([new(A, commit(two.store, "second"))]) == {A: STALE}
    assert two.fetch()[A] == first


def test_the_same_object_again_is_unchanged_and_no_win(place: Place) -> None:
    """Trap A: pushing the very value that is there moves nothing, so it is not ACCEPTED, whatever was expected."""
    one, two = place.ready(), place.ready()
    oid = commit(one.store, "same")
    assert commit(two.store, "same") == oid
    assert one.push([new(A, oid)]) == {A: ACCEPTED}
    assert two.push([new(A, oid)]) == {A: UNCHANGED}
    assert two.push([RefUpdate(ref=A, expect=oid, new=oid)]) == {A: UNCHANGED}


def test_a_ref_is_deleted_only_from_the_expected_value(place: Place) -> None:
    """Deletion is a compare-and-swap like any other move."""
    one, two = place.ready(), place.ready()
    old, newer = commit(one.store, "old"), commit(one.store, "newer")
    one.push([new(A, old)])
    two.fetch()
    one.push([RefUpdate(ref=A, expect=old, new=newer)])
    assert two.push([RefUpdate(ref=A, expect=old, new=None)]) == {A: STALE}
    assert one.fetch()[A] == newer
    assert one.push([RefUpdate(ref=A, expect=newer, new=None)]) == {A: ACCEPTED}
    assert A not in one.fetch()


def test_deleting_what_is_gone_is_stale(place: Place) -> None:
    """A ref that somebody else has deleted first is not at the expected value; alone, or with other refs."""
    one, two = place.ready(), place.ready()
    oid = commit(one.store, "x")
    one.push([new(A, oid)])
    two.fetch()
    gone = RefUpdate(ref=A, expect=oid, new=None)
    assert one.push([gone]) == {A: ACCEPTED}
    other = commit(two.store, "y")
    assert two.push([gone]) == {A: STALE}
    assert two.push([gone, new(B, other)]) == {A: STALE, B: ACCEPTED}
    assert two.push([gone, new(C, other)], atomic=True) == {A: STALE, C: STALE}


def test_updating_what_is_gone_is_stale(place: Place) -> None:
    """A move from a value of a ref that was deleted meanwhile does not create it again."""
    one, two = place.ready(), place.ready()
    oid = commit(one.store, "x")
    one.push([new(A, oid)])
    two.fetch()
    one.push([RefUpdate(ref=A, expect=oid, new=None)])
    assert two.push([RefUpdate(ref=A, expect=oid, new=commit(two.store, "y", oid))]) == {A: STALE}
    assert A not in one.fetch()


@EVERY_WIRE
def test_an_atomic_push_is_all_or_none(place: Place) -> None:
    """One stale expectation refuses every ref of the push: moves, creations and deletions."""
    view = place.ready()
    first, second = commit(view.store, "1"), commit(view.store, "2")
    view.push([new(A, first), new(B, first)])
    moves = [RefUpdate(ref=A, expect=second, new=None), RefUpdate(ref=B, expect=first, new=second), new(C, second)]
    assert view.push(moves, atomic=True) == dict.fromkeys((A, B, C), STALE)
    refs = view.fetch()
    assert (refs[A], refs[B], C in refs) == (first, first, False)
    moves[0] = RefUpdate(ref=A, expect=first, new=None)
    assert view.push(moves, atomic=True) == dict.fromkeys((A, B, C), ACCEPTED)
    refs = view.fetch()
    assert (A in refs, refs[B], refs[C]) == (False, second, second)


def test_a_plain_push_judges_each_ref_on_its_own(place: Place) -> None:
    """Several claims in one push: those that are free are won, the others are not."""
    one, two = place.ready(), place.ready()
    taken, wanted = commit(one.store, "taken"), commit(two.store, "wanted")
    one.push([new(B, taken)])
    assert two.push([new(A, wanted), new(B, wanted), new(C, wanted)]) == {A: ACCEPTED, B: STALE, C: ACCEPTED}


def test_a_hundred_refs_go_out_in_one_push(place: Place) -> None:
    """Each has a verdict of its own, and all can be fetched."""
    view = place.ready()
    wanted = {f"refs/shiftbook/claim/m{number}": commit(view.store, str(number)) for number in range(100)}
    verdicts = view.push([new(ref, oid) for ref, oid in wanted.items()])
    assert verdicts == dict.fromkeys(wanted, ACCEPTED)
    assert wanted.items() <= view.fetch().items()


def test_the_branch_and_the_refs_move_in_one_atomic_push(place: Place) -> None:
    """The fold's shape: the branch forward, a claim deleted; a branch that somebody else moved refuses both."""
    one, two = place.ready(), place.ready()
    root = one.fetch()[MAIN]
    held = commit(one.store, "closed")
    one.push([new(A, held)])
    two.fetch()
    mine, theirs = commit(one.store, "mine", root), commit(two.store, "theirs", root)
    folds = [
        [RefUpdate(ref=MAIN, expect=root, new=oid), RefUpdate(ref=A, expect=held, new=None)] for oid in (mine, theirs)
    ]
    assert one.push(folds[0], atomic=True) == {MAIN: ACCEPTED, A: ACCEPTED}
    assert two.push(folds[1], atomic=True)[MAIN] is STALE
    assert two.fetch()[MAIN] == mine


def test_deleted_refs_are_gone_from_the_next_fetch(place: Place) -> None:
    """What others deleted is pruned; what is left stays."""
    one, two = place.ready(), place.ready()
    oid = commit(one.store, "x")
    one.push([new(A, oid), new(B, oid)])
    assert {A, B} <= set(two.fetch())
    one.push([RefUpdate(ref=A, expect=oid, new=None)])
    refs = two.fetch()
    assert (A in refs, B in refs) == (False, True)


def test_what_was_seen_is_what_was_fetched_last(place: Place) -> None:
    """`seen` repeats the last fetch without asking."""
    one, two = place.ready(), place.ready()
    before = one.fetch()
    two.push([new(A, commit(two.store, "x"))])
    assert one.seen() == before
    assert one.fetch() == one.seen() != before


def test_a_look_tells_where_the_branch_stands_and_brings_nothing(place: Place) -> None:
    """`heads` sees a move at once and leaves what was seen as it was; what is not there it does not name."""
    assert place.view().heads() == {}
    one, two = place.ready(), place.ready()
    root = one.fetch()[MAIN]
    assert two.heads() == {MAIN: root}
    made = commit(one.store, "next", root)
    one.push([RefUpdate(ref=MAIN, expect=root, new=made), new(A, made)])
    assert two.heads() == {MAIN: made}
    assert two.heads(A[:-1], "refs/shiftbook/none/") == {MAIN: made, A: made}
    assert two.seen()[MAIN] == root


def test_a_rewritten_branch_raises_and_keeps_raising(place: Place) -> None:
    """A branch that lost commits is followed by nobody who has seen them, however often they look."""
    one, two = place.ready(), place.ready()
    root = one.fetch()[MAIN]
    good = commit(one.store, "good", root)
    one.push([RefUpdate(ref=MAIN, expect=root, new=good)])
    assert two.fetch()[MAIN] == good
    bad = commit(one.store, "bad", root)
    one.push([RefUpdate(ref=MAIN, expect=good, new=bad)])
    for _ in range(3):
        with pytest.raises(HistoryRewritten):
            two.fetch()
    assert place.view().fetch()[MAIN] == bad  # who has never been here cannot know


def test_a_branch_that_went_forward_is_followed_again_after_a_rewrite_was_undone(place: Place) -> None:
    """Once the lost commits are back, fetching works."""
    one, two = place.ready(), place.ready()
    root = one.fetch()[MAIN]
    good, bad = commit(one.store, "good", root), commit(one.store, "bad", root)
    one.push([RefUpdate(ref=MAIN, expect=root, new=good)])
    two.fetch()
    one.push([RefUpdate(ref=MAIN, expect=good, new=bad)])
    with pytest.raises(HistoryRewritten):
        two.fetch()
    one.push([RefUpdate(ref=MAIN, expect=bad, new=good)])
    assert two.fetch()[MAIN] == good


def test_a_restart_does_not_forget_what_was_seen(served: Place, tmp_path: Path) -> None:
    """A new process on the same clone is alarmed about the same rewrite."""
    one, two = served.ready(), served.ready()
    root = one.fetch()[MAIN]
    good, bad = commit(one.store, "good", root), commit(one.store, "bad", root)
    one.push([RefUpdate(ref=MAIN, expect=root, new=good)])
    two.fetch()
    one.push([RefUpdate(ref=MAIN, expect=good, new=bad)])
    with pytest.raises(HistoryRewritten):
        two.fetch()
    assert isinstance(two, GitRemote)
    again = GitRemote(two.url, tmp_path / "view1.git")
    served.views.append(again)
    with pytest.raises(HistoryRewritten):
        again.fetch()


@pytest.mark.parametrize("url", ["/nowhere/at/all.git", "git://127.0.0.1:{}/x.git", "http://127.0.0.1:{}/x.git"])
def test_a_remote_that_is_not_there_is_unreachable(url: str, tmp_path: Path) -> None:
    """Neither fetch nor push takes silence for an answer; a push that never left is known not to have arrived."""
    view = GitRemote(url.format(free_port()), tmp_path / "view.git", timeout=PATIENCE)
    with pytest.raises(RemoteUnreachable):
        view.fetch()
    with pytest.raises(RemoteUnreachable) as raised:
        view.push([new(A, commit(view.store, "x"))])
    assert not isinstance(raised.value, PushUncertain)
    view.close()


def test_a_hook_that_refuses_is_a_refusal_not_a_lost_race(served: Place) -> None:
    """PushRefused names the ref, so that nobody tries again for ever; nothing was moved."""
    view = served.ready()
    served.hook("pre-receive", "echo not today >&2; exit 1")
    with pytest.raises(PushRefused) as raised:
        view.push([new(A, commit(view.store, "x"))])
    assert raised.value.ref == A
    assert A not in view.fetch()


def test_a_hook_that_refuses_one_ref_of_an_atomic_push_refuses_it_whole(served: Place) -> None:
    """PushRefused, and none of its refs was moved."""
    view = served.ready()
    served.hook("update", f'[ "$1" != {B} ]')
    oid = commit(view.store, "x")
    with pytest.raises(PushRefused) as raised:
        view.push([new(A, oid), new(B, oid)], atomic=True)
    assert raised.value.ref == B
    assert A not in view.fetch()


def test_a_server_that_dies_during_a_push_leaves_it_uncertain(served: Place) -> None:
    """No verdict came back, so the caller is told to look, not that it lost or won."""
    view = served.ready()
    served.hook("pre-receive", "kill -9 $PPID")
    with pytest.raises(PushUncertain):
        view.push([new(A, commit(view.store, "x"))])


def test_a_server_that_does_not_answer_in_time_leaves_it_uncertain(served: Place) -> None:
    """A push that timed out may have been taken."""
    view = served.ready()
    assert isinstance(view, GitRemote)
    served.hook("pre-receive", "exec sleep 3")
    view.timeout = 1.0
    with pytest.raises(PushUncertain):
        view.push([new(A, commit(view.store, "x"))])


@pytest.mark.parametrize("served", GIT, indirect=True)
def test_racers_that_are_both_past_the_client_still_have_one_winner(served: Place) -> None:
    """A slow hook puts both racers behind the client's own check; the server decides."""
    views = [served.ready(), served.ready()]
    served.hook("pre-receive", "sleep 0.3")
    oids = [commit(view.store, f"by {number}") for number, view in enumerate(views)]
    found = race([lambda v=v, o=o: v.push([new(A, o)]) for v, o in zip(views, oids, strict=True)])
    assert sorted(each[A] for each in found) == [ACCEPTED, STALE]


def test_two_threads_may_use_one_view(served: Place) -> None:
    """A node's pulse and its loop share one clone: fetches and pushes of both succeed side by side."""
    view, other = served.ready(), served.ready()
    problems: list[SyncError] = []

    def work(name: str) -> None:
        try:
            for number in range(3):
                oid = commit(view.store, f"{name} {number}")
                assert view.push([new(f"refs/shiftbook/claim/{name}-{number}", oid)])
                view.fetch()
        except SyncError as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("pulse", "loop")]
    for thread in threads:
        thread.start()
    for number in range(3):
        other.push([new(f"refs/shiftbook/claim/other-{number}", commit(other.store, str(number)))])
    for thread in threads:
        thread.join()
    assert problems == []
    assert len([ref for ref in view.fetch() if ref.startswith("refs/shiftbook/claim/")]) == 9


def test_our_private_clone_runs_no_hook_and_leaves_the_persons_settings_alone(served: Place, tmp_path: Path) -> None:
    """A hook in the clone's folder does not run because we push from it."""
    view = served.ready()
    assert isinstance(view, GitRemote)
    hook = view.store._git.folder / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    view.push([new(A, commit(view.store, "x"))])
    assert not (tmp_path / "ran").exists()
