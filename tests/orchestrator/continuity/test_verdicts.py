"""The instrument on readers whose way is known: each is reported rightly, and hypotheses hold where they are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.continuity.arm_measures import ArmMeasures, measure_arms, paired
from orchestrator.continuity.reader import Reader
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.verdicts import StudyVerdicts, judge
from tests.orchestrator.continuity.readers import (
    HeedingReader,
    IgnoringReader,
    MisreadingReader,
    TrustingReader,
    UsingReader,
)
from tests.orchestrator.continuity.studies import ACTION_ARMS, planned, run_study

USES, SUPERSEDED, FOREIGN = "uses the facts", "takes what was superseded", "believes what is of another project"
BETTER, OWN = "a handoff is better than nothing", "it is the project's own that helps"


def judged(reader: Reader, folder: Path, **given: object) -> tuple[StudyVerdicts, dict[str, ArmMeasures]]:
    plan = planned(reader, **given)
    records = run_study(plan, reader, folder)
    return judge(plan, records), {one.arm: one for one in measure_arms(records)}


def seen(verdicts: StudyVerdicts) -> set[str]:
    return {one.name for one in verdicts.signs if one.holds(0.05)}


def held(verdicts: StudyVerdicts) -> set[str]:
    return {one.name for one in verdicts.results(0.05)}


def test_one_who_uses_what_is_given_is_told_so(tmp_path: Path) -> None:
    """The facts help, the handoff helps, the placebo is not believed, what is not set is recognised."""
    verdicts, arms = judged(UsingReader(), tmp_path)
    assert seen(verdicts) == {USES}
    assert held(verdicts) == {BETTER, OWN}
    assert verdicts.control is not None
    assert verdicts.control.holds(0.05)
    assert arms["oracle"].questions_right == arms["oracle"].alpha == arms["oracle"].all_right == 1.0
    assert (arms["handoff"].absence, arms["handoff"].superseded, arms["handoff"].harm) == (1.0, 0.0, 0.0)
    assert (arms["nothing"].alpha or 0) < 0.5


def test_one_who_ignores_it_shows_nothing_at_all(tmp_path: Path) -> None:
    """Not one pair differs, nothing holds, and the check of the study says that nothing can be learned."""
    verdicts, arms = judged(IgnoringReader(), tmp_path)
    assert seen(verdicts) == held(verdicts) == set()
    assert verdicts.control is not None
    assert not verdicts.control.holds(0.05)
    assert all(one.counts.only_first == one.counts.only_second == 0 for one in verdicts.hypotheses)
    assert arms["handoff"].harm == 0.0


def test_one_who_misreads_takes_what_was_superseded(tmp_path: Path) -> None:
    """The more it is told of a history, the more often: this is harm, and it is reported as such."""
    verdicts, arms = judged(MisreadingReader(), tmp_path)
    assert SUPERSEDED in seen(verdicts)
    assert FOREIGN not in seen(verdicts)
    assert (arms["handoff"].superseded or 0) > 0.9
    assert (arms["handoff"].harm or 0) > 0.05


def test_one_who_trusts_anything_believes_another_project(tmp_path: Path) -> None:
    """With the placebo it gives that project's values; the handoff alone would have looked well."""
    verdicts, arms = judged(TrustingReader(), tmp_path)
    assert FOREIGN in seen(verdicts)
    assert SUPERSEDED not in seen(verdicts)
    assert BETTER in held(verdicts)
    assert arms["handoff"].absence == 1.0


def test_one_who_heeds_only_what_is_said_at_the_action_is_told_so(tmp_path: Path) -> None:
    """Both ways of warning at the action find the path, the same lines at the start do not."""
    verdicts, arms = judged(HeedingReader(), tmp_path, items="tasks", arms=ACTION_ARMS, projects=10)
    assert held(verdicts) == {
        "a warning with the result is better than at the start",
        "a warning by refusal is better than at the start",
    }
    assert (arms["refused"].repeated, arms["refused"].built) == (0.0, 1.0)
    assert (arms["refused"].path_avoided or 0) < 0.7  # the failed path was tried, whoever held it back
    assert (arms["after"].repeated or 0) > 0.4  # the first failure has happened by then
    assert arms["after"].built == 1.0


def test_a_study_that_is_not_whole_has_no_results(tmp_path: Path) -> None:
    """However clear it looks: one trial that is missing may be the one that was left out on purpose."""
    plan = planned(UsingReader())
    records = run_study(plan, UsingReader(), tmp_path)
    assert held(judge(plan, records))
    part = judge(plan, records[:-1])
    assert not part.whole
    assert held(part) == set()
    nothing = judge(plan, [])
    assert [one.p_value for one in nothing.hypotheses] == [1.0, 1.0]


def test_a_worse_arm_never_holds(tmp_path: Path) -> None:
    """A difference the other way is not what was planned, however sure it is."""
    plan = planned(UsingReader())
    turned = replace(
        plan, hypotheses=tuple(replace(one, first=one.second, second=one.first) for one in plan.hypotheses)
    )
    verdicts = judge(turned, run_study(turned, UsingReader(), tmp_path))
    assert all(one.adjusted < 0.01 for one in verdicts.hypotheses)
    assert held(verdicts) == set()


def record(item: str, arm: str, *, right: bool, project: str = "p") -> TrialRecord:
    return TrialRecord(item=item, project=project, kind="kept", arm=arm, instance=0, right=right, answer="1")


@pytest.mark.parametrize("order", [1, -1])
def test_pairs_are_of_the_same_item_and_instance(order: int) -> None:
    """An item that only one arm has is no pair; the order of the answers does not matter."""
    records: Sequence[TrialRecord] = [
        record("a", "handoff", right=True),
        record("a", "nothing", right=False),
        record("b", "handoff", right=True),
        record("c", "nothing", right=True, project="q"),
        record("c", "handoff", right=False, project="q"),
    ][::order]
    found = paired(records, "handoff", "nothing", lambda one: one.right)
    assert found == {"p": [(True, False)], "q": [(False, True)]}


def test_what_could_not_be_found_costs_the_others_nothing(tmp_path: Path) -> None:
    """A hypothesis that the plan gave no chance is left out of the correction, and never holds."""
    plan = planned(UsingReader())
    records = run_study(plan, UsingReader(), tmp_path)
    alone = replace(plan, power=plan.power | {OWN: 0.0})
    both, one = judge(plan, records).hypotheses, judge(alone, records).hypotheses
    assert one[0].adjusted == one[0].p_value < both[0].adjusted
    assert one[1].adjusted == 1.0
    assert held(judge(alone, records)) == {BETTER}
