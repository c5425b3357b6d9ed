"""A study that is broken off at any moment goes on where it was, and comes to the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from filelock import FileLock

from orchestrator.continuity.reader import Choices
from orchestrator.continuity.study_run import ANSWERS_FILE, LOCK_FILE, read_answers, trial_seed
from orchestrator.continuity.trial import TrialRecord
from orchestrator.core.errors import ModelUnavailable, WrongSetting
from tests.orchestrator.continuity.readers import IgnoringReader, UsingReader
from tests.orchestrator.continuity.studies import ACTION_ARMS, planned, run_study, study


@dataclass(frozen=True)
class FailingReader(UsingReader):
    """A backend that goes away after so many answers, each time it is there."""

    after: int = 5
    asked: list[int] = field(default_factory=list)

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        self.asked.append(seed)
        if len(self.asked) % self.after == 0:
            raise ModelUnavailable("gone")
        return super().choose(context, request, choices, seed)


def without_time(records: list[TrialRecord]) -> dict[tuple[str, str, int], TrialRecord]:
    return {(one.item, one.arm, one.instance): replace(one, seconds=0) for one in records}


def test_a_broken_off_study_comes_to_the_same(tmp_path: Path) -> None:
    """A backend that fails again and again, and a stop in between, change no answer and double none."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    plan = planned(UsingReader(), projects=2)
    expected = run_study(plan, UsingReader(), whole)
    reader = FailingReader(after=40)
    stops = iter([False] * 10 + [True] + [False] * 10_000)
    assert study(plan, reader, parts, ended=lambda: next(stops)).go() == 10
    while len(read_answers(plan, parts)) < len(plan.trials()):
        try:
            study(plan, reader, parts).go()
        except ModelUnavailable:
            continue
    assert without_time(read_answers(plan, parts)) == without_time(expected)
    assert study(plan, UsingReader(), parts).go() == 0


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_that_a_crash_cut_short_is_made_again(tmp_path: Path, cut: int) -> None:
    """Half a line is no answer; what stands before it counts."""
    plan = planned(UsingReader(), projects=2)
    expected = run_study(plan, UsingReader(), tmp_path)
    path = tmp_path / ANSWERS_FILE
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_answers(plan, tmp_path)) == len(expected) - 1
    assert study(plan, UsingReader(), tmp_path).go() == 1
    assert without_time(read_answers(plan, tmp_path)) == without_time(expected)


def test_a_plan_that_was_changed_after_the_first_answer_is_found_out(tmp_path: Path) -> None:
    """Neither run nor read: the answers name the plan that they are to."""
    plan = planned(UsingReader(), projects=2)
    run_study(plan, UsingReader(), tmp_path)
    other = replace(plan, alpha=0.2)
    for look in (lambda: study(other, UsingReader(), tmp_path).go(), lambda: read_answers(other, tmp_path)):
        with pytest.raises(WrongSetting, match="changed after the first answer"):
            look()


def test_another_reader_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    """A study is of one reader."""
    with pytest.raises(WrongSetting, match="scripted/ignores would answer"):
        study(planned(UsingReader()), IgnoringReader(), tmp_path).go()
    assert not (tmp_path / ANSWERS_FILE).exists()


def test_two_do_not_run_one_study_at_once(tmp_path: Path) -> None:
    """Each trial is made once: the second is told, and can go on when the first is over."""
    plan = planned(UsingReader(), projects=2)
    with FileLock(tmp_path / LOCK_FILE), pytest.raises(WrongSetting, match="another process runs the study"):
        study(plan, UsingReader(), tmp_path).go()
    assert study(plan, UsingReader(), tmp_path).go() == len(plan.trials())


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"item": "x"}', "[1]"])
def test_a_line_that_is_no_answer_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    """It is not skipped: answers that were edited are no answers."""
    plan = planned(UsingReader(), projects=2)
    (tmp_path / ANSWERS_FILE).write_text(json.dumps({"plan": plan.digest}) + f"\n{line}\n")
    with pytest.raises(WrongSetting, match="line 2"):
        read_answers(plan, tmp_path)


def test_progress_is_told_and_each_arm_is_asked_with_the_same_seed(tmp_path: Path) -> None:
    """So that the trials of a pair differ by what was given alone."""
    plan = planned(UsingReader(), projects=2)
    heard: list[tuple[int, int]] = []
    study(plan, UsingReader(), tmp_path).go(lambda done, of: heard.append((done, of)))
    assert heard == [(number + 1, len(plan.trials())) for number in range(len(plan.trials()))]
    seeds: dict[tuple[str, int], set[int]] = {}
    for one in plan.trials():
        seeds.setdefault((one.item, one.instance), set()).add(trial_seed(plan, one))
    assert all(len(found) == 1 for found in seeds.values())
    assert len({seed for found in seeds.values() for seed in found}) == len(seeds)


def test_tasks_are_carried_out_and_refused_as_their_arm_says(tmp_path: Path) -> None:
    """Refused: what the journal warns of is not run, and the next call is the second. Who ignores everything runs into
    the traps elsewhere."""
    plan = planned(IgnoringReader(), items="tasks", arms=ACTION_ARMS, projects=2, instances=1)
    records = run_study(plan, IgnoringReader(), tmp_path)
    by_arm = {arm: [one for one in records if one.arm == arm] for arm in ACTION_ARMS}
    assert all(len(ones) == 4 for ones in by_arm.values())
    assert any(one.failed_path for one in by_arm["misplaced"])
    assert [one.warned for one in by_arm["misplaced"]] == [0, 0, 0, 0]
    for before, refused in zip(by_arm["misplaced"], by_arm["refused"], strict=False):
        assert before.calls <= plan.turns
        assert refused.calls <= plan.turns
    warned = [one for one in by_arm["refused"] if one.warned]
    assert warned
    assert all(one.calls == 2 for one in warned)
    assert all(one.built is not None and one.recovered is not None for one in records)
