"""One trial, move by move: what a reader is shown, what is carried out, and what is written down of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.continuity.arms import Arm, ArmMaker
from orchestrator.continuity.reader import Choices
from orchestrator.continuity.scenarios.build_task import BuildAction, BuildTask, tasks_of
from orchestrator.continuity.scenarios.history_generator import generate_history
from orchestrator.continuity.scenarios.questions import NONE, QuestionKind, questions_of
from orchestrator.continuity.trial import TrialRecord, ask_question, attempt_task
from tests.orchestrator.continuity.studies import count

HISTORY, OTHER = generate_history(9, 0), generate_history(9, 1)
TASK: BuildTask = tasks_of(HISTORY)[1]
RIGHT = TASK.right
TRAP, SECOND = (mode for mode, _ in HISTORY.traps.errors)


@dataclass
class ScriptedReader:
    """A stand-in for a model: gives the answers that a test wrote, and keeps what it was shown."""

    says: Sequence[Mapping[str, str]]
    name: str = "scripted/lines"
    shown: list[tuple[str, str, Choices, int]] = field(default_factory=list)

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        self.shown.append((context, request, choices, seed))
        return self.says[len(self.shown) - 1]


def action(**changed: str) -> dict[str, str]:
    """What is right, but for what is changed."""
    return {"value": RIGHT.value, "separator": RIGHT.separator, "mode": RIGHT.mode} | changed


def maker() -> ArmMaker:
    return ArmMaker(history=HISTORY, placebo=OTHER, generation=3, budget=600, count=count)


def attempted(
    folder: Path, arm: Arm, *says: Mapping[str, str], turns: int = 3
) -> tuple[TrialRecord, list[tuple[str, str, Choices, int]]]:
    reader = ScriptedReader(says=says)
    made = attempt_task(TASK, HISTORY.name, arm, maker(), reader, instance=1, seed=40, turns=turns, folder=folder)
    return made, reader.shown


def test_what_is_right_at_once_takes_one_call(tmp_path: Path) -> None:
    """All decisions recovered before the first edit, no trap, no failure."""
    made, shown = attempted(tmp_path, Arm.HANDOFF, action())
    assert (made.right, made.built, made.calls, made.recovered) == (True, True, 1, 1.0)
    assert (made.failed_path, made.repeated, made.convention, made.superseded) == (False, 0, True, False)
    assert (made.project, made.instance, made.kind, made.warned) == (HISTORY.name, 1, "task", 0)
    ((context, request, choices, seed),) = shown
    assert (request, seed) == (TASK.request, 40)
    assert "Standing rules" in context
    assert set(choices) == {"value", "separator", "mode"}
    assert made.context_tokens == count(context)


def test_a_failure_is_shown_to_the_next_call_and_counted(tmp_path: Path) -> None:
    """With the very error; a failure that the journal tells of counts each time that it happens."""
    error = dict(HISTORY.traps.errors)[TRAP]
    made, shown = attempted(tmp_path, Arm.NOTHING, action(mode=TRAP), action(mode=TRAP), action())
    assert error not in shown[0][1]
    assert shown[1][1].endswith(f"ran `python build.py --mode {TRAP}`:\n{error}")
    assert shown[2][1].count(error) == 2
    assert [one[3] for one in shown] == [40, 41, 42]
    assert (made.right, made.calls, made.repeated, made.failed_path) == (True, 3, 2, True)
    assert made.recovered == pytest.approx(2 / 3)
    assert made.answer.count(";") == 2


def test_what_builds_and_is_wrong_is_over_without_a_word(tmp_path: Path) -> None:
    """Nobody says that the value was superseded: the task ends as a day's work does, and is judged afterwards."""
    old = TASK.setting.superseded[0]
    made, shown = attempted(tmp_path, Arm.TAIL, action(value=old))
    assert len(shown) == 1
    assert (made.right, made.built, made.superseded, made.recovered) == (False, True, True, pytest.approx(2 / 3))


def test_the_turns_are_over(tmp_path: Path) -> None:
    """A task that is not built by then is not; nobody is asked once more."""
    made, shown = attempted(tmp_path, Arm.NOTHING, action(mode=TRAP), action(mode=SECOND), action(), turns=2)
    assert len(shown) == 2
    assert (made.right, made.built, made.calls, made.repeated) == (False, False, 2, 2)


def test_a_warning_with_the_result_comes_once_and_with_its_citation(tmp_path: Path) -> None:
    """After the first failure, beside it; of the second trap the lines that were not said yet."""
    made, shown = attempted(tmp_path, Arm.AFTER, action(mode=TRAP), action(mode=SECOND), action())
    second, third = shown[1][1], shown[2][1]
    assert f"Build with `--mode {HISTORY.traps.works}`, because `build.py --mode {TRAP}` fails [" in second
    assert f"[{HISTORY.name}-" in second
    assert third.count(f"because `build.py --mode {TRAP}` fails [") == 1
    assert f"because `build.py --mode {SECOND}` fails [" in third
    assert (made.warned, made.repeated, made.failed_path) == (4, 2, True)
    assert "fails" not in shown[0][0]  # nothing of it stands in the context


def test_a_refusal_runs_nothing_and_is_no_failure(tmp_path: Path) -> None:
    """The reason is the result; the journal's failure does not happen, so it is not repeated."""
    made, shown = attempted(tmp_path, Arm.REFUSED, action(mode=TRAP), action())
    assert f"ran `python build.py --mode {TRAP}`:\nnot run; the journal says:" in shown[1][1]
    assert (made.right, made.calls, made.repeated, made.failed_path) == (True, 2, 0, True)  # the failed path was tried
    assert made.recovered == pytest.approx(2 / 3)  # what was decided first counts, although it was refused


def test_who_insists_after_a_refusal_is_let_pass(tmp_path: Path) -> None:
    """Refused once, with the reason: a warning is no prohibition."""
    made, shown = attempted(tmp_path, Arm.REFUSED, action(mode=TRAP), action(mode=TRAP), action())
    assert shown[2][1].count("not run; the journal says:") == 1
    assert dict(HISTORY.traps.errors)[TRAP] in shown[2][1]
    assert (made.repeated, made.failed_path, made.right) == (1, True, True)


def test_the_same_lines_at_the_start_are_not_said_again(tmp_path: Path) -> None:
    """Misplaced: all of them before the first action, none with a result."""
    made, shown = attempted(tmp_path, Arm.MISPLACED, action(mode=TRAP), action())
    assert f"because `build.py --mode {TRAP}` fails [" in shown[0][0]
    assert "because" not in shown[1][1]
    assert made.warned == 0


@pytest.mark.parametrize("said", [{}, {"value": RIGHT.value}, {"value": RIGHT.value, "mode": RIGHT.mode}])
def test_half_an_action_is_none(tmp_path: Path, said: dict[str, str]) -> None:
    """It takes a call, does nothing, and is told; of who never acts nothing is known."""
    made, shown = attempted(tmp_path, Arm.ORACLE, said, action())
    assert "That was no action" in shown[1][1]
    assert (made.right, made.calls, made.recovered) == (True, 2, 1.0)
    never, _ = attempted(tmp_path, Arm.ORACLE, said, said, said)
    assert (never.right, never.built, never.recovered, never.failed_path, never.answer) == (
        False,
        False,
        None,
        None,
        "",
    )


def test_an_action_outside_the_choices_ends_the_trial(tmp_path: Path) -> None:
    """A reader that breaks its port is a fault, and no answer."""
    with pytest.raises(ValueError, match="choices"):
        attempted(tmp_path, Arm.NOTHING, action(mode="rm"))


def test_an_action_is_the_command_that_it_comes_to() -> None:
    """As the journal names it: that is how it is looked up."""
    assert BuildAction(value="1", separator="equals", mode="fresh").command == "python build.py --mode fresh"


@pytest.mark.parametrize("kind", list(QuestionKind))
def test_each_way_of_answering_a_question_is_told_apart(kind: QuestionKind) -> None:
    """Right, superseded, invented, foreign; no answer is wrong and none of these."""
    question = next(one for one in questions_of(HISTORY, OTHER, 9) if one.kind is kind)
    for option in (*question.options, ""):
        reader = ScriptedReader(says=[{"answer": option} if option else {}])
        made = ask_question(question, HISTORY.name, Arm.NOTHING, maker(), reader, instance=4, seed=1)
        assert made.right == (option == question.right)
        assert made.superseded == (option in question.superseded if question.superseded else None)
        assert made.invented == (option not in {NONE, ""} if question.right == NONE else None)
        assert made.foreign == (option == question.foreign if question.foreign else None)
        assert reader.shown[0][1] == question.wordings[1]  # the fifth instance, of three wordings the second
        assert made.json()["answer"] == option
        assert "recovered" not in made.json()
