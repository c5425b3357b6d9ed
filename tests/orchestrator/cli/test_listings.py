"""Does each command that tells of a fleet do so for people, for programs and for a pipe? One real ledger for all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.app import setup
from orchestrator.cli import cli
from orchestrator.core.settings import Settings
from orchestrator.workflow.journal import search_index
from tests.journals import entry, log
from tests.orchestrator.repositories import git

MISSIONS = {
    "fix-the-login": "---\nproject: shop\npriority: 5\n---\nFix the log-in.\n",
    "odd": "---\nagent: hal\n---\nx\n",
    "rest": "---\nstatus: parked\nreason: waits for the key\n---\nRest a while.\n",
}
PROJECT = '\n[projects.shop]\nurl = "/srv/shop.git"\ntest = "make test"\naliases = ["store"]\nbudget_usd = 2.5\n'


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's machine with a ledger of three missions and a project, and nothing else that is set."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    with pytest.MonkeyPatch.context() as here:
        for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
            here.delenv(name)
        here.setenv("HOME", str(folder))
        here.setenv("SHIFTBOOK_HOME", str(folder / "node"))
        here.setenv("SHIFTBOOK_NODE_ID", "desk")
        setup.init(folder / "clone", Settings(home=folder / "node", node_id="desk"))
        clone = folder / "clone"
        for name, text in MISSIONS.items():
            (clone / f"missions/{name}.md").write_text(text)
        with (clone / "fleet.toml").open("a") as file:
            file.write(PROJECT)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "Three missions and a project")
        git(clone, "push", "--quiet", "--no-verify", "origin", "HEAD")
        here.setenv("SHIFTBOOK_LEDGER", str(folder / "clone.git"))
        (folder / "elsewhere").mkdir()
        here.chdir(folder / "elsewhere")
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def typed(machine: Path) -> Callable[..., Result]:
    """Types a command on it, into a pipe."""

    def run(*words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, words)
        if code == 0:
            assert done.exit_code == 0, (done.output, done.exception)
        return done

    return run


Type = Callable[..., Result]


def as_json(typed: Type, *words: str) -> Any:
    """What a command prints for programs: JSON and nothing else."""
    return json.loads(typed(*words, "--json").stdout)


def test_missions(typed: Type) -> None:
    """What waits for somebody first; one line each in a pipe, and the same as JSON."""
    rows = [line.split("\t") for line in typed("mission", "list").stdout.splitlines()]
    assert [row[:2] for row in rows] == [["odd", "quarantined"], ["rest", "parked"], ["fix-the-login", "queued"]]
    assert not [word for row in rows for word in row if "\x1b" in word]
    told = as_json(typed, "mission", "list")
    assert [(each["name"], each["status"]) for each in told] == [(row[0], row[1]) for row in rows]
    only = as_json(typed, "mission", "list", "--status", "parked")
    assert [each["name"] for each in only] == ["rest"]
    assert "Nothing to show" in typed("mission", "list", "--status", "dead").stdout


def test_one_mission(typed: Type) -> None:
    """By its whole name, or by the beginning of it; where it is none, those that are near."""
    told = as_json(typed, "mission", "show", "fix")
    assert (told["name"], told["project"], told["status"]) == ("fix-the-login", "shop", "queued")
    assert told["timeline"][0]["what"] == "filed"
    page = typed("mission", "show", "fix-the-login").stdout
    assert "Fix the log-in." in page
    missing = typed("mission", "show", "fxi-the-login", code=3)
    assert "did you mean fix-the-login" in str(missing.exception)


def test_what_waits(typed: Type) -> None:
    """With the next step of each."""
    waiting = {each["name"]: each for each in as_json(typed, "inbox")["items"]}
    assert {"odd", "rest"} <= waiting.keys()
    assert "shiftbook mission resume rest" in waiting["rest"]["step"]
    page = typed("inbox").stdout
    assert "shiftbook mission resume rest" in page


def test_projects(typed: Type) -> None:
    """All of them, and one whole: a fact a line, with the missions that wait for it."""
    (row,) = [line.split("\t") for line in typed("project", "list").stdout.splitlines()]
    assert (row[0], row[2], row[3], row[4]) == ("shop", "/srv/shop.git", "test: make test", "store")
    assert [each["name"] for each in as_json(typed, "project", "list")] == ["shop"]
    page = typed("project", "show", "shop").stdout
    for words in (
        "shop · /srv/shop.git",
        "also called   store",
        "test          make test",
        "budget        $2.50 a day",
    ):
        assert words in page
    assert "missions      fix-the-login" in page
    assert as_json(typed, "project", "show", "shop")["missions"] == ["fix-the-login"]
    assert typed("project", "show", "site", code=3).exit_code == 1, "an exception that main() gives its exit code"


def test_the_fleet_before_a_node_ran(typed: Type) -> None:
    """No node; who may do what; what was spent."""
    assert "shiftbook node run" in typed("fleet").stdout
    assert as_json(typed, "fleet") == []
    people = as_json(typed, "fleet", "who")
    assert {each["name"]: set(each["roles"]) for each in people}["ada"] >= {"admin", "author"}
    cost = as_json(typed, "fleet", "--cost")
    assert cost["total"]["cost_usd"] == 0
    assert {"by_day", "by_node", "by_project", "by_agent", "by_model", "forecasts"} <= cost.keys()
    page = typed("fleet", "--cost", "--by", "model").stdout
    assert "by model, since" in page
    assert "by node" not in page
    assert "too few to say what it will cost" in page
    assert "--since" in str(typed("fleet", "--cost", "--since", "yesterday", code=2).exception)
    assert "--watch" in str(typed("fleet", "--cost", "--watch", code=2).exception)


def test_the_journal(typed: Type) -> None:
    """An entry that a person adds is there at once, in every form."""
    assert as_json(typed, "log", "tail") == []
    typed("log", "add", "--did", "Looked at the log-in.", "--project", "shop")
    (entry,) = as_json(typed, "log", "tail")
    assert "Looked at the log-in." in json.dumps(entry)
    shown = typed("log", "show", entry["entry_id"]).stdout
    assert "Looked at the log-in." in shown
    assert "Looked at the log-in." in typed("handoff", "show", "--project", "shop").stdout


@pytest.mark.parametrize(
    "words", [("memo", "list"), ("conflicts", "list"), ("token", "list")], ids=lambda words: " ".join(words)
)
def test_lists_of_nothing_are_empty_lists(typed: Type, words: tuple[str, ...]) -> None:
    """For people a sentence."""
    assert as_json(typed, *words) == []
    assert typed(*words).stdout.strip()


def test_orders_change_the_mission_and_say_so(typed: Type) -> None:
    """Resumed, paused again, called off: each is a commit of the person's, and the list shows it."""
    assert "rest" in typed("mission", "resume", "rest").output
    assert as_json(typed, "mission", "show", "rest")["status"] == "queued"
    typed("mission", "pause", "rest")
    assert as_json(typed, "mission", "show", "rest")["status"] == "parked"
    typed("mission", "cancel", "rest")
    assert as_json(typed, "mission", "show", "rest")["status"] == "cancelled"
    again = typed("mission", "pause", "rest", code=4)
    assert again.exit_code != 0
    assert "rest" in [each["name"] for each in as_json(typed, "mission", "list", "--all")]


def test_what_the_journal_warns_of_at_a_command_is_printed(typed: Callable[..., Result]) -> None:
    """For people and for programs, with the entry; that there is nothing is said on standard error."""
    typed("log", "add", "--project", "shop", "### Lessons\n\n- `make deploy` asks for a password on Fridays")
    (told,) = json.loads(typed("handoff", "show", "--at", "make deploy -n", "--json").stdout)
    assert told["text"] == "`make deploy` asks for a password on Fridays"
    assert told["line"].endswith(f"[{told['entry']}, {told['when'][:10]}]")
    assert told["line"] in typed("handoff", "show", "--at", "make deploy", "--project", "shop").stdout
    nothing = typed("handoff", "show", "--at", "make test")
    assert (nothing.stdout, nothing.stderr) == ("", "the journal warns of nothing there\n")
    assert "say a command or a path" in str(typed("handoff", "show", "--at", " ", code=2).exception)


def test_a_search_of_a_long_journal_says_what_it_has_not_read(
    typed: Type, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers from the newest logs; with --wait it reads all of them."""
    monkeypatch.setattr(search_index, "PATIENCE_SECONDS", 0.0)
    clone = machine / "clone"
    git(clone, "pull", "--quiet", "--rebase", "origin")
    for day in range(1, 13):
        text = log(entry(f"old-{day}", f"2026-10-{day:02}T08:00:00Z", did=f"Basket {day}."))
        (clone / "log").mkdir(exist_ok=True)
        (clone / f"log/2026-10-{day:02}.md").write_text(text)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "Twelve days")
    git(clone, "push", "--quiet", "--no-verify", "origin", "HEAD")
    said = typed("log", "search", "basket")
    assert "Basket 12." in said.stdout
    assert "files of the journal, from 2026-10-" in said.stderr
    whole = typed("log", "search", "--wait", "--limit", "20", "basket")
    assert "Basket 1." in whole.stdout
    assert "Not searched yet" not in whole.stderr
