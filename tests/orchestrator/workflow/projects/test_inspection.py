"""Is a person told what matters of a repository before the fleet works on it, and is nothing of it changed?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.workflow.projects.discovery import repository_from_folder
from orchestrator.workflow.projects.inspection import RepositoryFacts, allow_update_instead, read_facts, remarks
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.projects.test_discovery import repository

WORK_TREE = RepositoryFacts(folder="/c/my shop", checked_out="main")
CASES = [
    (WORK_TREE, ["--update-instead has git bring the work tree along"]),
    (WORK_TREE, ["git -C '/c/my shop' merge shiftbook/MISSION/1"]),
    (RepositoryFacts(folder="/c", checked_out="main", dirty=2), ["--update-instead", "2 files there are changed"]),
    (RepositoryFacts(folder="/c", checked_out="main", deny="updateInstead"), []),
    (RepositoryFacts(folder="/c", checked_out="dev"), []),
    (RepositoryFacts(folder="/c", checked_out="main", bare=True), []),
    (RepositoryFacts(folder="/c", checked_out="main", own=False, dirty=1), ["agents see what its origin has"]),
    (RepositoryFacts(folder="/c", lfs=True, submodules=True, shallow=True), ["LFS", "submodules", "--unshallow"]),
]


@pytest.mark.parametrize(("facts", "words"), CASES)
def test_what_is_worth_knowing(facts: RepositoryFacts, words: list[str]) -> None:
    """A trap with the way out of it; nothing of a repository without one."""
    told = list(remarks(facts))
    assert len(told) == len(words)
    assert all(word in line for word, line in zip(words, told, strict=True))


def test_facts_of_a_work_tree_and_of_a_bare_repository(tmp_path: Path) -> None:
    """By git and the files; a bare repository's files are read from its default branch. Nothing is changed."""
    files = {".gitattributes": "*.bin filter=lfs\n", ".gitmodules": "", "Makefile": "test:\n\ttrue\n", "a": "1\n"}
    tree = repository(tmp_path / "shop", files=files)
    git(tmp_path, "clone", "--quiet", "--bare", "--no-local", "--depth=1", f"file://{tree}", "bare.git")
    (tree / "a").write_text("changed\n")
    before = (tree / ".git/config").read_bytes(), (tree / ".git/index").read_bytes()
    found = read_facts(tree, url=str(tree), branch="main")
    assert found == RepositoryFacts(folder=str(tree), checked_out="main", dirty=1, lfs=True, submodules=True)
    assert found.trapped
    assert ((tree / ".git/config").read_bytes(), (tree / ".git/index").read_bytes()) == before
    bare = tmp_path / "bare.git"
    assert read_facts(bare, url=str(bare), branch="main") == RepositoryFacts(
        folder=str(bare), checked_out="main", bare=True, lfs=True, submodules=True, shallow=True
    )
    assert repository_from_folder(bare).test == "make test"


def test_update_instead_is_asked_for_and_then_works(tmp_path: Path) -> None:
    """After it a push into the branch that is checked out brings a clean work tree along; before, git refuses."""
    tree = repository(tmp_path / "shop")
    git(tmp_path, "clone", "--quiet", str(tree), "clone")
    (tmp_path / "clone/new").write_text("x\n")
    git(tmp_path / "clone", "add", "new")
    git(tmp_path / "clone", "commit", "--quiet", "-m", "new")
    allow_update_instead(str(tree))
    assert not read_facts(tree, url=str(tree), branch="main").trapped
    git(tmp_path / "clone", "push", "--quiet", "origin", "HEAD:main")
    assert (tree / "new").read_text() == "x\n"
