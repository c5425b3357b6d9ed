"""Small studies of scripted readers, as the tests run them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from orchestrator.continuity.arms import Arm
from orchestrator.continuity.given_contexts import with_contexts
from orchestrator.continuity.reader import Reader
from orchestrator.continuity.study_plan import StudyPlan, with_power
from orchestrator.continuity.study_run import StudyRun, read_answers
from orchestrator.continuity.trial import TrialRecord

CORE_ARMS = (Arm.NOTHING.value, Arm.PLACEBO.value, Arm.HANDOFF.value, Arm.ORACLE.value)
ACTION_ARMS = (Arm.MISPLACED.value, Arm.AFTER.value, Arm.REFUSED.value)

_FIXED: dict[str, StudyPlan] = {}
"""Plans with what their arms are given, which takes a while to work out."""


def count(text: str) -> int:
    """Tokens by a rule of thumb."""
    return (len(text) + 3) // 4


def planned(reader: Reader, **given: Any) -> StudyPlan:
    """A plan whose log fits into the budget as a whole."""
    words: dict[str, Any] = {"projects": 9, "items": "questions", "arms": CORE_ARMS, "budget": 2000} | given
    plan = with_power(StudyPlan(reader=reader.name, made="2026-11-30T12:00:00Z", seed=20261130, **words))
    if plan.text not in _FIXED:
        _FIXED[plan.text] = with_contexts(plan, count)
    return _FIXED[plan.text]


def study(plan: StudyPlan, reader: Reader, folder: Path, **given: Any) -> StudyRun:
    """The study in a folder, with a clock that counts."""
    ticks = itertools.count()
    return StudyRun(plan=plan, folder=folder, reader=reader, count=count, clock=lambda: float(next(ticks)), **given)


def run_study(plan: StudyPlan, reader: Reader, folder: Path) -> list[TrialRecord]:
    """All answers of a study."""
    study(plan, reader, folder).go()
    return read_answers(plan, folder)
