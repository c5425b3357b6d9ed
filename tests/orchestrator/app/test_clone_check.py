"""Does a push of what the fleet would not take stop, and does nothing of a person's change by looking?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app.clone_check import check_clone, check_push
from orchestrator.app.setup import init
from orchestrator.cli import cli
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from tests.orchestrator.clones import git
from tests.templates import Template

WHO = ("-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


@pytest.fixture(scope="module")
def made() -> Template:
    """A person's clone of a ledger."""
    return Template.of(lambda folder: init(folder / "clone", Settings(home=folder / "home", node_id="desk")) and None)


@pytest.fixture
def clone(made: Template, tmp_path: Path) -> Path:
    """A copy of it."""
    made.copy(tmp_path)
    return tmp_path / "clone"


def test_files_are_looked_at_as_they_stand(clone: Path) -> None:
    """Committed or not, staged or not; the index and the files stay as they are."""
    (clone / "missions" / "new.md").write_text("---\npriority: 99\n---\nDo.\n", encoding="utf-8")
    (clone / "missions" / "staged.md").write_text("---\npriority: 98\n---\nDo.\n", encoding="utf-8")
    git(clone, "add", "missions/staged.md")
    (clone / "fleet.toml").unlink()
    before = git(clone, "status", "--porcelain")
    found = {one.place for one in check_clone(clone / "missions")}
    assert found == {"fleet.toml", "missions/new.md:2", "missions/staged.md:2"}
    assert git(clone, "status", "--porcelain") == before
    said = CliRunner().invoke(cli, ["check", str(clone), "--json"])
    assert (said.exit_code, len(json.loads(said.stdout))) == (1, 3)


def test_a_folder_that_is_no_clone_is_told(tmp_path: Path) -> None:
    """With the word for what to do."""
    with pytest.raises(WrongSetting, match="not a clone of a ledger"):
        check_clone(tmp_path)


def test_a_push_is_stopped_for_what_it_brings(clone: Path) -> None:
    """Not for what others have broken before, nor where it takes the branch away or goes to another one."""
    old = git(clone, "rev-parse", "HEAD").strip()
    (clone / "missions" / "bad.md").write_text("---\npriority: 99\n---\nDo.\n", encoding="utf-8")
    git(clone, "add", "--all")
    git(clone, *WHO, "commit", "--quiet", "-m", "bad")
    bad = git(clone, "rev-parse", "HEAD").strip()
    (clone / "HEARTBEAT.md").write_text("more\n", encoding="utf-8")
    git(clone, *WHO, "commit", "--quiet", "-am", "more")
    more, none = git(clone, "rev-parse", "HEAD").strip(), "0" * 40

    def places(new: str, old: str, ref: str = "main") -> list[str]:
        return [one.place for one in check_push(clone, "main", [f"refs/heads/main {new} refs/heads/{ref} {old}\n"])]

    assert places(bad, old) == places(more, none) == places(bad, "1" * 40) == ["missions/bad.md:2"]
    assert places(more, bad) == places(none, bad) == places(bad, old, "draft") == []


def test_the_hook_stops_a_plain_push(clone: Path) -> None:
    """What git says then has the file, the line, and the way past it. (A process: git runs the hook.)"""
    (clone / "fleet.toml").write_text("[bus]\nlease_beats = 1\n", encoding="utf-8")
    git(clone, *WHO, "commit", "--quiet", "-am", "bad")
    git(clone, "push", "--quiet", codes=(1,))
    git(clone, "push", "--quiet", "--no-verify")


@pytest.mark.parametrize("fetched", [False, True], ids=["news", "known"])
def test_who_is_behind_is_told_what_to_do(clone: Path, tmp_path: Path, *, fetched: bool) -> None:
    """A node or an order has moved the branch: before git's own words stand the two commands; after them it goes
    through, with what is not yet committed left as it is."""
    git(tmp_path, "clone", "--quiet", str(tmp_path / "clone.git"), "other")
    for where in (tmp_path / "other", clone):
        (where / f"{where.name}.txt").write_text("news\n", encoding="utf-8")
        git(where, "add", "--all")
        git(where, *WHO, "commit", "--quiet", "-m", where.name)
    git(tmp_path / "other", "push", "--quiet")
    if fetched:
        git(clone, "fetch", "--quiet")
    words = "others have pushed since"
    refused = subprocess.run(["git", "push"], cwd=clone, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert refused.stderr.index(words) < refused.stderr.index("rejected")
    (clone / "HEARTBEAT.md").write_text("half\n", encoding="utf-8")
    git(clone, *WHO, "pull", "--quiet")
    pushed = subprocess.run(["git", "push"], cwd=clone, capture_output=True, text=True, check=False, timeout=60)
    assert (pushed.returncode, words in pushed.stderr) == (0, False)
    assert (clone / "HEARTBEAT.md").read_text(encoding="utf-8") == "half\n"
