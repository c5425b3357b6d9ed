"""Facts about what of a work tree counts as the attempt's doing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspace
from orchestrator.execution.workspace.git_tree import AttemptRepository, TreeSnapshot
from orchestrator.execution.workspace.isolated_git import reset_git_folder
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.execution.workspace.start_point import apply_patch, workspace_changes
from orchestrator.execution.workspace.tree_walk import remove_tree
from tests.orchestrator.repositories import git

LIB = "5" * 40


def checked_out(tmp: Path, files: Mapping[str, bytes], *, submodule: str = "") -> AttemptRepository:
    """A fresh check-out of a base that has exactly these bytes, and a submodule where one is asked for."""
    folder, tree = tmp / "git", tmp / "tree"
    git(tmp, "init", "--quiet", "--bare", "--template=", str(folder))
    rows = ""
    for name, data in files.items():
        (tmp / "blob").write_bytes(data)
        oid = git(folder, "hash-object", "-w", "--no-filters", str(tmp / "blob"))
        rows += f"100644 {oid}\t{name}\n"
    rows += f"160000 {LIB}\t{submodule}\n" if submodule else ""
    git(folder, "update-index", "--add", "--index-info", stdin=rows)
    base = git(folder, "commit-tree", "-m", "base", git(folder, "write-tree"))
    reset_git_folder(folder, "shiftbook/a/1")
    tree.mkdir()
    made = AttemptRepository(folder=folder, tree=tree, branch="shiftbook/a/1", base=base)
    made.check_out(stopped=lambda: False)
    (tree / ".git").write_text("gitdir: ../git\n")
    return made


def seen(made: AttemptRepository) -> TreeSnapshot:
    """What counts as done; git looks at every file anew."""
    (made.folder / "index").unlink()
    made.git.run("read-tree", made.base)
    return made.snapshot(aside=made.tree.parent / "embedded")


TEXTS = st.lists(st.sampled_from([b"a\r\n", b"b\n", b"$Id$\n", b"$Id: old $\r\n", b"c"]), max_size=4).map(b"".join)
ATTRIBUTES = st.sampled_from(
    [
        *("* text", "* text eol=lf", "* text eol=crlf", "* text=auto", "* text=auto eol=crlf", "* -text", "* ident"),
        *("* text ident eol=crlf", "* text working-tree-encoding=UTF-16", "* filter=lfs diff=lfs -text"),
    ]
)


@settings(max_examples=10, deadline=None)
@given(attributes=ATTRIBUTES, files=st.dictionaries(st.sampled_from(["a", "b", "d/c"]), TEXTS), data=st.data())
def test_only_what_was_written_counts(attributes: str, files: dict[str, bytes], data: st.DataObject) -> None:
    """Whatever the attributes say: what was not written, or written as it was, is the base's, byte by byte."""
    with tempfile.TemporaryDirectory() as folder:
        made = checked_out(Path(folder), {".gitattributes": f"{attributes}\n".encode(), **files})
        before = {name: (made.tree / name).read_bytes() for name in files}
        for name in data.draw(st.sets(st.sampled_from(sorted(files)))) if files else ():
            (made.tree / name).write_bytes(before[name])
        assert seen(made).files == ()
        after = {name: data.draw(TEXTS) for name in files} if data.draw(st.booleans()) else {}
        for name, text in after.items():
            (made.tree / name).write_bytes(text)
        assert set(seen(made).files) <= {name for name, text in after.items() if text != before[name]}


def test_what_was_written_is_stored_as_the_project_says(tmp_path: Path) -> None:
    """Also where the base was not: a file that somebody committed with CRLF before the attributes came."""
    files = {".gitattributes": b"*.bat text\n*.txt text eol=crlf ident\n", "a.bat": b"1\r\n2\r\n", "b.bat": b"1\r\n"}
    made = checked_out(tmp_path, files | {"c.txt": b"$Id$\n"})
    assert (made.tree / "c.txt").read_bytes().endswith(b" $\r\n")
    with (made.tree / "c.txt").open("ab") as file:
        file.write(b"more\r\n")
    (made.tree / "a.bat").write_bytes(b"1\r\n2\r\n3\r\n")
    (made.tree / "b.bat").write_bytes(b"1\n")
    done = seen(made)
    assert done.files == ("a.bat", "b.bat", "c.txt")
    stored = {name: made.git.run("cat-file", "blob", f"{done.tree}:{name}") for name in done.files}
    assert stored == {"a.bat": b"1\n2\n3\n", "b.bat": b"1\n", "c.txt": b"$Id$\nmore\n"}


def test_new_attributes_touch_no_other_file(tmp_path: Path) -> None:
    """An attempt that writes .gitattributes has changed that file alone; a mode is no content."""
    made = checked_out(tmp_path, {"a.bat": b"1\r\n", "b.bat": b"2\r\n"})
    (made.tree / ".gitattributes").write_text("* text\n")
    (made.tree / "b.bat").chmod(0o755)
    done = seen(made)
    assert done.files == (".gitattributes", "b.bat")
    assert made.git.run("cat-file", "blob", f"{done.tree}:b.bat") == b"2\r\n"


def test_what_is_not_in_its_encoding_is_taken_as_it_is(tmp_path: Path) -> None:
    """And told; no other file is lost with it."""
    made = checked_out(tmp_path, {".gitattributes": b"*.ps1 text working-tree-encoding=UTF-16\n", "a.ps1": b"x\n"})
    (made.tree / "a.ps1").write_bytes(b"odd")
    (made.tree / "new").write_text("n\n")
    done = seen(made)
    assert done.files == ("a.ps1", "new")
    assert "not in the encoding" in done.notes[0]


def test_what_a_filter_would_store_is_told(tmp_path: Path) -> None:
    """Git LFS is not run: the file itself is committed."""
    made = checked_out(tmp_path, {".gitattributes": b"*.bin filter=lfs\n", "old.bin": b"x"})
    (made.tree / "new.bin").write_bytes(b"y")
    assert "without the filter that .gitattributes names: new.bin" in seen(made).notes[0]


@pytest.mark.parametrize("how", ["home", "xdg"])
def test_a_persons_own_ignores_and_attributes_do_not_count(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every node hands over the same."""
    place = tmp_path / (".config" if how == "home" else "xdg") / "git"
    place.mkdir(parents=True)
    (place / "ignore").write_text("*.log\nnotes/\n")
    (place / "attributes").write_text("*.txt text eol=crlf\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if how == "xdg":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    made = checked_out(tmp_path, {"a": b"a\n"})
    (made.tree / "notes").mkdir()
    for name in ("notes/a.md", "run.log", "b.txt"):
        (made.tree / name).write_bytes(b"c\r\n")
    done = seen(made)
    assert done.files == ("b.txt", "notes/a.md", "run.log")
    assert made.git.run("cat-file", "blob", f"{done.tree}:b.txt") == b"c\r\n"


def test_what_the_projects_gitignore_leaves_out_is_told(tmp_path: Path) -> None:
    """In one sentence, folders with the number of their files."""
    made = checked_out(tmp_path, {".gitignore": b"build/\n*.log\n"})
    (made.tree / "build").mkdir()
    for name in ("build/a", "build/b", "x.log", "kept"):
        (made.tree / name).write_text("x")
    done = seen(made)
    assert done.notes == ("left out by .gitignore: build/ (2 files), x.log",)
    assert done.files == ("kept",)


MODULES = {".gitmodules": b'[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://example.com/lib\n'}


@pytest.mark.parametrize("nested", [False, True])
def test_work_below_a_submodule_is_a_patch_of_its_own(nested: bool, tmp_path: Path) -> None:
    """Told and kept, whether or not the agent made a repository there; the submodule stays."""
    made = checked_out(tmp_path, MODULES, submodule="vendor/lib")
    if nested:
        git(tmp_path, "init", "--quiet", str(made.tree / "vendor/lib"))
    (made.tree / "vendor/lib/new.c").write_text("new\n")
    (made.tree / "main.c").write_text("main\n")
    done = seen(made)
    assert done.files == ("main.c",)
    assert done.notes == ("vendor/lib is a submodule: new.c is not in the diff but beside it, in `submodules.diff`",)
    assert b"+++ b/vendor/lib/new.c\n@@ -0,0 +1 @@\n+new\n" in done.submodules


def test_a_submodules_empty_folder_may_go(tmp_path: Path) -> None:
    """A clean-up of empty folders deletes no submodule; taking it out of .gitmodules does."""
    made = checked_out(tmp_path, MODULES, submodule="vendor/lib")
    (made.tree / "vendor/lib").rmdir()
    done = seen(made)
    assert done.files == ()
    assert done.notes == ("submodules stay on the branch, though their folders were taken away: vendor/lib",)
    (made.tree / ".gitmodules").unlink()
    assert seen(made).files == (".gitmodules", "vendor/lib")


def test_a_file_in_a_submodules_place_is_a_change(tmp_path: Path) -> None:
    """Somebody looks at it: it is in the diff."""
    made = checked_out(tmp_path, MODULES, submodule="vendor/lib")
    (made.tree / "vendor/lib").rmdir()
    (made.tree / "vendor/lib").write_text("x\n")
    done = seen(made)
    assert (done.files, done.notes) == (("vendor/lib",), ())


def test_a_repository_elsewhere_is_files(tmp_path: Path) -> None:
    """Its history is told to be missing; nothing is said of one that the project ignores."""
    made = checked_out(tmp_path, {".gitignore": b"cache/\n"})
    for name in ("tool", "cache"):
        git(tmp_path, "init", "--quiet", str(made.tree / name))
        (made.tree / name / "x").write_text("x")
    done = seen(made)
    assert done.files == ("tool/x",)
    assert [note.split(" ")[0] for note in done.notes] == ["tool", "left"]


def test_work_that_a_mission_starts_from_fits_beside_other_line_ends(tmp_path: Path) -> None:
    """A patch is put onto what is committed, and a chat's workspace that nobody touched has changed nothing."""
    made = checked_out(tmp_path, {".gitattributes": b"*.bat text\n", "a.bat": b"1\r\n", "gone": b"x\n"})
    git(made.folder, "update-ref", "refs/heads/main", made.base)
    (made.folder / "index").unlink()
    assert workspace_changes(tmp_path, "shiftbook/a/1", "main") == (b"", ())
    (made.tree / "a.bat").write_bytes(b"1\r\n2\r\n")
    (made.tree / "gone").unlink()
    patch, files = workspace_changes(tmp_path, "shiftbook/a/1", "main")
    assert files == ("a.bat", "gone")
    made.check_out(stopped=lambda: False)
    server = ProjectServer(project=Project(name="shop", url=""))
    apply_patch(Workspace(folder=tmp_path, server=server, branch=made.branch, base=made.base), patch)
    assert not (made.tree / "gone").exists()
    assert made.snapshot(aside=tmp_path / "embedded").files == ("a.bat", "gone")


def test_attributes_that_are_converted_themselves(tmp_path: Path) -> None:
    """Checked out in UTF-16 they say nothing to git any more; what they converted is known from the base."""
    made = checked_out(tmp_path, {".gitattributes": b"* text working-tree-encoding=UTF-16\n", "a": b"1\n"})
    assert (made.tree / "a").read_bytes() != b"1\n"
    assert seen(made).files == ()


def test_a_pipe_that_git_would_open_is_taken_away(tmp_path: Path) -> None:
    """It would wait in it for somebody who writes; other pipes are none of its business."""
    made = checked_out(tmp_path, {"a": b"1\n"})
    (made.tree / "d").mkdir()
    for name in (".gitignore", "d/.gitattributes", "d/pipe"):
        os.mkfifo(made.tree / name)
    (made.tree / "d/new").write_text("x")
    assert seen(made).files == ("d/new",)
    assert (made.tree / "d/pipe").is_fifo()


def test_a_submodule_below_a_link_is_looked_into_nowhere(tmp_path: Path) -> None:
    """What lies at the link's end is none of the attempt's work, and the rest of that is kept."""
    made = checked_out(tmp_path, {"a": b"1\n"}, submodule="x/lib")
    (tmp_path / "elsewhere/lib").mkdir(parents=True)
    (tmp_path / "elsewhere/lib/secret").write_text("x")
    (made.tree / "x/lib").rmdir()
    (made.tree / "x").rmdir()
    (made.tree / "x").symlink_to(tmp_path / "elsewhere")
    (made.tree / "new").write_text("x")
    done = seen(made)
    assert {"new", "x"} <= set(done.files)
    assert done.submodules == b""


def test_what_lies_deeper_than_git_reads_is_told(tmp_path: Path) -> None:
    """It is not in the diff, and that is said."""
    made = checked_out(tmp_path, {"a": b"1\n"})
    folder = os.open(made.tree, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=folder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("lost", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    done = seen(made)
    assert done.files == ()
    assert done.notes == ("some files could not be read: they are not in the diff",)
    assert remove_tree(made.tree)
