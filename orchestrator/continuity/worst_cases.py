"""The worst cases of a study: where did an instance fail that had the handoff, and what should it have known?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.continuity.arms import Arm
from orchestrator.continuity.study_plan import StudyPlan
from orchestrator.continuity.trial import TASK, TrialRecord

MAX_CASES = 10
MAX_EVIDENCE_LINES = 6
"""Lines of the journal that are shown of a case, the newest first."""


@dataclass(frozen=True, kw_only=True)
class FailedCase:
    """One item that went wrong with the handoff. `evidence` are the journal's lines that decide, with their entries."""

    item: str
    instance: int
    asked: str
    chosen: str
    right: str
    with_nothing: str
    with_facts: str
    cites: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class FailedCases:
    """The worst ones, and of how many wrong answers among how many with the handoff."""

    answered: int
    wrong: int
    cases: tuple[FailedCase, ...]
    planned: bool = True
    """Whether the study has the handoff among its arms."""

    @property
    def none(self) -> str:
        """What is said where there is no case."""
        if not self.planned:
            return "No arm of this study had the handoff."
        if not self.answered:
            return "Nothing was answered with the handoff yet."
        return "With the handoff nothing was answered wrongly."


def worst_cases(plan: StudyPlan, records: Sequence[TrialRecord], roof: int = MAX_CASES) -> FailedCases:
    """Where the handoff was there and the answer was wrong, first where nothing at all had been enough, then where the
    bare facts were."""
    right = {(one.item, one.instance, one.arm): one.right for one in records}

    def weight(one: TrialRecord) -> tuple[bool, bool, str, int]:
        bare, facts = (right.get((one.item, one.instance, arm), False) for arm in (Arm.NOTHING, Arm.ORACLE))
        return (not bare, not facts, one.item, one.instance)

    answered = [one for one in records if one.arm == Arm.HANDOFF]
    wrong = sorted((one for one in answered if not one.right), key=weight)
    return FailedCases(
        answered=len(answered),
        wrong=len(wrong),
        cases=tuple(_case(plan, one, right) for one in wrong[:roof]),
        planned=Arm.HANDOFF in plan.arms,
    )


def _case(plan: StudyPlan, one: TrialRecord, right: dict[tuple[str, int, str], bool]) -> FailedCase:
    asked, wanted, cites, words = _truth(plan, one)
    bare, facts = (right.get((one.item, one.instance, arm)) for arm in (Arm.NOTHING, Arm.ORACLE))
    return FailedCase(
        item=one.item,
        instance=one.instance,
        asked=asked,
        chosen=one.answer or "nothing",
        right=wanted,
        with_nothing=_told(bare),
        with_facts=_told(facts),
        cites=cites,
        evidence=tuple(_lines(plan, one.project, cites, words))[:MAX_EVIDENCE_LINES],
    )


def _truth(plan: StudyPlan, record: TrialRecord) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """What was asked, the right answer, the entries that it stands in, and words by which its lines are known."""
    if record.kind == TASK:
        task = plan.tasks[record.item]
        right = task.right
        cites = dict.fromkeys((*task.setting.cites, *task.history.traps.cites))
        answer = f"{right.value} {right.separator} {right.mode}"
        return task.request, answer, tuple(cites), (task.setting.name, "--mode")
    question = plan.questions[record.item]
    thing = record.item.rpartition("/")[2].replace("-", " ")
    asked = question.wordings[record.instance % len(question.wordings)]
    return asked, question.right, tuple(dict.fromkeys(question.cites)), (thing, "--mode" if "mode" in thing else thing)


def _lines(plan: StudyPlan, project: str, cites: Sequence[str], words: Sequence[str]) -> Iterator[tuple[str, str]]:
    history = plan.histories[plan.project_numbers[project]]
    for entry in reversed(history.entries):
        if entry.entry_id not in cites:
            continue
        for _, body in entry.sections:
            for line in body.splitlines():
                if any(word.casefold() in line.casefold() for word in words):
                    yield entry.entry_id, line.removeprefix("- ")


def _told(right: bool | None) -> str:
    return "–" if right is None else "right" if right else "wrong"
