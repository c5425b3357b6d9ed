"""Is git called so that nothing around it changes what it reads? Real repositories."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.errors import GitError, ObjectMissing, ObjectTooLarge, RemoteUnreachable
from sync.git import Git, GitStore
from sync.git_remote import GitRemote
from sync.refs.push_report import LOST_RACE
from tests.waiting import PATIENCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty bare repository, with another one beside it."""
    for name in ("a", "b"):
        subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / name)], check=True)
    return tmp_path / "a"


@pytest.fixture
def store(folder: Path) -> Iterator[GitStore]:
    opened = GitStore(folder)
    yield opened
    opened.close()


def test_a_replaced_object_is_read_as_what_it_is(folder: Path, store: GitStore) -> None:
    """Neither the reader nor a command follows refs/replace/."""
    true, posing = store.put("blob", b"true"), store.put("blob", b"posing")
    subprocess.run(["git", "update-ref", f"refs/replace/{true}", posing], cwd=folder, check=True)
    assert subprocess.check_output(["git", "cat-file", "blob", true], cwd=folder) == b"posing"
    assert store.get(true) == b"true"
    assert store.size(true) == 4
    assert Git(folder).run("cat-file", "blob", true) == b"true"


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"])
def test_a_callers_environment_does_not_redirect_the_reader(
    folder: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A hook or a shell that has GIT_DIR set still gets this repository's objects."""
    oid = store.put("blob", b"here")
    other = folder.with_name("b")
    monkeypatch.setenv(name, str(other / "objects" if name == "GIT_OBJECT_DIRECTORY" else other))
    assert store.get(oid) == b"here"
    assert store.size(oid) == 4


def test_a_callers_environment_lends_no_objects(folder: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is elsewhere only is missing here."""
    other = GitStore(folder.with_name("b"))
    oid = other.put("blob", b"elsewhere")
    other.close()
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(folder.with_name("b") / "objects"))
    with pytest.raises(ObjectMissing):
        store.get(oid)


PERSONS_SETTINGS = {
    "log.showSignature": "true",
    "log.follow": "true",
    "color.ui": "always",
    "column.ui": "always",
    "safe.bareRepository": "explicit",
    "push.recurseSubmodules": "on-demand",
    "core.quotePath": "false",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "fetch.prune": "true",
    "push.pushOption": "ci.skip",
}


@pytest.mark.parametrize("place", ["home", "xdg", "included", "repository"])
def test_a_persons_settings_change_nothing_that_is_read(
    folder: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Wherever a person has them, git's settings for people are not in force where output is read."""
    home = folder.parent / "home"
    (home / ".config" / "git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    file = {"home": home / ".gitconfig", "xdg": home / ".config" / "git" / "config", "repository": folder / "config"}
    target = file.get(place, home / "more")
    for key, value in PERSONS_SETTINGS.items():
        subprocess.run(["git", "config", "--file", str(target), key, value], check=True)
    if place == "included":
        subprocess.run(["git", "config", "--file", str(file["home"]), "include.path", str(target)], check=True)
    person = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "safe.bareRepository=all")
    tree = store.put("tree", b"100644 f\0" + bytes.fromhex(store.put("blob", b"x")))
    made = subprocess.check_output(["git", *person, "commit-tree", tree, "-m", "first"], cwd=folder, text=True).strip()
    assert list(store.history(made, "f")) == [made]
    assert store.between(made, None) == {made: ()}
    assert Git(folder).refs() == {}
    subprocess.run(["git", "init", "--quiet", "--bare", str(home / "to.git")], check=True)
    Git(folder).run("push", "--quiet", str(home / "to.git"), f"{made}:refs/heads/x")  # which takes no options
    assert Git(folder, as_person=True).text("rev-parse", "--is-bare-repository") == "true"


def test_an_object_past_the_limit_is_not_read(store: GitStore) -> None:
    """Its size is asked first, and what comes next is read all the same."""
    large, small = store.put("blob", b"x" * 3_000_000), store.put("blob", b"small")
    with pytest.raises(ObjectTooLarge, match="3,000,000 bytes, at most 1,000"):
        store.get(large, 1000)
    assert store.get(small) == b"small"
    assert len(store.get(large)) == 3_000_000


SAID = """\
remote: policy: branches are called feature/NAME, ask in channel 7
To /srv/shop.git
 ! [remote rejected] HEAD -> shiftbook/a/1 (pre-receive hook declined)
error: failed to push some refs to '/srv/shop.git'
"""


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (SAID, "policy: branches are called feature/NAME, ask in channel 7; pre-receive hook declined"),
        ("error: failed to push some refs to 'x'\n", "error: failed to push some refs to 'x'"),
        ("warning: a\nfatal: repository 'x' does not exist\n", "fatal: repository 'x' does not exist"),
        ("", "no message"),
    ],
)
def test_why_git_failed_is_told_with_the_other_sides_words(stderr: str, told: str) -> None:
    """What a server said goes before git's own sentence, which often says only that something failed."""
    assert f"git push failed (1): {told}" in str(GitError(["push"], 1, stderr))


def test_a_repository_is_made_for_sha_1(tmp_path: Path) -> None:
    """Whatever git's default is or becomes: a ledger, its clones and its server must be of one kind."""
    git = Git(tmp_path)
    assert git.text("-c", "alias.hash=!echo $GIT_DEFAULT_HASH", "hash") == "sha1"
    there = tmp_path / "there"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", "--object-format=sha256", there], check=True)
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=there, check=True)
    remote = GitRemote(str(there), tmp_path / "here")
    with pytest.raises(RemoteUnreachable, match="made for SHA-256, a ledger's must be for SHA-1"):
        remote.fetch()
    remote.close()


@pytest.mark.parametrize(
    "said",
    [
        "failed to update ref",
        "reference already exists",
        "incorrect old value provided",
        "reference does not exist",
        "atomic transaction failed",
        "stale info",
    ],
)
def test_a_lost_race_has_many_words(said: str) -> None:
    """What 2.39.5 and 2.55 say of a ref that somebody else moved, made or deleted first; a refusal is none of it."""
    assert LOST_RACE.search(f"[remote rejected] ({said})")
    assert not LOST_RACE.search("[remote rejected] (pre-receive hook declined)")


def test_who_says_what_to_read_next_may_read_meanwhile(store: GitStore) -> None:
    """Names that are found out while they are said do not wait for themselves."""
    oids = [store.put("blob", b"%d" % number) for number in range(3)]
    done = threading.Thread(target=lambda: store.warm(oid for oid in oids if store.get(oid)), daemon=True)
    done.start()
    done.join(PATIENCE)
    assert not done.is_alive()


def test_settings_are_written_where_they_differ(folder: Path) -> None:
    """In whatever case git lists a name, with spaces in a value, or several values; what is right is not touched."""
    git = Git(folder)
    wanted = {"gpg.ssh.allowedSignersFile": " a file ", "pull.rebase": "true", "merge.A b.driver": "one\ntwo"}
    git.run("config", "--add", "pull.rebase", "false")
    git.run("config", "--add", "pull.rebase", "merges")
    git.config(wanted)
    assert git.own_settings().items() >= {
        ("gpg.ssh.allowedsignersfile", " a file "),
        ("pull.rebase", "true"),
        ("merge.A b.driver", "one\ntwo"),
    }
    assert git.text("config", "--get-all", "pull.rebase") == "true"
    before = (folder / "config").stat().st_mtime_ns
    git.config(wanted)
    assert (folder / "config").stat().st_mtime_ns == before
