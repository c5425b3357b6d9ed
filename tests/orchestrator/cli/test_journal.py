"""Do the commands about a model's proposals, training sets and a month's continuity work for people and programs?"""

from __future__ import annotations

import json
import os
import re
import shutil
import tracemalloc  # noqa: F401  # pytest loads it to tell of what is left open, and fails where that is just then
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from handoff.entry import Entry
from handoff.marks.model_mark import PROPOSED
from orchestrator.app import setup
from orchestrator.cli import cli
from orchestrator.cli.journal import confirm
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.settings import Settings
from tests.journals import BRIEFING_PATH, SHOP_LOG, log
from tests.orchestrator.repositories import git

SAID = Entry(
    entry_id="door-1",
    when="2026-11-20T08:00:00Z",
    node="desk",
    agent="builtin",
    model="m",
    mission="door",
    sections=(("Starting Context", "Mend it (attempt 1)"), ("Work Accomplished", "Port: 9090")),
)
FILES = {
    SHOP_LOG: log(SAID),
    BRIEFING_PATH: f"# Briefing: shop\n\n## Facts\n\n- Port: 9090 {PROPOSED} <!-- item: f1; log: door-1 -->\n",
    "missions/archive/2026-11/door.md": "---\nstatus: done\nproject: shop\nepoch: 1\n---\nMend the door\n",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's clone of a ledger with one accepted mission, in a folder of its own."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    with pytest.MonkeyPatch.context() as here:
        for name in [name for name in os.environ if name.startswith("SHIFTBOOK_")]:
            here.delenv(name)
        here.setenv("HOME", str(folder))
        here.setenv("SHIFTBOOK_HOME", str(folder / "node"))
        here.setenv("SHIFTBOOK_NODE_ID", "desk")
        setup.init(folder / "clone", Settings(home=folder / "node", node_id="desk"))
        for path, text in FILES.items():
            (folder / "clone" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "clone" / path).write_text(text)
        git(folder / "clone", "add", "--all")
        git(folder / "clone", "commit", "--quiet", "-m", "Work")
        git(folder / "clone", "push", "--quiet")
        here.setenv("SHIFTBOOK_LEDGER", str(folder / "clone.git"))
        here.chdir(folder)
        yield folder / "clone"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def typed(clone: Path) -> Callable[..., Result]:
    """Types a command on it, into a pipe."""
    return lambda *words: CliRunner().invoke(cli, words)


def test_an_item_is_listed_confirmed_and_withdrawn(typed: Callable[..., Result], clone: Path) -> None:
    """Each by a signed commit; as lines and as JSON; what is no item is said."""
    assert typed("log", "confirm").stdout.split("\t")[:4] == ["f1", "shop", "Facts", "awaits"]
    made = json.loads(typed("log", "confirm", "f1", "--json").stdout)
    assert (made["state"], made["mark"].startswith("*(proposed by a model; confirmed by ")) == ("confirmed", True)
    git(clone, "pull", "--quiet")
    assert made["mark"] in (clone / BRIEFING_PATH).read_text()
    assert git(clone, "log", "-1", "--format=%G?").strip() == "G"
    assert json.loads(typed("log", "confirm", "--json").stdout) == []
    assert "withdrawn by" in typed("log", "confirm", "f1", "--withdraw").stdout
    assert "withdrawn" in typed("log", "confirm").stdout
    assert isinstance(typed("log", "confirm", "zz").exception, NotFound)
    assert isinstance(typed("log", "confirm", "--withdraw").exception, WrongSetting)


def test_a_terminal_shows_the_words_and_asks_and_a_program_names_what_it_read(
    typed: Callable[..., Result], clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no changes nothing; a digest of other words is refused in one line; who says yes is not asked."""
    typed("log", "confirm", "f1", "--withdraw")
    monkeypatch.setattr(confirm, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    before = git(clone, "ls-remote", "origin")
    asked = CliRunner().invoke(cli, ["log", "confirm", "f1"], input="n\n")
    assert "shop · Facts · door-1\n  Port: 9090\nconfirm this as your own word?" in asked.output
    (waiting,) = json.loads(typed("log", "confirm", "--json").stdout)
    for words in (["--as-of", "0" * 32], ["--as-of", waiting["digest"], "--project", "nowhere"]):
        assert typed("log", "confirm", "f1", *words).exit_code
    assert "read it again" in str(typed("log", "confirm", "f1", "--as-of", "0" * 32).exception)
    assert git(clone, "ls-remote", "origin") == before
    assert typed("log", "confirm", "f1", "--as-of", waiting["digest"]).exit_code == 0
    assert typed("log", "confirm", "f1", "--yes", "--withdraw").exit_code == 0
    assert CliRunner().invoke(cli, ["log", "confirm", "f1"], input="y\n").exit_code == 0
    assert json.loads(typed("log", "confirm", "--json").stdout) == []
    assert isinstance(typed("log", "confirm", "--as-of", "0").exception, WrongSetting)


@pytest.mark.parametrize("shape", ["sft", "dpo"])
def test_without_consent_nothing_is_written(typed: Callable[..., Result], clone: Path, shape: str) -> None:
    """One line that says what to do; an empty word is no consent."""
    path = clone.parent / "none.jsonl"
    for consent in ((), ("--consent", " ")):
        made = typed("log", "export", "--format", shape, *consent, "-o", str(path))
        assert isinstance(made.exception, WrongSetting)
        assert "handoff.training_consent" in str(made.exception)
        assert made.stdout == ""
    assert not path.exists()


def test_a_set_goes_to_a_file_or_to_a_pipe_and_says_its_consent(typed: Callable[..., Result], clone: Path) -> None:
    """The same rows; a summary for programs; a file stays without --force; the consent of the fleet counts."""
    path = clone.parent / "set.jsonl"
    words = ("log", "export", "--format", "sft", "--project", "shop", "--since", "2026-11-01")
    made = json.loads(typed(*words, "--consent", "MIT", "-o", str(path), "--json").stdout)
    assert made == {"format": "sft", "rows": 1, "skipped": {}, "consent": "MIT", "output": str(path)}
    assert typed(*words, "--consent", "MIT").stdout == path.read_text()
    assert isinstance(typed(*words, "--consent", "MIT", "-o", str(path)).exception, WrongSetting)
    with (clone / "fleet.toml").open("a") as file:
        file.write('\n[handoff]\ntraining_consent = "all agreed"\n')
    git(clone, "pull", "--quiet", "--rebase", "--autostash")
    git(clone, "commit", "--quiet", "-am", "Consent")
    git(clone, "push", "--quiet")
    assert typed(*words, "-o", str(path), "--force").exit_code == 0
    (row,) = map(json.loads, path.read_text().splitlines())
    assert (row["consent"], row["messages"][2]["content"]) == ("all agreed", "Port: 9090")
    for wrong in (("--json",), ("--since", "yesterday"), ("--consent", "x" * 501)):
        assert isinstance(typed(*words, *wrong).exception, WrongSetting)


def test_the_journal_itself_is_printed_as_before(typed: Callable[..., Result], clone: Path) -> None:
    """A conversation an entry; its file is written as the others are."""
    (row,) = map(json.loads, typed("log", "export").stdout.splitlines())
    assert row["source"]["entry"] == "door-1"
    path = clone.parent / "chat.jsonl"
    assert typed("log", "export", "-o", str(path)).exit_code == 0
    assert json.loads(path.read_text()) == row


def test_a_month_of_real_missions_is_shown(typed: Callable[..., Result]) -> None:
    """With counts, intervals, and what they are not; a month without any says so in a line."""
    shown = typed("continuity", "show", "--month", "2026-11")
    assert "2026-11: 1 mission ended" in shown.stdout
    assert re.search(r"missions accepted +100%  1 of 1  21% to 100%, few", shown.stdout)
    assert max(map(len, shown.stdout.splitlines()[1:])) <= 80
    assert "no experiment" in shown.stderr
    assert "  0 of 0" not in shown.stdout
    assert re.search(r"^\d more measures have no case yet$", shown.stderr, re.MULTILINE)
    young = typed("continuity", "show", "--month", "2024-01")
    assert len(young.stdout.splitlines()) == 1
    assert "nothing can be said yet" in young.stderr


def test_a_month_is_shown_for_programs(typed: Callable[..., Result]) -> None:
    """Each measure with its key, and the series that ends with it."""
    told = json.loads(typed("continuity", "show", "--month", "2026-11", "--json").stdout)
    accepted = next(one for one in told["measures"] if one["key"] == "accepted")
    assert (accepted["count"], accepted["of"], round(accepted["low"], 2)) == (1, 1, 0.21)
    assert [row["month"] for row in told["series"]] == ["2026-11"]


@pytest.mark.parametrize(("words", "says"), [(("--month", "11"), "no month"), (("DIR", "--month", "2026-11"), "DIR")])
def test_what_is_no_month_is_told(typed: Callable[..., Result], words: tuple[str, ...], says: str) -> None:
    """In one line that says what to type."""
    with pytest.raises(WrongSetting, match=says):
        raise typed("continuity", "show", *words).exception or AssertionError("it was taken")
