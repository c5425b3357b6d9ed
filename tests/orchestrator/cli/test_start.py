"""A command says something soon after it is called, in processor time: a busy machine hardly changes that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.bench.start import BASELINE, cpu_milliseconds
from orchestrator.bench.testbed import make_testbed


@pytest.mark.parametrize(
    ("words", "roof"), [("--version", 2.5), ("--help", 2.5), ("mission --help", 2.5), ("mission list --help", 3.0)]
)
def test_help_takes_little_more_than_loading_click(words: str, roof: float) -> None:
    """In times of a Python that loads click and rich and ends: above what is taken, below what pydantic costs."""
    took = {"baseline": [], "command": []}
    for _ in range(3):
        took["baseline"].append(cpu_milliseconds(BASELINE, os.environ))
        took["command"].append(cpu_milliseconds(("-P", "-m", "orchestrator", *words.split()), os.environ))
    assert min(took["command"]) <= roof * min(took["baseline"])


def test_a_list_of_a_thousand_missions_stays_below_its_ceiling(tmp_path: Path) -> None:
    """What is typed most, whole processes with their git, in times of the same baseline: above what is taken on a busy
    machine, below what a library of the size of pydantic would cost."""
    ground = make_testbed(tmp_path / "ledger", missions=1000)
    env = os.environ | {"SHIFTBOOK_HOME": str(tmp_path / "home"), "SHIFTBOOK_LEDGER": str(ground.bare)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user, whatever is set here
    typed = ("mission list", "mission show job-5", "fleet", "memo list")
    words = {each: ("-P", "-m", "orchestrator", *each.split()) for each in typed}
    for each in words.values():
        cpu_milliseconds(each, env)  # compiles, and fetches
    baseline = min(cpu_milliseconds(BASELINE, env) for _ in range(3))
    took = {name: min(cpu_milliseconds(each, env) for _ in range(2)) for name, each in words.items()}
    assert [name for name, value in took.items() if value > 7.0 * baseline] == [], (took, baseline)


@pytest.mark.parametrize(
    "words",
    ["mission list", "mission show job-1", "mission diff job-1", "inbox", "conflicts list", "project list", "fleet"],
)
def test_what_only_reads_loads_no_library_that_it_can_do_without(words: str, tmp_path: Path) -> None:
    """Of a ledger without anything odd in it: what checks values, takes locks that are held, stores or speaks
    HTTP is loaded where it is needed. Also with the settings that a node has, written as variables are."""
    ground = make_testbed(tmp_path / "ledger", missions=2)
    env = os.environ | {"SHIFTBOOK_HOME": str(tmp_path / "home"), "SHIFTBOOK_LEDGER": str(ground.bare)}
    env |= {"SHIFTBOOK_SLOTS": "4", "SHIFTBOOK_HTTP": "off", "SHIFTBOOK_SERVE_GIT": "1", "FACTORY_ROLE": "HEADQUARTERS"}
    command = [sys.executable, "-P", "-X", "importtime", "-m", "orchestrator", *words.split()]
    for _ in range(2):  # the first one fetches, and makes keys
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr  # 3: no file was changed
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "orchestrator.ledger.snapshot" in loaded
    dear = {"pydantic", "pydantic_core", "filelock", "sqlalchemy", "httpx", "yaml", "asyncio"}
    assert loaded & dear == set()
    drawn = {"mission show job-1", "mission list", "inbox", "fleet"}  # into a pipe nothing is
    assert words not in drawn or "rich.console" not in loaded
