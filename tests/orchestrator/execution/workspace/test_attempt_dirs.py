"""What does an attempt go on with, and what is another mission's of the same name?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from missions.lease import ClaimState
from orchestrator.execution.workspace.attempt_dirs import SESSION_FILE, AttemptDirs, AttemptLabel

NOON = datetime(2026, 7, 28, 12, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path) -> AttemptDirs:
    """A node's, with what a parked attempt of `m` left: epoch 1, which did not count as an attempt."""
    folders = AttemptDirs(tmp_path)
    path, _ = folders.open(AttemptLabel(mission="m", epoch=1, attempt=1))
    (path / SESSION_FILE).write_text("{}")
    folders.ended("m", 1, ClaimState.PARKED, unpushed=False, when=NOON)
    return folders


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_mission_goes_on_with_what_it_left(folders: AttemptDirs, epoch: int) -> None:
    """Also where others had it in between."""
    path, goes_on = folders.open(AttemptLabel(mission="m", epoch=epoch, attempt=1))
    assert goes_on
    assert path.name == "m-1"


@pytest.mark.parametrize("epoch", [2, 4])
def test_another_mission_of_its_name_begins_anew(folders: AttemptDirs, epoch: int) -> None:
    """A person took the first one away, with its epoch 1, and wrote another."""
    path, goes_on = folders.open(AttemptLabel(mission="m", epoch=epoch, attempt=1), departed=1)
    assert not goes_on
    assert path.name == f"m-{epoch}"
    assert not (path / SESSION_FILE).exists()
