"""Facts about what `init` asks once: three questions, each with an answer that Enter takes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import cli
from orchestrator.cli.first_questions import ask


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A first ledger in an empty home folder, with one coding agent's program on the path."""
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho codex-cli 0.169.0\n", encoding="utf-8")
    program.chmod(0o755)
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "GIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", "for the look of it")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cli, ["init", str(tmp_path / "fleet")])
    assert said.exit_code == 0, said.output
    assert "question" not in said.output, "no terminal, no question"
    return tmp_path / "fleet"


def run_git(folder: Path, *words: str) -> str:
    """Plain git."""
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def answer(ledger: Path, *lines: str) -> Result:
    """Types the lines at the questions."""
    return CliRunner().invoke(click.command()(lambda: ask(ledger)), input="".join(f"{line}\n" for line in lines))


def test_enter_changes_nothing(made: Path, tmp_path: Path) -> None:
    """Three times Enter leaves the machine as `init` made it."""
    before = (tmp_path / "home" / ".env").read_bytes()
    said = answer(made, "", "", "")
    assert said.exit_code == 0, said.output
    assert [said.output.count(f"{number}. W") for number in (1, 2, 3)] == [1, 1, 1]
    assert "shiftbook mission new" in said.output
    assert (tmp_path / "home" / ".env").read_bytes() == before


def test_answers_are_done_at_once(made: Path, tmp_path: Path) -> None:
    """Agent and address stand in the machine's settings, which only their owner reads; the repository is a project."""
    project = tmp_path / "parcel"
    run_git(tmp_path, "init", "--quiet", "--initial-branch=main", str(project))
    run_git(project, "-c", "user.name=n", "-c", "user.email=n@n", "commit", "--quiet", "--allow-empty", "-m", "Begun")
    said = answer(made, "codex", str(project), "json://127.0.0.1:9/x")
    assert said.exit_code == 0, said.output
    kept = tmp_path / "home" / ".env"
    assert "SHIFTBOOK_AGENTS=codex" in kept.read_text().replace("'", "")
    assert "SHIFTBOOK_NOTIFY=" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert "[projects.parcel]" in run_git(tmp_path / "fleet.git", "show", "main:fleet.toml")


def test_a_wrong_answer_is_said_and_the_next_question_asked(made: Path, tmp_path: Path) -> None:
    """What cannot be done is one line; nothing of it is kept."""
    said = answer(made, "", str(tmp_path / "nowhere"), "nonsense")
    assert said.exit_code == 0, said.output
    assert "is no folder on this machine" in said.output
    assert "SHIFTBOOK_NOTIFY" in said.output
    assert "SHIFTBOOK_NOTIFY" not in (tmp_path / "home" / ".env").read_text()


def test_on_a_terminal_there_is_one_next_step(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the questions are asked their last line says how to go on, and nothing else does."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "another"))
    said = CliRunner().invoke(cli, ["init", str(tmp_path / "second")], input="\n\n\n")
    assert said.exit_code == 0, said.output
    assert said.output.count("Next:") == 1
    assert said.output.splitlines()[-1].startswith("Next: `shiftbook mission new")


def test_what_was_mended_is_said(made: Path) -> None:
    """A clone whose merge driver starts a program that is gone is not called one with nothing to do."""
    driver = run_git(made, "config", "merge.shiftbook.driver")
    run_git(made, "config", "merge.shiftbook.driver", "/gone/python -P" + driver.partition(" -P")[2].rstrip("\n"))
    said = CliRunner().invoke(cli, ["init", str(made)])
    assert said.output.splitlines()[0] == "mended the merge driver: it starts /gone/python, which is gone"
    assert "nothing to do" not in said.output
    assert CliRunner().invoke(cli, ["init", str(made)]).output.startswith("nothing to do: ")
