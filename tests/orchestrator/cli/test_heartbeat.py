"""`heartbeat list`, `check` and `run`, on a ledger that `init` made and its owner wrote into."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app import setup, wiring
from orchestrator.cli import cli
from orchestrator.core.settings import Settings
from tests.orchestrator.repositories import git

LINES = """# Heartbeat

## Every beat
- broken missions
- each node: disk below 99000 TB
- dsik

## Daily at 07:00
- ask: Is all well?
"""


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
    said = CliRunner().invoke(cli, ["heartbeat", *words])
    assert said.exit_code == exit_code, (said.output, said.exception)
    return said.output


def pushed(clone: Path, text: str) -> None:
    """A person's commit of the checklist."""
    (clone / "HEARTBEAT.md").write_text(text)
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "what to look at")
    git(clone, "push", "--quiet")


def test_a_new_fleet_looks_at_nothing(clone: Path) -> None:
    """And says how a line is written."""
    assert "HEARTBEAT.md has no lines" in typed("list")
    assert "nothing is looked at" in typed("check")
    assert typed("run") == ""


def test_a_persons_commit_is_followed_from_check_to_the_mission(clone: Path) -> None:
    """Understood and not understood, looked at in a dry run, then for good; the next turn is silent."""
    (clone / "HEARTBEAT.md").write_text(LINES)
    checked = json.loads(typed("check", str(clone / "HEARTBEAT.md"), "--json", exit_code=1))
    assert [each["probe"] for each in checked["lines"]] == ["broken", "disk", "ask"]
    assert "line 6: nothing here looks at this: did you mean disk?" in checked["problems"][0]
    pushed(clone, LINES)
    assert "did you mean disk?" in typed("check", exit_code=1)
    dry = typed("run", "--dry-run")
    assert "the disk of desk has" in dry
    assert "would file heartbeat-" in dry
    assert "3 lines looked at; nothing was written" in dry
    assert json.loads(typed("list", "--json"))["findings"] == []
    ran = typed("run")
    assert "filed heartbeat-" in ran
    shown = json.loads(typed("list", "--json"))
    assert shown["signed_by"] == "ada"
    assert [found["by"] for found in shown["findings"]] == ["desk"]
    assert (shown["today"]["missions"], shown["lines"][2]["cadence"]) == (1, "Daily at 07:00")
    again = json.loads(typed("run", "--json"))
    assert (again["fleet"]["told"], again["fleet"]["missions"], again["own"]["told"]) == ([], [], [])
    said = typed("list")
    assert "next " in said
    assert "the disk of desk has" in said
    fleet = wiring.fleet(Settings(home=clone.parent / "home", node_id="desk", ledger=str(clone.parent / "clone.git")))
    ledger = fleet.ledger()
    (filed,) = ledger.open.values()
    assert fleet.trust.authorize(ledger, filed).trusted


def test_a_file_that_is_not_there_is_said(clone: Path) -> None:
    """By its name, with the exit code of what is not found."""
    said = CliRunner().invoke(cli, ["heartbeat", "check", "nowhere.md"])
    assert "there is no file nowhere.md" in str(said.exception)
