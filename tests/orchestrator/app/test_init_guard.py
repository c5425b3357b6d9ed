"""Is a project's repository left alone by `init` unless its owner says so, and whole again where it fails?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app.init_guard import repository_in_use, undone_on_failure
from orchestrator.cli import cli
from tests.orchestrator.repositories import Server, git


def state(folder: Path) -> tuple[str, ...]:
    """All that `init` may change in a repository."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if ".git" not in path.parts)
    return (
        git(folder, "rev-parse", "HEAD"),
        git(folder, "status", "--porcelain"),
        (folder / ".git/config").read_text(),
        *files,
    )


def test_which_folders_are_somebodys(server: Server, tmp_path: Path) -> None:
    """A repository with commits, and any folder in it; not an empty one, a ledger, or a clone that is only behind."""
    used = repository_in_use(server.person)
    assert used is not None
    assert f"push them to main of {server.folder}" in used.says
    assert repository_in_use(server.person / "src") == repository_in_use(server.person / "not/there/yet") == used
    assert repository_in_use(tmp_path) is None
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    assert repository_in_use(tmp_path / "empty") is None
    git(tmp_path, "clone", "--quiet", str(server.folder), "behind")
    server.push({"fleet.toml": "", "README.md": "ledger\n"})
    assert repository_in_use(server.person) is None
    git(tmp_path / "behind", "fetch", "--quiet")
    assert repository_in_use(tmp_path / "behind") is None


def test_without_a_terminal_it_refuses(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the line to type; nothing is written or pushed."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "node"))
    before = state(server.person), server.refs()
    done = CliRunner().invoke(cli, ["init", str(server.person)])
    assert "`shiftbook init ~/fleet`" in str(done.exception)
    assert f"`shiftbook init {server.person} --here`" in str(done.exception)
    assert (state(server.person), server.refs()) == before


def test_a_failure_leaves_nothing(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that declines the push: files, index, branch and settings are as before; a good push goes through."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "node"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (server.person / "README.md").write_text("being worked on\n")
    before = state(server.person)
    (server.folder / "hooks").mkdir(exist_ok=True)
    refusing = server.folder / "hooks/pre-receive"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    assert CliRunner().invoke(cli, ["init", str(server.person), "--here"]).exit_code
    assert state(server.person) == before
    refusing.unlink()
    done = CliRunner().invoke(cli, ["init", str(server.person), "--here"])
    assert done.exit_code == 0, done.output
    assert "fleet.toml" in server.show("main:")
    assert git(server.person, "status", "--porcelain") == "M README.md"


def test_what_was_pushed_stays(server: Server) -> None:
    """A failure after the push takes nothing back: others have it."""
    (server.person / "x").write_text("x\n")
    git(server.person, "add", "x")

    def found() -> None:
        with undone_on_failure(server.person):
            git(server.person, "commit", "--quiet", "-m", "ledger")
            git(server.person, "push", "--quiet", "origin", "main")
            raise OSError("late")

    with pytest.raises(OSError, match="late"):
        found()
    assert git(server.person, "log", "-1", "--format=%s") == "ledger"
