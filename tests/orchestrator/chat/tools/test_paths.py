"""Can a path that a model wrote leave the workspace?"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from orchestrator.chat.tools.paths import MAX_FILE_BYTES, PathNotFound, PathRefused, WorkspaceFiles

SECRET = "the secret next door"


@pytest.fixture
def place(tmp_path: Path) -> WorkspaceFiles:
    """A workspace with every kind of trap in it, and a secret beside it."""
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "a.txt").write_text("inside")
    (tree / ".git").write_text("gitdir: ../git\n")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "outer").mkdir()
    (tree / "link.txt").symlink_to("../secret.txt")
    (tree / "loop").symlink_to("loop")
    (tree / "out").symlink_to("../outer")
    (tree / "root").symlink_to("/")
    (tree / "inner").symlink_to("src")
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as plug:
        here = Path.cwd()
        os.chdir(tree)  # a socket's path may have 108 bytes only
        plug.bind("plug")
        os.chdir(here)
    (tree / "big").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    return WorkspaceFiles(root=tree)


OUTSIDE = [
    *("../secret.txt", "src/../../secret.txt", "/etc/passwd", "//etc/passwd", "..", "src/..", "", " ", ".", "\0"),
    *("a\0b", "link.txt", "loop", "out/new.txt", "root/etc/passwd", "inner/a.txt", "pipe", "plug", "src"),
    *("x" * 5000, "/dev/zero", "/proc/self/environ", "src/a.txt/b", "~/../secret.txt"),
]


@pytest.mark.parametrize("path", [*OUTSIDE, "big"], ids=lambda path: repr(path[:30]))
def test_a_path_that_leads_out_is_not_read(place: WorkspaceFiles, path: str) -> None:
    """Neither `..`, nor absolute paths, nor links (also to inside), nor devices, pipes, sockets and huge files."""
    with pytest.raises((PathRefused, PathNotFound)):
        place.read(path)


@pytest.mark.parametrize("path", [*OUTSIDE, ".git", ".git/hooks/post-commit", ".GIT", "src/.git/config"], ids=repr)
def test_a_path_that_leads_out_is_not_written(place: WorkspaceFiles, path: str, tmp_path: Path) -> None:
    """Nothing changes outside, and git's own files cannot be written under any spelling."""
    before = _snapshot(tmp_path)
    with pytest.raises((PathRefused, PathNotFound, OSError)):
        place.write(path, b"evil")
    assert _snapshot(tmp_path) == before


def _snapshot(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink() and p.name != "big")
    return {str(p): p.read_bytes() for p in files}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device files")
def test_a_device_is_neither_read_nor_written(place: WorkspaceFiles) -> None:
    """A device file that lies inside the workspace is not opened."""
    try:
        os.mknod(place.root / "zero", 0o666 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this system lets nobody make a device file")
    with pytest.raises(PathRefused):
        place.read("zero")
    with pytest.raises(PathRefused):
        place.write("zero", b"x")


def test_what_lies_inside_is_read_and_written(place: WorkspaceFiles) -> None:
    """Plain files, in folders that are made, with the mode that a file had."""
    assert place.read("src/a.txt") == b"inside"
    assert place.write("src/deep/er/b.txt", b"new") is True
    (place.root / "run.sh").write_text("old")
    (place.root / "run.sh").chmod(0o755)
    assert place.write("run.sh", b"newer") is False
    assert (place.root / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (place.root / "src/deep/er/b.txt").read_bytes() == b"new"


def test_a_hard_link_is_replaced_and_not_written_through(place: WorkspaceFiles, tmp_path: Path) -> None:
    """A name in the workspace that is the same file as one outside stops being it."""
    os.link(tmp_path / "secret.txt", place.root / "same.txt")
    place.write("same.txt", b"mine")
    assert (tmp_path / "secret.txt").read_text() == SECRET


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(place: WorkspaceFiles, tmp_path: Path) -> None:
    """The part is opened without following; what a check saw a moment before does not count."""
    assert place.inside("src/a.txt") == "src/a.txt"
    (place.root / "src").rename(place.root / "was")
    (place.root / "src").symlink_to(tmp_path)
    with pytest.raises(PathRefused):
        place.read("src/secret.txt")
    with pytest.raises(PathRefused):
        place.write("src/new.txt", b"evil")
    assert not (tmp_path / "new.txt").exists()


def test_no_half_file_is_left(place: WorkspaceFiles) -> None:
    """A write that cannot be done leaves nothing beside."""
    before = sorted(place.root.iterdir())
    with pytest.raises(PathRefused):
        place.write("src", b"a folder is there")
    assert sorted(place.root.iterdir()) == before
