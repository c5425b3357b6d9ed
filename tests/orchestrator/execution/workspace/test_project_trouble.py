"""Facts about what is wrong with a project's repository so that no attempt would mend it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.execution.workspace.project_trouble import lasting_trouble
from sync.errors import GitError
from tests.orchestrator.repositories import Server, git

SHOP = Project(name="shop", url="git@example.com:me/shop.git", branch="trunk")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("fatal: couldn't find remote ref refs/heads/trunk", "no branch trunk"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "no repository is there"),
        ("fatal: repository 'https://example.com/x/' not found", "no repository is there"),
        ("git@example.com: Permission denied (publickey).\nfatal: Could not read", "access is refused"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "access is refused"),
        ("remote: HTTP Basic: Access denied", "access is refused"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", "access is refused"),
        ("fatal: mismatched algorithms: client sha1; server sha256", "SHA-256"),
        ("fatal: detected dubious ownership in repository at '/srv/x'", "safe.directory"),
        ("git: 'remote-foo' is not a git command. See 'git --help'.", "correct `url`"),
    ],
)
def test_what_lasts_is_told_with_what_mends_it(said: str, told: str) -> None:
    """By what git and servers say."""
    assert told in lasting_trouble(SHOP, GitError(("fetch",), 128, said))


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'https://x/': Could not resolve host: x",
        "ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote repository.",
        "fatal: unable to access 'https://x/': The requested URL returned error: 502",
    ],
)
def test_what_may_pass_is_tried_again(said: str) -> None:
    """A server that is away."""
    assert lasting_trouble(SHOP, GitError(("fetch",), 128, said)) == ""


@pytest.mark.parametrize("what", ["no branch", "nothing there", "shallow", "sha256"])
def test_real_repositories(what: str, server: Server, tmp_path: Path) -> None:
    """What git really says of each, and the command that mends it."""
    url, branch = str(server.folder), "main"
    if what == "shallow":
        git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{server.folder}", "part.git")
        server.push({"a": "a\n"})
        git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{server.folder}", "part2.git")
        url = str(tmp_path / "part2.git")
    elif what == "sha256":
        git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", "other")
        git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", "x")
        url = str(tmp_path / "other")
    elif what == "nothing there":
        url = str(tmp_path / "nowhere.git")
    else:
        branch = "trunk"
    project = Project(name="shop", url=url, branch=branch)
    with pytest.raises(WorkspaceFailed) as raised:
        Workspaces(cache=tmp_path / "cache").open(
            Project(name="shop", url=url, branch=branch),
            mission="m",
            attempt=1,
            folder=tmp_path,
            stop=threading.Event(),
        )
    words = {"shallow": "--unshallow", "sha256": "SHA-256", "nothing there": "no repository", "no branch": "trunk"}
    assert words[what] in str(raised.value)
    assert raised.value.lasting
    told = ProjectServer(project=project).trouble(tmp_path, timeout=20.0)
    assert words[what] in told
