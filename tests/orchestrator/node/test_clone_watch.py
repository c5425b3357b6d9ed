"""Do edits in a watched clone become commits, and is nothing else in it touched? Real git, real watchdog."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from orchestrator.core.errors import Refused
from orchestrator.node import clone_watch
from tests.orchestrator.clones import QUIET, Clones, git, write
from tests.waiting import until

HALVES = ("---\ntitle: Fix it\n", "priority: 3\n---\nPlease.\n")


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    return Clones.make(tmp_path)


def settle() -> None:
    """Time in which something that must not be committed would have been."""
    time.sleep(QUIET * 4)


def test_an_edit_is_committed_in_the_persons_name_and_pushed(clones: Clones) -> None:
    """The shared branch has it; the clone's own status is clean, and nothing follows by itself."""
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.upstream("missions/new.md") == "Do it.\n")
        settle()
    assert clones.log() == ["Edit missions/new.md", "by hand"]
    assert git(clones.bare, "log", "-1", "--format=%an %ae %cn", "main") == "ada ada@shiftbook.invalid ada\n"
    assert git(clones.ada, "status", "--porcelain") == ""


def test_what_was_edited_before_the_start_is_committed(clones: Clones) -> None:
    """A watch that was not running misses nothing."""
    write(clones.ada, {"missions/m.md": "changed\n", "HEARTBEAT.md": None})
    with clones.watched():
        until(lambda: clones.upstream("missions/m.md") == "changed\n")
    assert clones.upstream("HEARTBEAT.md") is None
    assert git(clones.ada, "status", "--porcelain") == ""


def test_deletions_and_renames_are_committed(clones: Clones) -> None:
    """Of files and of whole folders."""
    with clones.watched():
        (clones.ada / "missions/m.md").rename(clones.ada / "missions/renamed.md")
        (clones.ada / "projects/shop").rename(clones.ada / "projects/store")
        (clones.ada / "HEARTBEAT.md").unlink()
        until(lambda: clones.upstream("HEARTBEAT.md") is None)
        until(lambda: clones.upstream("projects/store/PROJECT_CONTEXT.md"))
        until(lambda: git(clones.ada, "status", "--porcelain") == "")
    files = git(clones.bare, "ls-tree", "-r", "--name-only", "main").split()
    assert files == ["README.md", "fleet.toml", "missions/renamed.md", "projects/store/PROJECT_CONTEXT.md"]


def test_a_folder_that_comes_to_be_is_watched(clones: Clones) -> None:
    """`knowledge/` does not exist in a young ledger; later edits in it are seen as well."""
    with clones.watched():
        write(clones.ada, {"knowledge/a.md": "first\n"})
        until(lambda: clones.upstream("knowledge/a.md") == "first\n")
        write(clones.ada, {"knowledge/a.md": "second\n"})
        until(lambda: clones.upstream("knowledge/a.md") == "second\n")


def test_a_clone_that_is_replaced_by_another_is_watched(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells of it, so it is looked at now and then."""
    monkeypatch.setattr(clone_watch, "ROOT_SECONDS", 0.1)
    with clones.watched():
        shutil.copytree(clones.ada, clones.folder / "other")
        settle()
        clones.ada.rename(clones.folder / "before")
        (clones.folder / "other").rename(clones.ada)
        settle()
        write(clones.ada, {"missions/m.md": "in the new one\n"})
        until(lambda: clones.upstream("missions/m.md") == "in the new one\n")


EXCEPTED = {
    "missions/.m.md.swp": "vim's swap file",
    "missions/4913": "vim's probe",
    "missions/m.md~": "a backup",
    "missions/.#m.md": "emacs' lock",
    "missions/#m.md#": "emacs' autosave",
    "projects/shop/x.md.part": "a download",
    "missions/m.tmp": "a temporary file",
    "projects/.obsidian/a.md": "in a hidden folder",
    "missions/bytes.md": "bytes that are no text: caf\udce9",
    "missions/half.md": HALVES[0],
    "missions/empty.md": "",
    "missions/m.md": "<<<<<<< mine\na\n=======\nb\n>>>>>>> theirs\n",
    "fleet.toml": "[fleet\nis no TOML",
    "missions/ignored.md": "a file that Git ignores",
    "README.md": "a file of another place, changed",
    "src/app.md": "a new one of another place",
    "memos/x.md": "a node's",
    "notes.md": "at the top",
}
"""Files that are not a person's finished words, with what they hold."""


def test_what_is_excepted_stays(clones: Clones) -> None:
    """None of it is committed or touched, whatever lies beside it; another file beside them is, alone."""
    (clones.ada / ".git/info/exclude").write_text("ignored.md\n")
    with clones.watched():
        write(clones.ada, {**EXCEPTED, "knowledge/beside.md": "yes\n"})
        until(lambda: clones.upstream("knowledge/beside.md"))
        settle()
    assert clones.log() == ["Edit knowledge/beside.md", "by hand"]
    assert git(clones.bare, "diff", "--name-only", "main~", "main").splitlines() == ["knowledge/beside.md"]
    for path, text in EXCEPTED.items():
        assert (clones.ada / path).read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_symbolic_link_is_not_followed(clones: Clones, tmp_path: Path) -> None:
    """Neither to a secret outside, nor in place of a tracked file, nor as a folder."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.md").write_text("secret")
    with clones.watched():
        (clones.ada / "missions/new.md").symlink_to(tmp_path / "secret/key.md")
        (clones.ada / "HEARTBEAT.md").unlink()
        (clones.ada / "HEARTBEAT.md").symlink_to(tmp_path / "secret/key.md")
        (clones.ada / "knowledge").symlink_to(tmp_path / "secret")
        write(clones.ada, {"missions/beside.md": "yes\n"})
        until(lambda: clones.upstream("missions/beside.md"))
        settle()
    assert clones.log() == ["Edit missions/beside.md", "by hand"]


def test_a_half_written_file_gives_one_commit_when_it_is_complete(clones: Clones) -> None:
    """Truncated and written in two halves, with more than the quiet time between."""
    with clones.watched():
        with (clones.ada / "missions/m.md").open("w") as file:
            settle()
            file.write(HALVES[0])
            file.flush()
            until(lambda: clones.says("its front matter is opened by --- and not closed"))
            file.write(HALVES[1])
        until(lambda: clones.upstream("missions/m.md") == "".join(HALVES))
    assert clones.log() == ["Edit missions/m.md", "by hand"]


def test_an_editors_rename_gives_one_commit(clones: Clones) -> None:
    """As vim and others save: a backup, a new file beside, a rename over the old one."""
    with clones.watched() as one:
        with clones.standing_time(one):
            write(clones.ada, {"missions/4913": "", "missions/m.md~": "one\n", "missions/.m.md.new": "saved\n"})
            (clones.ada / "missions/4913").unlink()
            (clones.ada / "missions/m.md").unlink()
            (clones.ada / "missions/.m.md.new").rename(clones.ada / "missions/m.md")
            (clones.ada / "missions/m.md~").unlink()
        until(lambda: clones.upstream("missions/m.md") == "saved\n")
    assert clones.log() == ["Edit missions/m.md", "by hand"]


def test_many_fast_edits_are_few_commits_and_the_last_word_counts(clones: Clones) -> None:
    """200 saves of one file, each sooner than the quiet time after the one before."""
    with clones.watched() as one:
        with clones.standing_time(one) as now:
            for number in range(200):
                write(clones.ada, {"missions/m.md": f"text {number}\n"})
                now[0] += QUIET / 10
                time.sleep(0.005)
        until(lambda: clones.upstream("missions/m.md") == "text 199\n")
    assert len(clones.log()) <= 8


def test_an_edit_waits_no_longer_than_patience_where_something_always_moves(clones: Clones) -> None:
    """One file that is written all the time does not keep another from being committed."""
    with clones.watched(quiet=0.15):
        write(clones.ada, {"missions/still.md": "done\n"})

        def committed() -> bool:
            write(clones.ada, {"missions/m.md": f"{time.monotonic()}\n"})
            return clones.upstream("missions/still.md") is not None

        until(committed)


def test_staged_work_is_respected_byte_for_byte(clones: Clones) -> None:
    """What the person has staged stays staged as it is, is not committed, and can be committed afterwards."""
    write(clones.ada, {"README.md": "staged\n", "missions/mine.md": "staged\n", "missions/m.md": "staged\n"})
    git(clones.ada, "add", "--all")
    git(clones.ada, "rm", "--quiet", "--cached", "HEARTBEAT.md")
    write(clones.ada, {"missions/m.md": "staged, and edited again\n", "missions/later.md": "x\n"})
    git(clones.ada, "add", "--intent-to-add", "missions/later.md")
    before = git(clones.ada, "diff", "--cached", "--binary")
    assert before.count("diff --git") == 4
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n", "projects/shop/PROJECT_CONTEXT.md": "# changed\n"})
        until(lambda: clones.upstream("missions/new.md"))
        settle()
        assert git(clones.ada, "diff", "--cached", "--binary") == before
    assert clones.upstream("missions/m.md") == "one\n\ntwo\n\nthree\n"
    assert clones.upstream("missions/mine.md") is None
    assert clones.upstream("HEARTBEAT.md") == "# beat\n"
    assert clones.says("missions/m.md is staged")
    assert (clones.ada / "missions/m.md").read_text() == "staged, and edited again\n"
    git(clones.ada, "commit", "--quiet", "-m", "my own")
    assert git(clones.ada, "show", "HEAD:missions/m.md") == "staged\n"
    assert git(clones.ada, "show", "HEAD:missions/new.md") == "Do it.\n"


def test_nothing_else_in_the_clone_is_touched(clones: Clones) -> None:
    """Every other file, its times, the other refs, the stash and the configuration are as they were."""
    write(clones.ada, {"README.md": "unstaged\n", "notes/own.txt": "mine\n", "src/x.py": "y\n"})
    git(clones.ada, "stash", "push", "--quiet", "README.md")
    git(clones.ada, "branch", "idea")
    write(clones.ada, {"README.md": "edited\n"})

    def state() -> tuple[object, ...]:
        files = [p for p in clones.ada.rglob("*") if ".git" not in p.parts and p.is_file() and p.name != "new.md"]
        refs = git(clones.ada, "for-each-ref", "refs/heads/idea", "refs/stash", "refs/tags")
        config = (clones.ada / ".git/config").read_bytes()
        return {p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in files}, refs, config

    before = state()
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.upstream("missions/new.md"))
    assert state() == before
    assert git(clones.ada, "status", "--porcelain").splitlines() == [" M README.md", "?? notes/", "?? src/"]


WAYS = {
    "merge": "MERGE_HEAD",
    "rebase": "rebase-merge/done",
    "am": "rebase-apply/next",
    "pick": "CHERRY_PICK_HEAD",
    "revert": "REVERT_HEAD",
    "bisect": "BISECT_LOG",
    "locked": "index.lock",
}


@pytest.mark.parametrize("way", WAYS)
def test_edits_wait_while_git_is_at_something(clones: Clones, way: str) -> None:
    """Said once, and committed when it is over."""
    mark = clones.ada / ".git" / WAYS[way]
    mark.parent.mkdir(exist_ok=True)
    mark.write_text("")
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.says("edits wait while"))
        settle()
        assert clones.log(clones.ada) == ["by hand"]
        mark.unlink()
        if mark.parent.name.startswith("rebase"):
            mark.parent.rmdir()
        until(lambda: clones.upstream("missions/new.md"))
    assert sum("edits wait while" in words for _, words in clones.told) == 1


@pytest.mark.parametrize("where", ["--detach", "-b"])
def test_edits_wait_while_another_branch_is_checked_out(clones: Clones, where: str) -> None:
    """Neither a single commit nor a branch of the person's own gets commits that nobody asked for."""
    git(clones.ada, "checkout", "--quiet", *([where] if where == "--detach" else [where, "idea"]))
    with clones.watched():
        write(clones.ada, {"missions/new.md": "Do it.\n"})
        until(lambda: clones.says("is checked out, not main"))
        settle()
        assert clones.log(clones.ada, "HEAD") == ["by hand"]
        git(clones.ada, "checkout", "--quiet", "main")
        write(clones.ada, {"missions/new.md": "Do it now.\n"})
        until(lambda: clones.upstream("missions/new.md") == "Do it now.\n")


def test_a_real_rebase_that_stops_is_left_alone(clones: Clones) -> None:
    """With real conflict markers in a real file, until the person has settled it."""
    write(clones.ada, {"missions/m.md": "mine\n"})
    git(clones.ada, "commit", "--quiet", "--all", "-m", "mine")
    clones.push(clones.bob, {"missions/m.md": "theirs\n"})
    with clones.watched():
        git(clones.ada, "pull", "--quiet", "--rebase", codes=(1,))
        settle()
        assert clones.log() == ["by hand", "by hand"]
        write(clones.ada, {"missions/m.md": "both\n"})
        git(clones.ada, "add", "missions/m.md")
        git(clones.ada, "-c", "core.editor=true", "rebase", "--continue")
        settle()
    assert clones.log() == ["by hand", "by hand"]
    assert clones.log(clones.ada)[0] == "mine"
    assert clones.says("edits wait while a rebase is under way")


def test_only_one_process_watches_a_clone(clones: Clones) -> None:
    """A node and `shiftbook watch` on the same clone would race."""
    with clones.watched():
        import threading

        second = clones.watching()
        with pytest.raises(Refused, match="watched by another process"):
            second.run(lambda: False, threading.Event())
        second.tree.close()


def test_crlf_is_stored_as_the_person_has_set_it(clones: Clones) -> None:
    """Filters and line ends are Git's, as with `git add`."""
    git(clones.ada, "config", "core.autocrlf", "true")
    with clones.watched():
        write(clones.ada, {"missions/new.md": "a\r\nb\r\n"})
        until(lambda: clones.upstream("missions/new.md") == "a\nb\n")
        until(lambda: git(clones.ada, "status", "--porcelain") == "")
    assert (clones.ada / "missions/new.md").stat().st_size == 6


REFUSED = {
    "line ends": ("", {"core.autocrlf": "input", "core.safecrlf": "true"}, "Say a.\r\nSay b.\r\n", "CRLF"),
    "a filter that fails": (
        "missions/bad.md filter=odd\n",
        {"filter.odd.clean": "exit 3", "filter.odd.required": "true"},
        "Do it.\n",
        "filter",
    ),
    "another encoding": ("missions/bad.md working-tree-encoding=UTF-16\n", {}, "Do it.\n", "UTF-16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_git_refuses_holds_back_no_other(clones: Clones, case: str) -> None:
    """A new one and one that is committed already: it is named with the reason, again when it changes, and goes out
    once it can."""
    attributes, config, text, why = REFUSED[case]
    clones.push(clones.ada, {"missions/bad.md": "first\n"})
    (clones.ada / ".git/info/attributes").write_text(attributes)
    for key, value in config.items():
        git(clones.ada, "config", key, value)
    one = clones.watching()
    now = iter(range(0, 10**6, 10))
    one.clock = lambda: float(next(now))
    told = lambda: [said for _, said in clones.told if "bad.md is not committed" in said]  # noqa: E731

    def rounds() -> None:
        for _ in range(3):
            one.step()

    write(clones.ada, {"missions/bad.md": text, "missions/good.md": "Say hello.\n", "missions/m.md": "edited\n"})
    rounds()
    assert clones.upstream("missions/good.md") == "Say hello.\n"
    assert clones.upstream("missions/m.md") == "edited\n"
    assert clones.upstream("missions/bad.md") == "first\n"
    assert len(told()) == 1
    assert why in told()[0]
    rounds()
    assert len(told()) == 1
    write(clones.ada, {"missions/bad.md": f"more\r\n{text}"})
    one.moved("missions/bad.md")
    rounds()
    assert len(told()) == 2
    (clones.ada / ".git/info/attributes").write_text("missions/bad.md -text\n")
    for _ in range(15):  # the next look at everything finds it
        rounds()
    assert clones.upstream("missions/bad.md") == f"more\r\n{text}"
    one.tree.close()


def test_a_file_that_is_far_too_large_is_not_read(clones: Clones) -> None:
    """It is named with its size, and what is beside it goes out."""
    (clones.ada / "missions/large.md").write_bytes(b"")
    os.truncate(clones.ada / "missions/large.md", 1 << 40)
    with clones.watched():
        write(clones.ada, {"missions/good.md": "Say hello.\n"})
        until(lambda: clones.upstream("missions/good.md"))
        until(lambda: clones.says("1,099,511,627,776 bytes"))
