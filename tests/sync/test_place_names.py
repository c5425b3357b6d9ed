"""Does a name that somebody else chose stay below the folder that it is meant for? Nothing is touched here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sync.errors import UnsafeName
from sync.memory_remote import MemoryStore
from sync.objects import edit_tree
from sync.place_names import below, is_tree_name

FOLDER = Path("top") / "folder"
BAD = ["", ".", "..", "a/b", "../x", "/a", "a\\b", "..\\x", "c:", "c:x", "a\0b", "a\nb", "a\x1b", "\u202ea", "x" * 256]


@pytest.mark.parametrize("name", BAD)
def test_no_name_leads_out(name: str) -> None:
    """Neither above the folder, nor into another, nor anywhere that a terminal would show as something else."""
    with pytest.raises(UnsafeName, match="is no name"):
        below(FOLDER, name)


@pytest.mark.parametrize("name", ["a", "fix-the-login-1", "..a", "a..", "...", ".git", "übung", "x" * 255, "a b", "~"])
def test_plain_names(name: str) -> None:
    """A plain one is a single part below the folder."""
    found = below(FOLDER, name)
    assert found.parent == FOLDER
    assert found.name == name


@pytest.mark.parametrize("path", ["../x.md", "a/../x.md", "a/./x.md", "a//x.md", ".git/config", "a/.GIT/x", "/x"])
def test_no_tree_gets_a_name_that_git_does_not_check_out(path: str) -> None:
    """One such entry in the ledger, and nobody can clone it any more. To take one out is allowed."""
    store = MemoryStore()
    with pytest.raises(UnsafeName):
        edit_tree(store, None, {path: b"x"})
    assert edit_tree(store, None, {path: None, "b.md": b"y"}) is not None


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("git~1", False),
        ("GIT~1.", False),
        (".git ", False),
        (".Git. .", False),
        (".git:x", False),
        ("a\\.git", False),
        (".git\\config", False),
        (".g\u200cit", False),
        ("git~2", True),
        ("git", True),
        (".gitignore", True),
        (".github", True),
        ("a.git", True),
        ("a\\b", True),
    ],
)
def test_a_name_that_means_gits_own_folder_elsewhere_is_none(name: str, taken: bool, tmp_path: Path) -> None:
    """As Git itself has it when it reads such a tree, whatever system it runs on."""
    assert is_tree_name(name) is taken

    def git(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", *words], cwd=tmp_path, input=given, capture_output=True, check=False)

    git("init", "--quiet")
    blob = git("hash-object", "-w", "--stdin").stdout.strip()
    tree = git("mktree", "-z", given=b"100644 blob %s\t%s\0" % (blob, name.encode())).stdout.strip()
    read = git("-c", "core.protectHFS=true", "read-tree", tree.decode())
    assert (read.returncode == 0) is taken, read.stderr
