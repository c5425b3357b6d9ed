"""Does a person get a clone in which everything works, without a secret in it, and hear all that is left to do?"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from orchestrator.app import setup, wiring
from orchestrator.app.identity import set_identity
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from sync.git import Git
from sync.process.git_environment import bearer_environment
from tests.orchestrator.clones import git
from tests.templates import Template

pytestmark = pytest.mark.usefixtures("closing")


@pytest.mark.parametrize("user", ["ada:secret", "ghp_secret0123456789abcdefghij"])
def test_a_url_with_a_credential_is_refused(tmp_path: Path, user: str) -> None:
    """git would write it into the clone's settings; the message does not repeat it, and nothing was made."""
    settings, url = Settings(home=tmp_path / "home"), f"https://{user}@hq.example/git/x.git"
    beside = Git(tmp_path / "there")
    (tmp_path / "there").mkdir()
    beside.run("init", "--quiet", ".")
    beside.run("remote", "add", "origin", url)
    for begin in (
        lambda: setup.join(url, tmp_path / "clone", settings),
        lambda: setup.init(tmp_path / "clone", settings, remote=url),
        lambda: setup.init(tmp_path / "there", settings),
    ):
        with pytest.raises(WrongSetting, match="holds a password or a token") as raised:
            begin()
        assert "secret" not in str(raised.value)
    assert not (tmp_path / "clone").exists()
    assert not (tmp_path / "home" / ".env").exists()


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://hq.example:8823/git/x.git", "http.https://hq.example:8823/.extraHeader"),
        ("http://127.0.0.1:1/git/x.git", "http.http://127.0.0.1:1/.extraHeader"),
        ("ssh://hq.example/x.git", None),
        ("/srv/x.git", None),
        ("hq.example:x.git", None),
    ],
)
def test_a_token_goes_to_its_server_only(url: str, key: str | None) -> None:
    """And stands in no command line: the setting is bound to scheme, host and port of the URL."""
    assert bearer_environment(url, "sbk_x").get("GIT_CONFIG_KEY_0") == key
    assert bearer_environment(url, "") == {}


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    """Not when they are printed."""
    shown = repr(Settings(home=tmp_path, git_token="sbk_1", hq_token="sbk_2", hook_secret="sbk_3"))
    assert "sbk_" not in shown


def test_an_address_of_headquarters_is_a_web_address(tmp_path: Path) -> None:
    """Anything else is one line that names the setting."""
    with pytest.raises(ValueError, match="web address"):
        Settings(home=tmp_path, hq_url="hq.example")


@pytest.fixture(scope="module")
def founded() -> Template:
    """A ledger that somebody made on a machine called vm."""
    return Template.of(lambda folder: setup.init(folder / "clone", machine(folder, "a", "vm")) and None)


def machine(folder: Path, home: str, node: str = "") -> Settings:
    """One of the machines of a test."""
    return Settings(home=folder / home, node_id=node)


def joined(founded: Template, folder: Path, settings: Settings) -> setup.LedgerSetup:
    """A copy of the ledger, joined by another machine."""
    founded.copy(folder)
    return setup.join(str(folder / "clone.git"), folder / "other", settings)


def test_whoever_joins_is_told_both_lines_at_once(founded: Template, tmp_path: Path) -> None:
    """The person's and the node's; with both typed nothing is left to type."""
    other = machine(tmp_path, "b", "vps")
    made = joined(founded, tmp_path, other)
    assert [line.split(" --key")[0] for line in made.admit] == [
        f"shiftbook fleet admit {made.person} --role author",
        "shiftbook fleet admit vps --role node",
    ]
    assert (made.known, made.node_known) == (False, False)
    admin = wiring.fleet(Settings(home=tmp_path / "a", ledger=str(tmp_path / "clone.git"), node_id="vm")).membership
    for line in made.admit:
        words = shlex.split(line)
        admin.admit(words[3], frozenset({words[5]}), words[7])
    git(tmp_path / "other", "pull", "--quiet")
    again = setup.join(str(tmp_path / "clone.git"), tmp_path / "other", other)
    assert (again.admit, again.known, again.node_known) == ((), True, True)


def test_a_second_machine_of_one_name_gets_another(
    founded: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written into its home; a name that a person set themselves is theirs to change."""
    monkeypatch.setattr("platform.node", lambda: "vm")
    made = joined(founded, tmp_path, machine(tmp_path, "b"))
    assert made.node == "vm-2"
    assert "SHIFTBOOK_NODE_ID=vm-2\n" in (tmp_path / "b" / ".env").read_text(encoding="utf-8")
    assert load_settings(home=tmp_path / "b").node == "vm-2"
    named = setup.join(str(tmp_path / "clone.git"), tmp_path / "third", machine(tmp_path, "c", "vm"))
    assert any("set SHIFTBOOK_NODE_ID=vm-2" in line for line in named.done)
    assert "NODE_ID" not in (tmp_path / "c" / ".env").read_text(encoding="utf-8")


def test_a_second_fleet_on_a_machine_says_for_which_its_node_works(founded: Template, tmp_path: Path) -> None:
    """The first one still, and which line changes that."""
    founded.copy(tmp_path)
    made = setup.init(tmp_path / "second", machine(tmp_path, "a", "vm"))
    assert made.works_for == str(tmp_path / "clone.git")
    assert made.remote == str(tmp_path / "second.git")
    assert made.environment == tmp_path / "a" / ".env"


def test_a_persons_own_identity_counts_from_when_they_set_it(
    founded: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then there is one of ours, so that a commit works; what they set in the clone itself is theirs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    clone = tmp_path / "other"
    joined(founded, tmp_path, machine(tmp_path, "b", "vps"))
    ours = Git(clone, as_person=True)
    assert ours.text("config", "user.email").endswith("@shiftbook.invalid")
    (home / ".gitconfig").write_text("[user]\n\tname = Ada L\n\temail = ada@example.com\n", encoding="utf-8")
    set_identity(Git(clone))
    assert (ours.text("config", "user.email"), ours.text("config", "user.name")) == ("ada@example.com", "Ada L")
    ours.run("config", "user.email", "work@example.com")
    set_identity(Git(clone), "ada")
    assert ours.text("config", "user.email") == "work@example.com"


def test_a_clone_keeps_what_is_not_committed_when_it_pulls(founded: Template, tmp_path: Path) -> None:
    """`git pull` rebases what is committed and puts the rest back; the second join changes nothing."""
    joined(founded, tmp_path, machine(tmp_path, "b", "vps"))
    other = tmp_path / "other"
    (tmp_path / "clone" / "missions" / "m.md").write_text("Do it.\n", encoding="utf-8")
    git(tmp_path / "clone", "add", "--all")
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    git(tmp_path / "clone", *who, "commit", "--quiet", "-m", "A mission")
    git(tmp_path / "clone", "push", "--quiet", "--no-verify")
    (other / "fleet.toml").write_text("# mine\n" + (other / "fleet.toml").read_text(encoding="utf-8"), encoding="utf-8")
    git(other, "pull", "--quiet")
    assert (other / "missions" / "m.md").exists()
    assert (other / "fleet.toml").read_text(encoding="utf-8").startswith("# mine")
    assert setup.join(str(tmp_path / "clone.git"), other, machine(tmp_path, "b", "vps")).done == ()


def test_a_persons_own_hook_stays(founded: Template, tmp_path: Path) -> None:
    """Ours is written where there is none, and renewed where it is ours."""
    hook = tmp_path / "other" / ".git" / "hooks" / "pre-push"
    joined(founded, tmp_path, machine(tmp_path, "b", "vps"))
    assert "check --pushed main" in hook.read_text(encoding="utf-8")
    assert hook.stat().st_mode & 0o111
    for text, stays in (("#!/bin/sh\nexit 0\n", True), ("#!/bin/sh\n# Written by shiftbook\nold\n", False)):
        hook.write_text(text, encoding="utf-8")
        setup.join(str(tmp_path / "clone.git"), tmp_path / "other", machine(tmp_path, "b", "vps"))
        assert (hook.read_text(encoding="utf-8") == text) is stays
    hook.unlink()
    git(tmp_path / "other", "config", "core.hooksPath", "own-hooks")
    setup.join(str(tmp_path / "clone.git"), tmp_path / "other", machine(tmp_path, "b", "vps"))
    assert not hook.exists()
