"""The table of ablations in docs/continuity.md is what the scripted reader comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.continuity.ablations import ABLATIONS
from tests.architecture.sources import ROOT
from tests.orchestrator.continuity.ablation_table import rows


def test_a_row_for_each_arm_with_what_was_planned(tmp_path: Path) -> None:
    """Two projects are too few for anything to hold."""
    made = list(rows("order", tmp_path, projects=2))
    assert [row.split(" | ")[1] for row in made] == ["nothing", "handoff", "oracle", "reversed"]
    assert made[2].count("1.00") == 3
    assert made[3].endswith("| no |")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ABLATIONS)
def test_the_documents_table_is_what_comes_out(name: str, tmp_path: Path) -> None:
    """Run anew, row by row."""
    told = (ROOT / "docs" / "continuity.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in told if row.startswith(f"| {name} | ") and row.count("|") == 9] == list(rows(name, tmp_path))
