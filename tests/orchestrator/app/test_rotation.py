"""Is a key that several fleets list changed in all of them, or in none?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.policy.membership import Membership
from sync.signatures import Key, make_key
from tests.orchestrator.clones import git

pytestmark = pytest.mark.usefixtures("closing")


@pytest.fixture
def folder(two_fleets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both clones and the machine; a mission was filed in each."""
    for name in ("one", "two"):
        monkeypatch.chdir(two_fleets / name)
        run("mission", "new", "--no-project", "--name", f"of-{name}", "Do it.")
    monkeypatch.chdir(two_fleets / "one")
    return two_fleets


def run(*words: str) -> str:
    """What one command says."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words: str) -> str:
    """Why a command is not carried out."""
    done = CliRunner().invoke(cli, words)
    assert isinstance(done.exception, (Refused, WrongSetting)), done.output
    return str(done.exception)


def public(folder: Path) -> str:
    """The person's key as it is now."""
    return " ".join((folder / "home" / "keys" / "person.pub").read_text(encoding="utf-8").split()[:2])


def lists(folder: Path, name: str, key: str) -> bool:
    """Whether a fleet lists a key."""
    return key in git(folder / f"{name}.git", "show", "main:allowed_signers")


def statuses(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a fleet says of its missions."""
    monkeypatch.chdir(folder / name)
    return run("mission", "list", "--json")


def test_every_fleet_that_lists_the_key_lists_the_new_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hung on the old key is told with its fleet; what is filed from then on counts in both."""
    old = public(folder)
    said = run("fleet", "rotate")
    new = public(folder)
    assert new != old
    for name in ("one", "two"):
        assert (lists(folder, name, new), lists(folder, name, old)) == (True, False)
    assert "shiftbook mission trust of-one\n" in said
    assert f"shiftbook mission trust of-two (in a clone of {folder / 'two.git'})\n" in said
    monkeypatch.chdir(folder / "two")
    run("mission", "trust", "of-two")
    assert '"untrusted"' not in statuses(folder, "two", monkeypatch)
    assert '"untrusted"' in statuses(folder, "one", monkeypatch)


def test_a_fleet_that_cannot_be_asked_stops_it_before_anything_is_changed(folder: Path) -> None:
    """It is left out by name only, and then what its admin types is told."""
    old = public(folder)
    gone = (folder / "two.git").rename(folder / "away.git")
    why = refused("fleet", "rotate")
    assert "no list was changed" in why
    assert f"--leave {folder / 'two.git'}" in why
    assert (public(folder), lists(folder, "one", old)) == (old, True)
    assert "three" in refused("fleet", "rotate", "--leave", str(folder / "three.git"))
    said = run("fleet", "rotate", "--leave", str(folder / "two.git"))
    new = public(folder)
    assert f"{folder / 'two.git'} was left out" in said
    assert f"--key '{new}'" in said
    gone.rename(folder / "two.git")
    assert (lists(folder, "one", new), lists(folder, "two", old)) == (True, True)


def test_who_is_no_admin_of_one_of_them_changes_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another admin types the line that is told; then the same command completes it."""
    old, boss = public(folder), make_key(folder / "boss", "boss")
    monkeypatch.chdir(folder / "two")
    run("fleet", "admit", "boss", "--role", "admin", "--key", boss.public)
    text = (folder / "two" / "allowed_signers").read_text(encoding="utf-8")
    text = "".join(line.replace("role=admin,", "") if old in line else line for line in text.splitlines(True))
    sign_as(folder, boss, text)
    monkeypatch.chdir(folder / "one")
    why = refused("fleet", "rotate")
    assert (lists(folder, "one", old), public(folder)) == (True, old)
    new = " ".join((folder / "home" / "keys" / "person.new.pub").read_text(encoding="utf-8").split()[:2])
    assert f"an admin of {folder / 'two.git'} types shiftbook fleet admit" in why
    assert f"--role author --key '{new}'" in why
    listed = next(line for line in text.splitlines() if old in line)
    sign_as(folder, boss, f"{text}{listed.replace(old, new)}\n")
    run("fleet", "rotate")
    assert public(folder) == new
    assert [lists(folder, name, new) for name in ("one", "two")] == [True, True]


def sign_as(folder: Path, key: Key, text: str) -> None:
    """Another admin changes the second fleet's list."""
    clone = folder / "two"
    git(clone, "pull", "--quiet")
    (clone / "allowed_signers").write_text(text, encoding="utf-8")
    who = ("-c", f"user.signingkey={key.path}.pub", "-c", "user.name=boss", "-c", "user.email=boss@example.com")
    git(clone, *who, "commit", "--quiet", "--no-verify", "-am", "another list")
    git(clone, "push", "--quiet", "--no-verify")


def test_a_crash_between_two_lists_is_completed_by_the_same_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in place moves only when every list has the new one."""
    old, replace = public(folder), Membership.replace

    def once(self: Membership, *keys: str) -> None:
        monkeypatch.setattr(Membership, "replace", crash)
        replace(self, *keys)

    def crash(self: Membership, *keys: str) -> None:
        raise Refused("the power went")

    monkeypatch.setattr(Membership, "replace", once)
    refused("fleet", "rotate")
    assert public(folder) == old
    monkeypatch.setattr(Membership, "replace", replace)
    run("fleet", "rotate")
    new = public(folder)
    assert [lists(folder, name, new) for name in ("one", "two")] == [True, True]
    assert [lists(folder, name, old) for name in ("one", "two")] == [False, False]
