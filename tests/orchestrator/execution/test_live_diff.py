"""Does who watches see what an attempt has changed so far, and does looking do nothing that the attempt wanted done?"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from missions.live_view import MAX_DIFF_BYTES
from orchestrator.core.ports.agent import Project
from orchestrator.execution.live_diff import diff_so_far
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from tests.orchestrator.repositories import Server, git

TOKEN = "ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8"


@pytest.fixture
def workspace(server: Server, tmp_path: Path) -> Workspace:
    """A clone in which an attempt works."""
    folder = tmp_path / "attempt"
    folder.mkdir()
    project = Project(name="shop", url=str(server.folder), branch="main")
    stop = threading.Event()
    return Workspaces(cache=tmp_path / "cache").open(project, mission="fix", attempt=1, folder=folder, stop=stop)


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file below a folder, with its size and when it was written."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def test_where_there_is_no_project_there_is_no_diff(tmp_path: Path) -> None:
    """Nor where git cannot say: who watches is shown the rest."""
    assert diff_so_far(tmp_path) is None
    (tmp_path / "git").mkdir()
    (tmp_path / "tree").mkdir()
    assert diff_so_far(tmp_path) is None


def test_what_is_changed_is_counted_and_shown(workspace: Workspace) -> None:
    """Changed, deleted and new files; none at first; the files of the handoff are no work; nothing is written."""
    none = diff_so_far(workspace.folder)
    assert none is not None
    assert (none.files, none.text, none.cut) == (0, "", False)
    (workspace.tree / "README.md").write_text("one\ntwo\n")
    (workspace.tree / "src/old.py").unlink()
    (workspace.tree / "neu ä\n.txt").write_text("new\n")
    for name in ("AGENTS.md", "CLAUDE.md"):
        (workspace.tree / name).write_text("The handoff.\n")
    before = everything(workspace.folder)
    seen = diff_so_far(workspace.folder)
    assert seen is not None
    assert (seen.files, seen.added) == (3, 2)
    assert "+two\n" in seen.text
    assert [line for line in seen.text.splitlines() if "neu" in line] == ["new file: neu ä .txt"]
    assert "handoff" not in seen.text
    assert everything(workspace.folder) == before


def test_content_that_looks_like_a_diff_is_not_counted(workspace: Workspace) -> None:
    """What a file says is never taken for another file."""
    (workspace.tree / "README.md").write_text("x\ndiff --git a/x b/x\n\0diff --git a/y b/y\n:100644 100644 a b M\n")
    (workspace.tree / "src/app.py").write_text("diff --git a/x b/x\n")
    seen = diff_so_far(workspace.folder)
    assert seen is not None
    assert seen.files == 2


def test_no_secret_is_shown_wherever_the_diff_is_cut(workspace: Workspace) -> None:
    """Neither in what is shown, nor torn at its end; that more follows is said."""
    before = "".join(f"line {number}\n" for number in range(MAX_DIFF_BYTES // 8))
    (workspace.tree / "README.md").write_text(f"{TOKEN}\n{before}{TOKEN}\n" + "more\n" * 200_000)
    seen = diff_so_far(workspace.folder)
    assert seen is not None
    assert "A1b2C3d4" not in seen.text
    assert (seen.cut, seen.files) == (True, 1)
    assert len(seen.text.encode()) <= MAX_DIFF_BYTES


@pytest.mark.parametrize("name", ["filter", "diff", "nested", "named"])
def test_looking_runs_nothing_of_the_attempts(workspace: Workspace, tmp_path: Path, name: str) -> None:
    """Attributes that name a filter or a driver, a repository in the tree with settings of its own, settings that lie
    where git might look: nothing of it runs."""
    tree, ran = workspace.tree, tmp_path / "ran"
    settings = f'[core]\n\tfsmonitor = "touch {ran}; false"\n[filter "x"]\n\tclean = touch {ran}\n'
    settings += f'[diff "x"]\n\tcommand = touch {ran}\n\ttextconv = touch {ran}\n[diff]\n\texternal = touch {ran}\n'
    (tree / "README.md").write_text("changed\n")
    if name in {"filter", "diff"}:
        (tree / ".gitattributes").write_text(f"* {name}=x\n")
        (tree / ".gitconfig").write_text(settings)
    elif name == "nested":
        (tree / "inner").mkdir()
        git(tree / "inner", "init", "--quiet")
        with (tree / "inner/.git/config").open("a") as file:
            file.write(settings)
        (tree / "inner/a").write_text("a\n")
    else:
        (tree / ".git").unlink()
        git(tree, "init", "--quiet")
        with (tree / ".git/config").open("a") as file:
            file.write(settings)
    seen = diff_so_far(workspace.folder)
    assert seen is not None
    assert "+changed" in seen.text
    assert not ran.exists()


def test_a_pipe_and_a_loop_stop_nobody(workspace: Workspace) -> None:
    """What never ends when it is read is not read."""
    (workspace.tree / "README.md").unlink()
    os.mkfifo(workspace.tree / "README.md")
    (workspace.tree / "loop").symlink_to(workspace.tree / "loop")
    (workspace.tree / "out").symlink_to("/etc/passwd")
    seen = diff_so_far(workspace.folder)
    assert seen is None or "root:" not in seen.text
