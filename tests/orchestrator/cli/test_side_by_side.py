"""`mission new --attempts`, `compare`, `split` and `approve --attempt`, and `fleet accounts`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli


@pytest.fixture
def ledger(desk_clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a fleet of its own, in whose clone a person stands."""
    monkeypatch.chdir(desk_clone)
    return desk_clone


def typed(*words: str) -> str:
    """What a command prints, as it should."""
    said = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.output


def refused(*words: str) -> str:
    """Why a command was refused: one line."""
    said = CliRunner().invoke(cli, words)
    assert said.exception is not None
    assert "\n" not in str(said.exception)
    return str(said.exception) if not isinstance(said.exception, SystemExit) else said.output


def test_from_filing_to_comparing(ledger: Path) -> None:
    """Each step says the next; numbers and names that are none are told in a line."""
    said = typed("mission", "new", "Say it", "--agents", "claude", "--agents", "codex", "--name", "say")
    assert "`shiftbook mission compare say`" in said
    table = typed("mission", "compare", "say")
    assert "attempt 1" in table
    assert "codex" in table
    told = json.loads(typed("mission", "compare", "say-a2", "--json"))
    assert [(each["name"], each["agent"], each["status"]) for each in told["attempts"]] == [
        ("say-a1", "claude", "queued"),
        ("say-a2", "codex", "queued"),
    ]
    for word in ("sa", "-", "say-a"):
        assert json.loads(typed("mission", "compare", word, "--json"))["group"] == "say"
    assert "there are 1, 2" in refused("mission", "approve", "say", "--attempt", "3")
    assert "still work" in refused("mission", "approve", "say", "--best")
    assert "leave --attempt out" in refused("mission", "approve", "say", "--best", "--attempt", "1")
    assert "no attempts of 'nothing'" in refused("mission", "compare", "nothing")
    assert "is no name" in refused("mission", "compare", "../x")
    assert "no file" in refused("mission", "split", "nothing")


def test_a_beginning_that_several_groups_have_chooses_none(ledger: Path) -> None:
    """They are named; what is one whole name is that one."""
    for name in ("say", "say-it"):
        typed("mission", "new", "Say it", "--attempts", "2", "--name", name)
    assert "'sa' begins say, say-it: type more" in refused("mission", "compare", "sa")
    assert json.loads(typed("mission", "compare", "say", "--json"))["group"] == "say"


def test_the_mission_named_last_is_one_that_is_there(ledger: Path) -> None:
    """A name that was mistyped does not become it."""
    typed("mission", "new", "Say it", "--name", "say-it")
    assert "no mission 'nope'" in refused("mission", "show", "nope")
    assert "say-it" in typed("mission", "show", "-")


def test_accounts_of_a_fleet_without_any(ledger: Path) -> None:
    """A person is told how to look further; a program gets empty lists."""
    assert "shiftbook fleet can" in typed("fleet", "accounts")
    assert json.loads(typed("fleet", "accounts", "--json")) == {"mode": "wait", "accounts": [], "outlooks": []}
