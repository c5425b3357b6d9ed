"""Is a workspace that was made ahead the same as one made now, one attempt's alone, and gone where nobody wants it?"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.git_tree import LFS_POINTER
from orchestrator.execution.workspace.spare import MAX_SPARES, SPARE_DAYS, SPARE_FILE, Spares, tree_bytes
from orchestrator.execution.workspace.staging import CONVERTED_FILE
from tests.orchestrator.repositories import Server, git

GOES_ON = threading.Event()
DAY = 86_400.0


@dataclass(kw_only=True)
class Ground:
    """A node's cache, a project, and attempts at it one after the other."""

    root: Path
    server: Server
    ended: int = 0

    @property
    def spaces(self) -> Workspaces:
        return Workspaces(cache=self.root / "cache", min_wait=0.0)

    @property
    def spares(self) -> Spares:
        return self.spaces.spares

    @property
    def project(self) -> Project:
        return Project(name="shop", url=str(self.server.folder))

    @property
    def place(self) -> Path:
        """Where the project's spare is."""
        return self.spares.root / next((self.root / "cache").glob("*.git")).stem

    def open(self, project: Project | None = None) -> Workspace:
        """The next attempt's workspace."""
        self.ended += 1
        folder = self.root / f"attempt-{self.ended}"
        folder.mkdir()
        return self.spaces.open(project or self.project, mission="fix", attempt=self.ended, folder=folder, stop=GOES_ON)

    def make(self) -> Path:
        """The project's spare."""
        (kept,) = self.spares.missing(SPARE_DAYS)
        assert self.spares.make(kept, stopped=lambda: False, room=lambda _size: True)
        return self.place

    def opened_twice(self) -> tuple[Workspace, Workspace]:
        """A workspace that was made ahead, and one that was not; the first has the spare's files."""
        place = self.make()
        known = (place / "tree" / "README.md").stat().st_ino
        taken, fresh = self.open(), self.open()
        assert (taken.tree / "README.md").stat().st_ino == known
        return taken, fresh


@pytest.fixture
def ground(server: Server, tmp_path: Path) -> Ground:
    """Where one attempt was made, which had to wait."""
    made = Ground(root=tmp_path, server=server)
    made.open()
    return made


def listing(workspace: Workspace) -> dict[str, tuple[int, bytes]]:
    """Every file of a workspace with its mode and bytes; of git's own, what is no object and no index."""
    found = {}
    for path in sorted(workspace.folder.rglob("*")):
        name = str(path.relative_to(workspace.folder)).replace(workspace.branch, "BRANCH")
        if path.is_dir() and not path.is_symlink():
            continue
        if name.startswith(("git/objects/", "git/logs/", "git/refs/")) or name in {"git/index", "git/packed-refs"}:
            continue  # with times, or compared as git tells them
        data = bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
        found[name] = (path.lstat().st_mode, data.replace(workspace.branch.encode(), b"BRANCH"))
    return found


def refs(workspace: Workspace) -> str:
    return git(workspace.folder / "git", "for-each-ref", "--format=%(refname) %(objectname)").replace(
        workspace.branch, "BRANCH"
    )


def assert_same(taken: Workspace, fresh: Workspace) -> None:
    """Nothing but times and inodes tells one from the other."""
    mine, others = listing(taken), listing(fresh)
    assert mine == others
    assert refs(taken) == refs(fresh)
    assert git(taken.tree, "status", "--porcelain", "--ignored") == ""
    assert git(taken.tree, "ls-files", "--stage") == git(fresh.tree, "ls-files", "--stage")
    assert (taken.base, taken.notes) == (fresh.base, fresh.notes)


def test_a_spare_is_what_would_be_made_now(ground: Ground) -> None:
    """The same files, refs and settings; it is used up by one attempt."""
    taken, fresh = ground.opened_twice()
    assert_same(taken, fresh)
    assert not ground.place.exists()
    assert not (taken.folder / "spare").exists()


def test_it_follows_what_was_pushed_since(ground: Ground) -> None:
    """Changed, new, renamed and removed files, links and modes of the branch's new tip are there, and only those."""
    ground.make()
    person = ground.server.person
    (person / "src/old.py").unlink()
    (person / "link").symlink_to("README.md")
    (person / "src/app.py").chmod(0o755)
    newer = ground.server.push({"README.md": "newer\n", "deep/er/file": "x\n"})
    taken, fresh = ground.open(), ground.open()
    assert taken.base == newer
    assert_same(taken, fresh)


def test_it_follows_a_branch_that_was_written_anew(ground: Ground) -> None:
    """What is no descendant of the spare's commit is checked out as well."""
    ground.make()
    person = ground.server.person
    git(person, "commit", "--quiet", "--amend", "--allow-empty", "-m", "another beginning")
    (person / "README.md").write_text("elsewhere\n")
    git(person, "commit", "--quiet", "--all", "-m", "and more")
    git(person, "push", "--quiet", "--force", "origin", "HEAD:main")
    taken, fresh = ground.open(), ground.open()
    assert (taken.tree / "README.md").read_text() == "elsewhere\n"
    assert_same(taken, fresh)


@pytest.mark.parametrize("attributes", ["*.md text eol=crlf\n", "*.md working-tree-encoding=UTF-16\n"])
def test_changed_attributes_make_a_new_tree(ground: Ground, attributes: str) -> None:
    """git would leave the files as they lie, whose line ends or encoding are others now."""
    ground.make()
    ground.server.push({"sub/.gitattributes": "*.md text\n", ".gitattributes": attributes})
    taken, fresh = ground.open(), ground.open()
    assert (taken.tree / "README.md").read_bytes() != b"hello\n"
    assert_same(taken, fresh)


def test_a_submodule_makes_a_new_tree(ground: Ground) -> None:
    """Its folder would stay behind when the branch drops it."""
    person = ground.server.person
    git(person, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(person, "commit", "--quiet", "-m", "a submodule")
    git(person, "push", "--quiet", "origin", "HEAD:main")
    ground.open()
    assert (ground.make() / "tree" / "lib").is_dir()
    git(person, "rm", "--quiet", "--cached", "lib")
    git(person, "commit", "--quiet", "-m", "without it")
    git(person, "push", "--quiet", "origin", "HEAD:main")
    taken, fresh = ground.open(), ground.open()
    assert not (taken.tree / "lib").exists()
    assert_same(taken, fresh)


def test_nothing_of_another_attempt_is_in_it(ground: Ground) -> None:
    """A spare is made of the node's own clone: what an attempt wrote, committed or set up is in none."""
    first = ground.open()
    (first.tree / "README.md").write_text("mine\n")
    (first.tree / "ignored.log").write_text("mine\n")
    (first.folder / "git" / "config").write_text("[core]\n\tfsmonitor = /bin/false\n")
    (first.folder / "git" / "hooks").mkdir()
    (first.folder / "git" / "hooks" / "post-checkout").write_text("#!/bin/sh\n")
    (first.folder / "git" / "index.lock").touch()
    (first.folder / "git" / "refs" / "heads" / "main").write_text(f"{'1' * 40}\n")
    _change_behind_its_time(first.tree / "src/app.py")
    taken, fresh = ground.opened_twice()
    assert_same(taken, fresh)
    assert (taken.tree / "README.md").read_text() == "hello\n"


def test_its_index_is_younger_than_its_files(ground: Ground) -> None:
    """git tells from sizes and times alone that nothing was changed: an attempt's first look reads no file again."""
    place = ground.make()
    age = int((place / "git" / "index").stat().st_mtime)
    assert all(int(path.lstat().st_mtime) < age for path in (place / "tree").rglob("*") if _is_content(path))


def test_what_was_converted_is_known_as_the_tree_goes_on(ground: Ground) -> None:
    """Of files with line ends of their own those are told that are there now, with the bytes that they have now."""
    files = {".gitattributes": "*.txt text eol=crlf\n", "same.txt": "a\n", "old.txt": "b\n", "gone.txt": "c\n"}
    ground.server.push(files)
    ground.open()
    ground.make()
    (ground.server.person / "gone.txt").unlink()
    ground.server.push({"old.txt": "newer\n", "new.txt": "d\n", "plain": "e\n"})
    taken, fresh = ground.open(), ground.open()
    assert json.loads((taken.folder / "git" / CONVERTED_FILE).read_text()).keys() == {"same.txt", "old.txt", "new.txt"}
    assert_same(taken, fresh)


def test_what_is_missing_is_told_of_it(ground: Ground) -> None:
    """Submodules and files in Git LFS are named where a spare was taken, with and without news of the branch."""
    pointer = f"{LFS_POINTER}\noid sha256:{'1' * 64}\nsize 5\n"
    ground.server.push({".gitattributes": "*.bin filter=lfs -text\n", "one.bin": pointer})
    ground.open()
    taken, fresh = ground.opened_twice()
    assert len(taken.notes) == 1
    assert "one.bin" in taken.notes[0]
    assert_same(taken, fresh)
    ground.make()
    ground.server.push({"two.bin": pointer})
    taken, fresh = ground.open(), ground.open()
    assert "two.bin" in taken.notes[0]
    assert_same(taken, fresh)


def test_two_attempts_never_share_one(ground: Ground) -> None:
    """Of two that take it at once, one has it; both have a workspace of their own."""
    inode = (ground.make() / "tree" / "README.md").stat().st_ino
    folders = [ground.root / f"both-{number}" for number in range(2)]
    opened = dict[Path, Workspace]()

    def take(folder: Path) -> None:
        folder.mkdir()
        opened[folder] = ground.spaces.open(ground.project, mission="fix", attempt=7, folder=folder, stop=GOES_ON)

    threads = [threading.Thread(target=take, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mine, others = (opened[folder] for folder in folders)
    assert [(each.tree / "README.md").stat().st_ino for each in (mine, others)].count(inode) == 1
    assert_same(mine, others)


HURTS = [
    "another kind",
    "no commit",
    "another branch",
    "no tree",
    "a broken index",
    "a broken index and news",
    "a changed file",
]


@pytest.mark.parametrize("hurt", HURTS)
def test_what_is_not_whole_is_not_used(ground: Ground, hurt: str) -> None:
    """A spare from before a restart, of another branch, or with parts missing gives way to a fresh clone."""
    place = ground.make()
    told = json.loads((place / SPARE_FILE).read_text())
    (place / "tree" / "its own").touch()
    if hurt == "no tree":
        (place / "tree").rename(ground.root / "elsewhere")
    elif hurt in {"a broken index", "a broken index and news"}:
        (place / "git" / "index").write_bytes(b"DIRC")
        if hurt == "a broken index and news":
            ground.server.push({"README.md": "newer\n"})
    elif hurt == "a changed file":
        _change_behind_its_time(place / "tree" / "README.md")
    else:
        name = {"another kind": "kind", "no commit": "base", "another branch": "branch"}[hurt]
        (place / SPARE_FILE).write_text(json.dumps({**told, name: "" if hurt == "no commit" else "other"}))
    assert_same(ground.open(), ground.open())


def test_a_lock_that_was_left_in_it_holds_nobody_up(ground: Ground) -> None:
    """A git that was killed leaves its lock, and the next one would wait for it."""
    (ground.make() / "git" / "index.lock").touch()
    ground.server.push({"README.md": "newer\n"})
    assert_same(ground.open(), ground.open())


def test_a_broken_git_folder_is_not_used(ground: Ground) -> None:
    """Where git cannot bring a spare up to date, a fresh clone is made."""
    place = ground.make()
    (place / "git" / "HEAD").write_text("nonsense\n")
    (place / "tree" / "its own").touch()
    ground.server.push({"README.md": "newer\n"})
    assert_same(ground.open(), ground.open())


def test_a_making_that_is_cut_off_leaves_no_spare(ground: Ground) -> None:
    """Nothing stands under the spare's own name before it is whole; what was left goes, and the next is as usual."""
    (kept,) = ground.spares.missing(SPARE_DAYS)
    left = ground.spares.root / f".making-{kept.stem}"
    (left / "tree").mkdir(parents=True)  # as after SIGKILL
    assert (ground.spares.every(), ground.spares.unwanted(SPARE_DAYS)) == ([], [left])
    assert_same(*ground.opened_twice())
    assert not left.exists()


def test_only_who_waited_has_one(server: Server, tmp_path: Path) -> None:
    """A project whose tree stands at once needs no spare, and a node without work has not even the folder."""
    cache, folder = tmp_path / "cache", tmp_path / "attempt"
    folder.mkdir()
    spaces = Workspaces(cache=cache, min_wait=1e9)
    spaces.open(Project(name="shop", url=str(server.folder)), mission="fix", attempt=1, folder=folder, stop=GOES_ON)
    assert not spaces.spares.root.exists()
    assert (spaces.spares.missing(SPARE_DAYS), spaces.spares.unwanted(SPARE_DAYS)) == ([], [])


def test_how_many_and_how_long(ground: Ground) -> None:
    """The projects that were worked on last have one each, for some days; `keep_days` may say fewer, and none."""
    (kept,) = ground.spares.missing(SPARE_DAYS)
    place = ground.make()
    assert (ground.spares.missing(SPARE_DAYS), ground.spares.unwanted(SPARE_DAYS)) == ([], [])
    assert ground.spares.unwanted(0.0) == [place]
    late = Spares(cache=ground.spares.cache, clock=lambda: ground.spares.clock() + SPARE_DAYS * DAY + 60)
    assert late.unwanted(3650.0) == [place]
    for number in range(MAX_SPARES):
        newer = ground.spares.cache / f"newer-{number}.git"
        newer.mkdir()
        Spares(cache=ground.spares.cache, min_wait=0.0, clock=lambda: ground.spares.clock() + 60).note(
            newer, ground.root, "main", waited=1.0
        )
    assert kept not in ground.spares.missing(SPARE_DAYS)
    assert len(ground.spares.missing(SPARE_DAYS)) == MAX_SPARES
    assert ground.spares.unwanted(SPARE_DAYS) == [place]


def test_no_room_no_spare(ground: Ground) -> None:
    """How much its files hold is asked for before anything is written."""
    (kept,) = ground.spares.missing(SPARE_DAYS)
    asked = list[int]()

    def room(size: int) -> bool:
        asked.append(size)
        return False

    assert not ground.spares.make(kept, stopped=lambda: False, room=room)
    held = sum(path.stat().st_size for path in ground.server.person.rglob("*") if _is_content(path))
    assert asked == [held] == [tree_bytes(kept, "main")]
    assert list(ground.spares.root.iterdir()) == [ground.place.with_name(f"{ground.place.name}.json")]


def _is_content(path: Path) -> bool:
    return path.is_file() and ".git" not in path.parts


def _change_behind_its_time(path: Path) -> None:
    """Other bytes of the same length, and the times that the file had."""
    known = path.stat()
    path.write_bytes(path.read_bytes().swapcase())
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
