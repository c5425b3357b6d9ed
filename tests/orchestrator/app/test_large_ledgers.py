"""Does joining a ledger of many years write and bring no more than it must, and is nothing missing for all that?"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from orchestrator.app import clone_check, mirror_seed, setup, sparse_files, wiring
from orchestrator.bench import history
from orchestrator.core.settings import Settings
from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.ledger.trust.root import TrustRoot
from sync.errors import RemoteUnreachable
from sync.git import Git
from sync.git_remote import GitRemote
from tests.templates import Template

pytestmark = pytest.mark.usefixtures("closing")
FINISHED = 60


def _grown(folder: Path) -> None:
    made = setup.init(folder / "clone", Settings(home=folder / "a", node_id="vm"))
    history.import_finished(Path(made.remote), FINISHED)


@pytest.fixture(scope="module")
def grown() -> Template:
    """A ledger in which some missions have ended."""
    return Template.of(_grown)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that it is past."""
    monkeypatch.setattr(sparse_files, "MAX_WRITTEN_FILES", 2 * FINISHED - 1)


OLD_GIT = """\
#!/bin/sh
before=""
for word in "$@"; do
  if [ "$before $word" = "sparse-checkout set" ]; then set_there=yes; fi
  before="$word"
done
case "$set_there $*" in
  "yes "*" --cone "*|"yes "*" --sparse-index "*)
    while [ "$1" != set ]; do shift; done
    shift
    exec {git} sparse-checkout set --no-cone --skip-checks --end-of-options "$@" ;;
esac
exec {git} "$@"
"""
"""A stand-in for git 2.34, to whose `sparse-checkout set` what it does not know as an option is a pattern."""


@pytest.fixture(params=["git", "git 2.34"])
def any_git(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The git that is here, and the oldest that is worked with."""
    if request.param != "git":
        program = tmp_path / "old" / "git"
        program.parent.mkdir()
        program.write_text(OLD_GIT.format(git=shutil.which("git")))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def join(grown: Template, folder: Path) -> tuple[setup.LedgerSetup, Settings]:
    """Another machine that joins a copy of it."""
    grown.copy(folder)
    settings = Settings(home=folder / "b", node_id="vps")
    return setup.join(str(folder / "clone.git"), folder / "other", settings), settings


def files_in(folder: Path) -> list[str]:
    """Paths of all files but git's own."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != ".git")


def test_a_small_ledger_is_written_whole(grown: Template, tmp_path: Path) -> None:
    """Each file of the branch, and nothing is said of any that would be left out."""
    made, _ = join(grown, tmp_path)
    listed = Git(made.folder).text("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert files_in(made.folder) == sorted(listed)
    assert not any("left" in said for said in made.done)


@pytest.mark.usefixtures("few", "any_git")
def test_of_a_large_one_what_is_over_is_left_out(grown: Template, tmp_path: Path) -> None:
    """Files and entries that git looks at for a status do not grow with what has ended; all that a person writes is
    there, and what is left out is in the clone."""
    made, _ = join(grown, tmp_path)
    git = Git(made.folder)
    assert any("sparse-checkout disable" in said for said in made.done)
    written = files_in(made.folder)
    assert not [path for path in written if path.startswith(("missions/archive/", "memos/", "log/"))]
    assert {"fleet.toml", "allowed_signers", "SESSION_LOG.md", "missions/README.md"} <= set(written)
    assert len(git.text("ls-files", "--sparse").splitlines()) < len(written) + 10
    assert git.text("status", "--porcelain") == ""
    assert "status: done" in git.text(
        "show", f"HEAD:{git.text('ls-tree', '-r', '--name-only', 'HEAD', 'missions/archive').splitlines()[0]}"
    )


@pytest.mark.usefixtures("few")
def test_a_person_works_in_such_a_clone_as_in_any(grown: Template, tmp_path: Path) -> None:
    """A mission that is written there is pushed; what others have filed and finished meanwhile comes by a pull; all
    files are there once they are asked for."""
    made, _ = join(grown, tmp_path)
    git = Git(made.folder, as_person=True)
    (made.folder / "missions" / "mine.md").write_text("Do it.\n")
    git.run("add", "missions/mine.md")
    git.run("commit", "--quiet", "-m", "A mission")
    git.run("push", "--quiet", "--no-verify")
    theirs = tmp_path / "clone"
    other = Git(theirs, as_person=True)
    other.run("pull", "--quiet")
    ended = theirs / "missions" / "archive" / "2026" / "11" / "30"
    ended.mkdir(parents=True, exist_ok=True)
    (theirs / "missions" / "mine.md").rename(ended / "mine.md")
    (theirs / "missions" / "next.md").write_text("And that.\n")
    other.run("add", "--all")
    other.run("commit", "--quiet", "-m", "Ended, and another")
    other.run("push", "--quiet", "--no-verify")
    git.run("pull", "--quiet")
    assert (made.folder / "missions" / "next.md").exists()
    assert not (made.folder / "missions" / "mine.md").exists()
    assert not (made.folder / "missions" / "archive").exists()
    assert git.text("status", "--porcelain") == ""
    git.run("sparse-checkout", "disable")
    assert (made.folder / "missions" / "archive" / "2026" / "11" / "30" / "mine.md").exists()
    assert files_in(made.folder) == sorted(git.text("ls-tree", "-r", "--name-only", "HEAD").splitlines())


@pytest.mark.usefixtures("few")
def test_what_others_begin_later_is_written_too(grown: Template, tmp_path: Path) -> None:
    """Templates, patches, conflicts, lessons and projects of which there was none at the join come by a pull, and a
    person writes them with a plain `git add`; folders of missions that were there are whole."""
    grown.copy(tmp_path)
    other = Git(tmp_path / "clone", as_person=True)
    other.run("pull", "--quiet")
    _write(tmp_path / "clone", "missions/drafts/deep/idea.md")
    _push(other)
    made = setup.join(str(tmp_path / "clone.git"), tmp_path / "other", Settings(home=tmp_path / "b", node_id="vps"))
    assert (made.folder / "missions" / "drafts" / "deep" / "idea.md").exists()
    git, later = Git(made.folder, as_person=True), [f"{folder}/new/x.md" for folder in sparse_files.WRITTEN]
    _write(tmp_path / "clone", *later)
    _push(other)
    git.run("pull", "--quiet")
    assert [path for path in later if not (made.folder / path).exists()] == []
    mine = [path.replace("/new/", "/mine/") for path in later]
    _write(made.folder, *mine)
    git.run("add", "--", *mine)
    assert git.text("diff", "--cached", "--name-only").splitlines() == sorted(mine)


def _write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{path}\n")


def _push(git: Git) -> None:
    git.run("add", "--all")
    git.run("commit", "--quiet", "-m", "More")
    git.run("push", "--quiet", "--no-verify")


@pytest.mark.usefixtures("few")
def test_what_is_left_out_is_not_taken_for_deleted(grown: Template, tmp_path: Path) -> None:
    """`shiftbook check` judges the tree that a commit would have: with every finished mission, and with what stands in
    the folder and was not added yet, also in a folder that git leaves out."""
    made, _ = join(grown, tmp_path)
    git = Git(made.folder)
    with clone_check._opened(made.folder) as (opened, _store):
        assert clone_check._work_tree(opened) == git.text("rev-parse", "HEAD^{tree}")
    _write(made.folder, "missions/templates/new.md", "missions/other/odd.md")
    (made.folder / "missions" / "templates" / "new.md").write_text("---\npriority: 99\n---\nDo.\n")
    (made.folder / "missions" / "README.md").unlink()
    with clone_check._opened(made.folder) as (opened, _store):
        tree = clone_check._work_tree(opened)
    changed = git.text("diff-tree", "-r", "--name-status", "HEAD^{tree}", tree).splitlines()
    assert changed == ["D\tmissions/README.md", "A\tmissions/other/odd.md", "A\tmissions/templates/new.md"]
    assert "missions/templates/new.md" in [one.path for one in clone_check.check_clone(made.folder)]


def test_the_node_brings_nothing_again(grown: Template, tmp_path: Path) -> None:
    """Its clone has every object of the person's, as the same files; its first fetch brings no pack and no object, and
    what it shows is the ledger."""
    made, settings = join(grown, tmp_path)
    before = Git(settings.ledger_clone).counted()
    ours = {path.name: path.stat().st_ino for path in (made.folder / ".git" / "objects").rglob("*") if path.is_file()}
    theirs = {
        path.name: path.stat().st_ino for path in (settings.ledger_clone / "objects").rglob("*") if path.is_file()
    }
    assert ours.items() <= theirs.items()
    link = wiring.remote(settings.model_copy(update={"ledger": made.remote}))
    try:
        refs = link.fetch()
        ledger = SnapshotReader(link.store, TrustRoot(link.store, lambda tip: tip)).read(refs)
        assert len(list(ledger.every_archived())) == FINISHED
        assert Git(settings.ledger_clone).counted() == before
    finally:
        link.close()


SLOW_LINE = """\
#!/bin/sh
if [ "$1" = -G ]; then exit 1; fi
sleep 2
shift
exec sh -c "$*"
"""


def test_a_seeded_clone_has_the_first_fetchs_time_for_the_other_refs(
    grown: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of logs come over a slow line, though the branch is there; from then on a fetch ends in its usual time.
    (A stand-in for ssh, which waits before it serves.)"""
    grown.copy(tmp_path)
    line, url = tmp_path / "line", f"ssh://far{tmp_path / 'clone.git'}"
    line.write_text(SLOW_LINE)
    line.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(line))
    Git(tmp_path).run("clone", "--quiet", "--no-checkout", "--", str(tmp_path / "clone.git"), "seed")
    server = Git(tmp_path / "clone.git")
    log = server.text("rev-parse", "HEAD")
    server.run("update-ref", "refs/shiftbook/log/vm", log)
    assert mirror_seed.seed_mirror(tmp_path / "seed", tmp_path / "mirror.git", "main")
    link = GitRemote(url, tmp_path / "mirror.git", timeout=1.0)
    try:
        assert link.fetch()["refs/shiftbook/log/vm"] == log
        with pytest.raises(RemoteUnreachable):
            link.fetch()
    finally:
        link.close()


def test_a_clone_that_goes_takes_nothing_with_it(grown: Template, tmp_path: Path) -> None:
    """Packed anew or deleted, the person's clone leaves the node's whole."""
    made, settings = join(grown, tmp_path)
    Git(made.folder).run("gc", "--quiet", "--prune=now")
    assert Git(settings.ledger_clone).text("fsck", "--connectivity-only", "--no-dangling") == ""
    for path in sorted((made.folder / ".git" / "objects").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert Git(settings.ledger_clone).text("rev-list", "--count", "--all") != "0"


def test_what_has_not_all_objects_itself_is_no_seed(grown: Template, tmp_path: Path) -> None:
    """A shallow or partial clone, one with borrowed objects, a branch that was not fetched, and a clone that is there
    already: the node's first fetch brings the ledger as it always did."""
    made, settings = join(grown, tmp_path)
    url, mirror = str(tmp_path / "clone.git"), tmp_path / "mirror.git"
    for number, words in enumerate((["--depth=1"], ["--filter=blob:none"], ["--shared"])):
        server = Git(tmp_path / "clone.git")
        server.run("config", "uploadpack.allowFilter", "true")
        where = f"file://{url}" if "--shared" not in words else url
        Git(tmp_path).run("clone", "--quiet", "--no-checkout", *words, "--", where, f"odd-{number}")
        assert not mirror_seed.seed_mirror(tmp_path / f"odd-{number}", mirror, "main")
        assert not mirror.exists()
    assert not mirror_seed.seed_mirror(made.folder, mirror, "other")
    assert not mirror_seed.seed_mirror(made.folder, settings.ledger_clone, "main")
    assert list(tmp_path.glob("*.shiftbook-seed")) == []
    assert mirror_seed.seed_mirror(made.folder, mirror, "main")


def test_on_another_disk_objects_are_copied_and_safe(
    grown: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is on the disk before a ref names it. What git is about to write beside them is nobody else's."""
    grown.copy(tmp_path)
    Git(tmp_path).run("clone", "--quiet", "--no-checkout", "--no-local", "--", "clone.git", "seed")
    objects = tmp_path / "seed" / ".git" / "objects"
    names = sorted(str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file())
    for name in ("pack/tmp_pack_abc", "tmp_obj_abc", "info/commit-graphs.lock", "pack/multi-pack-index.lock"):
        (objects / name).write_bytes(b"half")
    flushed, fsync = set[int](), os.fsync

    def noted(file: int) -> None:
        flushed.add(os.fstat(file).st_ino)
        fsync(file)

    def refused(_source: str, _target: str) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "link", refused)
    assert mirror_seed.seed_mirror(tmp_path / "seed", tmp_path / "mirror.git", "main")
    copied = tmp_path / "mirror.git" / "objects"
    assert {(copied / name).stat().st_ino for name in names} <= flushed
    assert [path.name for path in copied.rglob("*") if path.name.startswith("tmp_") or path.suffix == ".lock"] == []


def test_a_history_of_fewer_missions_than_months_keeps_what_was_before(tmp_path: Path) -> None:
    """Months in which nothing ended have no commit."""
    made = setup.init(tmp_path / "clone", Settings(home=tmp_path / "a", node_id="vm"))
    git = Git(Path(made.remote))
    before = git.text("rev-parse", "main")
    history.import_finished(Path(made.remote), 3)
    assert git.text("merge-base", before, "main") == before
    assert len(git.text("ls-tree", "-r", "--name-only", "main", "memos").splitlines()) == 3


def test_a_machine_that_works_for_another_ledger_keeps_what_it_has(grown: Template, tmp_path: Path) -> None:
    """A person may join a second ledger on it: its node's clone is of the first."""
    grown.copy(tmp_path)
    settings = Settings(home=tmp_path / "a", node_id="vm")
    second = setup.init(tmp_path / "second", Settings(home=tmp_path / "c", node_id="far"))
    setup.join(second.remote, tmp_path / "again", settings)
    assert not settings.ledger_clone.exists()
