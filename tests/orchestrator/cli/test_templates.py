"""`template list` and `new`, and missions of a template, on a ledger that `init` made and its owner writes into."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app import setup
from orchestrator.cli import cli, terminal
from orchestrator.core.settings import Settings
from tests.orchestrator.repositories import git


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's clone of a new ledger, and the command line on that machine."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "desk")
    setup.init(tmp_path / "clone", Settings(home=tmp_path / "home", node_id="desk"))
    monkeypatch.setenv("SHIFTBOOK_LEDGER", str(tmp_path / "clone.git"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "clone"


def typed(*words: str, exit_code: int = 0) -> str:
    """What a command prints."""
    said = CliRunner().invoke(cli, list(words))
    assert said.exit_code == exit_code, (said.output, said.exception)
    return said.output


def test_without_any_a_line_says_how_one_is_written(clone: Path) -> None:
    """And nothing of it stands in the list of missions."""
    assert "No templates yet. `shiftbook template new nightly" in typed("template")
    assert json.loads(typed("template", "list", "--json")) == {"templates": [], "problems": []}


def test_a_template_is_written_listed_and_followed(clone: Path) -> None:
    """Signed by its owner; the file can be read by a person, too."""
    said = typed(
        "template", "new", "nightly", "--every", "0 3 * * 1-5", "--timezone", "Europe/Berlin", "Look at {{date}}"
    )
    assert said == "wrote missions/templates/nightly.md; follow it with `shiftbook template list`\n"
    git(clone, "pull", "--quiet")
    text = (clone / "missions/templates/nightly.md").read_text()
    assert text == '---\nevery: "0 3 * * 1-5"\ntimezone: Europe/Berlin\n---\nLook at {{date}}\n'
    (one,) = json.loads(typed("template", "list", "--json"))["templates"]
    assert (one["name"], one["signed_by"], one["catch_up"], one["last"]) == ("nightly", "ada", "latest", [])
    assert one["next"].endswith("02:00:00Z") or one["next"].endswith("01:00:00Z")
    assert typed("template", "list").split("\t")[:3] == ["nightly", "0 3 * * 1-5", "Europe/Berlin"]


def test_a_mission_of_a_template_by_hand(clone: Path) -> None:
    """Its parameters are given, other options go before what its text says, and it is an ordinary mission then."""
    body = "---\ntitle: Release {{version}}\npriority: 3\nparameters: [version]\n---\nTag {{version}}.\n"
    said = CliRunner().invoke(cli, ["template", "new", "release"], input=body)
    assert "file a mission of it with `shiftbook mission new --template release`" in said.output
    untold = CliRunner().invoke(cli, ["mission", "new", "--template", "release"])
    assert "needs a value for version" in str(untold.exception)
    words = ("--template", "release", "--set", "version=1.2.0", "--priority", "7", "--json")
    made = json.loads(typed("mission", "new", *words))
    git(clone, "pull", "--quiet")
    text = (clone / made["path"]).read_text()
    assert made["name"] == "release-1-2-0"
    assert "title: Release 1.2.0\n" in text
    assert "priority: 7\n" in text
    assert "priority: 3" not in text
    assert text.endswith("---\nTag 1.2.0.\n")


def test_a_template_on_nobodys_word_becomes_no_mission(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who files by hand would sign what a stranger pushed. It counts once a person has signed words of it."""
    (clone / "missions/templates").mkdir(exist_ok=True)
    file, evil = clone / "missions/templates/release.md", "---\nagent: command\nrun: curl evil\n---\nRelease.\n"
    file.write_text(evil)
    git(clone, "add", ".")
    git(clone, "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "a stranger's")
    git(clone, "push", "--quiet", "--no-verify")
    said = CliRunner().invoke(cli, ["mission", "new", "--template", "release"])
    assert "not signed by anybody who may file missions: read it, change what it asks for" in str(said.exception)
    assert typed("mission", "list", "--json").strip() in {"[]", ""}
    with monkeypatch.context() as people:
        people.setattr(terminal, "for_people", lambda stream=None: True)
        assert "change what it asks for, commit" in typed("template", "list")
    file.write_text(evil.replace("curl evil", "make release"))
    git(clone, "commit", "--quiet", "-am", "read, and mended")
    git(clone, "push", "--quiet")
    made = json.loads(typed("mission", "new", "--template", "release", "--json"))
    git(clone, "pull", "--quiet")
    assert "run: make release" in (clone / made["path"]).read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("template", "new", "x", "--every", "soon", "Do it"), "has 1 fields, not five"),
        (("template", "new", "x", "--every", "0 3 * * *", "--timezone", "Mars", "Do it"), "unknown time zone 'Mars'"),
        (("template", "new", "x"), "say what is to be done each time"),
        (("template", "new", "…", "Do it"), "…"),
        (("mission", "new", "--template", "nightl"), "there is no template nightl: write one"),
        (("mission", "new", "--set", "a=b", "Do it"), "its own text, or a template's"),
        (("mission", "new", "--template", "x", "Do it"), "its own text, or a template's"),
    ],
)
def test_wrong_words_are_told_in_one_line(clone: Path, words: tuple[str, ...], says: str) -> None:
    """And nothing is written."""
    said = CliRunner().invoke(cli, list(words))
    assert said.exit_code != 0
    assert says in str(said.exception)
    assert len(str(said.exception).splitlines()) == 1


def test_a_template_that_is_there_is_not_replaced(clone: Path) -> None:
    """It is a file: a person changes it where people change files."""
    typed("template", "new", "x", "Do it")
    said = CliRunner().invoke(cli, ["template", "new", "x", "Do something else"])
    assert "is there already: change that file, commit and push" in str(said.exception)


def test_what_cannot_be_followed_is_told_before_it_is_pushed(clone: Path) -> None:
    """By `check`, by `template list`; and a mission's file with a template's field says where it belongs."""
    (clone / "missions/templates").mkdir()
    (clone / "missions/templates/odd.md").write_text("---\nevery: often\n---\nx\n")
    (clone / "missions/templates/shop.md").write_text("---\nproject: shpo\n---\nx\n")
    (clone / "missions/again.md").write_text('---\nevery: "0 3 * * *"\n---\nx\n')
    said = typed("check", str(clone), exit_code=1)
    assert "missions/templates/odd.md: “every” or “timezone”: 'often' has 1 fields" in said
    assert "missions/again.md:2: “every” is for a template: move the file to missions/templates/" in said
    assert "missions/templates/shop.md: unknown project “shpo”: fleet.toml has none yet" in said
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "odd")
    git(clone, "push", "--quiet", "--no-verify")
    listed = typed("template", "list")
    assert "odd.md" in listed
    assert "unknown project “shpo”" in listed


def test_the_list_of_missions_shows_what_comes_again(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people, below what is there; a pipe has missions only."""
    typed("template", "new", "nightly", "--every", "0 3 * * *", "Look")
    typed("mission", "new", "Fix the door")
    assert "nightly" not in typed("mission", "list")
    monkeypatch.setattr(terminal, "for_people", lambda stream=None: True)
    shown = typed("mission", "list")
    assert "Fix the door" in shown
    assert "nightly" in shown
    assert "0 3 * * * UTC" in shown
    assert "next " in shown
