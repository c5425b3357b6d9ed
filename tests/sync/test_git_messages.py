"""Does a person get a cause and a step before git's own words, whatever git said?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sync.errors import GitError, RemoteUnreachable, SigningFailed
from sync.git import Git
from sync.git_messages import meaning_of
from sync.git_remote import GitRemote


def repository(folder: Path) -> Git:
    """One with a commit."""
    git = Git(folder, env={"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "a"})
    git.run("init", "--quiet", "--initial-branch=main", ".")
    git.config({"user.email": "a@example.com", "user.name": "a"})
    git.run("commit", "--quiet", "--allow-empty", "-m", "one")
    return git


def detached(git: Git) -> None:
    """As in the middle of a rebase."""
    git.run("checkout", "--quiet", "--detach")
    git.run("symbolic-ref", "--short", "HEAD")


def unsigned(git: Git) -> None:
    """With a key that is not there."""
    git.config({"gpg.format": "ssh", "user.signingkey": "/nowhere/key.pub"})
    git.run("commit", "--quiet", "-S", "--allow-empty", "-m", "two")


def locked(git: Git) -> None:
    """As after a git that was killed."""
    (git.folder / ".git" / "index.lock").touch()
    (git.folder / "x").touch()
    git.run("add", "x")


def in_the_way(git: Git) -> None:
    """A file that another branch changes is changed here, too."""
    (git.folder / "x").write_text("1", encoding="utf-8")
    git.run("add", "x")
    git.run("commit", "--quiet", "-m", "x")
    git.run("checkout", "--quiet", "-b", "other", "HEAD~")
    (git.folder / "x").write_text("2", encoding="utf-8")
    git.run("checkout", "--quiet", "main")


def damaged(git: Git) -> None:
    """An object is cut short."""
    oid = git.text("rev-parse", "HEAD")
    path = git.folder / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    git.run("log")


@pytest.mark.parametrize(
    ("does", "cause", "step"),
    [
        (detached, "no branch is checked out", "git rebase --continue"),
        (unsigned, "could not be signed", "user.signingkey"),
        (locked, "another git is at work", "delete the file"),
        (in_the_way, "changes of yours are in the way", "git stash"),
        (damaged, "damaged", "git fsck"),
        (lambda git: git.run("push", "/nowhere/x.git", "main"), "no Git repository at that address", "set-url"),
        (lambda git: git.run("fetch", "http://127.0.0.1:1/x.git"), "does not answer", "check the network"),
        (lambda git: git.run("fetch", "nowhere://x/y"), "does not speak this kind", "https://"),
        (lambda git: git.run("rev-parse", "--verify", "nothing"), "no such branch", "branch's name"),
        (lambda git: git.run("clone", ".", str(git.folder)), "something else in that folder", "name another"),
        (lambda git: Git(git.folder, env={"GIT_DIR": "/nowhere"}).run("log"), "in no Git repository", "shiftbook init"),
    ],
)
def test_what_git_says_has_a_cause_and_a_step_before_it(
    tmp_path: Path, does: Callable[[Git], object], cause: str, step: str
) -> None:
    """Real words of the git that is installed."""
    git = repository(tmp_path)
    with pytest.raises(GitError) as raised:
        does(git)
    said = str(raised.value)
    before, _, raw = said.partition(" (git ")
    assert cause in before
    assert step in before
    assert raw, "git's own words follow"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("fatal: sha1 file '<stdout>' write error. Out of diskspace\nfatal: No space left on device", "disk is full"),
        ("remote: fatal: write error: Disk quota exceeded\nfatal: the remote end hung up", "disk is full"),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", "know your SSH key"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "know the server's key"),
        ("ssh: Could not resolve hostname hq: Name or service not known\nfatal: Could not read", "name is not found"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "name is not found"),
        ("ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote", "not answer"),
        ("no answer within 60 s", "not answer"),
        ("fatal: Authentication failed for 'https://x/'", "not let you in"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "not let you in"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", "not let you in"),
        ("fatal: repository 'https://x/y.git/' not found", "no Git repository at that address"),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", "not trusted"),
        ("fatal: detected dubious ownership in repository at '/srv/x'", "another user"),
        ("error: insufficient permission for adding an object to repository database objects", "may not write"),
        ("fatal: cannot create directory at 'missions': Permission denied", "may not write"),
        ("error: could not lock config file .git/config: Read-only file system", "may not write"),
        ("fatal: unable to auto-detect email address (got 'root@vm.(none)')", "who you are"),
        ("remote: error: refusing to update checked out branch: refs/heads/main", "checked out where"),
        (" ! [rejected] main -> main (fetch first)", "others have pushed"),
        ("error: gpg failed to sign the data\nfatal: failed to write commit object", "not be signed"),
        ("[Errno 2] No such file or directory: 'git'", "not installed"),
    ],
)
def test_words_that_cannot_be_had_here_are_known_too(said: str, cause: str) -> None:
    """Of full disks, strangers' servers and other machines' keys."""
    found = meaning_of(said)
    assert found is not None
    assert cause in found.cause


def test_words_that_nobody_knows_stay_as_they_are() -> None:
    """Nothing is made up for them."""
    assert str(GitError(["gc"], 3, "fatal: the moon is full")) == "git gc failed (3): fatal: the moon is full"


def test_a_remote_that_is_away_says_why_and_what_to_do(tmp_path: Path) -> None:
    """The same table, in what a fetch raises; a key that cannot be read as well."""
    remote = GitRemote(str(tmp_path / "gone.git"), tmp_path / "seen.git")
    with pytest.raises(RemoteUnreachable, match=r"at that address; correct the address .*\(git fetch"):
        remote.fetch()
    remote.close()
    assert "could not be signed; " in str(SigningFailed("key", 'Load key "key": invalid format'))
