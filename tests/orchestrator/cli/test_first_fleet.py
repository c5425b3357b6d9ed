"""Facts about a project that is added before there is a fleet, and about missions that are filed in its clone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import cli
from tests.missions.attachments.pictures import png


@pytest.fixture
def parcel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with one commit, in which the person stands, on a machine without a fleet."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "GIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = you\n\temail = you@shiftbook.invalid\n", encoding="utf-8")
    run_git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "parcel.git")
    run_git(tmp_path, "clone", "--quiet", "parcel.git", "parcel")
    clone = tmp_path / "parcel"
    run_git(clone, "commit", "--quiet", "--allow-empty", "-m", "Begun")
    run_git(clone, "push", "--quiet", "origin", "HEAD:main")
    monkeypatch.chdir(clone)
    return clone


def run_git(folder: Path, *words: str) -> str:
    """Plain git."""
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def typed(*words: str) -> Result:
    """A command, without a terminal."""
    return CliRunner().invoke(cli, words)


def test_a_first_project_brings_its_fleet(parcel: Path, tmp_path: Path) -> None:
    """With the person's yes a fleet is made in a folder of its own; the project's repository is left as it was."""
    before = run_git(parcel, "rev-parse", "HEAD", "HEAD:")
    said = typed("project", "add", ".", "--yes", "--no-try")
    assert said.exit_code == 0, said.output
    assert "[projects.parcel]" in run_git(tmp_path / "fleet.git", "show", "main:fleet.toml")
    assert run_git(parcel, "rev-parse", "HEAD", "HEAD:") == before
    assert not run_git(parcel, "status", "--porcelain")
    assert run_git(tmp_path / "parcel.git", "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]


def test_no_fleet_is_made_unasked(parcel: Path, tmp_path: Path) -> None:
    """Off a terminal, without --yes, one line says what makes one; nothing is there afterwards."""
    said = typed("project", "add", ".", "--no-try")
    assert said.exit_code != 0
    assert "--yes makes one in ~/fleet" in str(said.exception)
    assert not (tmp_path / "fleet").exists()


def test_a_folder_that_holds_something_is_left_alone(parcel: Path, tmp_path: Path) -> None:
    """What lies in ~/fleet may be anything: a fleet is made there by `shiftbook init` alone, which looks at it."""
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "notes.txt").write_text("mine", encoding="utf-8")
    said = typed("project", "add", ".", "--yes", "--no-try")
    assert "shiftbook init FOLDER" in str(said.exception)
    assert [each.name for each in (tmp_path / "fleet").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("more", "project"), [((), "project: parcel"), (("--no-project",), "project: none")], ids=["here", "none"]
)
def test_a_mission_is_for_the_project_in_whose_clone_one_stands(
    parcel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], project: str
) -> None:
    """Also below its top; `--no-project` says otherwise."""
    assert typed("project", "add", ".", "--yes", "--no-try").exit_code == 0
    (parcel / "src").mkdir()
    monkeypatch.chdir(parcel / "src")
    said = typed("mission", "new", "--name", "limit", "--run", "true", *more, "A parcel must cost 4.99.")
    assert said.exit_code == 0, said.output
    assert project in run_git(tmp_path / "fleet.git", "show", "main:missions/limit.md")
    assert ("in whose clone you stand" in said.output) is not bool(more)


def test_another_repository_is_no_project(parcel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that runs is filed without a project where the person stands in none."""
    assert typed("project", "add", ".", "--yes", "--no-try").exit_code == 0
    run_git(tmp_path, "init", "--quiet", "--initial-branch=main", "other")
    monkeypatch.chdir(tmp_path / "other")
    assert typed("mission", "new", "--name", "limit", "--run", "true", "Anything").exit_code == 0
    assert "project:" not in run_git(tmp_path / "fleet.git", "show", "main:missions/limit.md")


def test_files_come_with_a_mission(parcel: Path, tmp_path: Path) -> None:
    """`--attach` puts them into the mission's own commit, by a plain name; what is no such file files nothing."""
    assert typed("project", "add", ".", "--yes", "--no-try").exit_code == 0
    (tmp_path / "Bild schirm.png").write_bytes(png())
    (tmp_path / "page.png").write_bytes(png() + b"<script>")
    os.mkfifo(tmp_path / "pipe")
    new = ("mission", "new", "--no-project", "Look at it.")
    said = typed(*new, "--name", "look", "--attach", str(tmp_path / "Bild schirm.png"))
    assert said.exit_code == 0, said.output
    text = run_git(tmp_path / "fleet.git", "show", "main:missions/look.md")
    blob = text.partition("attachments: ")[2].strip('"').partition(" ")[0].strip('"')
    shown = run_git(tmp_path / "fleet.git", "show", "--stat", "--format=", "main")
    assert f"missions/attachments/{blob}/Bild-schirm.png" in run_git(
        tmp_path / "fleet.git", "ls-tree", "-r", "--name-only", "main"
    )
    assert "missions/look.md" in shown
    for bad, says in (("page.png", "something else follows"), ("pipe", "no plain file")):
        refused = typed(*new, "--name", "odd", "--attach", str(tmp_path / bad))
        assert refused.exit_code != 0
        assert says in str(refused.exception) + refused.output
    assert "missions/odd.md" not in run_git(tmp_path / "fleet.git", "ls-tree", "-r", "--name-only", "main")


def test_bytes_that_are_no_text_are_told_in_one_line(parcel: Path, tmp_path: Path) -> None:
    """An old terminal, or a file's name that was pasted: nothing is filed, and no traceback is shown."""
    assert typed("project", "add", ".", "--yes", "--no-try").exit_code == 0
    before = run_git(tmp_path / "fleet.git", "rev-parse", "main")
    program = [sys.executable, "-m", "orchestrator", "mission", "new", "--no-project", b"Gr\xfc\xdfe"]
    said = subprocess.run(program, capture_output=True, check=False)
    assert (said.returncode, said.stdout) == (2, b"")
    assert said.stderr.count(b"\n") == 1
    assert b"say it in UTF-8" in said.stderr
    assert run_git(tmp_path / "fleet.git", "rev-parse", "main") == before


def test_a_command_that_is_given_no_streams_does_what_it_should(parcel: Path, tmp_path: Path) -> None:
    """As `>&-` and some services begin it: it shows nothing, and no file that it opens takes a stream's number."""
    assert typed("project", "add", ".", "--yes", "--no-try").exit_code == 0
    for words in ("mission new --no-project Look", "mission list --all", "mission show look"):
        shell = ["sh", "-c", f'exec "$0" -m orchestrator {words} <&- >&- 2>&-', sys.executable]
        assert subprocess.run(shell, check=False).returncode == 0, words
    assert "missions/look.md" in run_git(tmp_path / "fleet.git", "ls-tree", "-r", "--name-only", "main")
