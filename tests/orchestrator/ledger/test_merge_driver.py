"""Does a plain `git pull` keep both edits, and when it cannot, does a person hear of it? Real git, two clones."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.entry import Entry, parse_log
from handoff.log import append
from missions.document import append_result, with_fields
from orchestrator.app.setup import init, join
from orchestrator.core.errors import Refused
from orchestrator.core.settings import Settings
from orchestrator.ledger import conflicts, merge_driver
from orchestrator.node.commit_rules import build_merge
from tests import program
from tests.orchestrator.repositories import CLEAN, git

FRESH = f"{shlex.quote(sys.executable)} -P -m orchestrator"
"""The driver as `init` writes it; most of the clones here have one that is forked."""
MISSION = "---\n# mine\ntitle: Fix it   # short\npriority: 1\nto: [a]\n---\nIt fails.\n\nMend it.\n"
PATH = "missions/fix.md"


def entry(name: str) -> Entry:
    """A short log entry."""
    return Entry(entry_id=name, when="2026-11-21T12:00:00Z", node=name, sections=(("Work Accomplished", name),))


def merged(path: str, base: bytes, ours: bytes, theirs: bytes) -> merge_driver.MergedFile:
    """Two versions that nobody knows the authors of, merged."""
    sides = [merge_driver.MergeSide(data=data) for data in (ours, theirs)]
    return merge_driver.merge_versions(path, base, sides[0], sides[1], day="2026/11/29")


class Clone:
    """A person's clone of the ledger."""

    def __init__(self, folder: Path, url: Path, *, driver: str | None = None) -> None:
        self.folder, self.name = folder, folder.name
        driver = shlex.join(program.launched()) if driver is None else driver
        git(folder.parent, "clone", "--quiet", str(url), str(folder))
        for key, value in merge_driver.driver_settings(driver).items() if driver else ():
            git(folder, "config", key, value)

    def write(self, files: dict[str, str]) -> None:
        """Commits files."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "-m", "an edit", "--author", f"{self.name} <a@b>")

    def push(self) -> None:
        """Pushes."""
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")

    def pull(self, *how: str) -> subprocess.CompletedProcess[str]:
        """Pulls, whatever comes of it."""
        words = ["git", "pull", *(how or ("--no-rebase", "--no-edit")), "origin", "main"]
        return subprocess.run(words, cwd=self.folder, env=CLEAN, capture_output=True, text=True, check=False)

    def text(self, path: str = PATH) -> str:
        """A file in the work tree."""
        return (self.folder / path).read_text()

    def disputes(self) -> dict[str, str]:
        """Conflict documents in the work tree, by name."""
        return {path.name: path.read_text() for path in self.folder.glob("conflicts/**/*.md")}


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A bare ledger with a mission, a log and the attributes."""
    bare = tmp_path / "ledger.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    first = Clone(tmp_path / "first", bare)
    git(first.folder, "checkout", "--quiet", "-B", "main")
    log = append("# Session log\n", entry("root"))
    first.write({PATH: MISSION, "SESSION_LOG.md": log, ".gitattributes": merge_driver.ATTRIBUTES})
    first.push()
    return bare


@pytest.fixture
def ann(tmp_path: Path, server: Path) -> Clone:
    """One person's clone."""
    return Clone(tmp_path / "ann", server)


@pytest.fixture
def ben(tmp_path: Path, server: Path) -> Clone:
    """Another person's, or a node's."""
    return Clone(tmp_path / "ben", server)


@pytest.mark.parametrize("how", [("--no-rebase", "--no-edit"), ("--rebase",)])
def test_a_person_and_a_node_that_edit_at_once_keep_both_edits(ann: Clone, ben: Clone, how: tuple[str, ...]) -> None:
    """The node's fields and result, the person's comment, value and words: in one file, without a question."""
    node = append_result(with_fields(MISSION, {"status": "failed", "epoch": 1}), "### Attempt 1\n\nit broke")
    ben.write({PATH: node})
    ben.push()
    ann.write({PATH: MISSION.replace("priority: 1", "priority: 7  # now").replace("It fails.", "It fails at noon.")})
    done = ann.pull(*how)
    assert done.returncode == 0, done.stderr
    assert ann.text() == node.replace("priority: 1", "priority: 7  # now").replace("It fails.", "It fails at noon.")
    assert ann.disputes() == {}


@pytest.mark.parametrize("how", [("--no-rebase", "--no-edit"), ("--rebase",)])
@pytest.mark.parametrize("first", ["ann", "ben"])
def test_of_two_values_the_same_wins_whoever_merges(ann: Clone, ben: Clone, how: tuple[str, ...], first: str) -> None:
    """Git stops, the file has the winner, conflicts/ the loser, and `git add` with what Git asks for ends it."""
    quick, slow = (ann, ben) if first == "ann" else (ben, ann)
    ann.write({PATH: MISSION.replace("priority: 1", "priority: 3")})
    ben.write({PATH: MISSION.replace("priority: 1", "priority: 8").replace("[a]", "[a, b]")})
    quick.push()
    done = slow.pull(*how)
    assert done.returncode != 0
    assert "shiftbook: missions/fix.md: two versions of “priority”" in done.stderr
    assert slow.text() == MISSION.replace("priority: 1", "priority: 8").replace("[a]", "[a, b]")
    (name, text) = next(iter(slow.disputes().items()))
    one = conflicts.read(f"conflicts/{name}", text.encode())
    assert one is not None
    assert (one.mission, one.part, one.kept, one.lost) == ("fix", "priority", "8", "3")
    assert (one.kept_by, one.lost_by) == ("ben", "ann")
    pushed = one.lost_in if first == "ann" else one.kept_in
    assert pushed == git(quick.folder, "rev-parse", "HEAD")
    git(slow.folder, "add", "--all")
    git(slow.folder, "-c", "core.editor=true", "rebase" if how == ("--rebase",) else "merge", "--continue")
    slow.push()
    assert quick.pull().returncode == 0
    assert quick.text() == slow.text()
    assert quick.disputes() == slow.disputes()


def test_a_log_that_two_people_appended_to_has_both_entries(tmp_path: Path, server: Path, ben: Clone) -> None:
    """By entry id, the same text in both clones, without a question; by the driver that a person's clone has."""
    ann = Clone(tmp_path / "ann", server, driver=FRESH)
    old = ann.text("SESSION_LOG.md")
    ben.write({"SESSION_LOG.md": append(old, entry("b"))})
    ann.write({"SESSION_LOG.md": append(old, entry("a"))})
    ben.push()
    assert ann.pull().returncode == 0
    assert [one.entry_id for one in parse_log(ann.text("SESSION_LOG.md")).entries] == ["root", "a", "b"]


@pytest.mark.parametrize("driver", ["", "/nowhere/python -P -m orchestrator", "false", "sh -c 'exit 1'", "kill -9 $$;"])
def test_without_a_working_driver_git_merges_as_it_always_does(
    tmp_path: Path, server: Path, ben: Clone, driver: str
) -> None:
    """A clone that never joined, or whose Python is gone, gets Git's markers: neither text is dropped in silence."""
    ann = Clone(tmp_path / "other", server, driver=driver)
    ben.write({PATH: MISSION.replace("priority: 1", "priority: 3")})
    ben.push()
    ann.write({PATH: MISSION.replace("priority: 1", "priority: 8")})
    assert ann.pull().returncode != 0
    unmerged = git(ann.folder, "ls-files", "--unmerged")
    assert PATH in unmerged
    if "kill" not in driver:  # a signal is fatal to Git's merge, which then leaves the file as it was
        assert "<<<<<<<" in ann.text()
        assert "priority: 3" in ann.text()
    assert "priority: 8" in ann.text()


def test_a_module_that_somebody_pushed_into_the_ledger_is_not_run(ann: Clone, ben: Clone, tmp_path: Path) -> None:
    """Git runs the driver in the ledger's folder: Python must not look for its modules there."""
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    evil = dict.fromkeys(("yaml.py", "orchestrator/__init__.py", "missions/__init__.py", "sitecustomize.py"), trap)
    ben.write({PATH: MISSION.replace("priority: 1", "priority: 3"), **evil})
    ben.push()
    ann.pull()
    ann.write({PATH: ann.text().replace("Fix it", "Mend it")})
    ben.write({PATH: ben.text().replace("[a]", "[a, b]")})
    ben.push()
    assert ann.pull().returncode == 0
    assert "Mend it" in ann.text()
    assert "[a, b]" in ann.text()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("link", ["conflicts", "folder", "file"])
def test_a_conflict_is_not_written_through_a_link(tmp_path: Path, link: str) -> None:
    """A ledger in which `conflicts` is a link to somewhere else cannot make the driver write there."""
    top, outside = tmp_path / "top", tmp_path / "outside"
    outside.mkdir()
    one = merged(PATH, b"a\n", b"b\n", b"c\n").disputes[0]
    place = {"conflicts": top / "conflicts", "folder": (top / one.path).parent, "file": top / one.path}[link]
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "x" if link == "file" else outside)
    with pytest.raises(Refused, match="symbolic link"):
        merge_driver.write_conflicts(top, (one,))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["missions/../../x.md", "missions/$(touch ran).md", "missions/-.md", "missions/…"])
def test_a_file_name_leads_nowhere_else(path: str) -> None:
    """The conflict's own path is made of letters, digits and hyphens, whatever the mission's file is called."""
    one = merged(path, b"a\n", b"b\n", b"c\n").disputes[0]
    assert re.fullmatch(r"conflicts/2026/11/29/[0-9a-f]/[0-9a-f]/[0-9a-f]/[a-z0-9-]+\.md", one.path)


@given(st.sampled_from([PATH, "SESSION_LOG.md", "projects/x/log/2026-10.md"]), *(st.text(max_size=30),) * 3)
def test_every_merge_ends_and_is_symmetric(path: str, base: str, ours: str, theirs: str) -> None:
    """Whatever Git hands over, the driver has one answer for both clones."""
    sides = [text.encode("utf-8", "replace") for text in (base, ours, theirs)]
    assert merged(path, *sides) == merged(path, sides[0], sides[2], sides[1])


def test_init_and_join_set_the_driver_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes in the ledger, the driver in each clone's own configuration, once; a project's attributes stay."""
    for key, value in CLEAN.items():
        if key.startswith("GIT_"):
            monkeypatch.setenv(key, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder, other = tmp_path / "ledger", tmp_path / "clone"
    folder.mkdir()
    (folder / ".gitattributes").write_text("*.png binary")
    where = Settings(home=tmp_path / "home")
    init(folder, where)
    join(str(tmp_path / "ledger.git"), other, where)
    assert join(str(tmp_path / "ledger.git"), other, where).done == ()
    assert (other / ".gitattributes").read_text() == "*.png binary\n" + merge_driver.ATTRIBUTES
    assert git(other, "check-attr", "merge", PATH) == f"{PATH}: merge: shiftbook"
    assert git(other, "check-attr", "merge", "missions/archive/2026-11/x.md").endswith("shiftbook")
    assert git(other, "check-attr", "merge", "projects/a/SESSION_LOG.md").endswith("shiftbook")
    for clone in (folder, other):
        assert sys.executable in git(clone, "config", "--local", "merge.shiftbook.driver")
    assert os.path.lexists(other / ".gitattributes")


def test_a_log_that_an_editor_saved_as_utf_16_is_merged_by_entry() -> None:
    """By the driver, and by a node that pushes for a person: both sides' entries are there to be read."""
    logs = {
        name: append(
            "# Log\n", Entry(entry_id=name, when="2026-11-20T12:00:00Z", node="n", sections=(("Blockers", "b"),))
        )
        for name in ("mine", "theirs")
    }
    mine, theirs = logs["mine"].encode("utf-16"), logs["theirs"].encode()
    sides = [merge_driver.MergeSide(data=data) for data in (mine, theirs)]
    by_driver = merge_driver.merge_versions("SESSION_LOG.md", b"# Log\n", *sides, day="2026-11-20").data
    by_node = build_merge(lambda *_: None)("SESSION_LOG.md", mine, b"# Log\n", theirs)
    for merged in (by_driver, by_node or b""):
        assert sorted(one.entry_id for one in parse_log(merged.decode()).entries) == ["mine", "theirs"]
