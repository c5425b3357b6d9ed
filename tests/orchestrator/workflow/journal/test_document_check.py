"""Does the check work on any folder, and as a command?"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.workflow.journal.document_check import check_documents
from tests import program
from tests.orchestrator.repositories import git

SHARED = Path(os.environ.get("SHIFTBOOK_SHARED") or Path(__file__).parents[5] / "shared")
REAL = SHARED / "data" / "handoff-real"
TODAY = "2026-11-21"


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a hook runs it."""
    return program.run("handoff", "check", *words, env=os.environ, cwd=folder)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_the_real_documents_are_read_where_they_are() -> None:
    """Another team's documents, UTF-16 among them: exactly what is wrong, as file:line: rule: why → what to do."""
    found = check_documents(REAL, today="2025-12-20")
    context = "projects/imposer/PROJECT_CONTEXT.md"
    assert [(one.file, one.line, one.rule) for one in found] == [
        ("PORTFOLIO_CONTEXT.md", 1, "missing-tier"),
        ("SESSION_LOG.md", 139, "untaken-step"),
        (context, 1, "encoding"),
        (context, 39, "machine-path"),
        (context, 78, "contradiction"),
        (context, 185, "log-in-wrong-tier"),
        (context, 272, "out-of-date"),
        (context, 272, "repeated"),
        (context, 273, "out-of-date"),
    ]
    done = check(REAL, ".", "--today", "2025-12-20")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 9
    assert f"{context}:1: encoding: saved as utf-16" in done.stdout
    assert " → " in done.stdout.splitlines()[0]


def test_a_sound_folder_is_right_and_a_missing_one_is_wrong_use(tmp_path: Path) -> None:
    """Exit codes 0, 1 and 2; JSON has each finding."""
    (tmp_path / "PROJECT_CONTEXT.md").write_text("# Context\n\nThis project sells books to people who read.\n")
    (tmp_path / "SESSION_BRIEFING.md").write_text("# Briefing\n\nWe are moving the shop to another machine.\n")
    (tmp_path / "SESSION_LOG.md").write_text("# Log\n\nAppend-only: every session adds an entry at the end.\n")
    assert check(tmp_path).returncode == 0
    (tmp_path / "SESSION_BRIEFING.md").write_text("# Briefing\n")
    done = check(tmp_path, "--json")
    assert done.returncode == 1
    assert [(one["file"], one["line"], one["rule"]) for one in json.loads(done.stdout)] == [
        ("SESSION_BRIEFING.md", 1, "empty-tier")
    ]
    assert check(tmp_path, "nowhere").returncode == 2


def test_what_git_ignores_is_not_looked_at(tmp_path: Path) -> None:
    """In a repository files that Git would show count; elsewhere well-known folders are left out."""
    for folder in ("old", "node_modules/x"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "PROJECT_CONTEXT.md").write_text("# Context\n")
    assert {one.file.partition("/")[0] for one in check_documents(tmp_path, today=TODAY)} == {"old"}
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("old\nnode_modules\n")
    assert [one.why for one in check_documents(tmp_path, today=TODAY)] == ["there is no handoff document at all"]


def test_the_hook_is_shipped() -> None:
    """pre-commit finds the hook in this repository, and it runs this command."""
    import yaml

    (hook,) = yaml.safe_load((Path(__file__).parents[4] / ".pre-commit-hooks.yaml").read_text())
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == ("shiftbook handoff check", "python", False)
