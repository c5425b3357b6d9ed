"""Facts about what a repository on this machine may run when its branches are fetched and pushed to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.execution.workspace.served_repository import local_path, served_repository
from sync.errors import GitError
from tests.orchestrator.repositories import Server, git

HOOKS = ("pre-receive", "update", "post-receive", "post-update", "reference-transaction")
PROGRAMS = ("core.fsmonitor", "core.alternateRefsCommand", "core.sshCommand", "gc.recentObjectsHook")
PROGRAMS += ("filter.x.smudge", "remote.x.uploadpack", "hook.x.command", "receive.procReceiveRefs", "gpg.program")


def hook(folder: Path, name: str, line: str) -> None:
    """Gives a repository a hook."""
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / "hooks" / name).chmod(0o755)


def server_of(url: str, sandbox: Bubblewrap | NoSandbox | None = None, *, trusted: bool = False) -> ProjectServer:
    """The server of a project at that address."""
    return ProjectServer(project=Project(name="shop", url=url, trust_hooks=trusted), sandbox=sandbox)


def offer(server: Server) -> str:
    """A commit in the person's clone that the server has not."""
    git(server.person, "commit", "--quiet", "--allow-empty", "-m", "new")
    return git(server.person, "rev-parse", "HEAD")


@pytest.mark.parametrize("bare", [True, False])
def test_no_hook_runs_on_the_host(bare: bool, server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """All five run in the sandbox, where they reach nothing but the repository; the branch arrives."""
    folder = server.folder
    if not bare:
        git(tmp_path, "clone", "--quiet", str(server.folder), str(tmp_path / "unpacked"))
        folder = tmp_path / "unpacked/.git"
    for name in HOOKS:
        hook(folder, name, f"touch {tmp_path}/{name}; touch {folder}/seen-{name}; exit 0")
    git(folder, "config", "core.fsmonitor", f"touch {tmp_path}/fsmonitor")
    git(folder, "config", "core.alternateRefsCommand", f"touch {tmp_path}/refs")
    address = str(folder if bare else folder.parent)
    there, commit = server_of(address, bubblewrap), offer(server)
    there.push(server.person, commit, "shiftbook/a/1")
    assert there.tip(server.person, "shiftbook/a/1") == commit
    assert not [each.name for each in tmp_path.iterdir() if each.name in (*HOOKS, "fsmonitor", "refs")]
    assert all((folder / f"seen-{name}").exists() for name in HOOKS)


def test_a_work_tree_with_hooks_comes_along(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """With updateInstead the sandbox lets a push write the tree, too; and only then."""
    git(tmp_path, "clone", "--quiet", str(server.folder), str(tmp_path / "tree"))
    tree = tmp_path / "tree"
    hook(tree / ".git", "post-receive", f"touch {tree}/by-hook {tmp_path}/outside; exit 0")
    (server.person / "new").write_text("x\n")
    git(server.person, "add", "new")
    there, commit = server_of(str(tree), bubblewrap), offer(server)
    there.push(server.person, commit, "shiftbook/a/1")
    assert not (tree / "by-hook").exists()
    git(tree, "config", "receive.denyCurrentBranch", "updateInstead")
    there.push(server.person, commit, "main")
    assert (tree / "new").read_text() == "x\n"
    assert not (tmp_path / "outside").exists()


def test_a_hook_that_refuses_is_respected(server: Server, bubblewrap: Bubblewrap) -> None:
    """It is a policy, and its words are told."""
    hook(server.folder, "pre-receive", "echo 'ask in channel 7'; exit 1")
    with pytest.raises(GitError, match="ask in channel 7"):
        server_of(str(server.folder), bubblewrap).push(server.person, offer(server), "shiftbook/a/1")


def test_hooks_run_as_they_are_where_a_person_said_so(server: Server, tmp_path: Path) -> None:
    """`trust_hooks = true`."""
    hook(server.folder, "post-receive", f"touch {tmp_path}/ran")
    server_of(str(server.folder), trusted=True).push(server.person, offer(server), "shiftbook/a/1")
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("sandbox", [None, NoSandbox()])
def test_without_a_sandbox_nothing_is_pushed(sandbox: NoSandbox | None, server: Server, tmp_path: Path) -> None:
    """A hook is neither run nor passed over."""
    hook(server.folder, "pre-receive", f"touch {tmp_path}/ran")
    with pytest.raises(Refused, match=r"hook pre-receive.*trust_hooks = true"):
        server_of(str(server.folder), sandbox).push(server.person, offer(server), "shiftbook/a/1")
    assert not (tmp_path / "ran").exists()
    assert "shiftbook/a/1" not in server.refs()


def test_hooks_that_lie_elsewhere_are_not_passed_over(server: Server, bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """No sandbox would show them, so nothing is pushed."""
    hook(tmp_path, "pre-receive", "exit 1")
    git(server.folder, "config", "core.hooksPath", str(tmp_path / "hooks"))
    with pytest.raises(Refused, match="outside of the repository"):
        server_of(str(server.folder), bubblewrap).push(server.person, offer(server), "shiftbook/a/1")


def test_without_hooks_no_sandbox_is_needed(server: Server) -> None:
    """Samples are no hooks, nor is what may not be executed; plain settings run nothing."""
    hook(server.folder, "update.sample", "exit 1")
    hook(server.folder, "pre-receive", "exit 1")
    (server.folder / "hooks/pre-receive").chmod(0o644)
    git(server.folder, "config", "user.name", "Ann")
    commit = offer(server)
    server_of(f"file://{server.folder}").push(server.person, commit, "shiftbook/a/1")
    assert server.refs()["shiftbook/a/1"] == commit


def test_settings_that_may_name_a_program_are_seen(server: Server, tmp_path: Path) -> None:
    """Also in a file that the settings include."""
    (tmp_path / "more").write_text("")
    for setting in PROGRAMS:
        git(tmp_path, "config", "--file", str(tmp_path / "more"), setting, "x")
    git(server.folder, "config", "include.path", str(tmp_path / "more"))
    found = served_repository(str(server.folder), tmp_path)
    assert found is not None
    assert {f"setting {setting.lower()}" for setting in PROGRAMS} <= set(found.runs)


def test_a_push_updates_no_files_outside_of_the_repository(bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """Settings may name a work tree anywhere on this machine, and have each push write there."""
    folder, person, elsewhere = tmp_path / "unpacked", tmp_path / "person", tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    git(tmp_path, "clone", "--quiet", str(folder), str(person))
    (person / "planted").write_text("x")
    git(person, "add", "--all")
    git(person, "commit", "--quiet", "-m", "x")
    git(folder, "config", "receive.denyCurrentBranch", "updateInstead")
    git(folder, "config", "core.worktree", str(elsewhere))
    with pytest.raises(GitError):
        server_of(str(folder), bubblewrap).push(person, git(person, "rev-parse", "HEAD"), "main")
    assert list(elsewhere.iterdir()) == []


def test_a_plain_clone_brings_nothing_along(server: Server, tmp_path: Path) -> None:
    """What git itself writes into a repository's settings names no program."""
    found = served_repository(str(server.person), tmp_path)
    assert found is not None
    assert found.runs == ()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/a.git", "/srv/a.git"),
        ("file:///srv/a.git", "/srv/a.git"),
        ("FILE://localhost/srv/a", "/srv/a"),
        ("../a:b", "../a:b"),
        ("git@example.com:a", None),
        ("https://example.com/a", None),
        ("ssh://h/a", None),
        ("host:a/b", None),
        ("~no-such-user/a", "~no-such-user/a"),
    ],
)
def test_local_path(url: str, path: str | None) -> None:
    """What git takes for a path, and nothing else."""
    found = local_path(url)
    assert (str(found) if found else None) == path


def test_fetching_runs_nothing(server: Server, tmp_path: Path) -> None:
    """Neither hooks nor what packs, fetches lazily or watches files."""
    for name in (*HOOKS, "post-upload-pack", "post-checkout"):
        hook(server.folder, name, f"touch {tmp_path}/ran")
    for setting in (*PROGRAMS, "uploadpack.packObjectsHook"):
        git(server.folder, "config", setting, f"touch {tmp_path}/ran;")
    git(tmp_path, "init", "--quiet", "--bare", "mine.git")
    server_of(str(server.folder)).fetch(tmp_path / "mine.git", "+refs/heads/main:refs/heads/main")
    assert not (tmp_path / "ran").exists()
    assert subprocess.run(["git", "rev-parse", "main"], cwd=tmp_path / "mine.git", check=False).returncode == 0
