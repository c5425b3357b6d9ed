"""Does the clone in which a person stands say for which fleet a command is, and does it follow what the command did?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app import standing
from orchestrator.cli import cli
from orchestrator.cli.clone.here import node_settings
from orchestrator.core.environment import load_settings
from orchestrator.core.settings import Settings
from sync.errors import HistoryRewritten
from sync.git_remote import GitRemote
from tests.orchestrator.clones import git

WHO = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")


pytestmark = pytest.mark.usefixtures("closing")


@pytest.fixture
def folder(two_fleets: Path) -> Path:
    """Both clones and the machine."""
    return two_fleets


def missions(clone: Path) -> set[str]:
    """The missions on a fleet's branch."""
    listed = git(clone.with_name(f"{clone.name}.git"), "ls-tree", "--name-only", "main", "missions/").split()
    return {Path(path).stem for path in listed} - {"README"}


def test_a_mission_is_filed_into_the_fleet_in_whose_clone_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any of its folders, with a word on standard error; elsewhere the machine's own fleet is meant."""
    new = ["mission", "new", "--no-project", "--json"]
    for place, name in ((folder / "two" / "missions", "b"), (folder / "one", "a"), (folder, "c")):
        monkeypatch.chdir(place)
        done = CliRunner().invoke(cli, [*new, "--name", name, "Do it."])
        assert done.exit_code == 0, done.output
        assert ("in whose clone you stand" in done.stderr) is (name == "b")
        assert '"name"' in done.stdout
    assert (missions(folder / "two"), missions(folder / "one")) == ({"b"}, {"a", "c"})
    for clone, name in (("two", "b"), ("one", "a")):
        assert (folder / clone / "missions" / f"{name}.md").exists(), "a clean clone follows"
    monkeypatch.chdir(folder / "two")
    shown = CliRunner().invoke(cli, ["mission", "list", "--json"])
    assert '"b"' in shown.stdout
    assert '"a"' not in shown.stdout


def test_doctor_looks_at_the_fleet_in_whose_clone_one_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every command does that asks a ledger."""
    monkeypatch.chdir(folder / "two")
    looked = CliRunner().invoke(cli, ["doctor", "--json"])
    assert f"in the fleet of {folder / 'two.git'}" in looked.stderr
    assert f"{folder / 'two.git'} answers" in looked.stdout


def test_what_is_with_the_node_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A chat is with the node that runs here, whose fleet is another one; in its own fleet's clone nothing is said."""
    for place, said in ((folder / "two", True), (folder / "one", False), (folder, False)):
        monkeypatch.chdir(place)
        assert node_settings("this chat").ledger == str(folder / "one.git")
        assert ("this chat is with this machine's node" in capsys.readouterr().err) is said


def test_the_environment_comes_first(folder: Path) -> None:
    """As GIT_DIR does for git. A folder without a ledger, or without a remote, is none."""
    settings = load_settings()
    named = {"SHIFTBOOK_LEDGER": str(folder / "one.git")}
    assert standing.stand(settings, folder / "two", named) is None
    found = standing.stand(settings, folder / "two", {})
    assert found is not None
    assert (found.own, found.settings.ledger) == (False, str(folder / "two.git"))
    assert found.settings.ledger_home != settings.ledger_home == settings.home
    assert found.settings.home == settings.home
    own = standing.stand(load_settings(), folder / "one", named)
    assert own is not None, "the same ledger as the environment's: the clone follows"
    git(folder / "two", "remote", "set-url", "origin", "../two.git")
    relative = standing.stand(settings, folder / "two" / "missions", {})
    assert relative is not None
    assert relative.settings.ledger == str(folder / "two.git")
    git(folder / "two", "remote", "remove", "origin")
    assert standing.stand(settings, folder / "two", {}) is None
    git(folder, "init", "--quiet", "shop")
    assert standing.stand(settings, folder / "shop", {}) is None


@pytest.mark.parametrize(
    ("ledger", "shown"),
    [
        ("https://hq.example:8823/git/other.git", "sbk_x"),
        ("https://hq.example/git/other.git", ""),
        ("https://elsewhere.example/x.git", ""),
        ("/srv/x.git", ""),
    ],
)
def test_another_fleets_server_does_not_see_the_token(tmp_path: Path, ledger: str, shown: str) -> None:
    """Only the very server that it is for."""
    mine = Settings(home=tmp_path, ledger="https://hq.example:8823/git/x.git", git_token="sbk_x")
    assert mine.at(ledger, "main").git_token.get_secret_value() == shown


def test_a_clone_with_work_in_it_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed, or committed and not pushed, stays; one line says what to do. Another branch stays, too."""
    clone = folder / "two"
    monkeypatch.chdir(clone)
    (clone / "HEARTBEAT.md").write_text("mine\n", encoding="utf-8")

    def file(name: str) -> str:
        done = CliRunner().invoke(cli, ["mission", "new", "--no-project", "--name", name, "Do it."])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert "is 1 behind: git pull" in file("a")
    assert (clone / "HEARTBEAT.md").read_text(encoding="utf-8") == "mine\n"
    git(clone, *WHO, "commit", "--quiet", "--no-gpg-sign", "-am", "mine")
    assert "is 2 behind: git pull" in file("b")
    git(clone, "checkout", "--quiet", "-b", "draft")
    assert "is 3 behind: git pull" in file("c")
    assert not (clone / "missions" / "a.md").exists()
    git(clone, "checkout", "--quiet", "main")
    git(clone, *WHO, "pull", "--quiet", "--no-rebase", "--no-edit", "--no-gpg-sign")
    assert CliRunner().invoke(cli, ["mission", "list"]).stderr.count("behind") == 0


def test_a_machine_may_turn_to_another_ledger(folder: Path) -> None:
    """By its setting; what was seen of the first one is kept. The same address with another history is still a remote
    that was tampered with."""
    first = GitRemote(str(folder / "one.git"), folder / "seen.git")
    first.fetch()
    second = GitRemote(str(folder / "two.git"), folder / "seen.git")
    assert second.fetch()["refs/heads/main"] == git(folder / "two.git", "rev-parse", "main").strip()
    old = git(folder / "one.git", "rev-parse", "main").strip()
    assert old in git(folder / "seen.git", "for-each-ref", "refs/former/")
    git(folder / "two.git", "fetch", "--quiet", str(folder / "one.git"), "+main:main")
    with pytest.raises(HistoryRewritten):
        second.fetch()
    first.close()
    second.close()
