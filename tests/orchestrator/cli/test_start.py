"""A command says something soon after it is called, in processor time: a busy machine hardly changes that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.bench.start import BASELINE, cpu_milliseconds
from orchestrator.bench.testbed import make_testbed

ROUNDS = 10
"""Pairs of a baseline and a command, one right after the other, until one pair is below the ceiling. What else the
machine does (another program on the same core, a clock that changes) makes a pair dearer, and hardly ever all ten; what
the command itself does is in each of them. One that compiles, or fetches, does so once."""


def times_of_the_baseline(command: tuple[str, ...], roof: float, env: Mapping[str, str]) -> float:
    """The least that a command took, in processor times of the Python right before it that loads click and rich."""
    least = float("inf")
    for _ in range(ROUNDS):
        baseline = cpu_milliseconds(BASELINE, env)
        least = min(least, cpu_milliseconds(command, env) / baseline)
        if least <= roof:
            break
    return least


@pytest.mark.parametrize(
    ("words", "roof"), [("--version", 2.0), ("--help", 2.0), ("mission --help", 2.0), ("mission list --help", 2.5)]
)
def test_help_takes_little_more_than_loading_click(words: str, roof: float) -> None:
    """Above what is taken, below what pydantic costs."""
    took = times_of_the_baseline(("-P", "-m", "orchestrator", *words.split()), roof, os.environ)
    assert took <= roof


def test_a_list_of_a_thousand_missions_stays_below_its_ceiling(tmp_path: Path) -> None:
    """What is typed most, whole processes with their git: above what is taken on a busy machine, below what a library
    of the size of pydantic would cost."""
    ground = make_testbed(tmp_path / "ledger", missions=1000)
    env = os.environ | {"SHIFTBOOK_HOME": str(tmp_path / "home"), "SHIFTBOOK_LEDGER": str(ground.bare)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user, whatever is set here
    took = {}
    for each in ("mission list", "mission show job-5", "fleet", "memo list"):
        took[each] = times_of_the_baseline(("-P", "-m", "orchestrator", *each.split()), 7.0, env)
    assert [name for name, times in took.items() if times > 7.0] == [], took


def read_by(words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What a fresh process says, and which modules it loads, on standard error."""
    command = [sys.executable, "-P", "-X", "importtime", "-m", "orchestrator", *words.split()]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A small ledger that a command has fetched, with the keys that it made."""
    folder = tmp_path_factory.mktemp("visited")
    ground = make_testbed(folder / "ledger", missions=2)
    env = os.environ | {"SHIFTBOOK_HOME": str(folder / "home"), "SHIFTBOOK_LEDGER": str(ground.bare)}
    env |= {"SHIFTBOOK_SLOTS": "4", "SHIFTBOOK_HTTP": "off", "SHIFTBOOK_SERVE_GIT": "1", "FACTORY_ROLE": "HEADQUARTERS"}
    read_by("mission list", env)
    return env


@pytest.mark.parametrize(
    "words",
    ["mission list", "mission show job-1", "mission diff job-1", "inbox", "conflicts list", "project list", "fleet"],
)
def test_what_only_reads_loads_no_library_that_it_can_do_without(words: str, visited: dict[str, str]) -> None:
    """Of a ledger without anything odd in it: what checks values, takes locks that are held, stores or speaks
    HTTP is loaded where it is needed. Also with the settings that a node has, written as variables are."""
    done = read_by(words, visited)
    assert done.returncode in (0, 3), done.stderr  # 3: no file was changed
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "orchestrator.ledger.snapshot" in loaded
    dear = {"pydantic", "pydantic_core", "filelock", "sqlalchemy", "httpx", "yaml", "asyncio"}
    assert loaded & dear == set()
    drawn = {"mission show job-1", "mission list", "inbox", "fleet"}  # into a pipe nothing is
    assert words not in drawn or "rich.console" not in loaded
