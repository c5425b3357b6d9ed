"""`shiftbook continuity`: each step says the next one, for people and for programs, and wrong use in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import cli
from orchestrator.continuity.study_plan import write_plan
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned, run_study

Type = Callable[..., Result]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command on a machine on which nothing was ever set up."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, ["continuity", *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study that is planned, and not begun."""
    write_plan(planned(UsingReader(), projects=2), tmp_path / "study")
    return tmp_path / "study"


def test_a_study_is_shown_with_its_next_step(typed: Type, folder: Path) -> None:
    """How far it is, what was planned, and what to type."""
    shown = typed("show", str(folder))
    assert shown.exit_code == 0
    assert "0 of 112 trials · scripted/uses" in shown.stdout
    assert f"next: shiftbook continuity run {folder}" in shown.stderr
    plan = planned(UsingReader(), projects=2)
    run_study(plan, UsingReader(), folder)
    told = json.loads(typed("show", str(folder), "--json").stdout)
    assert (told["done"], told["planned"], told["sha256"]) == (112, 112, plan.digest)
    assert "continuity report" in typed("show", str(folder)).stderr


def test_the_report_is_a_page_a_file_and_data(typed: Type, folder: Path, tmp_path: Path) -> None:
    """The same verdicts in each."""
    run_study(planned(UsingReader(), projects=2), UsingReader(), folder)
    page = typed("report", str(folder), "--title", "My study").stdout
    assert page.startswith("# My study\n")
    assert typed("report", str(folder), "--title", "My study", "--to", "page.md").stdout == "wrote page.md\n"
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page
    told = json.loads(typed("report", str(folder), "--json").stdout)
    assert told["whole"]
    assert [one["holds"] for one in told["hypotheses"]] == [True, True]
    assert [one["arm"] for one in told["arms"]] == ["nothing", "placebo", "handoff", "oracle"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("show", "nowhere"), "shiftbook continuity plan DIR"),
        (("report", "nowhere"), "shiftbook continuity plan DIR"),
        (("run", "nowhere"), "shiftbook continuity plan DIR"),
        (("plan", "new", "--arm", "sugar"), "there is no arm 'sugar'"),
    ],
)
def test_wrong_use_is_one_line(typed: Type, words: tuple[str, ...], line: str) -> None:
    """No plan, no such arm; nothing is written."""
    done = typed(*words)
    assert done.exit_code != 0
    assert line in str(done.exception)
    assert not Path("new").exists()


@pytest.mark.model
@pytest.mark.nightly
def test_a_study_of_the_embedded_model(typed: Type, tmp_path: Path) -> None:
    """Planned, run, broken off, taken up again and reported, with the model that every machine has."""
    small = ("--projects", "2", "--instances", "1", "--items", "questions", "--budget", "300")
    planned_ = typed("plan", "study", *small, "--arm", "nothing", "--arm", "oracle")
    assert planned_.exit_code == 0, planned_.exception
    assert "28 trials of xllamacpp/" in planned_.stdout
    assert typed("plan", "study", *small).exit_code == 2  # a plan is never written over
    while (told := json.loads(typed("run", "study", "--minutes", "2", "--json").stdout))["done"] < 28:
        assert told["made"] > 0
    page = typed("report", "study").stdout
    assert "28 of 28 trials" in page
    assert "| questions right |" in page
