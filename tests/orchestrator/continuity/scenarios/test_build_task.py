"""Small tasks that are judged by running them: what is right passes, and each way of being wrong is told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.continuity.scenarios.build_task import BuildAction, BuildTask, carry_out, prepare, tasks_of
from orchestrator.continuity.scenarios.history_generator import generate_history
from orchestrator.core.errors import WrongSetting


@pytest.fixture
def task(tmp_path: Path) -> BuildTask:
    """A task whose folder is prepared."""
    made = tasks_of(generate_history(7, 0))[1]
    prepare(made, tmp_path)
    return made


def test_there_is_a_task_for_each_value_that_changed() -> None:
    """So that what was decided first is wrong by now; it is among the choices, as is a value that nobody decided."""
    history = generate_history(7, 0)
    tasks = tasks_of(history)
    assert [len(one.setting.superseded) for one in tasks] == [1, 2]
    for one in tasks:
        assert {*one.setting.values} < {*one.values}
        assert one.right.value in one.values
        assert history.name in one.request


def test_what_is_right_is_accepted(task: BuildTask, tmp_path: Path) -> None:
    """The one right action builds, and keeps every decision."""
    outcome = carry_out(task, task.right, tmp_path)
    assert outcome.accepted
    assert (outcome.built, outcome.error, outcome.superseded) == (True, "", False)


def test_a_trap_fails_with_the_words_of_the_journal(task: BuildTask, tmp_path: Path) -> None:
    """Both traps fail with the very line that the journal tells of."""
    for mode, error in task.history.traps.errors:
        outcome = carry_out(task, replace(task.right, mode=mode), tmp_path)
        assert (outcome.built, outcome.error, outcome.accepted) == (False, error, False)
        assert error in task.history.journal


def test_a_superseded_value_and_a_broken_convention_build_and_are_not_accepted(task: BuildTask, tmp_path: Path) -> None:
    """As in life: nothing fails, and it is wrong."""
    old = carry_out(task, replace(task.right, value=task.setting.superseded[0]), tmp_path)
    assert (old.built, old.value, old.superseded, old.convention, old.accepted) == (True, False, True, True, False)
    (other,) = set(task.separators) - {task.right.separator}
    written = carry_out(task, replace(task.right, separator=other), tmp_path)
    assert (written.built, written.value, written.convention, written.accepted) == (True, True, False, False)


@pytest.mark.parametrize(
    "action",
    [
        BuildAction(value="1; rm -rf /", separator="equals", mode="serial"),
        BuildAction(value="11", separator="spaces", mode="serial"),
        BuildAction(value="11", separator="equals", mode="--check"),
    ],
)
def test_nothing_but_a_choice_is_carried_out(task: BuildTask, tmp_path: Path, action: BuildAction) -> None:
    """Whatever a model says: no other word reaches a file or a command."""
    with pytest.raises(ValueError, match="one of the task's choices"):
        carry_out(task, action, tmp_path)
    assert not (tmp_path / "settings.conf").exists()


def test_a_build_that_says_nothing_is_no_outcome(task: BuildTask, tmp_path: Path) -> None:
    """Its program ended before it had looked: nothing was kept or lost, and the study says where it stopped."""
    (tmp_path / "build.py").write_text("import none_such")
    with pytest.raises(WrongSetting, match="said nothing of what it kept: Traceback"):
        carry_out(task, task.right, tmp_path)


def test_a_build_loads_no_module_of_its_own(task: BuildTask, tmp_path: Path) -> None:
    """There are hundreds in a study, and `json` alone takes as long as the rest of one."""
    script = tmp_path / "build.py"
    script.write_text(
        f"import sys\nbefore = set(sys.modules)\n{script.read_text()}\nassert set(sys.modules) == before\n"
    )
    assert carry_out(task, task.right, tmp_path).accepted
