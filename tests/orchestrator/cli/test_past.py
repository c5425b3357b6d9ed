"""Do the commands about a person's own past work for people, for programs and without a fleet? One real ledger."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.app import setup
from orchestrator.bench.transcript_samples import write_samples
from orchestrator.cli import cli
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.workflow.journal import search_index
from orchestrator.workflow.past import transcript_index
from tests.orchestrator.repositories import git

ISSUES = '{"id": "bd-1", "title": "Stop it", "status": "open", "priority": 1}\n{"id": "bd-2", "title": "Odd\n'


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's machine with a ledger, and a past with claude."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    with pytest.MonkeyPatch.context() as here:
        for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_", "CLAUDE", "CODEX"))]:
            here.delenv(name)
        here.setenv("HOME", str(folder))
        here.setenv("SHIFTBOOK_HOME", str(folder / "node"))
        here.setenv("SHIFTBOOK_NODE_ID", "desk")
        setup.init(folder / "clone", Settings(home=folder / "node", node_id="desk"))
        write_samples("claude", folder, 3)
        here.setenv("SHIFTBOOK_LEDGER", str(folder / "clone.git"))
        (folder / "elsewhere").mkdir()
        (folder / "elsewhere" / "issues.jsonl").write_text(ISSUES)
        here.chdir(folder / "elsewhere")
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def typed(machine: Path) -> Callable[..., Result]:
    """Types a command on it, into a pipe."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, words)

    return run


def test_a_past_comes_in_and_is_found(machine: Path, typed: Callable[..., Result]) -> None:
    """A dry run writes nothing; the import is told as it is written; a citation opens; again there is nothing."""
    dry = json.loads(typed("log", "import", "claude", "--dry-run", "--json").stdout)
    assert (len(dry["sessions"]), dry["commit"]) == (3, None)
    done = json.loads(typed("log", "import", "claude", "--json").stdout)
    assert [one["entry"] for one in done["sessions"]] == [one["entry"] for one in dry["sessions"]]
    git(machine / "clone", "pull", "--quiet")
    text = next((machine / "clone" / "log").glob("2026-08-*.md")).read_text()
    assert done["sessions"][0]["entry"] in text
    citation = text.partition("failed [")[2].partition("]")[0]
    opened = typed("log", "open", citation)
    assert opened.exit_code == 0
    assert "> " in opened.stdout
    assert "pytest tests/" in opened.stdout
    again = json.loads(typed("log", "import", "claude", "--json").stdout)
    assert (again["sessions"], again["known"], again["commit"]) == ([], 3, None)


def test_all_transcripts_are_searched_without_a_fleet(
    machine: Path, typed: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place with its source, as lines and as JSON; exit code 1 where there is nothing."""
    monkeypatch.delenv("SHIFTBOOK_LEDGER")
    monkeypatch.setenv("SHIFTBOOK_HOME", str(machine / "empty"))
    found = json.loads(typed("log", "search", "--all", "pytest", "--json").stdout)
    assert {"citation", "program", "session", "when", "folder", "path", "line"} <= found[0].keys()
    lines = typed("log", "search", "--all", "pytest").stdout.splitlines()
    assert lines[0].startswith(found[0]["citation"])
    nothing = typed("log", "search", "--all", "unheard")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert isinstance(typed("log", "search", "--all", "x", "--project", "y").exception, WrongSetting)


def test_the_first_minute_says_what_is_here(
    machine: Path, typed: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a person, who has no fleet yet; not into a pipe."""
    monkeypatch.delenv("SHIFTBOOK_LEDGER")
    monkeypatch.setenv("SHIFTBOOK_HOME", str(machine / "empty"))
    assert "Your own past" not in typed("inbox").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "3 sessions of claude in 3 projects: shiftbook log search --all" in " ".join(typed("inbox").stdout.split())


def test_a_board_comes_in_by_a_persons_word(typed: Callable[..., Result]) -> None:
    """A dry run shows it, without a word it is refused, with it it is filed and the way back is told; once."""
    dry = json.loads(typed("mission", "import", "beads", "issues.jsonl", "--dry-run", "--json").stdout)
    assert [one["name"] for one in dry["missions"]] == ["beads-bd-1"]
    assert len(dry["passed"]) == 1
    assert isinstance(typed("mission", "import", "beads", "issues.jsonl").exception, Refused)
    done = json.loads(typed("mission", "import", "beads", "issues.jsonl", "--yes", "--json").stdout)
    assert done["commit"]
    again = json.loads(typed("mission", "import", "beads", "issues.jsonl", "--yes", "--json").stdout)
    assert (again["missions"], again["known"], again["commit"]) == ([], 1, None)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("log", "import", "claude", "--since", "soon"), WrongSetting),
        (("log", "import", "claude", "--from", "nowhere"), WrongSetting),
        (("log", "import", "claude", "--project", "unknown"), NotFound),
        (("log", "open", "nonsense"), WrongSetting),
        (("log", "open", "claude:nobody:1"), NotFound),
        (("mission", "import", "backlog-md", "."), NotFound),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_said(typed: Callable[..., Result], words: tuple[str, ...], error: type[Exception]) -> None:
    """In one line, before anything is written."""
    assert isinstance(typed(*words).exception, error)


def test_the_documents_name_the_indexes_that_are_made() -> None:
    """A number of tables that has moved on would send people to a file that is not there."""
    words = (Path(__file__).parents[3] / "docs" / "journal.md").read_text()
    assert f"/recall-{search_index.SCHEMA_VERSION}.db" in words
    assert f"recall-transcripts-{transcript_index.SCHEMA_VERSION}.db" in words
