"""Are repositories found, told truly, and never run?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.cli.project.discover import without_programs
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.repository_address import without_credentials
from orchestrator.workflow.projects.discovery import (
    DiscoveredRepository,
    discover,
    repository_from_folder,
    repository_from_url,
    tools_here,
)
from tests.orchestrator.repositories import Server, git


def repository(folder: Path, *, origin: str = "", branch: str = "main", files: dict[str, str] | None = None) -> Path:
    """A work tree with a commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", f"--initial-branch={branch}")
    for name, text in (files or {"README.md": "hello\n"}).items():
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    if origin:
        git(folder, "remote", "add", "origin", origin)
    return folder


def test_what_lies_under_a_folder(tmp_path: Path, server: Server) -> None:
    """Clones, bare repositories, work trees without a server, by name; links, hidden folders and dependencies not."""
    top = tmp_path / "code"
    repository(
        top / "shop", origin="git@example.com:me/web-shop.git", files={"Makefile": "all:\n\ntest: all\n\ttrue\n"}
    )
    repository(top / "work/deep/notes", branch="trunk")
    repository(top / ".hidden/secret")
    repository(top / "app/node_modules/left")
    git(top, "clone", "--quiet", "--bare", str(server.folder), str(top / "mirror.git"))
    (top / "loop").symlink_to(top)
    found, wrong = discover(top)
    assert [(one.name, one.url, one.branch, one.test) for one in found] == [
        ("notes", str(top / "work/deep/notes"), "trunk", ""),
        ("server", str(server.folder), "main", ""),
        ("web-shop", "git@example.com:me/web-shop.git", "main", "make test"),
    ]
    assert wrong == []
    assert [one.local for one in found] == [True, True, False]


def test_the_depth_is_bounded(tmp_path: Path) -> None:
    """What lies deeper is not looked for; what lies inside of a repository is its own business."""
    repository(tmp_path / "a/b/c/one")
    repository(tmp_path / "a/b/c/one/inner/two")
    assert discover(tmp_path, depth=3)[0] == []
    assert [one.name for one in discover(tmp_path, depth=4)[0]] == ["one"]


def test_two_clones_are_one_and_two_of_a_name_are_told_apart(tmp_path: Path) -> None:
    """By where they come from, however that is written."""
    repository(tmp_path / "one", origin="git@example.com:me/shop.git")
    repository(tmp_path / "two", origin="https://example.com/me/shop")
    repository(tmp_path / "three", origin="https://example.com/you/shop.git")
    assert {one.name for one in discover(tmp_path)[0]} == {"me-shop", "you-shop"}


def test_one_without_a_commit_is_told_and_left_out(tmp_path: Path) -> None:
    """And the others are found all the same."""
    repository(tmp_path / "good")
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    found, wrong = discover(tmp_path)
    assert [one.name for one in found] == ["good"]
    assert "has no commit" in wrong[0]
    with pytest.raises(NotFound):
        discover(tmp_path / "nowhere")


def test_the_servers_default_branch_counts(tmp_path: Path, server: Server) -> None:
    """Not the one that somebody has checked out."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(server.folder), str(clone))
    git(clone, "checkout", "--quiet", "-b", "mine")
    assert repository_from_folder(clone).branch == "main"
    assert repository_from_url(str(server.folder)).branch == "main"
    assert repository_from_url("https://example.com/me/shop.git", branch="dev").branch == "dev"
    with pytest.raises(WrongSetting, match="cannot be reached"):
        repository_from_url(str(tmp_path / "nowhere.git"))


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://ada:secret@example.com/me/shop.git", "https://example.com/me/shop.git"),
        ("https://ghp_0123@example.com/me/shop.git", "https://example.com/me/shop.git"),
        ("ssh://git:secret@example.com/me/shop.git", "ssh://git@example.com/me/shop.git"),
        ("git@example.com:me/shop.git", "git@example.com:me/shop.git"),
    ],
)
def test_no_password_is_taken_over(tmp_path: Path, url: str, clean: str) -> None:
    """A clone's address is taken without it; one that a person types with it is refused, and not repeated."""
    assert without_credentials(url) == clean
    assert repository_from_folder(repository(tmp_path / "one", origin=url)).url == clean
    if url != clean:
        with pytest.raises(WrongSetting) as raised:
            repository_from_url(url, branch="main")
        assert "secret" not in str(raised.value)
        assert "ghp_" not in str(raised.value)


@pytest.mark.parametrize("url", ["ext::sh -c 'touch x'", "--upload-pack=touch x", "fd::7"])
def test_an_address_that_runs_something_is_refused(url: str) -> None:
    """git has such; none is asked for anything."""
    with pytest.raises(WrongSetting):
        repository_from_url(url)


def test_nothing_of_a_hostile_repository_runs(tmp_path: Path) -> None:
    """Hooks, aliases, fsmonitor, a pager and what its files say: none leaves a trace."""
    bad, trace = repository(tmp_path / "bad"), tmp_path / "trace"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "alias.config", "credential.helper"):
        git(bad, "config", key, f"!touch {trace}" if key.startswith("alias") else f"touch {trace}")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (bad / ".git/hooks").mkdir(exist_ok=True)
        (bad / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {trace}\n")
        (bad / ".git/hooks" / hook).chmod(0o755)
    (bad / "Makefile").write_text(f"$(shell touch {trace})\ntest:\n\ttrue\n")
    (bad / "package.json").write_text("[" * 2000)
    (tmp_path / "elsewhere").write_text("[tool.pytest]\n")
    (bad / "pyproject.toml").symlink_to(tmp_path / "elsewhere")
    found, _ = discover(tmp_path)
    assert [(one.name, one.test) for one in found] == [("bad", "make test")]
    assert not trace.exists()
    assert {"hook reference-transaction", "setting core.fsmonitor", "setting alias.config"} <= set(found[0].runs)


def test_yes_leaves_out_what_brings_programs_along(capsys: pytest.CaptureFixture[str]) -> None:
    """And says so, with the command that adds it after a look."""
    plain = DiscoveredRepository(name="plain", url="/srv/plain.git")
    hooked = DiscoveredRepository(name="hooked", url="/srv/hooked.git", runs=("hook update",))
    assert without_programs([plain, hooked]) == [plain]
    assert "hooked is left out" in (told := capsys.readouterr().err)
    assert "hook update" in told
    assert "shiftbook project add /srv/hooked.git" in told


def test_a_folder_that_cannot_be_looked_into_holds_no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH may come from somebody else, as by `su`: what is in its other folders is found all the same."""
    program = tmp_path / "bin" / "shown"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["/" + "x" * 300, str(program.parent)]))
    with pytest.raises(OSError, match="too long"):
        Path("/" + "x" * 300, os.pardir).exists()
    assert tools_here(["shown"]) == (str(program),)
