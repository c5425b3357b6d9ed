"""The studies in docs/studies are whole and unchanged since they were run; their reports are what their answers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.continuity.report import render_report
from orchestrator.continuity.study_plan import read_plan
from orchestrator.continuity.study_run import plan_commit, read_answers
from orchestrator.continuity.verdicts import judge
from tests.architecture.sources import ROOT

STUDIES = sorted(path.parent for path in (ROOT / "docs" / "studies").glob("*/report.md"))
TOLD = (ROOT / "docs" / "continuity.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_published_study_is_what_it_was(folder: Path) -> None:
    """Its answers fit its plan and each other, none is missing, and docs/continuity.md names plan and report."""
    plan = read_plan(folder)
    records, report = read_answers(plan, folder), (folder / "report.md").read_text(encoding="utf-8")
    assert judge(plan, records).whole
    title = report.partition("\n")[0].removeprefix("# ")
    assert render_report(plan, records, title, commit=plan_commit(folder)) == report
    assert f"`{plan.digest[:16]}…`" in TOLD
    assert f"(studies/{folder.name}/report.md)" in TOLD


def test_no_study_is_half_published() -> None:
    """A plan without a report is one that nobody ran to its end."""
    assert sorted(path.parent for path in (ROOT / "docs" / "studies").glob("*/plan.json")) == STUDIES
