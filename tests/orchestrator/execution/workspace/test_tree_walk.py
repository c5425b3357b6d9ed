"""Folders that somebody made so that they cannot be walked or taken away: deep, shut, linked, with pipes in them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from orchestrator.execution.workspace.tree_walk import OPENED_BY_GIT, remove_pipes, remove_tree, walk_entries


def names(path: Path) -> list[str]:
    """What the walk finds, relative to the folder."""
    return [os.path.relpath(each.path, path) for each in walk_entries(path)]


def test_an_outer_folder_comes_before_what_is_in_it(tmp_path: Path) -> None:
    """By name within a folder, so that two walks tell the same."""
    for name in ("b/x", "a/z/1", "a/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = names(tmp_path)
    assert sorted(found) == ["a", "a/y", "a/z", "a/z/1", "b", "b/x"]
    assert all(found.index(name) > found.index(str(Path(name).parent)) for name in found if "/" in name)
    assert found == names(tmp_path)


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    """Neither one to its own folder, which would have no end, nor one to somebody else's."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret").touch()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "round").symlink_to(".")
    (tmp_path / "tree" / "away").symlink_to(tmp_path / "other")
    assert sorted(names(tmp_path / "tree")) == ["away", "round"]


def test_a_folder_that_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    """Nor has a file."""
    (tmp_path / "file").touch()
    assert names(tmp_path / "none") == names(tmp_path / "file") == []


def test_what_git_would_wait_in_is_taken_away(tmp_path: Path) -> None:
    """Pipes of such a name, at any depth; a plain file of that name and a pipe of another stay."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in OPENED_BY_GIT:
        os.mkfifo(tmp_path / "a" / "b" / name)
    (tmp_path / ".gitignore").write_text("*.log\n")
    os.mkfifo(tmp_path / "pipe")
    remove_pipes(tmp_path)
    assert sorted(names(tmp_path)) == [".gitignore", "a", "a/b", "pipe"]


def test_a_tree_deeper_than_pythons_stack_goes(tmp_path: Path) -> None:
    """Three thousand levels, whose path is longer than the kernel takes."""
    tree = tmp_path / "tree"
    tree.mkdir()
    here = os.open(tree, os.O_DIRECTORY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert remove_tree(tree)
    assert not tree.exists()


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o500, 0o100])
def test_a_folder_without_permissions_goes(tmp_path: Path, mode: int) -> None:
    """Go's module cache is full of folders that nobody may write in."""
    inner = tmp_path / "tree" / "mod" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch(mode=0o400)
    inner.chmod(mode)
    inner.parent.chmod(mode)
    assert remove_tree(tmp_path / "tree")


def test_a_link_in_it_goes_and_what_it_names_stays(tmp_path: Path) -> None:
    """Also where a folder that is shut is named, and where the whole tree is a link."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").write_text("x")
    other.chmod(0o500)
    tree = tmp_path / "tree"
    (tree / "shut").mkdir(parents=True)
    (tree / "shut" / "link").symlink_to(other)
    (tree / "shut").chmod(0o000)
    assert remove_tree(tree)
    assert (other / "kept").read_text() == "x"
    assert other.stat().st_mode & 0o777 == 0o500
    tree.symlink_to(other)
    assert not remove_tree(tree)
    assert (other / "kept").exists()


def test_pipes_sockets_and_odd_names_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in it is no reason to stay, and what is gone already is gone."""
    tree = tmp_path / "tree"
    tree.mkdir()
    os.mkfifo(tree / "pipe")
    monkeypatch.chdir(tree)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door")
    (tree / "a\nb").touch()
    os.close(os.open(os.fsencode(tree) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    assert remove_tree(tree)
    assert remove_tree(tree)
