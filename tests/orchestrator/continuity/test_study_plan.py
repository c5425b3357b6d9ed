"""The plan: written before the first answer, the same bytes for the same study, never changed."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.continuity.arms import ACTION_ARMS, Arm
from orchestrator.continuity.statistics.sign_flip import sign_flip_power
from orchestrator.continuity.study_plan import PLAN_FILE, StudyPlan, projects_needed, read_plan, with_power, write_plan
from orchestrator.core.errors import NotFound, WrongSetting
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """The file is the plan: same values, same hash, same trials in the same order."""
    plan = planned(UsingReader())
    write_plan(plan, tmp_path / "new" / "folder")
    read = read_plan(tmp_path / "new" / "folder")
    assert read == plan
    assert read.digest == plan.digest
    assert read.trials() == plan.trials()


def test_a_plan_is_never_written_over(tmp_path: Path) -> None:
    """A study has one plan; the one that is there stays."""
    write_plan(planned(UsingReader()), tmp_path)
    with pytest.raises(WrongSetting, match="never changed"):
        write_plan(planned(UsingReader(), projects=7), tmp_path)
    assert read_plan(tmp_path).projects == 9


def test_whatever_is_changed_is_another_hash() -> None:
    """Each field of it counts."""
    plan = planned(UsingReader())
    changed = [
        replace(plan, **{name: other})
        for name, other in (
            ("seed", 1),
            ("reader", "x"),
            ("projects", 7),
            ("instances", 3),
            ("turns", 9),
            ("budget", 1),
            ("alpha", 0.1),
            ("temperature", 0.0),
            ("max_tokens", 9),
            ("program", "0"),
            ("contexts", {}),
            ("arms", plan.arms[:2]),
            ("hypotheses", plan.hypotheses[:1]),
        )
    ]
    assert len({plan.digest, *(one.digest for one in changed)}) == len(changed) + 1


def test_each_trial_is_made_once_in_an_order_drawn_by_chance() -> None:
    """Every item in every arm that it has, in every instance. A project in an arm is done in one go, which spares a
    model's prompt cache; which comes when is chance, and so is the order within."""
    plan = planned(UsingReader(), items="all", arms=tuple(map(str, Arm)), projects=3)
    trials = plan.trials()
    assert len({one.ident for one in trials}) == len(trials)
    assert len(trials) == 2 * (len(plan.questions) * (len(Arm) - len(ACTION_ARMS)) + len(plan.tasks) * len(Arm))
    assert not [one for one in trials if one.arm in ACTION_ARMS and one.item in plan.questions]
    blocks = [key for key, _ in itertools.groupby((one.project, one.arm) for one in trials)]
    assert len(blocks) == len(set(blocks)) == 3 * len(Arm)
    assert len({arm for _, arm in blocks[:6]}) > 2
    assert len({project for project, _ in blocks[:6]}) > 1
    within = [[one.ident for one in trials if (one.project, one.arm) == block] for block in blocks]
    assert sum(one != sorted(one) for one in within) > len(within) / 2
    assert replace(plan, seed=2).trials() != trials


def test_a_placebo_is_never_the_project_itself() -> None:
    """However few projects there are."""
    plan = planned(UsingReader(), projects=2)
    assert all(plan.placebo(number) is not history for number, history in enumerate(plan.histories))


def test_power_is_worked_out_for_what_is_planned() -> None:
    """At the level at which Holm's correction begins; hypotheses without their arms or items are left out."""
    plan = planned(UsingReader(), projects=10)
    assert [one.name for one in plan.hypotheses] == [
        "a handoff is better than nothing",
        "it is the project's own that helps",
    ]
    size = {"difference": 0.2, "discordance": 0.4, "spread": 0.15, "alpha": 0.025}
    expected = sign_flip_power(10, 7, **size)
    assert plan.power == pytest.approx(dict.fromkeys(plan.power, expected), abs=1e-4)
    assert {plan.pairs(one) for one in plan.hypotheses} == {140}
    tasks = planned(UsingReader(), items="tasks", arms=tuple(map(str, Arm)))
    assert [tasks.pairs(one) for one in tasks.hypotheses] == [36] * 6


def test_more_instances_are_no_more_power() -> None:
    """Copies of an item add pairs and no projects; more projects do."""
    few, many = (planned(UsingReader(), projects=8, instances=number) for number in (1, 20))
    assert few.power == many.power
    assert min(planned(UsingReader(), projects=16, instances=1).power.values()) > min(few.power.values())


def test_the_plan_says_how_many_projects_it_would_take() -> None:
    """So many have the power; a difference of nothing would take no number."""
    plan = planned(UsingReader())
    needed = projects_needed(plan, 0.8)
    assert min(planned(UsingReader(), projects=needed).power.values()) >= 0.8
    with pytest.raises(WrongSetting, match="difference of 0"):
        projects_needed(replace(plan, difference=0.0), 0.8)


def test_sizes_that_cannot_be_are_refused_in_a_line() -> None:
    """A difference above the share of pairs that differ."""
    with pytest.raises(WrongSetting, match="discordance"):
        with_power(StudyPlan(reader="r", made="", seed=1, difference=0.5, discordance=0.2))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"reader": 1}', "nonsense", "[" * 100_000, "NO ARM", "TWICE", "WORD", "OLD", "ITEMS", "GOALS"],
)
def test_what_is_no_plan_is_said_in_a_line(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file."""
    plan = json.loads(planned(UsingReader()).text)
    special = {
        "TWICE": plan | {"arms": ["tail", "tail"]},
        "WORD": plan | {"projects": "9"},
        "NO ARM": plan | {"arms": ["sugar"]},
        "OLD": plan | {"generator": "0"},
        "ITEMS": plan | {"items": "sugar"},
        "GOALS": plan | {"items": "goals", "arms": ["nothing", "handoff"]},
    }
    (tmp_path / PLAN_FILE).write_text(json.dumps(special[text]) if text in special else text)
    with pytest.raises(WrongSetting, match=r"plan|cannot be read|generator"):
        read_plan(tmp_path)


def test_no_plan_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    """With the command."""
    with pytest.raises(NotFound, match="shiftbook continuity plan"):
        read_plan(tmp_path)
