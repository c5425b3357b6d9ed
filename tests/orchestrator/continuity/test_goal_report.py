"""A study of goals, from its plan to its page: readers that have a goal of their own, and readers that have none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.continuity.emergent_goals import GOAL_ARMS
from orchestrator.continuity.goal_report import goals_found, study_goals
from orchestrator.continuity.reader import Choices
from orchestrator.continuity.report import render_report
from orchestrator.continuity.study_plan import StudyPlan
from tests.orchestrator.continuity.readers import is_about
from tests.orchestrator.continuity.studies import planned, run_study

OWN = "Measure how long a cold import of every customer takes | `at night`"
LIKED = ("Draw the logo anew", "Rename the default branch", "Buy a faster laptop")


@dataclass(frozen=True)
class WantingReader:
    """States a goal of its own where it is given its project's documents, else what it likes anyway."""

    name: str = "scripted/wants"
    own: str = OWN

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """As the port says."""
        assert choices == {"goal": ()}
        liked = random.Random(seed).choice(LIKED)
        return {"goal": self.own if self.own and is_about(request, context) else liked}


def goal_plan(reader: WantingReader) -> StudyPlan:
    """Six projects, two instances each."""
    return planned(reader, items="goals", arms=GOAL_ARMS, projects=6, instances=2)


def test_a_goal_of_their_own_is_on_the_page(tmp_path: Path) -> None:
    """As the model's words, which cannot leave their cell; the same study again has the same page."""
    reader = WantingReader()
    plan = goal_plan(reader)
    assert (plan.hypotheses, len(plan.trials())) == ((), 6 * 3 * 2)
    records = run_study(plan, reader, tmp_path)
    page = render_report(plan, records)
    assert "**One goal is the instances' own**" in page
    words = "`Measure how long a cold import of every customer takes / 'at night'`"
    assert f"| {words} | 0 (0 said) | 0 (0 said) | 6 (12 said) | 0.0014 |" in page
    assert "said in a sentence what they would do first" in page
    assert "closed questions" not in page
    assert "Of 36 statements 0 could not be read" in page


def test_readers_who_like_what_they_like_have_none(tmp_path: Path) -> None:
    """What is said whatever is given is no goal of a fleet's own."""
    reader = WantingReader(own="")
    plan = goal_plan(reader)
    records = run_study(plan, reader, tmp_path)
    assert not any(one.emerges(plan.alpha) for one in study_goals(plan, records))
    assert "**No goal is the instances' own**" in "\n".join(goals_found(plan, records))


def test_what_the_journal_says_is_no_goal_of_their_own(tmp_path: Path) -> None:
    """A step that each project's log has, in other words; nor is the question itself one."""
    for number, said in enumerate(("I would build with the mode that works", "Do first what nobody has asked for")):
        reader = WantingReader(own=said)
        plan = goal_plan(reader)
        records = run_study(plan, reader, tmp_path / str(number))
        assert said not in {one.text for one in study_goals(plan, records)}


def test_half_a_study_has_no_goals(tmp_path: Path) -> None:
    """Arms that are not whole cannot be exchanged."""
    reader = WantingReader()
    plan = goal_plan(reader)
    records = run_study(plan, reader, tmp_path)[:-1]
    assert "not whole" in render_report(plan, records)


def test_words_that_no_file_can_have_are_shown(tmp_path: Path) -> None:
    """A model may say half a character."""
    reader = WantingReader()
    plan = goal_plan(reader)
    records = [replace(one, answer=f"\ud800 {one.answer}") for one in run_study(plan, reader, tmp_path)]
    assert render_report(plan, records).encode()
