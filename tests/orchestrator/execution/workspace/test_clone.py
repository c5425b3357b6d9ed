"""Facts about where an attempt at a project works, and about what comes back from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from missions.mission import Mission
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob, Project
from orchestrator.execution.workspace.attempt_dir import open_attempt_dir
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.git_tree import CommittedWork
from tests.orchestrator.conftest import Shell
from tests.orchestrator.repositories import Server, git
from tests.waiting import once

STOP = threading.Event()


def opened(server: Server, tmp_path: Path, *, attempt: int = 1, branch: str = "main") -> Workspace:
    """A workspace for an attempt at the mission `fix`."""
    folder = tmp_path / f"attempt-{attempt}"
    folder.mkdir()
    project = Project(name="shop", url=str(server.folder), branch=branch)
    return Workspaces(cache=tmp_path / "cache").open(project, mission="fix", attempt=attempt, folder=folder, stop=STOP)


def finished(workspace: Workspace) -> CommittedWork:
    """What came of it."""
    trailers = {"Shiftbook-Mission": "fix", "Shiftbook-Attempt": "1"}
    return workspace.settle(workspace.snapshot(), node="desk", title="Fix the door", trailers=trailers)


def test_fresh(server: Server, tmp_path: Path) -> None:
    """Each attempt starts from what the server has now, on a branch of its own, with the base recorded."""
    first = opened(server, tmp_path)
    newer = server.push({"README.md": "newer\n"})
    second = opened(server, tmp_path, attempt=2)
    assert (first.branch, second.branch, second.base) == ("shiftbook/fix/1", "shiftbook/fix/2", newer)
    assert (first.tree / "README.md").read_text() == "hello\n"
    assert (second.tree / "README.md").read_text() == "newer\n"


def test_agents_own_git_works(server: Server, tmp_path: Path) -> None:
    """The agent's own git finds the history and its branch from inside the tree, and knows no password or server."""
    tree = opened(server, tmp_path).tree
    assert git(tree, "log", "--format=%s") == "a person's commit"
    assert git(tree, "branch", "--show-current") == "shiftbook/fix/1"
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "remote") == ""


def test_commit(server: Server, tmp_path: Path) -> None:
    """All that was changed, added, removed, renamed or made executable is committed as the node, with trailers."""
    workspace = opened(server, tmp_path)
    tree = workspace.tree
    (tree / "new file.txt").write_text("new\n")
    (tree / "src/old.py").rename(tree / "src/neu ä.py")
    (tree / "src/app.py").chmod(0o755)
    (tree / "README.md").unlink()
    (tree / "picture.bin").write_bytes(bytes(range(256)) * 8)
    work = finished(workspace)
    assert work.files == ("README.md", "new file.txt", "picture.bin", "src/app.py", "src/neu ä.py", "src/old.py")
    body = git(tree, "show", "--no-patch", "--format=%an|%s|%(trailers:unfold,separator=%x2C)", work.commit)
    assert body == "desk|Fix the door|Shiftbook-Mission: fix,Shiftbook-Attempt: 1"
    patch = work.patch.decode()
    assert "rename from src/old.py" in patch
    assert "old mode 100644\nnew mode 100755" in patch
    assert "GIT binary patch" in patch


def test_diff_applies(server: Server, tmp_path: Path) -> None:
    """The diff alone rebuilds exactly the tree that was committed, bytes that are no UTF-8 included."""
    workspace = opened(server, tmp_path)
    (workspace.tree / "latin").write_bytes(b"caf\xe9\n")
    (workspace.tree / "picture.bin").write_bytes(os.urandom(5000))
    (workspace.tree / "link").symlink_to("README.md")
    (workspace.tree / "src/old.py").rename(workspace.tree / "moved.py")
    work = finished(workspace)
    subprocess.run(["git", "apply", "--index", "-"], cwd=server.person, input=work.patch, check=True)
    assert git(server.person, "write-tree") == git(workspace.tree, "rev-parse", f"{work.commit}^{{tree}}")


def test_nothing_done(server: Server, tmp_path: Path) -> None:
    """No change is no commit, an empty diff and no error."""
    workspace = opened(server, tmp_path)
    work = finished(workspace)
    assert (work.commit, work.files, work.patch) == (workspace.base, (), b"")


def test_ignored(server: Server, tmp_path: Path) -> None:
    """What the project ignores is not committed."""
    server.push({".gitignore": "build/\n"})
    workspace = opened(server, tmp_path)
    (workspace.tree / "build").mkdir()
    (workspace.tree / "build/out").write_text("x")
    assert finished(workspace).files == ()


def test_push(server: Server, tmp_path: Path) -> None:
    """The branch reaches the project's server; the default branch stays where it was."""
    workspace = opened(server, tmp_path)
    (workspace.tree / "new").write_text("new\n")
    work = finished(workspace)
    assert workspace.push(work.commit, stop=STOP) is None
    assert server.refs() == {"main": workspace.base, "shiftbook/fix/1": work.commit}


def test_push_refused(server: Server, tmp_path: Path) -> None:
    """A server that takes no push, or has that branch already, is a note; nothing of the branch is overwritten."""
    taken = server.push({"other": "x"}, branch="shiftbook/fix/1")
    workspace = opened(server, tmp_path)
    (workspace.tree / "new").write_text("new\n")
    work = finished(workspace)
    assert "was not pushed" in (workspace.push(work.commit, stop=STOP) or "")
    assert server.refs()["shiftbook/fix/1"] == taken
    shutil.rmtree(server.folder)
    assert "was not pushed" in (workspace.push(work.commit, stop=STOP) or "")


@pytest.mark.parametrize(
    ("url", "branch", "said"),
    [
        ("/no/such/place", "main", "does not"),
        (None, "nope", "refs/heads/nope"),
        ("ext::sh -c touch% {tmp}/ran", "main", "not allowed"),
        ("--upload-pack=touch {tmp}/ran", "main", "blocked"),
    ],
)
def test_failed(server: Server, tmp_path: Path, url: str | None, branch: str, said: str) -> None:
    """A project that cannot be cloned says which, from where and why, and a hostile URL runs nothing."""
    where = (url or str(server.folder)).replace("{tmp}", str(tmp_path))
    project = Project(name="shop", url=where, branch=branch)
    with pytest.raises(WorkspaceFailed, match="project shop") as caught:
        Workspaces(cache=tmp_path / "cache").open(project, mission="fix", attempt=1, folder=tmp_path, stop=STOP)
    assert said in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_password_hidden(tmp_path: Path) -> None:
    """A password in the project's URL is not repeated in what people see."""
    project = Project(name="shop", url="https://me:sesame@127.0.0.1:9/x.git")
    with pytest.raises(WorkspaceFailed) as caught:
        Workspaces(cache=tmp_path / "cache").open(project, mission="fix", attempt=1, folder=tmp_path, stop=STOP)
    assert "sesame" not in str(caught.value)


def test_stopped_while_cloning(tmp_path: Path) -> None:
    """A server that never answers holds nobody up once the attempt is stopped."""
    stop = threading.Event()
    mute, asked = tmp_path / "mute", tmp_path / "asked"
    mute.write_text(f"#!/bin/sh\ntouch '{asked}'\nexec sleep 600\n")
    mute.chmod(0o755)
    os.environ["GIT_SSH"] = str(mute)
    try:
        project = Project(name="shop", url="ssh://nowhere/x.git")
        with once(asked.exists, stop.set), pytest.raises(WorkspaceFailed, match="stopped"):
            Workspaces(cache=tmp_path / "cache").open(project, mission="fix", attempt=1, folder=tmp_path, stop=stop)
    finally:
        del os.environ["GIT_SSH"]


def test_survives_its_cache(server: Server, tmp_path: Path) -> None:
    """A workspace lacks nothing when the project's kept clone is deleted, and the next one is made anew."""
    workspace = opened(server, tmp_path)
    shutil.rmtree(tmp_path / "cache")
    (workspace.tree / "new").write_text("new\n")
    work = finished(workspace)
    assert git(workspace.tree, "fsck", "--connectivity-only", "--no-dangling") == ""
    assert workspace.push(work.commit, stop=STOP) is None
    assert opened(server, tmp_path, attempt=2).base == workspace.base


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    """Two attempts that open at the same moment both get what the server has."""
    bases: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: bases.append(opened(server, tmp_path, attempt=n).base)) for n in range(1, 5)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert bases == [server.refs()["main"]] * 4


def test_rewritten_server(server: Server, tmp_path: Path) -> None:
    """A server whose default branch was rewritten is followed: its word is what a fresh clone is."""
    opened(server, tmp_path)
    git(server.person, "commit", "--quiet", "--amend", "-m", "rewritten")
    git(server.person, "push", "--quiet", "--force", "origin", "main")
    assert opened(server, tmp_path, attempt=2).base == git(server.person, "rev-parse", "HEAD")


# Attacks. `trap` is a program that leaves a file when it runs; nothing below may run it.


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that must never run."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    program.chmod(0o755)
    return program


def sprung(trap: Path) -> bool:
    """Whether it ran."""
    return trap.with_name("sprung").exists()


def hostile(trap: Path) -> str:
    """Settings that name a program wherever settings can."""
    return (
        f"[core]\n fsmonitor = {trap}\n hooksPath = {trap.parent}\n sshCommand = {trap}\n pager = {trap}\n"
        f'[filter "evil"]\n clean = {trap}\n smudge = {trap}\n process = {trap}\n required = true\n'
        f'[diff "evil"]\n textconv = {trap}\n command = {trap}\n[diff]\n external = {trap}\n'
        f"[gpg]\n program = {trap}\n[commit]\n gpgSign = true\n[alias]\n add = !{trap}\n"
        f"[uploadpack]\n packObjectsHook = {trap}\n"
    )


def test_hostile_settings(server: Server, tmp_path: Path, trap: Path) -> None:
    """Settings, hooks and attributes that an agent without a sandbox wrote into the git folder are not used."""
    server.push({".gitattributes": "* filter=evil diff=evil\n"})
    workspace = opened(server, tmp_path)
    folder = tmp_path / "attempt-1" / "git"
    (folder / "config").write_text(hostile(trap) + "[extensions]\n worktreeConfig = true\n")
    (folder / "config.worktree").write_text(hostile(trap))
    (folder / "info/attributes").write_text("* filter=evil diff=evil\n")
    (folder / "hooks").mkdir()
    for hook in ("pre-commit", "post-checkout", "reference-transaction", "pre-push", "post-index-change"):
        shutil.copy(trap, folder / "hooks" / hook)
    (folder / "HEAD").write_text("ref: refs/heads/elsewhere\n")
    (workspace.tree / "new").write_text("new\n")
    work = finished(workspace)
    assert workspace.push(work.commit, stop=STOP) is None
    assert work.files == ("new",)
    assert not sprung(trap)


def test_hostile_person_settings(server: Server, tmp_path: Path, trap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that the person has set up for their own repositories is not run on a project's content."""
    (tmp_path / ".gitconfig").write_text(f'[filter "lfs"]\n clean = {trap}\n smudge = {trap}\n process = {trap}\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    server.push({".gitattributes": "* filter=lfs\n", "big.bin": "content\n"})
    workspace = opened(server, tmp_path)
    (workspace.tree / "big.bin").write_text("changed\n")
    assert finished(workspace).files == ("big.bin",)
    assert not sprung(trap)


def test_planted_repository(server: Server, tmp_path: Path, trap: Path) -> None:
    """A repository that the agent makes in the tree runs nothing, and its files are in the diff, not behind a link."""
    workspace = opened(server, tmp_path)
    inner = workspace.tree / "vendor" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "--quiet")
    (inner / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (inner / "code.py").write_text("print(1)\n")
    git(inner, "add", "--all")
    git(inner, "commit", "--quiet", "-m", "inner")
    (inner / ".git/config").write_text(hostile(trap))
    (inner / "code.py").write_text("print(2)\n")
    work = finished(workspace)
    assert work.files == ("vendor/inner/.gitattributes", "vendor/inner/code.py")
    assert b"+print(2)" in work.patch
    assert any("vendor/inner" in note for note in work.notes)
    assert not sprung(trap)


def test_change_cannot_hide(server: Server, tmp_path: Path) -> None:
    """Attributes that the agent writes do not turn a change of code into `Binary files differ`."""
    workspace = opened(server, tmp_path)
    (workspace.tree / ".gitattributes").write_text("*.py -diff\n*.py binary\n")
    (workspace.tree / "src/app.py").write_text("import os\n")
    assert b"+import os" in finished(workspace).patch


def test_links(server: Server, tmp_path: Path) -> None:
    """A link that leads out of the tree is kept as a link: what it leads to is neither read nor written."""
    (tmp_path / "secret").write_text("sesame")
    workspace = opened(server, tmp_path)
    (workspace.tree / "src").rename(workspace.tree / "lib")
    (workspace.tree / "src").symlink_to(tmp_path)
    (workspace.tree / "file").symlink_to(tmp_path / "secret")
    work = finished(workspace)
    assert b"sesame" not in work.patch
    assert f"+{tmp_path}/secret".encode() in work.patch
    assert not [name for name in work.files if name.startswith("src/server")]


def test_replaced_gitfile(server: Server, tmp_path: Path, trap: Path) -> None:
    """A `.git` that the agent puts in the place of ours is not looked into."""
    workspace = opened(server, tmp_path)
    (workspace.tree / ".git").unlink()
    git(workspace.tree, "init", "--quiet")
    (workspace.tree / ".git/config").write_text(hostile(trap))
    (workspace.tree / "new").write_text("new\n")
    assert finished(workspace).files == ("new",)
    assert not sprung(trap)


def test_odd_files(server: Server, tmp_path: Path) -> None:
    """A pipe, a name with a line break and one that looks like an option hold nothing up."""
    workspace = opened(server, tmp_path)
    os.mkfifo(workspace.tree / "pipe")
    (workspace.tree / "two\nlines").write_text("x")
    (workspace.tree / "--exec=x").write_text("x")
    assert finished(workspace).files == ("--exec=x", "two\nlines")


def test_submodule_stays_shut(server: Server, tmp_path: Path) -> None:
    """A project's submodules are not fetched."""
    other = tmp_path / "other"
    other.mkdir()
    commit = server.refs()["main"]
    git(server.person, "update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    (server.person / ".gitmodules").write_text(f'[submodule "sub"]\n path = sub\n url = {server.folder}\n')
    git(server.person, "add", ".gitmodules")
    git(server.person, "commit", "--quiet", "-m", "submodule")
    git(server.person, "push", "--quiet", "origin", "main")
    workspace = opened(server, tmp_path)
    assert list((workspace.tree / "sub").iterdir()) == []
    assert finished(workspace).files == ()


def test_large(server: Server, tmp_path: Path) -> None:
    """A change too large for a diff is on the branch whole; the diff names the large file and a note says so."""
    workspace = opened(server, tmp_path)
    (workspace.tree / "small").write_text("small\n")
    with (workspace.tree / "huge").open("wb") as file:
        file.truncate(70 * 1024 * 1024)
    work = finished(workspace)
    assert work.files == ("huge", "small")
    assert b"+small" in work.patch
    assert len(work.patch) < 2000
    assert "not in the diff" in work.notes[0]


def test_git_folder_is_read_only(server: Server, tmp_path: Path, confined: Shell) -> None:
    """In the sandbox the agent's git reads history and status, and cannot write hooks, settings or commits."""
    workspace = opened(server, tmp_path)
    shell = Shell(folder=workspace.folder, sandbox=confined.sandbox)
    protected = workspace.protected
    ran = shell("git log --format=%s && echo x > README.md && git status --porcelain", protected=protected)
    assert ran.output == "a person's commit\n M README.md\n"
    for line in (
        "git config a.b c",
        "git commit -qam x",
        "echo x > ../git/hooks/x",
        "rm .git",
        "mv .git x",
        "echo > .git",
    ):
        assert shell(line, protected=protected).exit_code != 0
    assert finished(workspace).files == ("README.md",)


def test_a_first_fetch_is_one_pack(server: Server, tmp_path: Path) -> None:
    """However few objects there are, as they may be large; what comes later leaves no pack each time."""

    def packs() -> tuple[int, bool]:
        (kept,) = (tmp_path / "cache").glob("*.git")
        loose = [*kept.glob("objects/??/*")]
        return len([*kept.glob("objects/pack/*.pack")]), bool(loose)

    opened(server, tmp_path)
    assert packs() == (1, False)
    server.push({"README.md": "newer\n"})
    opened(server, tmp_path, attempt=2)
    assert packs() == (1, True)


def test_a_tree_that_several_processes_write(server: Server, tmp_path: Path) -> None:
    """It is what one would have written: content, modes, links, line ends; git and the snapshot see no change in it."""
    files = {f"part{i % 7}/deep/{i}.txt": f"{i}\n" * 50 for i in range(300)}
    (server.person / "run.sh").write_text("true\n")
    (server.person / "run.sh").chmod(0o755)
    (server.person / "link").symlink_to("part1")
    server.push({**files, ".gitattributes": "part3/** eol=crlf\n"})
    workspace = opened(server, tmp_path)
    for name, text in files.items():
        ends = "\r\n" if name.startswith("part3/") else "\n"
        assert (workspace.tree / name).read_bytes().decode() == text.replace("\n", ends)
    assert os.access(workspace.tree / "run.sh", os.X_OK)
    assert (workspace.tree / "link").readlink() == Path("part1")
    assert git(workspace.tree, "status", "--porcelain") == ""
    assert workspace.snapshot().files == ()


def test_the_missions_time_begins_when_its_workspace_stands(server: Server, tmp_path: Path) -> None:
    """A large project's first fetch, which may take longer than the mission has, takes nothing of that."""
    stood = []

    class Noting(Workspaces):
        def open(self, *words: Any, **named: Any) -> Workspace:
            made = super().open(*words, **named)
            stood.append(time.monotonic())
            return made

    mission = Mission(name="fix", title="Fix", body="", project="shop")
    project = Project(name="shop", url=str(server.folder))
    folder = tmp_path / "job"
    folder.mkdir()
    job = AgentJob(mission=mission, attempt=1, project=project, context="", folder=folder, say=lambda _: None)
    site = open_attempt_dir(job, "claude", Noting(cache=tmp_path / "cache"), STOP)
    assert site.started >= stood[0]
