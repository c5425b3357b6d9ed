"""A fetch over a slow line goes on as long as something comes; one that stands still ends."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.project_server import ProjectServer
from sync.clone_push import FETCH_SILENCE_SECONDS, UpstreamBranch
from sync.errors import GitError, GitTimeout, RemoteUnreachable
from sync.git import Git, GitStore
from sync.git_remote import FIRST_FETCH_TIMEOUT_SECONDS, GitRemote
from sync.process import process_output, progress_words
from sync.refs import growing_fetch
from sync.refs.growing_fetch import BROKEN_OFF, Growth, bring
from sync.worktree import WorkTree
from tests.orchestrator.repositories import git
from tests.sync.test_local_repository import MAIN, commit

URL = "ssh://line/ledger"
SLOW_LINE = """#!{python}
import os, subprocess, sys, time
from pathlib import Path
turns = Path({turns!r})
hook = os.environ.get("PACK_OBJECTS_HOOK", "")
settings = ["-c", "uploadpack.packObjectsHook=" + hook] if hook else []
server = subprocess.Popen(["git", *settings, "upload-pack", {ledger!r}], stdout=subprocess.PIPE)
sent = 0
while piece := server.stdout.read1(65536):
    for start in range(0, len(piece), 32768):
        sys.stdout.buffer.write(piece[start : start + 32768])
        sys.stdout.buffer.flush()
        sent += len(piece[start : start + 32768])
        while sent > 131072 * (1 + len(list(turns.iterdir()))):
            if (turns / "over").exists() or os.getppid() == 1:
                sys.exit(1)
            time.sleep(0.01)
"""
"""A program that stands for ssh: of what the server says each 128 KiB, two packets of
git's, wait for a file in `turns`. It ends with its git."""


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder whose files let pieces of a ledger of 2 MiB through, from ssh://line/ledger."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    view = GitRemote(str(tmp_path / "ledger.git"), tmp_path / "author.git")
    tip = commit(view.store, {f"file-{number}": os.urandom(8192) for number in range(256)})
    git(tmp_path / "author.git", "push", "--quiet", view.url, f"{tip}:{MAIN}")
    view.close()
    turns, program = tmp_path / "turns", tmp_path / "line"
    turns.mkdir()
    ledger = str(tmp_path / "ledger.git")
    program.write_text(SLOW_LINE.format(python=sys.executable, turns=str(turns), ledger=ledger), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    monkeypatch.setattr(process_output, "STOP_POLL_SECONDS", 0.02)
    return turns


COUNTS = """#!{python}
import os, sys, time
from pathlib import Path
for number in range({most}):
    print(f"Counting objects: {{number:3}}% ({{number}}/{most})", end="\\r", file=sys.stderr, flush=True)
    while not Path({turns!r}, f"counted-{{number}}").exists():
        if os.getppid() == 1:
            sys.exit(1)
        time.sleep(0.01)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""What a server runs for its pack: it says how far it is, goes on when a file lets it, and then is git's own."""


Fetch = Callable[[Path], Path]
"""Brings the ledger's branch into a repository in a folder; returns its git directory."""


def _ledger(folder: Path) -> Path:
    with closing(GitRemote(URL, folder / "clone.git")) as remote:
        assert set(remote.fetch()) == {MAIN}
    return folder / "clone.git"


def _project(folder: Path, url: str = URL) -> Path:
    git(folder, "init", "--quiet", "--bare", "clone.git")
    server = ProjectServer(project=Project(name="shop", url=url))
    server.fetch(folder / "clone.git", f"+{MAIN}:{MAIN}", stopped=(folder / "stopped").exists)
    return folder / "clone.git"


def _watched_clone(folder: Path, url: str = URL) -> Path:
    git(folder, "init", "--quiet", "--initial-branch=main", "clone")
    git(folder / "clone", "config", "remote.origin.url", url)
    assert UpstreamBranch(WorkTree(folder / "clone", "main", ["missions"]), lambda *_: None).fetch()
    return folder / "clone" / ".git"


@pytest.mark.parametrize(
    ("fetch", "silence"),
    [(_ledger, FIRST_FETCH_TIMEOUT_SECONDS), (_project, 1800.0), (_watched_clone, FETCH_SILENCE_SECONDS)],
)
def test_a_fetch_that_goes_on_is_not_broken_off(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Fetch, silence: float
) -> None:
    """Half of its limit passes with each piece that has come, five times the limit in all: it has everything then."""
    seen = _let_through(line, monkeypatch, silence)
    folder = fetch(tmp_path)
    assert len(seen) > 10
    with closing(GitStore(folder)) as store:
        assert store.get(git(tmp_path / "ledger.git", "rev-parse", "main:file-9").strip())


def _let_through(line: Path, monkeypatch: pytest.MonkeyPatch, silence: float) -> list[int]:
    """Lets a piece through whenever one has come, after half of the limit; the sizes that were seen."""
    seen = [0]
    size = growing_fetch._size

    def grown(folder: Path) -> tuple[int, int]:
        found = size(folder)
        if found[1] > seen[-1]:
            seen.append(found[1])
            (line / str(len(seen))).touch()
        return found

    monkeypatch.setattr(growing_fetch, "_size", grown)
    monkeypatch.setattr(growing_fetch, "monotonic", lambda: len(seen) * silence / 2)
    return seen


@pytest.mark.parametrize(
    ("fetch", "error", "silence"),
    [
        (_ledger, RemoteUnreachable, "1800"),
        (_project, GitTimeout, "1800"),
        (_watched_clone, RemoteUnreachable, "120"),
    ],
)
def test_one_that_stands_still_ends(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Fetch, error: type[Exception], silence: str
) -> None:
    """Nothing lets the second piece through: the fetch says for how long nothing came."""
    clock = iter(range(0, 10**9, 600))
    monkeypatch.setattr(growing_fetch, "monotonic", lambda: float(next(clock)))
    with pytest.raises(error, match=f"no answer within {silence} s"):
        fetch(tmp_path)
    (line / "over").touch()


@pytest.mark.parametrize("fetch", [_project, _watched_clone])
def test_a_later_one_that_brings_few_large_files_comes_with_the_next_look(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Callable[[Path, str], Path]
) -> None:
    """Git holds such a file until it has all of it, so that it looks as if nothing came: the second fetch is written as
    it comes, and the third is made as ever."""
    folder = fetch(tmp_path, str(tmp_path / "ledger.git"))
    view = GitRemote(str(tmp_path / "ledger.git"), tmp_path / "author.git")
    tip = commit(
        view.store, {"film": os.urandom(2 * 1024 * 1024)}, git(tmp_path / "ledger.git", "rev-parse", MAIN).strip()
    )
    git(tmp_path / "author.git", "push", "--quiet", view.url, f"{tip}:{MAIN}")
    view.close()
    clock = iter(range(0, 10**9, 600))
    monkeypatch.setattr(growing_fetch, "monotonic", lambda: float(next(clock)))
    with pytest.raises((GitTimeout, RemoteUnreachable)):
        fetch(tmp_path, URL)
    assert (folder / BROKEN_OFF).exists()
    _let_through(line, monkeypatch, FETCH_SILENCE_SECONDS)
    fetch(tmp_path, URL)
    with closing(GitStore(folder)) as store:
        assert store.get(git(tmp_path / "ledger.git", "rev-parse", "main:film").strip())
    assert not (folder / BROKEN_OFF).exists()


@pytest.mark.parametrize(("fetch", "left"), [(_ledger, 0), (_project, 0), (_watched_clone, 1)])
def test_what_it_has_brought_of_a_pack_goes(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Fetch, left: int
) -> None:
    """Git begins it anew, and would leave one more each time. In a person's clone their own git may be at it."""
    clock = iter(range(600, 10**9, 600))

    def begun() -> list[Path]:
        return list(tmp_path.glob("clone*/**/tmp_pack_*"))

    monkeypatch.setattr(growing_fetch, "monotonic", lambda: float(next(clock)) if begun() else 0.0)
    with pytest.raises((GitTimeout, RemoteUnreachable)):
        fetch(tmp_path)
    assert len(begun()) == left
    (line / "over").touch()


def test_a_pack_that_another_process_had_begun_stays(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be whole in a moment."""
    git(tmp_path, "init", "--quiet", "--bare", "clone.git")
    objects = tmp_path / "clone.git" / "objects"
    (objects / "pack" / "tmp_pack_other").write_bytes(b"PACK")
    clock = iter(range(0, 10**9, 600))
    monkeypatch.setattr(growing_fetch, "monotonic", lambda: float(next(clock)))
    with pytest.raises(GitTimeout):
        bring(Git(objects.parent), "fetch", URL, MAIN, objects=objects, silence=60, ours=True)
    assert [path.name for path in (objects / "pack").iterdir()] == ["tmp_pack_other"]
    (line / "over").touch()


def test_one_that_is_stopped_ends_at_once(tmp_path: Path, line: Path) -> None:
    """Whoever waits for a project's branch need not wait for its line."""
    (tmp_path / "stopped").touch()
    with pytest.raises(GitTimeout):
        _project(tmp_path)
    (line / "over").touch()


def test_the_time_begins_anew_with_each_byte(tmp_path: Path) -> None:
    """What goes counts as well: git moves what it has brought."""
    clock, folder = [0.0], tmp_path / "pack"
    watch = Growth(folder, 60.0, lambda: clock[0])
    clock[0] = 59.0
    assert not watch.stands_still()
    folder.mkdir()
    (folder / "tmp_pack_a").write_bytes(b"x")
    clock[0] = 61.0
    assert not watch.stands_still()
    clock[0] = 120.0
    assert not watch.stands_still()
    (folder / "tmp_pack_a").unlink()
    clock[0] = 122.0
    assert not watch.stands_still()
    clock[0] = 182.0
    assert watch.stands_still()


def _counts(line: Path, monkeypatch: pytest.MonkeyPatch, *, most: int, passes: float) -> list[int]:
    """Has the server count in so many steps, `passes` seconds after each that was heard; how much was said by then."""
    hook, heard, read = line.parent / "hook", [0], growing_fetch.said_bytes
    hook.write_text(COUNTS.format(python=sys.executable, turns=str(line), most=most), encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PACK_OBJECTS_HOOK", str(hook))

    def said(words: IO[bytes]) -> int:
        found = read(words)
        if found > heard[-1]:
            (line / f"counted-{len(heard) - 1}").touch()
            heard.append(found)
        return found

    monkeypatch.setattr(growing_fetch, "said_bytes", said)
    monkeypatch.setattr(growing_fetch, "monotonic", lambda: len(heard) * passes)
    return heard


@pytest.mark.parametrize("fetch", [_ledger, _project, _watched_clone])
def test_a_server_that_counts_is_waited_for(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Fetch
) -> None:
    """Nothing comes for four times the limit, but each step that the server says begins it anew."""
    limit = FETCH_SILENCE_SECONDS if fetch is _watched_clone else FIRST_FETCH_TIMEOUT_SECONDS
    heard = _counts(line, monkeypatch, most=8, passes=limit / 2)
    for number in range(40):
        (line / f"through-{number}").touch()
    folder = fetch(tmp_path)
    assert len(heard) > 8
    with closing(GitStore(folder)) as store:
        assert store.get(git(tmp_path / "ledger.git", "rev-parse", "main:file-9").strip())


def test_one_that_only_counts_ends(tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may say for ever that it is at work: ten times the limit without a byte is enough."""
    heard = _counts(line, monkeypatch, most=10**9, passes=FIRST_FETCH_TIMEOUT_SECONDS / 2)
    with pytest.raises(GitTimeout, match="no answer within 18000 s"):
        _project(tmp_path)
    assert 15 < len(heard) < 30


@pytest.mark.parametrize("fetch", [_ledger, _project, _watched_clone])
def test_what_git_does_here_is_heard_too(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, fetch: Fetch
) -> None:
    """Deltas of a large pack take this machine minutes in which nothing comes. Nobody is told such words."""
    for number in range(40):
        (line / f"through-{number}").touch()
    heard, read = list[bytes](), progress_words.without_progress
    monkeypatch.setattr(progress_words, "without_progress", lambda said: heard.append(said) or read(said))
    fetch(tmp_path)
    assert b"Receiving objects: 100%" in heard[0].replace(b"remote: ", b"")
    assert b"objects" not in read(heard[0])


def test_what_git_itself_refuses_is_told_as_ever(tmp_path: Path) -> None:
    """Not as a line that stood still."""
    git(tmp_path, "init", "--quiet", "--bare", "r.git")
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        bring(Git(tmp_path / "r.git"), "fetch", "nowhere", objects=tmp_path / "r.git" / "objects", silence=60)
