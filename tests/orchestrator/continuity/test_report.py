"""The report: one page that says what was asked, what came out, how sure, and where it failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.continuity.arms import MEANS, Arm
from orchestrator.continuity.report import render_report
from orchestrator.continuity.study_plan import StudyPlan
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.worst_cases import MAX_CASES
from tests.orchestrator.continuity.readers import IgnoringReader, UsingReader
from tests.orchestrator.continuity.studies import CORE_ARMS, planned, run_study


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyPlan, list[TrialRecord]]:
    """A study of a reader who uses what it is given, on a budget that cuts the log."""
    plan = planned(UsingReader(), budget=450)
    return plan, run_study(plan, UsingReader(), tmp_path_factory.mktemp("study"))


def test_a_page_says_it_all(used: tuple[StudyPlan, list[TrialRecord]]) -> None:
    """Arms in words, the plan's hash, verdicts with both intervals, measures, cost."""
    plan, records = used
    page = render_report(plan, records, "A study")
    assert page.startswith("# A study\n")
    assert plan.digest[:16] in page
    assert all(MEANS[Arm(arm)] in page for arm in CORE_ARMS)
    assert "Of 2 planned hypotheses 2 hold" in page
    assert page.count("**yes**") == 2
    for heading in ("What came out", "What each arm did", "How this reader treats", "Where it failed", "What it cost"):
        assert f"\n## {heading}" in page
    assert "interval over projects is narrower" in page
    assert "closed questions, 2 instances each" in page  # of tasks, which it had none of, it says nothing
    assert "| questions right |" in page
    assert "| tasks right |" not in page
    assert "decided by *p over projects*" in page


def test_every_table_is_whole(used: tuple[StudyPlan, list[TrialRecord]]) -> None:
    """Each row has as many cells as its head: a viewer would drop what is too much."""
    rows = [line for line in render_report(*used).splitlines() if line.startswith("|")]
    marks = [at for at, line in enumerate(rows) if set(line) <= set("|-")]
    for start, end in zip([mark - 1 for mark in marks], [*(mark - 1 for mark in marks[1:]), None], strict=True):
        assert len({line.count("|") for line in rows[start:end]}) == 1
    assert len(marks) == 4


def test_the_worst_cases_come_with_their_evidence(used: tuple[StudyPlan, list[TrialRecord]]) -> None:
    """Ten at most, wrong ones only, with the entries in which the journal says it."""
    plan, records = used
    cases = render_report(plan, records).partition("## Where it failed")[2].partition("\n## ")[0]
    rows = [line for line in cases.splitlines() if line.startswith("| ") and "/" in line]
    wrong = {one.item for one in records if one.arm == "handoff" and not one.right}
    assert 0 < len(rows) <= MAX_CASES
    assert all(line.split("|")[1].strip() in wrong for line in rows)
    assert any(plan.histories[0].entries[0].entry_id[:3] in line or "-" in line.split("|")[-2] for line in rows)


def test_what_is_not_whole_has_no_result(used: tuple[StudyPlan, list[TrialRecord]]) -> None:
    """Neither does a study without an answer; both are told as what they are."""
    plan, records = used
    page = render_report(plan, records[:-3])
    assert "not whole" in page
    assert "**yes**" not in page
    assert "hold:" not in page
    empty = render_report(plan, [])
    assert "0 of" in empty
    assert "Nothing was answered with the handoff yet" in empty
    assert "answered wrongly" not in empty
    right = [replace(one, right=True) for one in records]
    assert "With the handoff nothing was answered wrongly" in render_report(plan, right)


def test_a_study_without_the_handoff_has_no_worst_case(used: tuple[StudyPlan, list[TrialRecord]]) -> None:
    """It says so, and nothing of a sign that needs that arm."""
    plan, records = used
    other = replace(plan, arms=("nothing", "oracle"), hypotheses=())
    page = render_report(other, [one for one in records if one.arm in other.arms])
    assert "No arm of this study had the handoff" in page
    assert "takes what was superseded" not in page
    assert "uses the facts: seen" in page


def test_a_reader_who_uses_nothing_is_not_taken_for_a_verdict_on_handoffs(tmp_path: Path) -> None:
    """The page says that the check of the study failed, and that little power says little."""
    plan = planned(IgnoringReader(), projects=2)
    page = render_report(plan, run_study(plan, IgnoringReader(), tmp_path))
    assert "The check of the study itself failed" in page
    assert "hypotheses 0 hold: none" in page
    assert "says little" in page
