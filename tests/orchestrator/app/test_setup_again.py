"""A setup that was broken off, at whatever step, is completed by the same command. Real git that fails at one step."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from missions.mission import slug
from orchestrator.app import setup
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.ledger.trust.pins import TrustPins
from sync.errors import SyncError
from sync.git import Git

FAILING_GIT = """\
#!/bin/sh
# Passes everything on, but the step whose number the file names; that one is killed when it is half through.
echo x >> "{count}"
[ "$(wc -l < "{count}")" -eq {step} ] || exec "{git}" "$@"
case " $* " in *" {half} "*) "{git}" "$@" >/dev/null 2>&1 ;; esac
exit 137
"""
PUSH = ["push", "--no-verify"]
SOME = (1, 2, 4, 6, 16, 22, 30, 32)
"""Steps of `init`: before there is a repository, between two settings, before the commit, before the push."""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / ".gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n")


@contextmanager
def failing_at(step: int, folder: Path, half: str = "-") -> Iterator[Path]:
    """git on PATH fails once: at its `step`-th call from now; calls with the word `half` are carried out before."""
    real, count = shutil.which("git"), folder / f"count-{step}"
    bin_folder = folder / f"bin-{step}"
    bin_folder.mkdir()
    (bin_folder / "git").write_text(FAILING_GIT.format(count=count, step=step, git=real, half=half))
    (bin_folder / "git").chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{bin_folder}:{before}"
    try:
        yield count
    finally:
        os.environ["PATH"] = before


def broken_off(make: Callable[[], object], step: int, folder: Path, half: str = "-") -> bool:
    """Whether the step was reached."""
    with failing_at(step, folder, half) as count:
        try:
            make()
        except SyncError:
            return True
    return len(count.read_text().splitlines()) >= step


def assert_whole(made: setup.LedgerSetup, settings: Settings) -> None:
    """A signed first commit, shared, with nothing left over; this machine knows its ledger."""
    git = Git(made.folder)
    assert made.known
    assert git.text("status", "--porcelain") == ""
    names = {"fleet.toml", "allowed_signers", "SESSION_LOG.md", ".gitattributes", "missions/README.md"}
    assert names <= set(git.text("ls-tree", "-r", "--name-only", "HEAD").split())
    assert "gpgsig" in git.text("cat-file", "commit", "HEAD")
    head = git.text("rev-parse", "HEAD")
    assert Git(Path(made.remote)).refs("refs/heads/main") == {"refs/heads/main": head}
    assert f"SHIFTBOOK_LEDGER={made.remote}" in (settings.home / ".env").read_text()
    assert TrustPins(path=settings.home / "pin.json", ledger=made.remote).anchor("0" * 40) != "0" * 40


@pytest.mark.parametrize("step", SOME)
def test_init_is_completed_after_a_failure_at(step: int, tmp_path: Path) -> None:
    """Whichever call of git fails, the same command once more makes the whole ledger."""
    settings = Settings(home=tmp_path / "home")
    assert broken_off(lambda: setup.init(tmp_path / "fleet", settings), step, tmp_path)
    assert_whole(setup.init(tmp_path / "fleet", settings), settings)


@pytest.mark.nightly
@pytest.mark.parametrize("half", ["-", "commit", "push"])
def test_init_is_completed_after_a_failure_at_every_step(half: str, tmp_path: Path) -> None:
    """The long form: each step in turn, until it is reached no more."""
    for step in range(1, 200):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        settings = Settings(home=folder / "home")
        if not broken_off(lambda f=folder, s=settings: setup.init(f / "fleet", s), step, folder, half):
            return
        assert_whole(setup.init(folder / "fleet", settings), settings)
    raise AssertionError("it never went through")


@pytest.mark.parametrize("step", [1, 2, 5, 12])
def test_join_is_completed_after_a_failure_at(step: int, tmp_path: Path) -> None:
    """A clone that was broken off leaves no folder behind, or one that the same command completes."""
    home = Settings(home=tmp_path / "home")
    ledger = setup.init(tmp_path / "fleet", home).remote
    assert broken_off(lambda: setup.join(ledger, tmp_path / "clone", home), step, tmp_path)
    made = setup.join(ledger, tmp_path / "clone", home)
    assert made.known
    assert Git(made.folder).text("status", "--porcelain") == ""
    assert (made.folder / "fleet.toml").exists()
    assert {each.name for each in made.folder.iterdir()} == {each.name for each in (tmp_path / "fleet").iterdir()}


def test_a_clone_that_cannot_be_made_leaves_no_folder(tmp_path: Path) -> None:
    """And an empty folder that was there already stays, empty."""
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(SyncError):
            setup.join(str(tmp_path / "nowhere.git"), tmp_path / name, Settings(home=tmp_path / "home"))
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_init_that_could_not_reach_a_ledger_makes_no_second_one(tmp_path: Path) -> None:
    """Its first commit was pushed nowhere: once the remote answers, the ledger that is there is taken."""
    theirs = setup.init(tmp_path / "fleet", Settings(home=tmp_path / "home"))
    mine, remote = Settings(home=tmp_path / "other"), tmp_path / "fleet.git"
    remote.rename(tmp_path / "away.git")
    with pytest.raises(SyncError):
        setup.init(tmp_path / "mine", mine, remote=str(remote))
    (tmp_path / "away.git").rename(remote)
    made = setup.init(tmp_path / "mine", mine, remote=str(remote))
    assert Git(made.folder).text("rev-parse", "HEAD") == Git(theirs.folder).text("rev-parse", "HEAD")
    assert not made.known


def test_what_is_committed_is_not_written_again(tmp_path: Path) -> None:
    """A file that a person took out of the folder is not replaced by a template, in a commit of its own."""
    settings = Settings(home=tmp_path / "home")
    made = setup.init(tmp_path / "fleet", settings)
    head = Git(made.folder).text("rev-parse", "HEAD")
    (made.folder / "SESSION_LOG.md").unlink()
    (made.folder / "allowed_signers").unlink()
    assert setup.init(tmp_path / "fleet", settings).known
    assert Git(made.folder).text("rev-parse", "HEAD") == head


def test_a_key_that_was_half_made_is_completed(tmp_path: Path) -> None:
    """Its public half is made from the private one: the ledger may list it already."""
    settings = Settings(home=tmp_path / "home")
    made = setup.init(tmp_path / "fleet", settings)
    (settings.home / "keys" / "person.pub").unlink()
    assert setup.init(tmp_path / "fleet", settings).line.split()[:4] == made.line.split()[:4]


def test_a_foreign_folder_beside_it_is_left_alone(tmp_path: Path) -> None:
    """The shared repository is not made among somebody's files."""
    (tmp_path / "fleet.git").mkdir()
    (tmp_path / "fleet.git" / "mine.txt").write_text("x")
    with pytest.raises(Exception, match="is no repository"):
        setup.init(tmp_path / "fleet", Settings(home=tmp_path / "home"))
    assert [each.name for each in (tmp_path / "fleet.git").iterdir()] == ["mine.txt"]


def commit(folder: Path) -> int:
    """A person's plain commit, which no other clone has: not even one that is made in the same second."""
    words = ["git", "commit", "--quiet", "--allow-empty", "-m", f"in {folder.name}"]
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode


def foreign_signer(tmp_path: Path) -> Path:
    """A program that signs with none of our keys."""
    signer = tmp_path / "signer"
    signer.write_text("#!/bin/sh\necho 'error: this key is not in the vault' >&2; exit 1\n")
    signer.chmod(0o755)
    return signer


@pytest.mark.parametrize(
    "lines", ['[gpg]\nformat = openpgp\nprogram = {0}\n[gpg "ssh"]\nprogram = {0}\n[user]\nsigningkey = ABC\n']
)
def test_a_persons_own_signer_is_not_asked(lines: str, tmp_path: Path) -> None:
    """What they sign with elsewhere knows nothing of the key that init made."""
    with (tmp_path / "person" / ".gitconfig").open("a") as file:
        file.write(lines.format(foreign_signer(tmp_path)))
    made = setup.init(tmp_path / "fleet", Settings(home=tmp_path / "home"))
    assert commit(made.folder) == 0


@pytest.mark.parametrize("lines", ["[push]\ndefault = nothing\n", "[push]\ngpgSign = true\n", "[pull]\nff = only\n"])
def test_plain_git_works_whatever_a_person_has_set_for_their_other_clones(lines: str, tmp_path: Path) -> None:
    """`git push` names no ref and signs no push; `git pull` puts a commit onto those of others. What they have set in
    this very clone stays."""
    with (tmp_path / "person" / ".gitconfig").open("a") as file:
        file.write(lines)
    settings = Settings(home=tmp_path / "home")
    made = setup.init(tmp_path / "fleet", settings)
    other = setup.join(made.remote, tmp_path / "other", settings)
    for folder in (made.folder, other.folder):
        assert commit(folder) == 0
    for folder, words in ((made.folder, PUSH), (other.folder, ["pull"]), (other.folder, PUSH)):
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    Git(made.folder).config({"push.default": "current"})
    setup.init(made.folder, settings)
    assert Git(made.folder).text("config", "--local", "push.default") == "current"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gpg.ssh.program", "{signer}"),
        ("gpg.format", "openpgp"),
        ("user.signingkey", "{signer}"),
        ("user.signingkey", "{other}"),
        ("commit.gpgsign", "false"),
    ],
)
def test_the_doctor_names_the_setting_that_is_wrong(key: str, value: str, tmp_path: Path) -> None:
    """By signing something; the line that it gives mends it. It leaves nothing in the clone."""
    from orchestrator.app.clone_signing import ledger_clones, try_signing

    settings = Settings(home=tmp_path / "home")
    made = setup.init(tmp_path / "fleet", settings)
    settings = settings.model_copy(update={"ledger": made.remote})
    git = Git(made.folder)
    assert list(ledger_clones(settings, made.folder / "missions")) == [made.folder]
    assert not try_signing(made.folder, settings).wrong
    named = {"signer": foreign_signer(tmp_path), "other": settings.home / "keys" / "node.pub"}
    git.config({key: value.format(**named)})
    objects = git.counted()
    tried = try_signing(made.folder, settings)
    assert tried.wrong
    assert f"config {key} " in tried.remedy
    assert tried.remedy.count("config") == 1
    assert git.counted() == objects
    subprocess.run(tried.remedy.removeprefix("run: ").strip("`"), shell=True, check=True)
    assert not try_signing(made.folder, settings).wrong


def test_a_persons_name_for_remotes_changes_nothing(tmp_path: Path) -> None:
    """`clone.defaultRemoteName` counts for their own clones; one in which origin is missing says what to do."""
    home = Settings(home=tmp_path / "home")
    ledger = setup.init(tmp_path / "fleet", home).remote
    with (tmp_path / "person" / ".gitconfig").open("a") as file:
        file.write("[clone]\n\tdefaultRemoteName = upstream\n")
    assert setup.join(ledger, tmp_path / "clone", home).remote == ledger
    Git(tmp_path / "clone").run("remote", "rename", "origin", "upstream")
    with pytest.raises(WrongSetting, match="has no remote called origin: `git remote rename NAME origin`"):
        setup.join(ledger, tmp_path / "clone", home)


def test_a_persons_name_may_be_in_any_script(tmp_path: Path) -> None:
    """The fleet calls them by the name of their log-in then."""
    (tmp_path / "person" / ".gitconfig").write_text("[user]\nname = 山田太郎\nemail = taro@example.com\n")
    made = setup.init(tmp_path / "fleet", Settings(home=tmp_path / "home"))
    assert slug(getpass.getuser()) in (made.folder / "allowed_signers").read_text()
    assert commit(made.folder) == 0
